//! What differs between Kubernetes releases, as rows of named capabilities. Model code asks for a capability,
//! never for a version; a scenario can override any of them by name.

use super::capability::{
    Capability, Consequence, ContainerWording, EventWording, Fact, RankRequest, RestartWakeup, Step, SwapDefault,
    UnknownCapability,
};
use super::release::Release;
use crate::units::Sure;
use serde::Serialize;

macro_rules! profile {
    ($($(#[doc = $doc:literal])* $name:ident: $t:ty, $verdict:ident {
        $($since:literal: $value:expr, $sure:ident $source:literal;)+
    })*) => {
        /// The capabilities of one Kubernetes release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub struct KubernetesProfile {
            /// The release, e.g. `1.28`.
            pub version: &'static str,
            /// The minor release: 28 for 1.28.
            pub minor: u32,
            $($(#[doc = $doc])* pub $name: $t,)*
        }

        impl KubernetesProfile {
            const fn row(version: &'static str, minor: u32) -> Self {
                Self {
                    version,
                    minor,
                    $($name: {
                        let mut value: $t = [$($value),+][0];
                        $(if minor >= $since {
                            value = $value;
                        })+
                        value
                    },)*
                }
            }

            /// Every capability with its sources, in the order of the table.
            pub const FACTS: &'static [Fact] = &[
                $(Fact {
                    name: stringify!($name),
                    doc: concat!($($doc),*),
                    verdict: Consequence::$verdict,
                    steps: &[$(Step { since: $since, sure: Sure::$sure, source: $source }),+],
                },)*
            ];

            /// Sets one capability by name, for releases that carry a change earlier or later.
            ///
            /// # Errors
            /// When no capability has that name or it cannot have that value.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownCapability> {
                match name {
                    $(stringify!($name) => {
                        self.$name = <$t as Capability>::read(value).ok_or_else(|| UnknownCapability::Value {
                            name: stringify!($name),
                            value: value.into(),
                            expected: <$t as Capability>::EXPECTED,
                        })?;
                        Ok(())
                    })*
                    _ => Err(UnknownCapability::Name(name.into())),
                }
            }

            /// A capability's value as text, as [`set`](Self::set) reads it.
            pub fn get(&self, name: &str) -> Option<String> {
                match name {
                    $(stringify!($name) => Some(self.$name.show()),)*
                    _ => None,
                }
            }
        }
    };
}

