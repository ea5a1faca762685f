//! The memory-related fields of a KubeletConfiguration, the same inline in a scenario and in a file.

use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, duration, integer, one_of, text};
use crate::source::Location;
use crate::tables::{self, TableSpec};
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::{
    CgroupDriver, KubeletConfig, KubernetesProfile, MemoryReservationPolicy, TextMap, default_eviction_hard,
};
use oomsim_core::units::Quantity;
use std::collections::BTreeMap;

/// A configuration that is being put together from several places.
#[derive(Default)]
pub(crate) struct KubeletDraft {
    pub config: KubeletConfig,
    /// The release, whose default thresholds are in place before drop-ins are merged.
    pub profile: KubernetesProfile,
    /// Where each field was given last.
    pub places: BTreeMap<String, Location>,
    /// Feature gates, the last word last.
    pub gates: Vec<(String, bool, Location)>,
}

/// What happens to a map that an earlier place has given already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maps {
    /// It is replaced as a whole.
    Replace,
    /// Keys are added and replaced one by one (files of a drop-in directory).
    Merge,
}

impl KubeletDraft {
    /// Remembers where a field was given.
    pub fn note(&mut self, field: &str, at: &Location) {
        self.places.insert(field.to_string(), at.clone());
    }

    /// Puts a map into a field.
    pub fn put_map(&mut self, field: &str, map: TextMap, maps: Maps) {
        let config = &mut self.config;
        if field == "evictionHard" {
            // The defaults are in place when the first drop-in is merged (cmd/kubelet/app/server.go).
            let before = match maps {
                Maps::Replace => TextMap::new(),
                Maps::Merge => config.eviction_hard.take().unwrap_or_else(|| default_eviction_hard(&self.profile)),
            };
            config.eviction_hard = Some(before.into_iter().chain(map).collect());
            return;
        }
        let target = match field {
            "kubeReserved" => &mut config.kube_reserved,
            "systemReserved" => &mut config.system_reserved,
            "evictionSoft" => &mut config.eviction_soft,
            "evictionSoftGracePeriod" => &mut config.eviction_soft_grace_period,
            "evictionMinimumReclaim" => &mut config.eviction_minimum_reclaim,
            _ => &mut config.qos_reserved,
        };
        if maps == Maps::Replace {
            target.clear();
        }
        target.extend(map);
    }
}

/// The fields that are maps of texts.
pub(crate) const MAP_FIELDS: [&str; 7] = [
    "kubeReserved",
    "systemReserved",
    "evictionHard",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "evictionMinimumReclaim",
    "qosReserved",
];

/// Reads the memory-related fields of a table that may have others.
pub(crate) fn config_keys(t: &mut TableReader<'_>, draft: &mut KubeletDraft, maps: Maps) {
    let p = t.problems();
    for field in MAP_FIELDS {
        if let Some(value) = t.get(field)
            && !matches!(value.kind, ValueKind::Null)
            && let Some(map) = text_map(p, field, value)
        {
            draft.note(field, &value.at);
            for entry in value.entries().unwrap_or_default() {
                draft.note(&format!("{field}.{}", entry.key), &entry.value.at);
            }
            draft.put_map(field, map, maps);
        }
    }
    let mut field = Fields { t, draft };
    field.set("kubeReservedCgroup", text, |c, v| c.kube_reserved_cgroup = v);
    field.set("systemReservedCgroup", text, |c, v| c.system_reserved_cgroup = v);
    field.set("evictionPressureTransitionPeriod", duration, |c, v| c.eviction_pressure_transition_period = Some(v));
    field.set("mergeDefaultEvictionSettings", boolean, |c, v| c.merge_default_eviction_settings = Some(v));
    field.set("memoryReservationPolicy", reservation_policy, |c, v| c.memory_reservation_policy = Some(v));
    let seconds = integer(i32::MIN.into(), i32::MAX.into());
    field.set("evictionMaxPodGracePeriod", seconds, |c, v| c.eviction_max_pod_grace_period = v);
    field.set("enforceNodeAllocatable", texts, |c, v| c.enforce_node_allocatable = Some(v));
    field.set("cgroupDriver", cgroup_driver, |c, v| c.cgroup_driver = v);
    field.set("cgroupRoot", text, |c, v| c.cgroup_root = v);
    field.set("cgroupsPerQOS", boolean, |c, v| c.cgroups_per_qos = Some(v));
    field.set("nodeStatusUpdateFrequency", duration, |c, v| c.node_status_update_frequency = Some(v));
    field.set("memoryThrottlingFactor", factor, |c, v| c.memory_throttling_factor = Some(v));
    field.set("failSwapOn", boolean, |c, v| c.fail_swap_on = Some(v));
    field.set("singleProcessOOMKill", boolean, |c, v| c.single_process_oom_kill = Some(v));
    field.set("failCgroupV1", boolean, |c, v| c.fail_cgroup_v1 = Some(v));
    field.set("oomScoreAdj", integer(i64::MIN, i64::MAX), |c, v| c.oom_score_adj = Some(v));
    field.set("kernelMemcgNotification", boolean, |c, v| c.kernel_memcg_notification = v);
    field.set("protectKernelDefaults", boolean, |c, v| c.protect_kernel_defaults = v);
    field.set("maxPods", integer(1, i32::MAX.into()), |c, v| c.max_pods = Some(v));
    field.inner(&tables::MEMORY_SWAP, "swapBehavior", text, |c, v| c.memory_swap.swap_behavior = v);
    field.inner(&tables::CRASH_LOOP_BACK_OFF, "maxContainerRestartPeriod", duration, |c, v| {
        c.max_container_restart_period = Some(v);
    });
    if let Some(gates) = t.get("featureGates").filter(|v| !matches!(v.kind, ValueKind::Null)) {
        match gates.entries() {
            Some(entries) => draft.gates.extend(
                entries.iter().filter_map(|e| boolean(p, &e.value).map(|on| (e.key.clone(), on, e.key_at.clone()))),
            ),
            None => p.expected(gates, "a table of feature gates"),
        }
    }
}

