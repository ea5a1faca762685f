//! Recorded pods as manifests, and what the node shows of them.

use super::Stop;
use super::folder::look_at;
use oomsim_core::node::{CgroupView, NodeView, Simulation};
use oomsim_core::node_api::QosClass;
use oomsim_core::record::{LimitScope, Owner, Record};
use oomsim_core::units::Quantity;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A recorded pod as the manifest that a user would have.
pub(super) fn manifest(pod: &Value) -> Value {
    let containers = |list: &str| -> Option<Value> {
        let list: Vec<Value> = pod[list].as_array()?.iter().map(container).collect();
        Some(list.into())
    };
    let mut metadata = Map::new();
    for name in ["name", "namespace", "uid", "annotations"] {
        put(&mut metadata, name, pod[name].clone());
    }
    let mut spec = Map::new();
    let same =
        ["priority", "priorityClassName", "resources", "overhead", "tolerations", "terminationGracePeriodSeconds"];
    for name in same {
        put(&mut spec, name, pod[name].clone());
    }
    for name in ["containers", "initContainers"] {
        put(&mut spec, name, containers(name).unwrap_or_default());
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

/// Whether the API takes a pod: requests within limits (core/validation ValidateResourceRequirements).
pub(super) fn api_takes(pod: &Value) -> Result<(), Stop> {
    let quantity = |value: &Value| value.as_str().and_then(|text| text.parse::<Quantity>().ok());
    let lists = ["containers", "initContainers"].iter().flat_map(|list| pod[list].as_array().into_iter().flatten());
    for of in lists.chain([&pod["resources"]]) {
        let amounts = ["requests", "limits"].iter().filter_map(|list| of[list].as_object());
        if amounts.flatten().filter_map(|(_, amount)| quantity(amount)).any(|amount| amount < Quantity::default()) {
            return Err(Stop::NotAsFiles("a negative amount is no request and no use"));
        }
        for (name, limit) in of["limits"].as_object().into_iter().flatten() {
            if let (Some(request), Some(limit)) = (quantity(&of["requests"][name]), quantity(limit))
                && request > limit
            {
                return Err(Stop::NotAsFiles("a pod that the API refuses: a request above its limit"));
            }
        }
    }
    Ok(())
}

/// Whether a runtime gets past the pod's init containers: runc's own process takes a MiB of each one's limit.
pub(super) fn init_containers_start(pod: &Value) -> Result<(), Stop> {
    let least = Quantity::bytes(2 << 20);
    let containers = pod["initContainers"].as_array().map_or(&[][..], Vec::as_slice);
    let limited = containers.iter().chain((!containers.is_empty()).then_some(&pod["resources"]));
    let limits = limited.filter_map(|of| of["limits"]["memory"].as_str());
    let too_small = |limit: Quantity| limit > Quantity::default() && limit < least;
    match limits.filter_map(|limit| limit.parse().ok()).any(too_small) {
        true => Err(Stop::NotAsFiles("a memory limit in which no runtime starts an init container")),
        false => Ok(()),
    }
}

fn put(to: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        to.insert(name.to_owned(), value);
    }
}

fn container(recorded: &Value) -> Value {
    let mut resources = Map::new();
    for name in ["requests", "limits"] {
        put(&mut resources, name, recorded[name].clone());
    }
    let mut container =
        Map::from_iter([("name".to_owned(), recorded["name"].clone()), ("image".to_owned(), "x".into())]);
    if !resources.is_empty() {
        container.insert("resources".to_owned(), resources.into());
    }
    put(&mut container, "restartPolicy", recorded["restartPolicy"].clone());
    container.into()
}

/// The tables that make a pod's init containers end, one after the other, so that its containers run.
pub(super) fn init_containers_end(pod: &Value) -> String {
    let mut text = String::new();
    for container in pod["initContainers"].as_array().into_iter().flatten() {
        if container["restartPolicy"] != "Always" {
            let name = container["name"].as_str().unwrap_or_default();
            let _ = writeln!(
                text,
                "[[pod.initContainer]]\nname = \"{name}\"\nworkload.script = [{{ sleep = \"1s\" }}, {{ exit = 0 }}]"
            );
        }
    }
    text
}

/// What a run showed of its pods when their containers started.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Each pod's class, by its name without the namespace.
    pub classes: BTreeMap<String, QosClass>,
    /// Pods that were not admitted, with the message.
    pub rejected: BTreeMap<String, String>,
    /// Each pod's cgroup, by the pod's name.
    pub pods: BTreeMap<String, CgroupView>,
    /// Each container's cgroup and `oom_score_adj`, by pod and container.
    pub containers: BTreeMap<(String, String), (CgroupView, Option<i16>)>,
    /// The node when the last container had started.
    pub last: Option<NodeView>,
    /// Why the kubelet did not start.
    pub not_started: Option<String>,
}

fn short(pod: &str) -> String {
    pod.rsplit('/').next().unwrap_or(pod).to_owned()
}

impl Seen {
    /// Runs to the end and notes what each container had when it started.
    pub fn of(simulation: &mut Simulation) -> Seen {
        let mut seen = Seen::default();
        // A container whose limit is too small for runc's own process has been created, and no more.
        let created = |record: &Record| matches!(record, Record::ContainerStarted { .. } | Record::OomKill { .. });
        look_at(simulation, created, |view, _| seen.note(view));
        for entry in simulation.entries() {
            match &entry.record {
                Record::PodScheduled { pod, qos } => {
                    seen.classes.insert(short(pod), *qos);
                }
                Record::PodRejected { pod, message, .. } => {
                    seen.rejected.insert(short(pod), message.to_string());
                }
                Record::KubeletNotStarted { message } => seen.not_started = Some(message.to_string()),
                // One that died at once is known from the report of its death.
                Record::OomKill { report, .. } => {
                    for (cgroup, adj) in seen.containers.values_mut().filter(|(_, adj)| adj.is_none()) {
                        let task = report.tasks.iter().find(|task| task.cgroup == cgroup.path);
                        *adj = task.map(|task| task.oom_score_adj);
                    }
                }
                _ => {}
            }
        }
        seen
    }

    fn note(&mut self, view: &NodeView) {
        for cgroup in &view.cgroups {
            match &cgroup.of {
                LimitScope::Pod(pod) => {
                    self.pods.insert(short(pod), cgroup.clone());
                }
                LimitScope::Container { pod, container } => {
                    let process = view.processes.iter().find(|process| process.cgroup == cgroup.path);
                    debug_assert!(process.is_none_or(|p| matches!(p.owner, Owner::Container { .. })));
                    let key = (short(pod), container.to_string());
                    self.containers.entry(key).or_insert_with(|| (cgroup.clone(), process.map(|p| p.oom_score_adj)));
                }
                _ => {}
            }
        }
        self.last = Some(view.clone());
    }
}
