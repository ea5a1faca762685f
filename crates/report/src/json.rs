//! `--format json`: one object for a run.

use super::RunReport;
use oomsim_core::engine::Stop;
use oomsim_core::node_api::PodReason;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{Owner, view};
use serde_json::{Map, Value, json};

/// One expectation.
pub fn expectation(result: &ExpectationResult) -> Value {
    json!({
        "holds": result.holds,
        "expected": result.expected,
        "found": result.found,
        "source": result.source,
        "line": result.line,
    })
}

/// The whole object.
pub fn object(report: &RunReport) -> Value {
    let history = &report.history;
    let counts = &history.counts;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.into(), value);
    put("scenario", (*history.scenario).into());
    put("file", report.file.as_str().into());
    put("seed", history.seed.into());
    put("digest", history.digest.to_string().into());
    put("ended_at_s", view::seconds(history.ended_at));
    let stop = match history.stop {
        Stop::Time => "time",
        Stop::Idle => "idle",
        Stop::Halted => "halted",
    };
    put("stop", stop.into());
    put("node", node(history));
    put(
        "counts",
        json!({
            "oom_kills": counts.oom_kills, "evictions": counts.evictions, "restarts": counts.restarts,
            "refusals": counts.refusals, "passes": counts.passes, "allocations": counts.allocations,
            "engine_events": history.events,
        }),
    );
    put("events", history.entries.iter().map(|entry| Value::Object(view::entry(entry))).collect());
    put("pods", history.pods.iter().map(pod).collect());
    put("processes", history.processes.iter().map(process).collect());
    put("expectations", report.results.iter().map(expectation).collect());
    put("warnings", history.warnings.iter().map(|w| Value::from(w.as_str())).collect());
    put("reproduce", report.reproduce.as_str().into());
    object.into()
}

/// The whole text.
pub fn render(report: &RunReport) -> String {
    let text = serde_json::to_string_pretty(&object(report)).unwrap_or_default();
    format!("{text}\n")
}

fn node(history: &oomsim_core::record::History) -> Value {
    let node = &history.node;
    json!({
        "name": &*node.name,
        "capacity": node.capacity.get(),
        "allocatable": node.allocatable.get(),
        "kubepods_limit": node.kubepods_limit.map(|b| b.get()),
        "eviction_hard": node.eviction_hard.map(|b| b.get()),
        "eviction_soft": node.eviction_soft.map(|b| b.get()),
        "pods_evicted_above": node.pods_evicted_above.map(|b| b.get()),
    })
}

fn pod(pod: &oomsim_core::record::PodOutcome) -> Value {
    let (namespace, name) = view::split_pod(&pod.pod);
    json!({
        "namespace": namespace, "pod": name, "qosClass": pod.qos, "phase": pod.phase,
        "reason": pod.reason.map_or("", PodReason::as_str),
        "message": &*pod.message, "status": pod.status, "restartCount": pod.restarts, "usage": pod.usage.get(),
    })
}

fn process(process: &oomsim_core::record::ProcessOutcome) -> Value {
    let (pod, container) = match &process.owner {
        Owner::Container { pod, container } => (Some(view::split_pod(pod)), Some(&**container)),
        Owner::Host(_) => (None, None),
    };
    json!({
        "pid": process.pid.0, "comm": &*process.comm, "namespace": pod.map(|p| p.0), "pod": pod.map(|p| p.1),
        "container": container, "rss": process.rss.get(), "vsize": process.virtual_size.get(),
    })
}
