//! A simulated story held against the recorded one: verdict, time, what the manager saw, memory.

use super::decision::{DecidedBy, Decision, short};
use super::run::StoryRun;
use super::story::{Pass, Story};
use oomsim_core::record::{PassFigures, Record, ThresholdSeen};
use serde::Serialize;
use std::collections::BTreeSet;

/// A kernel kill is in time within this …
const KILL_S: f64 = 0.3;
/// … or within this share of the recorded time.
const KILL_SHARE: f64 = 0.03;

/// When things happened, for the decisions that agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Decisions compared.
    pub decisions: usize,
    /// Evictions in the same pass, kernel kills and exits in time.
    pub in_time: usize,
    /// The others, for people.
    pub late: Vec<String>,
}

/// What the manager saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Saw {
    /// Passes compared: those after T0 that exist in both.
    pub passes: usize,
    /// Passes with the same thresholds met, and the same ones for their grace period.
    pub same_thresholds: usize,
    /// Passes with the same conditions.
    pub same_conditions: usize,
    /// Evictions compared.
    pub evictions: usize,
    /// Evictions with the same message, amounts aside.
    pub same_messages: usize,
    /// Relative error of `memory.available`.
    #[serde(skip)]
    pub available: Vec<f64>,
    /// Error of pods' figures, relative to the larger of the figure and 1 % of capacity.
    #[serde(skip)]
    pub pods: Vec<f64>,
}

/// Relative errors along the series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// kubepods' usage.
    pub kubepods: Vec<f64>,
    /// The node's `memory.available`.
    pub available: Vec<f64>,
}

/// When the decisions of an agreeing verdict were taken.
pub fn times(story: &Story, run: &StoryRun, recorded: &[Decision]) -> Times {
    let mut out = Times::default();
    for (real, model) in recorded.iter().zip(&run.decisions) {
        if !real.same(model) {
            break;
        }
        out.decisions += 1;
        let in_time = if real.by == DecidedBy::Eviction {
            pass_of(story.passes.iter().map(|p| p.t), real.t)
                == pass_of(run.history.passes.iter().map(|p| since_t0(run, p)), model.t)
        } else {
            (real.t - model.t).abs() <= KILL_S.max(KILL_SHARE * real.t.abs())
        };
        if in_time {
            out.in_time += 1;
        } else {
            out.late.push(format!("{model}, recorded at {:.2}", real.t));
        }
    }
    out
}

fn since_t0(run: &StoryRun, pass: &PassFigures) -> f64 {
    pass.at.as_nanos() as f64 / 1e9 - run.t0
}

/// Which pass after T0 a decision belongs to.
fn pass_of(starts: impl Iterator<Item = f64>, t: f64) -> usize {
    starts.filter(|&s| s >= 0.0 && s <= t + 0.000_1).count()
}

/// What the manager saw, pass by pass.
pub fn saw(story: &Story, run: &StoryRun) -> Saw {
    let mut out = Saw::default();
    let recorded = story.passes.iter().filter(|p| p.t >= 0.0);
    let simulated = run.history.passes.iter().filter(|p| since_t0(run, p) >= 0.0);
    for (real, model) in recorded.zip(simulated) {
        out.passes += 1;
        out.same_thresholds += usize::from(same_thresholds(real, model));
        let pressure = real.conditions.iter().any(|c| c == "MemoryPressure");
        out.same_conditions += usize::from(pressure == model.memory_pressure);
        if let Some(signal) = real.signals.get("memory.available") {
            out.available.push(error(model.memory_available, signal.available));
        }
        for figure in &model.pods {
            let Some(known) = real.pods.get(short(&figure.pod)).and_then(|p| p.ws) else { continue };
            let scale = known.max(story.node.mem_total as i64 / 100);
            out.pods.push((figure.working_set.unwrap_or(0) - known).abs() as f64 / scale as f64);
        }
    }
    let real =
        story.events.iter().filter(|e| e.ev == "evict").filter_map(|e| Some((e.pod.clone()?, e.message.clone()?)));
    let mut model = run.history.entries.iter().filter_map(|e| match &e.record {
        Record::Evicted { pod, message, .. } => Some((short(pod).to_owned(), message.to_string())),
        _ => None,
    });
    for (pod, message) in real {
        out.evictions += 1;
        let same = model.next().is_some_and(|(p, m)| p == pod && without_amounts(&m) == without_amounts(&message));
        out.same_messages += usize::from(same);
    }
    out
}

/// `memory.available/true` for a hard threshold; recorded with its grace period.
fn recorded<'a>(list: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    list.map(|m| m.split_once('/').map_or(m.clone(), |(signal, grace)| format!("{signal}/{}", grace == "0s"))).collect()
}

fn simulated(list: &[ThresholdSeen]) -> BTreeSet<String> {
    list.iter().map(|m| format!("{}/{}", m.signal, m.hard)).collect()
}

/// The same thresholds are met, and the same ones for their grace period.
fn same_thresholds(real: &Pass, model: &PassFigures) -> bool {
    recorded(real.first_observed.keys()) == simulated(&model.met)
        && recorded(real.met.iter()) == simulated(&model.acting)
}

/// A message with every measured amount replaced: the threshold and the requests stay.
fn without_amounts(message: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in message.split(' ') {
        let measured = matches!(out.last().map(String::as_str), Some("available:" | "using"));
        out.push(if measured { "…".into() } else { word.into() });
    }
    out.join(" ")
}

/// Memory along the recorded series.
pub fn memory(story: &Story, run: &StoryRun) -> Memory {
    let mut out = Memory::default();
    for (row, sample) in story.series.rows.iter().zip(&run.at_rows) {
        out.available.push(error(sample.available, row.available()));
        if row.kubepods() > 0 {
            out.kubepods.push(error(sample.kubepods_usage.get() as i64, row.kubepods()));
        }
    }
    out
}

fn error(model: i64, real: i64) -> f64 {
    (model - real).abs() as f64 / real.abs().max(1 << 20) as f64
}

/// The `q`-quantile of a list, in percent.
pub fn percentile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * q).round() as usize).map_or(0.0, |v| v * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_compared_without_what_was_measured() {
        // s1-F02-001, event `evict`.
        let message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61272Ki. Container c was using \
                       491152Ki, request is 0, has larger consumption of memory. ";
        let plain = without_amounts(message);
        assert!(plain.contains("quantity: 100Mi, available: … Container c was using … request is 0,"), "{plain}");
    }

    #[test]
    fn quantiles_of_a_list() {
        let list = [0.01, 0.02, 0.03, 0.04, 0.05];
        assert!((percentile(&list, 0.5) - 3.0).abs() < 1e-9);
        assert!((percentile(&list, 0.95) - 5.0).abs() < 1e-9);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
