//! `[kubelet]`: the row, the configuration's fields, the capabilities that differ, the clocks.

use super::node::capability_value;
use super::value::Keys;
use oomsim_core::kubelet::{CgroupDriver, KubeletConfig, KubernetesProfile, MemoryReservationPolicy, TextMap, Timing};
use oomsim_core::plan::KubeletPlan;

/// `[kubelet]`.
pub(super) fn kubelet(plan: &KubeletPlan) -> Keys {
    let mut keys = Keys::default();
    let newest = KubernetesProfile::default();
    keys.unless("version", plan.profile.version, newest.version);
    config(&mut keys, &plan.config);
    let row = KubernetesProfile::of_version(plan.profile.version).unwrap_or(newest);
    for fact in KubernetesProfile::FACTS {
        let value = plan.profile.get(fact.name).unwrap_or_default();
        if row.get(fact.name).as_ref() != Some(&value) {
            keys.value(fact.name, capability_value(&value));
        }
    }
    keys.some("firstPass", plan.first_pass.as_ref());
    keys.some("firstRelist", plan.first_relist.as_ref());
    keys.unless("justStarted", &plan.just_started, &false);
    if !plan.passes.is_empty() {
        keys.put("passes", &*plan.passes);
    }
    keys.table("timing", timing(&plan.timing, &Timing::of(&plan.config, &plan.profile)));
    keys
}

fn config(keys: &mut Keys, config: &KubeletConfig) {
    let d = KubeletConfig::default();
    let none = TextMap::new();
    keys.unless("kubeReserved", &config.kube_reserved, &none);
    keys.unless("systemReserved", &config.system_reserved, &none);
    keys.unless("kubeReservedCgroup", &config.kube_reserved_cgroup, &d.kube_reserved_cgroup);
    keys.unless("systemReservedCgroup", &config.system_reserved_cgroup, &d.system_reserved_cgroup);
    keys.some("evictionHard", config.eviction_hard.as_ref());
    keys.some("mergeDefaultEvictionSettings", config.merge_default_eviction_settings.as_ref());
    keys.unless("evictionSoft", &config.eviction_soft, &none);
    keys.unless("evictionSoftGracePeriod", &config.eviction_soft_grace_period, &none);
    keys.unless("evictionMinimumReclaim", &config.eviction_minimum_reclaim, &none);
    keys.some("evictionPressureTransitionPeriod", config.eviction_pressure_transition_period.as_ref());
    let grace = "evictionMaxPodGracePeriod";
    keys.unless(grace, &config.eviction_max_pod_grace_period, &d.eviction_max_pod_grace_period);
    keys.some("enforceNodeAllocatable", config.enforce_node_allocatable.as_ref());
    if config.cgroup_driver == CgroupDriver::Systemd {
        keys.put("cgroupDriver", "systemd");
    }
    keys.unless("cgroupRoot", &config.cgroup_root, &d.cgroup_root);
    keys.some("cgroupsPerQOS", config.cgroups_per_qos.as_ref());
    keys.some("nodeStatusUpdateFrequency", config.node_status_update_frequency.as_ref());
    keys.some("memoryThrottlingFactor", config.memory_throttling_factor.as_ref());
    match config.memory_reservation_policy {
        None => {}
        Some(MemoryReservationPolicy::None) => keys.put("memoryReservationPolicy", "None"),
        Some(MemoryReservationPolicy::TieredReservation) => keys.put("memoryReservationPolicy", "TieredReservation"),
    }
    if config.memory_swap != d.memory_swap {
        let mut swap = Keys::default();
        swap.put("swapBehavior", &config.memory_swap.swap_behavior);
        keys.table("memorySwap", swap);
    }
    keys.some("failSwapOn", config.fail_swap_on.as_ref());
    keys.some("singleProcessOOMKill", config.single_process_oom_kill.as_ref());
    keys.some("failCgroupV1", config.fail_cgroup_v1.as_ref());
    keys.some("oomScoreAdj", config.oom_score_adj.as_ref());
    let mut back_off = Keys::default();
    back_off.some("maxContainerRestartPeriod", config.max_container_restart_period.as_ref());
    keys.table("crashLoopBackOff", back_off);
    keys.unless("qosReserved", &config.qos_reserved, &none);
    keys.unless("kernelMemcgNotification", &config.kernel_memcg_notification, &d.kernel_memcg_notification);
    keys.unless("protectKernelDefaults", &config.protect_kernel_defaults, &d.protect_kernel_defaults);
    keys.some("maxPods", config.max_pods.as_ref());
}

fn timing(timing: &Timing, d: &Timing) -> Keys {
    let mut keys = Keys::default();
    for (key, value, default) in [
        ("monitoringPeriod", timing.monitoring_period, d.monitoring_period),
        ("synchronize", timing.synchronize, d.synchronize),
        ("cleanupTimeout", timing.cleanup_timeout, d.cleanup_timeout),
        ("cleanupPoll", timing.cleanup_poll, d.cleanup_poll),
        ("killTimeout", timing.kill_timeout_least, d.kill_timeout_least),
        ("relistPeriod", timing.relist_period, d.relist_period),
        ("resyncPeriod", timing.resync_period, d.resync_period),
        ("resyncJitter", timing.resync_jitter, d.resync_jitter),
        ("backOffBase", timing.backoff_base, d.backoff_base),
        ("backOffFirst", timing.backoff_first, d.backoff_first),
        ("backOffMax", timing.backoff_max, d.backoff_max),
        ("nodeMonitorGracePeriod", timing.node_monitor_grace, d.node_monitor_grace),
    ] {
        keys.unless(key, &value, &default);
    }
    keys.unless("nodeStatusJitterPermille", &timing.node_status_jitter_permille, &d.node_status_jitter_permille);
    keys.unless("randomLead", &timing.random_lead, &d.random_lead);
    let (own, d) = (&timing.housekeeping, &d.housekeeping);
    let mut housekeeping = Keys::default();
    housekeeping.unless("interval", &own.interval, &d.interval);
    housekeeping.unless("maxInterval", &own.max_interval, &d.max_interval);
    housekeeping.unless("jitterPermille", &own.jitter_permille, &d.jitter_permille);
    housekeeping.unless("fresh", &own.fresh, &d.fresh);
    keys.table("housekeeping", housekeeping);
    if let Some(slow) = &timing.slow {
        let mut inner = Keys::default();
        inner.put("below", &slow.below);
        inner.put("takes", &slow.takes);
        keys.table("slow", inner);
    }
    keys
}
