//! `qos.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use serde_json::{Map, Value, json};
use sim_core::kubelet::{
    CPU, KubernetesProfile, MEMORY, PodSpec, QosClass, ResourceList, container_oom_score_adj, container_request,
    is_critical, is_node_critical, ranking_request, scheduling_limits, scheduling_requests,
};
use sim_core::units::{Bytes, Quantity};

/// Checks one row.
pub fn check(row: &Value) -> Verdict {
    input::verdict(check_row(row))
}

fn check_row(row: &Value) -> Check {
    let profile = input::profile(row);
    let raw: PodSpec = input::field(row, "pod")?;
    let capacities: Vec<u64> = input::field(row, "capacities")?;
    let mut defaulted = raw.clone();
    defaulted.set_defaults(&profile);
    let flags = |r: &Value| (r["critical"].as_bool(), r["node_critical"].as_bool());
    let got_flags = (Some(is_critical(&raw)), Some(is_node_critical(&raw)));
    Ok(Verdict::compare("critical, node_critical", &flags(row), &got_flags)
        .and(|| compare("raw", &row["raw"], &describe(&raw, &capacities, &profile)))
        .and(|| compare("defaulted", &row["defaulted"], &describe(&defaulted, &capacities, &profile))))
}

/// Field by field, so that a mismatch names its field.
fn compare(what: &str, expected: &Value, got: &Value) -> Verdict {
    let fields = got.as_object().into_iter().flatten();
    fields.fold(Verdict::Matched, |verdict, (name, value)| {
        verdict.and(|| match name.as_str() {
            "pod_resources" => compare_resources(&expected[name], value),
            _ => Verdict::compare(&format!("{what}.{name}"), &expected[name], value),
        })
    })
}

fn describe(pod: &PodSpec, capacities: &[u64], profile: &KubernetesProfile) -> Value {
    let mut adj = Map::new();
    let mut requests = Map::new();
    for container in pod.all_containers() {
        let per_capacity = |c: &u64| container_oom_score_adj(pod, container, Bytes::new(*c), profile);
        adj.insert(container.name.to_string(), capacities.iter().map(per_capacity).collect());
        requests.insert(container.name.to_string(), container_request(container).into());
    }
    let (requested, limited) = (scheduling_requests(pod, profile), scheduling_limits(pod, profile));
    let value = |list: &ResourceList, name: &str| list.get(name).map_or(0, Quantity::value);
    let mut described = json!({
        "qos": QosClass::of(pod, profile).to_string(),
        "oom_score_adj": adj,
        "mem_request_rank": ranking_request(pod).value(),
        "mem_request_sched": value(&requested, MEMORY),
        "mem_limit_sum": value(&limited, MEMORY),
        "cpu_request_milli": requested.get(CPU).map_or(0, Quantity::milli_value),
        "container_mem_request": requests,
    });
    if let Some(resources) = &pod.resources {
        described["pod_resources"] = json!(resources);
    }
    described
}

/// Compares resource lists by the numbers, since their text form depends on who printed them; a recording without
/// them says nothing.
fn compare_resources(expected: &Value, got: &Value) -> Verdict {
    if expected.is_null() {
        return Verdict::Matched;
    }
    Verdict::compare("pod_resources", &numbers(expected), &numbers(got))
}

fn numbers(resources: &Value) -> Vec<(String, String, i128)> {
    let mut list = Vec::new();
    for kind in ["requests", "limits"] {
        for (name, value) in resources[kind].as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            list.push((kind.to_owned(), name.clone(), Quantity::parse(&text).map_or(i128::MIN, |q| q.nanos())));
        }
    }
    list.sort();
    list
}
