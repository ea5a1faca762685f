//! Where cgroups are and what the kubelet writes to them.

use super::capability::SwapDefault;
use super::config::{CgroupDriver, KubeletConfig, MemoryReservation};
use super::go::go_int64;
use super::pod::{ContainerSpec, PodSpec, ResourceList};
use super::profile::KubernetesProfile;
use super::qos::is_critical;
use super::resources::{self, MEMORY, container_request};
use crate::node_api::CgroupWrite;
use crate::node_api::QosClass;
use crate::units::{Bytes, PAGE_SIZE, Quantity};

/// A cgroup's name independent of the driver: the parts of its path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CgroupName(pub Vec<String>);

impl CgroupName {
    /// Reads a configured cgroup (`/system.slice`, `/podruntime`). With systemd only the last part of the path
    /// counts and its dashes mean levels (cm/cgroup_manager_linux.go ParseSystemdToCgroupName).
    pub fn parse(text: &str, driver: CgroupDriver) -> Self {
        let parts: Vec<&str> = match driver {
            CgroupDriver::Cgroupfs => text.split('/').filter(|p| !p.is_empty()).collect(),
            CgroupDriver::Systemd => {
                let trimmed = text.trim_end_matches('/');
                let base = match trimmed.rsplit('/').next().unwrap_or_default() {
                    "" if text.is_empty() => ".",
                    "" => "/",
                    base => base,
                };
                base.strip_suffix(".slice").unwrap_or(base).split('-').collect()
            }
        };
        CgroupName(parts.into_iter().map(str::to_owned).collect())
    }

    fn child(&self, part: impl Into<String>) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.into());
        CgroupName(parts)
    }
}

/// Where the kubelet puts its cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupLayout {
    /// How names become paths.
    pub driver: CgroupDriver,
    /// Parent of `kubepods`.
    pub root: CgroupName,
    /// QoS cgroups exist.
    pub per_qos: bool,
}

impl CgroupLayout {
    /// The layout of a configuration.
    pub fn new(config: &KubeletConfig) -> Self {
        let root = CgroupName::parse(&config.cgroup_root, CgroupDriver::Cgroupfs);
        CgroupLayout { driver: config.cgroup_driver, root, per_qos: config.cgroups_per_qos() }
    }

    /// The path of a cgroup below the mount point.
    pub fn path(&self, name: &CgroupName) -> String {
        match self.driver {
            CgroupDriver::Cgroupfs => format!("/{}", name.0.join("/")),
            CgroupDriver::Systemd => {
                let parts: Vec<_> = name.0.iter().map(|p| p.replace('-', "_")).collect();
                let slices = (1..=parts.len()).map(|n| format!("/{}.slice", parts[..n].join("-")));
                let path: String = slices.collect();
                if path.is_empty() { "/".into() } else { path }
            }
        }
    }

    /// The cgroup of all pods, or the root without QoS cgroups.
    pub fn kubepods(&self) -> CgroupName {
        if self.per_qos { self.root.child("kubepods") } else { self.root.clone() }
    }

    /// The parent of a class's pods; Guaranteed pods sit directly below `kubepods`.
    pub fn qos(&self, class: QosClass) -> CgroupName {
        match class {
            QosClass::Guaranteed => self.kubepods(),
            _ if !self.per_qos => self.kubepods(),
            QosClass::Burstable => self.kubepods().child("burstable"),
            QosClass::BestEffort => self.kubepods().child("besteffort"),
        }
    }

    /// A pod's cgroup.
    pub fn pod(&self, class: QosClass, uid: &str) -> CgroupName {
        self.qos(class).child(format!("pod{uid}"))
    }

    /// What the directories of a class's pods are called: the last parts of the paths of [`CgroupLayout::pod`].
    pub fn pod_dirs(&self, class: QosClass) -> PodDirs {
        match self.driver {
            CgroupDriver::Cgroupfs => PodDirs::default(),
            CgroupDriver::Systemd => {
                let above = self.qos(class).0.iter().map(|part| part.replace('-', "_") + "-").collect();
                PodDirs { above, suffix: ".slice", dashes: "_" }
            }
        }
    }

