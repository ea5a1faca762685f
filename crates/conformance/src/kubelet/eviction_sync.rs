//! `eviction_sync.jsonl`: one manager per row, fed pass by pass.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::eviction::{
    ATTEMPTING_TO_RECLAIM, Candidate, EvictionFacts, Lead, Manager, Pass, PodStats, Summary, Threshold, Thresholds,
    admit,
};
use oomsim_core::kubelet::start::Machine;
use oomsim_core::kubelet::{EffectiveKubelet, KubeletConfig, KubernetesProfile, PodSpec};
use oomsim_core::node_api::PodReason;
use oomsim_core::units::{Bytes, format_duration};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Checks one row: the model's own choice must be the recorded outcome or one of its recorded alternatives.
pub fn check(row: &Value) -> Verdict {
    input::verdict(check_row(row, Lead::MostFrequent, true))
}

/// The stricter check for recordings known to hold every alternative: the model's own choice is the most frequent
/// outcome (`out`), and whatever it can draw at random was recorded too.
pub fn check_every_draw(row: &Value) -> Verdict {
    let drawn = |slot| move || input::verdict(check_row(row, Lead::Slot(slot), true));
    let own = input::verdict(check_row(row, Lead::MostFrequent, false));
    (0..8).fold(own, |verdict, slot| verdict.and(drawn(slot)))
}

/// Admission probes stand in row 0 of the recording only; they are the same for all rows.
fn probes(row: &Value) -> Result<Vec<PodSpec>, String> {
    static PROBES: OnceLock<Result<Vec<PodSpec>, String>> = OnceLock::new();
    if row["probes"].is_array() {
        return input::pods(row, "probes");
    }
    let read = || serde_json::from_str(include_str!("probes.json")).map_err(|why| format!("probes.json: {why}"));
    PROBES.get_or_init(read).clone()
}

/// The rows do not say what the node has; none reserves anything.
const LARGE: Bytes = Bytes::gib(1 << 20);

fn check_row(row: &Value, lead: Lead, alternatives: bool) -> Check {
    let profile = KubernetesProfile::V1_32;
    let mut config: KubeletConfig = config(&row["config"])?;
    let machine = Machine { capacity: Machine::capacity_of(LARGE), cgroup_v2: true, ..Machine::default() };
    let kubelet = EffectiveKubelet::start(&config, &machine, &profile).map_err(|refused| refused.to_string())?;
    let mut verdict = compare_thresholds(&row["thresholds"], &kubelet.thresholds);
    let period = input::length(&row["config"]["pressureTransitionPeriod_s"])?;
    config.eviction_pressure_transition_period = None;
    let mut manager = Manager::new(&config, &kubelet.thresholds, &profile);
    manager.set_transition_period(period);
    let mut pods = input::pods(row, "pods")?;
    pods.iter_mut().for_each(|p| p.set_defaults(&profile));
    let probes = probes(row)?;
    for (number, tick) in row["ticks"].as_array().ok_or("no ticks")?.iter().enumerate() {
        let pass = synchronize(&mut manager, &tick["in"], &pods, lead)?;
        let got = outcome(&manager, &pass, &tick["in"], &probes, &profile);
        let also = tick["alt"].as_array().into_iter().flatten().filter(|_| alternatives);
        let recorded = std::iter::once(&tick["out"]).chain(also);
        if !recorded.map(comparable).any(|r| r == got) {
            let what = format!("tick {number}");
            verdict = verdict.and(|| Verdict::compare(&what, &comparable(&tick["out"]), &got));
            break;
        }
    }
    Ok(verdict)
}

fn config(recorded: &Value) -> Result<KubeletConfig, String> {
    let mut config = recorded.clone();
    let object = config.as_object_mut().ok_or("no config")?;
    object.retain(|_, v| !v.is_null());
    serde_json::from_value(config).map_err(|e| format!("config: {e}"))
}

/// Compares thresholds as sets of their values.
pub(super) fn compare_thresholds(recorded: &Value, thresholds: &Thresholds) -> Verdict {
    // In one order of fields, and without the percentage, which says the same as the value's text.
    let sorted = |thresholds: Vec<Value>| {
        const FIELDS: [&str; 4] = ["signal", "value", "grace_s", "min_reclaim"];
        let mut texts: Vec<_> = thresholds.iter().map(|t| FIELDS.map(|field| t[field].to_string())).collect();
        texts.sort();
        texts
    };
    let expected = sorted(recorded.as_array().cloned().unwrap_or_default());
    let got = sorted(thresholds.iter().map(describe).collect());
    Verdict::compare("thresholds", &expected, &got)
}

