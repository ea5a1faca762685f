//! What users have: a pod as the API shows it, events, a kernel log, recorded series.

use super::observed::{ContainerFacts, End, EventFact, KernelKill, KillScope, MemoryCurve, Observed, PodFacts};
use oomsim_core::units::{Bytes, Quantity};
use oomsim_dmesg::{CgroupPlace, LoggedOom, OomKind, ReadError, place};
use oomsim_import::{Metric, Series};
use oomsim_scenario::reading::{Value, ValueKind};

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn text(value: &Value, path: &[&str]) -> String {
    at(value, path).and_then(Value::as_text).unwrap_or_default().to_owned()
}

fn number(value: &Value, path: &[&str]) -> Option<i64> {
    match at(value, path)?.kind {
        ValueKind::Int(number) => Some(number),
        _ => None,
    }
}

fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::items).unwrap_or_default()
}

/// The items of a list of objects, or the object itself.
fn objects(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::items) {
        Some(items) if text(value, &["kind"]).ends_with("List") => items.iter().collect(),
        _ => vec![value],
    }
}

/// The pods of a document (`kubectl get pod -o json` or `-o yaml`, one pod or a list).
pub fn read_pod(document: &Value) -> Vec<PodFacts> {
    objects(document).into_iter().filter(|object| text(object, &["kind"]) == "Pod").map(pod).collect()
}

fn pod(value: &Value) -> PodFacts {
    let statuses = |key: &str| list(value, &["status", key]);
    let containers = |spec: &str, status: &str| {
        let of = |container: &Value| {
            let name = text(container, &["name"]);
            let status = statuses(status).iter().find(|s| text(s, &["name"]) == name);
            self::container(container, status)
        };
        list(value, &["spec", spec]).iter().map(of).collect()
    };
    let memory = |volume: &&Value| text(volume, &["emptyDir", "medium"]) == "Memory";
    PodFacts {
        name: text(value, &["metadata", "name"]),
        uid: text(value, &["metadata", "uid"]),
        reason: text(value, &["status", "reason"]),
        message: text(value, &["status", "message"]),
        containers: containers("containers", "containerStatuses"),
        init: containers("initContainers", "initContainerStatuses"),
        tmpfs: list(value, &["spec", "volumes"]).iter().filter(memory).map(|v| text(v, &["name"])).collect(),
    }
}

fn container(spec: &Value, status: Option<&Value>) -> ContainerFacts {
    let amount = |of: &str| {
        let given = at(spec, &["resources", of, "memory"])?;
        let bytes = match &given.kind {
            ValueKind::Int(bytes) => *bytes,
            ValueKind::Text(text) => Quantity::parse(text).ok()?.value(),
            _ => return None,
        };
        u64::try_from(bytes).ok().map(Bytes::new)
    };
    let mut settings: Vec<String> = Vec::new();
    for variable in list(spec, &["env"]) {
        let (name, value) = (text(variable, &["name"]), text(variable, &["value"]));
        // What is an option of a command stays one; the others are known by their names.
        settings.push(if value.contains("-X") || value.contains("--") { value } else { format!("{name}={value}") });
    }
    for words in ["command", "args"] {
        settings.extend(list(spec, &[words]).iter().filter_map(|word| word.as_text().map(str::to_owned)));
    }
    let ended = status.and_then(|status| {
        let states = [at(status, &["state", "terminated"]), at(status, &["lastState", "terminated"])];
        let end = states.into_iter().flatten().next()?;
        let exit_code = i32::try_from(number(end, &["exitCode"])?).ok()?;
        Some(End { exit_code, reason: text(end, &["reason"]) })
    });
    ContainerFacts {
        name: text(spec, &["name"]),
        limit: amount("limits"),
        request: amount("requests"),
        restarts: status.and_then(|s| number(s, &["restartCount"])).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        running: status.is_some_and(|status| at(status, &["state", "running"]).is_some()),
        ended,
        settings,
        liveness: spec.get("livenessProbe").is_some(),
    }
}

/// The events of a document (`kubectl get events -o json`) that are about a pod, or about no pod.
pub fn read_events(document: &Value, pod: &str) -> Vec<EventFact> {
    let about = |object: &&Value| {
        let of = text(object, &["involvedObject", "name"]);
        let kind = text(object, &["involvedObject", "kind"]);
        of == pod || of.is_empty() || kind == "Node"
    };
    let events = objects(document).into_iter().filter(|object| text(object, &["kind"]) == "Event").filter(about);
    let event = |object: &Value| EventFact {
        reason: text(object, &["reason"]),
        message: text(object, &["message"]),
        count: number(object, &["count"]).and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
    };
    events.map(event).collect()
}

