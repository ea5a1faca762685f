//! The kubelet: its configuration, capabilities and clocks.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::{Form, I32_MAX, I32_MIN, KeyGroup, TableSpec, key};
use oomsim_core::kubelet::preset::PRESETS;
use oomsim_core::kubelet::{KubernetesProfile, UnknownCapability};
use std::sync::LazyLock;

/// `[kubelet]`.
pub(crate) static KUBELET: TableSpec = TableSpec {
    groups: &[&KUBELET_KEYS, &CONFIGURATION_KEYS],
    capabilities: Some(kubelet_capabilities),
    ..TableSpec::new("[kubelet]")
};

/// `KubeletConfiguration`.
pub(crate) static CONFIGURATION: TableSpec =
    TableSpec { groups: &[&CONFIGURATION_KEYS, &CONFIGURATION_FILE_KEYS], ..TableSpec::new("KubeletConfiguration") };

/// `memorySwap`.
pub(crate) static MEMORY_SWAP: TableSpec = TableSpec { groups: &[&MEMORY_SWAP_KEYS], ..TableSpec::new("memorySwap") };

/// `crashLoopBackOff`.
pub(crate) static CRASH_LOOP_BACK_OFF: TableSpec =
    TableSpec { groups: &[&CRASH_LOOP_BACK_OFF_KEYS], ..TableSpec::new("crashLoopBackOff") };

/// `[kubelet.timing]`.
pub(crate) static TIMING: TableSpec = TableSpec { groups: &[&TIMING_KEYS], ..TableSpec::new("[kubelet.timing]") };

/// `[kubelet.timing.housekeeping]`.
pub(crate) static HOUSEKEEPING: TableSpec =
    TableSpec { groups: &[&HOUSEKEEPING_KEYS], ..TableSpec::new("[kubelet.timing.housekeeping]") };

/// `[kubelet.timing.slow]`.
pub(crate) static SLOW: TableSpec = TableSpec { groups: &[&SLOW_KEYS], ..TableSpec::new("[kubelet.timing.slow]") };

/// `[kubelet]`.
pub(crate) static KUBELET_KEYS: KeyGroup = KeyGroup {
    name: "[kubelet]",
    keys: &[
        key(
            "version",
            Form::Version,
            Is("1.37"),
            "`1.21` to `1.37`, or as a node prints it (`v1.33.3-eks-113cf36`); a newer one is taken for the newest, \
             with a warning",
        ),
        key(
            "preset",
            Form::Names(preset_names),
            Absent,
            "the settings of a provider or installer for a machine of this size, such as `aks-1.28`, \
             `gke`, `eks`, `k3s`; every other key overrides them",
        ),
        key("config", Form::Path, Absent, "a KubeletConfiguration (YAML, or the JSON of `/configz`)"),
        key(
            "configDir",
            Form::Path,
            Absent,
            "a drop-in directory; its `*.conf` files are merged in alphabetical order",
        ),
        key(
            "flags",
            Form::OneOf(&[Form::Text, Form::Array(&Form::Text)]),
            Absent,
            "the kubelet's command line, as `ps` shows it",
        ),
        key(
            "firstPass",
            Form::Time,
            Says("random, within one period"),
            "start of the first pass of the eviction manager",
        ),
        key(
            "passes",
            Form::Array(&Form::Time),
            Says("every `monitoringPeriod`"),
            "times at which passes of the eviction manager began, if they are known (its log says `synchronize \
             housekeeping`); after the last one they come as usual",
        ),
        key(
            "firstRelist",
            Form::Time,
            Says("random, within one period"),
            "a time at which the kubelet listed the containers, if it is known (its log says `SyncLoop (PLEG)`); the \
             other lists come a `timing.relistPeriod` apart",
        ),
        key(
            "justStarted",
            Form::Boolean,
            Says("false"),
            "the first pass is the first of the kubelet's process: lists of containers begin 0.08 s before it, and the \
             node's status is reported 0.1 s after it and every `nodeStatusUpdateFrequency` from then on; a kubelet \
             that has run for long has these clocks at any time",
        ),
        key("timing", Form::Table(&TIMING), Absent, "clocks and delays"),
    ],
};