    /// Path of a container's cgroup below its pod's, as containerd names it.
    pub fn container_path(&self, pod_path: &str, container_id: &str) -> String {
        match self.driver {
            CgroupDriver::Cgroupfs => format!("{pod_path}/{container_id}"),
            CgroupDriver::Systemd => format!("{pod_path}/cri-containerd-{container_id}.scope"),
        }
    }
}

/// What the cgroups of a class's pods are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodDirs {
    above: String,
    suffix: &'static str,
    /// What dashes of unique ids become.
    dashes: &'static str,
}

impl Default for PodDirs {
    /// Of cgroupfs: `pod` and the unique id.
    fn default() -> Self {
        PodDirs { above: String::new(), suffix: "", dashes: "-" }
    }
}

impl PodDirs {
    /// The directory of the pod with this unique id.
    pub fn of(&self, uid: &str) -> String {
        let mut dir = String::with_capacity(self.above.len() + 3 + uid.len() + self.suffix.len());
        dir.extend([&self.above, "pod"]);
        for (n, part) in uid.split('-').enumerate() {
            dir.extend([if n > 0 { self.dashes } else { "" }, part]);
        }
        dir + self.suffix
    }
}

/// The node as far as container limits depend on it.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Cgroup v2.
    pub cgroup_v2: bool,
    /// MemTotal.
    pub memory_capacity: Bytes,
    /// SwapTotal.
    pub swap_capacity: Bytes,
    /// Node allocatable memory.
    pub allocatable: Bytes,
    /// The kernel accounts swap per cgroup (`memory.swap.max`, `memory.memsw.limit_in_bytes`).
    pub swap_controller: bool,
}

fn limit(bytes: i64) -> Bytes {
    Bytes::new(u64::try_from(bytes).unwrap_or(0))
}

/// A pod's cgroup (cm/helpers_linux.go ResourceConfigForPod).
///
/// A Burstable pod has a memory limit only if every container and init container declares one. For init containers
/// the check sees the limit *together with the sidecars before it*, so an unlimited init container behind a limited
/// sidecar passes, and the pod is limited to the sum of the limits that there are.
pub fn pod_cgroup(pod: &PodSpec, cgroup_v2: bool, config: &KubeletConfig, profile: &KubernetesProfile) -> CgroupWrite {
    let mut declared = true;
    let has_memory = |list: &ResourceList| list.get(MEMORY).is_some_and(|q| !q.is_zero());
    let limits = resources::limits_with(pod, profile, |list| declared &= has_memory(list));
    if profile.pod_level_resources && pod.resources.as_ref().is_some_and(|r| has_memory(&r.limits)) {
        declared = true;
    }
    let memory = limits.get(MEMORY).map_or(0, Quantity::value);
    let mut write = CgroupWrite::default();
    let class = QosClass::of(pod, profile);
    match class {
        QosClass::Guaranteed => write.max = Some(limit(memory)),
        QosClass::Burstable if declared => write.max = Some(limit(memory)),
        _ => {}
    }
    if cgroup_v2 {
        let requested = resources::scheduling_requests(pod, profile).get(MEMORY).map_or(0, Quantity::value);
        reserve(&mut write, class, requested, config.memory_reservation(profile));
    }
    write
}

/// Protects a request.
fn reserve(write: &mut CgroupWrite, class: QosClass, request: i64, reservation: MemoryReservation) {
    let amount = (request > 0).then(|| limit(request));
    match (reservation, class) {
        (MemoryReservation::Requests, _) | (MemoryReservation::Tiered, QosClass::Guaranteed) => write.min = amount,
        (MemoryReservation::Tiered, QosClass::Burstable) => write.low = amount,
        (MemoryReservation::Tiered, QosClass::BestEffort) | (MemoryReservation::Nothing, _) => {}
    }
}

