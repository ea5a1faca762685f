//! The fields of a `KubeletConfiguration` that memory depends on, with the kubelet's own defaults and validation.

use super::admission::DEFAULT_MAX_PODS;
use super::profile::KubernetesProfile;
use crate::units::SimDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A map of texts, e.g. thresholds by signal.
pub type TextMap = BTreeMap<String, String>;

/// `enforceNodeAllocatable`: limit the pods' cgroup.
pub const ENFORCE_PODS: &str = "pods";
/// `enforceNodeAllocatable`: limit the system-reserved cgroup.
pub const ENFORCE_SYSTEM: &str = "system-reserved";
/// `enforceNodeAllocatable`: limit the kube-reserved cgroup.
pub const ENFORCE_KUBE: &str = "kube-reserved";
/// `enforceNodeAllocatable`: CPU of the system-reserved cgroup only.
pub const ENFORCE_SYSTEM_COMPRESSIBLE: &str = "system-reserved-compressible";
/// `enforceNodeAllocatable`: CPU of the kube-reserved cgroup only.
pub const ENFORCE_KUBE_COMPRESSIBLE: &str = "kube-reserved-compressible";
/// `enforceNodeAllocatable`: nothing.
pub const ENFORCE_NONE: &str = "none";

/// How cgroups are named and created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupDriver {
    /// Plain directories: `/kubepods/burstable/pod<uid>`.
    #[default]
    Cgroupfs,
    /// Slices: `/kubepods.slice/kubepods-burstable.slice/…`.
    Systemd,
}

/// `memorySwap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemorySwap {
    /// Empty, `NoSwap`, `LimitedSwap`, or before 1.30 `UnlimitedSwap`.
    pub swap_behavior: String,
}

/// `memoryReservationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemoryReservationPolicy {
    /// Nothing is protected.
    None,
    /// Guaranteed pods by memory.min, Burstable pods by memory.low.
    TieredReservation,
}

/// What memory.min and memory.low protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryReservation {
    /// Nothing.
    Nothing,
    /// memory.min is the request.
    Requests,
    /// Requests of Guaranteed pods are memory.min, those of Burstable pods memory.low.
    Tiered,
}

/// The memory-related fields of `kubelet.config.k8s.io/v1beta1`, under their own names. A field that is `None`
/// (or an empty map) was not given; [`KubeletConfig`]'s methods give the value in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeletConfig {
    /// Set aside for the kubelet and the container runtime.
    pub kube_reserved: TextMap,
    /// Set aside for other daemons.
    pub system_reserved: TextMap,
    /// Cgroup of the kube-reserved daemons.
    pub kube_reserved_cgroup: String,
    /// Cgroup of the system daemons.
    pub system_reserved_cgroup: String,
    /// Hard thresholds; a map that is given replaces all defaults.
    pub eviction_hard: Option<TextMap>,
    /// Signals that `evictionHard` does not name keep their default thresholds (capability
    /// `merge_default_eviction_settings`).
    pub merge_default_eviction_settings: Option<bool>,
    /// Soft thresholds.
    pub eviction_soft: TextMap,
    /// How long a soft threshold must be met.
    pub eviction_soft_grace_period: TextMap,
    /// How much to free beyond a threshold.
    pub eviction_minimum_reclaim: TextMap,
    /// How long a condition outlives its cause; zero counts as not given.
    pub eviction_pressure_transition_period: Option<SimDuration>,
    /// Longest grace period of a soft eviction in seconds.
    pub eviction_max_pod_grace_period: i64,
    /// What is enforced; default `pods`.
    pub enforce_node_allocatable: Option<Vec<String>>,
    /// Default `cgroupfs`.
    pub cgroup_driver: CgroupDriver,
    /// Cgroup under which `kubepods` is created; empty: the root.
    pub cgroup_root: String,
    /// QoS cgroups exist; default true.
    #[serde(rename = "cgroupsPerQOS")]
    pub cgroups_per_qos: Option<bool>,
    /// How often the node status is computed; default 10 s.
    pub node_status_update_frequency: Option<SimDuration>,
    /// Position of memory.high between request and limit; default by release.
    pub memory_throttling_factor: Option<f64>,
    /// What memory.min and memory.low protect; default `None` (capability `memory_reservation_policy`).
    pub memory_reservation_policy: Option<MemoryReservationPolicy>,
    /// Swap behaviour.
    pub memory_swap: MemorySwap,
    /// Refuse to start with swap on; default true.
    pub fail_swap_on: Option<bool>,
    /// An OOM kill takes one process, not the container; default by cgroup version and release.
    #[serde(rename = "singleProcessOOMKill")]
    pub single_process_oom_kill: Option<bool>,
    /// Refuse to start on cgroup v1; default false.
    #[serde(rename = "failCgroupV1")]
    pub fail_cgroup_v1: Option<bool>,
    /// `oom_score_adj` of the kubelet itself; default −999.
    pub oom_score_adj: Option<i64>,
    /// Longest restart back-off (`crashLoopBackOff.maxContainerRestartPeriod`).
    pub max_container_restart_period: Option<SimDuration>,
    /// Percentages by resource (capability `qos_reserved`).
    pub qos_reserved: TextMap,
    /// Memory cgroup notification on cgroup v1.
    pub kernel_memcg_notification: bool,
    /// Fail if sysctls differ from what the kubelet wants (`vm.overcommit_memory=1` among them).
    pub protect_kernel_defaults: bool,
    /// Most pods on the node; see [`KubeletConfig::max_pods`].
    pub max_pods: Option<i64>,
}

