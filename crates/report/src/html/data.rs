//! What the page is given. The types of the page (`web/src/data.ts`) are made from these by a test.

use super::compared::Compared;
use super::instant::Instant;
use super::risk::Risk;
use super::seeds::Seeds;
use super::study::StudyPage;
use crate::RunReport;
use crate::deaths::deaths;
use crate::timeline::{Tone, timeline};
use oomsim_core::record::{History, PassVerdict};
use oomsim_core::units::{Bytes, SimTime};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything in one file.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Page {
    /// The runs, in the order in which they were named.
    pub runs: Vec<Run>,
    /// Scenarios over several seeds, and fleets.
    pub seeds: Vec<Seeds>,
    /// How the first two runs compare.
    pub comparison: Option<Compared>,
    /// Results of studies.
    pub studies: Vec<StudyPage>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Run {
    /// Name of the scenario.
    pub scenario: String,
    /// What it shows.
    pub description: String,
    /// Its file.
    pub file: String,
    /// The text of the file.
    pub text: String,
    /// The seed; a text, since JavaScript's numbers are too short for it.
    pub seed: String,
    /// The digest.
    pub digest: String,
    /// Version of the program.
    pub version: String,
    /// The command that repeats the run.
    pub reproduce: String,
    /// OOM kills.
    pub oom_kills: u32,
    /// Evictions.
    pub evictions: u32,
    /// Restarts of containers.
    pub restarts: u32,
    /// The node.
    pub node: Node,
    /// Memory over time.
    pub series: Series,
    /// What the kubelet's eviction manager saw of it.
    pub passes: Passes,
    /// The node at chosen instants.
    pub instants: Vec<Instant>,
    /// What happened.
    pub timeline: Vec<TimelineLine>,
    /// Which processes died.
    pub deaths: Vec<Death>,
    /// Why it came so, for people: the first happenings that have a cause.
    pub whys: Vec<Why>,
    /// Who is at risk, where it was counted.
    pub risk: Option<Risk>,
    /// Pods at the end.
    pub pods: Vec<Pod>,
    /// How the expectations fared.
    pub expectations: Vec<Expectation>,
    /// What the model does not cover.
    pub warnings: Vec<String>,
}

/// Amounts of the node in bytes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Node {
    name: String,
    capacity: f64,
    allocatable: f64,
    kubepods_limit: Option<f64>,
    eviction_hard: Option<f64>,
    pods_evicted_above: Option<f64>,
}

/// Memory over time in bytes, one array per curve.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Series {
    at: Vec<f64>,
    working_set: Vec<f64>,
    mem_available: Vec<f64>,
    kubepods: Vec<f64>,
    kubepods_working_set: Vec<f64>,
    pods: Vec<PodSeries>,
}

/// The passes of the eviction manager: the figures that it decided with.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Passes {
    at: Vec<f64>,
    working_set: Vec<f64>,
    /// Why each evicted a pod, or did not.
    verdicts: Vec<String>,
    /// In the order of the pods of the series.
    pods: Vec<Vec<Option<f64>>>,
}

/// A pod over time; nothing while it has no cgroup.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PodSeries {
    name: String,
    usage: Vec<Option<f64>>,
    working_set: Vec<Option<f64>>,
}

/// A line of the timeline.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TimelineLine {
    at: f64,
    subject: String,
    reason: String,
    message: String,
    tone: &'static str,
}

/// A death.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Death {
    /// When, in seconds.
    pub at: f64,
    /// Its name and pid.
    pub process: String,
    /// The container or host process that it belonged to.
    pub of: String,
    /// Who ended it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Why something happened.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Why {
    at: f64,
    title: String,
    text: String,
}

impl Why {
    /// An explanation as text, whose first line says what happened; colours are taken out.
    pub fn new(at: SimTime, text: &str) -> Why {
        let plain = anstream::adapter::strip_str(text).to_string();
        let (title, text) = plain.split_once('\n').unwrap_or((&plain, ""));
        Why { at: seconds(at), title: title.to_owned(), text: text.trim_end().to_owned() }
    }
}

/// A pod at the end.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Pod {
    name: String,
    qos: String,
    status: String,
    restarts: u32,
    usage: f64,
    message: String,
}

