//! For how long the processes of an experiment waited for memory, how far they came and how long they stood still,
//! recorded and simulated.

use super::decide;
use super::machine;
use super::op::Op;
use super::row::Experiment;
use oomsim_core::kernel::Profile;
use serde_json::Value;

/// Seconds of a whole experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Waited {
    /// Row of the kernel's version.
    pub kernel: String,
    /// `some total` of `memory.pressure`.
    pub some: (f64, f64),
    /// `full total`.
    pub full: (f64, f64),
}

impl Waited {
    /// By which factor the simulation is off, 1 or more; `None`: one of the two is nothing, the other is not.
    pub fn factor((recorded, simulated): (f64, f64)) -> Option<f64> {
        // Shorter than a tick of the recordings' clock is nothing.
        match (recorded >= TICK, simulated >= TICK) {
            (true, true) => Some((recorded / simulated).max(simulated / recorded)),
            (false, false) => Some(1.0),
            _ => None,
        }
    }
}

/// A tick of 250 in a second.
const TICK: f64 = 0.004;

/// What was recorded (the first figure of each pair) and what is simulated; `None`: the row cannot be read.
pub fn waited(row: &Value) -> Option<Waited> {
    let row: Experiment = crate::kernel::parse(row).ok()?;
    let run = machine::run(&row, decide(&row).1).ok()?;
    let end = row.steps.iter().rev().find(|step| !step.after.is_empty())?;
    let top = |path: &str| path.matches('/').count() == 1;
    let states = end.after.iter().filter(|(path, _)| top(path)).map(|(_, state)| state);
    let (mut some, mut full) = (0.0, 0.0);
    for state in states {
        some += state.psi_us.some as f64 / 1e6;
        full += state.psi_us.full as f64 / 1e6;
    }
    let profile: Profile = row.profile().ok()?;
    let simulated = run.waited.as_secs_f64();
    let of_full = f64::from(profile.psi_full_permille) / 1000.0 * simulated;
    Some(Waited { kernel: profile.version, some: (some, simulated), full: (full, of_full) })
}

/// A process that ran beside others and did not come to its end: each pair has what was recorded, then what is
/// simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// Row of the kernel's version.
    pub kernel: String,
    /// Units – pages, children – that it had done.
    pub units: (f64, f64),
    /// Seconds from the last of them to its death or to the end of the recording; `None`: others ran on, and the row
    /// does not say when it died.
    pub stood: Option<(f64, f64)>,
}

/// The processes of an experiment that stopped in the recording and in the simulation; `None`: it cannot be read.
pub fn halts(row: &Value) -> Option<Vec<Halt>> {
    let row: Experiment = crate::kernel::parse(row).ok()?;
    let run = machine::run(&row, decide(&row).1).ok()?;
    let kernel = row.profile().ok()?.version;
    let end = row.steps.last()?.t;
    let alone = row.starts().count() == 1;
    let halt = |(who, stopped): (&String, &machine::Stopped)| {
        let last = row.progress.get(who)?.last()?;
        let step = row.starts().find(|s| s.who == *who)?;
        if last[0] >= step.number(if step.op == Op::StartHot { 3 } else { 0 }) as f64 {
            return None;
        }
        let stood = ((end - last[1]) / 1000.0, stopped.end.since(stopped.last).as_secs_f64());
        let units = (last[0], stopped.units as f64);
        Some(Halt { kernel: kernel.clone(), units, stood: alone.then_some(stood) })
    };
    Some(run.stopped.iter().filter_map(halt).collect())
}
