//! How a node and its containers stand at one instant.

use crate::race::takeable;
use oomsim_core::Simulation;
use oomsim_core::kubelet::eviction::{Candidate, EvictionFacts, rank};
use oomsim_core::kubelet::{
    EffectiveKubelet, KubernetesProfile, MEMORY, QosClass, container_request, is_critical, scheduling_requests,
};
use oomsim_core::node::NodeView;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{PodPlan, Scenario};
use oomsim_core::record::{LimitScope, Owner, Sample};
use oomsim_core::units::{Bytes, SimTime};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A node and its containers at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When.
    pub at: SimTime,
    /// The node.
    pub node: NodeStanding,
    /// Its containers, in the order in which the kernel would kill them if the node ran out of memory.
    pub containers: Vec<ContainerStanding>,
}

/// A limit or threshold, and what is left until it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What it is, in words.
    pub what: String,
    /// Where it is: a limit, or a threshold of `memory.available`.
    pub at: Bytes,
    /// What is left; negative: it is behind.
    pub left: i64,
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStanding {
    /// MemTotal.
    pub capacity: Bytes,
    /// `status.allocatable`; none without a kubelet.
    pub allocatable: Option<Bytes>,
    /// Sum of the pods' requests.
    pub requests: Bytes,
    /// Working set of all pods.
    pub pods: Bytes,
    /// Working set outside of the pods.
    pub system: Bytes,
    /// What ends the growth of pods, the nearest first.
    pub rooms: Vec<Room>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStanding {
    /// `namespace/name` of its pod.
    pub pod: Name,
    /// Its name.
    pub container: Name,
    /// QoS class of its pod.
    pub qos: QosClass,
    /// Priority of its pod.
    pub priority: i32,
    /// Working set.
    pub usage: Bytes,
    /// `resources.requests.memory`.
    pub request: Option<Bytes>,
    /// The nearest limit of its own or of its pod.
    pub limit: Option<Bytes>,
    /// `oom_score_adj` of its processes.
    pub oom_score_adj: i16,
    /// Most badness points of its processes; none: the kernel does not take any of them.
    pub badness: Option<i64>,
    /// Place in the kernel's order, from 1, with the node's own processes counted; none: it is never taken.
    pub kernel_place: Option<usize>,
    /// Place of its pod in the kubelet's order, from 1; none: it is never evicted.
    pub eviction_place: Option<usize>,
}

impl ContainerStanding {
    /// What is left until its limit; negative: more than the limit is charged, of which the kernel gives up cache.
    pub fn room(&self) -> Option<i64> {
        Some(signed(self.limit?) - signed(self.usage))
    }
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

/// How a run stands now.
pub fn standing(scenario: &Scenario, run: &Simulation) -> Standing {
    let (view, sample) = (run.view(), run.sample());
    let plans = Plans::of(scenario);
    let kernel = kernel_places(&view);
    let eviction = eviction_places(scenario, &view, &plans);
    let usage = |wanted: &LimitScope| {
        let found = view.cgroups.iter().find(|cgroup| cgroup.of == *wanted);
        found.map(|cgroup| (cgroup.stat.working_set(), cgroup.limit))
    };
    let mut containers: Vec<ContainerStanding> = Vec::new();
    for cgroup in &view.cgroups {
        let LimitScope::Container { pod, container } = &cgroup.of else { continue };
        let Some(plan) = plans.find(pod) else { continue };
        let of_pod = usage(&LimitScope::Pod(pod.clone())).and_then(|(_, limit)| limit);
        let spec = plan.spec.all_containers().find(|c| c.name == *container);
        let (oom_score_adj, badness, kernel_place) =
            kernel.get(&(pod.clone(), container.clone())).copied().unwrap_or((0, None, None));
        containers.push(ContainerStanding {
            pod: pod.clone(),
            container: container.clone(),
            qos: scenario.kubelet.as_ref().map_or(QosClass::BestEffort, |k| QosClass::of(&plan.spec, &k.profile)),
            priority: plan.spec.priority(),
            usage: cgroup.stat.working_set(),
            request: spec.filter(|c| c.resources.requests.contains_key(MEMORY)).map(|c| quantity(container_request(c))),
            limit: cgroup.limit.into_iter().chain(of_pod).min(),
            oom_score_adj,
            badness,
            kernel_place,
            eviction_place: eviction.get(pod).copied(),
        });
    }
    containers.sort_by_key(|c| (c.kernel_place.unwrap_or(usize::MAX), Reverse(c.usage)));
    Standing { at: view.at, node: node(scenario, &view, &sample, &plans), containers }
}

fn quantity(bytes: i64) -> Bytes {
    Bytes::new(u64::try_from(bytes).unwrap_or(0))
}

/// Plans by the names of their pods.
struct Plans<'a>(Vec<(String, &'a PodPlan)>);

impl<'a> Plans<'a> {
    fn of(scenario: &'a Scenario) -> Self {
        Plans(scenario.pods.iter().map(|plan| (plan.full_name(), plan)).collect())
    }