/// An expectation.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Expectation {
    holds: bool,
    expected: String,
    found: String,
    source: String,
}

/// More samples than this are thinned: no screen shows more.
const MOST_SAMPLES: usize = 4_000;

pub(super) fn number(bytes: Bytes) -> f64 {
    bytes.get() as f64
}

pub(super) fn seconds(at: SimTime) -> f64 {
    at.as_nanos() as f64 / 1e9
}

impl Run {
    /// A run with its node at some instants, what explains it, and the text of its scenario.
    pub fn new(report: &RunReport, instants: Vec<Instant>, whys: Vec<Why>, text: &str) -> Run {
        let history = &report.history;
        Run {
            scenario: history.scenario.to_string(),
            description: report.description.trim().to_owned(),
            file: report.file.clone(),
            text: text.to_owned(),
            seed: history.seed.to_string(),
            digest: history.digest.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            reproduce: report.reproduce.clone(),
            oom_kills: short(history.counts.oom_kills),
            evictions: short(history.counts.evictions),
            restarts: short(history.counts.restarts),
            node: Node::of(history),
            series: Series::of(history),
            passes: Passes::of(history),
            instants,
            timeline: timeline_lines(history),
            deaths: death_rows(history),
            whys,
            risk: None,
            pods: pods(history),
            expectations: expectations(report),
            warnings: history.warnings.clone(),
        }
    }
}

impl Run {
    /// The same with who is at risk.
    pub fn with_risk(self, risk: Risk) -> Run {
        Run { risk: Some(risk), ..self }
    }
}

