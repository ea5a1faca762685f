//! What is left for pods: reservations, node allocatable, and the limits that enforce them.

use super::cgroups::{CgroupLayout, CgroupName, NodeCgroupWrite};
use super::config::{
    ENFORCE_KUBE, ENFORCE_KUBE_COMPRESSIBLE, ENFORCE_PODS, ENFORCE_SYSTEM, ENFORCE_SYSTEM_COMPRESSIBLE, KubeletConfig,
    TextMap,
};
use super::eviction::{EvictionSignal, Threshold};
use super::pod::ResourceList;
use super::profile::KubernetesProfile;
use super::resources::MEMORY;
use crate::units::{Format, ParseQuantityError, Quantity};
use std::fmt;

/// Resource of the node's disk.
const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

/// Fields of reservations.
pub(super) const KUBE_RESERVED: &str = "kubeReserved";
pub(super) const SYSTEM_RESERVED: &str = "systemReserved";

/// Why a reservation is refused (cmd/kubelet/app/server.go parseResourceList).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReservationError {
    /// Only cpu, memory, ephemeral-storage and pid can be reserved.
    Unsupported(String),
    /// Not a quantity.
    Quantity(String, String, ParseQuantityError),
    /// Below zero.
    Negative(String, String),
}

impl fmt::Display for ReservationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(name) => write!(f, "cannot reserve {name:?}: only cpu, memory, ephemeral-storage, pid"),
            Self::Quantity(name, text, error) => write!(f, "{name}: {text:?}: {error}"),
            Self::Negative(name, text) => write!(f, "{name}: {text} must not be negative"),
        }
    }
}

impl std::error::Error for ReservationError {}

impl ReservationError {
    /// The resource that it is about.
    pub fn name(&self) -> &str {
        let (Self::Unsupported(name) | Self::Quantity(name, ..) | Self::Negative(name, _)) = self;
        name
    }
}

/// Reads `kubeReserved` or `systemReserved`: what can be read, and every entry that cannot be reserved, by name; the
/// kubelet stops at one of them. `None`: nothing is given, not even an amount of 0.
pub(super) fn parse_reservation(map: &TextMap) -> (Option<ResourceList>, Vec<ReservationError>) {
    let mut list = ResourceList::new();
    let mut errors = Vec::new();
    for (name, text) in map {
        if !["cpu", MEMORY, EPHEMERAL_STORAGE, "pid"].contains(&name.as_str()) {
            errors.push(ReservationError::Unsupported(name.clone()));
            continue;
        }
        match Quantity::parse(text) {
            Err(error) => errors.push(ReservationError::Quantity(name.clone(), text.clone(), error)),
            Ok(quantity) if quantity.sign() < 0 => errors.push(ReservationError::Negative(name.clone(), text.clone())),
            Ok(quantity) => drop(list.insert(name.clone(), quantity)),
        }
    }
    ((!map.is_empty()).then_some(list), errors)
}

/// A resource of which more is reserved than the node has: the kubelet refuses to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationExceedsCapacity {
    /// Name of the resource.
    pub resource: String,
    /// Reserved, eviction threshold included.
    pub reservation: Quantity,
    /// What the node has.
    pub capacity: Quantity,
}

impl fmt::Display for ReservationExceedsCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, reservation, capacity } = self;
        write!(f, "{resource}: {reservation} reserved, eviction threshold included, but the node has {capacity}")
    }
}

/// A node's capacity and what is taken off it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeAllocatable {
    /// What the node has: `memory` is MemTotal.
    pub capacity: ResourceList,
    /// Bytes in reserved hugepages.
    pub hugepages: u64,
    /// Set aside for the kubelet and the container runtime; `None`: not given.
    pub kube_reserved: Option<ResourceList>,
    /// Set aside for other daemons; `None`: not given.
    pub system_reserved: Option<ResourceList>,
    /// Hard thresholds.
    pub hard_thresholds: Vec<Threshold>,
}

impl NodeAllocatable {
    fn reserved(&self) -> impl Iterator<Item = &ResourceList> {
        self.system_reserved.iter().chain(&self.kube_reserved)
    }

    /// What hard eviction keeps free (cm/node_container_manager_linux.go hardEvictionReservation).
    fn eviction_reservation(&self) -> ResourceList {
        let mut list = ResourceList::new();
        for threshold in &self.hard_thresholds {
            let name = match threshold.signal {
                EvictionSignal::MemoryAvailable => MEMORY,
                EvictionSignal::NodeFsAvailable => EPHEMERAL_STORAGE,
                _ => continue,
            };
            let capacity = self.capacity.get(name).map_or(0, Quantity::value);
            list.insert(name.to_owned(), threshold.value.quantity(capacity));
        }
        list
    }

    /// Everything taken off the capacity of each resource (GetNodeAllocatableReservation).
    pub fn reservation(&self) -> ResourceList {
        let eviction = self.eviction_reservation();
        let mut sums = ResourceList::new();
        for name in self.capacity.keys() {
            let mut sum = Quantity::new(0, Format::DecimalSI);
            for quantity in self.reserved().chain([&eviction]).filter_map(|l| l.get(name)) {
                sum.add(quantity);
            }
            if !sum.is_zero() {
                sums.insert(name.clone(), sum);
            }
        }
        sums
    }