/// Fields of `[kubelet]` and `KubeletConfiguration`.
pub(crate) static CONFIGURATION_KEYS: KeyGroup = KeyGroup {
    name: "Fields of [kubelet] and KubeletConfiguration",
    keys: &[
        key(
            "kubeReserved",
            Form::Map(&Form::Quantity),
            Absent,
            "resources set aside for the kubelet and the container runtime",
        ),
        key("systemReserved", Form::Map(&Form::Quantity), Absent, "resources set aside for other daemons"),
        key(
            "evictionHard",
            Form::Map(&Form::Text),
            Says("`memory.available` = 100Mi and the disk signals"),
            "hard thresholds; a map replaces all defaults",
        ),
        key(
            "mergeDefaultEvictionSettings",
            Form::Boolean,
            Says("false"),
            "signals that `evictionHard` does not name keep their default thresholds; from 1.33",
        ),
        key("evictionSoft", Form::Map(&Form::Text), Absent, "soft thresholds"),
        key(
            "evictionSoftGracePeriod",
            Form::Map(&Form::Duration),
            Says("none; required for each soft threshold"),
            "how long a soft threshold must be met",
        ),
        key("evictionMinimumReclaim", Form::Map(&Form::Text), Absent, "how much to free beyond a threshold"),
        key("evictionPressureTransitionPeriod", Form::Duration, Says("5m"), "how long a condition outlives its cause"),
        key(
            "evictionMaxPodGracePeriod",
            Form::Integer { min: I32_MIN, max: I32_MAX },
            Says("0"),
            "longest grace period of a soft eviction, in seconds",
        ),
        key("enforceNodeAllocatable", Form::Array(&Form::Text), Says("`[\"pods\"]`"), "which cgroups get a limit"),
        key("kubeReservedCgroup", Form::Text, Absent, "cgroup of the kube-reserved daemons"),
        key("systemReservedCgroup", Form::Text, Absent, "cgroup of the system daemons"),
        key("cgroupDriver", Form::Words(&["cgroupfs", "systemd"]), Says("cgroupfs"), "how cgroups are named"),
        key("cgroupRoot", Form::Text, Says("the root"), "cgroup under which `kubepods` is created"),
        key("cgroupsPerQOS", Form::Boolean, Says("true"), "cgroups of the QoS classes exist"),
        key("nodeStatusUpdateFrequency", Form::Duration, Says("10s"), "how often the node status is computed"),
        key(
            "memoryThrottlingFactor",
            Form::Number,
            Says("by release"),
            "position of memory.high between request and limit",
        ),
        key(
            "memoryReservationPolicy",
            Form::Words(&["None", "TieredReservation"]),
            Says("`None`"),
            "what memory.min and memory.low protect with the gate MemoryQoS; from 1.36",
        ),
        key("failSwapOn", Form::Boolean, Says("true"), "refuse to start with swap on"),
        key("memorySwap", Form::Table(&MEMORY_SWAP), Absent, "how containers use swap"),
        key(
            "singleProcessOOMKill",
            Form::Boolean,
            Says("by cgroup version and release"),
            "an OOM kill takes one process, not the container",
        ),
        key("failCgroupV1", Form::Boolean, Says("true from 1.35, false before"), "refuse to start on cgroup v1"),
        key(
            "oomScoreAdj",
            Form::Integer { min: i64::MIN, max: i64::MAX },
            Says("-999"),
            "`oom_score_adj` of the kubelet itself",
        ),
        key("crashLoopBackOff", Form::Table(&CRASH_LOOP_BACK_OFF), Absent, "restart back-off"),
        key("qosReserved", Form::Map(&Form::Text), Absent, "percentages by resource (capability `qos_reserved`)"),
        key(
            "kernelMemcgNotification",
            Form::Boolean,
            Says("false"),
            "memory cgroup notification on cgroup v1; not modelled",
        ),
        key(
            "protectKernelDefaults",
            Form::Boolean,
            Says("false"),
            "refuse to start with other sysctls than the kubelet wants",
        ),
        key("maxPods", Form::Integer { min: 1, max: I32_MAX }, Says("110"), "most pods on the node"),
        key(
            "featureGates",
            Form::Map(&Form::Boolean),
            Absent,
            "gates that concern memory set the capability of that name; `AllAlpha` and `AllBeta` set those of their stage",
        ),
    ],
};

/// `KubeletConfiguration`.
pub(crate) static CONFIGURATION_FILE_KEYS: KeyGroup = KeyGroup {
    name: "KubeletConfiguration",
    keys: &[
        key("apiVersion", Form::Text, Absent, "`kubelet.config.k8s.io/v1beta1`"),
        key("kind", Form::Text, Absent, "`KubeletConfiguration`"),
    ],
};

/// `memorySwap`.
pub(crate) static MEMORY_SWAP_KEYS: KeyGroup = KeyGroup {
    name: "memorySwap",
    keys: &[key(
        "swapBehavior",
        Form::Text,
        Says("by release"),
        "`NoSwap`, `LimitedSwap`, before 1.30 `UnlimitedSwap`",
    )],
};

/// `crashLoopBackOff`.
pub(crate) static CRASH_LOOP_BACK_OFF_KEYS: KeyGroup = KeyGroup {
    name: "crashLoopBackOff",
    keys: &[key(
        "maxContainerRestartPeriod",
        Form::Duration,
        Says("5m"),
        "longest restart back-off; before 1.35 it needs the gate `KubeletCrashLoopBackOffMax`",
    )],
};

