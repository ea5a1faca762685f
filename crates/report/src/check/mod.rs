//! Results of `oomsim check`: scenarios and their expectations, as text, JSON, annotations, Markdown and TAP.

mod annotations;
mod json;
mod markdown;
mod tap;
mod text;

pub use annotations::github;
pub use json::json_text;
pub use markdown::markdown;
pub use tap::tap;
pub use text::text;

use crate::outcome::Difference;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_planning::stats::{Z95, wilson};
use oomsim_scenario::Diagnostic;
use std::time::Duration;

/// What is to blame when a scenario could not be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The scenario's file.
    Input,
    /// The program or the machine.
    Program,
}

/// Result of checking a scenario.
#[derive(Clone, Debug)]
pub enum CheckOutcome {
    /// It ran.
    Ran(Box<CheckedRuns>),
    /// It could not be run.
    Invalid {
        /// What is to blame.
        fault: Fault,
        /// Why, as text for the user.
        message: String,
    },
    /// Another one failed before, with `--fail-fast`.
    Skipped,
}

/// The runs of a scenario.
#[derive(Clone, Debug)]
pub struct CheckedRuns {
    /// How its expectations fared.
    pub expectations: Vec<CheckedExpectation>,
    /// The first seed.
    pub seed: u64,
    /// How many seeds follow each other from there.
    pub seeds: u64,
    /// Digest of the run; with several seeds, of all of them in their order.
    pub digest: String,
    /// The command that repeats the run, or the first one on which an expectation that failed does not hold.
    pub reproduce: String,
    /// How the outcome compares with the one that was accepted.
    pub outcome: AcceptedOutcome,
    /// Where the files of a failed run are.
    pub artifacts: Option<String>,
}

/// How an outcome compares with the one in the scenario's `.outcome` file.
#[derive(Clone, Debug)]
pub enum AcceptedOutcome {
    /// There is no such file.
    None,
    /// It is the same.
    Same,
    /// It was written now.
    Written {
        /// The file.
        file: String,
    },
    /// It differs.
    Changed(Box<ChangedOutcome>),
}

/// An outcome that is not the accepted one.
#[derive(Clone, Debug)]
pub struct ChangedOutcome {
    /// The file of the accepted one.
    pub file: String,
    /// In what it differs.
    pub difference: Difference,
    /// The command that repeats the run whose outcome it is.
    pub reproduce: String,
    /// The command that accepts it; none for a run that is not that of the file as it is.
    pub accept: Option<String>,
}

/// An expectation over all seeds.
#[derive(Clone, Debug)]
pub struct CheckedExpectation {
    /// Whether it holds on enough of them; what was found is that of the first seed on which it does not hold, or else
    /// of the first.
    pub result: ExpectationResult,
    /// On how many seeds it holds.
    pub holding: u64,
    /// Of how many.
    pub of: u64,
    /// The first seed on which it does not hold.
    pub failing_seed: Option<u64>,
    /// The command that repeats the run on that seed, or on the first.
    pub reproduce: String,
}

impl ChangedOutcome {
    /// The lines that differ, and what to do.
    pub(crate) fn sentences(&self) -> String {
        let lines: Vec<_> = self.difference.lines().collect();
        let accept = self.accept.as_ref().map_or_else(String::new, |accept| format!("\naccept the change: {accept}"));
        format!("{}\nreproduce: {}{accept}", lines.join("\n"), self.reproduce)
    }
}

impl CheckedExpectation {
    /// `on 31 of 40 seeds (62–88 %)` with Wilson's 95 % interval; nothing for one seed.
    pub fn share(&self) -> Option<String> {
        let interval = wilson(self.holding, self.of, Z95);
        let percent = |share: f64| (share * 100.0).round();
        let (low, high) = (percent(interval.low), percent(interval.high));
        (self.of > 1).then(|| format!("on {} of {} seeds ({low}–{high} %)", self.holding, self.of))
    }

