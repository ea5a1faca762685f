//! Copies of pods and of what makes them, with what a node's memory depends on and nothing else: no environment but
//! the settings of memory, no commands, no annotations that are not needed.

use crate::objects::{ContainerDefaults, text};
use crate::text::harmless_yaml;
use oomsim_core::units::Bytes;
use oomsim_scenario::reading::{Value, ValueKind};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Keys of `metadata` that are kept.
const METADATA: [&str; 6] = ["name", "generateName", "namespace", "uid", "labels", "ownerReferences"];
/// Annotations by which a kubelet knows static and mirror pods (pkg/kubelet/types/pod_update.go).
const ANNOTATIONS: [&str; 2] = ["kubernetes.io/config.source", "kubernetes.io/config.mirror"];
/// Keys of a pod's `spec` that are kept as they are.
const SPEC: [&str; 12] = [
    "nodeName",
    "restartPolicy",
    "priority",
    "priorityClassName",
    "tolerations",
    "terminationGracePeriodSeconds",
    "overhead",
    "resources",
    "runtimeClassName",
    "shareProcessNamespace",
    "nodeSelector",
    "activeDeadlineSeconds",
];
/// Keys of the `spec` of what makes pods that are kept as they are; the types of the API require the last three.
const MAKER: [&str; 8] =
    ["replicas", "parallelism", "completions", "suspend", "backoffLimit", "selector", "serviceName", "schedule"];
/// Keys of a probe that are kept as they are.
const PROBE: [&str; 6] = [
    "initialDelaySeconds",
    "periodSeconds",
    "timeoutSeconds",
    "successThreshold",
    "failureThreshold",
    "terminationGracePeriodSeconds",
];
/// Keys of `status` that are kept.
const STATUS: [&str; 2] = ["phase", "qosClass"];
/// Environment variables that size a runtime's memory.
const ENVIRONMENT: [&str; 10] = [
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "JAVA_OPTS",
    "NODE_OPTIONS",
    "GOGC",
    "GOMEMLIMIT",
    "MALLOC_ARENA_MAX",
    "PYTHONMALLOC",
    "PHP_MEMORY_LIMIT",
];

/// What the API server fills in when an object is admitted; pods of a cluster have it already.
#[derive(Clone, Copy, Default)]
pub(crate) struct Defaults<'a> {
    /// Of the LimitRange of the namespace.
    pub container: Option<&'a ContainerDefaults>,
    /// Priorities by class.
    pub priorities: Option<&'a BTreeMap<String, i64>>,
    /// Of the class of pods that name none.
    pub priority: Option<i64>,
    /// `overhead.podFixed` by RuntimeClass.
    pub overheads: Option<&'a BTreeMap<String, Value>>,
}

/// A copy of a Pod, or of an object with a pod template, as YAML. `defaults` fill what its containers do not say.
pub(crate) fn manifest(object: &Value, defaults: Defaults<'_>) -> String {
    let copied = object_copy(object, defaults);
    harmless_yaml(&copied)
}

fn object_copy(object: &Value, defaults: Defaults<'_>) -> Json {
    let mut copy = Map::new();
    for entry in object.entries().unwrap_or_default() {
        let value = match entry.key.as_str() {
            "apiVersion" | "kind" => plain(&entry.value),
            "metadata" => metadata(&entry.value),
            "spec" => spec(&entry.value, defaults),
            "status" => only(&entry.value, &STATUS),
            _ => continue,
        };
        copy.insert(entry.key.clone(), value);
    }
    Json::Object(copy)
}

fn metadata(value: &Value) -> Json {
    let mut copy = only(value, &METADATA);
    if let Some(annotations) = value.get("annotations") {
        let kept = only(annotations, &ANNOTATIONS);
        if kept.as_object().is_some_and(|kept| !kept.is_empty()) {
            copy["annotations"] = kept;
        }
    }
    copy
}

