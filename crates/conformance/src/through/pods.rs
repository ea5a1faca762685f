//! Recorded pods as manifests, and what the node shows of them.

use super::folder::look_at;
use oomsim_core::node::{CgroupView, NodeView, Simulation};
use oomsim_core::node_api::QosClass;
use oomsim_core::record::{LimitScope, Owner, Record};
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
        look_at(simulation, |record| matches!(record, Record::ContainerStarted { .. }), |view, _| seen.note(view));
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
