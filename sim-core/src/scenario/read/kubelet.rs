//! `[kubelet]`: version, configuration, clocks.

use super::Context;
use super::kubelet_config::{Draft, Maps, config_keys};
use crate::kubelet::{KubeletConfig, KubernetesProfile, UnknownCapability};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::KubeletPlan;
use crate::scenario::names::quoted_list;
use crate::scenario::reader::{Problems, TableReader};
use crate::scenario::scalar::{text, time};
use crate::scenario::value::{Kind, Value};

/// A kubelet without any configuration.
pub(crate) fn default_kubelet() -> KubeletPlan {
    KubeletPlan { config: KubeletConfig::default(), profile: KubernetesProfile::default(), first_pass: None }
}

/// Reads `[kubelet]`.
pub(crate) fn kubelet(cx: &Context<'_>, value: &Value) -> Option<KubeletPlan> {
    let p = cx.problems;
    let mut t = TableReader::open(p, "[kubelet]", value)?;
    let mut plan = default_kubelet();
    plan.profile = t.or("version", KubernetesProfile::default(), version);
    let mut draft = Draft::default();
    config_keys(&mut t, &mut draft, Maps::Replace);
    apply_gates(&draft, &mut plan.profile);
    for fact in KubernetesProfile::FACTS {
        if let Some(value) = t.get(fact.name) {
            set_capability(p, fact.name, value, &mut plan.profile);
        }
    }
    plan.first_pass = t.optional("firstPass", time);
    t.finish();
    plan.config = draft.config;
    Some(plan)
}

/// Feature gates that change a capability; the others do not concern memory.
fn apply_gates(draft: &Draft, profile: &mut KubernetesProfile) {
    for (gate, on, _) in &draft.gates {
        match gate.as_str() {
            "MemoryQoS" => profile.memory_qos = *on,
            "NodeSwap" => profile.node_swap = *on,
            "PodLevelResources" => profile.pod_level_resources = *on,
            "SidecarContainers" => profile.sidecar_containers = *on,
            "QOSReserved" => profile.qos_reserved = *on,
            "KubeletCrashLoopBackOffMax" => profile.crash_loop_back_off_max = *on,
            "AllowOverwriteTerminationGracePeriodSeconds" => profile.soft_grace_capped_by_pod = !on,
            _ => {}
        }
    }
}

fn version(p: &Problems, value: &Value) -> Option<KubernetesProfile> {
    let given = match &value.kind {
        Kind::Number(number) => number.clone(),
        _ => text(p, value)?,
    };
    let profile = KubernetesProfile::of_version(&given);
    match &profile {
        None => {
            let rows = KubernetesProfile::ALL.map(|row| row.version);
            let help = format!("profiles: {}; a release between two of them takes the older one", quoted_list(rows));
            p.push(Diagnostic::error(&value.at, format!("unknown Kubernetes version {given:?}")).help(help));
        }
        Some(row) => {
            let plain = given.strip_prefix('v').unwrap_or(&given);
            let same = plain.strip_prefix(row.version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if !same {
                p.warn(&value.at, format!("there is no profile of Kubernetes {given}: {} is taken", row.version));
            }
        }
    }
    profile
}

fn set_capability(p: &Problems, name: &'static str, value: &Value, profile: &mut KubernetesProfile) {
    let given = match &value.kind {
        Kind::Bool(b) => b.to_string(),
        Kind::Int(n) => n.to_string(),
        Kind::Text(text) => text.clone(),
        _ => return p.expected(value, "a word, a number or a boolean"),
    };
    if let Err(UnknownCapability::Value { expected, .. }) = profile.set(name, &given) {
        p.error(&value.at, format!("`{name}` cannot be {given:?}: expected {expected}"));
    }
}
