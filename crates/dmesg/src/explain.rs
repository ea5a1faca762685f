//! Points of every candidate, and whether the kernel's rules lead to the process that was chosen.

use crate::model::row;
use crate::report::{Kind, Report};
use crate::rules::{self, Rules};
use oomsim_core::kernel::oom::{SwapAllowance, badness, memcg_total, printed_score, select};
use oomsim_core::kernel::{BadnessFloor, Profile};
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::Pages;
use serde::Serialize;

/// A task of the table and how its points came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
    /// Resident pages.
    pub rss: u64,
    /// Swapped-out pages.
    pub swapents: u64,
    /// Pages of page tables.
    pub pgtables_pages: u64,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Pages that the adjustment adds: `oom_score_adj` × (total / 1000), whole thousands.
    pub adj_points: i64,
    /// Points by the rules used; `None`: cannot be killed.
    pub points: Option<i64>,
    /// True for the chosen process.
    pub chosen: bool,
    /// True when it was killed, alone or with its group.
    pub killed: bool,
}

/// Do the rules explain the choice?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rules of this kernel release lead to the chosen process.
    Explained,
    /// Rules of other releases do: the distribution has them backported, or the release is unknown.
    OtherRules,
    /// There was nobody to kill, and the table agrees.
    Nobody,
    /// `vm.oom_kill_allocating_task`: the process that asked for memory was killed, without a comparison.
    AllocatingTask,
    /// No known rules lead to the chosen process.
    NotExplained,
    /// Too little of the report is there.
    #[default]
    CannotTell,
}

/// What came of holding a report against the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The outcome.
    pub verdict: Verdict,
    /// The outcome in a sentence or two.
    pub why: String,
    /// Pages that points are measured against.
    pub total_pages: Option<u64>,
    /// Where that number comes from.
    pub total_from: String,
    /// Rules whose points are shown.
    pub rules: String,
    /// Those rules in words.
    pub rules_text: String,
    /// Process that the rules would choose.
    pub expected_pid: Option<u32>,
    /// Score printed by the kernel (to 5.0) and the one computed.
    pub score: Option<(u64, i64)>,
    /// All tasks of the table in its order.
    pub candidates: Vec<Candidate>,
}

/// What is known from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Swap of the machine in kB; reports about a cgroup do not tell it.
    pub swap_total_kb: Option<u64>,
}

/// A total with its origin.
struct Total {
    pages: Option<Pages>,
    from: String,
}

/// Holds a report against the rules.
pub fn explain(report: &Report, known: Known) -> Explanation {
    let rows: Vec<TaskRow> = report.tasks.iter().map(row).collect();
    let chosen = chosen(report);
    let totals = totals(report, known);
    let sets = rules::candidates(report.kernel.as_deref());
    let mut first: Option<Explanation> = None;
    // The release's own rules with any total come before other rules.
    for (i, rules) in sets.iter().enumerate() {
        for total in &totals {
            let mut trial = Trial { report, rules, total, chosen }.run(&rows);
            let other_root = rules.root_is_admin;
            if trial.verdict == Verdict::Explained && report.kernel.is_some() && i > 0 && !(i == 1 && other_root) {
                trial.verdict = Verdict::OtherRules;
                trial.why = format!(
                    "{} These are the rules of Linux {}, not of {}: distributions take such changes over.",
                    trial.why,
                    rules.name,
                    report.kernel.as_deref().unwrap_or("this release")
                );
            }
            match trial.verdict {
                Verdict::NotExplained => {
                    first.get_or_insert(trial);
                }
                _ => return trial,
            }
        }
    }
    // There always is a set of rules and a total.
    first.unwrap_or_default()
}

/// The chosen process as the table knows it. Kernels before 4.17 name a thread at times; the kill names its process.
fn chosen(report: &Report) -> Option<u32> {
    let named = report.victim_pid()?;
    if report.task(named).is_some() {
        return Some(named);
    }
    let killed = report.killed.first().map(|k| k.pid);
    killed.filter(|pid| report.task(*pid).is_some()).or(Some(named))
}

