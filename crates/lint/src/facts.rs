//! What rules look at: a scenario, and the amounts that follow from it.

use crate::{Finding, Known, Level};
use oomsim_core::kernel::Kernel;
use oomsim_core::kubelet::eviction::{
    EvictionSignal, Threshold, ThresholdValue, parse_hard_thresholds, parse_thresholds,
};
use oomsim_core::kubelet::start::{StartProblem, start_problems};
use oomsim_core::kubelet::{
    ENFORCE_PODS, KubeletConfig, KubernetesProfile, MEMORY, NodeAllocatable, ResourceList, parse_reservation,
};
use oomsim_core::plan::{KubeletPlan, PodPlan, ProcessPlan, Scenario};
use oomsim_core::units::{Bytes, Quantity};
use oomsim_core::workload::{Behavior, ScriptOp};
use oomsim_scenario::{LoadedScenario, Location, ScenarioPlaces};

/// A scenario with what follows from it.
pub struct Facts<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Where its parts stand.
    pub places: &'a ScenarioPlaces,
    /// What may be relied on.
    pub known: Known,
    /// Reservations, in bytes.
    pub kube_reserved: i64,
    /// Reservations, in bytes.
    pub system_reserved: i64,
    /// MemTotal.
    pub capacity: i64,
    /// `node.status.allocatable`.
    pub allocatable: i64,
    /// Thresholds as the kubelet reads them; what it refuses is left out.
    pub thresholds: Vec<Threshold>,
    /// Why the kubelet does not start.
    pub start_problems: Vec<StartProblem>,
    default: KubeletConfig,
}

fn memory(list: &ResourceList) -> i64 {
    list.get(MEMORY).map_or(0, Quantity::value)
}

impl<'a> Facts<'a> {
    /// Looks at a scenario.
    pub fn of(loaded: &'a LoadedScenario, known: Known) -> Self {
        let scenario = &*loaded.scenario;
        let default = KubeletConfig::default();
        let known = Known { kubelet: known.kubelet && scenario.kubelet.is_some(), ..known };
        let config = scenario.kubelet.as_ref().map_or(&default, |plan| &plan.config);
        let profile = scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |plan| plan.profile);
        let machine = scenario.node.machine();
        let kube = parse_reservation(&config.kube_reserved).unwrap_or_default();
        let system = parse_reservation(&config.system_reserved).unwrap_or_default();
        let (kube_reserved, system_reserved) = (memory(&kube), memory(&system));
        let node = NodeAllocatable {
            hugepages: machine.hugepages,
            hard_thresholds: parse_hard_thresholds(config).unwrap_or_default(),
            ..NodeAllocatable::of_memory(machine.mem_total, kube, system)
        };
        Facts {
            scenario,
            places: &loaded.places,
            known,
            kube_reserved,
            system_reserved,
            capacity: i64::try_from(machine.mem_total).unwrap_or(i64::MAX),
            allocatable: node.allocatable_memory().value(),
            thresholds: parse_thresholds(config).unwrap_or_default(),
            start_problems: start_problems(config, &machine, &profile),
            default,
        }
    }

    /// The kubelet, if its configuration is known.
    pub fn kubelet(&self) -> Option<&'a KubeletPlan> {
        self.scenario.kubelet.as_ref().filter(|_| self.known.kubelet)
    }

    /// The configuration in force.
    pub fn config(&self) -> &KubeletConfig {
        self.scenario.kubelet.as_ref().map_or(&self.default, |plan| &plan.config)
    }

    /// The row of the Kubernetes version.
    pub fn profile(&self) -> KubernetesProfile {
        self.scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |plan| plan.profile)
    }

    /// What reservations leave of the capacity.
    pub fn left(&self) -> i64 {
        self.capacity.saturating_sub(self.kube_reserved).saturating_sub(self.system_reserved)
    }

    /// What a value amounts to, for the signal that it belongs to.
    pub fn amount(&self, signal: EvictionSignal, value: &ThresholdValue) -> i64 {
        let pods_limit = if self.config().enforces(ENFORCE_PODS) { self.left().max(0) } else { self.capacity };
        let capacity = if signal == EvictionSignal::AllocatableMemoryAvailable { pods_limit } else { self.capacity };
        value.quantity(capacity).value()
    }

    /// Thresholds of memory that were configured: the copy for the pods' cgroup is left out, as is what is given in
    /// percent when the node's memory is not known.
    pub fn memory_thresholds(&self) -> impl Iterator<Item = (&Threshold, i64)> {
        let config = self.config();
        let (hard, soft) = (config.eviction_hard(), &config.eviction_soft);
        self.thresholds.iter().filter_map(move |threshold| {
            let name = threshold.signal.as_str();
            let given = hard.contains_key(name) || soft.contains_key(name);
            let readable = self.known.memory || matches!(threshold.value, ThresholdValue::Quantity(_));
            let counts = threshold.signal.is_memory() && given && readable && !threshold.value.is_nan();
            counts.then(|| (threshold, self.amount(threshold.signal, &threshold.value)))
        })
    }

    /// The hard threshold of `memory.available`, if there is one.
    pub fn hard_memory(&self) -> Option<i64> {
        let mut all = self.memory_thresholds();
        all.find(|(t, _)| t.is_hard() && t.signal == EvictionSignal::MemoryAvailable).map(|(_, amount)| amount)
    }

    /// What the node's own programs have in their working set before the first pod starts, as far as it is known.
    pub fn system_working_set(&self) -> i64 {
        let node = &self.scenario.node;
        let held = node.system_anon + node.system_active_file + node.system_mlocked_file;
        let measured = [self.known.kube_daemons, self.known.system_daemons];
        let measured = measured.into_iter().flatten().fold(0, |sum: u64, bytes| sum.saturating_add(bytes.get()));
        i64::try_from(held.get().max(measured)).unwrap_or(i64::MAX)
    }

    /// What `memory.available` still shows when the kernel has nothing left to give: memory that the kubelet does not
    /// count, and what the watermarks keep back.
    pub fn kept_by_the_kernel(&self) -> i64 {
        let config = &self.scenario.node.kernel;
        let room = Kernel::new(config.clone()).zones().room();
        let kept = config.mem_total.saturating_sub(room.bytes());
        i64::try_from(kept.get()).unwrap_or(i64::MAX)
    }

    /// Where a field of the kubelet's configuration was given, or the configuration itself.
    pub fn kubelet_place(&self, fields: &[&str]) -> Option<Location> {
        let places = &self.places.kubelet;
        fields.iter().chain(&[""]).find_map(|field| places.get(*field)).cloned()
    }

    /// Where something of the node was given, or the node itself.
    pub fn node_place(&self, name: &str) -> Option<Location> {
        let places = &self.places.node;
        places.get(name).or_else(|| places.get("node")).cloned()
    }

    /// Where a container of a pod was given, or the pod itself.
    pub fn container_place(&self, pod: &PodPlan, container: &str) -> Option<Location> {
        self.places.container(pod, container).cloned()
    }
}