/// The kills of a kernel log that concern a container: in its pod, at the limit of all pods, or of the node.
///
/// # Errors
/// When the text is no log.
pub fn read_kernel_log(log: &str, pod: &PodFacts, container: &str) -> Result<Vec<KernelKill>, ReadError> {
    let reports = oomsim_dmesg::read(log.as_bytes())?;
    let only = reports.len() == 1;
    Ok(reports.iter().filter_map(|report| kill(report, pod, container, only)).collect())
}

fn kill(report: &LoggedOom, pod: &PodFacts, container: &str, only: bool) -> Option<KernelKill> {
    let killed = report.killed.first()?;
    let of = report.oom_memcg.as_deref().map(place);
    let task = report.task_memcg.as_deref().map(place);
    let scope = match (report.kind, &of) {
        (OomKind::Node, _) => KillScope::Node,
        (_, Some(CgroupPlace::Pods | CgroupPlace::QosClass { .. })) => KillScope::Kubepods,
        (_, Some(CgroupPlace::Pod { .. })) => KillScope::Pod,
        (_, Some(CgroupPlace::Container { .. })) => KillScope::Container,
        _ => KillScope::Cgroup,
    };
    let comm = |name: &str| !name.is_empty() && name.starts_with(killed.comm.as_str());
    let named = comm(container);
    let uid = [&of, &task].into_iter().flatten().find_map(|place| match place {
        CgroupPlace::Pod { uid, .. } | CgroupPlace::Container { pod_uid: uid, .. } => Some(uid.as_str()),
        _ => None,
    });
    let ours = match (uid, pod.uid.as_str()) {
        (Some(uid), own) if !own.is_empty() => uid.replace('_', "-") == own,
        _ => named || only,
    };
    if !ours && !matches!(scope, KillScope::Node | KillScope::Kubepods) {
        return None;
    }
    // A first process that dies ends its container.
    let of_container = pod.container(container);
    let child = match of_container {
        Some(c) if ours && c.running && c.restarts == 0 => Some(true),
        _ if named => Some(false),
        _ => None,
    };
    let anon = killed.anon_rss_kb.map(Bytes::kib);
    Some(KernelKill { scope, comm: killed.comm.clone(), anon, child })
}

/// The curves of a container, of its neighbours and of its node.
pub fn read_series(series: &[Series], to: &mut Observed) {
    let name = to.pod.name.clone();
    let of_pod = |s: &&Series| s.pod().is_none_or(|pod| pod == name || name.is_empty());
    let begin = series.iter().filter_map(|s| s.points.first()).map(|p| p.at_ms).min().unwrap_or(0);
    let curve = |s: &Series| -> MemoryCurve {
        s.points.iter().map(|p| ((p.at_ms - begin) as f64 / 1000.0, p.bytes as f64)).collect()
    };
    for one in series.iter().filter(of_pod) {
        let Some(metric) = &one.metric else { continue };
        let own = one.container().is_none_or(|container| container == to.container);
        match metric {
            Metric::WorkingSet if own => to.working_set = longer(curve(one), &to.working_set),
            Metric::WorkingSet => to.others.push((one.container().unwrap_or_default().to_owned(), curve(one))),
            Metric::Usage if own && to.working_set.is_empty() => to.working_set = curve(one),
            Metric::Rss if own => to.rss = curve(one),
            Metric::Meminfo(line) if line == "MemAvailable" => to.node_available = curve(one),
            Metric::Meminfo(line) if line == "MemTotal" => {
                to.node_total = one.points.last().map(|p| Bytes::new(p.bytes));
            }
            Metric::Other(name) if own && name == "container_memory_swap" => to.swap = curve(one),
            Metric::Other(name) if own && name.starts_with("container_pressure_memory_") => to.stalls = curve(one),
            _ => {}
        }
    }
}

/// Of two curves the one with more samples.
fn longer(one: MemoryCurve, other: &MemoryCurve) -> MemoryCurve {
    if one.len() >= other.len() { one } else { other.clone() }
}