profile! {
    /// Grace period override of a hard eviction in seconds.
    hard_eviction_grace_s: i64, GracePeriod {
        21: 0, Documented "1.21: the kubelet log of the AKS article shows gracePeriod=0";
        28: 0, Source "eviction/eviction_manager.go";
        31: 1, Source "kubernetes#124063; eviction_manager.go immediateEvictionGracePeriodSeconds";
    }
    /// An override of 0 is lost on the way: the pod gets its whole termination grace period.
    zero_grace_override_ignored: bool, GracePeriod {
        21: false, Documented "the kubelet log of the AKS article: killed after 2 s with gracePeriod=0";
        22: true, Documented "kubernetes#115819; later patch releases of 1.28 to 1.30 may contain the fix: override it";
        31: false, Source "kubernetes#124063, fixed in 1.31";
    }
    /// A soft eviction never gives more than the pod's own grace period.
    soft_grace_capped_by_pod: bool, GracePeriod {
        21: false, Documented "kubernetes#122890: before, the maximum replaced the pod's own";
        32: true, Source "kubernetes#122890, gate AllowOverwriteTerminationGracePeriodSeconds off; locked off in 1.35";
    }
    /// The runtime is asked for no less than this many seconds between SIGTERM and SIGKILL.
    minimum_container_grace_s: i64, GracePeriod {
        21: 2, Inferred "kuberuntime_container.go minimumGracePeriodInSeconds";
        28: 2, Source "kuberuntime_container.go minimumGracePeriodInSeconds";
    }
    /// The request that a pod's use is compared with when pods are ranked for eviction.
    rank_request: RankRequest, WhoIsEvicted {
        21: RankRequest::ContainersMaxInit, Inferred "pkg/api/v1/resource/helpers.go GetResourceRequestQuantity";
        28: RankRequest::ContainersMaxInit, Source "pkg/api/v1/resource/helpers.go GetResourceRequestQuantity";
        34: RankRequest::PodRequests, Source "pkg/api/v1/resource/helpers.go: PodRequests; kubernetes#132277";
    }
    /// The message begins with threshold and available amount.
    message_threshold: bool, Texts {
        21: false, Documented "message quoted in the AKS article";
        26: true, Inferred "eviction/helpers.go thresholdMetMessageFmt, about 1.26";
        28: true, Source "eviction/helpers.go thresholdMetMessageFmt";
    }
    /// How the message names a container above its request.
    message_container: ContainerWording, Texts {
        21: ContainerWording::ExceedsRequest, Documented "message quoted in the AKS article";
        26: ContainerWording::LargerConsumption, Documented "kubernetes#111597 (merged for 1.26)";
    }
    /// Message and annotations name init containers and sidecars, too.
    message_init_containers: bool, Texts {
        21: false, Documented "kubernetes#124947: before, regular containers only";
        32: true, Documented "kubernetes#124947";
    }
    /// Message and annotations name the pod when it has requests at pod level.
    message_pod: bool, Texts {
        21: false, Source "eviction/helpers.go";
        34: true, Source "eviction/helpers.go podMessageFmt, OffendingPodKey";
    }
    /// An evicted pod gets the condition DisruptionTarget.
    disruption_target: bool, Texts {
        21: false, Documented "KEP-3329";
        26: true, Documented "KEP-3329: beta and on since 1.26";
    }
    /// An evicted pod's phase follows from how its containers end, and reaches the API when they have ended.
    evicted_phase_from_containers: bool, Texts {
        21: false, Inferred "kubernetes#118310: before 1.27 the pod was Failed at once";
        27: true, Documented "kubernetes#118310, #120182; seen with 1.36.2: Succeeded when all containers exit with 0";
    }
    /// Messages of the events `Created` and `Started`.
    event_wording: EventWording, Texts {
        21: EventWording::Name, Inferred "kuberuntime_container.go";
        28: EventWording::Name, Source "kuberuntime_container.go";
        31: EventWording::Colon, Source "kuberuntime_container.go; patch releases of 1.29 and 1.30 may have it, too";
        35: EventWording::Nameless, Source "kuberuntime_container.go";
    }
    /// `oom_score_adj` of Guaranteed and node-critical pods.
    guaranteed_oom_score_adj: i64, WhoIsKilled {
        21: -997, Documented "kubernetes#71269; kernel logs of the AKS articles (1.21) show -997 beside -998 for pause; older releases: -998";
        28: -997, Source "qos/policy.go";
    }
    /// A sidecar's `oom_score_adj` is at most that of the smallest regular container.
    sidecar_oom_score_from_containers: bool, WhoIsKilled {
        21: false, Documented "there are no sidecars";
        28: false, Source "qos/policy.go has no branch for sidecars";
        32: true, Source "qos/policy.go; kubernetes#128029";
    }
    /// Restartable init containers exist (sidecars).
    sidecar_containers: bool, WhoIsKilled {
        21: false, Documented "KEP-753: alpha and off in 1.28";
        29: true, Documented "KEP-753: beta and on";
    }
    /// Resources of a running container can be changed in place (gate `InPlacePodVerticalScaling`).
    in_place_resize: bool, WhoIsKilled {
        21: false, Documented "KEP-1287: alpha and off from 1.27 on";
        33: true, Source "features/kube_features.go: beta and on";
    }
    /// A memory limit can be lowered in place, unless the container uses more already.
    memory_limit_decrease_in_place: bool, WhoIsKilled {
        21: false, Documented "KEP-1287: the API refuses it without resizePolicy RestartContainer";
        34: true, Source "kuberuntime_manager.go; kubernetes#133012";
    }
    /// A resize in place is told in events: `ResizeCompleted` and `ResizeError`.
    resize_events: bool, Texts {
        21: false, Documented "KEP-1287: conditions only";
        34: true, Documented "kubernetes#130387, kubernetes#127172";
    }
    /// `ResizeStarted` is one of them.
    resize_started_event: bool, Texts {
        21: false, Documented "kubernetes#134825";
        35: true, Documented "kubernetes#134825; a node with 1.36.2";
    }
    /// `resources` at pod level count.
    pod_level_resources: bool, WhoIsKilled {
        21: false, Documented "KEP-2837: alpha and off in 1.32";
        34: true, Source "KEP-2837: beta and on; kube_features.go";
    }
    /// Empty `resources` at pod level count: the containers' are not looked at, and the pod is BestEffort.
    empty_pod_resources_count: bool, WhoIsKilled {
        21: true, Inferred "qos/policy.go IsPodLevelResourcesSet";
        36: false, Documented "kubernetes#137150, gate PodLevelResourcesFixKubeletQOSClass on";
    }
    /// Huge pages can be given at pod level.
    pod_level_hugepages: bool, WhoIsKilled {
        21: false, Source "component-helpers SupportedPodLevelResources in 1.32";
        34: true, Source "apis/core/v1/defaults.go defaultHugePagePodLimits";
    }
    /// An init container behind a limited sidecar counts as limited: limits are looked at together with those before.
    limits_seen_with_sidecars: bool, WhoIsKilled {
        21: true, Source "component-helpers/resource/helpers.go ContainerFn";
        37: false, Documented "component-helpers 1e15266 (2026-06-26)";
    }
    /// `memory.oom.group` is 1 in containers on cgroup v2 unless the configuration says otherwise.
    oom_group_default: bool, WhoIsKilled {
        21: false, Documented "kubernetes#117793";
        28: true, Source "kubernetes#117793; kuberuntime_container_linux.go";
    }
    /// `singleProcessOOMKill` exists.
    single_process_oom_kill: bool, WhoIsKilled {
        21: false, Documented "kubernetes#126096";
        32: true, Source "kubernetes#126096";
    }
    /// On cgroup v2 the node's use is MemTotal less MemFree, all page cache counted in.
    root_usage_from_free: bool, WhenEvicted {
        21: true, Documented "runc up to 1.1.8: opencontainers/runc#3977; kubernetes#118916, #119356";
        28: false, Documented "runc 1.1.9: anonymous memory and page cache; 1.28.0 to 1.28.2 still have 1.1.7";
    }
    /// Reserved huge pages are taken off `memory.available`.
    hugepage_aware_eviction: bool, WhenEvicted {
        21: false, Documented "kubernetes#137984";
        37: true, Documented "kubernetes#138127, beta and on";
    }
    /// `--kernel-memcg-notification` works on cgroup v1 (never on v2).
    memcg_notifier_v1: bool, WhenEvicted {
        21: true, Inferred "eviction/threshold_notifier_linux.go; on v2 the notifier does nothing";
        28: true, Source "eviction/threshold_notifier_linux.go; on v2 the notifier does nothing";
    }
    /// `mergeDefaultEvictionSettings` exists: with it, signals that `evictionHard` does not name keep their defaults.
    merge_default_eviction_settings: bool, WhenEvicted {
        21: false, Documented "kubernetes#127577";
        33: true, Source "kubernetes#127577; v1beta1/defaults.go (false unless given)";
    }
    /// The default thresholds have `imagefs.inodesFree`.
    default_imagefs_inodes_free: bool, WhenEvicted {
        21: false, Source "eviction/defaults_linux.go";
        30: true, Source "eviction/defaults_linux.go";
    }
    /// memory.min, memory.low and memory.high are written (v2).
    memory_qos: bool, Protection {
        21: false, Documented "KEP-2570: alpha and off since 1.22";
        37: true, Documented "KEP-2570, kubernetes#140007: beta and on";
    }
    /// memory.min and memory.low follow `memoryReservationPolicy`; before, memory.min is the request.
    memory_reservation_policy: bool, Protection {
        21: false, Documented "KEP-2570";
        36: true, Source "cm/qos_container_manager_linux.go; None unless given";
    }
    /// Default of `memoryThrottlingFactor` in thousandths; 0: none, so no memory.high.
    memory_throttling_factor_milli: i64, Protection {
        21: 800, Documented "KEP-2570: 0.8 up to 1.26";
        27: 900, Documented "KEP-2570: 0.9 since 1.27";
        28: 900, Source "v1beta1/defaults.go";
        37: 0, Documented "v1beta1/defaults.go of 1.37.0-beta.0: nil";
    }
    /// memory.high lies between request and limit; before, it was the limit times the factor.
    memory_high_from_request: bool, Protection {
        21: false, Documented "KEP-2570, changed in 1.27";
        27: true, Documented "KEP-2570, changed in 1.27";
    }
    /// BestEffort containers get a memory.high, too.
    memory_high_best_effort: bool, Protection {
        21: false, Source "kuberuntime_container_linux.go: request equals limit";
        37: true, Documented "kubernetes#138139";
    }
    /// The kubelet writes swap limits.
    node_swap: bool, Swap {
        21: false, Documented "KEP-2400: alpha 1.22, beta and off 1.28";
        30: true, Source "KEP-2400: on; GA in 1.34";
    }
    /// With `node_swap` off, containers are still kept from swapping.
    no_swap_without_gate: bool, Swap {
        21: false, Inferred "kuberuntime_container_linux.go configureContainerSwapResources";
        30: true, Source "kuberuntime_container_linux.go configureContainerSwapResources";
    }
    /// What an empty `memorySwap.swapBehavior` means.
    swap_default: SwapDefault, Swap {
        21: SwapDefault::LimitedSwap, Documented "KEP-2400";
        28: SwapDefault::UnlimitedSwap, Documented "KEP-2400";
        30: SwapDefault::NoSwap, Source "KEP-2400";
    }
    /// `UnlimitedSwap` is accepted.
    unlimited_swap: bool, Swap {
        21: true, Documented "KEP-2400";
        30: false, Source "KEP-2400: taken out";
    }
    /// Critical pods never swap.
    critical_pods_no_swap: bool, Swap {
        21: false, Source "kuberuntime_container_linux.go of 1.28 to 1.30: critical pods swap like others";
        31: true, Source "kuberuntime_container_linux.go IsCriticalPod";
    }
    /// Memory-backed volumes are mounted with `noswap` where the kernel knows it (6.4).
    tmpfs_noswap: bool, Swap {
        21: false, Source "util/swap/swap_util.go is not there";
        31: true, Source "util/swap/swap_util.go";
    }
    /// `enforceNodeAllocatable` knows the `-compressible` keys.
    compressible_enforcement: bool, Start {
        21: false, Documented "release notes of 1.32";
        32: true, Source "release notes of 1.32; apis/config/validation";
    }
    /// `qosReserved` is obeyed.
    qos_reserved: bool, Start {
        21: false, Documented "alpha and off since 1.11";
        28: false, Source "kube_features.go: alpha and off";
    }
    /// A cgroup v1 host is refused unless `failCgroupV1` is false.
    fail_cgroup_v1: bool, Start {
        21: false, Documented "KEP-4569: maintenance mode since 1.31, refusing only if asked to";
        35: true, Source "v1beta1/defaults.go; KEP-5573";
    }
    /// `crashLoopBackOff.maxContainerRestartPeriod` is obeyed.
    crash_loop_back_off_max: bool, Restarts {
        21: false, Documented "KEP-4603: alpha and off from 1.32 on";
        35: true, Source "KEP-4603: beta and on; kube_features.go";
    }
    /// Back-off begins with 1 s and, without `crash_loop_back_off_max`, ends at 60 s.
    reduced_crash_loop_back_off: bool, Restarts {
        21: false, Documented "KEP-4603";
        33: false, Source "gate ReduceDefaultCrashLoopBackOffDecay: alpha and off";
    }
    /// When a container is started again whose back-off is over.
    restart_wakeup: RestartWakeup, Restarts {
        21: RestartWakeup::Poll, Inferred "pod_workers.go completeWork: backOffPeriod";
        28: RestartWakeup::Poll, Source "pod_workers.go completeWork: backOffPeriod";
        35: RestartWakeup::Expiry, Source "pod_workers.go completeWork; kubernetes#133066; seen with 1.36.2";
    }
    /// The runtime says at once what became of a container (gate `EventedPLEG`); pod workers wait for a clock of 5 s.
    evented_pleg: bool, Restarts {
        21: false, Documented "KEP-3386: not there before 1.25";
        26: false, Documented "KEP-3386: alpha 1.26, beta and off 1.27, alpha and off since 1.30";
        28: false, Source "pleg/evented.go, container/cache.go: behind the gate";
    }
    /// Seconds after which a silent node is NotReady (`--node-monitor-grace-period` of the controller manager).
    node_monitor_grace_s: i64, Restarts {
        21: 40, Documented "kube-controller-manager reference: 40s";
        32: 50, Documented "kubernetes#121793, kubernetes#127352: 50s";
    }
}

