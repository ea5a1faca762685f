//! What happens if one pod grows and everything else stays as it is.

use super::deaths::deaths;
use crate::measure::RunOutcome;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{PodPlan, ProcessPlan, Scenario};
use oomsim_core::record::{History, Record};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Ramp, Steady, Then, Trace, TracePoint, Traced};
use std::sync::Arc;

/// How much a pod grows.
pub const GROWTH: Bytes = Bytes::gib(1);
/// How fast, in bytes per second.
pub const GROWTH_RATE: Bytes = Bytes::mib(10);
/// How long the node is watched after the pod has grown.
const AFTER: SimDuration = SimDuration::from_secs(60);

/// What the growth of a pod comes to in one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Growth {
    /// Who dies first: `namespace/name` of the pod, and by whose hand; none: no container dies.
    pub first: Option<(Name, RunOutcome)>,
    /// How much it had grown by then, in steps of a second.
    pub grown: Bytes,
}

/// The scenario with one pod that grows from the beginning, and how long to run it; `None`: the pod has no container
/// that could grow.
pub fn grown(scenario: &Scenario, pod: usize) -> Option<Scenario> {
    let mut changed = scenario.clone();
    let plan = changed.pods.get_mut(pod)?;
    plan.replicas = 1;
    let start = plan.at;
    let container = plan.containers.iter_mut().max_by_key(|c| c.processes.first().map(held))?;
    let process = container.processes.first_mut()?;
    match grows(&process.behavior) {
        Some(behavior) => process.behavior = Arc::new(behavior),
        None => {
            let ramp = Ramp { from: Bytes::ZERO, rate: GROWTH_RATE, to: Some(GROWTH), then: Then::Hold };
            let behavior = Arc::new(Behavior::Ramp(ramp));
            let more = ProcessPlan { behavior, ..ProcessPlan::idle(&container.name) };
            container.processes.push(more);
        }
    }
    changed.duration = start.since(SimTime::ZERO) + growing() + AFTER;
    Some(changed)
}

/// How long a pod grows.
fn growing() -> SimDuration {
    SimDuration::from_secs(GROWTH.get().div_ceil(GROWTH_RATE.get()))
}

fn held(process: &ProcessPlan) -> Bytes {
    match &*process.behavior {
        Behavior::Steady(steady) => steady.anon,
        Behavior::Trace(trace) => trace.amounts().next().map_or(Bytes::ZERO, |(_, amount)| amount),
        _ => process.footprint.anon,
    }
}

/// A program that holds memory, and takes more.
fn grows(behavior: &Behavior) -> Option<Behavior> {
    match behavior {
        Behavior::Steady(Steady { anon, active_file: Bytes::ZERO }) => {
            let (from, to) = (*anon, Some(*anon + GROWTH));
            Some(Behavior::Ramp(Ramp { from, rate: GROWTH_RATE, to, then: Then::Hold }))
        }
        Behavior::Steady(Steady { anon, active_file }) => {
            let holds = |at, amount| TracePoint { at, what: Traced::Holds { amount, active_file: *active_file } };
            let points = vec![holds(SimDuration::ZERO, *anon), holds(growing(), *anon + GROWTH)];
            Some(Behavior::Trace(Trace { points, ..Trace::default() }))
        }
        Behavior::Trace(trace) => Some(Behavior::Trace(Trace { points: raised(trace), linear: true, ..trace.clone() })),
        _ => None,
    }
}

/// A recorded curve with the growth on top of it: a process that was restarted in the recording grows on.
fn raised(trace: &Trace) -> Vec<TracePoint> {
    let end = growing();
    let held = trace.points.iter().filter_map(|point| match point.what {
        Traced::Holds { amount, active_file } => Some((point.at, amount, active_file)),
        Traced::Gap | Traced::Restart => None,
    });
    let held: Vec<_> = held.collect();
    let value = |at: SimDuration| {
        let after = held.partition_point(|point| point.0 <= at);
        let before = after.checked_sub(1).and_then(|i| held.get(i)).or(held.first());
        before.map_or((Bytes::ZERO, Bytes::ZERO), |point| (point.1, point.2))
    };
    let more = |at: SimDuration| {
        let nanos = u128::from(at.min(end).as_nanos());
        Bytes::new(u64::try_from(u128::from(GROWTH.get()) * nanos / u128::from(end.as_nanos().max(1))).unwrap_or(0))
    };
    let mut times: Vec<SimDuration> = held.iter().map(|point| point.0).filter(|at| *at < end).collect();
    times.extend([SimDuration::ZERO, end]);
    times.sort_unstable();
    times.dedup();
    let point = |at| {
        let (amount, active_file) = value(at);
        TracePoint { at, what: Traced::Holds { amount: amount + more(at), active_file } }
    };
    times.into_iter().map(point).collect()
}

/// What a run of [`grown`] comes to.
pub fn outcome(history: &History, plan: &PodPlan) -> Growth {
    let (first, _) = deaths(history);
    let first = first.into_iter().min_by_key(|(_, (at, _))| *at);
    let at = first.as_ref().map_or(history.ended_at, |(_, (at, _))| *at);
    let pod = plan.full_name();
    let started = history.entries.iter().find_map(|entry| match &entry.record {
        Record::ContainerStarted { pod: started, .. } if **started == *pod => Some(entry.at),
        _ => None,
    });
    let started = started.map_or(at, |started| started.min(at));
    let seconds = at.since(started).min(growing()).as_nanos() / 1_000_000_000;
    let grown = Bytes::new(seconds.saturating_mul(GROWTH_RATE.get())).min(GROWTH);
    Growth { first: first.map(|((pod, _), (_, outcome))| (pod, outcome)), grown }
}
