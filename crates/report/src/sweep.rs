//! `oomsim sweep` as text and JSON: outcomes of each combination of values.

use crate::style::{DIM, HEADING, WARN, paint};
use crate::table::Table;
use crate::text::plural;
use anstyle::Style;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::recommend::percent;
use oomsim_planning::study::Study;
use oomsim_planning::summary::Summary;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Combinations that the table on the terminal shows.
const MAX_CELLS: usize = 60;

/// A finished sweep.
#[derive(Clone, Copy, Debug)]
pub struct SweepReport<'a> {
    /// What was asked.
    pub study: &'a Study,
    /// The study's file.
    pub file: &'a Path,
    /// What came out, by combination.
    pub summary: &'a Summary,
    /// The hash of all results.
    pub hash: u128,
    /// Where the results are.
    pub folder: &'a Path,
    /// The command that repeats the first run.
    pub reproduce: &'a str,
}

impl SweepReport<'_> {
    /// `--format json`.
    pub fn json(&self) -> Value {
        let study = self.study;
        let cells = self.summary.cells.iter().enumerate().map(|(number, cell)| {
            let values = study.plan.cell_values(number as u64);
            let axes: Map<String, Value> = study
                .plan
                .grid_axes()
                .zip(values)
                .map(|((axis, _), value)| (axis.name.clone(), value.text.clone().into()))
                .collect();
            let outcomes = cell.tally("outcome").map(|t| t.levels.clone()).unwrap_or_default();
            let outcomes: Map<String, Value> = outcomes
                .into_iter()
                .map(|(name, count)| {
                    let i = cell.interval(count);
                    (name, json!({ "count": count, "share_low": i.low, "share_high": i.high }))
                })
                .collect();
            json!({ "axes": axes, "runs": cell.runs, "outcome": outcomes, "kubelet_not_started": cell.not_started })
        });
        json!({
            "study": study.name,
            "runs": study.plan.len(),
            "plan": format!("{:032x}", study.plan.fingerprint()),
            "result": format!("{:032x}", self.hash),
            "folder": self.folder.display().to_string(),
            "cells": cells.collect::<Vec<_>>(),
        })
    }

    /// `--format text`.
    pub fn text(&self) -> String {
        let study = self.study;
        let plan = &study.plan;
        let mut text = format!("{}\n", paint(HEADING, &study.name));
        if !study.description.is_empty() {
            text.push_str(&format!("{}\n", study.description));
        }
        let levels = self.levels();
        let axes: Vec<&str> = plan.grid_axes().map(|(axis, _)| axis.name.as_str()).collect();
        let heading: Vec<&str> =
            axes.iter().copied().chain(["runs"]).chain(levels.iter().map(String::as_str)).collect();
        let mut table = Table::new(&heading);
        for (number, cell) in self.summary.cells.iter().enumerate().take(MAX_CELLS) {
            let values = plan.cell_values(number as u64).into_iter().map(|v| v.text.clone());
            let shares = levels.iter().map(|level| {
                let count = cell.count("outcome", level);
                let i = cell.interval(count);
                match count {
                    0 => "-".to_string(),
                    _ => format!("{} ({}–{})", percent(count as f64 / cell.runs as f64), short(i.low), short(i.high)),
                }
            });
            table.row(values.chain([cell.runs.to_string()]).chain(shares).collect(), Style::new());
        }
        text.push_str(&format!("\n{}", table.render(0)));
        if self.summary.cells.len() > MAX_CELLS {
            text.push_str(&format!("… {} more rows in summary.csv\n", self.summary.cells.len() - MAX_CELLS));
        }
        text.push_str(&self.refusals());
        text.push_str(&format!(
            "\n{}, shares with 95 % intervals; result {:032x} in {}\n{}\n",
            plural(plan.len(), "run"),
            self.hash,
            self.folder.display(),
            paint(
                DIM,
                format!("reproduce run 0: {}    (all: oomsim sweep plan {})", self.reproduce, self.file.display())
            )
        ));
        text
    }

    /// Where the kubelet did not start, and why, once for each combination.
    fn refusals(&self) -> String {
        let plan = &self.study.plan;
        let cells = self.summary.cells.iter().enumerate();
        let said: Vec<String> = cells
            .filter_map(|(number, cell)| {
                let why = cell.not_started.as_ref()?;
                let values = plan.grid_axes().zip(plan.cell_values(number as u64));
                let at: Vec<String> =
                    values.map(|((axis, _), value)| format!("{} = {}", axis.name, value.text)).collect();
                let at = if at.is_empty() { "all".into() } else { at.join(", ") };
                let count = cell.count("outcome", RunOutcome::KubeletNotStarted.name());
                let some = if count < cell.runs {
                    format!(" in {count} of {}, first", plural(cell.runs, "run"))
                } else {
                    String::new()
                };
                let line = format!("{at}: the kubelet does not start{some}: {why}");
                Some(format!("{}\n", paint(WARN, line)))
            })
            .collect();
        let more = said.len().saturating_sub(MAX_CELLS);
        let mut text = String::new();
        said.iter().take(MAX_CELLS).for_each(|line| text.push_str(line));
        if more > 0 {
            text.push_str(&format!("… and {more} more combinations with which it does not start; see runs.csv\n"));
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    /// Outcomes that come at all, in the order of tables.
    fn levels(&self) -> Vec<String> {
        let seen = |level: &str| self.summary.cells.iter().any(|c| c.count("outcome", level) > 0);
        let all = RunOutcome::ALL.iter().map(|o| o.name());
        all.filter(|level| seen(level)).map(str::to_string).collect()
    }
}

/// `0.13`: a share in percent without its sign.
fn short(share: f64) -> String {
    percent(share).trim_end_matches(" %").to_string()
}
