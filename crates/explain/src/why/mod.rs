//! From something that happened to its explanation.

mod after;
mod evict;
mod kill;
mod not;
mod others;
mod passes;
mod refuse;

pub use not::{Unhappened, explain_not};

use crate::candidates::Candidates;
use crate::fact::{Link, Who, instant};
use crate::run::Run;
use oomsim_core::record::view::subject;
use oomsim_core::record::{Cause, Choice, Happening, Owner, Record};
use oomsim_core::units::SimTime;
use serde::Serialize;

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its number among everything that has a cause, from 1; 0 for something that did not happen.
    pub number: u64,
    /// When.
    #[serde(rename = "t", serialize_with = "instant")]
    pub at: SimTime,
    /// The mechanism.
    pub cause: Cause,
    /// How the OOM killer came to its victim.
    pub choice: Option<Choice>,
    /// Whom it happened to.
    pub who: Option<Who>,
    /// It died although it had not grown.
    pub innocent: bool,
    /// The chain, from the root to what happened.
    pub chain: Vec<Link>,
    /// Why this one: what decided, and why not the obvious one.
    pub choosing: Vec<Link>,
    /// Everyone who could have been chosen.
    pub candidates: Option<Candidates>,
    /// What followed.
    pub after: Vec<Link>,
}

/// Explains something that happened; `number` is its place in [`Run::happenings`], from 1.
pub fn explain(run: &Run, number: usize, happening: &Happening) -> Explanation {
    let record = &run.history().entries[happening.entry].record;
    let mut explanation = Explanation {
        number: number as u64,
        at: happening.at,
        cause: happening.cause,
        choice: happening.choice,
        who: who(record),
        innocent: false,
        chain: Vec::new(),
        choosing: Vec::new(),
        candidates: None,
        after: Vec::new(),
    };
    match record {
        Record::OomKill { report, limit, killed_owners } => {
            kill::kill(run, &mut explanation, report, limit, killed_owners);
        }
        Record::Evicted { pod, .. } => evict::evicted(run, &mut explanation, pod, record),
        Record::PodRejected { .. } => others::rejected(run, &mut explanation, record),
        Record::AllocationRefused { .. } => refuse::refused(run, &mut explanation, record),
        Record::RuntimeOutOfMemory { .. } => refuse::by_runtime(run, &mut explanation, record),
        Record::Stalled { .. } => others::stalled(&mut explanation, record),
        Record::KillFailed { .. } => others::stop_failed(run, &mut explanation, happening.entry),
        Record::BackOff { .. } => others::back_off(run, &mut explanation, happening.entry),
        Record::ProcessExited { .. } => others::exited(run, &mut explanation, happening.entry),
        Record::KernelPanic { message } | Record::KubeletNotStarted { message } => {
            others::message(&mut explanation, message);
        }
        _ => {}
    }
    after::follow(run, &mut explanation, happening.entry);
    explanation
}

/// Whom a record is about.
pub(crate) fn who(record: &Record) -> Option<Who> {
    match record {
        Record::OomKill { report, killed_owners, .. } => {
            report.killed_tasks().next().map(|task| Who::process(task.pid, &task.comm, killed_owners.first()))
        }
        Record::ProcessExited { pid, comm, owner, .. }
        | Record::AllocationRefused { pid, comm, owner, .. }
        | Record::RuntimeOutOfMemory { pid, comm, owner, .. } => Some(Who::process(*pid, comm, Some(owner))),
        Record::Stalled { owner: Owner::Host(_), .. } => Some(Who::System),
        _ => subject(record).pod.map(|pod| Who::Pod(pod.into())),
    }
}

/// The pod that an owner is in.
pub(crate) fn pod_of(owner: &Owner) -> Option<&str> {
    match owner {
        Owner::Container { pod, .. } => Some(pod),
        Owner::Host(_) => None,
    }
}