fn uses_swap(report: &Report) -> bool {
    report.tasks.iter().any(|t| t.swapents > 0)
        || report.swap.is_some_and(|c| c.usage_kb > 0)
        || report.memory_swap.zip(report.memory).is_some_and(|(both, memory)| both.usage_kb > memory.usage_kb)
}

/// The totals that may have been used, the likeliest first.
fn totals(report: &Report, known: Known) -> Vec<Total> {
    match report.kind {
        Kind::Cgroup => cgroup_totals(report, known),
        Kind::Node => node_totals(report),
        Kind::Unknown => vec![Total { pages: None, from: "unknown: the log does not say what ran out".into() }],
    }
}

fn node_totals(report: &Report) -> Vec<Total> {
    let info = report.mem_info.as_ref();
    let pages = info.and_then(|i| {
        let ram = i.ram_pages?.checked_sub(i.reserved_pages?)?;
        ram.checked_add(i.total_swap_kb.unwrap_or(0) / 4)
    });
    let from = match pages {
        Some(_) => "the node's memory and swap: pages RAM − pages reserved + total swap".to_string(),
        None => "unknown: the node's memory figures are missing".to_string(),
    };
    vec![Total { pages: pages.map(|p| Pages::new(p.min(1 << 40))), from }]
}

fn cgroup_totals(report: &Report, known: Known) -> Vec<Total> {
    let Some(memory) = report.memory.filter(|m| !m.unlimited()) else {
        return vec![Total { pages: None, from: "unknown: the line with the cgroup's limit is missing".into() }];
    };
    let pages = |kb: u64| Pages::new((kb / 4).min(1 << 40));
    let limit = pages(memory.limit_kb);
    let allowance = match (report.swap, report.memory_swap) {
        (Some(swap), _) => SwapAllowance::SwapMax(pages(swap.limit_kb)),
        (None, Some(both)) => SwapAllowance::Memsw { limit: pages(both.limit_kb), swappiness: 60 },
        (None, None) => SwapAllowance::SwapMax(Pages::ZERO),
    };
    let total = |swap_kb: u64| memcg_total(limit, allowance, pages(swap_kb));
    let with = |swap_kb: u64, note: &str| Total { pages: Some(total(swap_kb)), from: note.to_string() };
    if total(u64::MAX) == limit {
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
    // How much swap the machine has is not in the report.
    let none = with(0, "the cgroup's limit");
    let some = [1u64, 2, 4, 8, 16, 32, 64].map(|gib| {
        let note = format!("the cgroup's limit and swap, taken to be {gib} GiB: the report does not tell");
        with(gib << 20, &note)
    });
    if uses_swap(report) {
        some.into_iter().chain([none]).collect()
    } else {
        std::iter::once(none).chain(some).collect()
    }
}

/// One set of rules with one total.
struct Trial<'a> {
    report: &'a Report,
    rules: &'a Rules,
    total: &'a Total,
    chosen: Option<u32>,
}

