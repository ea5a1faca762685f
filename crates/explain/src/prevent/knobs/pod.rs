//! Pods and processes of the node: amounts, priority, start, pace.

use super::{FURTHER, Knob, KnobKind, MIB, bytes, millis, millis_at, path, plain, signed, time};
use oomsim_core::kubelet::{ContainerSpec, MEMORY, ResourceList, ResourceRequirements};
use oomsim_core::plan::{HostPlan, PodPlan, ProcessPlan, Scenario};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::Behavior;

pub(super) fn of_pod(scenario: &Scenario, plan: &PodPlan) -> Vec<Knob> {
    let mut all = Vec::new();
    let capacity = signed(scenario.node.kernel.mem_total);
    let name = &*plan.spec.name;
    if let Some(resources) = &plan.spec.resources {
        all.extend(of_resources(&["pod", name], name, resources, capacity));
    }
    for (list, specs) in [("container", &*plan.spec.containers), ("initContainer", &plan.spec.init_containers)] {
        for spec in specs {
            all.extend(of_container(plan, list, spec, capacity));
        }
    }
    all.extend(priority(scenario, plan));
    if plan.replicas > 1 {
        let now = i64::from(plan.replicas);
        let kind = plain(path(&["pod", name, "replicas"]));
        all.extend(Knob::numbers(format!("replicas of {name}"), kind, (now, 1, now, 1)));
    }
    let start = time(path(&["pod", name, "at"]));
    all.extend(Knob::numbers(format!("start of {name}"), start, (millis_at(plan.at), 0, end(scenario), 1000)));
    all
}

pub(super) fn of_host(scenario: &Scenario, host: &HostPlan) -> Vec<Knob> {
    let mut all = Vec::new();
    let about = format!("host {}", host.name);
    all.extend(pace(&["host", &host.name, "workload"], &host.process, &about));
    let start = time(path(&["host", &host.name, "startAfter"]));
    let range = (millis(host.process.at), 0, end(scenario), 1000);
    all.extend(Knob::numbers(format!("start of {about}"), start, range));
    all
}

fn end(scenario: &Scenario) -> i64 {
    millis_at(SimTime::ZERO.saturating_add(scenario.duration))
}

/// A priority only matters beside that of other pods: from one below the least to one above the highest.
fn priority(scenario: &Scenario, plan: &PodPlan) -> Option<Knob> {
    let kind = plain(path(&["pod", &plan.spec.name, "priority"]));
    let all = || scenario.pods.iter().map(|pod| i64::from(pod.spec.priority()));
    let (low, high) = (all().min().unwrap_or(0) - 1, all().max().unwrap_or(0) + 1);
    let now = i64::from(plan.spec.priority());
    Knob::numbers(format!("priority of {}", plan.spec.name), kind, (now, low, high, 1))
}

fn of_container(plan: &PodPlan, list: &str, spec: &ContainerSpec, capacity: i64) -> Vec<Knob> {
    let about = format!("{}/{}", plan.spec.name, spec.name);
    let keys = ["pod", &*plan.spec.name, list, &*spec.name];
    let mut all = of_resources(&keys, &about, &spec.resources, capacity);
    let processes = plan.containers.iter().find(|container| container.name == spec.name);
    for (place, process) in processes.into_iter().flat_map(|container| container.processes.iter().enumerate()) {
        // The first is the container's own; the others are its tables `process`.
        let number = place.saturating_sub(1).to_string();
        let table = ["process", &number];
        let own = [&keys[..], if place == 0 { &[] } else { &table }].concat();
        let about = if place == 0 { about.clone() } else { format!("{} of {about}", process.comm) };
        all.extend(pace(&[&own[..], &["workload"]].concat(), process, &about));
        if place > 0 {
            let kind = time(path(&[&own[..], &["startAfter"]].concat()));
            let now = millis(process.at);
            let range = (now, 0, now.max(1000).saturating_mul(FURTHER), 1000);
            all.extend(Knob::numbers(format!("start of {about}"), kind, range));
        }
    }
    all
}

/// Limit and request of a container or a pod.
fn of_resources(keys: &[&str], about: &str, given: &ResourceRequirements, capacity: i64) -> Vec<Knob> {
    let key = |what: &str| path(&[keys, &["resources", what, "memory"]].concat());
    let amount = |list: &ResourceList| list.get(MEMORY).map(|q| q.value());
    let (limit, request) = (amount(&given.limits), amount(&given.requests));
    // In a Guaranteed pod both stay equal.
    let equal = limit.is_some() && limit == request;
    let both = if equal { vec![key("limits"), key("requests")] } else { vec![key("limits")] };
    let mut all = Vec::new();
    let (now, low) = (limit.unwrap_or(capacity), request.filter(|_| !equal).unwrap_or(0).max(MIB));
    let knob = Knob::numbers(format!("limit of {about}"), KnobKind::Bytes(both), (now, low, capacity, MIB));
    all.extend(knob.map(|knob| Knob { unset: limit.is_none(), ..knob }));
    if !equal {
        let (now, most) = (request.unwrap_or(0), limit.unwrap_or(capacity));
        let knob = Knob::numbers(format!("request of {about}"), bytes(key("requests")), (now, 0, most, MIB));
        all.extend(knob.map(|knob| Knob { unset: request.is_none(), ..knob }));
    }
    all
}

/// How fast a program grows, and how far where it comes back.
fn pace(keys: &[&str], process: &ProcessPlan, about: &str) -> Vec<Knob> {
    let key = |more: &[&str]| path(&[keys, more].concat());
    let slower = |what: &str, now: SimDuration, kind: &[&str]| {
        let now = millis(now);
        let range = (now, now, now.saturating_mul(FURTHER), now / 100);
        Knob::numbers(format!("{what} of {about}"), time(key(kind)), range)
    };
    let less = |what: &str, now: Bytes, kind: &[&str]| {
        // Whole Ki, so that it can be read.
        let (now, step) = (signed(now), signed(now) / 100 / 1024 * 1024);
        Knob::numbers(format!("{what} of {about}"), bytes(key(kind)), (now, 1, now, step))
    };
    let found = match &*process.behavior {
        Behavior::Leak(leak) => [slower("pause between blocks", leak.every, &["leak", "every"]), None],
        Behavior::DotNet(dotnet) => [slower("pause between blocks", dotnet.leak.every, &["dotnet", "every"]), None],
        Behavior::Ramp(ramp) => [less("growth in bytes a second", ramp.rate, &["ramp", "rate"]), None],
        Behavior::Sawtooth(saw) => {
            [slower("rise", saw.rise, &["sawtooth", "rise"]), less("peak", saw.high, &["sawtooth", "high"])]
        }
        Behavior::Burst(burst) => [
            slower("interval of bursts", burst.every, &["burst", "every"]),
            less("burst", burst.burst, &["burst", "burst"]),
        ],
        Behavior::PageCache(cache) => [less("reading in bytes a second", cache.rate, &["pageCache", "rate"]), None],
        Behavior::Steady(_) | Behavior::Trace(_) | Behavior::Script(_) => [None, None],
    };
    found.into_iter().flatten().collect()
}