/// The most that a process is said to hold, as far as it is stated: what it grows to without end does not count.
pub fn stated_peak(process: &ProcessPlan) -> Bytes {
    let footprint = &process.footprint;
    let own = footprint.anon + footprint.page_tables + footprint.kernel;
    let behavior = match &*process.behavior {
        Behavior::Steady(steady) => steady.anon,
        Behavior::Ramp(ramp) => ramp.to.unwrap_or(ramp.from),
        Behavior::Leak(leak) => leak.total.unwrap_or(Bytes::ZERO),
        Behavior::DotNet(dotnet) => dotnet.leak.total.unwrap_or(Bytes::ZERO),
        Behavior::Sawtooth(sawtooth) => sawtooth.high,
        Behavior::PageCache(cache) => cache.anon,
        Behavior::Burst(burst) => burst.base + burst.burst,
        Behavior::Trace(trace) => trace.points.iter().map(|point| point.anon).max().unwrap_or(Bytes::ZERO),
        Behavior::Script(script) => {
            let anon = script.ops.iter().filter_map(|op| match op {
                ScriptOp::Anon { bytes, .. } => Some(bytes.get()),
                _ => None,
            });
            Bytes::new(anon.fold(0, u64::saturating_add))
        }
    };
    Bytes::new(own.get().saturating_add(behavior.get()))
}

/// An amount as people write it: `100Mi`, `768000Ki`; what is no whole number of Ki in MiB and bytes.
pub fn shown(bytes: i64) -> String {
    if bytes % 1024 == 0 {
        return Quantity::bytes(bytes).to_string();
    }
    if bytes.unsigned_abs() < 1 << 20 {
        return format!("{bytes} bytes");
    }
    // One decimal, rounded.
    let tenths = (i128::from(bytes) * 10 + (1 << 19)) >> 20;
    format!("{}.{}Mi ({bytes} bytes)", tenths / 10, (tenths % 10).abs())
}

/// Adds a finding.
pub fn found(
    findings: &mut Vec<Finding>,
    (code, level): (&'static str, Level),
    at: Option<Location>,
    message: impl Into<String>,
    help: impl Into<String>,
) {
    findings.push(Finding { code, level, message: message.into(), help: help.into(), at });
}

#[cfg(test)]
mod tests {
    use super::shown;

    /// By hand: 2.6 × 2^30 is 2791728742.4, which the kubelet rounds up; it is 2662.4 MiB.
    #[test]
    fn amounts_have_units() {
        for (bytes, text) in [
            (0, "0"),
            (100 << 20, "100Mi"),
            (768_000 << 10, "750Mi"),
            (7_120_616 << 10, "7120616Ki"),
            (2_791_728_743, "2662.4Mi (2791728743 bytes)"),
            (1_000_000, "1000000 bytes"),
            (1_500_000_000, "1430.5Mi (1500000000 bytes)"),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }
}
