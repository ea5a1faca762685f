//! `[kubelet]`: version, configuration, clocks.

use super::Context;
use super::check_kubelet::Given;
use super::gates;
use super::kubelet_config::{KubeletDraft, Maps, config_keys};
use super::kubelet_files::{config_dir, config_file, flags};
use super::pod::instants;
use crate::diagnostic::Diagnostic;
use crate::names::quoted_list;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, duration, integer, text, time};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::preset::{NodeSize, PRESETS, Preset, PresetError, SizeBy};
use oomsim_core::kubelet::{
    FAIL_CGROUP_V1_SINCE, HousekeepingTiming, KubernetesProfile, MemoryReservationPolicy, Release, SlowKubelet, Timing,
    UnknownCapability,
};
use oomsim_core::plan::NodePlan;
use std::sync::Arc;

/// Reads `[kubelet]` of a machine.
pub(crate) fn kubelet<'a>(cx: &Context<'_>, value: &'a Value, node: Option<&NodePlan>) -> Option<Given<'a>> {
    let p = cx.problems;
    let mut t = TableReader::open(p, &tables::KUBELET, value)?;
    let mut draft = KubeletDraft::default();
    draft.note("", &value.at);
    if let Some(name) = t.get("preset") {
        preset(p, name, &mut t, node, &mut draft);
    }
    let release = t.optional("version", version);
    draft.profile = release.map_or(draft.profile, Release::row);
    let mut profile = draft.profile;
    if let Some(path) = t.get("config") {
        config_file(cx, path, &mut draft);
    }
    if let Some(path) = t.get("configDir") {
        config_dir(cx, path, &mut draft);
    }
    if let Some(words) = t.get("flags") {
        flags(p, words, &mut draft);
    }
    config_keys(&mut t, &mut draft, Maps::Replace);
    gates::apply(p, &draft.gates, &mut profile);
    for fact in KubernetesProfile::FACTS {
        if let Some(value) = t.get(fact.name) {
            set_capability(p, fact.name, value, &mut profile);
        }
    }
    release_checks(p, value, release, &draft, &profile);
    if let (Some(name), Some(node)) = (t.get("preset"), node) {
        pods_bound(p, name, node, &draft, &profile);
    }
    let first_pass = t.optional("firstPass", time);
    let passes = t.or("passes", Arc::from([]), instants);
    if let (Some(_), Some(again)) = (first_pass, passes.first()) {
        p.error(t.at(), format!("`firstPass` and `passes` exclude each other: the first pass is at {again}"));
    }
    let first_relist = t.optional("firstRelist", time);
    let just_started = t.or("justStarted", false, boolean);
    let clocks = Timing::of(&draft.config, &profile);
    let timing = t.or("timing", clocks, |p, value| timing(p, value, clocks));
    t.finish();
    Some(Given { draft, profile, timing, first_pass, passes, first_relist, just_started, at: &value.at })
}

/// Fields that a preset may give.
const PRESET_FIELDS: [&str; 7] = [
    "kubeReserved",
    "systemReserved",
    "evictionHard",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "evictionMinimumReclaim",
    "enforceNodeAllocatable",
];

/// `preset = "aks-1.28"`: what a provider configures on a machine of this size; every other key comes on top.
fn preset(p: &Problems, value: &Value, t: &mut TableReader<'_>, node: Option<&NodePlan>, draft: &mut KubeletDraft) {
    let Some(name) = text(p, value) else { return };
    let Some(preset) = Preset::named(&name) else {
        return p.unknown(&value.at, "preset", &name, PRESETS.iter().map(|preset| preset.name));
    };
    if let Some(row) = preset.kubernetes.and_then(KubernetesProfile::of_version) {
        draft.profile = row;
    }
    let max_pods = match t.get("maxPods").map(|pods| &pods.kind) {
        Some(ValueKind::Int(pods)) => Some(*pods),
        _ => None,
    };
    let Some(node) = node else { return };
    let size = NodeSize { nominal: node.nominal, mem_total: node.kernel.mem_total, max_pods };
    match preset.config(&size) {
        Ok(config) => draft.config = config,
        Err(why) => {
            let help = match why {
                PresetError::NominalMissing(_) => {
                    "set the memory size in the provider's catalogue, such as 7Gi: `nominal` in [node], or --sku-memory"
                }
                PresetError::MaxPodsMissing(_) => "set `maxPods` in [kubelet]",
            };
            p.push(Diagnostic::error(&value.at, why.to_string()).help(help));
        }
    }
    if preset.size == SizeBy::Nominal && node.nominal.is_none() {
        let message = format!("{name} reserves by the nominal size of the machine: MemTotal is taken for it");
        let help = "give the size that the catalogue states, such as 16Gi: `nominal` in [node], or --sku-memory";
        p.push(Diagnostic::warning(&value.at, message).help(help));
    }
    for field in PRESET_FIELDS {
        draft.note(field, &value.at);
    }
}