/// The `spec` of a pod, or of what makes pods.
fn spec(value: &Value, defaults: Defaults<'_>) -> Json {
    let mut copy = only(value, &SPEC);
    for entry in value.entries().unwrap_or_default() {
        let value = match entry.key.as_str() {
            "containers" | "initContainers" => list(&entry.value, |c| container(c, defaults)),
            "volumes" => memory_volumes(&entry.value),
            "ephemeralContainers" => list(&entry.value, |c| only(c, &["name"])),
            "template" | "jobTemplate" => object_copy(&entry.value, defaults),
            key if MAKER.contains(&key) => plain(&entry.value),
            _ => continue,
        };
        copy[entry.key.as_str()] = value;
    }
    if value.get("containers").is_some() {
        admitted(value, defaults, &mut copy);
    }
    copy
}

/// What the admission controllers add to a pod: the priority of its class, the overhead of its RuntimeClass.
fn admitted(value: &Value, defaults: Defaults<'_>, copy: &mut Json) {
    let class = text(value, &["priorityClassName"]);
    let by_class = defaults.priorities.and_then(|known| known.get(&class)).copied();
    let priority = if class.is_empty() { defaults.priority } else { by_class };
    if let (Some(priority), None) = (priority, value.get("priority")) {
        copy["priority"] = json!(priority);
    }
    let overhead = defaults.overheads.and_then(|known| known.get(&text(value, &["runtimeClassName"])));
    if let (Some(overhead), None) = (overhead, value.get("overhead")) {
        copy["overhead"] = plain(overhead);
    }
}

fn container(value: &Value, defaults: Defaults<'_>) -> Json {
    let mut copy = only(value, &["name", "restartPolicy", "resizePolicy"]);
    for entry in value.entries().unwrap_or_default() {
        let value = match entry.key.as_str() {
            "livenessProbe" | "readinessProbe" | "startupProbe" => probe(&entry.value),
            "lifecycle" => lifecycle(&entry.value),
            _ => continue,
        };
        copy[entry.key.as_str()] = value;
    }
    copy["resources"] = resources(value.get("resources"), defaults);
    let program = value.get("command").and_then(Value::items).and_then(|words| words.first());
    if let Some(program) = program.and_then(Value::as_text).and_then(|path| path.split_whitespace().next()) {
        copy["command"] = json!([program]);
    }
    let words =
        ["command", "args"].iter().filter_map(|key| value.get(key)?.items()).flatten().filter_map(Value::as_text);
    let sizes: Vec<&str> = words.flat_map(str::split_whitespace).filter(|word| sizes_memory(word)).collect();
    if !sizes.is_empty() {
        copy["args"] = json!(sizes);
    }
    let environment: Vec<Json> =
        value.get("env").and_then(Value::items).unwrap_or_default().iter().filter_map(variable).collect();
    if !environment.is_empty() {
        copy["env"] = Json::Array(environment);
    }
    copy
}

/// A probe: its times, and how the container is asked, without headers, queries and arguments.
fn probe(value: &Value) -> Json {
    let mut copy = only(value, &PROBE);
    for entry in value.entries().unwrap_or_default() {
        let asked = match entry.key.as_str() {
            "httpGet" => {
                let mut asked = only(&entry.value, &["port", "scheme"]);
                if let Some(path) = entry.value.get("path").and_then(Value::as_text) {
                    asked["path"] = json!(path.split('?').next());
                }
                asked
            }
            "tcpSocket" | "grpc" => only(&entry.value, &["port"]),
            "exec" => command(&entry.value),
            _ => continue,
        };
        copy[entry.key.as_str()] = asked;
    }
    copy
}

/// Hooks, as far as a node can tell: which there are, and how long one waits that says so.
fn lifecycle(value: &Value) -> Json {
    let hook = |hook: &Value| {
        let mut copy = only(hook, &["sleep"]);
        if let Some(exec) = hook.get("exec") {
            copy["exec"] = command(exec);
        }
        if let Some(http) = hook.get("httpGet") {
            copy["httpGet"] = only(http, &["port"]);
        }
        copy
    };
    let mut copy = only(value, &["stopSignal"]);
    for key in ["preStop", "postStart"] {
        if let Some(of) = value.get(key).filter(|of| of.kind != ValueKind::Null) {
            copy[key] = hook(of);
        }
    }
    copy
}

