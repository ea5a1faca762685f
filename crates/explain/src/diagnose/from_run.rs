//! What a monitoring system would have seen of a run: scrapes at an interval, the pod's status, the kernel log.

use super::observed::{ContainerFacts, End, EventFact, KernelKill, KillScope, MemoryCurve, Observed, PodFacts};
use crate::run::Run;
use oomsim_core::kubelet::{ContainerSpec, MEMORY, ResourceList};
use oomsim_core::node::{CgroupView, NodeView};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{PodPlan, ProbeKind, ProbePlan};
use oomsim_core::record::{LimitScope, Owner, Record};
use oomsim_core::units::{Bytes, SimDuration, SimTime};

/// The pods of a run, `namespace/name`, with their containers.
pub fn observed_pods(run: &Run) -> Vec<(Name, Vec<String>)> {
    let containers = |pod: &str| {
        let plan = run.plan_of(pod);
        plan.map_or_else(Vec::new, |plan| plan.spec.containers.iter().map(|c| c.name.to_string()).collect())
    };
    run.history().pods.iter().map(|pod| (pod.pod.clone(), containers(&pod.pod))).collect()
}

/// A container of a pod as it was seen, scraped at this interval; `None`: there is no such container, or the run cannot
/// be repeated.
pub fn observe(run: &Run, pod: &Name, container: &str, interval: SimDuration) -> Option<Observed> {
    let plan = run.plan_of(pod)?;
    let mut observed = Observed {
        pod: facts(run, pod, plan),
        container: container.to_owned(),
        node_total: Some(run.scenario().node.kernel.mem_total),
        allocatable: run.kubelet().map(|kubelet| kubelet.allocatable),
        kills: Some(kills(run, pod, container)),
        events: Some(events(run, pod)),
        ..Observed::default()
    };
    observed.pod.container(container)?;
    scrape(run, pod, container, interval, &mut observed)?;
    Some(observed)
}

fn amount(list: &ResourceList) -> Option<Bytes> {
    u64::try_from(list.get(MEMORY)?.value()).ok().map(Bytes::new)
}

fn facts(run: &Run, pod: &Name, plan: &PodPlan) -> PodFacts {
    let outcome = run.history().pods.iter().find(|p| p.pod == *pod);
    let with = |spec: &ContainerSpec, beside: bool| ContainerFacts { beside, ..container_facts(run, pod, plan, spec) };
    let limits = plan.spec.resources.as_ref().map(|resources| &resources.limits);
    PodFacts {
        name: pod.rsplit('/').next().unwrap_or(pod).to_owned(),
        reason: outcome.and_then(|o| o.reason).map_or_else(String::new, |reason| reason.to_string()),
        message: outcome.map_or_else(String::new, |o| o.message.to_string()),
        containers: plan.spec.containers.iter().map(|spec| with(spec, false)).collect(),
        init: plan.spec.init_containers.iter().map(|spec| with(spec, true)).collect(),
        limit: limits.and_then(amount),
        ..PodFacts::default()
    }
}

/// A container at the end of the run.
fn container_facts(run: &Run, pod: &Name, plan: &PodPlan, spec: &ContainerSpec) -> ContainerFacts {
    let planned = plan.containers.iter().find(|c| c.name == spec.name);
    let kills = |probe: &ProbePlan| probe.kind != ProbeKind::Readiness;
    let mut facts = ContainerFacts {
        name: spec.name.to_string(),
        spec_known: true,
        status_known: true,
        limit: amount(&spec.resources.limits),
        request: amount(&spec.resources.requests),
        running: true,
        liveness: planned.is_some_and(|c| c.probes.iter().any(kills)),
        memory_volumes: plan.volumes.iter().map(|volume| volume.name.to_string()).collect(),
        ..ContainerFacts::default()
    };
    let mut started = None;
    for entry in &run.history().entries {
        match &entry.record {
            Record::ContainerTerminated { pod: p, container, reason, exit_code, .. }
                if p == pod && *container == spec.name =>
            {
                let lived_s = started.map(|from: SimTime| entry.at.since(from).as_secs_f64());
                facts.ended = Some(End { exit_code: *exit_code, reason: reason.to_string(), lived_s });
                facts.running = false;
            }
            Record::ContainerStarted { pod: p, container, restart_count } if p == pod && *container == spec.name => {
                (facts.restarts, facts.running, started) = (*restart_count, true, Some(entry.at));
            }
            _ => {}
        }
    }
    facts
}

