//! `qos.jsonl`.

use super::input::{self, Check};
use crate::Verdict;
use oomsim_core::kubelet::{
    CPU, KubernetesProfile, MEMORY, PodSpec, QosClass, ResourceList, container_oom_score_adj, container_request,
    is_critical, is_node_critical, ranking_request, scheduling_limits, scheduling_requests,
};
use oomsim_core::units::{Bytes, Quantity};
use serde_json::{Map, Value, json};

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
        .and(|| compare("raw", &row["raw"], &raw, &capacities, &profile))
        .and(|| compare("defaulted", &row["defaulted"], &defaulted, &capacities, &profile)))
}

/// Field by field, so that a mismatch names its field.
fn compare(what: &str, expected: &Value, pod: &PodSpec, capacities: &[u64], profile: &KubernetesProfile) -> Verdict {
    let got = describe(pod, capacities, profile);
    let fields = got.as_object().into_iter().flatten();
    let verdict = fields.fold(Verdict::Matched, |verdict, (name, value)| {
        verdict.and(|| Verdict::compare(&format!("{what}.{name}"), &expected[name], value))
    });
    verdict.and(|| compare_resources(&expected["pod_resources"], pod, profile))
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
    json!({
        "qos": QosClass::of(pod, profile).to_string(),
        "oom_score_adj": adj,
        "mem_request_rank": ranking_request(pod, profile).value(),
        "mem_request_sched": value(&requested, MEMORY),
        "mem_limit_sum": value(&limited, MEMORY),
        "cpu_request_milli": requested.get(CPU).map_or(0, Quantity::milli_value),
        "container_mem_request": requests,
    })
}

/// Compares resource lists by the numbers, since their text form depends on who printed them; a recording without
/// them says nothing. The real code may have added the overhead to the pod itself, once for each sum it computed
/// before these were printed (`PodSpec::add_overhead_to_shared_quantities`).
fn compare_resources(expected: &Value, pod: &PodSpec, profile: &KubernetesProfile) -> Verdict {
    if expected.is_null() {
        return Verdict::Matched;
    }
    let mut shared = pod.clone();
    let got = numbers(&json!(pod.resources));
    let after = |pod: &PodSpec| numbers(&json!(pod.resources));
    let expected = numbers(expected);
    let mut seen = got.clone();
    for _ in 0..MOST_SUMS {
        seen.extend(after(&shared));
        shared.add_overhead_to_shared_quantities(profile);
    }
    // Each number must be one of those that the quantity went through.
    let names = |list: &[Number]| list.iter().map(|n| (n.0.clone(), n.1.clone())).collect::<Vec<_>>();
    if names(&expected) == names(&got) && expected.iter().all(|number| seen.contains(number)) {
        Verdict::Matched
    } else {
        Verdict::compare("pod_resources", &expected, &got)
    }
}

/// Most sums of one pod that a recording computed: requests and limits, of memory and of CPU.
const MOST_SUMS: usize = 4;

/// `requests` or `limits`, resource, billionths.
type Number = (String, String, i128);

fn numbers(resources: &Value) -> Vec<Number> {
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
