//! What the pods of one plan have in common, worked out once.

use crate::kernel::CgroupVersion;
use crate::kubelet::eviction::{EvictionFacts, TAINT_MEMORY_PRESSURE};
use crate::kubelet::{
    KubernetesProfile, MEMORY, NodeLimits, PodDirs, PodSpec, QosClass, Toleration, container_cgroup,
    container_oom_score_adj, pod_cgroup, scheduling_requests,
};
use crate::node::kubelet::Kubelet;
use crate::node::machine::Machine;
use crate::node_api::{CgroupWrite, Name};
use crate::plan::{Controller, PodPlan};
use crate::units::{Bytes, CgroupId, Quantity};
use std::sync::Arc;

/// What the pods of one plan have in common.
#[derive(Clone, Debug)]
pub(in crate::node) struct Template {
    /// As the kubelet sees it, but for name and unique id, which each pod has for itself.
    pub spec: PodSpec,
    pub qos: QosClass,
    pub facts: EvictionFacts,
    /// Memory that it takes of node allocatable, bytes.
    pub request: i64,
    /// Its init containers and sidecars in the order in which they start, by their place in `containers`.
    pub init: Vec<u32>,
    /// Where the pods' cgroups are, and what they are called.
    pub parent: CgroupId,
    pub dirs: PodDirs,
    /// What is written to the pod's cgroup.
    pub cgroup: CgroupWrite,
    /// In the order of the plan.
    pub containers: Vec<ContainerTemplate>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Role {
    /// Does its work before the regular containers start.
    Init,
    /// Starts before them and runs beside them.
    Sidecar,
    Regular,
}

impl Role {
    fn of(name: &Name, spec: &PodSpec, profile: &KubernetesProfile) -> Role {
        match spec.init_containers.iter().find(|init| init.name == *name) {
            Some(init) if init.restarts_always() && profile.sidecar_containers => Role::Sidecar,
            Some(_) => Role::Init,
            None => Role::Regular,
        }
    }
}

/// What the containers of one name have in common.
#[derive(Clone, Debug)]
pub(in crate::node) struct ContainerTemplate {
    pub role: Role,
    pub oom_score_adj: i16,
    /// Message of `Killing`.
    pub stopping: Name,
    /// What is written to the container's cgroup; nothing without a kubelet.
    pub cgroup: Option<CgroupWrite>,
}

impl Template {
    /// True for a container that is neither an init container nor a sidecar.
    pub fn is_regular(&self, container: u32) -> bool {
        self.containers[container as usize].role == Role::Regular
    }

    /// What the pods of this plan are made from. The kubelet has started, unless its configuration does not let it.
    pub fn new(plan: &PodPlan, started: Option<&Kubelet>, machine: &Machine) -> Arc<Template> {
        let mut spec = plan.spec.clone();
        if plan.controller == Controller::DaemonSet {
            // The DaemonSet controller adds it to every pod (pkg/controller/daemon/util
            // AddOrUpdateDaemonPodTolerations).
            Arc::make_mut(&mut spec.tolerations).push(Toleration {
                key: TAINT_MEMORY_PRESSURE.into(),
                operator: "Exists".into(),
                effect: "NoSchedule".into(),
                ..Toleration::default()
            });
        }
        let kubelet = started.map(Kubelet::plan).or(machine.scenario.kubelet.as_ref());
        let profile = kubelet.map_or_else(KubernetesProfile::default, |k| k.profile);
        let config = &machine.scenario.node.kernel;
        let cgroup_v2 = config.cgroup == CgroupVersion::V2;
        let node = started.map(|kubelet| NodeLimits {
            cgroup_v2,
            memory_capacity: config.mem_total,
            swap_capacity: config.swap_total,
            allocatable: kubelet.allocatable(),
            swap_controller: true,
        });
        let containers = plan.containers.iter().map(|c| {
            let container = spec.all_containers().find(|s| s.name == c.name);
            let adj = container.map(|s| container_oom_score_adj(&spec, s, config.mem_total, &profile));
            ContainerTemplate {
                role: Role::of(&c.name, &spec, &profile),
                stopping: format!("Stopping container {}", c.name).into(),
                oom_score_adj: adj.and_then(|adj| i16::try_from(adj).ok()).unwrap_or(1000),
                cgroup: container
                    .zip(node.as_ref().zip(kubelet))
                    .map(|(s, (node, kubelet))| container_cgroup(&spec, s, node, &kubelet.config, &profile)),
            }
        });
        let qos = QosClass::of(&spec, &profile);
        let place = |name: &Name| plan.containers.iter().position(|c| c.name == *name);
        let init = spec.init_containers.iter().filter_map(|init| u32::try_from(place(&init.name)?).ok()).collect();
        let without = || (machine.memory.root(), PodDirs::default());
        let (parent, dirs) = started.map_or_else(without, |kubelet| kubelet.pods_below(qos).clone());
        Arc::new(Template {
            containers: containers.collect(),
            cgroup: kubelet.map_or_else(CgroupWrite::default, |k| {
                let write = pod_cgroup(&spec, cgroup_v2, &k.config, &profile);
                // A limit of 0 is none (runc libcontainer cgroups/fs2/memory.go, fs/memory.go: 0 is not written).
                CgroupWrite { max: write.max.filter(|max| *max > Bytes::ZERO), ..write }
            }),
            facts: EvictionFacts::of(&spec, &profile),
            request: scheduling_requests(&spec, &profile).get(MEMORY).map_or(0, Quantity::value),
            init,
            parent,
            dirs,
            qos,
            spec,
        })
    }
}
