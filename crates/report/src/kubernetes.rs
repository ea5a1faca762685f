//! `node.json`, `pods.json`, `events.json`: the node, its pods and the events of a run as objects of the API, as
//! `kubectl get -o json` prints them.
//!
//! Fields: k8s.io/api core/v1. Reasons and messages of events: kubernetes 1.32 pkg/kubelet/events, eviction, kubelet;
//! the default scheduler's `Scheduled`. Equal events are one with a count, as client-go's recorder has it.

mod status;

use crate::RunReport;
use crate::openmetrics::EPOCH;
use crate::pods::{Pod, Pods, is_init, plan_of};
use jiff::Timestamp;
use oomsim_core::kubelet::backoff::event_message;
use oomsim_core::kubelet::{ContainerSpec, EventWording, KubernetesProfile, ResourceList};
use oomsim_core::node_api::{Name, NodeConditionType, PodEventReason, PodPhase, TerminatedReason, format_pod};
use oomsim_core::plan::{Controller, PodPlan};
use oomsim_core::record::view::{PRE_STOP_HOOK_FAILED, START_ERROR, split_pod};
use oomsim_core::record::{ConditionStatus, Entry, PodOutcome, Record};
use oomsim_core::units::SimTime;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// An instant of the run as the API writes it: whole seconds, the run having begun on 2026-01-01.
fn stamp(at: SimTime) -> String {
    let seconds = EPOCH.saturating_add(at.as_nanos() / 1_000_000_000);
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    stamp.unwrap_or(Timestamp::MAX).to_string()
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({ "apiVersion": "v1", "kind": kind, "metadata": { "resourceVersion": "" }, "items": items })
}

