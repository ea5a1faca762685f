//! Pieces of work with a name, small enough to be counted instruction by instruction.

use crate::sweep::HOUR;
use crate::{hold, node_day, ramp, world};
use oomsim_core::record::Keep;
use std::io;

/// A piece of work.
pub struct Job {
    /// Name, without spaces.
    pub name: String,
    /// Does it; returns something that depends on all of it.
    pub run: Box<dyn Fn() -> u64>,
}

/// All of them. Those whose names begin with `reference` do not use oomsim: when they change, the toolchain did.
///
/// # Errors
/// When the folder of scenarios cannot be read.
pub fn jobs() -> io::Result<Vec<Job>> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut add = |name: &str, run: Box<dyn Fn() -> u64>| jobs.push(Job { name: name.into(), run });
    add("nothing", Box::new(|| 0));
    add("reference/w0-1000", Box::new(|| plain_hold(1_000)));
    add("reference/w1-hour", Box::new(|| node_day::heap_loop(1, HOUR).hash));
    add("reference/w1-hour-no-queue", Box::new(|| node_day::alone(1, HOUR).hash));
    add("reference/w1-hour-ramps", Box::new(|| ramp::ramp_skip(1, HOUR).hash));
    add("w0-1000", Box::new(|| engine_hold(1_000)));
    add("w0-100000", Box::new(|| engine_hold(100_000)));
    add("w1-hour", Box::new(|| world::run(&world::node("1h", true), 1, Keep::Events).events));
    add("w1-hour-without-jitter", Box::new(|| world::run(&world::node("1h", false), 1, Keep::Events).events));
    for pods in [100, 1_000] {
        let run = move || world::run(&world::crowd(pods), 1, Keep::Outcome).events;
        add(&format!("pods-{pods}"), Box::new(run));
    }
    let worker = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../studies/worker.toml"))?;
    add("settings-100", Box::new(move || world::settings(&worker, 100)));
    for path in world::stories()? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().replace(' ', "-");
        let run = move || {
            let scenario = world::read(&path);
            world::run(&scenario, scenario.seed, Keep::Series).events
        };
        add(&format!("story/{name}"), Box::new(run));
    }
    Ok(jobs)
}

const HOLDS: u64 = 200_000;

fn plain_hold(n: u32) -> u64 {
    let mut plain = hold::Plain::new(n);
    plain.hold(HOLDS);
    plain.checks().sum
}

fn engine_hold(n: u32) -> u64 {
    let mut engine = hold::Engine::new(n);
    engine.hold(HOLDS);
    engine.checks().sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_without_spaces() {
        let jobs = jobs().unwrap();
        for (i, job) in jobs.iter().enumerate() {
            assert!(!job.name.contains(' '));
            assert!(jobs[..i].iter().all(|other| other.name != job.name), "{}", job.name);
        }
    }
}
