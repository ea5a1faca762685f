//! The kubelet: thresholds, reservations, clocks, version.

use super::{FIRST_PASS, FURTHER, Knob, KnobKind, MIB, Situation};
use super::{bytes, millis, millis_at, other_versions, signed, time};
use oomsim_core::kernel::CgroupVersion;
use oomsim_core::kubelet::{EffectiveKubelet, KubernetesProfile};
use oomsim_core::node_api::EvictionSignal;
use oomsim_core::plan::{KubeletPlan, Scenario};
use oomsim_core::units::{Bytes, SimDuration};

/// Grace period of a soft threshold where there was none.
const SOFT_GRACE: SimDuration = SimDuration::from_secs(30);

pub(super) fn of_kubelet(situation: &Situation<'_>) -> Vec<Knob> {
    let scenario = situation.scenario;
    let Some(plan) = &scenario.kubelet else { return Vec::new() };
    let capacity = signed(scenario.node.kernel.mem_total);
    let mut all = thresholds(plan.readable(), capacity);
    let effective = plan.readable();
    for (name, now) in [("kubeReserved", effective.kube_reserved), ("systemReserved", effective.system_reserved)] {
        let kind = bytes(format!("kubelet.{name}.memory"));
        all.extend(Knob::numbers(format!("{name} memory"), kind, (signed(now), 0, capacity / 2, MIB)));
    }
    if let Some(first) = plan.first_pass.or(situation.first_pass) {
        let now = millis_at(first);
        let period = millis(plan.timing.monitoring_period);
        let low = now.saturating_sub(period).max(0);
        all.extend(Knob::numbers("phase of the kubelet's check", time(FIRST_PASS), (now, low, now + period, 100)));
    }
    let period = millis(plan.config.pressure_transition_period());
    let kind = time("kubelet.evictionPressureTransitionPeriod");
    all.extend(Knob::numbers("evictionPressureTransitionPeriod", kind, (period, 1000, period.saturating_mul(4), 1000)));
    let versions = other_versions(KubernetesProfile::ALL.iter().map(|row| row.version), plan.profile.version);
    all.extend(Knob::choices("Kubernetes", "kubelet.version", versions));
    all.extend(whole_container(scenario, plan));
    all
}

fn thresholds(effective: &EffectiveKubelet, capacity: i64) -> Vec<Knob> {
    let mut all = Vec::new();
    let hard = effective.eviction_hard().map_or(0, signed);
    let kind = bytes("kubelet.evictionHard.\"memory.available\"");
    all.extend(Knob::numbers("evictionHard memory.available", kind, (hard, MIB, capacity / 2, MIB)));
    let soft = effective.eviction_soft();
    let (now, grace) = soft.map_or((hard, SOFT_GRACE), |(amount, grace)| (signed(amount), grace));
    let low = if soft.is_some() { MIB } else { hard };
    all.extend(Knob::numbers("evictionSoft memory.available", KnobKind::Soft(grace), (now, low, capacity / 2, MIB)));
    if soft.is_some() {
        let kind = time("kubelet.evictionSoftGracePeriod.\"memory.available\"");
        let now = millis(grace);
        let range = (now, 1000, now.saturating_mul(FURTHER), 1000);
        all.extend(Knob::numbers("evictionSoftGracePeriod memory.available", kind, range));
    }
    let reclaim = signed(minimum_reclaim(effective));
    let kind = bytes("kubelet.evictionMinimumReclaim.\"memory.available\"");
    all.extend(Knob::numbers("evictionMinimumReclaim memory.available", kind, (reclaim, 0, capacity / 4, MIB)));
    all
}

/// `evictionMinimumReclaim` of `memory.available`, as it stands.
fn minimum_reclaim(effective: &EffectiveKubelet) -> Bytes {
    let all = effective.thresholds.hard.iter().chain(&effective.thresholds.soft);
    let given = all.filter(|t| t.signal == EvictionSignal::MemoryAvailable).find_map(|t| t.min_reclaim.as_ref());
    given.map_or(Bytes::ZERO, |value| effective.amount(EvictionSignal::MemoryAvailable, value))
}

/// Whether a whole container dies with its process (`memory.oom.group`), where the release lets one choose.
fn whole_container(scenario: &Scenario, plan: &KubeletPlan) -> Option<Knob> {
    let v2 = scenario.node.kernel.cgroup == CgroupVersion::V2;
    let other = !plan.config.single_process_oom_kill(v2, &plan.profile);
    let choice = Knob::choices("singleProcessOOMKill", "kubelet.singleProcessOOMKill", vec![other.to_string()]);
    choice.filter(|_| v2 && plan.profile.single_process_oom_kill)
}