/// A container's cgroup (kuberuntime/kuberuntime_container_linux.go generateLinuxContainerResources). On cgroup v1
/// `swap_max` is memory and swap together and only has an effect beside a memory limit.
pub fn container_cgroup(
    pod: &PodSpec,
    container: &ContainerSpec,
    node: &NodeLimits,
    config: &KubeletConfig,
    profile: &KubernetesProfile,
) -> CgroupWrite {
    let own = container.resources.limits.get(MEMORY).filter(|l| !l.is_zero());
    let of_pod = || pod.resources.as_ref().and_then(|r| r.limits.get(MEMORY)).filter(|_| profile.pod_level_resources);
    let memory = own.or_else(of_pod).map_or(0, Quantity::value);
    let mut write = CgroupWrite { max: (memory != 0).then(|| limit(memory)), ..CgroupWrite::default() };
    if node.cgroup_v2 {
        write.oom_group = (!config.single_process_oom_kill(true, profile)).then_some(true);
        if profile.memory_qos {
            let class = QosClass::of(pod, profile);
            reserve(&mut write, class, container_request(container), config.memory_reservation(profile));
            write.high = memory_high(container, node, config, profile);
        }
    }
    write.swap_max = swap_max(pod, container, node, config, profile, write.max);
    write
}

/// memory.high of a container with the capability `memory_qos`, in the real code's float64.
fn memory_high(
    container: &ContainerSpec,
    node: &NodeLimits,
    config: &KubeletConfig,
    profile: &KubernetesProfile,
) -> Option<Bytes> {
    let factor = config.memory_throttling_factor(profile)?;
    let request = container_request(container);
    let own_limit = container.resources.limits.get(MEMORY).map_or(0, Quantity::value);
    let nothing_given = request == 0 && own_limit == 0;
    let allocatable = i64::try_from(node.allocatable.get()).unwrap_or(i64::MAX);
    let ceiling = if own_limit != 0 { own_limit } else { allocatable };
    if request == own_limit && !(nothing_given && profile.memory_high_best_effort) || ceiling <= 0 {
        return None;
    }
    let page = PAGE_SIZE as f64;
    let high = if profile.memory_high_from_request {
        let bytes = request as f64 + (ceiling as f64 - request as f64) * factor;
        go_int64(bytes.floor() / page).wrapping_mul(PAGE_SIZE as i64)
    } else {
        go_int64(ceiling as f64 * factor)
    };
    (high != 0 && high > request).then(|| limit(high))
}

/// The swap limit of a container (kuberuntime/kuberuntime_container_linux.go configureContainerSwapResources).
fn swap_max(
    pod: &PodSpec,
    container: &ContainerSpec,
    node: &NodeLimits,
    config: &KubeletConfig,
    profile: &KubernetesProfile,
    memory: Option<Bytes>,
) -> Option<Bytes> {
    if !node.swap_controller || !profile.node_swap && !profile.no_swap_without_gate {
        return None;
    }
    let behavior = match config.memory_swap.swap_behavior.as_str() {
        "LimitedSwap" => SwapDefault::LimitedSwap,
        "UnlimitedSwap" if profile.unlimited_swap => SwapDefault::UnlimitedSwap,
        "" => profile.swap_default,
        _ => SwapDefault::NoSwap,
    };
    let none = if node.cgroup_v2 { Some(Bytes::ZERO) } else { memory };
    let may_swap = !(profile.critical_pods_no_swap && is_critical(pod));
    match behavior {
        SwapDefault::UnlimitedSwap if profile.node_swap => Some(Bytes::MAX),
        SwapDefault::LimitedSwap if profile.node_swap && node.cgroup_v2 && may_swap => {
            limited_swap(pod, container, node, profile).or(none)
        }
        _ => none,
    }
}