/// The command of a hook or probe: whole where it only waits, else the program without what it is told.
fn command(exec: &Value) -> Json {
    let words = exec.get("command").and_then(Value::items).unwrap_or_default().iter().filter_map(Value::as_text);
    let words: Vec<&str> = words.collect();
    let waits = |part: &str| {
        let name = part.rsplit('/').next().unwrap_or(part);
        matches!(name, "sleep" | "sh" | "bash" | "ash" | "-c") || part.trim_end_matches('s').parse::<f64>().is_ok()
    };
    let only_waits = words.iter().flat_map(|word| word.split_whitespace()).all(waits);
    let kept = if only_waits { &words[..] } else { &words[..words.len().min(1)] };
    json!({ "command": kept })
}

/// A variable that sizes memory, its text without words that do not.
fn variable(value: &Value) -> Option<Json> {
    let name = text(value, &["name"]);
    let dotnet = ["DOTNET_", "COMPlus_"].iter().any(|prefix| name.starts_with(prefix)) && name.contains("GC");
    let given = value.get("value").and_then(Value::as_text)?;
    if dotnet
        || matches!(name.as_str(), "GOGC" | "GOMEMLIMIT" | "MALLOC_ARENA_MAX" | "PYTHONMALLOC" | "PHP_MEMORY_LIMIT")
    {
        return Some(json!({ "name": name, "value": given }));
    }
    if !ENVIRONMENT.contains(&name.as_str()) {
        return None;
    }
    let words: Vec<&str> = given.split_whitespace().filter(|word| sizes_memory(word)).collect();
    (!words.is_empty()).then(|| json!({ "name": name, "value": words.join(" ") }))
}

/// An option of the JVM or of Node.js that sizes memory.
fn sizes_memory(word: &str) -> bool {
    ["-Xm", "-Xss", "-XX:", "--max-old-space-size", "--max-semi-space-size"]
        .iter()
        .any(|option| word.starts_with(option))
}

/// Memory, huge pages and cpu, as far as they are given; what a LimitRange gives otherwise.
fn resources(given: Option<&Value>, defaults: Defaults<'_>) -> Json {
    let mut copy = given.map_or_else(|| json!({}), |value| only(value, &["requests", "limits"]));
    let memory = |copy: &Json, list: &str| copy.get(list).is_some_and(|list| list.get("memory").is_some());
    let Some(default) = defaults.container else { return copy };
    let limit_given = memory(&copy, "limits");
    let mut fill = |list: &str, amount: Option<Bytes>| {
        if let Some(amount) = amount.filter(|_| !memory(&copy, list)) {
            copy[list]["memory"] = json!(amount.get().to_string());
        }
    };
    fill("limits", default.limit);
    // A limit of the container's own is its request, too, where it names none.
    fill("requests", default.request.or(default.limit).filter(|_| !limit_given));
    copy
}

fn memory_volumes(value: &Value) -> Json {
    let memory = |v: &&Value| text(v, &["emptyDir", "medium"]) == "Memory";
    let volumes = value.items().unwrap_or_default().iter().filter(memory);
    Json::Array(volumes.map(|v| only(v, &["name", "emptyDir"])).collect())
}

/// These keys of a table.
fn only(value: &Value, keys: &[&str]) -> Json {
    let entries = value.entries().unwrap_or_default().iter().filter(|e| keys.contains(&e.key.as_str()));
    Json::Object(
        entries.filter(|e| e.value.kind != ValueKind::Null).map(|e| (e.key.clone(), plain(&e.value))).collect(),
    )
}

fn list(value: &Value, each: impl Fn(&Value) -> Json) -> Json {
    Json::Array(value.items().unwrap_or_default().iter().map(each).collect())
}

/// A value as it is; what is null is not there.
pub(crate) fn plain(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Null => Json::Null,
        ValueKind::Bool(b) => json!(b),
        ValueKind::Int(n) => json!(n),
        ValueKind::Number(text) => text.parse::<f64>().map_or_else(|_| json!(text), |n| json!(n)),
        ValueKind::Text(text) => json!(text),
        ValueKind::Array(items) => Json::Array(items.iter().map(plain).collect()),
        ValueKind::Table(entries) => {
            let given = entries.iter().filter(|e| e.value.kind != ValueKind::Null);
            Json::Object(given.map(|e| (e.key.clone(), plain(&e.value))).collect())
        }
    }
}
