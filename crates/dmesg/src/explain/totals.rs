//! What points are measured against.

use super::{Known, chosen};
use crate::report::{LoggedOom, OomKind, Task};
use oomsim_core::kernel::oom::{SwapAllowance, memcg_total, printed_score};
use oomsim_core::units::Pages;

/// More than any machine has; keeps hostile numbers from overflowing.
const MOST_PAGES: u64 = 1 << 40;

/// A total with its origin.
pub(super) struct Total {
    pub pages: Option<Pages>,
    pub from: String,
}

impl Total {
    fn unknown(why: &str) -> Total {
        Total { pages: None, from: format!("unknown: {why}") }
    }

    fn known(pages: u64, from: &str) -> Total {
        Total { pages: Some(Pages::new(pages.min(MOST_PAGES))), from: from.to_string() }
    }
}

/// The totals that may have been used, the likeliest first.
pub(super) fn totals(report: &LoggedOom, known: Known) -> Vec<Total> {
    match report.kind {
        OomKind::Cgroup => cgroup(report, known),
        OomKind::Node => node(report, known),
        OomKind::Unknown => vec![Total::unknown("the log does not say what ran out")],
    }
}

/// `constrained_alloc` of mm/oom_kill.c: the RAM of the nodes that policy or cpuset allows, else of all, and swap.
fn node(report: &LoggedOom, known: Known) -> Vec<Total> {
    let Some(info) = report.mem_info.as_ref() else {
        return vec![Total::unknown("the node's memory figures are missing")];
    };
    let swap = info.total_swap_kb.or(known.swap_total_kb).unwrap_or(0) / report.page_size_kb;
    if let Some(nodes) = report.bound_nodes() {
        let list = report.nodemask.as_ref().filter(|_| report.constraint.as_deref() != Some("CONSTRAINT_CPUSET"));
        let list = list.or(report.mems_allowed.as_ref()).map_or("", String::as_str);
        return vec![match bound(report, &nodes) {
            Some(pages) => {
                let from = format!("the memory of NUMA node {list} and swap: present pages of its zones + total swap");
                Total::known(pages.saturating_add(swap), &from)
            }
            None => Total::unknown(&format!("the zones of NUMA node {list} are missing")),
        }];
    }
    let whole = info.ram_pages.zip(info.reserved_pages).and_then(|(ram, reserved)| ram.checked_sub(reserved));
    let mut all = vec![match whole {
        Some(ram) => {
            let from = "the node's memory and swap: pages RAM − pages reserved + total swap";
            Total::known(ram.saturating_add(swap), from)
        }
        None => Total::unknown("the node's memory figures are missing"),
    }];
    // Kernels before 5.0 do not print the constraint.
    let invoker = report.invoker.as_ref().and_then(|i| i.nodemask.as_deref());
    let lists = [(invoker, "nodemask"), (report.mems_allowed.as_deref(), "mems_allowed")];
    for (list, name) in lists.into_iter().filter(|_| report.constraint.is_none()) {
        let nodes = list.and_then(crate::report::nodes);
        if let Some(pages) = nodes.filter(|n| n.len() < node_count(report)).and_then(|n| bound(report, &n)) {
            let from = format!("the memory of NUMA node {} ({name}) and swap", list.unwrap_or(""));
            all.push(Total::known(pages.saturating_add(swap), &from));
        }
    }
    all
}

fn node_count(report: &LoggedOom) -> usize {
    let zones = report.mem_info.iter().flat_map(|i| &i.zones);
    zones.map(|z| z.node).collect::<std::collections::BTreeSet<_>>().len()
}

/// `node_present_pages` of these nodes; `None` when one has no zone in the log.
fn bound(report: &LoggedOom, nodes: &[u32]) -> Option<u64> {
    let zones = &report.mem_info.as_ref()?.zones;
    let mut kb = 0u64;
    for node in nodes {
        let mut present = zones.iter().filter(|z| z.node == *node).filter_map(|z| z.get("present")).peekable();
        present.peek()?;
        kb = present.fold(kb, u64::saturating_add);
    }
    Some(kb / report.page_size_kb)
}