/// Kills of the run that concern the pod.
fn kills(run: &Run, pod: &Name, container: &str) -> Vec<KernelKill> {
    let mut all = Vec::new();
    for entry in &run.history().entries {
        let Record::OomKill { report, limit, killed_owners } = &entry.record else { continue };
        let scope = match limit {
            LimitScope::Node => KillScope::Node,
            LimitScope::Kubepods | LimitScope::Qos(_) => KillScope::Kubepods,
            LimitScope::Pod(p) if p == pod => KillScope::Pod,
            LimitScope::Container { pod: p, .. } if p == pod => KillScope::Container,
            _ => continue,
        };
        let first = first_process(run, pod, container);
        if let Some(task) = report.killed_tasks().next() {
            let child = killed_owners
                .first()
                .is_some_and(|owner| owned(owner, pod, container))
                .then(|| Some(&*task.comm) != first.as_deref());
            let anon = Some(task.rss_anon.bytes());
            all.push(KernelKill { scope, comm: task.comm.to_string(), anon, child, ..KernelKill::default() });
        }
    }
    all
}

fn owned(owner: &Owner, pod: &Name, container: &str) -> bool {
    match owner {
        Owner::Container { pod: p, container: c } => p == pod && **c == *container,
        Owner::Host(_) => false,
    }
}

fn first_process(run: &Run, pod: &Name, container: &str) -> Option<String> {
    let plan = run.plan_of(pod)?;
    let of = plan.containers.iter().find(|c| *c.name == *container)?;
    of.processes.first().map(|process| process.comm.to_string())
}

/// The events of the pod and of the node.
fn events(run: &Run, pod: &Name) -> Vec<EventFact> {
    let event = |reason: &str, message: &Name, of_node: bool| {
        let (reason, message) = (reason.to_owned(), message.to_string());
        Some(EventFact { reason, message, count: 1, of_node })
    };
    let of = |record: &Record| match record {
        Record::Evicted { pod: p, message, .. } if p == pod => event("Evicted", message, false),
        Record::SystemOom { message } => event("SystemOOM", message, true),
        Record::Killing { pod: p, message, .. } if p == pod => event("Killing", message, false),
        Record::Unhealthy { pod: p, message, .. } if p == pod => event("Unhealthy", message, false),
        _ => None,
    };
    run.history().entries.iter().filter_map(|entry| of(&entry.record)).collect()
}

/// Looks at the node again and again.
fn scrape(run: &Run, pod: &Name, container: &str, interval: SimDuration, to: &mut Observed) -> Option<()> {
    let mut again = run.again();
    let mut at = SimTime::ZERO.saturating_add(interval);
    while at < run.history().ended_at {
        again.run_until(at).ok()?;
        let (view, t) = (again.view(), at.as_secs_f64());
        one(&view, pod, container, t, to);
        at = at.saturating_add(interval);
    }
    Some(())
}

fn one(view: &NodeView, pod: &Name, container: &str, t: f64, to: &mut Observed) {
    let is = |c: &&CgroupView, name: &str| match &c.of {
        LimitScope::Container { pod: p, container } => p == pod && **container == *name,
        _ => false,
    };
    let of_pod = |c: &&CgroupView| c.of == LimitScope::Pod(pod.clone());
    let bytes = |bytes: Bytes| bytes.get() as f64;
    if let Some(own) = view.cgroups.iter().find(|c| is(c, container)) {
        // tmpfs outlives the container: it is charged to the pod then.
        let pods = view.cgroups.iter().find(of_pod).map_or(0.0, |c| bytes(c.stat.shmem));
        let more = (pods - bytes(own.stat.shmem)).max(0.0);
        to.working_set.push((t, bytes(own.stat.working_set()) + more));
        to.rss.push((t, bytes(own.stat.anon)));
        to.swap.push((t, bytes(own.stat.swap)));
        to.stalls.push((t, own.events.high as f64));
    }
    let names = to.pod.containers.iter().map(|c| c.name.clone());
    let others: Vec<String> = names.filter(|name| *name != container).collect();
    for name in others {
        let Some(other) = view.cgroups.iter().find(|c| is(c, &name)) else { continue };
        let sample = (t, bytes(other.stat.working_set()));
        match to.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, curve)) => curve.push(sample),
            None => to.others.push((name, MemoryCurve::from([sample]))),
        }
    }
    to.node_available.push((t, bytes(view.memory.available)));
    let all = view.cgroups.iter().find(|c| c.of == LimitScope::Kubepods);
    if let Some(all) = all {
        to.all_pods.push((t, bytes(all.stat.working_set())));
        let used = bytes(view.memory.total) - bytes(view.memory.free) - bytes(view.memory.cached);
        to.node_system.push((t, (used - bytes(all.stat.anon) - bytes(all.stat.kernel)).max(0.0)));
    }
}
