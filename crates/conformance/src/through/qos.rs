//! `qos.jsonl`: class and `oom_score_adj` on nodes of eight sizes, the request as `memory.min` and in admission,
//! whether a pod under pressure is evicted.

use super::folder::{AT_ONCE, Folder, Machine};
use super::pods::{Seen, api_takes, init_containers_end, init_containers_start, manifest};
use super::{NO_SCORE, Stop, Through};
use crate::Verdict;
use oomsim_core::record::Record;
use oomsim_core::units::Bytes;
use serde_json::{Value, json};

/// A node on which every recorded pod has room.
const LARGE: u64 = 64 << 40;

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    api_takes(&row["pod"])?;
    init_containers_start(&row["pod"])?;
    let scores = row["defaulted"]["oom_score_adj"].as_object().into_iter().flatten();
    let mut scores = scores.flat_map(|(_, scores)| scores.as_array().into_iter().flatten());
    if scores.any(|score| score.as_i64().is_some_and(|score| score > 1000)) {
        return Err(Stop::NotAsFiles(NO_SCORE));
    }
    let capacities = row["capacities"].as_array().ok_or("no capacities")?;
    let mut verdict = Verdict::Matched;
    for (index, capacity) in capacities.iter().enumerate() {
        let capacity = capacity.as_u64().ok_or("a capacity is not a number")?;
        verdict = verdict.and(|| on_node(row, capacity, index).unwrap_or_else(Verdict::unreadable));
    }
    let request = row["defaulted"]["mem_request_sched"].as_u64();
    let request = request.ok_or(Stop::NotAsFiles("an amount beyond 64 bits, of which the real value wraps"))?;
    if request > LARGE {
        return Err(Stop::NotAsFiles("a request for which no node has room"));
    }
    let rest = protected(row)?;
    Ok(verdict.and(|| rest).and(|| under_pressure(row).unwrap_or_else(Verdict::unreadable)))
}

fn config(row: &Value, more: Value) -> Value {
    let mut config = json!({ "featureGates": row["gates"], "evictionHard": { "nodefs.available": "10%" } });
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        for (name, value) in more {
            match (config.get_mut(&name).and_then(Value::as_object_mut), value) {
                (Some(there), Value::Object(value)) => there.extend(value),
                (_, value) => {
                    config.insert(name, value);
                }
            }
        }
    }
    config
}

fn folder(row: &Value, capacity: u64, more: Value, lines: &str) -> Folder {
    let machine = Machine { more: AT_ONCE.into(), ..Machine::new(capacity) };
    let pod = &row["pod"];
    Folder::new(&machine, "1m").kubelet(config(row, more), lines).pod(&manifest(pod), &init_containers_end(pod))
}

/// Class and `oom_score_adj` on a node of this size, if the pod has room there.
fn on_node(row: &Value, capacity: u64, index: usize) -> Result<Verdict, String> {
    let mut run = folder(row, capacity, Value::Null, "firstPass = \"10h\"").start().map_err(|why| why.text())?;
    let seen = Seen::of(&mut run);
    let expected = &row["defaulted"];
    let class = seen.classes.values().next().map(ToString::to_string);
    let mut verdict = Verdict::compare("qos", &expected["qos"], &json!(class));
    let fits = expected["mem_request_sched"].as_i64().is_some_and(|request| request <= capacity as i64);
    verdict = verdict.and(|| Verdict::compare("admitted", &fits, &seen.rejected.is_empty()));
    if !fits {
        return Ok(verdict);
    }
    for (name, per_capacity) in expected["oom_score_adj"].as_object().into_iter().flatten() {
        let got = seen.containers.iter().find(|((_, container), _)| container == name).map(|(_, (_, adj))| *adj);
        let what = format!("oom_score_adj of {name} on {}", Bytes::new(capacity));
        verdict = verdict.and(|| Verdict::compare(&what, &per_capacity[index], &json!(got.flatten())));
    }
    Ok(verdict)
}

/// With the gate MemoryQoS the pod's request is its `memory.min`.
fn protected(row: &Value) -> Through {
    let more = json!({ "featureGates": { "MemoryQoS": true } });
    let mut run = folder(row, LARGE, more, "firstPass = \"10h\"").start().map_err(|why| Stop::from(why.text()))?;
    let seen = Seen::of(&mut run);
    let got = seen.pods.values().next().map(|pod| pod.settings.min.map_or(0, Bytes::get));
    let request = row["defaulted"]["mem_request_sched"].as_u64().ok_or("no request")?;
    Ok(Verdict::compare("memory.min of the pod", &Some(request / 4096 * 4096), &got))
}

/// A node short of memory evicts the pod unless it is critical.
fn under_pressure(row: &Value) -> Result<Verdict, String> {
    let more = json!({
        "evictionSoft": { "memory.available": "2Ti" },
        "evictionSoftGracePeriod": { "memory.available": "0s" },
    });
    let lines = "firstPass = \"30s\"";
    let hog = format!("[[host]]\nname = \"hog\"\nworkload.steady = {{ anon = {} }}\n", LARGE - (1 << 40));
    let run = folder(row, LARGE, more, lines).with(&hog).run().map_err(|why| why.text())?;
    let evicted = run.iter().any(|entry| matches!(entry.record, Record::Evicted { .. }));
    Ok(Verdict::compare("critical", &row["critical"], &json!(!evicted)))
}