/// GKE from 1.37 on: a bound of which a part is not known.
fn pods_bound(p: &Problems, name: &Value, node: &NodePlan, draft: &KubeletDraft, profile: &KubernetesProfile) {
    let Some(preset) = name.as_text().and_then(Preset::named) else { return };
    let size = NodeSize { nominal: node.nominal, mem_total: node.kernel.mem_total, max_pods: draft.config.max_pods };
    if let Some(bound) = preset.bound_left_out(&size, profile) {
        let message = format!(
            "{} may reserve less from Kubernetes 1.37 on: at most {} MiB by `maxPods` and a base that is not published",
            preset.name,
            bound.get() >> 20
        );
        let help = "the rule of earlier releases is used; `kubeReserved` overrides it";
        p.push(Diagnostic::warning(&name.at, message).help(help));
    }
}

/// The kubelet's clocks.
fn timing(p: &Problems, value: &Value, d: Timing) -> Option<Timing> {
    let mut t = TableReader::open(p, &tables::TIMING, value)?;
    let timing = Timing {
        monitoring_period: t.or("monitoringPeriod", d.monitoring_period, duration),
        synchronize: t.or("synchronize", d.synchronize, duration),
        cleanup_timeout: t.or("cleanupTimeout", d.cleanup_timeout, duration),
        cleanup_poll: t.or("cleanupPoll", d.cleanup_poll, duration),
        kill_timeout_least: t.or("killTimeout", d.kill_timeout_least, duration),
        relist_period: t.or("relistPeriod", d.relist_period, duration),
        resync_period: t.or("resyncPeriod", d.resync_period, duration),
        resync_jitter: t.or("resyncJitter", d.resync_jitter, duration),
        node_status_jitter_permille: t.or("nodeStatusJitterPermille", d.node_status_jitter_permille, integer(0, 1000)),
        housekeeping: t.or("housekeeping", d.housekeeping, housekeeping),
        random_lead: t.or("randomLead", d.random_lead, boolean),
        slow: t.optional("slow", slow),
        backoff_base: t.or("backOffBase", d.backoff_base, duration),
        backoff_first: t.or("backOffFirst", d.backoff_first, duration),
        backoff_max: t.or("backOffMax", d.backoff_max, duration),
        node_monitor_grace: t.or("nodeMonitorGracePeriod", d.node_monitor_grace, duration),
    };
    t.finish();
    Some(timing)
}

/// A kubelet that crawls while memory is nearly gone.
fn slow(p: &Problems, value: &Value) -> Option<SlowKubelet> {
    let mut t = TableReader::open(p, &tables::SLOW, value)?;
    let (below, takes) = (t.required("below", bytes), t.required("takes", duration));
    t.finish();
    Some(SlowKubelet { below: below?, takes: takes? })
}

/// cAdvisor's housekeeping of pods.
fn housekeeping(p: &Problems, value: &Value) -> Option<HousekeepingTiming> {
    let mut t = TableReader::open(p, &tables::HOUSEKEEPING, value)?;
    let d = HousekeepingTiming::default();
    let timing = HousekeepingTiming {
        interval: t.or("interval", d.interval, duration),
        max_interval: t.or("maxInterval", d.max_interval, duration),
        jitter_permille: t.or("jitterPermille", d.jitter_permille, integer(0, 10_000)),
        fresh: t.or("fresh", d.fresh, boolean),
    };
    t.finish();
    Some(timing)
}