/// `eviction-pressure-transition-period` when none or zero is given (v1beta1/defaults.go).
pub const DEFAULT_PRESSURE_TRANSITION_PERIOD: SimDuration = SimDuration::from_secs(300);
/// `nodeStatusUpdateFrequency` when none is given (v1beta1/defaults.go).
pub const DEFAULT_NODE_STATUS_UPDATE_FREQUENCY: SimDuration = SimDuration::from_secs(10);

/// Hard thresholds when no map is given (eviction/defaults_linux.go).
pub fn default_eviction_hard(profile: &KubernetesProfile) -> TextMap {
    let mut map: TextMap = [
        ("memory.available", "100Mi"),
        ("nodefs.available", "10%"),
        ("nodefs.inodesFree", "5%"),
        ("imagefs.available", "15%"),
    ]
    .map(|(signal, value)| (signal.to_owned(), value.to_owned()))
    .into();
    if profile.default_imagefs_inodes_free {
        map.insert("imagefs.inodesFree".to_owned(), "5%".to_owned());
    }
    map
}

/// The minor release whose configuration has `failCgroupV1` first (v1beta1/types.go).
pub const FAIL_CGROUP_V1_SINCE: u32 = 31;

impl KubeletConfig {
    /// Most pods on the node.
    pub fn max_pods(&self) -> i64 {
        self.max_pods.unwrap_or(DEFAULT_MAX_PODS)
    }

    /// Hard thresholds in force (v1beta1/defaults.go: a map that is given replaces the defaults, unless they are
    /// merged).
    pub fn eviction_hard(&self, profile: &KubernetesProfile) -> TextMap {
        let merge = profile.merge_default_eviction_settings && self.merge_default_eviction_settings == Some(true);
        match &self.eviction_hard {
            Some(given) if merge => {
                let mut map = default_eviction_hard(profile);
                map.extend(given.clone());
                map
            }
            Some(given) => given.clone(),
            None => default_eviction_hard(profile),
        }
    }

    /// What is enforced.
    pub fn enforces(&self, key: &str) -> bool {
        match &self.enforce_node_allocatable {
            Some(keys) => keys.iter().any(|k| k == key),
            None => key == ENFORCE_PODS,
        }
    }

    /// Whether QoS cgroups exist.
    pub fn cgroups_per_qos(&self) -> bool {
        self.cgroups_per_qos.unwrap_or(true)
    }

    /// How long a condition outlives its cause.
    pub fn pressure_transition_period(&self) -> SimDuration {
        let given = self.eviction_pressure_transition_period.filter(|d| *d != SimDuration::ZERO);
        given.unwrap_or(DEFAULT_PRESSURE_TRANSITION_PERIOD)
    }

