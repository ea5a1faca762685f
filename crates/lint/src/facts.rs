//! What rules look at: a scenario, and the amounts that follow from it.

use crate::{Evidence, Finding, Level};
use oomsim_core::kernel::Kernel;
use oomsim_core::kubelet::eviction::{EvictionSignal, Threshold, ThresholdValue};
use oomsim_core::kubelet::start::StartProblem;
use oomsim_core::kubelet::{EffectiveKubelet, KubernetesProfile};
use oomsim_core::plan::{KubeletPlan, PodPlan, ProcessPlan, Scenario};
use oomsim_core::units::{Bytes, Quantity};
use oomsim_core::workload::{Behavior, ScriptOp};
use oomsim_scenario::{LoadedScenario, Location, ScenarioPlaces};

/// A scenario and the amounts that follow from it.
pub struct LintInput<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Where its parts stand.
    pub places: &'a ScenarioPlaces,
    /// Which of its facts are known.
    pub known: Evidence,
    /// Memory of `kubeReserved`, in bytes.
    pub kube_reserved: i64,
    /// Memory of `systemReserved`, in bytes.
    pub system_reserved: i64,
    /// MemTotal, in bytes.
    pub capacity: i64,
    /// Memory of `node.status.allocatable`, in bytes.
    pub allocatable: i64,
    /// What the kubelet's configuration comes to; what it refuses is left out. `None`: there is no kubelet.
    pub effective: Option<&'a EffectiveKubelet>,
    /// Why the kubelet does not start.
    pub start_problems: &'a [StartProblem],
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

impl<'a> LintInput<'a> {
    /// Works out the facts of a scenario.
    pub fn of(loaded: &'a LoadedScenario, known: Evidence) -> Self {
        let scenario = &*loaded.scenario;
        let known = Evidence { kubelet: known.kubelet && scenario.kubelet.is_some(), ..known };
        let effective = scenario.kubelet.as_ref().map(KubeletPlan::readable);
        let amount = |of: fn(&EffectiveKubelet) -> Bytes| effective.map_or(0, |kubelet| signed(of(kubelet)));
        let capacity = scenario.node.kernel.mem_total;
        LintInput {
            scenario,
            places: &loaded.places,
            known,
            kube_reserved: amount(|kubelet| kubelet.kube_reserved),
            system_reserved: amount(|kubelet| kubelet.system_reserved),
            capacity: signed(capacity),
            allocatable: signed(effective.map_or(capacity, |kubelet| kubelet.allocatable)),
            effective,
            start_problems: scenario.kubelet.as_ref().map_or(&[], KubeletPlan::start_problems),
        }
    }

    /// The kubelet, if its configuration is known.
    pub fn kubelet(&self) -> Option<&'a KubeletPlan> {
        self.scenario.kubelet.as_ref().filter(|_| self.known.kubelet)
    }

    /// The row of the Kubernetes version.
    pub fn profile(&self) -> KubernetesProfile {
        self.scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |plan| plan.profile)
    }

    /// What reservations leave of the capacity.
    pub fn left(&self) -> i64 {
        self.capacity.saturating_sub(self.kube_reserved).saturating_sub(self.system_reserved)
    }

    /// Thresholds of memory that were configured: the copy for the pods' cgroup is left out, as is what is given in
    /// percent when the node's memory is not known.
    pub fn memory_thresholds(&self) -> impl Iterator<Item = (&Threshold, i64)> {
        self.effective.into_iter().flat_map(move |kubelet| {
            let given = kubelet.thresholds.hard.iter().chain(&kubelet.thresholds.soft);
            given.filter_map(move |threshold| {
                let readable = self.known.memory || matches!(threshold.value, ThresholdValue::Quantity(_));
                let counts = threshold.signal.is_memory() && readable && !threshold.value.is_nan();
                counts.then(|| (threshold, signed(kubelet.amount(threshold.signal, &threshold.value))))
            })
        })
    }

    /// What a minimum reclaim amounts to, for the signal that it belongs to.
    pub fn reclaim(&self, signal: EvictionSignal, value: &ThresholdValue) -> i64 {
        self.effective.map_or(0, |kubelet| signed(kubelet.amount(signal, value)))
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
    /// count (up to 1.36 huge pages, too), and what the watermarks keep back.
    pub fn kept_by_the_kernel(&self) -> i64 {
        let config = &self.scenario.node.kernel;
        let room = Kernel::new(config.clone()).zones().room();
        let seen = self.scenario.kubelet.as_ref().map_or(Bytes::ZERO, KubeletPlan::hugepages_seen);
        signed(config.mem_total.saturating_sub(room.bytes()).saturating_sub(seen))
    }

    /// Memory in huge pages, which is nobody's but theirs.
    pub fn huge_pages(&self) -> i64 {
        signed(self.scenario.node.machine().hugepages)
    }

    /// Where a field of the kubelet's configuration was given, or the configuration itself.
    pub fn kubelet_place(&self, fields: &[&str]) -> Option<Location> {
        let places = &self.places.kubelet;
        fields.iter().chain(&[""]).find_map(|field| places.get(*field)).cloned()
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
        Behavior::Trace(trace) => trace.amounts().map(|(_, amount)| amount).max().unwrap_or(Bytes::ZERO),
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
