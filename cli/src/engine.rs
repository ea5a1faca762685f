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
use oomsim_report::spool::{Replay, Spool};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek};
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

/// Runs a scenario to the end as [`run_shown`] does, and puts its memory over time aside in `file`. The history has it
/// only where an expectation needs it.
///
/// # Errors
/// As for [`boot`] and [`run`], or when the file cannot be written.
pub fn run_spooled(scenario: &Arc<Scenario>, seed: u64, file: File) -> Result<(History, Spooled), Failure> {
    let held = kept(scenario, Keep::Events) == Keep::Series;
    if held {
        memory::check_series(scenario)?;
    }
    guarded(|| {
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Series).without_passes();
        let (mut spool, mut samples) = (Spool::new(file), Vec::new());
        let mut put = |some: Vec<Sample>| {
            some.iter().try_for_each(|sample| spool.take(sample)).map_err(not_put_aside)?;
            samples.extend(some.into_iter().filter(|_| held));
            Ok::<(), Failure>(())
        };
        in_parts(&mut run, &scenario.name, scenario.duration, "simulated seconds", |run| put(run.stream_samples()))?;
        let mut history = run.finish();
        put(std::mem::take(&mut history.series.samples))?;
        history.series.samples = samples;
        Ok((history, Spooled(spool.finish().map_err(not_put_aside)?)))
    })
}

fn not_put_aside(why: io::Error) -> Failure {
    Failure::internal(format!("memory over time could not be put aside in the folder of --out: {why}"))
}

/// Memory over time of a run that is over.
pub struct Spooled(File);

impl Spooled {
    /// Gives the samples to `give` in order, some at a time. Says how far it is when that takes longer than a moment.
    ///
    /// # Errors
    /// When the file cannot be read, and what `give` returns.
    pub fn replay(
        mut self,
        duration: SimDuration,
        mut give: impl FnMut(&[Sample]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.0.rewind().map_err(not_put_aside)?;
        let (mut replay, progress) = (Replay::new(self.0), Progress::new("simulated seconds written"));
        let second = 1_000_000_000;
        while let Some(samples) = replay.next_block().map_err(not_put_aside)? {
            give(samples)?;
            let now = samples.last().map_or(0, |sample| sample.at.as_nanos() / second);
            progress.at(now, duration.as_nanos() / second, now);
        }
        Ok(())
    }
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
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Series).without_passes();
        run.watch(watched);
        let write = |run: &mut Simulation| {
            run.drop_records();
            give(&run.stream_samples())
        };
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

/// Gives the node of a run at each instant at which a monitoring system scrapes it: the run is simulated once more.
///
/// # Errors
/// As for [`run`].
pub fn scrapes(scenario: &Arc<Scenario>, seed: u64, mut give: impl FnMut(&NodeView)) -> Result<(), Failure> {
    let end = SimTime::ZERO.saturating_add(scenario.duration);
    guarded(|| {
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
        for at in scrape_times(end) {
            run.run_until(at).map_err(|why| Failure::internal(format!("the run was stopped: {why}")))?;
            if run.now() < at {
                break; // The kernel has panicked: nothing answers any more.
            }
            give(&run.view());
        }
        Ok(())
    })
}

/// How often a run says how far it is.
const PARTS: u64 = 200;
