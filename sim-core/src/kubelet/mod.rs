//! The kubelet's rules for memory: QoS, allocatable, cgroups, eviction, restarts, and what it knows when.
//!
//! Everything here is a pure function or a state machine over plain data: times are passed in, nothing is
//! scheduled, no kernel is called. The node drives it; the conformance runner feeds it recordings of the real
//! kubelet's code (Kubernetes 1.32.10).

pub mod admission;
mod allocatable;
pub mod backoff;
mod capability;
mod cgroups;
mod config;
mod effective;
pub mod eviction;
pub mod exit_status;
mod go;
mod oom_score;
mod pod;
pub mod preset;
mod profile;
mod qos;
mod release;
mod resources;
pub mod start;
mod stats;
mod timing;

pub use crate::node_api::QosClass;
pub use allocatable::{Enforcement, NodeAllocatable, NotConfigured, ReservationError, ReservationExceedsCapacity};
pub use backoff::{BackoffLimits, ContainerBackoff, DaemonSetBackoff};
pub use capability::{
    Consequence, ContainerWording, EventWording, Fact, RankRequest, RestartWakeup, Step, SwapDefault, UnknownCapability,
};
pub use cgroups::{
    CgroupLayout, CgroupName, NodeCgroupWrite, NodeLimits, PodDirs, container_cgroup, pod_cgroup, qos_cgroups,
};
pub use config::{
    CgroupDriver, ConfigProblem, DEFAULT_NODE_STATUS_UPDATE_FREQUENCY, DEFAULT_PRESSURE_TRANSITION_PERIOD,
    ENFORCE_KUBE, ENFORCE_KUBE_COMPRESSIBLE, ENFORCE_NONE, ENFORCE_PODS, ENFORCE_SYSTEM, ENFORCE_SYSTEM_COMPRESSIBLE,
    FAIL_CGROUP_V1_SINCE, KubeletConfig, MemoryReservation, MemoryReservationPolicy, MemorySwap, ProblemKind, TextMap,
    default_eviction_hard,
};
pub use effective::EffectiveKubelet;
pub use oom_score::{KUBELET_OOM_SCORE_ADJ, POD_INFRA_OOM_SCORE_ADJ, container_oom_score_adj, minimum_burstable_adj};
pub use pod::{
    ContainerSpec, DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS, PodSpec, ResourceList, ResourceRequirements,
    RestartPolicy, Toleration,
};
pub use profile::KubernetesProfile;
pub use qos::{MIRROR_ANNOTATION, SOURCE_ANNOTATION, is_critical, is_node_critical, is_static};
pub use release::{KubernetesDistribution, Release};
pub use resources::{CPU, MEMORY, container_request, ranking_request, scheduling_limits, scheduling_requests};
pub use stats::{Housekeeping, HousekeepingTiming};
pub use timing::{SlowKubelet, Timing, container_grace, effective_grace};
