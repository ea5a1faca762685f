//! A pod, its events and its node as the API shows them.

use super::observed::{ContainerFacts, End, EventFact, PodFacts};
use oomsim_core::units::{Bytes, Quantity};
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

fn count(value: &Value, path: &[&str]) -> Option<u32> {
    number(value, path).and_then(|n| u32::try_from(n).ok())
}

fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::items).unwrap_or_default()
}

/// A quantity of memory, with its unit or as a number of bytes.
fn memory(value: &Value, path: &[&str]) -> Option<Bytes> {
    let bytes = match &at(value, path)?.kind {
        ValueKind::Int(bytes) => *bytes,
        ValueKind::Text(text) => Quantity::parse(text).ok()?.value(),
        _ => return None,
    };
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).map(Bytes::new)
}

/// The items of a list of objects, or the object itself.
fn objects(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::items) {
        Some(items) if text(value, &["kind"]).ends_with("List") => items.iter().collect(),
        _ => value.items().map_or_else(|| vec![value], |items| items.iter().collect()),
    }
}

fn of_kind<'a>(value: &'a Value, kind: &str) -> Vec<&'a Value> {
    objects(value).into_iter().filter(|object| text(object, &["kind"]) == kind).collect()
}

/// The pods of a document (`kubectl get pod -o json` or `-o yaml`, one pod or a list).
pub fn read_pod(document: &Value) -> Vec<PodFacts> {
    of_kind(document, "Pod").into_iter().map(pod).collect()
}

fn pod(value: &Value) -> PodFacts {
    let named = |key: &str, name: &str| {
        list(value, &["status", key]).iter().find(|status| text(status, &["name"]) == name).cloned()
    };
    let read = |spec: &Value| {
        let name = text(spec, &["name"]);
        let status = named("containerStatuses", &name).or_else(|| named("initContainerStatuses", &name));
        container(spec, status.as_ref(), &memory_volumes(value))
    };
    let always = |spec: &&Value| text(spec, &["restartPolicy"]) == "Always";
    let of_init = list(value, &["spec", "initContainers"]);
    let mut containers: Vec<ContainerFacts> = list(value, &["spec", "containers"]).iter().map(read).collect();
    let default =
        at(value, &["metadata", "annotations"]).map(|all| text(all, &["kubectl.kubernetes.io/default-container"]));
    beside(&mut containers, &default.unwrap_or_default());
    let sidecar = |spec: &Value| ContainerFacts { beside: true, ..read(spec) };
    containers.extend(of_init.iter().filter(always).map(sidecar));
    PodFacts {
        namespace: text(value, &["metadata", "namespace"]),
        name: text(value, &["metadata", "name"]),
        uid: text(value, &["metadata", "uid"]),
        node: text(value, &["spec", "nodeName"]),
        reason: text(value, &["status", "reason"]),
        message: text(value, &["status", "message"]),
        containers,
        init: of_init.iter().filter(|spec| !always(spec)).map(sidecar).collect(),
        limit: memory(value, &["spec", "resources", "limits", "memory"]),
    }
}

/// Names of containers that other programs put into pods, or parts of them.
const SIDECARS: [&str; 21] = [
    "istio-proxy",
    "linkerd-proxy",
    "envoy",
    "sidecar",
    "vault-agent",
    "cloud-sql-proxy",
    "cloudsql-proxy",
    "fluent-bit",
    "fluentd",
    "filebeat",
    "promtail",
    "otel",
    "otc-container",
    "opentelemetry",
    "datadog-agent",
    "jaeger-agent",
    "xray-daemon",
    "daprd",
    "kube-rbac-proxy",
    "config-reloader",
    "oauth2-proxy",
];

/// Tells sidecars from the container that the pod is for: the one that an annotation names for kubectl, else the first
/// that has no name of a known sidecar; a small one beside it is a sidecar, too.
fn beside(containers: &mut [ContainerFacts], default: &str) {
    let known = |c: &ContainerFacts| SIDECARS.iter().any(|name| c.name.contains(name));
    let main = containers.iter().position(|c| c.name == default);
    let Some(main) = main.or_else(|| containers.iter().position(|c| !known(c))) else { return };
    let asks = |c: &ContainerFacts| c.limit.or(c.request).unwrap_or_default();
    let much = asks(&containers[main]);
    for (at, container) in containers.iter_mut().enumerate().filter(|(at, _)| *at != main) {
        let small = at > main && asks(container).get() * 2 < much.get();
        container.beside = known(container) || small || !default.is_empty();
    }
}

/// The memory-backed volumes of a pod.
fn memory_volumes(pod: &Value) -> Vec<String> {
    let memory = |volume: &&Value| text(volume, &["emptyDir", "medium"]) == "Memory";
    list(pod, &["spec", "volumes"]).iter().filter(memory).map(|v| text(v, &["name"])).collect()
}

