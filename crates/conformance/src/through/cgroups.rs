//! `cgroups.jsonl`: what stands in the node's cgroups when the pod's containers run.

use super::folder::{AT_ONCE, Folder, Machine};
use super::pods::{Seen, api_takes, init_containers_end, init_containers_start, manifest};
use super::{NO_SCORE, Stop, Through};
use crate::Verdict;
use oomsim_core::node_api::CgroupWrite;
use oomsim_core::units::Bytes;
use serde_json::{Value, json};

const PAGE: u64 = 4096;

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    match row["kind"].as_str() {
        Some("pod") => pod(row),
        Some("qos_level") => qos_level(row),
        _ => Err(format!("unknown kind {}", row["kind"]).into()),
    }
}

fn number(row: &Value, name: &str) -> Result<u64, Stop> {
    row[name].as_u64().ok_or_else(|| format!("{name} is missing").into())
}

fn flag(row: &Value, name: &str) -> Result<bool, Stop> {
    row[name].as_bool().ok_or_else(|| format!("{name} is missing").into())
}

/// A protected amount: 0 is none.
fn protected(value: &Value) -> Option<u64> {
    pages(value).filter(|bytes| *bytes > 0)
}

/// A number of bytes as a cgroup file says it: in whole pages, nothing for none.
fn pages(value: &Value) -> Option<u64> {
    let bytes = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    (bytes > 0).then_some(bytes / PAGE * PAGE)
}

fn pod(row: &Value) -> Through {
    let (v2, swap) = (flag(row, "cgroup_v2")?, number(row, "swap_capacity")?);
    let capacity = number(row, "memory_capacity")?;
    let reserved = capacity - number(row, "node_allocatable_memory")?;
    let config = json!({
        "featureGates": row["gates"],
        "cgroupDriver": row["driver"],
        "cgroupRoot": row["cgroup_root"],
        "singleProcessOOMKill": row["config_singleProcessOOMKill"],
        "memoryThrottlingFactor": row["memory_throttling_factor"],
        "memorySwap": { "swapBehavior": row["swap_behavior"] },
        "failSwapOn": false,
        "kubeReserved": { "memory": reserved.to_string() },
        "evictionHard": { "nodefs.available": "10%" },
    });
    let machine = Machine { swap, cgroup_v2: v2, kernel: "6.1", more: AT_ONCE.into(), ..Machine::new(capacity) };
    let pod = &row["pod"];
    api_takes(pod)?;
    init_containers_start(pod)?;
    let folder = Folder::new(&machine, "1m").kubelet(config, "firstPass = \"10h\"");
    let folder = folder.pod(&manifest(pod), &format!("admitted = true\n{}", init_containers_end(pod)));
    let seen = Seen::of(&mut folder.start().map_err(|why| why.text())?);
    if seen.not_started.is_some() {
        return Err(Stop::NotAsFiles("the kubelet does not start with this configuration"));
    }
    let adjs = row["containers"].as_object().into_iter().flatten().filter_map(|(_, c)| c["oom_score_adj"].as_i64());
    if adjs.max().is_some_and(|adj| adj > 1000) {
        return Err(Stop::NotAsFiles(NO_SCORE));
    }
    let class = seen.classes.values().next().map(ToString::to_string);
    let own = seen.pods.values().next().ok_or("the pod has no cgroup")?;
    let unified = &row["pod_cgroup"]["unified"];
    let want = (pages(&row["pod_cgroup"]["memory"]), protected(&unified["memory.min"]));
    let got = (own.settings.max.map(Bytes::get), own.settings.min.map(Bytes::get));
    let mut verdict = Verdict::compare("qos", &row["qos"], &json!(class))
        .and(|| Verdict::compare("pod_path", &row["names"]["pod_path"], &json!(&*own.path)))
        .and(|| Verdict::compare("pod's memory.max, memory.min", &want, &got));
    for (name, recorded) in row["containers"].as_object().into_iter().flatten() {
        let found = seen.containers.iter().find(|((_, container), _)| container == name);
        let Some((_, (cgroup, adj))) = found else {
            return Ok(verdict.and(|| Verdict::compare("container that runs", &name.as_str(), &"")));
        };
        let want = recorded_settings(recorded, v2, flag(row, "swap_controller")?);
        let got = shown_settings(&cgroup.settings, flag(row, "swap_controller")?);
        verdict = verdict
            .and(|| Verdict::compare(&format!("{name} oom_score_adj"), &recorded["oom_score_adj"], &json!(adj)))
            .and(|| Verdict::compare(name, &want, &got));
    }
    Ok(verdict)
}