    /// What was found, with the share and the seed that it was found on.
    pub fn found(&self) -> String {
        let found = &self.result.found;
        match (self.share(), self.failing_seed) {
            (None, _) => found.clone(),
            (Some(share), Some(seed)) => {
                format!("{share}, required: {}; seed {seed}: {found}", self.result.required)
            }
            (Some(share), None) => format!("{share}; {found}"),
        }
    }
}

/// A scenario and its result.
#[derive(Clone, Debug)]
pub struct CheckedScenario {
    /// The file.
    pub file: String,
    /// Its result.
    pub outcome: CheckOutcome,
    /// Problems of its file, with their places.
    pub problems: Vec<Diagnostic>,
    /// How long it took.
    pub took: Duration,
}

impl CheckedScenario {
    /// Its runs, if it ran.
    pub fn runs(&self) -> Option<&CheckedRuns> {
        match &self.outcome {
            CheckOutcome::Ran(runs) => Some(runs),
            CheckOutcome::Invalid { .. } | CheckOutcome::Skipped => None,
        }
    }

    /// Whether it ran, all expectations hold, and the outcome is the accepted one.
    pub fn holds(&self) -> bool {
        self.runs().is_some_and(CheckedRuns::holds)
    }

    /// Whether it ran and does not hold, or could not be run.
    pub fn fails(&self) -> bool {
        !self.holds() && !matches!(self.outcome, CheckOutcome::Skipped)
    }

    /// The warnings about its file, one line each: `kubelet.yaml:3: what is wrong, how to fix it`.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|problem| {
            let place = problem.at.as_ref().map_or_else(String::new, |at| format!("{}: ", at.file_line()));
            let sentences: Vec<_> = problem.sentences().collect();
            format!("{place}{}", sentences.join("; "))
        })
    }
}

impl CheckedRuns {
    /// Whether all expectations hold and the outcome is the accepted one.
    pub fn holds(&self) -> bool {
        self.failed().next().is_none() && self.changed().is_none()
    }

    /// The expectations that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = &CheckedExpectation> {
        self.expectations.iter().filter(|checked| !checked.result.holds)
    }

    /// The commands that repeat the runs on which something does not hold, each once.
    pub(crate) fn commands(&self) -> Vec<&str> {
        let mut commands: Vec<&str> = self.failed().map(|failed| &*failed.reproduce).collect();
        commands.extend(self.changed().map(|changed| &*changed.reproduce));
        let mut seen = std::collections::BTreeSet::new();
        commands.retain(|command| seen.insert(*command));
        commands
    }

    /// How the outcome differs from the accepted one, if it does.
    pub fn changed(&self) -> Option<&ChangedOutcome> {
        match &self.outcome {
            AcceptedOutcome::Changed(changed) => Some(changed),
            _ => None,
        }
    }
}

/// The last line: how many hold, failed and could not be run.
pub(crate) fn summary(checked: &[CheckedScenario], studies: usize) -> String {
    let count = |of: fn(&CheckedScenario) -> bool| checked.iter().filter(|c| of(c)).count();
    let expectations: usize = checked.iter().filter_map(|c| c.runs()).map(|runs| runs.expectations.len()).sum();
    let mut parts = vec![format!("{} of {} scenarios hold", count(CheckedScenario::holds), checked.len())];
    for (what, count) in [
        ("failed", count(|c| c.runs().is_some_and(|runs| !runs.holds()))),
        ("could not be run", count(|c| matches!(c.outcome, CheckOutcome::Invalid { .. }))),
        ("not run after the first failure", count(|c| matches!(c.outcome, CheckOutcome::Skipped))),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let skipped = crate::text::plural(studies as u64, "study file");
    let studies = if studies > 0 { format!("; {skipped} skipped") } else { String::new() };
    let seeds = checked.iter().filter_map(|c| c.runs()).map(|runs| runs.seeds).max().unwrap_or(1);
    let on = if seeds > 1 { format!(", up to {seeds} seeds") } else { String::new() };
    let expectations = crate::text::plural(expectations as u64, "expectation");
    format!("{} ({expectations}{on}){studies}\n", parts.join(", "))
}