fn container(spec: &Value, status: Option<&Value>, volumes: &[String]) -> ContainerFacts {
    let limit = memory(spec, &["resources", "limits", "memory"]);
    let mounted: Vec<String> = list(spec, &["volumeMounts"]).iter().map(|mount| text(mount, &["name"])).collect();
    ContainerFacts {
        name: text(spec, &["name"]),
        spec_known: true,
        status_known: status.is_some(),
        limit,
        request: memory(spec, &["resources", "requests", "memory"]),
        restarts: status.and_then(|s| count(s, &["restartCount"])).unwrap_or(0),
        running: status.is_some_and(|status| at(status, &["state", "running"]).is_some()),
        ended: status.and_then(ended),
        settings: settings(spec, limit),
        liveness: spec.get("livenessProbe").is_some() || spec.get("startupProbe").is_some(),
        beside: false,
        memory_volumes: volumes.iter().filter(|volume| mounted.contains(volume)).cloned().collect(),
    }
}

/// Values of the environment, and the words of the command.
fn settings(spec: &Value, limit: Option<Bytes>) -> Vec<String> {
    let mut settings: Vec<String> = Vec::new();
    for variable in list(spec, &["env"]) {
        let (name, mut value) = (text(variable, &["name"]), text(variable, &["value"]));
        if text(variable, &["valueFrom", "resourceFieldRef", "resource"]) == "limits.memory" {
            value = limit.map_or_else(String::new, |limit| limit.get().to_string());
        }
        // What is an option of a command stays one; the others are known by their names.
        settings.push(if value.contains("-X") || value.contains("--") { value } else { format!("{name}={value}") });
    }
    for words in ["command", "args"] {
        settings.extend(list(spec, &[words]).iter().filter_map(|word| word.as_text().map(str::to_owned)));
    }
    settings
}

/// How a container ended last: what runs has its end before that in `lastState`.
fn ended(status: &Value) -> Option<End> {
    let states = [at(status, &["state", "terminated"]), at(status, &["lastState", "terminated"])];
    let end = states.into_iter().flatten().next()?;
    let when = |key: &str| oomsim_import::instant(&text(end, &[key]));
    Some(End {
        exit_code: i32::try_from(number(end, &["exitCode"])?).ok()?,
        reason: text(end, &["reason"]),
        lived_s: when("startedAt").zip(when("finishedAt")).map(|(from, to)| to - from).filter(|lived| *lived >= 0.0),
    })
}

/// The events of a document (`kubectl get events -o json`) that are about a container, its pod, or no pod.
pub fn read_events(document: &Value, pod: &str, container: &str) -> Vec<EventFact> {
    let object = |event: &Value, key: &str| {
        let of = text(event, &["involvedObject", key]);
        if of.is_empty() { text(event, &["regarding", key]) } else { of }
    };
    let of_node = |event: &Value| object(event, "kind") == "Node";
    let other_container = |event: &Value| {
        let field = object(event, "fieldPath");
        field.contains('{') && !field.contains(&format!("{{{container}}}"))
    };
    let about = |event: &&Value| {
        let of = object(event, "name");
        (of == pod || of.is_empty() || of_node(event)) && !other_container(event)
    };
    let event = |event: &Value| {
        let message = text(event, &["message"]);
        EventFact {
            reason: text(event, &["reason"]),
            message: if message.is_empty() { text(event, &["note"]) } else { message },
            count: count(event, &["count"]).or_else(|| count(event, &["series", "count"])).unwrap_or(1),
            of_node: of_node(event),
        }
    };
    of_kind(document, "Event").into_iter().filter(about).map(event).collect()
}

/// True for a list of events, an empty one too, or an event.
pub fn has_events(document: &Value) -> bool {
    let empty = text(document, &["kind"]).ends_with("List") && objects(document).is_empty();
    empty || !of_kind(document, "Event").is_empty()
}

/// A node as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeAmounts {
    /// `metadata.name`.
    pub name: String,
    /// `status.capacity.memory`.
    pub capacity: Option<Bytes>,
    /// `status.allocatable.memory`.
    pub allocatable: Option<Bytes>,
}

/// The nodes of a document (`kubectl get node -o json`).
pub fn read_nodes(document: &Value) -> Vec<NodeAmounts> {
    let node = |value: &Value| NodeAmounts {
        name: text(value, &["metadata", "name"]),
        capacity: memory(value, &["status", "capacity", "memory"]),
        allocatable: memory(value, &["status", "allocatable", "memory"]),
    };
    of_kind(document, "Node").into_iter().map(node).collect()
}