    /// The plan of a pod: replicas and successors have their plan's name with something behind it.
    fn find(&self, pod: &str) -> Option<&'a PodPlan> {
        let behind = |name: &str| pod.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let fitting = self.0.iter().filter(|(name, _)| behind(name));
        fitting.max_by_key(|(name, _)| name.len()).map(|(_, plan)| *plan)
    }
}

type KernelPlace = (i16, Option<i64>, Option<usize>);

/// Of each container the `oom_score_adj`, the most points of a process, and its place among all owners of processes.
fn kernel_places(view: &NodeView) -> BTreeMap<(Name, Name), KernelPlace> {
    // A process of the node itself has no container.
    let key = |owner: &Owner| match owner {
        Owner::Container { pod, container } => (pod.clone(), Some(container.clone())),
        Owner::Host(name) => (name.clone(), None),
    };
    let mut owners: BTreeMap<(Name, Option<Name>), (i16, Option<i64>)> = BTreeMap::new();
    for process in &view.processes {
        let known = owners.entry(key(&process.owner)).or_insert((process.oom_score_adj, None));
        if process.badness() > known.1 {
            *known = (process.oom_score_adj, process.badness());
        }
    }
    let mut order: Vec<_> = owners.into_iter().collect();
    order.sort_by_key(|(_, (_, badness))| Reverse(*badness));
    let places = order.into_iter().enumerate().filter_map(|(at, ((pod, container), (adj, badness)))| {
        Some(((pod, container?), (adj, badness, badness.map(|_| at + 1))))
    });
    places.collect()
}

/// The kubelet's order, by the pods' working sets as they are now; critical pods are not in it.
fn eviction_places(scenario: &Scenario, view: &NodeView, plans: &Plans<'_>) -> BTreeMap<Name, usize> {
    let Some(kubelet) = &scenario.kubelet else { return BTreeMap::new() };
    let candidate = |pod: &Name, usage: Bytes| {
        let plan = plans.find(pod)?;
        let facts = EvictionFacts::of(&plan.spec, &kubelet.profile);
        (!is_critical(&plan.spec)).then(|| Candidate { pod: pod.clone(), facts, usage: Some(usage.get()) })
    };
    let pods = view.cgroups.iter().filter_map(|cgroup| match &cgroup.of {
        LimitScope::Pod(pod) => candidate(pod, cgroup.stat.working_set()),
        _ => None,
    });
    let mut order: Vec<_> = pods.collect();
    rank(&mut order);
    order.into_iter().enumerate().map(|(at, candidate)| (candidate.pod, at + 1)).collect()
}

fn node(scenario: &Scenario, view: &NodeView, sample: &Sample, plans: &Plans<'_>) -> NodeStanding {
    let profile = scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |kubelet| kubelet.profile);
    // As the scheduler counts them: with pod-level requests and the overhead of the RuntimeClass.
    let requests = view.cgroups.iter().filter_map(|cgroup| match &cgroup.of {
        LimitScope::Pod(pod) => {
            let request = scheduling_requests(&plans.find(pod)?.spec, &profile).remove(MEMORY)?;
            Some(quantity(request.value()))
        }
        _ => None,
    });
    let effective = scenario.kubelet.as_ref().and_then(|kubelet| kubelet.effective.as_ref().ok());
    let mut rooms: Vec<Room> = effective.into_iter().flat_map(|kubelet| kubelet_rooms(kubelet, sample)).collect();
    let left = takeable(sample, &scenario.node.kernel) as i64;
    rooms.push(Room { what: "the node is out of memory".into(), at: view.memory.total, left });
    rooms.sort_by_key(|room| room.left);
    NodeStanding {
        capacity: view.memory.total,
        allocatable: effective.map(|kubelet| kubelet.allocatable),
        requests: requests.sum(),
        pods: sample.kubepods_working_set,
        system: sample.working_set.saturating_sub(sample.kubepods_working_set),
        rooms,
    }
}

/// What the kubelet and the limit of the pods leave.
fn kubelet_rooms(kubelet: &EffectiveKubelet, sample: &Sample) -> Vec<Room> {
    let mut rooms = Vec::new();
    let pods = signed(sample.kubepods_working_set);
    for (kind, at) in
        [("eviction", kubelet.eviction_hard()), ("soft eviction", kubelet.eviction_soft().map(|(at, _)| at))]
    {
        let Some(at) = at else { continue };
        let what = format!("{kind}: memory.available of the node");
        rooms.push(Room { what, at, left: sample.available - signed(at) });
    }
    if let Some(at) = kubelet.pods_evicted_above {
        let what = "eviction: pods above their allocatable".to_string();
        rooms.push(Room { what, at, left: signed(at) - pods });
    }
    if kubelet.kubepods_limit < kubelet.capacity() {
        let left = signed(kubelet.kubepods_limit) - pods;
        rooms.push(Room { what: "OOM kill at the kubepods limit".into(), at: kubelet.kubepods_limit, left });
    }
    rooms
}
