//! What is to be prevented, and what became of everything else.

use crate::run::Run;
use crate::why::who;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{Cause, DeathCause, Happening, History, Owner, Record, happenings};
use oomsim_core::units::SimTime;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whom it happened to, by the names of the plan: a pod that comes back has another name in each run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// A process of a container.
    Process {
        /// Pod of the plan, `namespace/name`.
        pod: String,
        /// Container.
        container: String,
        /// `comm`, unless it is the container's first process, with which the container ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        process: Option<String>,
    },
    /// A pod of the plan.
    Pod(String),
    /// A process of the node.
    Host(String),
}

impl Target {
    /// Whom something happened to; `None`: it is not known, or nothing about memory happened.
    pub fn of(run: &Run, happening: &Happening) -> Option<Target> {
        targets(run.scenario(), &run.history().entries[happening.entry].record).into_iter().next()
    }

    /// The pod that it is, or is in.
    pub fn pod(&self) -> Option<&str> {
        match self {
            Target::Process { pod, .. } | Target::Pod(pod) => Some(pod),
            Target::Host(_) => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Process { pod, container, process } => {
                let of = process.as_ref().map_or_else(String::new, |comm| format!("{comm} of "));
                write!(f, "{of}{}/{container}", crate::fact::short_pod(pod))
            }
            Target::Pod(pod) => f.write_str(crate::fact::short_pod(pod)),
            Target::Host(name) => write!(f, "{name} on the node"),
        }
    }
}

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// The mechanism.
    pub cause: Cause,
    /// The first time.
    #[serde(rename = "t", serialize_with = "crate::fact::instant")]
    pub at: SimTime,
}

/// The plan's name of a pod.
fn plan_name(scenario: &Scenario, pod: &str) -> String {
    let names = scenario.pods.iter().map(|plan| plan.full_name());
    let fits = names.filter(|name| pod.strip_prefix(name.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('-')));
    fits.max_by_key(String::len).unwrap_or_else(|| pod.to_owned())
}

/// The process of an owner.
fn owned(scenario: &Scenario, owner: &Owner, comm: &str) -> Target {
    match owner {
        Owner::Container { pod, container } => {
            let pod = plan_name(scenario, pod);
            let plan = scenario.pods.iter().find(|plan| plan.full_name() == pod);
            let own = plan.and_then(|plan| plan.containers.iter().find(|own| own.name == *container));
            let is_first = own.is_none_or(|own| own.processes.first().is_none_or(|first| *first.comm == *comm));
            let process = (!is_first).then(|| comm.to_owned());
            Target::Process { pod, container: container.to_string(), process }
        }
        Owner::Host(name) => Target::Host(name.to_string()),
    }
}

/// Whom a record is about; of a group that dies together, the first process of the container comes first.
fn targets(scenario: &Scenario, record: &Record) -> Vec<Target> {
    match record {
        Record::OomKill { report, killed_owners, .. } => {
            let killed = report.killed_tasks().zip(killed_owners);
            let mut all: Vec<Target> = killed.map(|(task, owner)| owned(scenario, owner, &task.comm)).collect();
            all.sort_by_key(|target| matches!(target, Target::Process { process: Some(_), .. }));
            all
        }
        Record::ProcessExited { owner, comm, .. }
        | Record::AllocationRefused { owner, comm, .. }
        | Record::RuntimeOutOfMemory { owner, comm, .. } => vec![owned(scenario, owner, comm)],
        Record::Evicted { pod, .. } | Record::PodRejected { pod, .. } => vec![Target::Pod(plan_name(scenario, pod))],
        other => match who(other) {
            Some(crate::fact::Who::Pod(pod)) => vec![Target::Pod(plan_name(scenario, &pod))],
            _ => Vec::new(),
        },
    }
}

/// Bad things about memory that happened, to whom, and when first.
pub(super) fn fates(scenario: &Scenario, history: &History) -> BTreeMap<Target, Fate> {
    let mut all: BTreeMap<Target, Fate> = BTreeMap::new();
    for happening in happenings(history).iter().filter(|h| bad(h, history)) {
        for target in targets(scenario, &history.entries[happening.entry].record) {
            all.entry(target).or_insert(Fate { cause: happening.cause, at: happening.at });
        }
    }
    all
}

/// Deaths and refusals; what follows from them is not counted again.
fn bad(happening: &Happening, history: &History) -> bool {
    match happening.cause {
        Cause::BackOff | Cause::ContainerGone | Cause::Signal => false,
        Cause::Exit => {
            let record = &history.entries[happening.entry].record;
            !matches!(record, Record::ProcessExited { cause: DeathCause::ContainerStop, .. })
        }
        _ => true,
    }
}

/// What became of a target in a run of a scenario; `None`: it came to no harm.
pub fn harm_of(scenario: &Scenario, history: &History, target: &Target) -> Option<Fate> {
    harm(target, &fates(scenario, history)).copied()
}

/// Whether a target came to harm, itself or as part of its pod.
pub(super) fn harm<'a>(target: &Target, fates: &'a BTreeMap<Target, Fate>) -> Option<&'a Fate> {
    let same = |other: &Target| match (target, other) {
        (Target::Process { pod, .. }, Target::Pod(of)) | (Target::Pod(of), Target::Process { pod, .. }) => pod == of,
        _ => target == other,
    };
    fates.iter().filter(|(other, _)| same(other)).map(|(_, fate)| fate).min_by_key(|fate| fate.at)
}
