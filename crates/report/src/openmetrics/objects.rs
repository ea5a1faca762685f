//! What kube-state-metrics says of the node, its pods and their containers.

use super::families::Families;
use super::labels;
use oomsim_core::node::NodeView;
use oomsim_core::node_api::{Name, PodPhase, PodReason, QosClass, TerminatedReason};
use oomsim_core::record::{LimitScope, NodeFacts, Record, view};
use std::collections::BTreeMap;

/// Pods with their containers, as they stand.
#[derive(Debug, Default)]
pub struct Objects {
    pods: BTreeMap<Name, Pod>,
}

#[derive(Debug, Default)]
struct Pod {
    qos: Option<QosClass>,
    phase: Option<PodPhase>,
    reason: Option<PodReason>,
    containers: BTreeMap<Name, Container>,
}

#[derive(Debug, Default)]
struct Container {
    restarts: u32,
    running: bool,
    backs_off: bool,
    last: Option<TerminatedReason>,
}

impl Objects {
    /// Something happened.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::PodScheduled { pod, qos } => self.pod(pod).qos = Some(*qos),
            Record::PodPhase { pod, phase, reason, .. } => {
                let pod = self.pod(pod);
                (pod.phase, pod.reason) = (Some(*phase), *reason);
            }
            Record::PodRejected { pod, reason, .. } => {
                let pod = self.pod(pod);
                (pod.phase, pod.reason) = (Some(PodPhase::Failed), Some(*reason));
            }
            Record::ContainerStarted { pod, container, restart_count } => {
                let known = self.container(pod, container);
                (known.restarts, known.running, known.backs_off) = (*restart_count, true, false);
            }
            Record::ContainerTerminated { pod, container, reason, .. } => {
                let known = self.container(pod, container);
                (known.running, known.last) = (false, Some(*reason));
            }
            Record::BackOff { pod, container, .. } => self.container(pod, container).backs_off = true,
            _ => {}
        }
    }

    fn pod(&mut self, pod: &Name) -> &mut Pod {
        self.pods.entry(pod.clone()).or_default()
    }

    fn container(&mut self, pod: &Name, container: &Name) -> &mut Container {
        self.pod(pod).containers.entry(container.clone()).or_default()
    }

    /// Adds how everything stands.
    pub fn add_to(&self, families: &mut Families, node: &str, facts: &NodeFacts, scrape: &NodeView) {
        let of = |pairs: &[(&str, &str)]| labels(&[&[("job", "kube-state-metrics")], pairs].concat());
        let memory = [("node", node), ("resource", "memory"), ("unit", "byte")];
        for (name, value) in
            [("kube_node_status_capacity", facts.capacity), ("kube_node_status_allocatable", facts.allocatable)]
        {
            families.add(name, "gauge", "of the node (kube-state-metrics)", &of(&memory), value.get());
        }
        if let Some(kubelet) = &scrape.kubelet {
            for (status, holds) in
                [("true", kubelet.reported_memory_pressure), ("false", !kubelet.reported_memory_pressure)]
            {
                let labels = of(&[("node", node), ("condition", "MemoryPressure"), ("status", status)]);
                families.add("kube_node_status_condition", "gauge", HELP, &labels, holds.into());
            }
        }
        for (name, pod) in &self.pods {
            let (namespace, name) = view::split_pod(name);
            pod.add_to(families, &[("namespace", namespace), ("pod", name)], node, &of);
        }
        for cgroup in &scrape.cgroups {
            let (LimitScope::Container { pod, container }, Some(limit)) = (&cgroup.of, cgroup.limit) else { continue };
            let (namespace, pod) = view::split_pod(pod);
            let labels = [("namespace", namespace), ("pod", pod), ("container", container), ("node", node)];
            let labels = of(&[&labels[..], &[("resource", "memory"), ("unit", "byte")]].concat());
            families.add("kube_pod_container_resource_limits", "gauge", HELP, &labels, limit.get());
        }
    }
}

const HELP: &str = "(kube-state-metrics)";

impl Pod {
    fn add_to<'a>(
        &'a self,
        families: &mut Families,
        pod: &[(&'a str, &'a str); 2],
        node: &str,
        of: &impl Fn(&[(&str, &str)]) -> String,
    ) {
        let with = |more: &[(&str, &str)]| of(&[&pod[..], more].concat());
        families.add("kube_pod_info", "gauge", HELP, &with(&[("node", node)]), 1);
        if let Some(qos) = self.qos {
            families.add("kube_pod_status_qos_class", "gauge", HELP, &with(&[("qos_class", qos.as_str())]), 1);
        }
        for phase in PodPhase::ALL {
            let here = self.phase.unwrap_or(PodPhase::Pending) == *phase;
            families.add("kube_pod_status_phase", "gauge", HELP, &with(&[("phase", phase.as_str())]), here.into());
        }
        if let Some(reason) = self.reason {
            families.add("kube_pod_status_reason", "gauge", HELP, &with(&[("reason", reason.as_str())]), 1);
        }
        for (name, container) in &self.containers {
            let mut add = |metric, kind, more: &[(&str, &str)], value: u64| {
                families.add(metric, kind, HELP, &with(&[&[("container", &**name)], more].concat()), value);
            };
            add("kube_pod_container_status_restarts_total", "counter", &[], container.restarts.into());
            add("kube_pod_container_status_running", "gauge", &[], container.running.into());
            if container.backs_off {
                let reason = [("reason", "CrashLoopBackOff")];
                add("kube_pod_container_status_waiting_reason", "gauge", &reason, 1);
            }
            if let Some(last) = container.last {
                let reason = [("reason", last.as_str())];
                add("kube_pod_container_status_last_terminated_reason", "gauge", &reason, 1);
            }
        }
    }
}
