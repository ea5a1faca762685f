//! The kubelet's configuration, read once into what it means on a machine.

use super::allocatable::{KUBE_RESERVED, NodeAllocatable, SYSTEM_RESERVED, parse_reservation};
use super::cgroups::{CgroupLayout, NodeCgroupWrite};
use super::config::{KubeletConfig, TextMap};
use super::eviction::{EvictionSignal, Threshold, ThresholdValue, Thresholds};
use super::pod::ResourceList;
use super::profile::KubernetesProfile;
use super::resources::MEMORY;
use super::start::{Machine, NotStarted, StartProblem};
use crate::units::{Bytes, SimDuration};

/// What a kubelet's configuration comes to on its machine.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveKubelet {
    /// Capacity, and what is taken off it.
    pub node: NodeAllocatable,
    /// Memory of `kubeReserved`.
    pub kube_reserved: Bytes,
    /// Memory of `systemReserved`.
    pub system_reserved: Bytes,
    /// Memory of `node.status.allocatable`.
    pub allocatable: Bytes,
    /// Memory limit of the pods' cgroup: capacity less reservations if pods are enforced, else the capacity.
    pub kubepods_limit: Bytes,
    /// The pods' working set above which the manager evicts one of them: their limit less the largest hard threshold
    /// for it, of which a percentage refers to that limit (eviction/helpers.go makeSignalObservations, thresholdsMet).
    /// `None`: there is none, as without `pods` in `enforceNodeAllocatable`.
    pub pods_evicted_above: Option<Bytes>,
    /// Share of higher classes' requests that lower ones cannot use (`qosReserved`), in percent.
    pub qos_reserved_memory_percent: Option<i64>,
    /// What the eviction manager acts on.
    pub thresholds: Thresholds,
    /// Unified cgroup hierarchy.
    pub cgroup_v2: bool,
    /// Where the kubelet's cgroups are.
    pub layout: CgroupLayout,
    /// The node's cgroups that it writes when it starts, in its order.
    pub enforced: Vec<NodeCgroupWrite>,
}

impl EffectiveKubelet {
    /// Starts a kubelet.
    ///
    /// # Errors
    /// When it does not start: every reason, with what can be read of the configuration.
    pub fn start(
        config: &KubeletConfig,
        machine: &Machine,
        profile: &KubernetesProfile,
    ) -> Result<Self, Box<NotStarted>> {
        let mut problems: Vec<StartProblem> =
            config.validate(machine.cgroup_v2, profile).into_iter().map(StartProblem::Config).collect();
        let mut reservation = |field, map: &TextMap| {
            let (list, errors) = parse_reservation(map);
            problems.extend(errors.into_iter().map(|error| StartProblem::Reservation(field, error)));
            list
        };
        let kube_reserved = reservation(KUBE_RESERVED, &config.kube_reserved);
        let system_reserved = reservation(SYSTEM_RESERVED, &config.system_reserved);
        let (thresholds, errors) = Thresholds::parse(config, profile);
        problems.extend(errors.into_iter().map(StartProblem::Threshold));
        let (qos_reserved_memory_percent, errors) = qos_reserved(&config.qos_reserved);
        problems.extend(errors);
        let node = NodeAllocatable {
            capacity: machine.capacity.clone(),
            hugepages: machine.hugepages.get(),
            kube_reserved,
            system_reserved,
            hard_thresholds: thresholds.hard.clone(),
        };
        problems.extend(node.exceeded().into_iter().map(StartProblem::Exceeded));
        let layout = CgroupLayout::new(config);
        let enforcement = node.enforcement(config, &layout, machine.cgroup_v2, profile);
        problems.extend(enforcement.failed.map(StartProblem::NotConfigured));
        problems.extend(refused_machine(config, machine));
        let kubepods_limit = bytes(node.kubepods_limit(config));
        let effective = EffectiveKubelet {
            kube_reserved: memory(node.kube_reserved.as_ref()),
            system_reserved: memory(node.system_reserved.as_ref()),
            allocatable: bytes(node.allocatable_memory().value()),
            kubepods_limit,
            pods_evicted_above: pods_evicted_above(&thresholds, kubepods_limit),
            qos_reserved_memory_percent,
            node,
            thresholds,
            cgroup_v2: machine.cgroup_v2,
            layout,
            enforced: enforcement.writes,
        };
        if problems.is_empty() { Ok(effective) } else { Err(Box::new(NotStarted { problems, readable: effective })) }
    }

