//! Random scenarios against what holds of every run.

use oomsim_core::record::{Digest, Keep};
use oomsim_core::units::SimTime;
use oomsim_core::{BootedNode, Simulation, simulate};
use oomsim_scenario::{NoFiles, load, to_toml};
use oomsim_testkit::random::{Case, case};
use oomsim_testkit::read_file;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::path::Path;
use std::sync::Arc;

/// Most pods of a scenario that was changed as a text, and most events of its run.
const MOST_PODS: u32 = 50;
const MOST_EVENTS: usize = 50_000;

/// The scenario of a number.
fn scenario(number: u64) -> Result<Case, String> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    case().new_tree(&mut runner).map(|tree| tree.current()).map_err(|why| why.to_string())
}

/// Makes the scenario of a number, and holds its runs against each other.
///
/// # Errors
/// What two of them differ in, with the scenario.
pub fn attempt(number: u64) -> Result<(), String> {
    let case = scenario(number)?;
    check(&case, number).map_err(|why| format!("{why}\n{}", case.text))
}

/// Scenarios of these numbers, as texts.
pub fn texts(numbers: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    numbers.filter_map(|number| scenario(number).ok()).map(|case| case.text.into_bytes()).collect()
}

/// Holds the runs of a scenario against each other, if the text is one, and a small one.
///
/// # Errors
/// What two of them differ in.
pub fn simulation(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Ok(read) = load(&text, "fuzz.toml", &NoFiles, &[]) else { return Ok(()) };
    let scenario = read.scenario;
    let pods = scenario.pods.iter().fold(0u32, |sum, pod| sum.saturating_add(pod.replicas));
    let samples = scenario.duration.as_nanos() / scenario.sample_every.as_nanos().max(1);
    if pods > MOST_PODS || samples > MOST_EVENTS as u64 {
        return Ok(());
    }
    let mut run = Simulation::new(Arc::clone(&scenario), 0, Keep::Outcome);
    let events = std::iter::from_fn(|| run.step()).take(MOST_EVENTS).count();
    if events == MOST_EVENTS { Ok(()) } else { check(&Case { text, scenario }, 0) }
}

fn check(case: &Case, seed: u64) -> Result<(), String> {
    let scenario = &case.scenario;
    let straight = simulate(scenario, seed, Keep::Events).map_err(|why| why.to_string())?.digest;
    let same = |what: &str, digest: Digest| {
        if digest == straight { Ok(()) } else { Err(format!("{what}: digest {digest}, straight {straight}")) }
    };
    same("forked, with the books audited", forked(scenario, seed)?)?;
    same("audited every 64 events", audited(scenario, seed, 64)?)?;
    let text = to_toml(scenario);
    let read = load(&text, "written.toml", &NoFiles, &[]).map_err(|problems| format!("written: {}", problems[0]))?;
    let written = simulate(&read.scenario, seed, Keep::Outcome).map_err(|why| why.to_string())?;
    same("through a file", written.digest)?;
    // As a sweep does it: copies of one booted node, on several threads.
    let booted = BootedNode::new(Arc::clone(scenario), Keep::Outcome);
    let on_threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| booted.clone().run(seed))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    on_threads.into_iter().try_for_each(|run| match run {
        Ok(Ok(history)) => same("on a thread", history.digest),
        Ok(Err(why)) => Err(why.to_string()),
        Err(panic) => Err(crate::said(&*panic)),
    })
}

/// A scenario file of the repository: all memory is added up every `every` events.
///
/// # Errors
/// Where the books are wrong, or the digest differs.
pub fn audit(file: &Path, every: u64) -> Result<(), String> {
    for kind in read_file(file) {
        let seed = kind.scenario.seed;
        let straight = simulate(&kind.scenario, seed, Keep::Outcome).map_err(|why| why.to_string())?.digest;
        let audited = audited(&kind.scenario, seed, every).map_err(|why| format!("{}: {why}", file.display()))?;
        if audited != straight {
            return Err(format!("{}: digest {audited}, straight {straight}", file.display()));
        }
    }
    Ok(())
}

/// The run, stopped after each `every` events to add up all memory.
fn audited(scenario: &Arc<oomsim_core::plan::Scenario>, seed: u64, every: u64) -> Result<Digest, String> {
    let mut simulation = Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
    let mut left = every;
    while let Some(key) = simulation.step() {
        left -= 1;
        if left == 0 {
            simulation.audit().map_err(|why| format!("after {key:?}: {why}"))?;
            left = every;
        }
    }
    Ok(simulation.finish().digest)
}

/// The run, stopped every ten seconds to add up all memory, and gone on with as a copy.
fn forked(scenario: &Arc<oomsim_core::plan::Scenario>, seed: u64) -> Result<Digest, String> {
    let mut simulation = Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
    for tenth in 1..9 {
        simulation.run_until(SimTime::from_secs(10 * tenth)).map_err(|why| why.to_string())?;
        simulation.audit().map_err(|why| format!("at {}: {why}", simulation.now()))?;
        simulation = simulation.clone();
    }
    simulation.run_until(SimTime::MAX).map_err(|why| why.to_string())?;
    Ok(simulation.finish().digest)
}