    /// Resources of which more is reserved than there is (validateNodeAllocatable). Not empty: the kubelet does not
    /// start.
    pub fn exceeded(&self) -> Vec<ReservationExceedsCapacity> {
        let reservation = self.reservation();
        let exceeded = reservation.into_iter().filter_map(|(resource, reservation)| {
            let capacity = self.capacity.get(&resource)?.clone();
            (reservation > capacity).then_some(ReservationExceedsCapacity { resource, reservation, capacity })
        });
        exceeded.collect()
    }

    /// Capacity less reservations, eviction thresholds not counted: the limit of `kubepods`
    /// (getNodeAllocatableAbsolute).
    pub fn absolute(&self) -> ResourceList {
        let left = |(name, capacity): (&String, &Quantity)| {
            let mut left = capacity.clone();
            for quantity in self.reserved().filter_map(|l| l.get(name)) {
                left.sub(quantity);
            }
            (name.clone(), floor(left))
        };
        self.capacity.iter().map(left).collect()
    }

    /// `node.status.allocatable` of memory (nodestatus/setters.go MachineInfo): capacity less everything reserved,
    /// less hugepages.
    pub fn allocatable_memory(&self) -> Quantity {
        let Some(capacity) = self.capacity.get(MEMORY) else { return Quantity::default() };
        let mut left = capacity.clone();
        if let Some(reserved) = self.reservation().get(MEMORY) {
            left.sub(reserved);
        }
        let mut left = floor(left);
        if self.hugepages > 0 {
            left.sub(&Quantity::bytes(i64::try_from(self.hugepages).unwrap_or(i64::MAX)));
        }
        floor(left)
    }

    /// The memory limit of `kubepods`: [`absolute`](Self::absolute) if pods are enforced, else the whole capacity.
    pub fn kubepods_limit(&self, config: &KubeletConfig) -> i64 {
        let list =
            if config.cgroups_per_qos() && config.enforces(ENFORCE_PODS) { &self.absolute() } else { &self.capacity };
        list.get(MEMORY).map_or(0, Quantity::value)
    }

    /// The cgroups that the kubelet writes at start, in its order; a failure ends the list
    /// (enforceNodeAllocatableCgroups).
    pub fn enforcement(
        &self,
        config: &KubeletConfig,
        layout: &CgroupLayout,
        cgroup_v2: bool,
        profile: &KubernetesProfile,
    ) -> Enforcement {
        let mut result = Enforcement::default();
        // Without QoS cgroups it is the configured root that is updated, unless that is the node's own.
        if !layout.kubepods().0.is_empty() {
            let path = layout.path(&layout.kubepods());
            result.writes.push(NodeCgroupWrite {
                path,
                memory: Some(self.kubepods_limit(config)),
                memory_min: None,
                memory_low: None,
            });
        }
        let classes = [
            (ENFORCE_SYSTEM, SYSTEM_RESERVED, &self.system_reserved, &config.system_reserved_cgroup, false),
            (ENFORCE_KUBE, KUBE_RESERVED, &self.kube_reserved, &config.kube_reserved_cgroup, false),
            (ENFORCE_SYSTEM_COMPRESSIBLE, SYSTEM_RESERVED, &self.system_reserved, &config.system_reserved_cgroup, true),
            (ENFORCE_KUBE_COMPRESSIBLE, KUBE_RESERVED, &self.kube_reserved, &config.kube_reserved_cgroup, true),
        ];
        for (enforcement, reservation, reserved, cgroup, compressible) in classes {
            if !config.enforces(enforcement) {
                continue;
            }
            let Some(reserved) = reserved else {
                result.failed = Some(NotConfigured { enforcement, reservation, cgroup: cgroup.clone() });
                break;
            };
            let memory = reserved.get(MEMORY).filter(|_| !compressible).map(Quantity::value);
            let path = layout.path(&CgroupName::parse(cgroup, layout.driver));
            let memory_min = memory.filter(|m| cgroup_v2 && profile.memory_qos && *m > 0);
            result.writes.push(NodeCgroupWrite { path, memory, memory_min, memory_low: None });
        }
        result
    }
}

fn floor(quantity: Quantity) -> Quantity {
    if quantity.sign() < 0 { Quantity::new(0, quantity.format()) } else { quantity }
}

/// A cgroup that is to be enforced although nothing is reserved for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConfigured {
    /// Key of `enforceNodeAllocatable`.
    pub enforcement: &'static str,
    /// The field that would have to be given: `kubeReserved` or `systemReserved`.
    pub reservation: &'static str,
    /// The configured cgroup.
    pub cgroup: String,
}

impl fmt::Display for NotConfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot enforce {} on {:?}: nothing is reserved", self.enforcement, self.cgroup)
    }
}

/// What enforcing node allocatable comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// Cgroups written, in order.
    pub writes: Vec<NodeCgroupWrite>,
    /// Why it stopped.
    pub failed: Option<NotConfigured>,
}