macro_rules! rows {
    ($($name:ident $version:literal $minor:literal)*) => {
        impl KubernetesProfile {
            $(
                #[doc = concat!("Kubernetes ", $version, ".")]
                pub const $name: Self = Self::row($version, $minor);
            )*
            /// All rows, oldest first.
            pub const ALL: [Self; [$($minor),*].len()] = [$(Self::$name),*];
        }
    };
}

rows! {
    V1_21 "1.21" 21 V1_22 "1.22" 22 V1_23 "1.23" 23 V1_24 "1.24" 24 V1_25 "1.25" 25 V1_26 "1.26" 26 V1_27 "1.27" 27
    V1_28 "1.28" 28 V1_29 "1.29" 29 V1_30 "1.30" 30 V1_31 "1.31" 31 V1_32 "1.32" 32 V1_33 "1.33" 33 V1_34 "1.34" 34
    V1_35 "1.35" 35 V1_36 "1.36" 36 V1_37 "1.37" 37
}

impl KubernetesProfile {
    /// The row for a version: `1.28`, `v1.28.3`, `v1.33.3-eks-113cf36`. A release that is newer than all rows takes the
    /// newest.
    pub fn of_version(version: &str) -> Option<Self> {
        Release::parse(version).map(|release| release.row())
    }
}