/// `[kubelet.timing]`.
pub(crate) static TIMING_KEYS: KeyGroup = KeyGroup {
    name: "[kubelet.timing]",
    keys: &[
        key(
            "monitoringPeriod",
            Form::Duration,
            Is("10s"),
            "from the end of one eviction pass to the start of the next",
        ),
        key("synchronize", Form::Duration, Is("5ms"), "how long a pass takes"),
        key(
            "cleanupTimeout",
            Form::Duration,
            Is("30s"),
            "how long the manager waits until an evicted pod is cleaned up",
        ),
        key("cleanupPoll", Form::Duration, Is("1s"), "how often it checks"),
        key("killTimeout", Form::Duration, Is("10s"), "minimum time after which a kill call gives up"),
        key("relistPeriod", Form::Duration, Is("1s"), "how often containers are listed"),
        key(
            "resyncPeriod",
            Form::Duration,
            Is("10s"),
            "a container in back-off is retried at this interval until the back-off is over; `0s`: \
             exactly when it is over",
        ),
        key("resyncJitter", Form::Duration, Is("5s"), "maximum random addition to each of these intervals"),
        key(
            "nodeStatusJitterPermille",
            Form::Integer { min: 0, max: 1000 },
            Is("40"),
            "maximum random addition to the node status period, in thousandths",
        ),
        key("housekeeping", Form::Table(&HOUSEKEEPING), Absent, "when cAdvisor measures pods"),
        key("randomLead", Form::Boolean, Is("false"), "choose the leading one of several met thresholds at random"),
        key(
            "slow",
            Form::Table(&SLOW),
            Says("off"),
            "a kubelet that crawls while memory is nearly gone (an assumption)",
        ),
        key(
            "nodeMonitorGracePeriod",
            Form::Duration,
            Says("40s, from 1.32 on 50s"),
            "after this time without a status the control plane calls the node NotReady",
        ),
        key("backOffBase", Form::Duration, Is("10s"), "first restart back-off"),
        key("backOffFirst", Form::Duration, Is("0s"), "delay before the first restart (none in a real kubelet)"),
        key("backOffMax", Form::Duration, Is("5m"), "longest restart back-off"),
    ],
};

/// `[kubelet.timing.housekeeping]`.
pub(crate) static HOUSEKEEPING_KEYS: KeyGroup = KeyGroup {
    name: "[kubelet.timing.housekeeping]",
    keys: &[
        key("interval", Form::Duration, Is("10s"), "interval while the usage of a pod or container changes"),
        key("maxInterval", Form::Duration, Is("15s"), "interval while it does not change"),
        key(
            "jitterPermille",
            Form::Integer { min: 0, max: 10000 },
            Is("1000"),
            "maximum random addition, in thousandths of the interval",
        ),
        key("fresh", Form::Boolean, Is("false"), "measure pods at each pass instead; no real kubelet does that"),
    ],
};

/// `[kubelet.timing.slow]`.
pub(crate) static SLOW_KEYS: KeyGroup = KeyGroup {
    name: "[kubelet.timing.slow]",
    keys: &[
        key("below", Form::Amount, Required, "active while MemAvailable is below this amount"),
        key("takes", Form::Duration, Required, "additional time for a pass or for the start of a pod"),
    ],
};

fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|preset| preset.name).collect()
}

/// The words that a capability takes: those that are expected in place of one that is none.
fn words(capability: &str) -> &'static [&'static str] {
    let refused = KubernetesProfile::default().set(capability, "").err();
    let Some(UnknownCapability::Value { expected, .. }) = refused else { return &[] };
    let words = expected.split([',', ' ']).filter(|word| !matches!(*word, "" | "or"));
    Vec::leak(words.collect())
}

/// The capabilities of a Kubernetes release, which can be overridden one by one.
pub(crate) fn kubelet_capabilities() -> &'static KeyGroup {
    static GROUP: LazyLock<KeyGroup> = LazyLock::new(|| {
        let keys = KubernetesProfile::FACTS.iter().map(|fact| {
            let value = KubernetesProfile::default().get(fact.name).unwrap_or_default();
            let form = match (value.parse::<bool>(), value.parse::<i64>()) {
                (Ok(_), _) => Form::Boolean,
                (_, Ok(_)) => Form::Integer { min: i64::MIN, max: i64::MAX },
                _ => Form::Words(words(fact.name)),
            };
            key(fact.name, form, Says("by release"), fact.doc.trim().trim_end_matches('.'))
        });
        KeyGroup { name: "Capabilities of [kubelet]", keys: Vec::leak(keys.collect()) }
    });
    &GROUP
}
