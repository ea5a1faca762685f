//! The outcome of a scenario in a few lines that people review: which processes died, in what order, when and by whom,
//! how the pods stood at the end, and over several seeds the shares. `oomsim check --bless` writes it beside the
//! scenario, and `check` compares.

use crate::deaths::{self, deaths};
use crate::text::plural;
use oomsim_core::record::History;
use oomsim_core::units::SimTime;
use oomsim_planning::measure::RunOutcome;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// Maximum number of deaths and of pods that are listed.
const MOST_ROWS: usize = 40;
/// Lines without a change that are shown around one.
const CONTEXT: usize = 2;

/// What is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedOutcome {
    lines: Vec<OutcomeLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OutcomeLine {
    text: String,
    why: Option<String>,
}

/// In what an outcome differs from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    lines: Vec<String>,
    /// The first line that differs, and why it came so in this run.
    pub why: Option<String>,
}

impl Difference {
    /// Lines that begin with `-` (accepted), `+` (now) or a space (both).
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

fn clock(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03}s", ms / 1000, ms % 1000)
}

impl ReviewedOutcome {
    /// Adds one run.
    pub fn add_run(&mut self, history: &History) {
        self.line(format!("seed {}", history.seed));
        self.line("deaths".into());
        for death in deaths(history).take(MOST_ROWS) {
            let text = format!("  {:>10}  {} of {}, by {}", clock(death.at), death.comm(), death.of, death.by);
            self.lines.push(OutcomeLine { text, why: Some(death.why) });
        }
        self.rest(deaths::count(history));
        let counts = &history.counts;
        self.line(format!(
            "  {}, {}, {}, {} refused",
            plural(counts.oom_kills, "OOM kill"),
            plural(counts.evictions, "eviction"),
            plural(counts.restarts, "restart"),
            plural(counts.refusals, "allocation")
        ));
        self.line("pods at the end".into());
        for pod in history.pods.iter().take(MOST_ROWS) {
            self.line(format!("  {}  {}, {}", pod.pod, pod.status, plural(pod.restarts, "restart")));
        }
        self.rest(history.pods.len());
    }

    /// Adds how the runs of several seeds, or the nodes of a fleet, began to die.
    pub fn add_shares(&mut self, what: &str, first_seed: u64, outcomes: &[RunOutcome]) {
        self.line(format!("first death on {} {what}, from seed {first_seed}", outcomes.len()));
        for outcome in RunOutcome::ALL {
            let count = outcomes.iter().filter(|one| **one == outcome).count();
            if count > 0 {
                self.line(format!("  {:>6}  {}", count, outcome.name()));
            }
        }
    }

    fn line(&mut self, text: String) {
        self.lines.push(OutcomeLine { text, why: None });
    }

    fn rest(&mut self, all: usize) {
        if all > MOST_ROWS {
            self.line(format!("  … and {} more", all - MOST_ROWS));
        }
    }

    /// The file, with a heading for people.
    pub fn file(&self, scenario: &str) -> String {
        let mut text = format!(
            "# The outcome of {scenario} that was accepted. `oomsim check` fails when it changes;\n\
             # `oomsim check --bless` accepts the change and writes this file anew.\n"
        );
        for line in &self.lines {
            let _ = writeln!(text, "{}", crate::escape::line(&line.text));
        }
        text
    }

    /// How many seeds an accepted outcome tells of.
    pub fn seeds(accepted: &str) -> Option<u64> {
        let line = accepted.lines().find_map(|line| line.strip_prefix("first death on "))?;
        let (count, rest) = line.split_once(' ')?;
        rest.strip_prefix(SEEDS)?.starts_with(',').then(|| count.parse().ok())?
    }

    /// In what this outcome differs from an accepted one; nothing if it does not.
    pub fn difference(&self, accepted: &str) -> Option<Difference> {
        let before: Vec<&str> = accepted.lines().filter(|line| !line.starts_with('#')).collect();
        let now: Vec<String> = self.lines.iter().map(|line| crate::escape::line(&line.text).into_owned()).collect();
        let now: Vec<&str> = now.iter().map(String::as_str).collect();
        if before == now {
            return None;
        }
        let diff = TextDiff::from_slices(&before, &now);
        let mut lines = Vec::new();
        for (n, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
            if n > 0 {
                lines.push("  …".into());
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let mark = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                lines.push(format!("{mark} {}", change.value()));
            }
        }
        Some(Difference { lines, why: self.first(&before) })
    }

    /// The first line that differs, with the reason of a death.
    fn first(&self, before: &[&str]) -> Option<String> {
        let at = self.lines.iter().zip(before).take_while(|(now, before)| now.text == **before).count();
        let before = before.get(at).map_or("nothing", |line| line.trim());
        let Some(now) = self.lines.get(at) else { return Some(format!("was {before:?}, now nothing")) };
        let why = now.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        Some(format!("was {before:?}, now {:?}{why}", now.text.trim()))
    }
}

/// The word for seeds in [`ReviewedOutcome::add_shares`].
pub const SEEDS: &str = "seeds";

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(history: &History, outcomes: &[RunOutcome]) -> ReviewedOutcome {
        let mut outcome = ReviewedOutcome::default();
        outcome.add_run(history);
        outcome.add_shares(SEEDS, 1, outcomes);
        outcome
    }

    #[test]
    fn the_same_outcome_has_no_difference_and_says_its_seeds() {
        let here = outcome(&crate::testdata::oom4(), &[RunOutcome::Eviction, RunOutcome::Eviction, RunOutcome::None]);
        let file = here.file("oom4.toml");
        assert_eq!(here.difference(&file), None);
        assert_eq!(ReviewedOutcome::seeds(&file), Some(3));
        assert!(file.contains("\n       1  none\n       2  eviction\n"), "{file}");
    }

    #[test]
    fn a_change_is_shown_with_its_surroundings_and_the_first_with_its_reason() {
        let before = outcome(&crate::testdata::oom4(), &[RunOutcome::Eviction]).file("oom4.toml");
        let mut history = crate::testdata::oom4();
        for entry in &mut history.entries {
            entry.at += oomsim_core::units::SimDuration::from_secs(1);
        }
        let difference = outcome(&history, &[RunOutcome::Eviction]).difference(&before).unwrap();
        let lines: Vec<_> = difference.lines().collect();
        assert!(lines.iter().any(|line| line.starts_with("- ")) && lines.iter().any(|line| line.starts_with("+ ")));
        assert!(lines.contains(&"  deaths"), "{lines:?}");
        let why = difference.why.unwrap();
        assert!(why.starts_with("was \"") && why.contains("\", now \"") && why.ends_with(')'), "{why}");
    }
}