    /// How often the node status is computed.
    pub fn node_status_update_frequency(&self) -> SimDuration {
        let given = self.node_status_update_frequency.filter(|d| *d != SimDuration::ZERO);
        given.unwrap_or(DEFAULT_NODE_STATUS_UPDATE_FREQUENCY)
    }

    /// Position of memory.high between request and limit; `None`: there is no memory.high.
    pub fn memory_throttling_factor(&self, profile: &KubernetesProfile) -> Option<f64> {
        let default = Some(profile.memory_throttling_factor_milli).filter(|milli| *milli > 0);
        self.memory_throttling_factor.or(default.map(|milli| milli as f64 / 1000.0))
    }

    /// What memory.min and memory.low protect, with the capability `memory_qos`.
    pub fn memory_reservation(&self, profile: &KubernetesProfile) -> MemoryReservation {
        match self.memory_reservation_policy {
            _ if !profile.memory_qos => MemoryReservation::Nothing,
            _ if !profile.memory_reservation_policy => MemoryReservation::Requests,
            Some(MemoryReservationPolicy::TieredReservation) => MemoryReservation::Tiered,
            Some(MemoryReservationPolicy::None) | None => MemoryReservation::Nothing,
        }
    }

    /// Whether an OOM kill in a container takes one process only. On cgroup v1 it always does.
    pub fn single_process_oom_kill(&self, cgroup_v2: bool, profile: &KubernetesProfile) -> bool {
        if !cgroup_v2 {
            return true;
        }
        let given = self.single_process_oom_kill.filter(|_| profile.single_process_oom_kill);
        given.unwrap_or(!profile.oom_group_default)
    }

