//! `oomsim plan` as text, tables and a picture: what is recommended, and what was tried.

mod nothing;
mod picture;
mod recommended;
mod tables;

use crate::picture::memory_text;
use crate::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use crate::table::Table;
use anstyle::Style;
use oomsim_planning::plan::Plan;
use oomsim_planning::recommend::{Recommendation, RiskTarget, SearchResult, Trial, percent};
use oomsim_planning::stats::{Z95, wilson};
use oomsim_planning::study::{AsItIs, Goal};
use serde_json::Value;

/// Settings that the table on the terminal shows.
const MAX_ROWS: usize = 40;

/// A finished search, with everything that is printed or written.
#[derive(Debug)]
pub struct PlanReport<'a> {
    /// What was asked.
    pub goal: &'a Goal,
    /// What was tried.
    pub plan: &'a Plan,
    /// What came out.
    pub found: &'a Recommendation,
    /// The scenarios as they are.
    pub now: AsItIs,
    /// The recommendation as files: name and content.
    pub files: Vec<(String, String)>,
    /// Is the reserve of the first scenario enough: for people and as JSON.
    pub reserve: Option<(String, Value)>,
}

impl PlanReport<'_> {
    fn scenario_names(&self) -> Vec<String> {
        self.goal.scenarios.iter().map(|(name, _)| name.clone()).collect()
    }

    fn knobs(&self) -> Vec<&str> {
        self.plan.axes().iter().map(|a| a.name.as_str()).collect()
    }

    /// `--format text`.
    pub fn text(&self) -> String {
        let names = self.scenario_names();
        let mut text = format!("{}\n", paint(HEADING, &self.goal.name));
        if !self.goal.description.is_empty() {
            text.push_str(&format!("{}\n", self.goal.description.trim()));
        }
        text.push_str("\nTargets\n");
        self.goal.targets.iter().for_each(|t| text.push_str(&format!("  {}\n", t.in_words(&names))));
        text.push_str(&self.mixture());
        match &self.now.unusable {
            Some(why) => text.push_str(&format!("\nCurrent settings: {}\n", paint(BAD, why))),
            None => {
                text.push_str(&format!(
                    "\nCurrent settings: allocatable {}\n",
                    memory_text(self.now.allocatable as f64)
                ));
                self.target_lines(&mut text, 2, &self.now.counts);
            }
        }
        if let Some((figures, _)) = &self.reserve {
            text.push_str(figures);
        }
        text.push_str(&format!("\n{}", self.table()));
        for knob in &self.found.not_monotone {
            let said = format!("the risk does not fall steadily along {knob}, so all of its values were tried");
            text.push_str(&format!("{}\n", paint(WARN, said)));
        }
        if !self.found.withdrawn.is_empty() {
            let said = format!(
                "{} setting(s) met the targets in the search but not on fresh seeds, and were rejected",
                self.found.withdrawn.len()
            );
            text.push_str(&format!("{}\n", paint(WARN, said)));
        }
        match &self.found.found {
            SearchResult::Setting(best) => self.recommended(&mut text, best),
            SearchResult::Nothing { nearest } => self.nothing(&mut text, &self.found.trials[*nearest]),
        }
        text
    }

    /// In which shares the scenarios count, if not equally.
    fn mixture(&self) -> String {
        let weights = &self.goal.weights;
        if weights.iter().all(|weight| *weight == 1.0) {
            return String::new();
        }
        let sum: f64 = weights.iter().sum();
        let shares = self.goal.scenarios.iter().zip(weights).map(|((n, _), w)| format!("{} {n}", percent(w / sum)));
        format!("  runs without a named scenario are {}\n", shares.collect::<Vec<_>>().join(", "))
    }

    /// The trade-off, in the order of rising price and falling allocatable memory. Of many settings those are shown
    /// that no other beats, and those next to the recommended one.
    fn table(&self) -> String {
        let trials = &self.found.trials;
        let priced = trials.iter().any(|t| t.price.is_some());
        let price = priced.then_some("price");
        let columns = ["allocatable", "risk", "95 % interval", "runs", "verdict"];
        let heading: Vec<&str> = self.knobs().into_iter().chain(price).chain(columns).collect();
        let mut table = Table::new(&heading);
        let near: Vec<u64> = match &self.found.found {
            SearchResult::Setting(best) => self.margins(&best.trial).iter().map(|(_, t)| t.setting).collect(),
            SearchResult::Nothing { .. } => Vec::new(),
        };
        let shown =
            |i: &usize| trials.len() <= MAX_ROWS || self.found.front.contains(i) || near.contains(&trials[*i].setting);
        let rows: Vec<usize> = (0..trials.len()).filter(shown).take(MAX_ROWS).collect();
        for &i in &rows {
            let trial = &trials[i];
            let (share, interval) = trial.risk();
            let runs = trial.counts.iter().map(|c| c.1).max().unwrap_or(0);
            let verdict = match &trial.unusable {
                Some(why) => why.to_string(),
                None if trial.passes() => "meets the targets".into(),
                None if trial.fails() => "misses".into(),
                None => "not proven".into(),
            };
            let run = trial.unusable.is_none();
            let said = |text: String| if run { text } else { "-".into() };
            let front = if self.found.front.contains(&i) { " *" } else { "" };
            let style = if trial.passes() { GOOD } else { Style::new() };
            let price = priced.then(|| trial.price.map_or("-".into(), price_text));
            let cells = trial.values(self.plan).into_iter().map(|v| v.text.clone()).chain(price).chain([
                memory_text(trial.allocatable as f64),
                said(percent(share)),
                said(format!("{} – {}", percent(interval.low), percent(interval.high))),
                runs.to_string(),
                format!("{verdict}{front}"),
            ]);
            table.row(cells.collect(), style);
        }
        let more = trials.len() - rows.len();
        let more = if more > 0 {
            format!("… and {more} settings that are worse than these; all are in trials.csv (--out)\n")
        } else {
            String::new()
        };
        let front = if self.found.front.is_empty() {
            String::new()
        } else {
            let gain = if priced { "a lower price" } else { "more allocatable memory" };
            format!("{}\n", paint(DIM, format!("* no other setting has both {gain} and less risk")))
        };
        format!("{}{more}{front}", table.render(0))
    }

    fn setting(&self, trial: &Trial) -> String {
        let pairs = self.knobs().into_iter().zip(trial.values(self.plan));
        pairs.map(|(name, value)| format!("{name} = {}", value.text)).collect::<Vec<_>>().join(", ")
    }

    /// One line per target: how often it was missed.
    fn target_lines(&self, text: &mut String, indent: usize, counts: &[(u64, u64)]) {
        for (target, &(bad, runs)) in self.goal.targets.iter().zip(counts) {
            let i = wilson(bad, runs, Z95);
            text.push_str(&format!(
                "{:indent$}{}: {bad} of {runs} runs ({} – {}, target {})\n",
                "",
                target.event.in_words(),
                percent(i.low),
                percent(i.high),
                bound(target)
            ));
        }
    }
}

/// A price with as many digits as it needs.
fn price_text(price: f64) -> String {
    let text = format!("{price:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn bound(target: &RiskTarget) -> String {
    if target.below == 0.0 { "none".into() } else { format!("< {}", percent(target.below)) }
}
