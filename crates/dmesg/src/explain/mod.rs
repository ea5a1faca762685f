//! Points of every candidate, and whether the kernel's rules lead to the process that was chosen.

mod judge;
mod totals;

use crate::report::{LoggedOom, Task};
use crate::rules::{self, Rules};
use oomsim_core::kernel::Profile;
use oomsim_core::kernel::oom::{badness, printed_score, select};
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::Pages;
use serde::Serialize;
use totals::{Total, totals};

pub(crate) use judge::survives;

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
pub enum ChoiceVerdict {
    /// The rules of this kernel release lead to the chosen process.
    Explained,
    /// Rules of other releases do: the distribution has them backported, or the release is unknown.
    OtherRules,
    /// There was no process that may be killed, and the table agrees.
    Nobody,
    /// `vm.panic_on_oom`: the kernel panicked in place of choosing.
    Panic,
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
    pub verdict: ChoiceVerdict,
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

/// Holds a report against the rules.
pub fn explain(report: &LoggedOom, known: Known) -> Explanation {
    let rows: Vec<TaskRow> = report.tasks.iter().map(Task::to_row).collect();
    let chosen = chosen(report);
    let totals = totals(report, known);
    let sets = rules::candidates(report.kernel.as_deref().or_else(|| rules::by_form(report)));
    let mut first: Option<Explanation> = None;
    // The release's own rules with any total come before other rules.
    for (i, rules) in sets.iter().enumerate() {
        for total in &totals {
            let mut trial = Trial { report, rules, total, chosen }.run(&rows);
            let other_root = rules.root_is_admin;
            if trial.verdict == ChoiceVerdict::Explained && report.kernel.is_some() && i > 0 && !(i == 1 && other_root)
            {
                trial.verdict = ChoiceVerdict::OtherRules;
                trial.why = format!(
                    "{} These are the rules of Linux {}, not of {}: distributions take such changes over.",
                    trial.why,
                    rules.name,
                    report.kernel.as_deref().unwrap_or("this release")
                );
            }
            match trial.verdict {
                ChoiceVerdict::NotExplained => {
                    first.get_or_insert(trial);
                }
                _ => return trial,
            }
        }
    }
    // There always is a set of rules and a total.
    let mut first = first.unwrap_or_default();
    if first.verdict == ChoiceVerdict::NotExplained && report.kernel.is_none() {
        first.why.push_str(" The log does not name the kernel: its own rules may be others.");
    }
    first
}

/// The chosen process as the table knows it. Kernels before 4.17 name a thread at times; the kill names its process.
fn chosen(report: &LoggedOom) -> Option<u32> {
    let named = report.victim_pid()?;
    if report.task(named).is_some() {
        return Some(named);
    }
    let killed = report.killed.first().map(|k| k.pid);
    killed.filter(|pid| report.task(*pid).is_some()).or(Some(named))
}

/// One set of rules with one total.
struct Trial<'a> {
    report: &'a LoggedOom,
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
            rules_text: match self.rules.unknown(self.report.kernel.as_deref()) {
                Some(_) => format!("not those of this release, shown for comparison: {}", self.rules.text),
                None => self.rules.text.into(),
            },
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
}