/// `mem_cgroup_get_max`: the limit and the swap that the cgroup may use.
fn cgroup(report: &LoggedOom, known: Known) -> Vec<Total> {
    let Some(memory) = report.memory.filter(|m| !m.unlimited()) else {
        return vec![Total::unknown("the line with the cgroup's limit is missing")];
    };
    let pages = |kb: u64| Pages::new((kb / report.page_size_kb).min(MOST_PAGES));
    let limit = pages(memory.limit_kb);
    let allowance = match (report.swap, report.memory_swap) {
        (Some(swap), _) => SwapAllowance::SwapMax(pages(swap.limit_kb)),
        (None, Some(both)) => SwapAllowance::Memsw { limit: pages(both.limit_kb), swappiness: 60 },
        (None, None) => SwapAllowance::SwapMax(Pages::ZERO),
    };
    let total = |swap_kb: u64| memcg_total(limit, allowance, pages(swap_kb)).get();
    let with = |swap_kb: u64, from: &str| Total::known(total(swap_kb), from);
    if total(u64::MAX) == limit.get() {
        return vec![with(0, "the cgroup's limit")];
    }
    if let Some(kb) = known.swap_total_kb {
        let mut all = vec![with(kb, "the cgroup's limit and the swap it may use")];
        // On v1 memory.swappiness = 0 leaves the limit alone, and no report shows it.
        if report.memory_swap.is_some() {
            all.push(with(0, "the cgroup's limit alone, as with memory.swappiness = 0"));
        }
        return all;
    }
    // How much swap the machine has is not in the report; it has what its tasks use.
    let used = report.tasks.iter().fold(0u64, |s, t| s.saturating_add(t.swapents));
    let none = with(0, "the cgroup's limit");
    let guesses = [1u64, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().filter(|gib| gib << 20 >= report.kb(used));
    let some = guesses.map(|gib| {
        let from = format!("the cgroup's limit and swap, taken to be {gib} GiB: the report does not tell");
        with(gib << 20, &from)
    });
    let score = by_score(report, limit.get(), used);
    if uses_swap(report) {
        score.into_iter().chain(some).chain([none]).collect()
    } else {
        std::iter::once(none).chain(score).chain(some).collect()
    }
}

fn uses_swap(report: &LoggedOom) -> bool {
    report.tasks.iter().any(|t| t.swapents > 0)
        || report.swap.is_some_and(|c| c.usage_kb > 0)
        || report.memory_swap.zip(report.memory).is_some_and(|(both, memory)| both.usage_kb > memory.usage_kb)
}

/// The total that gives the score which the kernel printed: score = points × 1000 ÷ total.
fn by_score(report: &LoggedOom, limit: u64, used: u64) -> Option<Total> {
    let score = i64::try_from(report.chosen.as_ref()?.score?).ok()?;
    let task: &Task = report.task(chosen(report)?)?;
    let adj = i64::from(task.oom_score_adj);
    let own = task.rss.saturating_add(task.swapents).saturating_add(task.pgtables_pages);
    let own = i64::try_from(own.min(MOST_PAGES)).ok()?;
    let share = score.checked_sub(adj).filter(|s| *s > 0)?;
    let (least, most) = (own * 1000 / (share + 1) + 1, own * 1000 / share);
    let least = least.max(i64::try_from(limit.saturating_add(used)).ok()?);
    let gives = |total: i64| {
        let pages = Pages::new(total.unsigned_abs());
        printed_score(own + adj * (total / 1000), pages) == score
    };
    let total = [i64::midpoint(least, most), most, least].into_iter().find(|t| *t >= least && *t > 0 && gives(*t))?;
    let from = format!(
        "about this many by the score that the kernel printed ({score}): the cgroup's limit and swap, which the report does not tell"
    );
    Some(Total::known(total.unsigned_abs(), &from))
}