/// `request ÷ MemTotal × SwapTotal` in float64; `None`: this container does not swap.
fn limited_swap(
    pod: &PodSpec,
    container: &ContainerSpec,
    node: &NodeLimits,
    profile: &KubernetesProfile,
) -> Option<Bytes> {
    let none = Quantity::default();
    let request = container.resources.requests.get(MEMORY).unwrap_or(&none);
    let own_limit = container.resources.limits.get(MEMORY).unwrap_or(&none);
    let (asked, total) = (request.value(), node.memory_capacity.get());
    if QosClass::of(pod, profile) != QosClass::Burstable || request == own_limit || total == 0 {
        return None;
    }
    if u64::try_from(asked).is_ok_and(|asked| asked > total) {
        return None;
    }
    let share = asked as f64 / total as f64 * node.swap_capacity.get() as f64;
    Some(limit(go_int64(share)))
}

/// What the kubelet writes to a cgroup above the pods'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCgroupWrite {
    /// Path of the cgroup.
    pub path: String,
    /// `memory.max` / `memory.limit_in_bytes`; `None`: untouched. Can be negative (reservations of QoS classes
    /// beyond what is there), which the kernel refuses.
    pub memory: Option<i64>,
    /// `memory.min`.
    pub memory_min: Option<i64>,
    /// `memory.low`.
    pub memory_low: Option<i64>,
}

impl NodeCgroupWrite {
    /// The part of it that a kernel accepts.
    pub fn write(&self) -> CgroupWrite {
        let accepted = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).map(Bytes::new);
        CgroupWrite {
            max: accepted(self.memory),
            min: accepted(self.memory_min),
            low: accepted(self.memory_low),
            ..CgroupWrite::default()
        }
    }
}

/// The QoS cgroups (cm/qos_container_manager_linux.go UpdateCgroups): kubepods, burstable, besteffort. By default
/// nothing about memory is written to them.
pub fn qos_cgroups<'a>(
    layout: &CgroupLayout,
    pods: impl IntoIterator<Item = &'a PodSpec>,
    allocatable: Bytes,
    qos_reserved_memory_percent: Option<i64>,
    reservation: MemoryReservation,
    profile: &KubernetesProfile,
) -> [NodeCgroupWrite; 3] {
    let (mut guaranteed, mut burstable) = (0i64, 0i64);
    if reservation != MemoryReservation::Nothing || profile.qos_reserved {
        for pod in pods {
            let sum = match QosClass::of(pod, profile) {
                QosClass::BestEffort => continue,
                QosClass::Guaranteed => &mut guaranteed,
                QosClass::Burstable => &mut burstable,
            };
            let request = resources::scheduling_requests(pod, profile).get(MEMORY).map_or(0, Quantity::value);
            *sum = sum.wrapping_add(request);
        }
    }
    let mut writes = [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort].map(|class| {
        let path = layout.path(&layout.qos(class));
        NodeCgroupWrite { path, memory: None, memory_min: None, memory_low: None }
    });
    if reservation != MemoryReservation::Nothing {
        let all = guaranteed.wrapping_add(burstable);
        writes[0].memory_min = (all > 0).then_some(all);
        let of_burstable = (burstable > 0).then_some(burstable);
        match reservation {
            MemoryReservation::Tiered => writes[1].memory_low = of_burstable,
            _ => writes[1].memory_min = of_burstable,
        }
    }
    if let Some(percent) = qos_reserved_memory_percent.filter(|_| profile.qos_reserved && allocatable > Bytes::ZERO) {
        let allocatable = i64::try_from(allocatable.get()).unwrap_or(i64::MAX);
        let share = |sum: i64| sum.wrapping_mul(percent) / 100;
        let for_burstable = allocatable.wrapping_sub(share(guaranteed));
        writes[1].memory = Some(for_burstable);
        writes[2].memory = Some(for_burstable.wrapping_sub(share(burstable)));
    }
    writes
}
