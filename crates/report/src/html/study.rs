//! A study: outcomes over its grid, and a command for a run of each cell.

use crate::picture::DrawError;
use crate::picture::study::pictures;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::study::Study;
use oomsim_planning::summary::{Cell, Summary};
use serde::Serialize;

/// Cells that a page has room for; the rest is in `summary.csv`.
const MOST_CELLS: usize = 4_000;

/// The results of a study.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StudyPage {
    name: String,
    description: String,
    /// Runs of all cells together.
    runs: f64,
    axes: Vec<StudyAxis>,
    /// Outcomes that come at all.
    outcomes: Vec<&'static str>,
    cells: Vec<StudyCell>,
    /// Cells that are not shown.
    more: u32,
    /// Pictures as SVG: shares over one axis, and survival.
    pictures: Vec<String>,
}

/// An axis of the grid with its values.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StudyAxis {
    name: String,
    values: Vec<String>,
}

/// What the runs of a cell came to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StudyCell {
    /// Place of its value on each axis.
    at: Vec<u32>,
    runs: u32,
    /// Runs by outcome, in the order of the outcomes, with the 95 % interval of their share.
    counts: Vec<(u32, f64, f64)>,
    /// When the first process died in half of the runs in which one did, in seconds.
    median: Option<f64>,
    /// The command that repeats its first run.
    reproduce: String,
}

fn short(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

impl StudyPage {
    /// Of a study's results; `command` repeats a run of the plan.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn new(study: &Study, summary: &Summary, command: impl Fn(u64) -> String) -> Result<StudyPage, DrawError> {
        let plan = &study.plan;
        let sizes: Vec<usize> = plan.grid_axes().map(|(_, values)| values.len()).collect();
        let comes = |outcome: &RunOutcome| summary.cells.iter().any(|c| c.count("outcome", outcome.name()) > 0);
        let outcomes: Vec<&'static str> = RunOutcome::ALL.iter().filter(|o| comes(o)).map(|o| o.name()).collect();
        // The runs of a cell follow each other in the plan.
        let runs = plan.len() / plan.cells().max(1);
        let cell = |(number, cell): (usize, &Cell)| StudyCell {
            at: places(number, &sizes),
            runs: short(cell.runs),
            counts: outcomes.iter().map(|outcome| counted(cell, outcome)).collect(),
            median: cell
                .tally("first_death_s")
                .and_then(|tally| tally.numbers.quantile(500))
                .map(|nanos| nanos as f64 / 1e9),
            reproduce: command(number as u64 * runs),
        };
        let axis = |(axis, values): (&oomsim_planning::plan::Axis, &[oomsim_planning::axis::AxisValue])| StudyAxis {
            name: axis.name.clone(),
            values: values.iter().map(|value| value.text.clone()).collect(),
        };
        let drawn = pictures(study, summary)?;
        Ok(StudyPage {
            name: study.name.clone(),
            description: study.description.clone(),
            runs: plan.len() as f64,
            axes: plan.grid_axes().map(axis).collect(),
            outcomes: outcomes.clone(),
            cells: summary.cells.iter().enumerate().take(MOST_CELLS).map(cell).collect(),
            more: short(summary.cells.len().saturating_sub(MOST_CELLS)),
            // The page draws its own heat map.
            pictures: drawn.into_iter().filter(|(name, _)| name != "kernel-first.svg").map(|(_, svg)| svg).collect(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The last axis changes fastest.
fn places(number: usize, sizes: &[usize]) -> Vec<u32> {
    let mut rest = number;
    let mut at: Vec<u32> = Vec::new();
    for size in sizes.iter().rev() {
        at.push(short(rest % size));
        rest /= size;
    }
    at.reverse();
    at
}

fn counted(cell: &Cell, outcome: &str) -> (u32, f64, f64) {
    let count = cell.count("outcome", outcome);
    let interval = cell.interval(count);
    (short(count), interval.low, interval.high)
}