    /// MemTotal.
    pub fn capacity(&self) -> Bytes {
        memory(Some(&self.node.capacity))
    }

    /// What a threshold or minimum reclaim of a signal amounts to: a percentage refers to the node's memory or to the
    /// limit of its pods.
    pub fn amount(&self, signal: EvictionSignal, value: &ThresholdValue) -> Bytes {
        let of_pods = signal == EvictionSignal::AllocatableMemoryAvailable;
        let capacity = if of_pods { self.kubepods_limit } else { self.capacity() };
        bytes(value.quantity(signed(capacity)).value())
    }

    /// Thresholds of the node's own memory. `NaN%` is never met.
    fn on_node(&self) -> impl Iterator<Item = &Threshold> {
        let all = self.thresholds.hard.iter().chain(&self.thresholds.soft);
        all.filter(|t| t.signal == EvictionSignal::MemoryAvailable && !t.value.is_nan())
    }

    /// `memory.available` below which a pod is evicted at once; `None`: there is no such threshold.
    pub fn eviction_hard(&self) -> Option<Bytes> {
        self.on_node().filter(|t| t.is_hard()).map(|t| self.amount(t.signal, &t.value)).max()
    }

    /// `memory.available` below which a pod is evicted after a while, and that while.
    pub fn eviction_soft(&self) -> Option<(Bytes, SimDuration)> {
        self.on_node().find(|t| !t.is_hard()).map(|t| (self.amount(t.signal, &t.value), t.grace))
    }
}

/// Reads `qosReserved` (cm/qos_reserved.go ParseQOSReserved).
fn qos_reserved(map: &TextMap) -> (Option<i64>, Vec<StartProblem>) {
    let (mut percent, mut problems) = (None, Vec::new());
    for (name, text) in map {
        let read = text.strip_suffix('%').and_then(|number| number.parse::<i64>().ok());
        match read.filter(|number| name == MEMORY && (0..=100).contains(number)) {
            Some(number) => percent = Some(number),
            None => problems.push(StartProblem::QosReserved(name.clone(), text.clone())),
        }
    }
    (percent, problems)
}

/// What the kubelet does not put up with, whatever else is configured.
fn refused_machine(config: &KubeletConfig, machine: &Machine) -> Vec<StartProblem> {
    let mut problems = Vec::new();
    if machine.swap_total > Bytes::ZERO && config.fail_swap_on != Some(false) {
        problems.push(StartProblem::SwapOn);
    }
    if config.protect_kernel_defaults {
        let sysctls =
            [("vm.overcommit_memory", machine.overcommit_memory, 1), ("vm.panic_on_oom", machine.panic_on_oom, 0)];
        let wrong = sysctls.into_iter().filter(|(_, value, wanted)| value != wanted);
        problems.extend(wrong.map(|(name, value, wanted)| StartProblem::Sysctl { name, value, wanted }));
    }
    problems
}

/// The kernel limits whole pages, and the manager reads the limit from the kernel.
fn pods_evicted_above(thresholds: &Thresholds, kubepods_limit: Bytes) -> Option<Bytes> {
    let limit = kubepods_limit.to_pages_floor().bytes();
    let watched = thresholds.iter().filter(|t| t.signal == EvictionSignal::AllocatableMemoryAvailable && t.is_hard());
    let amounts = watched.filter(|t| !t.value.is_nan()).map(|t| bytes(t.value.quantity(signed(limit)).value()));
    amounts.max().map(|amount| limit.saturating_sub(amount))
}

