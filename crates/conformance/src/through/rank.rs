//! `rank.jsonl`: pods that hold what was recorded, on a node that evicts one after the other.

use super::folder::{AT_ONCE, Folder, Machine};
use super::pods::{api_takes, manifest};
use super::{Stop, Through};
use crate::Verdict;
use oomsim_core::record::Record;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One more container, which holds what the pod has beside its containers.
pub(super) const REST: &str = "rest-of-pod";
const MISSING: &str = "a pod or container of which the statistics have no figure";

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    // A soft threshold is no part of what is set aside, so that the requests of all pods fit.
    let config = json!({
        "evictionHard": { "nodefs.available": "10%" },
        "evictionSoft": { "memory.available": "63Ti" },
        "evictionSoftGracePeriod": { "memory.available": "0s" },
    });
    let timing = "firstPass = \"700s\"\n[kubelet.timing.housekeeping]\nfresh = true\n";
    // Pods without statistics arrive just before the pass and have no cgroup yet.
    let runtime = AT_ONCE.replace("sandboxCreate = \"0s\"", "sandboxCreate = \"600s\"");
    let machine = Machine { more: runtime + "pause = { kernel = 0 }\n", ..Machine::new(64 << 40) };
    let mut folder = Folder::new(&machine, "1200s").kubelet(config, timing);
    for pod in row["pods"].as_array().ok_or("no pods")? {
        let stats = &row["stats"][pod["name"].as_str().unwrap_or_default()];
        folder = match stats.is_null() {
            true => folder.pod(&manifest(pod), "at = \"699s\"\n"),
            false => {
                let (manifest, lines) = with_figures(pod, stats)?;
                folder.pod(&manifest, &lines)
            }
        };
    }
    let folder = folder.with("[[host]]\nname = \"hog\"\nworkload.steady = { anon = \"2Ti\" }\n");
    let entries = folder.run().map_err(|why| Stop::from(why.text()))?;
    let evicted = entries.iter().filter_map(|entry| match &entry.record {
        Record::Evicted { pod, message, .. } => {
            Some((pod.rsplit('/').next().unwrap_or_default().to_owned(), message.to_string()))
        }
        _ => None,
    });
    let evicted: Vec<(String, String)> = evicted.collect();
    let order: Vec<&str> = evicted.iter().map(|(pod, _)| pod.as_str()).collect();
    let verdict = compare_order(row, &order)?;
    let got: BTreeMap<&str, &str> = evicted.iter().map(|(pod, message)| (pod.as_str(), message.as_str())).collect();
    let messages = row["messages"].as_object().ok_or("no messages")?;
    Ok(messages.iter().filter(|(pod, _)| got.contains_key(pod.as_str())).fold(verdict, |verdict, (pod, recorded)| {
        let want = about_containers(recorded["message"].as_str().unwrap_or_default());
        verdict.and(|| Verdict::compare(&format!("message of {pod}"), &want, &about_containers(got[pod.as_str()])))
    }))
}

/// The pod's manifest and the tables that make it hold what the statistics say.
fn with_figures(pod: &Value, stats: &Value) -> Result<(Value, String), Stop> {
    let mut manifest = manifest(&without_limits(pod));
    let mut lines = String::new();
    api_takes(pod)?;
    let mut rest = stats["working_set"].as_u64().ok_or(Stop::NotAsFiles(MISSING))?;
    let mut ended = false;
    for container in stats["containers"].as_array().ok_or("no containers")? {
        let name = container["name"].as_str().ok_or("a container without a name")?;
        let sidecar = pod["initContainers"].as_array().is_some_and(|list| list.iter().any(|c| c["name"] == name));
        let table = if sidecar { "initContainer" } else { "container" };
        let _ = writeln!(lines, "[[pod.{table}]]\nname = \"{name}\"");
        let Some(holds) = container["working_set"].as_u64() else {
            if sidecar {
                return Err(Stop::NotAsFiles(MISSING));
            }
            // One that has ended has no figures any more.
            lines.push_str("workload.script = [{ sleep = \"1s\" }, { exit = 0 }]\n");
            manifest["spec"]["restartPolicy"] = "OnFailure".into();
            ended = true;
            continue;
        };
        let _ = writeln!(lines, "footprint.kernel = {holds}");
        rest = rest.checked_sub(holds).ok_or(Stop::NotAsFiles("a pod with less than its containers"))?;
    }
    if rest > 0 || ended {
        let _ = write!(lines, "[[pod.container]]\nname = \"{REST}\"\nfootprint.kernel = {rest}\n");
        if let Some(containers) = manifest["spec"]["containers"].as_array_mut() {
            containers.push(json!({ "name": REST, "image": "x" }));
        }
    }
    Ok((manifest, lines))
}

/// The pod with its limits as requests only: some recorded figures are above the limits, which no kernel lets happen,
/// and the ranking does not look at limits.
pub(super) fn without_limits(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for list in ["containers", "initContainers"] {
        for container in pod[list].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            let limits = container.remove("limits");
            let Some(limits) = limits.as_ref().and_then(Value::as_object) else { continue };
            let requests = container.entry("requests").or_insert_with(|| json!({}));
            for (name, limit) in limits {
                if requests[name].is_null() {
                    requests[name] = limit.clone();
                }
            }
        }
    }
    pod
}

/// The order of the evictions: exactly up to 12 pods, by groups of equals above (the real sort is not stable there).
/// Critical pods stay.
fn compare_order(row: &Value, got: &[&str]) -> Result<Verdict, Stop> {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let critical = |name: &str| {
        let pod = row["pods"].as_array().and_then(|pods| pods.iter().find(|pod| pod["name"] == name));
        pod.is_some_and(|pod| pod["priority"].as_i64().is_some_and(|priority| priority >= 2_000_000_000))
    };
    let mut order = list(&row["order"]);
    order.retain(|name| !critical(name));
    if order.len() <= 12 {
        return Ok(Verdict::compare("order of evictions", &order, &got.iter().map(ToString::to_string).collect()));
    }
    let groups: Vec<Vec<String>> = row["tie_groups"].as_array().ok_or("no groups")?.iter().map(list).collect();
    let group = |name: &str| groups.iter().position(|group| group.iter().any(|pod| pod == name));
    let want: Vec<_> = order.iter().map(|name| group(name)).collect();
    Ok(Verdict::compare("groups of evictions", &want, &got.iter().map(|name| group(name)).collect()))
}

/// The sentences about containers, without that of the one which the pod was given.
fn about_containers(message: &str) -> String {
    let sentences = message.split("Container ").skip(1).filter(|sentence| !sentence.starts_with(REST));
    sentences.map(|sentence| format!("Container {sentence}")).collect()
}