/// A version as a node prints it, with a warning when it has no row of its own.
fn version(p: &Problems, value: &Value) -> Option<Release> {
    let given = match &value.kind {
        ValueKind::Number(number) => number.clone(),
        _ => text(p, value)?,
    };
    let Some(release) = Release::parse(&given) else {
        let rows = KubernetesProfile::ALL.map(|row| row.version);
        let help = format!("releases: {}", quoted_list(rows));
        p.push(Diagnostic::error(&value.at, format!("unknown Kubernetes version {given:?}")).help(help));
        return None;
    };
    if !release.is_exact() {
        let taken = release.row().version;
        let message = format!("Kubernetes {given} is newer than every profile: {taken} is used");
        p.push(Diagnostic::warning(&value.at, message).help(
            "what changed since is not known: who is evicted first, limits and oom_score_adj, restarts and texts may differ",
        ));
    }
    Some(release)
}

/// What the release says about the rest: fields that it does not have, and whose build it is.
fn release_checks(
    p: &Problems,
    kubelet: &Value,
    release: Option<Release>,
    draft: &KubeletDraft,
    profile: &KubernetesProfile,
) {
    let fields = [
        ("mergeDefaultEvictionSettings", profile.merge_default_eviction_settings),
        ("memoryReservationPolicy", profile.memory_reservation_policy),
        ("singleProcessOOMKill", profile.single_process_oom_kill),
        ("failCgroupV1", profile.minor >= FAIL_CGROUP_V1_SINCE),
    ];
    for (field, there) in fields {
        if let Some(at) = draft.places.get(field).filter(|_| !there) {
            p.warn(at, format!("Kubernetes {} has no field `{field}`: it is ignored", profile.version));
        }
    }
    // What the kubelet prints of itself has the defaults, too.
    let (factor, policy) = (draft.config.memory_throttling_factor, draft.config.memory_reservation_policy);
    let default = profile.memory_throttling_factor_milli as f64;
    let tiered = policy == Some(MemoryReservationPolicy::TieredReservation);
    let memory_qos = ("MemoryQoS", profile.memory_qos);
    let set = [
        ("memoryThrottlingFactor", factor.is_some_and(|factor| factor * 1000.0 != default), memory_qos),
        ("memoryReservationPolicy", tiered, memory_qos),
        // cm/qos_container_manager_linux.go setMemoryReserve is behind the gate.
        ("qosReserved", !draft.config.qos_reserved.is_empty(), ("QOSReserved", profile.qos_reserved)),
    ];
    for (field, _, (gate, _)) in set.into_iter().filter(|(_, set, (_, on))| *set && !on) {
        if let Some(at) = draft.places.get(field) {
            p.warn(at, format!("`{field}` has no effect: the feature gate {gate} is off"));
        }
    }
    let configured = ["preset", "config", "configDir", "flags"].iter().any(|key| kubelet.get(key).is_some())
        || PRESET_FIELDS.iter().any(|field| draft.places.contains_key(*field));
    if let Some((distribution, preset)) = release.and_then(|r| r.distribution.zip(r.preset())).filter(|_| !configured) {
        let at = kubelet.get("version").map_or(&kubelet.at, |version| &version.at);
        let message = format!("this is a kubelet of {distribution}, and nothing says how it is configured");
        p.push(
            Diagnostic::warning(at, message)
                .help(format!("`preset = \"{preset}\"` configures it as {distribution} does")),
        );
    }
}

fn set_capability(p: &Problems, name: &'static str, value: &Value, profile: &mut KubernetesProfile) {
    let given = match &value.kind {
        ValueKind::Bool(b) => b.to_string(),
        ValueKind::Int(n) => n.to_string(),
        ValueKind::Text(text) => text.clone(),
        _ => return p.expected(value, "a word, a number or a boolean"),
    };
    if let Err(UnknownCapability::Value { expected, .. }) = profile.set(name, &given) {
        p.error(&value.at, format!("`{name}` cannot be {given:?}: expected {expected}"));
    }
}
