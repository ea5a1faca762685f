//! Pods that are not admitted, containers that cannot be stopped, restarts that wait, ends without a kill.

use super::Explanation;
use crate::candidates::{KernelCandidate, of_kill};
use crate::fact::{AfterFact, ChoiceFact, KubeletFact, Link, ProgramFact, Who, WhyNot};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::node_api::{ExitStatus, Name};
use oomsim_core::plan::ProbeKind;
use oomsim_core::record::{Cause, ConditionStatus, DeathCause, Entry, Owner, Record};
use oomsim_core::units::{Pid, SimTime};

pub(super) fn rejected(run: &Run, to: &mut Explanation, record: &Record) {
    let Record::PodRejected { pod, message, .. } = record else { return };
    let before = run.history().entries.iter().take_while(|entry| entry.at <= to.at);
    let condition = before.filter_map(|entry| match entry.record {
        Record::NodeCondition { r#type, status } => Some((entry.at, r#type, status)),
        _ => None,
    });
    let pressure = condition.last().filter(|(.., status)| *status == ConditionStatus::True);
    if let Some((at, condition, status)) = pressure {
        to.chain.push(Link::at(at, AfterFact::Condition { condition, status }).by(Rule::Transition));
    }
    let qos = run.history().pods.iter().find(|p| p.pod == *pod).map(|p| p.qos);
    let rule =
        if message.contains("pressure") || message.contains("condition") { Rule::Admission } else { Rule::Requests };
    let fact = AfterFact::Rejected { pod: pod.clone(), qos, message: message.clone() };
    to.chain.push(Link::at(to.at, fact).by(rule));
}

/// The container was gone when the runtime was asked to stop it.
pub(super) fn stop_failed(run: &Run, to: &mut Explanation, entry: usize) {
    let entries = &run.history().entries;
    let Record::KillFailed { pod, container, .. } = &entries[entry].record else { return };
    let before = &entries[..entry];
    let of = |owner: &Owner| matches!(owner, Owner::Container { pod: p, container: c } if p == pod && c == container);
    let kill = run.happenings().iter().enumerate().rev().find(|(_, h)| {
        h.entry < entry
            && matches!(&entries[h.entry].record, Record::OomKill { killed_owners, .. } if killed_owners.iter().any(of))
    });
    if let Some((number, kill)) = kill {
        let who = super::who(&entries[kill.entry].record);
        to.chain.push(Link::at(kill.at, AfterFact::Next { number: number as u64 + 1, cause: kill.cause, who }));
    }
    if let Some((_, pass)) = run.pass_before(to.at) {
        let thresholds = super::passes::thresholds(run, pass);
        let fact = KubeletFact::LastPass { thresholds, evicted: pass.evicted().cloned(), waits_until: None };
        to.chain.push(Link::at(pass.at, fact).by(Rule::Pass));
    }
    let ended_at = before.iter().rev().find_map(|e| match &e.record {
        Record::ProcessExited { owner, .. } if of(owner) => Some(e.at),
        _ => None,
    });
    let started = before.iter().any(|e| match &e.record {
        Record::ContainerStarted { pod: p, container: c, .. } => p == pod && c == container,
        _ => false,
    });
    let (pod, container) = (pod.clone(), container.clone());
    let fact = AfterFact::StopFailed { pod, container, ended_at, never_started: !started };
    to.chain.push(Link::at(to.at, fact).by(Rule::StopIsLate));
}

/// A restart waits: what ended, and how often before.
pub(super) fn back_off(run: &Run, to: &mut Explanation, entry: usize) {
    let entries = &run.history().entries;
    let Record::BackOff { pod, container, delay, .. } = &entries[entry].record else { return };
    let ended = entries[..entry].iter().rev().find_map(|e| match &e.record {
        Record::ContainerTerminated { pod: p, container: c, reason, exit_code, .. } if p == pod && c == container => {
            Some((e.at, *reason, *exit_code))
        }
        _ => None,
    });
    if let Some((at, reason, exit_code)) = ended {
        let (pod, container) = (pod.clone(), container.clone());
        to.chain.push(Link::at(at, AfterFact::Terminated { pod, container, reason, exit_code }).by(Rule::ExitCode));
    }
    let (pod, container) = (pod.clone(), container.clone());
    to.chain.push(Link::at(to.at, AfterFact::Waits { pod, container, delay: *delay }).by(Rule::BackOff));
}

/// A process ended without a kill by kernel or kubelet.
pub(super) fn exited(run: &Run, to: &mut Explanation, entry: usize) {
    let entries = &run.history().entries;
    let Record::ProcessExited { pid, comm, owner, status, cause } = &entries[entry].record else { return };
    let who = Who::process(*pid, comm, Some(owner));
    if *cause == DeathCause::SessionHangup {
        to.chain.extend(peer_end(run, owner, &entries[..entry]));
        if let Some((at, leader, how)) = leader_end(run, owner, &entries[..entry]) {
            to.chain.push(Link::at(at, ProgramFact::Ended { who: leader, how }));
        }
        to.choosing.extend(why_not_by_the_kernel(run, &entries[..entry], *pid));
    }
    let rule = Some(if *cause == DeathCause::SessionHangup { Rule::Session } else { Rule::ExitCode });
    if let (DeathCause::FailedProbe, Owner::Container { pod, container }) = (cause, owner) {
        failed_probe(run, to, &entries[..entry], pod, container);
    }
    if *cause == DeathCause::Injected {
        to.chain.push(Link::at(to.at, ProgramFact::ByScenario));
    }
    let said = entries[..entry].iter().rev().find_map(|e| match &e.record {
        Record::UserspaceKill { pid: of, killer, message, .. } if of == pid => Some((e.at, killer, message)),
        _ => None,
    });
    if let Some((at, killer, message)) = said.filter(|_| *cause == DeathCause::UserspaceKiller) {
        to.chain.push(Link::at(at, ProgramFact::Message { text: format!("{killer}: {message}").into() }));
    }
    to.chain.push(Link { rule, ..Link::at(to.at, ProgramFact::Ended { who, how: how(*status) }) });
}

/// What led to a kill for a probe: processes that hardly went on, probes without an answer, the kubelet's decision.
fn failed_probe(run: &Run, to: &mut Explanation, before: &[Entry], pod: &Name, container: &Name) {
    let ours = |p: &Name, c: &Name| p == pod && c == container;
    let own = |owner: &Owner| matches!(owner, Owner::Container { pod: p, container: c } if ours(p, c));
    let started = before.iter().rposition(|e| match &e.record {
        Record::ContainerStarted { pod: p, container: c, .. } => ours(p, c),
        _ => false,
    });
    let life = &before[started.unwrap_or(0)..];
    let stalled = run.happenings().iter().enumerate().rev().find(|(_, h)| {
        h.entry < before.len()
            && h.entry >= started.unwrap_or(0)
            && matches!(&before[h.entry].record, Record::Stalled { owner, .. } if own(owner))
    });
    if let Some((number, h)) = stalled {
        let who = super::who(&before[h.entry].record);
        to.chain.push(Link::at(h.at, AfterFact::Next { number: number as u64 + 1, cause: h.cause, who }));
    }
    let failures = life.iter().filter_map(|e| match &e.record {
        Record::Unhealthy { pod: p, container: c, message } if ours(p, c) => Some((e.at, message)),
        _ => None,
    });
    // What a readiness probe finds does not kill.
    let failures: Vec<_> = failures.filter(|(_, message)| !message.starts_with(ProbeKind::Readiness.word())).collect();
    if let (Some((since, _)), Some((at, message))) = (failures.first(), failures.last()) {
        let (pod, container, times) = (pod.clone(), container.clone(), failures.len() as u64);
        let fact = KubeletFact::ProbesFailed { pod, container, times, since: *since, message: (*message).clone() };
        to.chain.push(Link::at(*at, fact).by(Rule::Probe));
    }
    let stopped = life.iter().rev().find_map(|e| match &e.record {
        Record::Killing { pod: p, container: c, message } if ours(p, c) => Some((e.at, message)),
        _ => None,
    });
    if let Some((at, message)) = stopped {
        let fact = KubeletFact::StoppedForProbe { message: message.clone(), after: to.at.since(at) };
        to.chain.push(Link::at(at, fact).by(Rule::Probe));
    }
}

/// The kernel looked at this process in its last choice before: why it did not take it.
fn why_not_by_the_kernel(run: &Run, before: &[Entry], pid: Pid) -> Option<Link> {
    let report = before.iter().rev().find_map(|e| match &e.record {
        Record::OomKill { report, .. } => Some(report),
        _ => None,
    })?;
    let table = of_kill(run, report, run.view(report.at).as_ref());
    let of = |p: &&KernelCandidate| matches!(&p.who, Who::Process { pid: other, .. } if *other == pid);
    let (own, victim) = (table.processes.iter().find(of)?, table.processes.iter().find(|p| p.chosen)?);
    let why_not = WhyNot::Adjusted {
        points: own.points?,
        victim_points: victim.points?,
        oom_score_adj: own.oom_score_adj,
        victim_adj: victim.oom_score_adj,
        step: table.step,
    };
    let holds = (own.rss + own.swapents).bytes();
    Some(Link::at(report.at, ChoiceFact::NotChosen { who: own.who.clone(), holds, why_not }).by(Rule::ScoreAdjust))
}

/// The death at the other end of the connection of a session's leader.
fn peer_end(run: &Run, owner: &Owner, before: &[Entry]) -> Option<Link> {
    let Owner::Host(name) = owner else { return None };
    let hosts = &run.scenario().hosts;
    let leader = hosts.iter().find(|h| h.name == *name)?.session_of.as_ref()?;
    let peer = &hosts.iter().find(|h| h.name == *leader)?.hangs_up_with.as_ref()?.process;
    let killed = run.happenings().iter().enumerate().rev().find(|(_, h)| {
        h.entry < before.len()
            && match &before[h.entry].record {
                Record::OomKill { report, .. } => report.killed_tasks().any(|task| task.comm == *peer),
                _ => false,
            }
    });
    let (number, kill) = killed?;
    let who = super::who(&before[kill.entry].record);
    Some(Link::at(kill.at, AfterFact::Next { number: number as u64 + 1, cause: kill.cause, who }))
}

/// The end of the leader of a host process's session.
fn leader_end(run: &Run, owner: &Owner, before: &[Entry]) -> Option<(SimTime, Who, String)> {
    let Owner::Host(name) = owner else { return None };
    let host = run.scenario().hosts.iter().find(|h| h.name == *name)?;
    let leader = host.session_of.as_ref()?;
    before.iter().rev().find_map(|e| match &e.record {
        Record::ProcessExited { pid, comm, owner: of @ Owner::Host(name), status, .. } if name == leader => {
            Some((e.at, Who::process(*pid, comm, Some(of)), how(*status)))
        }
        _ => None,
    })
}

fn how(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exited with code {code}"),
        ExitStatus::Signal(signal) => format!("was ended by {signal}"),
    }
}

/// Processes that hardly go on.
pub(super) fn stalled(to: &mut Explanation, record: &Record) {
    let Record::Stalled { owner, since, some_avg10, usage, limit } = record else { return };
    let who = match owner {
        Owner::Container { pod, .. } => Who::Pod(pod.clone()),
        Owner::Host(_) => Who::System,
    };
    let fact =
        ProgramFact::WaitsForMemory { who, since: *since, some_avg10: *some_avg10, usage: *usage, limit: *limit };
    to.chain.push(Link::at(to.at, fact).by(Rule::Stall));
}

pub(super) fn message(to: &mut Explanation, text: &Name) {
    let rule = (to.cause == Cause::KubeletNotStarted).then_some(Rule::Start);
    to.chain.push(Link { rule, ..Link::at(to.at, ProgramFact::Message { text: text.clone() }) });
}
