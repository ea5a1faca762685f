//! Running scenarios.

use crate::exit::Failure;
use crate::memory;
use crate::progress::Progress;
use oomsim_core::node::NodeView;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep, Sample};
use oomsim_core::units::{Pid, SimDuration, SimTime};
use oomsim_core::{BootedNode, Simulation};
use oomsim_report::openmetrics::scrape_times;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the text of a panic for [`guarded`] instead of printing it.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| LAST_PANIC.with(|last| *last.borrow_mut() = info.to_string())));
}

/// Runs something that must not fail; a defect in it becomes an internal error.
///
/// # Errors
/// What `work` returns, or an internal error when it panicked.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = LAST_PANIC.with(|last| std::mem::take(&mut *last.borrow_mut()));
        Err(Failure::internal(format!(
            "internal error: {what}\n  help: this is a defect of oomsim, not of the input; please report it with the command and its files"
        )))
    })
}

/// At least `keep`, and what the scenario's expectations need.
pub fn kept(scenario: &Scenario, keep: Keep) -> Keep {
    scenario.expectations.iter().map(|expectation| expectation.needs()).fold(keep, Keep::max)
}

/// A scenario's node, of whose runs at least `keep` is kept and what its expectations need.
///
/// # Errors
/// When what is kept would not fit in memory.
pub fn boot(scenario: &Arc<Scenario>, keep: Keep) -> Result<BootedNode, Failure> {
    let keep = kept(scenario, keep);
    if keep == Keep::Series {
        memory::check_series(scenario)?;
    }
    Ok(BootedNode::new(Arc::clone(scenario), keep))
}

/// Runs a node to the end.
///
/// # Errors
/// When the run had to be broken off.
pub fn run(node: BootedNode, seed: u64) -> Result<History, Failure> {
    let name = node.scenario().name.clone();
    guarded(|| node.run(seed).map_err(|why| Failure::internal(format!("{name}: the run was stopped: {why}"))))
}

/// Runs a node to the end as [`run`] does, and says how far it is when that takes longer than a moment.
///
/// # Errors
/// As for [`run`].
pub fn run_shown(node: BootedNode, seed: u64) -> Result<History, Failure> {
    let (name, duration) = (node.scenario().name.clone(), node.scenario().duration);
    guarded(|| {
        let mut run = node.simulation(seed);
        in_parts(&mut run, &name, duration, "simulated seconds", |_| Ok(()))?;
        Ok(run.finish())
    })
}

/// Simulates a run once more for its memory over time and that of the processes `watched`: `give` gets the samples in
/// order, so that none is held longer than it takes to write it. Says how far it is when that takes longer than a
/// moment.
///
/// # Errors
/// As for [`run`], and what `give` returns.
pub fn stream_samples(
    scenario: &Arc<Scenario>,
    seed: u64,
    watched: Vec<Pid>,
    mut give: impl FnMut(&[Sample]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    guarded(|| {
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Series);
        run.watch(watched);
        let write = |run: &mut Simulation| give(&run.stream_samples());
        in_parts(&mut run, &scenario.name, scenario.duration, "simulated seconds written", write)?;
        give(&run.finish().series.samples)
    })
}

/// Runs to the end in parts, with something to do after each.
fn in_parts(
    run: &mut Simulation,
    name: &str,
    duration: SimDuration,
    what: &'static str,
    mut after: impl FnMut(&mut Simulation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let until = duration.as_nanos();
    let progress = Progress::new(what);
    for part in 1..=PARTS {
        let at = u64::try_from(u128::from(until) * u128::from(part) / u128::from(PARTS)).unwrap_or(until);
        let at = if part == PARTS { SimTime::MAX } else { SimTime::from_nanos(at) };
        let stopped = |why| Failure::internal(format!("{name}: the run was stopped: {why}"));
        run.run_until(at).map_err(stopped)?;
        let now = run.now().as_nanos() / 1_000_000_000;
        progress.at(now, until / 1_000_000_000, now);
        after(run)?;
    }
    Ok(())
}

/// The node of a run at each instant at which a monitoring system scrapes it: the run is simulated once more.
///
/// # Errors
/// As for [`run`].
pub fn scrapes(scenario: &Arc<Scenario>, seed: u64) -> Result<Vec<NodeView>, Failure> {
    let end = SimTime::ZERO.saturating_add(scenario.duration);
    guarded(|| {
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
        let mut found = Vec::new();
        for at in scrape_times(end) {
            run.run_until(at).map_err(|why| Failure::internal(format!("the run was stopped: {why}")))?;
            if run.now() < at {
                break; // The kernel has panicked: nothing answers any more.
            }
            found.push(run.view());
        }
        Ok(found)
    })
}

/// How often a run says how far it is.
const PARTS: u64 = 200;
