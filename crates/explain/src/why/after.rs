//! What followed.

use super::{Explanation, who};
use crate::fact::{AfterFact, Link, Who};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::node_api::Name;
use oomsim_core::record::{Cause, Entry, Owner, Record};
use oomsim_core::units::{Bytes, SimDuration, SimTime};

/// How long after it what follows is looked for.
const HORIZON: SimDuration = SimDuration::from_secs(600);
/// Most links of what follows.
const MOST: usize = 9;
/// After which time freed memory is looked at.
const FREED_AFTER: SimDuration = SimDuration::from_secs(5);

pub(super) fn follow(run: &Run, to: &mut Explanation, entry: usize) {
    let entries = &run.history().entries;
    let pods: Vec<Name> = affected(&entries[entry].record);
    let end = to.at.saturating_add(HORIZON);
    if to.cause.is_fatal() {
        freed(run, to);
    }
    let mut seen: Vec<&'static str> = Vec::new();
    for after in entries[entry + 1..].iter().take_while(|e| e.at <= end) {
        if to.after.len() >= MOST {
            break;
        }
        let Some((kind, link)) = link(run, after, &pods) else { continue };
        // Each kind once: a crash loop goes on and on.
        if !seen.contains(&kind) {
            seen.push(kind);
            to.after.push(link);
        }
    }
    lives_on(run, to, entry);
    stop_comes_late(run, to, entry);
    next(run, to, entry);
    to.after.sort_by_key(|link| link.at);
}

/// The pods that it happened to.
fn affected(record: &Record) -> Vec<Name> {
    match record {
        Record::OomKill { killed_owners, .. } => killed_owners.iter().filter_map(owner_pod).collect(),
        Record::ProcessExited { owner, .. }
        | Record::AllocationRefused { owner, .. }
        | Record::RuntimeOutOfMemory { owner, .. } => owner_pod(owner).into_iter().collect(),
        _ => match who(record) {
            Some(Who::Pod(pod)) => vec![pod],
            _ => Vec::new(),
        },
    }
}

fn owner_pod(owner: &Owner) -> Option<Name> {
    match owner {
        Owner::Container { pod, .. } => Some(pod.clone()),
        Owner::Host(_) => None,
    }
}