fn describe(threshold: &Threshold) -> Value {
    let mut fields = Map::new();
    fields.insert("signal".into(), threshold.signal.as_str().into());
    fields.insert("value".into(), threshold.value.to_string().into());
    fields.insert("grace_s".into(), input::seconds(threshold.grace));
    if let Some(reclaim) = &threshold.min_reclaim {
        fields.insert("min_reclaim".into(), reclaim.to_string().into());
    }
    fields.into()
}

fn synchronize(manager: &mut Manager, input: &Value, pods: &[PodSpec], lead: Lead) -> Result<Pass, String> {
    let summary = match input["summary_error"].as_bool() {
        Some(true) => None,
        _ => Some(Summary { node: input::figures(&input["node"])?, pods: input::figures(&input["pods_cgroup"])? }),
    };
    let stats = input::pod_stats(&input["pod_stats"])?;
    let active: Vec<usize> = input::field(input, "active")?;
    let active: Vec<_> = active.iter().filter_map(|i| pods.get(*i)).collect();
    let candidates = || {
        let usage = |pod: &PodSpec| stats.get(&*pod.name).map(PodStats::usage);
        let candidate =
            |pod| Candidate { pod, facts: EvictionFacts::of(pod, &KubernetesProfile::V1_32), usage: usage(pod) };
        active.iter().copied().map(candidate).collect::<Vec<_>>()
    };
    let stats = |pod: &PodSpec| stats.get(&*pod.name).cloned();
    Ok(manager.synchronize(input::time(&input["t"])?, summary, lead, candidates, stats))
}

fn label(threshold: &Threshold) -> String {
    if threshold.is_hard() {
        format!("{}|hard", threshold.signal)
    } else {
        format!("{}|soft:{}", threshold.signal, format_duration(threshold.grace))
    }
}

fn outcome(manager: &Manager, pass: &Pass, input: &Value, probes: &[PodSpec], profile: &KubernetesProfile) -> Value {
    let conditions = manager.conditions();
    let names: Vec<_> = conditions.memory_pressure.then_some("MemoryPressure").into_iter().collect();
    let mut met: Vec<_> = manager.thresholds_met().iter().map(|id| label(&manager.thresholds()[*id])).collect();
    met.sort();
    let mut first = Map::new();
    for (id, since) in manager.first_observed() {
        first.insert(label(&manager.thresholds()[*id]), since.as_nanos().into());
    }
    let mut events = Vec::new();
    let mut event = |object: String, reason: &str, message: &str| {
        events.push(json!({"object": object, "type": "Warning", "reason": reason, "message": message}));
    };
    if pass.attempting_to_reclaim {
        event("Node/node".into(), "EvictionThresholdMet", ATTEMPTING_TO_RECLAIM);
    }
    let evicted = pass.evicted.as_ref().map(|(pod, e)| {
        event(format!("pod/{pod}"), PodReason::Evicted.as_str(), &e.message);
        let fails = input["kill_fails"].as_array().is_some_and(|f| f.iter().any(|n| n.as_str() == Some(pod)));
        let mut evicted = json!({
            "pod": &**pod,
            "grace_override": e.grace_period_override,
            "message": e.message,
            "annotations": e.offenders.annotations(),
            "phase": "Failed",
            "reason": PodReason::Evicted.as_str(),
            "condition": if profile.disruption_target { "DisruptionTarget=True/TerminationByKubelet" } else { "" },
        });
        if fails {
            evicted["kill_error"] = true.into();
        }
        evicted
    });
    let admitted: Vec<_> = probes.iter().map(|p| admit(p, conditions, profile)).collect();
    let rejection = admitted.iter().find_map(|a| a.as_ref().err());
    let mut got = json!({
        "node_conditions": names,
        "thresholds_met": met,
        "first_observed": first,
        "evicted": evicted,
        "events": events,
        "admit": admitted.iter().map(Result::is_ok).collect::<Vec<_>>(),
    });
    if let Some(rejection) = rejection {
        got["admit_message"] = format!("{}|{}", rejection.reason, rejection.message).into();
    }
    got
}

/// The recorded outcome with times in nanoseconds and absent lists as empty ones.
fn comparable(recorded: &Value) -> Value {
    let mut recorded = recorded.clone();
    if let Some(first) = recorded["first_observed"].as_object_mut() {
        for at in first.values_mut() {
            *at = input::time(at).map_or(Value::Null, |t| t.as_nanos().into());
        }
    }
    for list in ["events", "node_conditions", "thresholds_met"] {
        if recorded[list].is_null() {
            recorded[list] = json!([]);
        }
    }
    recorded
}