fn short(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

impl Node {
    fn of(history: &History) -> Node {
        let node = &history.node;
        Node {
            name: node.name.to_string(),
            capacity: number(node.capacity),
            allocatable: number(node.allocatable),
            kubepods_limit: node.kubepods_limit.map(number),
            eviction_hard: node.eviction_hard.map(number),
            pods_evicted_above: node.pods_evicted_above.map(number),
        }
    }
}

impl Series {
    fn of(history: &History) -> Series {
        let all = &history.series.samples;
        let stride = all.len().div_ceil(MOST_SAMPLES).max(1);
        // Of every stretch the sample with the largest working set, so that no peak is lost.
        let peaks = all.chunks(stride).filter_map(|stretch| stretch.iter().max_by_key(|sample| sample.working_set));
        let samples: Vec<_> = peaks.collect();
        let curve =
            |value: fn(&oomsim_core::record::Sample) -> Bytes| samples.iter().map(|s| number(value(s))).collect();
        let mut pods: Vec<PodSeries> = history
            .series
            .pods
            .iter()
            .map(|name| PodSeries { name: name.to_string(), usage: Vec::new(), working_set: Vec::new() })
            .collect();
        for (index, sample) in samples.iter().enumerate() {
            for pod in &sample.pods {
                let Some(series) = pods.get_mut(pod.pod as usize) else { continue };
                series.usage.resize(index, None);
                series.working_set.resize(index, None);
                series.usage.push(Some(number(pod.usage)));
                series.working_set.push(Some(number(pod.working_set)));
            }
        }
        for pod in &mut pods {
            pod.usage.resize(samples.len(), None);
            pod.working_set.resize(samples.len(), None);
        }
        Series {
            at: samples.iter().map(|sample| seconds(sample.at)).collect(),
            working_set: curve(|s| s.working_set),
            mem_available: curve(|s| s.mem_available),
            kubepods: curve(|s| s.kubepods_usage),
            kubepods_working_set: curve(|s| s.kubepods_working_set),
            pods,
        }
    }
}

impl Passes {
    fn of(history: &History) -> Passes {
        let stride = history.passes.len().div_ceil(MOST_SAMPLES).max(1);
        let names = &history.series.pods;
        let places: BTreeMap<_, _> = names.iter().enumerate().map(|(place, name)| (name, place)).collect();
        let capacity = number(history.node.capacity);
        let mut passes = Passes { pods: vec![Vec::new(); names.len()], ..Passes::default() };
        for pass in history.passes.iter().step_by(stride) {
            passes.at.push(seconds(pass.at));
            passes.verdicts.push(verdict(&pass.verdict));
            passes.working_set.push(capacity - pass.memory_available as f64);
            for figures in &pass.pods {
                let Some(curve) = places.get(&figures.pod).and_then(|place| passes.pods.get_mut(*place)) else {
                    continue;
                };
                curve.resize(passes.at.len() - 1, None);
                curve.push(figures.working_set.map(|bytes| bytes as f64));
            }
        }
        passes.pods.iter_mut().for_each(|curve| curve.resize(passes.at.len(), None));
        passes
    }
}

fn verdict(of: &PassVerdict) -> String {
    match of {
        PassVerdict::NoThreshold => "it has no threshold".into(),
        PassVerdict::NothingMet => "no threshold is met".into(),
        PassVerdict::GracePeriod { until } => {
            format!("a threshold is met; its grace period ends at {} s", until.as_secs_f64())
        }
        PassVerdict::NoNewFigures => "a threshold is met, but its figures are no newer than before".into(),
        PassVerdict::NoCandidate => "a pod should go, but none may".into(),
        PassVerdict::Evicts(pod) => format!("evicts {pod}"),
        _ => String::new(),
    }
}

fn timeline_lines(history: &History) -> Vec<TimelineLine> {
    let tone = |tone| match tone {
        Tone::Plain | Tone::Quiet => "plain",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    };
    let line = |(at, line): (SimTime, crate::timeline::EventLine)| TimelineLine {
        at: seconds(at),
        subject: line.who,
        reason: line.reason,
        message: line.message,
        tone: tone(line.tone),
    };
    timeline(history).map(line).collect()
}

fn death_rows(history: &History) -> Vec<Death> {
    let row = |death: crate::deaths::Death| Death {
        at: seconds(death.at),
        process: death.process(),
        of: death.of,
        by: death.by.to_owned(),
        why: death.why,
    };
    deaths(history).map(row).collect()
}

fn pods(history: &History) -> Vec<Pod> {
    let row = |pod: &oomsim_core::record::PodOutcome| Pod {
        name: pod.pod.to_string(),
        qos: pod.qos.to_string(),
        status: pod.status.to_string(),
        restarts: pod.restarts,
        usage: number(pod.usage),
        message: pod.message.to_string(),
    };
    history.pods.iter().map(row).collect()
}

fn expectations(report: &RunReport) -> Vec<Expectation> {
    let row = |result: &oomsim_core::record::expect::ExpectationResult| Expectation {
        holds: result.holds,
        expected: result.expected.clone(),
        found: result.found.clone(),
        source: result.source.clone(),
    };
    report.results.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_rs::{Config, TS};

    /// The page's types are these; `UPDATE_EXPECT=1 cargo test -p oomsim-report` writes them anew.
    #[test]
    fn the_types_of_the_page_are_these() {
        let config = Config::default();
        let types = [
            Page::decl(&config),
            Run::decl(&config),
            Node::decl(&config),
            Series::decl(&config),
            PodSeries::decl(&config),
            Passes::decl(&config),
            super::super::instant::Instant::decl(&config),
            super::super::instant::Cgroup::decl(&config),
            super::super::instant::Process::decl(&config),
            super::super::instant::Kubelet::decl(&config),
            super::super::instant::Belief::decl(&config),
            Seeds::decl(&config),
            StudyPage::decl(&config),
            super::super::study::StudyAxis::decl(&config),
            super::super::study::StudyCell::decl(&config),
            Compared::decl(&config),
            super::super::compared::ComparedDeath::decl(&config),
            super::super::compared::ComparedRow::decl(&config),
            super::super::seeds::Share::decl(&config),
            super::super::seeds::SeedRun::decl(&config),
            TimelineLine::decl(&config),
            Death::decl(&config),
            Why::decl(&config),
            Risk::decl(&config),
            super::super::risk::Threshold::decl(&config),
            super::super::risk::AtRisk::decl(&config),
            Pod::decl(&config),
            Expectation::decl(&config),
        ];
        let head = "// Written by the test of crates/report/src/html/data.rs.\n";
        let text: String = types.iter().map(|decl| format!("export {decl}\n")).collect();
        expect_test::expect_file!["../../../../web/src/data.ts"].assert_eq(&format!("{head}{text}"));
    }
}