fn print(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

/// The node at the end of the run.
///
/// # Errors
/// When writing fails.
pub fn write_node(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    let facts = &report.history.node;
    let last = |of: NodeConditionType| {
        report.history.entries.iter().rev().find_map(|entry| match &entry.record {
            Record::NodeCondition { r#type, status } if *r#type == of => Some((entry.at, *status)),
            _ => None,
        })
    };
    let condition = |kind: NodeConditionType, (at, status): (SimTime, ConditionStatus)| {
        json!({
            "type": kind.as_str(), "status": status.as_str(), "reason": kind.reason(status),
            "message": kind.message(status),
            "lastHeartbeatTime": stamp(report.history.ended_at), "lastTransitionTime": stamp(at),
        })
    };
    let start = stamp(SimTime::ZERO);
    let (ready, pressure) = (last(NodeConditionType::Ready), last(NodeConditionType::MemoryPressure));
    let mut conditions: Vec<Value> =
        pressure.map(|p| condition(NodeConditionType::MemoryPressure, p)).into_iter().collect();
    conditions.push(condition(NodeConditionType::Ready, ready.unwrap_or((SimTime::ZERO, ConditionStatus::True))));
    let taint = |key: &str, effect: &str, at| json!({ "key": key, "effect": effect, "timeAdded": stamp(at) });
    let mut taints = Vec::new();
    if let Some((at, ConditionStatus::True)) = pressure {
        taints.push(taint("node.kubernetes.io/memory-pressure", "NoSchedule", at));
    }
    if let Some((at, ConditionStatus::Unknown)) = ready {
        taints.extend(["NoSchedule", "NoExecute"].map(|effect| taint("node.kubernetes.io/unreachable", effect, at)));
    }
    let kubelet = report.scenario.kubelet.as_ref();
    let version = kubelet.map_or_else(String::new, |kubelet| format!("v{}.0", kubelet.profile.version));
    let ki = |bytes: oomsim_core::units::Bytes| format!("{}Ki", bytes.to_kib_floor());
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": &*facts.name, "creationTimestamp": start,
            "labels": { "kubernetes.io/hostname": &*facts.name, "kubernetes.io/os": "linux" },
        },
        "spec": if taints.is_empty() { json!({}) } else { json!({ "taints": taints }) },
        "status": {
            "capacity": { "memory": ki(facts.capacity) },
            "allocatable": { "memory": ki(facts.allocatable) },
            "conditions": conditions,
            "addresses": [{ "type": "Hostname", "address": &*facts.name }],
            "nodeInfo": {
                "kernelVersion": report.scenario.node.kernel.profile.version, "kubeletVersion": version,
                "operatingSystem": "linux", "architecture": "", "osImage": "", "containerRuntimeVersion": "",
                "kubeProxyVersion": "", "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    });
    print(&node, out)
}

/// The pods at the end of the run.
///
/// # Errors
/// When writing fails.
pub fn write_pods(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    let mut pods = Pods::of(&report.scenario);
    report.history.entries.iter().for_each(|entry| pods.apply(entry.at, &entry.record));
    // Those that were deleted are no longer there.
    let there = report.history.pods.iter().filter_map(|end| Some((end, pods.all.get(&end.pod)?)));
    let items: Vec<Value> = there.map(|(end, pod)| object(report, end, pod)).collect();
    print(&list("PodList", &items), out)
}

fn object(report: &RunReport, end: &PodOutcome, pod: &Pod) -> Value {
    let (namespace, name) = split_pod(&end.pod);
    let plan = plan_of(&report.scenario, &end.pod);
    let mut metadata = json!({ "name": name, "namespace": namespace, "creationTimestamp": stamp(pod.bound) });
    let mut spec = json!({ "nodeName": &*report.history.node.name, "containers": [] });
    if let Some(plan) = plan {
        if !plan.labels.is_empty() {
            metadata["labels"] = json!(*plan.labels);
        }
        if let Some(owner) = owner(plan) {
            metadata["ownerReferences"] = json!([owner]);
        }
        specification(plan, &mut spec);
    }
    if let Some(resized) = &end.resized {
        spec["containers"] = resized.containers.iter().map(container).collect();
    }
    let mut state = json!({ "phase": pod.phase.unwrap_or(PodPhase::Pending).as_str(), "startTime": stamp(pod.bound) });
    status::add_containers(&mut state, plan, pod);
    let profile = report.scenario.kubelet.as_ref().map(|kubelet| &kubelet.profile);
    let conditions = status::conditions(pod, end.resized.as_ref(), profile);
    if !conditions.is_empty() {
        state["conditions"] = conditions.into();
    }
    if let Some(qos) = pod.qos {
        state["qosClass"] = qos.as_str().into();
    }
    if let Some(reason) = pod.reason {
        state["reason"] = reason.as_str().into();
    }
    if !pod.message.is_empty() {
        state["message"] = (*pod.message).into();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": state })
}

/// Who re-creates the pod; a Deployment does it through a ReplicaSet.
fn owner(plan: &PodPlan) -> Option<Value> {
    let kind = match plan.controller {
        Controller::None => return None,
        Controller::Deployment => "ReplicaSet",
        Controller::StatefulSet => "StatefulSet",
        Controller::DaemonSet => "DaemonSet",
        Controller::Job => "Job",
    };
    let api = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    Some(
        json!({ "apiVersion": api, "kind": kind, "name": &*plan.spec.name, "uid": format!("uid-{}", plan.spec.name), "controller": true }),
    )
}

fn specification(plan: &PodPlan, spec: &mut Value) {
    spec["containers"] = plan.spec.containers.iter().map(container).collect();
    if !plan.spec.init_containers.is_empty() {
        spec["initContainers"] = plan.spec.init_containers.iter().map(container).collect();
    }
    spec["restartPolicy"] = json!(plan.restart_policy);
    if let Some(priority) = plan.spec.priority {
        spec["priority"] = priority.into();
    }
    if !plan.spec.priority_class_name.is_empty() {
        spec["priorityClassName"] = plan.spec.priority_class_name.as_str().into();
    }
    if let Some(grace) = plan.spec.termination_grace_period_seconds {
        spec["terminationGracePeriodSeconds"] = grace.into();
    }
    if let Some(own) = &plan.spec.resources {
        spec["resources"] = resources(&own.requests, &own.limits);
    }
    if let Some(overhead) = &plan.spec.overhead {
        spec["overhead"] = amounts(overhead);
    }
}

fn container(of: &ContainerSpec) -> Value {
    let mut container =
        json!({ "name": &*of.name, "resources": resources(&of.resources.requests, &of.resources.limits) });
    if of.restarts_always() {
        container["restartPolicy"] = "Always".into();
    }
    container
}

fn resources(requests: &ResourceList, limits: &ResourceList) -> Value {
    let given = [("requests", requests), ("limits", limits)].into_iter().filter(|(_, list)| !list.is_empty());
    given.map(|(key, list)| (key.to_string(), amounts(list))).collect::<Map<_, _>>().into()
}

fn amounts(list: &ResourceList) -> Value {
    list.iter().map(|(name, amount)| (name.clone(), amount.to_string().into())).collect::<Map<_, _>>().into()
}

/// An event of the API, before equal ones are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    /// `namespace/name` of the pod; `None`: the node.
    pod: Option<Name>,
    container: Option<Name>,
    reason: String,
    message: String,
    annotations: BTreeMap<&'static str, String>,
    warning: bool,
}

/// Every event of the run.
///
/// # Errors
/// When writing fails.
pub fn write_events(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    let node = &*report.history.node.name;
    let mut order: Vec<(Event, SimTime, SimTime, u64)> = Vec::new();
    let mut known: BTreeMap<Event, usize> = BTreeMap::new();
    let wording = report.scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |k| k.profile).event_wording;
    let all = report.history.entries.iter().flat_map(|entry| {
        events_of_containers(entry, wording).into_iter().chain(event(entry, node)).map(move |event| (entry, event))
    });
    for (entry, event) in all {
        match known.get(&event) {
            Some(&at) => (order[at].2, order[at].3) = (entry.at, order[at].3 + 1),
            None => {
                known.insert(event.clone(), order.len());
                order.push((event, entry.at, entry.at, 1));
            }
        }
    }
    let items: Vec<Value> = order.iter().enumerate().map(|(n, event)| event_object(report, n, event)).collect();
    print(&list("EventList", &items), out)
}

fn event_object(
    report: &RunReport,
    number: usize,
    (event, first, last, count): &(Event, SimTime, SimTime, u64),
) -> Value {
    let node = &*report.history.node.name;
    let (namespace, name, mut involved) = match &event.pod {
        Some(pod) => {
            let (namespace, name) = split_pod(pod);
            (namespace, name, json!({ "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name }))
        }
        // Events of nodes are in the namespace `default`.
        None => ("default", node, json!({ "kind": "Node", "name": node, "uid": node })),
    };
    if let (Some(pod), Some(container)) = (&event.pod, &event.container) {
        let list = if is_init(&report.scenario, pod, container) { "initContainers" } else { "containers" };
        involved["fieldPath"] = format!("spec.{list}{{{container}}}").into();
    }
    let component = match event.reason.as_str() {
        "Scheduled" => "default-scheduler",
        "TaintManagerEviction" => "taint-eviction-controller",
        "NodeNotReady" => "node-controller",
        _ => "kubelet",
    };
    let mut metadata = json!({
        "name": format!("{name}.{number:016x}"), "namespace": namespace, "creationTimestamp": stamp(*first),
    });
    if !event.annotations.is_empty() {
        metadata["annotations"] = json!(event.annotations);
    }
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": metadata,
        "involvedObject": involved,
        "reason": event.reason, "message": event.message,
        "type": if event.warning { "Warning" } else { "Normal" },
        "source": { "component": component, "host": node },
        "firstTimestamp": stamp(*first), "lastTimestamp": stamp(*last), "count": count,
        "reportingComponent": component, "reportingInstance": node,
    })
}

fn of(pod: Option<&Name>, reason: &str, message: String, warning: bool) -> Event {
    Event {
        pod: pod.cloned(),
        container: None,
        reason: reason.to_string(),
        message: message.trim().to_string(),
        annotations: BTreeMap::new(),
        warning,
    }
}

fn of_container(container: &Name, event: Event) -> Event {
    Event { container: Some(container.clone()), ..event }
}

/// What the kubelet reports of a container that it starts, or cannot start (kuberuntime_container.go startContainer).
fn events_of_containers(entry: &Entry, wording: EventWording) -> Vec<Event> {
    let (pod, container, last) = match &entry.record {
        Record::ContainerStarted { pod, container, .. } => {
            (pod, container, of(Some(pod), "Started", wording.started(container), false))
        }
        Record::ContainerTerminated { pod, container, reason: TerminatedReason::StartError, .. } => {
            (pod, container, of(Some(pod), "Failed", format!("Error: {START_ERROR}"), true))
        }
        _ => return Vec::new(),
    };
    let created = of(Some(pod), "Created", wording.created(container), false);
    [created, last].map(|event| of_container(container, event)).into()
}

/// The event that the scheduler or the kubelet reports, if it does.
fn event(entry: &Entry, node: &str) -> Option<Event> {
    Some(match &entry.record {
        Record::PodScheduled { pod, .. } => {
            of(Some(pod), "Scheduled", format!("Successfully assigned {pod} to {node}"), false)
        }
        Record::PodRejected { pod, reason, message } => of(Some(pod), reason.as_str(), message.to_string(), true),
        Record::BackOff { pod, container, uid, .. } => {
            let (namespace, name) = split_pod(pod);
            let message = event_message(container, &format_pod(name, namespace, uid));
            of_container(container, of(Some(pod), "BackOff", message, true))
        }
        Record::EvictionThresholdMet { message } => of(None, "EvictionThresholdMet", message.to_string(), true),
        Record::Evicted { pod, message, offenders, .. } => {
            let event = of(Some(pod), "Evicted", message.to_string(), true);
            Event { annotations: offenders.annotations(), ..event }
        }
        Record::Killing { pod, container, message } => {
            of_container(container, of(Some(pod), "Killing", message.to_string(), false))
        }
        Record::PodEvent { pod, reason, message } => {
            of(Some(pod), reason.as_str(), message.to_string(), *reason == PodEventReason::ResizeError)
        }
        Record::KillFailed { pod, message, .. } => of(Some(pod), "FailedKillPod", message.to_string(), true),
        Record::NodeCondition { r#type, status } => {
            let event = r#type.event(*status);
            of(None, event, format!("Node {node} status is now: {event}"), false)
        }
        Record::MarkedForDeletion { pod } => {
            of(Some(pod), "TaintManagerEviction", format!("Marking for deletion Pod {pod}"), false)
        }
        Record::Unhealthy { pod, container, message } => {
            of_container(container, of(Some(pod), "Unhealthy", message.to_string(), true))
        }
        Record::FailedPreStopHook { pod, container } => {
            of_container(container, of(Some(pod), "FailedPreStopHook", PRE_STOP_HOOK_FAILED.into(), true))
        }
        Record::SystemOom { message } => of(None, "SystemOOM", message.to_string(), true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{oom2, report};

    fn written(write: fn(&RunReport, &mut dyn Write) -> io::Result<()>) -> Value {
        let mut text = Vec::new();
        write(&report(oom2()), &mut text).expect("written");
        serde_json::from_slice(&text).expect("JSON")
    }

    #[test]
    fn instants_are_those_of_the_api() {
        assert_eq!(stamp(SimTime::from_secs(268)), "2026-01-01T00:04:28Z");
    }

    /// kubectl get events of the story's pod: the words are the kubelet's (docs/SOURCES.md).
    #[test]
    fn an_eviction_is_an_event_of_its_pod() {
        let events = written(write_events);
        let items = events["items"].as_array().expect("items");
        let evicted = items.iter().find(|event| event["reason"] == "Evicted").expect("an eviction");
        assert_eq!((&evicted["type"], &evicted["involvedObject"]["kind"]), (&"Warning".into(), &"Pod".into()));
        assert!(evicted["message"].as_str().is_some_and(|m| m.starts_with("The node was low on resource: memory.")));
        assert!(items.iter().any(|event| event["reason"] == "EvictionThresholdMet"));
    }

    #[test]
    fn equal_events_are_one_with_a_count() {
        let mut history = oom2();
        let again = history.entries.clone();
        history.entries.extend(again);
        let mut text = Vec::new();
        write_events(&report(history), &mut text).expect("written");
        let events: Value = serde_json::from_slice(&text).expect("JSON");
        assert!(events["items"].as_array().expect("items").iter().all(|event| event["count"] == 2));
    }

    #[test]
    fn the_node_has_its_capacity_and_condition() {
        let node = written(write_node);
        assert!(node["status"]["capacity"]["memory"].as_str().is_some_and(|memory| memory.ends_with("Ki")), "{node}");
        assert_eq!(node["status"]["conditions"][0]["type"], "MemoryPressure", "{node}");
    }
}
