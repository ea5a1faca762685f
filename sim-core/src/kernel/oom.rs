//! The OOM killer's choice as pure functions over task tables (mm/oom_kill.c). The engine and the conformance runs use
//! the same ones.

use super::profile::{BadnessFloor, Profile, TieRule};
use crate::node_api::TaskRow;
use crate::units::{Pages, Pid};

/// `oom_score_adj` of a task that is never killed.
pub const OOM_SCORE_ADJ_MIN: i16 = -1000;

/// What badness points are the sum of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Resident pages.
    pub rss: Pages,
    /// Swapped-out pages.
    pub swapents: Pages,
    /// Whole pages of page tables.
    pub page_tables: Pages,
    /// What CAP_SYS_ADMIN takes off, where the profile has it.
    pub root_bonus: i64,
    /// `oom_score_adj` × (total / 1000), where the division comes first.
    pub adj: i64,
    /// The sum of all of these.
    pub sum: i64,
    /// The points: the sum, or 1 where the profile does not go below.
    pub points: i64,
}

/// The terms of a task's badness (mm/oom_kill.c oom_badness); `None` for a task that cannot be killed.
#[inline]
pub fn terms(profile: &Profile, task: &TaskRow, cap_sys_admin: bool, total: Pages) -> Option<Terms> {
    if task.oom_score_adj == OOM_SCORE_ADJ_MIN {
        return None;
    }
    let (rss, page_tables) = (task.rss(), task.pgtables.to_pages_floor());
    let used = rss + task.swapents + page_tables;
    let used = i64::try_from(used.get()).unwrap_or(i64::MAX / 2);
    let root_bonus = if profile.root_bonus && cap_sys_admin { used.saturating_mul(3) / 100 } else { 0 };
    let thousandth = i64::try_from(total.get() / 1000).unwrap_or(i64::MAX / 2000);
    let adj = i64::from(task.oom_score_adj).saturating_mul(thousandth);
    let sum = (used - root_bonus).saturating_add(adj);
    let points = match profile.badness_floor {
        BadnessFloor::One => sum.max(1),
        BadnessFloor::Signed => sum,
    };
    Some(Terms { rss, swapents: task.swapents, page_tables, root_bonus, adj, sum, points })
}

/// Badness points, the sum of [`terms`]; `None` for a task that cannot be killed.
#[inline]
pub fn badness(profile: &Profile, task: &TaskRow, cap_sys_admin: bool, total: Pages) -> Option<i64> {
    terms(profile, task, cap_sys_admin, total).map(|terms| terms.points)
}

/// `/proc/PID/oom_score`, measured against RAM plus swap (fs/proc/base.c proc_oom_score).
pub fn oom_score(profile: &Profile, points: Option<i64>, total: Pages) -> i64 {
    let total = i64::try_from(total.get().max(1)).unwrap_or(i64::MAX);
    let scaled = |p: i64| i64::try_from(i128::from(p) * 1000 / i128::from(total)).unwrap_or(i64::MAX / 4);
    match points {
        None => 0,
        Some(points) if profile.oom_score_signed => (1000 + scaled(points)) * 2 / 3,
        Some(points) => scaled(points),
    }
}

/// The `score` of kernels that print `Kill process PID (NAME) score S or sacrifice child`.
pub fn printed_score(points: i64, total: Pages) -> i64 {
    let total = i64::try_from(total.get().max(1)).unwrap_or(i64::MAX);
    i64::try_from(i128::from(points) * 1000 / i128::from(total)).unwrap_or(i64::MAX)
}

/// Index of the chosen task among `tasks` in scan order, by their `points`; `None`: no task can be killed.
pub fn select(profile: &Profile, tasks: &[TaskRow]) -> Option<usize> {
    let mut chosen: Option<(usize, i64)> = None;
    for (index, task) in tasks.iter().enumerate() {
        let Some(points) = task.points else { continue };
        let better = chosen.is_none_or(|(_, best)| match profile.tie {
            TieRule::LastScanned => points >= best,
            TieRule::FirstScanned => points > best,
        });
        if better {
            chosen = Some((index, points));
        }
    }
    chosen.map(|(index, _)| index)
}

/// The child that dies in place of `parent`, where the profile sacrifices children: the one with the most points, even
/// if the parent has more (mm/oom_kill.c oom_kill_process of 4.15 starts from zero points, not from the parent's).
pub fn sacrificed_child(tasks: &[TaskRow], parent: Pid, parent_of: impl Fn(Pid) -> Option<Pid>) -> Option<usize> {
    let mut chosen: Option<(usize, i64)> = None;
    for (index, task) in tasks.iter().enumerate() {
        let Some(points) = task.points else { continue };
        if parent_of(task.pid) == Some(parent) && points > chosen.map_or(0, |(_, best)| best) {
            chosen = Some((index, points));
        }
    }
    chosen.map(|(index, _)| index)
}

/// What the swap limits of a cgroup add to its memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapAllowance {
    /// v2: `memory.swap.max`.
    SwapMax(Pages),
    /// v1: `memory.memsw.limit_in_bytes`, with `memory.swappiness`.
    Memsw {
        /// Memory and swap together.
        limit: Pages,
        /// 0 forbids swap.
        swappiness: u8,
    },
}

/// Pages that points are measured against when a cgroup's limit was hit: the limit, plus the swap it may use
/// (mm/memcontrol.c mem_cgroup_get_max); at least 1.
pub fn memcg_total(limit: Pages, allowance: SwapAllowance, swap_total: Pages) -> Pages {
    let swap = match allowance {
        SwapAllowance::SwapMax(max) => max.min(swap_total),
        SwapAllowance::Memsw { swappiness: 0, .. } => Pages::ZERO,
        SwapAllowance::Memsw { limit: memsw, .. } => memsw.saturating_sub(limit).min(swap_total),
    };
    (limit + swap).max(Pages::new(1))
}

/// The cgroup that dies as a whole with a victim: the topmost with `memory.oom.group` on the way from the victim's
/// cgroup up to the one whose limit was hit (or the root's children), both ends included.
///
/// `path` runs from the victim's cgroup upwards and says of each whether it is flagged; it ends with the cgroup whose
/// limit was hit, or below the root for a node OOM.
pub fn oom_group<T>(path: impl Iterator<Item = (T, bool)>) -> Option<T> {
    path.filter(|(_, flagged)| *flagged).map(|(group, _)| group).last()
}