/// `max`, `min`, `high`, `oom.group`, swap.
type Settings = (Option<u64>, Option<u64>, Option<u64>, bool, Option<u64>);

/// What the kubelet asked the runtime for. Every modelled machine has a swap controller: one without is compared in the
/// rest.
fn recorded_settings(recorded: &Value, v2: bool, swap_controller: bool) -> Settings {
    let unified = &recorded["unified"];
    let swap = match v2 {
        true => {
            unified["memory.swap.max"].as_str().and_then(|text| text.parse().ok()).map(|bytes: u64| bytes / PAGE * PAGE)
        }
        false => pages(&recorded["memory_swap_limit"]),
    };
    (
        pages(&recorded["memory_limit"]),
        protected(&unified["memory.min"]),
        pages(&unified["memory.high"]),
        unified["memory.oom.group"] == "1",
        swap.filter(|_| swap_controller),
    )
}

fn shown_settings(settings: &CgroupWrite, swap_controller: bool) -> Settings {
    let bytes = |value: Option<Bytes>| value.map(Bytes::get);
    (
        bytes(settings.max),
        bytes(settings.min),
        bytes(settings.high),
        settings.oom_group == Some(true),
        bytes(settings.swap_max).filter(|_| swap_controller),
    )
}

fn qos_level(row: &Value) -> Through {
    let percent = format!("{}%", row["qos_reserved_memory_percent"].as_u64().unwrap_or(0));
    let config = json!({
        "featureGates": row["gates"],
        "cgroupDriver": row["driver"],
        "qosReserved": row["gates"]["QOSReserved"].as_bool().filter(|on| *on).map(|_| json!({ "memory": percent })),
        "evictionHard": { "nodefs.available": "10%" },
    });
    let machine = Machine {
        cgroup_v2: flag(row, "cgroup_v2")?,
        more: AT_ONCE.into(),
        ..Machine::new(number(row, "node_allocatable_memory")?)
    };
    let mut folder = Folder::new(&machine, "1m").kubelet(config, "firstPass = \"10h\"");
    for pod in row["pods"].as_array().ok_or("no pods")? {
        api_takes(pod)?;
        init_containers_start(pod)?;
        folder = folder.pod(&manifest(pod), &format!("admitted = true\n{}", init_containers_end(pod)));
    }
    let mut run = folder.start().map_err(|why| why.text())?;
    let node = Seen::of(&mut run).last.unwrap_or_else(|| run.view());
    let mut verdict = Verdict::Matched;
    for (path, recorded) in row["cgroups"].as_object().ok_or("no cgroups")? {
        let cgroup = node.cgroup(path).ok_or_else(|| format!("there is no cgroup {path}"))?;
        // The limit of kubepods itself is not written here.
        let whole = cgroup.parent == Some(0);
        // A reservation beyond what is there asks for a negative limit, which no kernel takes: it stays as it was.
        let whole = whole || recorded["memory"].as_i64().is_some_and(|memory| memory < 0);
        let want = (pages(&recorded["memory"]), protected(&recorded["unified"]["memory.min"]));
        let got = (cgroup.settings.max.filter(|_| !whole).map(Bytes::get), cgroup.settings.min.map(Bytes::get));
        verdict = verdict.and(|| Verdict::compare(&format!("{path}: memory.max, memory.min"), &want, &got));
    }
    Ok(verdict)
}
