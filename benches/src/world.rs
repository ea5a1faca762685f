//! The same work as scenarios of oomsim.

use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep};
use oomsim_core::units::SimTime;
use oomsim_core::{Simulation, simulate};
use oomsim_scenario::{Document, FileError, Files, NoFiles, load, load_kinds};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Folder of the scenarios.
pub const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// W1.
const NODE_DAY: &str = include_str!("../../scenarios/bench/w1-node-day.toml");
/// Many pods on one node.
const CROWD: &str = include_str!("../../scenarios/bench/crowd.toml");
/// The line of W1 that makes its blocks come at random intervals.
const JITTER: &str = "jitter = { spread = \"100ms\" }\n";

/// Kills, evictions and starts of containers in a node-day of the reference loops; a scenario draws from other
/// streams, and has to agree within one percent.
pub const DAY: [(&str, u64); 3] = [("kills", 15_440), ("evictions", 3_265), ("starts", 18_757)];

/// The folder of a scenario, for the files that it names.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, FileError> {
        fs::read_to_string(self.0.join(path)).map_err(|e| e.to_string().into())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let entries = fs::read_dir(self.0.join(directory)).map_err(|e| e.to_string())?;
        Ok(entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
    }
}

/// A scenario file, read and validated; of several kinds of node the first.
///
/// # Panics
/// When it has an error: then there is nothing to measure.
pub fn read(path: &Path) -> Arc<Scenario> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let folder = Folder(path.parent().unwrap_or(Path::new(".")).to_path_buf());
    let name = path.to_string_lossy();
    let kinds = load_kinds(&text, &name, &folder, &[]).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    kinds.into_iter().next().expect("at least one kind of node").scenario
}

/// W1 for that long (`"24h"`), with or without random intervals.
pub fn node(duration: &str, jitter: bool) -> Arc<Scenario> {
    let text = if jitter { NODE_DAY.to_owned() } else { NODE_DAY.replace(JITTER, "") };
    let overrides = [format!("duration={duration}")];
    let folder = Folder(PathBuf::from(SCENARIOS));
    load(&text, "w1", &folder, &overrides).unwrap_or_else(|problems| panic!("w1: {problems:?}")).scenario
}

/// Reads a scenario with this many different thresholds, as a study without repetitions does.
///
/// # Panics
/// When the scenario has an error.
pub fn settings(text: &str, points: u64) -> u64 {
    let document = Document::parse(text, "worker.toml").expect("TOML");
    let read = |n: u64| {
        let threshold = format!("kubelet.evictionHard.\"memory.available\"={}Mi", 100 + n);
        document.scenario(&NoFiles, &[threshold], None).expect("a good scenario").scenario.duration.as_nanos()
    };
    (0..points).map(read).sum()
}

/// An hour of this many independent pods on one node.
pub fn crowd(pods: u32) -> Arc<Scenario> {
    let text = CROWD.replace("replicas = 100\n", &format!("replicas = {pods}\n"));
    let folder = Folder(PathBuf::from(SCENARIOS));
    load(&text, "crowd", &folder, &[]).unwrap_or_else(|problems| panic!("crowd: {problems:?}")).scenario
}

/// One run, with this much kept.
///
/// # Panics
/// When the engine's limits are exceeded.
pub fn run(scenario: &Arc<Scenario>, seed: u64, keep: Keep) -> History {
    simulate(scenario, seed, keep).expect("far below the limits of the engine")
}

/// The figures of [`DAY`].
pub fn figures(history: &History) -> [u64; 3] {
    let starts =
        history.entries.iter().filter(|e| oomsim_core::record::view::kind(&e.record).name == "ContainerStarted");
    [history.counts.oom_kills, history.counts.evictions, starts.count() as u64]
}

/// W3: nodes with seeds 1, 2, …, run to the end in turn, all of them alive to the end. Returns the kills.
pub fn fleet(scenario: &Arc<Scenario>, nodes: u64) -> u64 {
    let new = |seed| Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
    let mut nodes: Vec<Simulation> = (1..=nodes).map(new).collect();
    for node in &mut nodes {
        node.run_until(SimTime::MAX).expect("far below the limits of the engine");
    }
    nodes.into_iter().map(|node| node.finish().counts.oom_kills).sum()
}

/// The scenario files that are stories, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn stories() -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(SCENARIOS)?.flatten().map(|e| e.path());
    let mut paths: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_day;
    use crate::sweep::HOUR;

    /// A check every 10 s, whether or not a pod is being evicted: the reference loop makes 359 of them in an hour.
    /// Where pods take 10 ms to die, each of the 130 evictions puts the next check off by as much, which is one check
    /// at most. A kubelet that took the poll of one eviction for that of another would look more often.
    #[test]
    fn the_kubelet_looks_as_often_as_the_loop() {
        let ticks = node_day::heap_loop(1, HOUR).ticks;
        let checks = |exit: &str| {
            let overrides = ["duration=1h".to_owned(), format!("node.exit.base={exit}")];
            let scenario = load(NODE_DAY, "w1", &NoFiles, &overrides).unwrap().scenario;
            let counts = run(&scenario, 1, Keep::Outcome).counts;
            assert!(counts.evictions > 100, "{counts:?}");
            counts.passes
        };
        assert_eq!(checks("0s"), ticks);
        assert!((ticks - 1..=ticks).contains(&checks("10ms")), "{}", checks("10ms"));
    }

    #[test]
    fn a_node_without_jitter_does_the_same_with_few_events() {
        let (with, without) = (run(&node("20m", true), 1, Keep::Outcome), run(&node("20m", false), 1, Keep::Outcome));
        let blocks = |h: &History| h.counts.allocations as f64;
        assert!((blocks(&with) / blocks(&without) - 1.0).abs() < 0.02, "{} {}", blocks(&with), blocks(&without));
        assert!(without.events * 10 < with.counts.allocations, "{} events", without.events);
    }
}
