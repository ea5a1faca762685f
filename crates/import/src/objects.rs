//! Objects of the Kubernetes API, as far as a node's memory depends on them.

use crate::time::instant;
use oomsim_core::units::Bytes;
use oomsim_scenario::Location;
use oomsim_scenario::reading::{Problems, Value, ValueKind, bytes, has_ended};
use std::collections::BTreeMap;

/// A node as the API shows it.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `status.addresses`: names and addresses.
    pub addresses: Vec<String>,
    /// `spec.providerID`, such as `aws:///eu-central-1a/i-0123`.
    pub provider_id: String,
    /// `status.capacity.memory`.
    pub capacity: Bytes,
    /// `status.allocatable.memory`.
    pub allocatable: Option<Bytes>,
    /// `status.capacity` of huge pages of all sizes, in bytes.
    pub huge_pages: Bytes,
    /// `status.nodeInfo.swap.capacity`.
    pub swap: Option<Bytes>,
    /// `status.capacity.pods`.
    pub max_pods: Option<u32>,
    /// `status.capacity.cpu`, whole processors.
    pub cpus: Option<u32>,
    /// `status.nodeInfo`: `kernelVersion`, `kubeletVersion`, `osImage`, `architecture`, …
    pub info: BTreeMap<String, String>,
    /// The condition MemoryPressure is True.
    pub memory_pressure: bool,
    /// Where it stands.
    pub at: Location,
}