fn memory(list: Option<&ResourceList>) -> Bytes {
    list.and_then(|list| list.get(MEMORY)).map_or(Bytes::ZERO, |quantity| bytes(quantity.value()))
}

fn bytes(amount: i64) -> Bytes {
    Bytes::new(u64::try_from(amount).unwrap_or(0))
}

fn signed(amount: Bytes) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine { capacity: Machine::capacity_of(Bytes::gib(8)), cgroup_v2: true, ..Machine::default() }
    }

    fn start(config: &KubeletConfig, machine: &Machine) -> Result<EffectiveKubelet, Box<NotStarted>> {
        EffectiveKubelet::start(config, machine, &KubernetesProfile::V1_32)
    }

    fn problems(config: &KubeletConfig, machine: &Machine) -> Vec<String> {
        let problems = start(config, machine).map_or_else(|refused| refused.problems, |_| Vec::new());
        problems.iter().map(ToString::to_string).collect()
    }

    fn memory(amount: &str) -> TextMap {
        [(MEMORY.to_owned(), amount.to_owned())].into()
    }

    fn available(amount: &str) -> TextMap {
        [("memory.available".to_owned(), amount.to_owned())].into()
    }

    fn reserving(amount: &str, eviction_hard: &str) -> KubeletConfig {
        let eviction_hard = Some(available(eviction_hard));
        KubeletConfig { kube_reserved: memory(amount), eviction_hard, ..KubeletConfig::default() }
    }

    fn of_ki(capacity_ki: u64) -> Machine {
        Machine { capacity: Machine::capacity_of(Bytes::kib(capacity_ki)), ..machine() }
    }

    /// Real nodes: the test node of the sources (first two rows) and four AKS nodes from public reports, with capacity,
    /// reservation and allocatable as `kubectl describe node` printed them.
    #[test]
    fn real_nodes_show_this_allocatable() {
        for (capacity_ki, reserved, eviction, allocatable) in [
            (7_120_616, "1638Mi", "750Mi", 4_675_304),
            (7_120_616, "1638Mi", "1000Mi", 4_419_304),
            (4_017_088, "1024Mi", "750Mi", 2_200_512),
            (4_025_836, "1024Mi", "750Mi", 2_209_260),
            (7_113_660, "1638Mi", "750Mi", 4_668_348),
            (16_403_296, "2662Mi", "750Mi", 12_909_408),
        ] {
            let kubelet = start(&reserving(reserved, eviction), &of_ki(capacity_ki)).unwrap();
            assert_eq!(kubelet.allocatable, Bytes::kib(allocatable), "{capacity_ki} {eviction}");
        }
    }

    /// SOURCES: the kubepods limit of the test node, whatever the eviction threshold.
    #[test]
    fn the_kubepods_limit_does_not_count_eviction() {
        for eviction in ["750Mi", "1000Mi"] {
            let mut config = reserving("1638Mi", eviction);
            let limit = |config: &KubeletConfig| start(config, &of_ki(7_120_616)).unwrap().kubepods_limit;
            assert_eq!(limit(&config).get(), 5_573_943_296);
            config.enforce_node_allocatable = Some(Vec::new());
            assert_eq!(limit(&config), Bytes::kib(7_120_616));
        }
        let refused = start(&reserving("3500Mi", "750Mi"), &of_ki(4_017_088)).unwrap_err();
        assert!(matches!(refused.problems[..], [StartProblem::Exceeded(_)]));
        assert_eq!(refused.readable.allocatable, Bytes::ZERO);
    }

    /// By hand: 7 GiB less 1 GiB; 70 GiB less a tenth, which is 0.1000000015 as float32 (10 % of the node would be 3
    /// GiB more). A threshold of the signal's own name counts, too, and the larger one acts first.
    #[test]
    fn pods_are_evicted_above_their_limit_less_the_threshold() {
        const GIB: u64 = 1 << 30;
        let above = |config: &KubeletConfig, limit: u64| {
            let machine = Machine { capacity: Machine::capacity_of(Bytes::new(limit + 30 * GIB)), ..machine() };
            let config = KubeletConfig { kube_reserved: memory("30Gi"), ..config.clone() };
            start(&config, &machine).unwrap().pods_evicted_above.map(Bytes::get)
        };
        let hard = |value| reserving("30Gi", value);
        assert_eq!(above(&hard("1Gi"), 7 * GIB), Some(6 * GIB));
        assert_eq!(above(&hard("10%"), 70 * GIB), Some(70 * GIB - 7_516_192_880));
        assert_eq!(above(&hard("NaN%"), 70 * GIB), None);
        let unwatched = KubeletConfig { enforce_node_allocatable: Some(vec!["none".into()]), ..hard("1Gi") };
        assert_eq!(above(&unwatched, 7 * GIB), None);
        let own = [("allocatableMemory.available", "2Gi"), ("memory.available", "1Gi")];
        let own = own.map(|(signal, value)| (signal.to_owned(), value.to_owned())).into();
        let own = KubeletConfig { eviction_hard: Some(own), ..KubeletConfig::default() };
        assert_eq!(above(&own, 7 * GIB), Some(5 * GIB));
    }

    #[test]
    fn a_default_kubelet_starts() {
        let kubelet = start(&KubeletConfig::default(), &machine()).unwrap();
        assert_eq!((kubelet.eviction_hard(), kubelet.eviction_soft()), (Some(Bytes::mib(100)), None));
    }

    /// cm/node_container_manager_linux.go validateNodeAllocatable (reserved > capacity, eviction counted in),
    /// enforceExistingCgroup (nothing reserved), container_manager_linux.go (swap), field report moby#31834 (overcommit
    /// mode 2).
    #[test]
    fn what_the_kubelet_refuses() {
        let full =
            KubeletConfig { kube_reserved: memory("7Gi"), system_reserved: memory("1000Mi"), ..Default::default() };
        assert!(problems(&full, &machine())[0].contains("8268Mi reserved, eviction threshold included"));
        let exactly = KubeletConfig { system_reserved: memory("924Mi"), ..full };
        assert!(problems(&exactly, &machine()).is_empty());
        let enforced = |kube_reserved| KubeletConfig {
            kube_reserved,
            kube_reserved_cgroup: "/kube.slice".into(),
            enforce_node_allocatable: Some(vec!["kube-reserved".into()]),
            ..Default::default()
        };
        assert!(problems(&enforced(TextMap::new()), &machine())[0].contains("nothing is reserved"));
        assert!(problems(&enforced(memory("0")), &machine()).is_empty());
        let swap = Machine { swap_total: Bytes::gib(1), ..machine() };
        assert_eq!(problems(&KubeletConfig::default(), &swap).len(), 1);
        let allowed = KubeletConfig { fail_swap_on: Some(false), ..Default::default() };
        assert!(problems(&allowed, &swap).is_empty());
        let protect = KubeletConfig { protect_kernel_defaults: true, ..Default::default() };
        let mode = |overcommit_memory| problems(&protect, &Machine { overcommit_memory, ..machine() });
        assert!(mode(1).is_empty() && mode(2)[0].contains("is 2, the kubelet wants 1"));
    }

    #[test]
    fn every_reason_is_given_at_once() {
        let config = KubeletConfig {
            kube_reserved: memory("-1"),
            eviction_soft: available("1Gi"),
            enforce_node_allocatable: Some(vec!["system-reserved".into()]),
            ..Default::default()
        };
        let found = problems(&config, &Machine { swap_total: Bytes::new(1), ..machine() });
        for part in ["kubeReserved", "grace period", "systemReservedCgroup", "swap is on"] {
            assert!(found.iter().any(|text| text.contains(part)), "{part}: {found:?}");
        }
    }
}