    /// What is wrong with the configuration, as far as memory is concerned
    /// (apis/config/validation/validation.go); thresholds and reservations are checked where they are parsed.
    pub fn validate(&self, cgroup_v2: bool, profile: &KubernetesProfile) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut problem = |field, kind| {
            let problem = ConfigProblem { field, kind };
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        };
        if self.oom_score_adj.is_some_and(|adj| !(-1000..=1000).contains(&adj)) {
            problem("oomScoreAdj", ProblemKind::OutOfRange { least: "-1000", most: "1000" });
        }
        let swap = self.memory_swap.swap_behavior.as_str();
        let legal = ["", "NoSwap", "LimitedSwap"].contains(&swap) || profile.unlimited_swap && swap == "UnlimitedSwap";
        if !profile.node_swap && !swap.is_empty() {
            problem("memorySwap.swapBehavior", ProblemKind::GateOff("NodeSwap"));
        } else if !legal {
            problem("memorySwap.swapBehavior", ProblemKind::NotOneOf(swap.into()));
        }
        match self.max_container_restart_period {
            Some(_) if !profile.crash_loop_back_off_max => {
                problem(
                    "crashLoopBackOff.maxContainerRestartPeriod",
                    ProblemKind::GateOff("KubeletCrashLoopBackOffMax"),
                );
            }
            Some(period) if !(1000..=300_000).contains(&(period.as_nanos() / 1_000_000)) => {
                problem(
                    "crashLoopBackOff.maxContainerRestartPeriod",
                    ProblemKind::OutOfRange { least: "1s", most: "300s" },
                );
            }
            // With the gate a missing period is the maximum, 300 s (v1beta1/defaults.go).
            _ => {}
        }
        self.validate_enforcement(profile, &mut problem);
        if !cgroup_v2 {
            let given = self.fail_cgroup_v1.filter(|_| profile.minor >= FAIL_CGROUP_V1_SINCE);
            if given.unwrap_or(profile.fail_cgroup_v1) {
                problem("failCgroupV1", ProblemKind::CgroupV1Refused);
            } else if self.single_process_oom_kill == Some(false) {
                problem("singleProcessOOMKill", ProblemKind::CgroupV1Only);
            }
        }
        if self.memory_throttling_factor.is_some_and(|f| !(f > 0.0 && f <= 1.0)) {
            problem("memoryThrottlingFactor", ProblemKind::OutOfRange { least: "more than 0", most: "1.0" });
        }
        problems
    }

    fn validate_enforcement(&self, profile: &KubernetesProfile, problem: &mut impl FnMut(&'static str, ProblemKind)) {
        const FIELD: &str = "enforceNodeAllocatable";
        let keys = self.enforce_node_allocatable.as_deref().unwrap_or_default();
        let default = [ENFORCE_PODS.to_owned()];
        let keys = if self.enforce_node_allocatable.is_none() { &default } else { keys };
        for (whole, part) in [(ENFORCE_SYSTEM, ENFORCE_SYSTEM_COMPRESSIBLE), (ENFORCE_KUBE, ENFORCE_KUBE_COMPRESSIBLE)]
        {
            if self.enforces(whole) && self.enforces(part) {
                problem(FIELD, ProblemKind::Together(whole.into(), part.into()));
            }
        }
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].contains(key) {
                problem(FIELD, ProblemKind::Twice(key.clone()));
                continue;
            }
            let compressible = key.ends_with("-compressible") && !profile.compressible_enforcement;
            match key.as_str() {
                ENFORCE_PODS => {}
                ENFORCE_SYSTEM | ENFORCE_SYSTEM_COMPRESSIBLE if !compressible => {
                    if self.system_reserved_cgroup.is_empty() {
                        problem("systemReservedCgroup", ProblemKind::Missing(FIELD));
                    }
                }
                ENFORCE_KUBE | ENFORCE_KUBE_COMPRESSIBLE if !compressible => {
                    if self.kube_reserved_cgroup.is_empty() {
                        problem("kubeReservedCgroup", ProblemKind::Missing(FIELD));
                    }
                }
                ENFORCE_NONE => {
                    if keys.len() > 1 {
                        problem(FIELD, ProblemKind::NotAlone(key.clone()));
                    }
                    continue;
                }
                _ => {
                    problem(FIELD, ProblemKind::NotOneOf(key.clone()));
                    continue;
                }
            }
            if !self.cgroups_per_qos() {
                problem("cgroupsPerQOS", ProblemKind::NeededBy(key.clone()));
            }
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Field of the KubeletConfiguration.
    pub field: &'static str,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// Outside the legal range.
    OutOfRange {
        /// Smallest legal value.
        least: &'static str,
        /// Largest legal value.
        most: &'static str,
    },
    /// Not a legal value.
    NotOneOf(String),
    /// Needs a feature gate that is off.
    GateOff(&'static str),
    /// Must be given because of this.
    Missing(&'static str),
    /// Two values that exclude each other.
    Together(String, String),
    /// The same value twice.
    Twice(String),
    /// Must stand alone.
    NotAlone(String),
    /// Must be true because of this value of `enforceNodeAllocatable`.
    NeededBy(String),
    /// The host has cgroup v1 and the configuration refuses that.
    CgroupV1Refused,
    /// Cannot be false on cgroup v1.
    CgroupV1Only,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match &self.kind {
            ProblemKind::OutOfRange { least, most } => write!(f, "{field} must lie between {least} and {most}"),
            ProblemKind::NotOneOf(value) => write!(f, "{field}: {value:?} is not a legal value"),
            ProblemKind::GateOff(gate) => write!(f, "{field} needs the feature gate {gate}, which is off"),
            ProblemKind::Missing(why) => write!(f, "{field} must be given because of {why}"),
            ProblemKind::Together(a, b) => write!(f, "{field}: {a:?} and {b:?} exclude each other"),
            ProblemKind::Twice(value) => write!(f, "{field}: {value:?} is given twice"),
            ProblemKind::NotAlone(value) => write!(f, "{field}: {value:?} must stand alone"),
            ProblemKind::NeededBy(key) => write!(f, "{field} must be true for enforceNodeAllocatable {key:?}"),
            ProblemKind::CgroupV1Refused => {
                write!(f, "{field} is true, which is the default from 1.35 on, and the host has cgroup v1")
            }
            ProblemKind::CgroupV1Only => write!(f, "{field} cannot be false on cgroup v1"),
        }
    }
}