impl Trial<'_> {
    fn run(&self, rows: &[TaskRow]) -> Explanation {
        let profile = &self.rules.profile;
        // Without a total the adjustment counts nothing; that decides nothing when all tasks have the same.
        let total = self.total.pages.unwrap_or(Pages::ZERO);
        let thousandth = i64::try_from(total.get() / 1000).unwrap_or(i64::MAX);
        let mut rows = rows.to_vec();
        for row in &mut rows {
            row.points = self.points(profile, row, total);
        }
        let expected = select(profile, &rows).map(|i| rows[i].pid.0);
        let candidates: Vec<Candidate> = rows
            .iter()
            .map(|r| Candidate {
                pid: r.pid.0,
                comm: r.comm.to_string(),
                rss: r.rss().get(),
                swapents: r.swapents.get(),
                pgtables_pages: r.pgtables.to_pages_floor().get(),
                oom_score_adj: i32::from(r.oom_score_adj),
                adj_points: i64::from(r.oom_score_adj).saturating_mul(thousandth),
                points: r.points,
                chosen: self.chosen == Some(r.pid.0),
                killed: self.report.killed.iter().any(|k| k.pid == r.pid.0),
            })
            .collect();
        let printed = self.report.chosen.as_ref().and_then(|c| c.score);
        let points = |pid: u32| rows.iter().find(|r| r.pid.0 == pid).and_then(|r| r.points);
        let score = match (printed, self.chosen.and_then(points), self.total.pages) {
            (Some(printed), Some(points), Some(total)) => Some((printed, printed_score(points, total))),
            _ => None,
        };
        let (verdict, why) = self.judge(&rows, expected, score);
        Explanation {
            verdict,
            why,
            total_pages: self.total.pages.map(Pages::get),
            total_from: self.total.from.clone(),
            rules: self.rules.name.clone(),
            rules_text: self.rules.text.into(),
            expected_pid: expected,
            score,
            candidates,
        }
    }

    fn points(&self, profile: &Profile, row: &TaskRow, total: Pages) -> Option<i64> {
        // The first process of the machine is never a candidate.
        if row.pid.0 == 1 {
            return None;
        }
        badness(profile, row, self.rules.root_is_admin && row.uid == 0, total)
    }

    /// True when the adjustments cannot change the order.
    fn same_adjustment(&self, rows: &[TaskRow]) -> bool {
        let mut adj = rows.iter().filter(|r| r.points.is_some()).map(|r| r.oom_score_adj);
        let first = adj.next();
        adj.all(|a| Some(a) == first)
    }

    fn judge(&self, rows: &[TaskRow], expected: Option<u32>, score: Option<(u64, i64)>) -> (Verdict, String) {
        let report = self.report;
        let Some(chosen) = self.chosen else {
            return self.nobody(rows, expected);
        };
        if report.oom_kill_allocating_task {
            let text = "vm.oom_kill_allocating_task is on: the process that asked for memory was killed, without comparing points.";
            return (Verdict::AllocatingTask, text.into());
        }
        if rows.is_empty() {
            return (Verdict::CannotTell, "The table of tasks is missing, so the choice cannot be checked.".into());
        }
        let Some(row) = rows.iter().find(|r| r.pid.0 == chosen) else {
            let text = format!(
                "The chosen process {chosen} is not in the table (its row is lost, or it is a thread): the choice cannot be checked."
            );
            return (Verdict::CannotTell, text);
        };
        if self.total.pages.is_none() && !self.same_adjustment(rows) {
            let text =
                format!("The choice cannot be checked: what points are measured against is {}.", self.total.from);
            return (Verdict::CannotTell, text);
        }
        if let Some((printed, computed)) = score
            && i64::try_from(printed) != Ok(computed)
        {
            let text = format!(
                "The kernel printed score {printed}, these rules give {computed}: the rules or the table are not the whole story."
            );
            return (Verdict::NotExplained, text);
        }
        if expected == Some(chosen) {
            return (Verdict::Explained, self.because(rows, row));
        }
        let would = expected.and_then(|pid| rows.iter().find(|r| r.pid.0 == pid));
        let text = match would {
            Some(w) => format!(
                "No known rules lead to {} (pid {chosen}, {}): by those of Linux {} {} (pid {}, {}) would have died. The table may lack rows, or the process was already dying.",
                row.comm,
                told(row.points),
                self.rules.name,
                w.comm,
                w.pid,
                told(w.points),
            ),
            None => format!("By the rules nobody could be killed, yet {} (pid {chosen}) was.", row.comm),
        };
        (Verdict::NotExplained, text)
    }

    fn nobody(&self, rows: &[TaskRow], expected: Option<u32>) -> (Verdict, String) {
        if !self.report.no_killable {
            return (Verdict::CannotTell, "The log ends before the kill: who was chosen is not known.".into());
        }
        match expected.and_then(|pid| rows.iter().find(|r| r.pid.0 == pid)) {
            None => {
                (Verdict::Nobody, "Every process is protected with oom_score_adj −1000: nobody could be killed.".into())
            }
            Some(w) => (
                Verdict::NotExplained,
                format!(
                    "The kernel found nobody to kill, although {} (pid {}) is not protected; it may have been dying already.",
                    w.comm, w.pid
                ),
            ),
        }
    }

    /// Why the rules lead to this task.
    fn because(&self, rows: &[TaskRow], row: &TaskRow) -> String {
        let points = row.points.unwrap_or(0);
        let equals = rows.iter().filter(|r| r.points == row.points).count();
        let next =
            rows.iter().filter(|r| r.pid != row.pid && r.points.is_some_and(|p| p < points)).max_by_key(|r| r.points);
        let mut text = if equals > 1 && self.rules.floor() && points == 1 {
            format!(
                "{equals} tasks have points below 1, which this kernel counts as 1, so size does not matter; among equals it takes the {} of the table: {} (pid {}).",
                if self.rules.last_of_equals() { "last" } else { "first" },
                row.comm,
                row.pid
            )
        } else if equals > 1 {
            format!(
                "{equals} tasks have {points} points each; among equals this kernel takes the {} of the table: {} (pid {}).",
                if self.rules.last_of_equals() { "last" } else { "first" },
                row.comm,
                row.pid
            )
        } else {
            format!("{} (pid {}) has the most points: {points}.", row.comm, row.pid)
        };
        if equals > 1 && self.rules.floor() && points == 1 {
            self.without_floor(&mut text, rows, row);
        }
        if let Some(next) = next
            && equals == 1
        {
            text.push_str(&format!(" The next is {} (pid {}) with {}.", next.comm, next.pid, next.points.unwrap_or(0)));
        }
        let larger = rows
            .iter()
            .filter(|r| r.points.is_some() && r.pid != row.pid && r.oom_score_adj < row.oom_score_adj)
            .max_by_key(|r| r.rss());
        if let Some(big) = larger
            && big.rss() > row.rss()
        {
            let what =
                if profile_floor(&self.rules.profile) && equals > 1 { "protects" } else { "outweighs the size of" };
            text.push_str(&format!(
                " {} (pid {}) is larger, but its oom_score_adj of {} against {} {what} it.",
                big.comm, big.pid, big.oom_score_adj, row.oom_score_adj
            ));
        }
        self.killed_instead(&mut text, row);
        text
    }

    /// What signed points would have led to.
    fn without_floor(&self, text: &mut String, rows: &[TaskRow], row: &TaskRow) {
        let profile = Profile { badness_floor: BadnessFloor::Signed, ..self.rules.profile.clone() };
        let mut signed = rows.to_vec();
        for r in &mut signed {
            r.points = self.points(&profile, r, self.total.pages.unwrap_or(Pages::ZERO));
        }
        let other = select(&profile, &signed).map(|i| &signed[i]).filter(|o| o.pid != row.pid);
        if let Some(other) = other {
            text.push_str(&format!(" From Linux 5.9 on {} (pid {}) would have died.", other.comm, other.pid));
        }
    }

    /// Before 5.1 a child could die in place of the chosen task.
    fn killed_instead(&self, text: &mut String, row: &TaskRow) {
        let Some(first) = self.report.killed.first() else { return };
        if first.pid == row.pid.0 || self.report.chosen.as_ref().is_none_or(|c| c.score.is_none()) {
            return;
        }
        if self.rules.profile.sacrifice_child {
            text.push_str(&format!(
                " In its place this kernel killed a child of it, {} (pid {}).",
                first.comm, first.pid
            ));
        } else {
            text.push_str(&format!(" Killed was {} (pid {}), probably a child of it.", first.comm, first.pid));
        }
    }
}

fn profile_floor(profile: &Profile) -> bool {
    profile.badness_floor == BadnessFloor::One
}

fn told(points: Option<i64>) -> String {
    match points {
        Some(p) => format!("{p} points"),
        None => "protected".into(),
    }
}
