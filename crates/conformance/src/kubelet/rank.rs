//! `rank.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::eviction::{
    Candidate, EvictionFacts, EvictionSignal, MemoryFigures, Observations, PodStats, Threshold, ThresholdValue,
    eviction_message, eviction_order, first_victim, rank,
};
use oomsim_core::kubelet::{KubernetesProfile, PodSpec, ranking_request};
use oomsim_core::units::{Quantity, SimDuration};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(check_row(row))
}

fn check_row(row: &Value) -> Check {
    let pods = input::pods(row, "pods")?;
    let stats = input::pod_stats(&row["stats"])?;
    let used = pods
        .iter()
        .map(|p| (p.name.to_string(), ranking_request(p, &KubernetesProfile::V1_32).value().into()))
        .collect();
    let usage = |pod: &PodSpec| stats.get(&*pod.name).map(PodStats::usage);
    let candidate =
        |pod| Candidate { pod, facts: EvictionFacts::of(pod, &KubernetesProfile::V1_32), usage: usage(pod) };
    let mut candidates: Vec<_> = pods.iter().map(candidate).collect();
    let first = first_victim(candidates.iter().copied()).map(|c| c.pod.name.clone());
    rank(&mut candidates);
    let first_of_ranking = candidates.iter().find(|c| !c.facts.critical).map(|c| c.pod.name.clone());
    let got_groups = Value::from(tie_groups(&candidates));
    Ok(Verdict::compare("request_used", &row["request_used"], &Value::Object(used))
        .and(|| Verdict::compare("tie_groups", &row["tie_groups"], &got_groups))
        .and(|| Verdict::compare("order up to 12 pods", &expected_order(row, &pods), &order(&candidates)))
        .and(|| Verdict::compare("first victim without sorting", &first_of_ranking, &first))
        .and(|| input::verdict(messages(row, &pods, &stats))))
}

fn order(candidates: &[Candidate<&PodSpec>]) -> Option<Vec<String>> {
    (candidates.len() <= 12).then(|| candidates.iter().map(|c| c.pod.name.to_string()).collect())
}

/// Up to 12 pods the real sort is stable, so that ties count too.
fn expected_order(row: &Value, pods: &[PodSpec]) -> Option<Vec<String>> {
    if pods.len() > 12 { None } else { input::field(row, "order").ok() }
}

fn tie_groups(candidates: &[Candidate<&PodSpec>]) -> Vec<Value> {
    let groups = candidates.chunk_by(|a, b| eviction_order(a, b) == Ordering::Equal);
    groups
        .map(|group| {
            let mut names: Vec<_> = group.iter().map(|c| c.pod.name.to_string()).collect();
            names.sort();
            names.into()
        })
        .collect()
}

fn messages(row: &Value, pods: &[PodSpec], stats: &BTreeMap<String, PodStats>) -> Check {
    let recorded = &row["threshold"];
    let signal = EvictionSignal::ALL.iter().copied().find(|s| Some(s.as_str()) == recorded["signal"].as_str());
    let text = recorded["value"].as_str().ok_or("no threshold value")?;
    let value = match text.strip_suffix('%') {
        Some(percent) => ThresholdValue::Percentage(percent.parse::<f32>().map_err(|e| e.to_string())? / 100.0),
        None => ThresholdValue::Quantity(Quantity::parse(text).map_err(|e| e.to_string())?),
    };
    let signal = signal.ok_or("unknown signal")?;
    let threshold = Threshold { signal, value, grace: SimDuration::ZERO, min_reclaim: None };
    let observed = &row["observation"];
    let figures = if observed["present"].as_bool() == Some(true) {
        let read = |name: &str| input::bytes(&observed[name]).ok_or_else(|| format!("no {name}"));
        let (available, capacity) = (read("available")?, read("capacity")?);
        Some(MemoryFigures {
            available: Some(available),
            working_set: Some(capacity.wrapping_sub(available)),
            time: None,
        })
    } else {
        None
    };
    let observations = match signal {
        EvictionSignal::AllocatableMemoryAvailable => Observations::new(None, figures),
        _ => Observations::new(figures, None),
    };
    let recorded = row["messages"].as_object().ok_or("no messages")?;
    let mut verdict = Verdict::Matched;
    for (name, expected) in recorded {
        let pod = pods.iter().find(|p| *p.name == **name).ok_or("message for an unknown pod")?;
        let profile = KubernetesProfile::V1_32;
        let (message, offenders) = eviction_message(pod, stats.get(name), [&threshold], &observations, &profile);
        let got = json!({"message": message, "annotations": offenders.annotations()});
        verdict = verdict.and(|| Verdict::compare(name, expected, &got));
    }
    Ok(verdict)
}