fn link(run: &Run, entry: &Entry, pods: &[Name]) -> Option<(&'static str, Link)> {
    let ours = |pod: &Name| pods.contains(pod);
    let at = entry.at;
    Some(match &entry.record {
        Record::ContainerTerminated { pod, container, reason, exit_code, .. } if ours(pod) => {
            let (pod, container) = (pod.clone(), container.clone());
            let fact = AfterFact::Terminated { pod, container, reason: *reason, exit_code: *exit_code };
            ("terminated", Link::at(at, fact).by(Rule::ExitCode))
        }
        Record::BackOff { pod, container, delay, .. } if ours(pod) => {
            let (pod, container) = (pod.clone(), container.clone());
            ("back-off", Link::at(at, AfterFact::Waits { pod, container, delay: *delay }).by(Rule::BackOff))
        }
        Record::ContainerStarted { pod, container, restart_count } if ours(pod) && *restart_count > 0 => {
            let (pod, container) = (pod.clone(), container.clone());
            ("restarted", Link::at(at, AfterFact::Restarted { pod, container, restarts: *restart_count }))
        }
        Record::PodPhase { pod, phase, .. } if ours(pod) => {
            let evicted = evicted_before(run, pod, at);
            let rule = if evicted { Rule::EvictedForGood } else { Rule::RestartPolicy };
            ("phase", Link::at(at, AfterFact::Phase { pod: pod.clone(), phase: *phase, evicted }).by(rule))
        }
        Record::KillFailed { pod, container, .. } if ours(pod) => {
            let (pod, container) = (pod.clone(), container.clone());
            let fact = AfterFact::StopFailed { pod, container, ended_at: None, never_started: false };
            ("stop", Link::at(at, fact).by(Rule::StopIsLate))
        }
        Record::PodScheduled { pod, .. } if successor(run, pod, pods) => {
            ("recreated", Link::at(at, AfterFact::Recreated { pod: pod.clone() }))
        }
        Record::NodeCondition { r#type, status } => (
            "condition",
            Link::at(at, AfterFact::Condition { condition: *r#type, status: *status }).by(Rule::Transition),
        ),
        Record::PodRejected { pod, message, .. } => {
            let fact = AfterFact::Rejected { pod: pod.clone(), qos: None, message: message.clone() };
            ("rejected", Link::at(at, fact).by(Rule::Admission))
        }
        _ => return None,
    })
}

/// Whether the kubelet has evicted a pod by then.
fn evicted_before(run: &Run, pod: &Name, at: SimTime) -> bool {
    let before = run.history().entries.iter().take_while(|entry| entry.at <= at);
    before.into_iter().any(|entry| matches!(&entry.record, Record::Evicted { pod: of, .. } if of == pod))
}

/// The limit of all pods is what the kubelet watches, too: when the kernel was faster, a look that began before may
/// still end with the eviction of a pod whose container is gone.
fn stop_comes_late(run: &Run, to: &mut Explanation, entry: usize) {
    let entries = &run.history().entries;
    let Record::OomKill { killed_owners, .. } = &entries[entry].record else { return };
    let Some(Owner::Container { pod, container }) = killed_owners.first() else { return };
    if to.cause != Cause::KubepodsLimit || run.kubelet().is_none() {
        return;
    }
    let ended = entries[entry..].iter().find(
        |e| matches!(&e.record, Record::ContainerTerminated { pod: p, container: c, .. } if p == pod && c == container),
    );
    if let Some(ended) = ended {
        let fact = AfterFact::StopComesLate { pod: pod.clone(), container: container.clone() };
        to.after.push(Link::at(ended.at, fact).by(Rule::StopIsLate));
    }
}

/// A pod of the same plan as one that is gone.
fn successor(run: &Run, pod: &Name, gone: &[Name]) -> bool {
    let plan = |pod: &str| run.plan_of(pod).map(|plan| plan.full_name());
    !gone.contains(pod) && gone.iter().any(|g| plan(g).is_some() && plan(g) == plan(pod))
}

/// What came back in the first seconds.
fn freed(run: &Run, to: &mut Explanation) {
    let later = to.at.saturating_add(FREED_AFTER);
    let (Some(before), Some(after)) = (run.sample(to.at), run.sample(later)) else { return };
    let bytes = before.working_set.saturating_sub(after.working_set);
    if bytes >= Bytes::mib(1) {
        to.after.push(Link::at(after.at, AfterFact::Freed { bytes, after: after.at.since(to.at) }));
    }
}

/// The container of a process that was killed goes on without it.
fn lives_on(run: &Run, to: &mut Explanation, entry: usize) {
    let Record::OomKill { killed_owners, .. } = &run.history().entries[entry].record else { return };
    let Some(Owner::Container { pod, container }) = killed_owners.first() else { return };
    let soon = to.at.saturating_add(SimDuration::from_secs(10));
    let ended = run.history().entries[entry..].iter().take_while(|e| e.at <= soon).any(
        |e| matches!(&e.record, Record::ContainerTerminated { pod: p, container: c, .. } if p == pod && c == container),
    );
    let known = run.history().ended_at > soon;
    if !ended && known {
        let fact = AfterFact::LivesOn { pod: pod.clone(), container: container.clone() };
        to.after.push(Link::of(fact).by(Rule::OneProcess));
    }
}

/// The next thing that has a cause of its own.
fn next(run: &Run, to: &mut Explanation, entry: usize) {
    let all = run.happenings();
    let near: SimTime = to.at.saturating_add(HORIZON);
    let later = all.iter().enumerate().find(|(_, h)| h.entry > entry && h.cause.is_fatal());
    if let Some((number, next)) = later.filter(|(_, h)| h.at <= near) {
        let who = who(&run.history().entries[next.entry].record);
        to.after.push(Link::at(next.at, AfterFact::Next { number: number as u64 + 1, cause: next.cause, who }));
    }
}