impl Default for KubernetesProfile {
    /// The newest release.
    fn default() -> Self {
        Self::V1_37
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_version_and_overridden_by_name() {
        assert_eq!(KubernetesProfile::of_version("v1.29.4").map(|p| p.version), Some("1.29"));
        assert_eq!(KubernetesProfile::of_version("1.27").map(|p| p.version), Some("1.27"));
        assert_eq!(KubernetesProfile::of_version("1.40").map(|p| p.version), Some("1.37"));
        assert_eq!(KubernetesProfile::of_version("1.20"), None);
        assert_eq!(KubernetesProfile::of_version("next"), None);
        let mut profile = KubernetesProfile::V1_28;
        profile.set("zero_grace_override_ignored", "false").unwrap();
        profile.set("message_container", "ExceedsRequest").unwrap();
        profile.set("hard_eviction_grace_s", "1").unwrap();
        assert_eq!(profile.get("hard_eviction_grace_s").as_deref(), Some("1"));
        assert!(matches!(profile.set("hard_eviction", "1"), Err(UnknownCapability::Name(_))));
        assert!(matches!(profile.set("node_swap", "on"), Err(UnknownCapability::Value { .. })));
    }

    #[test]
    fn every_capability_can_be_read_back_and_has_sources() {
        for mut profile in KubernetesProfile::ALL {
            for fact in KubernetesProfile::FACTS {
                let value = profile.get(fact.name).unwrap();
                let before = profile;
                profile.set(fact.name, &value).unwrap();
                assert_eq!(before, profile);
                assert!(!fact.evidence(profile.minor).1.is_empty(), "{} {}", fact.name, profile.version);
                assert!(fact.steps.is_sorted_by_key(|step| step.since), "{}", fact.name);
            }
        }
    }

    /// What issues and changelogs say: #124063 (grace), #128029 (sidecars), #132277 (request), KEP-5573 (cgroup v1),
    /// #138127 (huge pages).
    #[test]
    fn rows_change_where_the_releases_did() {
        let row = |version| KubernetesProfile::of_version(version).unwrap();
        assert!(!row("1.30").sidecar_oom_score_from_containers && row("1.32").sidecar_oom_score_from_containers);
        assert!(row("1.30").zero_grace_override_ignored && !row("1.31").zero_grace_override_ignored);
        assert!(!row("1.28").sidecar_containers && row("1.29").sidecar_containers);
        assert_eq!(row("1.33").rank_request, RankRequest::ContainersMaxInit);
        assert_eq!(row("1.34").rank_request, RankRequest::PodRequests);
        assert!(!row("1.34").fail_cgroup_v1 && row("1.35").fail_cgroup_v1);
        assert!(!row("1.36").hugepage_aware_eviction && row("1.37").hugepage_aware_eviction);
        assert!(row("1.27").root_usage_from_free && !row("1.28").root_usage_from_free);
    }

    /// Releases between those whose sources were read: kubernetes#115819 (1.22), #111597 and KEP-3329 (1.26), #118310
    /// and KEP-2570 (1.27), #117793 and runc 1.1.9 (1.28).
    #[test]
    fn releases_from_1_22_to_1_27_have_what_was_changed_by_then() {
        let row = |minor: u32| KubernetesProfile::of_version(&format!("1.{minor}")).unwrap();
        for minor in 21..=37 {
            let row = row(minor);
            assert_eq!(row.minor, minor);
            assert_eq!(row.zero_grace_override_ignored, (22..31).contains(&minor), "1.{minor}");
            assert_eq!(row.message_container == ContainerWording::LargerConsumption, minor >= 26, "1.{minor}");
            assert_eq!((row.message_threshold, row.disruption_target), (minor >= 26, minor >= 26), "1.{minor}");
            assert_eq!(row.evicted_phase_from_containers, minor >= 27, "1.{minor}");
            assert_eq!(row.memory_high_from_request, minor >= 27, "1.{minor}");
            let factor = [(37, 0), (27, 900), (21, 800)].into_iter().find(|(since, _)| minor >= *since);
            assert_eq!(Some(row.memory_throttling_factor_milli), factor.map(|(_, factor)| factor), "1.{minor}");
            assert_eq!((row.oom_group_default, row.root_usage_from_free), (minor >= 28, minor < 28), "1.{minor}");
        }
    }
}
