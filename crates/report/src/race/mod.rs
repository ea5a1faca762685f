//! `oomsim race` as text, tables and pictures: how often the kernel kills before the kubelet evicts.

mod pictures;
mod sentences;
mod tables;

use crate::picture::memory_text;
use crate::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use crate::table::Table;
use crate::text::duration;
use anstyle::Style;
use oomsim_planning::axis::AxisValue;
use oomsim_planning::race::{Contest, Point};
use oomsim_planning::recommend::percent;
use oomsim_planning::stats::Distribution;

/// One threshold with its rates.
#[derive(Clone, Copy, Debug)]
pub struct ThresholdRow<'a> {
    /// The hard threshold.
    pub threshold: &'a AxisValue,
    /// The rates that were asked for.
    pub grid: &'a [Point],
    /// The rates between which the kubelet fails in about the share that was asked for; empty: there are none.
    pub band: &'a [Point],
}

/// A finished race.
#[derive(Clone, Copy, Debug)]
pub struct RaceReport<'a> {
    /// What was run.
    pub contest: &'a Contest,
    /// Its thresholds.
    pub rows: &'a [ThresholdRow<'a>],
    /// The share of the bands, in percent.
    pub share: u8,
}

/// The simulated share of the runs in which the kernel was first.
fn share(point: &Point) -> f64 {
    point.lost as f64 / point.runs.max(1) as f64
}

impl RaceReport<'_> {
    /// What makes the node other than the closed form presumes, and the race about more than the added program.
    fn notes(&self) -> Vec<String> {
        let (alone, lines) = (self.contest.alone(), self.rows);
        let mut notes = Vec::new();
        if let Some((victim, outcome, at)) = &alone.first_death {
            notes.push(format!(
                "{victim} dies even without the added program ({}, after {}), and the shares include that death; \
                 leave a pod out with `--set pod.NAME.replicas=0`",
                outcome.name(),
                duration(*at as f64 / 1e9)
            ));
        }
        let undecided: u64 = lines.iter().flat_map(|line| line.grid.iter().chain(line.band)).map(|p| p.undecided).sum();
        if undecided > 0 {
            notes.push(format!(
                "{undecided} runs ended without a winner; they count as runs in which the kernel was not first"
            ));
        }
        let least = lines.iter().filter_map(|l| l.threshold.number).fold(f64::INFINITY, f64::min);
        let (low, high) = (alone.pods.0 as f64, alone.pods.1 as f64);
        if high - low > least / 20.0 {
            notes.push(format!(
                "the formula assumes that the other pods use constant memory, but theirs varies between {} and {}: trust the \
                 simulated shares",
                memory_text(low),
                memory_text(high)
            ));
        }
        notes
    }

    /// `--format text`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for note in self.notes() {
            text.push_str(&format!("{} {note}\n\n", paint(WARN, "note:")));
        }
        for line in self.rows {
            let heading = format!("evictionHard memory.available < {}", line.threshold.text);
            text.push_str(&format!("{}\n", paint(HEADING, heading)));
            let mut table =
                Table::new(&["rate/s", "kernel first", "95 % interval", "formula", "limit", "overshoot", "latency"]);
            for point in line.grid {
                table.row(row(point), style(point));
            }
            text.push_str(&table.render(2));
            text.push_str(&format!("  {}\n", line.sentence()));
            text.push_str(&format!("  {}\n\n", line.band_sentence(self.share)));
        }
        text.push_str(&paint(DIM, "overshoot and latency: mean over the runs in which the kubelet was in time\n"));
        text
    }
}

fn style(point: &Point) -> Style {
    match point.lost {
        0 => GOOD,
        lost if lost == point.runs => BAD,
        _ => Style::new(),
    }
}

fn row(p: &Point) -> Vec<String> {
    let first = percent(share(p));
    let mean = |d: &Distribution, show: fn(f64) -> String| d.mean().map_or("-".into(), show);
    vec![
        p.rate.text.clone(),
        first,
        format!("{} – {}", percent(p.interval.low), percent(p.interval.high)),
        percent(p.odds.kernel_first),
        p.killer.map_or("-", |k| k.name()).to_string(),
        mean(&p.overshoot, memory_text),
        mean(&p.latency, |ns| format!("{:.1} s", ns / 1e9)),
    ]
}
