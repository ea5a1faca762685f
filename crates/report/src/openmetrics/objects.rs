//! What kube-state-metrics says of the node, its pods and their containers.

use super::families::Families;
use super::labels;
use crate::pods::{Pod, Pods, is_init, plan_of};
use oomsim_core::kubelet::MEMORY;
use oomsim_core::node::NodeView;
use oomsim_core::node_api::PodPhase;
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::record::{LimitScope, NodeFacts, view};
use oomsim_core::units::Quantity;
use std::sync::Arc;

impl Pods {
    /// Adds how everything stands.
    pub fn add_to(
        &self,
        families: &mut Families,
        node: &str,
        (facts, scenario): (&NodeFacts, &Scenario),
        scrape: &NodeView,
    ) {
        let of = |pairs: &[(&str, &str)]| labels(&[&[("job", "kube-state-metrics")], pairs].concat());
        let memory = [("node", node), ("resource", "memory"), ("unit", "byte")];
        for (name, value) in
            [("kube_node_status_capacity", facts.capacity), ("kube_node_status_allocatable", facts.allocatable)]
        {
            families.add(name, "gauge", "of the node (kube-state-metrics)", &of(&memory), value.get());
        }
        if let Some(kubelet) = &scrape.kubelet {
            let pressure = kubelet.reported_memory_pressure;
            for (status, holds) in [("true", pressure), ("false", !pressure), ("unknown", false)] {
                let labels = of(&[("node", node), ("condition", "MemoryPressure"), ("status", status)]);
                families.add("kube_node_status_condition", "gauge", HELP, &labels, u64::from(holds));
            }
        }
        for (full_name, pod) in &self.all {
            let (namespace, name) = view::split_pod(full_name);
            let labels = [("namespace", namespace), ("pod", name)];
            let plan = plan_of(scenario, full_name);
            pod.add_to(families, plan, &labels, node, &of);
            if let Some(plan) = plan {
                requests(families, plan, &labels, node, &of);
            }
        }
        for cgroup in &scrape.cgroups {
            let (LimitScope::Container { pod, container }, Some(limit)) = (&cgroup.of, cgroup.limit) else { continue };
            let name = OF_CONTAINERS.of(is_init(scenario, pod, container)).limits;
            let (namespace, pod) = view::split_pod(pod);
            let labels = [("namespace", namespace), ("pod", pod), ("container", container), ("node", node)];
            let labels = of(&[&labels[..], &[("resource", "memory"), ("unit", "byte")]].concat());
            families.add(name, "gauge", HELP, &labels, limit.get());
        }
    }
}

const HELP: &str = "(kube-state-metrics)";

/// Names of metrics of a container.
struct Names {
    restarts: &'static str,
    running: &'static str,
    waiting: &'static str,
    last: &'static str,
    limits: &'static str,
    requests: &'static str,
}

/// Those of containers and those of init containers.
struct Both(Names, Names);

impl Both {
    const fn of(&self, init: bool) -> &Names {
        if init { &self.1 } else { &self.0 }
    }
}

const OF_CONTAINERS: Both = Both(
    Names {
        restarts: "kube_pod_container_status_restarts_total",
        running: "kube_pod_container_status_running",
        waiting: "kube_pod_container_status_waiting_reason",
        last: "kube_pod_container_status_last_terminated_reason",
        limits: "kube_pod_container_resource_limits",
        requests: "kube_pod_container_resource_requests",
    },
    Names {
        restarts: "kube_pod_init_container_status_restarts_total",
        running: "kube_pod_init_container_status_running",
        waiting: "kube_pod_init_container_status_waiting_reason",
        last: "kube_pod_init_container_status_last_terminated_reason",
        limits: "kube_pod_init_container_resource_limits",
        requests: "kube_pod_init_container_resource_requests",
    },
);

impl Pod {
    fn add_to<'a>(
        &'a self,
        families: &mut Families,
        plan: Option<&PodPlan>,
        pod: &[(&'a str, &'a str); 2],
        node: &str,
        of: &impl Fn(&[(&str, &str)]) -> Arc<str>,
    ) {
        let with = |more: &[(&str, &str)]| of(&[&pod[..], more].concat());
        families.add("kube_pod_info", "gauge", HELP, &with(&[("node", node)]), 1);
        if let Some(qos) = self.qos {
            families.add("kube_pod_status_qos_class", "gauge", HELP, &with(&[("qos_class", qos.as_str())]), 1);
        }
        for phase in PodPhase::ALL {
            let here = self.phase.unwrap_or(PodPhase::Pending) == *phase;
            families.add("kube_pod_status_phase", "gauge", HELP, &with(&[("phase", phase.as_str())]), u64::from(here));
        }
        families.add("kube_pod_status_phase", "gauge", HELP, &with(&[("phase", "Unknown")]), 0);
        if let Some(reason) = self.reason {
            families.add("kube_pod_status_reason", "gauge", HELP, &with(&[("reason", reason.as_str())]), 1);
        }
        for (name, container) in &self.containers {
            let init = plan.is_some_and(|plan| plan.spec.init_containers.iter().any(|init| init.name == *name));
            let names = OF_CONTAINERS.of(init);
            let mut add = |metric, kind, more: &[(&str, &str)], value: u64| {
                families.add(metric, kind, HELP, &with(&[&[("container", &**name)], more].concat()), value);
            };
            add(names.restarts, "counter", &[], container.restarts.into());
            add(names.running, "gauge", &[], container.running.is_some().into());
            if container.backs_off {
                let reason = [("reason", "CrashLoopBackOff")];
                add(names.waiting, "gauge", &reason, 1);
            }
            if let Some(last) = container.last {
                let reason = [("reason", last.reason.as_str())];
                add(names.last, "gauge", &reason, 1);
            }
        }
    }
}

/// What each container and each init container requests.
fn requests(
    families: &mut Families,
    plan: &PodPlan,
    pod: &[(&str, &str); 2],
    node: &str,
    of: &impl Fn(&[(&str, &str)]) -> Arc<str>,
) {
    let init = plan.spec.init_containers.iter().map(|container| (container, true));
    for (container, init) in plan.spec.containers.iter().map(|container| (container, false)).chain(init) {
        let request = container.resources.requests.get(MEMORY).map(Quantity::value);
        let Some(bytes) = request.and_then(|bytes| u64::try_from(bytes).ok()) else { continue };
        let more = [("container", &*container.name), ("node", node), ("resource", "memory"), ("unit", "byte")];
        let labels = of(&[&pod[..], &more].concat());
        families.add(OF_CONTAINERS.of(init).requests, "gauge", HELP, &labels, bytes);
    }
}