/// A pod as the API shows it.
#[derive(Clone, Debug)]
pub struct PodFacts {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.nodeName`; none: not bound.
    pub node: Option<String>,
    /// `status.phase`.
    pub phase: Option<String>,
    /// `status.qosClass`.
    pub qos: Option<String>,
    /// `status.startTime`, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// Its containers, and its sidecars (init containers that restart always).
    pub containers: Vec<ContainerFacts>,
    /// The whole object.
    pub object: Value,
}

/// A container that runs as long as its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// `resources.requests.memory`.
    pub request: Option<Bytes>,
    /// `resources.limits.memory`.
    pub limit: Option<Bytes>,
    /// What its status says.
    pub status: ContainerStatus,
}

/// What `status.containerStatuses` says about a container's starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerStatus {
    /// There is a status.
    pub known: bool,
    /// `restartCount`.
    pub restarts: u32,
    /// When it was started, as far as its state and its last state say, in milliseconds since 1970.
    pub started_ms: Vec<i64>,
}

impl ContainerStatus {
    /// That of the container of this name in the status of a pod.
    fn of(pod: &Value, name: &str) -> Self {
        let lists = ["containerStatuses", "initContainerStatuses"].map(|key| path(pod, &["status", key]));
        let mut all = lists.into_iter().flatten().filter_map(Value::items).flatten();
        let Some(status) = all.find(|status| text(status, &["name"]) == name) else {
            return ContainerStatus::default();
        };
        let states = [["state", "running"], ["lastState", "terminated"]].map(|state| path(status, &state));
        let starts = states.into_iter().flatten().map(|state| text(state, &["startedAt"]));
        let started_ms = starts.filter_map(|at| milliseconds(&at)).collect();
        ContainerStatus { known: true, restarts: count(status, &["restartCount"]).unwrap_or(0), started_ms }
    }
}

/// What makes pods: a Deployment, a DaemonSet, a CronJob, …
#[derive(Clone, Debug)]
pub struct MakerFacts {
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// The containers of its template, sidecars among them.
    pub containers: Vec<ContainerFacts>,
    /// The whole object.
    pub object: Value,
}

/// Defaults that a LimitRange gives to containers of its namespace.
#[derive(Clone, Debug)]
pub struct ContainerDefaults {
    /// Namespace.
    pub namespace: String,
    /// `default.memory`: the limit.
    pub limit: Option<Bytes>,
    /// `defaultRequest.memory`; without it the limit.
    pub request: Option<Bytes>,
}

/// An instant in milliseconds since 1970.
fn milliseconds(text: &str) -> Option<i64> {
    instant(text).map(|seconds| (seconds * 1000.0) as i64)
}

/// A field that is there and not null.
pub(crate) fn given<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|v| !matches!(v.kind, ValueKind::Null))
}

/// A field of a field.
pub(crate) fn path<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| given(value, key))
}

/// The text of a field of a field; empty when it is not there.
pub(crate) fn text(value: &Value, keys: &[&str]) -> String {
    path(value, keys).and_then(Value::as_text).unwrap_or_default().to_string()
}

fn optional_text(value: &Value, keys: &[&str]) -> Option<String> {
    Some(text(value, keys)).filter(|text| !text.is_empty())
}

/// A table of texts, such as labels.
pub(crate) fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((e.key.clone(), e.value.as_text()?.to_string()))).collect()
}

/// A text of each item of a list.
fn list_of(list: Option<&Value>, key: &str) -> Vec<String> {
    let items = list.and_then(Value::items).unwrap_or_default().iter();
    items.map(|item| text(item, &[key])).filter(|text| !text.is_empty()).collect()
}

/// An amount of memory; a wrong one is reported.
fn amount(p: &Problems, value: &Value, keys: &[&str]) -> Option<Bytes> {
    bytes(p, path(value, keys)?)
}

/// A whole number, written as a number or as a quantity (`"29"`, `"1930m"` is 1).
fn count(value: &Value, keys: &[&str]) -> Option<u32> {
    match &path(value, keys)?.kind {
        ValueKind::Int(n) => u32::try_from(*n).ok(),
        ValueKind::Text(text) => match text.strip_suffix('m') {
            Some(milli) => milli.parse::<u32>().ok().map(|n| n / 1000),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// `hugepages-2Mi`, `hugepages-1Gi` and what else `status.capacity` has of them.
fn huge_pages(p: &Problems, status: &Value) -> Bytes {
    let capacity = given(status, "capacity").and_then(Value::entries).unwrap_or_default();
    let pages = capacity.iter().filter(|entry| entry.key.starts_with("hugepages-"));
    pages.filter_map(|entry| bytes(p, &entry.value)).sum()
}

impl NodeFacts {
    /// Reads a Node.
    pub(crate) fn read(p: &Problems, value: &Value) -> Option<Self> {
        let name = named(p, value, "Node")?;
        let status = given(value, "status");
        let Some(status) = status.filter(|status| path(status, &["capacity", "memory"]).is_some()) else {
            p.error(&value.at, format!("the Node {name} has no `status.capacity.memory`: export it with `-o json`"));
            return None;
        };
        let system = text(status, &["nodeInfo", "operatingSystem"]);
        if !matches!(system.as_str(), "" | "linux") {
            p.error(&value.at, format!("the Node {name} runs {system}: only Linux nodes are modelled"));
            return None;
        }
        let (capacity, allocatable) =
            (amount(p, status, &["capacity", "memory"])?, amount(p, status, &["allocatable", "memory"]));
        if let (Some(more), Some(at)) =
            (allocatable.filter(|a| *a > capacity), path(status, &["allocatable", "memory"]))
        {
            p.error(&at.at, format!("{more} are allocatable, but the Node's capacity is {capacity}"));
            return None;
        }
        let conditions = given(status, "conditions").and_then(Value::items).unwrap_or_default();
        let pressure = |c: &Value| text(c, &["type"]) == "MemoryPressure" && text(c, &["status"]) == "True";
        Some(NodeFacts {
            name,
            labels: texts(path(value, &["metadata", "labels"])),
            addresses: list_of(given(status, "addresses"), "address"),
            provider_id: text(value, &["spec", "providerID"]),
            capacity,
            allocatable,
            huge_pages: huge_pages(p, status),
            swap: amount(p, status, &["nodeInfo", "swap", "capacity"]),
            max_pods: count(status, &["capacity", "pods"]),
            cpus: count(status, &["capacity", "cpu"]),
            info: texts(given(status, "nodeInfo")),
            memory_pressure: conditions.iter().any(pressure),
            at: value.at.clone(),
        })
    }

    /// A field of `status.nodeInfo`; empty when it is not there.
    pub fn info(&self, key: &str) -> &str {
        self.info.get(key).map_or("", String::as_str)
    }
}

impl PodFacts {
    /// Reads a Pod.
    pub(crate) fn read(p: &Problems, value: &Value) -> Option<Self> {
        let name = named(p, value, "Pod")?;
        let Some(spec) = given(value, "spec") else {
            p.error(&value.at, format!("the Pod {name} has no `spec`"));
            return None;
        };
        Some(PodFacts {
            namespace: namespace(value),
            name,
            uid: text(value, &["metadata", "uid"]),
            node: optional_text(spec, &["nodeName"]),
            phase: optional_text(value, &["status", "phase"]),
            qos: optional_text(value, &["status", "qosClass"]),
            started_ms: milliseconds(&text(value, &["status", "startTime"])),
            containers: running_containers(p, spec, value),
            object: value.clone(),
        })
    }

    /// It has ended and holds nothing any more.
    pub fn finished(&self) -> bool {
        matches!(self.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Kind and name of the object that controls it.
    pub fn owner(&self) -> Option<(String, String)> {
        owner(&self.object)
    }
}

/// Kind and name of the object that controls another.
fn owner(object: &Value) -> Option<(String, String)> {
    let owners = path(object, &["metadata", "ownerReferences"]).and_then(Value::items)?;
    let controller = |owner: &&Value| given(owner, "controller").is_some_and(|c| c.kind == ValueKind::Bool(true));
    let owner = owners.iter().find(controller)?;
    Some((text(owner, &["kind"]), text(owner, &["name"])))
}

impl MakerFacts {
    /// Reads an object with a pod template, which stands at `template`.
    pub(crate) fn read(p: &Problems, kind: &str, template: &[&str], value: &Value) -> Option<Self> {
        let name = named(p, value, kind)?;
        let Some(spec) = path(value, template).and_then(|template| given(template, "spec")) else {
            p.error(&value.at, format!("the {kind} {name} has no pod specification"));
            return None;
        };
        let (kind, namespace) = (kind.to_string(), namespace(value));
        Some(MakerFacts {
            kind,
            namespace,
            name,
            containers: running_containers(p, spec, value),
            object: value.clone(),
        })
    }

    /// It makes no pods now: a Job that has ended, one or a CronJob that is suspended, no replicas.
    pub fn rests(&self) -> bool {
        let is = |keys: &[&str], kind: ValueKind| path(&self.object, keys).is_some_and(|value| value.kind == kind);
        has_ended(&self.kind, &self.object)
            || is(&["spec", "suspend"], ValueKind::Bool(true))
            || is(&["spec", "replicas"], ValueKind::Int(0))
    }

    /// True when it is controlled by another of them, which makes its pods: a ReplicaSet of a Deployment, a Job of a
    /// CronJob.
    pub fn is_of(&self, others: &[MakerFacts]) -> bool {
        let owner = owner(&self.object);
        let owns = |other: &MakerFacts| {
            other.namespace == self.namespace
                && owner.as_ref().is_some_and(|(kind, name)| (kind, name) == (&other.kind, &other.name))
        };
        others.iter().any(owns)
    }
}

/// The memory defaults of a LimitRange for containers.
pub(crate) fn limit_range(p: &Problems, value: &Value) -> Vec<ContainerDefaults> {
    let limits = path(value, &["spec", "limits"]).and_then(Value::items).unwrap_or_default();
    let of_containers = limits.iter().filter(|limit| text(limit, &["type"]) == "Container");
    let defaults = of_containers.map(|limit| ContainerDefaults {
        namespace: namespace(value),
        limit: amount(p, limit, &["default", "memory"]),
        request: amount(p, limit, &["defaultRequest", "memory"]),
    });
    defaults.filter(|d| d.limit.is_some() || d.request.is_some()).collect()
}

/// `metadata.name`; its absence is reported.
pub(crate) fn named(p: &Problems, value: &Value, kind: &str) -> Option<String> {
    let name = optional_text(value, &["metadata", "name"]);
    if name.is_none() {
        p.error(&value.at, format!("the {kind} has no `metadata.name`"));
    }
    name
}

/// `metadata.namespace`, by default `default`.
pub(crate) fn namespace(value: &Value) -> String {
    optional_text(value, &["metadata", "namespace"]).unwrap_or_else(|| "default".into())
}

/// Containers that run as long as the pod does.
fn running_containers(p: &Problems, spec: &Value, object: &Value) -> Vec<ContainerFacts> {
    let list = |key| {
        let value = given(spec, key);
        if let Some(wrong) = value.filter(|value| value.items().is_none()) {
            p.expected(wrong, "a list of containers");
        }
        value.and_then(Value::items).unwrap_or_default().iter()
    };
    if given(spec, "containers").is_none() {
        p.error(&spec.at, "the pod has no `containers`");
    }
    let sidecars = list("initContainers").filter(|c| text(c, &["restartPolicy"]) == "Always");
    let facts = |c| ContainerFacts {
        name: text(c, &["name"]),
        request: amount(p, c, &["resources", "requests", "memory"]),
        limit: amount(p, c, &["resources", "limits", "memory"]),
        status: ContainerStatus::of(object, &text(c, &["name"])),
    };
    let containers: Vec<&Value> = list("containers").chain(sidecars).collect();
    for container in &containers {
        for wrong in [&["resources"][..], &["resources", "requests"], &["resources", "limits"]] {
            if let Some(wrong) = path(container, wrong).filter(|value| value.entries().is_none()) {
                p.expected(wrong, "a table of amounts");
            }
        }
    }
    containers.into_iter().map(facts).collect()
}

/// What an autoscaler would do, which a run of one node leaves out; `None`: nothing.
pub(crate) fn autoscaler(kind: &str, value: &Value) -> Option<String> {
    let spec = given(value, "spec")?;
    let target = |key| format!("{} {}", text(spec, &[key, "kind"]), text(spec, &[key, "name"]));
    if kind == "HorizontalPodAutoscaler" {
        let (least, most) = (count(spec, &["minReplicas"]).unwrap_or(1), count(spec, &["maxReplicas"])?);
        let target = target("scaleTargetRef");
        return Some(format!("{target} is scaled to {least} – {most} replicas: the run has those that are given"));
    }
    let recommended = path(value, &["status", "recommendation", "containerRecommendations"]).and_then(Value::items);
    let each = recommended.unwrap_or_default().iter().filter_map(|container| {
        let request = text(container, &["target", "memory"]);
        (!request.is_empty()).then(|| format!("{} {}", text(container, &["containerName"]), shown_amount(&request)))
    });
    let each: Vec<String> = each.collect();
    let said = if each.is_empty() { "no requests yet".into() } else { format!("requests of {}", each.join(", ")) };
    Some(format!(
        "{}: the VerticalPodAutoscaler recommends {said}; the run has those of the files",
        target("targetRef")
    ))
}

/// VPA recommends plain bytes.
fn shown_amount(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_string(), |bytes| Bytes::new(bytes).to_string())
}