struct Fields<'r, 'a> {
    t: &'r mut TableReader<'a>,
    draft: &'r mut KubeletDraft,
}

impl<'a> Fields<'_, 'a> {
    /// One field; `null` counts as not given.
    fn set<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
        put: impl FnOnce(&mut KubeletConfig, T),
    ) {
        let Some(value) = self.t.get(field).filter(|v| !matches!(v.kind, ValueKind::Null)) else { return };
        if let Some(parsed) = parse(self.t.problems(), value) {
            put(&mut self.draft.config, parsed);
            self.draft.note(field, &value.at);
        }
    }

    /// The only field of an inner table.
    fn inner<T>(
        &mut self,
        spec: &'static TableSpec,
        inner: &'static str,
        parse: impl FnOnce(&'a Problems, &'a Value) -> Option<T>,
        put: impl FnOnce(&mut KubeletConfig, T),
    ) {
        let field = spec.name;
        let Some(value) = self.t.get(field).filter(|v| !matches!(v.kind, ValueKind::Null)) else { return };
        let Some(mut t) = TableReader::open(self.t.problems(), spec, value) else { return };
        let path = format!("{field}.{inner}");
        let place = t.get(inner).map_or(&value.at, |v| &v.at);
        if let Some(parsed) = t.optional(inner, parse) {
            put(&mut self.draft.config, parsed);
            self.draft.note(&path, place);
        }
        t.finish();
    }
}

/// A map of texts. Reserved amounts have to be quantities.
pub(crate) fn text_map(p: &Problems, field: &str, value: &Value) -> Option<TextMap> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table of texts");
        return None;
    };
    let mut map = TextMap::new();
    for entry in entries {
        let Some(text) = text(p, &entry.value) else { continue };
        if field.ends_with("Reserved") && field != "qosReserved" && Quantity::parse(&text).is_err() {
            crate::scalar::bad_quantity(p, &entry.value, &text);
            continue;
        }
        map.insert(entry.key.clone(), text);
    }
    Some(map)
}

/// An array of texts.
pub(crate) fn texts(p: &Problems, value: &Value) -> Option<Vec<String>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of texts");
        return None;
    };
    items.iter().map(|item| text(p, item)).collect()
}

fn cgroup_driver(p: &Problems, value: &Value) -> Option<CgroupDriver> {
    one_of("cgroup driver", &[("cgroupfs", CgroupDriver::Cgroupfs), ("systemd", CgroupDriver::Systemd)])(p, value)
}

fn reservation_policy(p: &Problems, value: &Value) -> Option<MemoryReservationPolicy> {
    let policies =
        [("None", MemoryReservationPolicy::None), ("TieredReservation", MemoryReservationPolicy::TieredReservation)];
    one_of("memory reservation policy", &policies)(p, value)
}

/// A number with a point; its bounds are the kubelet's to check.
fn factor(p: &Problems, value: &Value) -> Option<f64> {
    let parsed = match &value.kind {
        ValueKind::Int(n @ -1000..=1000) => Some(*n as f64),
        ValueKind::Number(text) => text.replace('_', "").parse().ok(),
        _ => None,
    };
    if parsed.is_none() {
        p.expected(value, "a number such as 0.9");
    }
    parsed
}
