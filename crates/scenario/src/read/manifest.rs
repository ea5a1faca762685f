//! `manifest = "pod.yaml"`: pods from Kubernetes manifests.

use super::Context;
use super::absent;
use super::container::report_twins;
use super::makers::{controller, has_ended, job_field, job_pods};
use super::pod::PodDraft;
use super::priority::{Classes, classes, priority};
use super::probe;
use super::resources::{resource_list, resources};
use crate::diagnostic::Diagnostic;
use crate::reader::Problems;
use crate::scalar::{bytes, dns_name, integer, one_of, text};
use crate::source::{Location, Places};
use crate::typed;
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::{
    ContainerSpec, MIRROR_ANNOTATION, PodSpec, ResourceRequirements, RestartPolicy, SOURCE_ANNOTATION, Toleration,
};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{ContainerPlan, Controller, PodPlan, PreStop, ProcessPlan, VolumePlan};
use oomsim_core::units::SimDuration;
use oomsim_core::workload::runtime::Launch;
use oomsim_kube_api::KINDS;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most pods of one file.
const MAX_PODS: usize = 10_000;

/// Reads the pods of a file.
pub(crate) fn manifest(cx: &Context<'_>, path: &str, at: &Location) -> Vec<PodDraft> {
    let p = cx.problems;
    let Some(documents) = cx.documents(path, at) else { return Vec::new() };
    let errors = p.errors();
    let mut found = Found { classes: classes(&documents), ..Found::default() };
    documents.iter().for_each(|document| object(cx, document, &mut found));
    if found.pods.is_empty() && found.finished.is_empty() && p.errors() == errors {
        p.error(at, format!("`{path}` has no pod"));
    }
    let count = found.finished.len();
    if let [(first, at), others @ ..] = &found.finished[..] {
        let (pods, run, more) = match others.len() {
            0 => ("pod has", "does", String::new()),
            n => ("pods have", "do", format!(" and {n} more")),
        };
        let message = format!(
            "{count} {pods} finished (phase Succeeded or Failed, Job complete or failed) and {run} not run: {first}{more}"
        );
        p.warn(at, message);
    }
    found.pods
}

/// What a file has.
#[derive(Default)]
struct Found {
    pods: Vec<PodDraft>,
    /// Names of pods that have run to their end, and where they stand.
    finished: Vec<(String, Location)>,
    /// Priorities of the classes that stand in the same file.
    classes: Classes,
}

/// An object of the API: a pod, something that makes pods, or a list.
fn object(cx: &Context<'_>, value: &Value, out: &mut Found) {
    let p = cx.problems;
    let kind = value.get("kind").and_then(Value::as_text).unwrap_or_default();
    if kind == "List" || kind.ends_with("List") && value.get("items").is_some() {
        let items = value.get("items").and_then(Value::items).unwrap_or_default();
        return items.iter().for_each(|item| object(cx, item, out));
    }
    let Some((_, path)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        match kind {
            "" => p.error(&value.at, "not a Kubernetes object: `kind` is missing"),
            "PriorityClass" => {}
            other => {
                let template = ["spec", "template", "spec", "containers"];
                let makes_pods = template.iter().try_fold(value, |value, key| given(value, key)).is_some();
                let message = match makes_pods {
                    true => format!("a {other} is not read: its pods are missing here"),
                    false => format!("a {other} has no pods and is ignored"),
                };
                p.push(Diagnostic::warning(&value.at, message.clone()).of_kind(message));
            }
        }
        return;
    };
    typed::check(p, kind, value);
    let pod = path.iter().try_fold(value, |value, key| value.get(key));
    let Some(pod) = pod.filter(|pod| pod.get("spec").is_some()) else {
        return p.error(&value.at, format!("the {kind} has no pod specification"));
    };
    if out.pods.len() >= MAX_PODS {
        return;
    }
    if let Some(mut draft) = pod_draft(cx, value, pod, &out.classes) {
        let plan = &mut draft.plan;
        if let Some(controller) = controller(kind, value) {
            plan.controller = controller;
        }
        if plan.controller == Controller::Job {
            let limit = job_field(kind, value, "backoffLimit").and_then(|v| integer(0, i64::from(u32::MAX))(p, v));
            plan.backoff_limit = limit.unwrap_or(PodPlan::DEFAULT_BACKOFF_LIMIT);
            plan.replicas = job_pods(p, kind, value);
        }
        if matches!(kind, "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet") {
            let replicas = value.get("spec").and_then(|spec| given(spec, "replicas"));
            plan.replicas = replicas.and_then(|v| integer(0, 10_000)(p, v)).unwrap_or(1);
        }
        if has_ended(kind, value) {
            out.finished.push((draft.plan.full_name(), value.at.clone()));
        } else {
            out.pods.push(draft);
        }
    }
}

/// A field that is there and not null.
pub(super) fn given<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|v| !matches!(v.kind, ValueKind::Null))
}

pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    given(value, key).and_then(Value::items).unwrap_or_default()
}

fn text_of(p: &Problems, value: &Value, key: &str) -> String {
    given(value, key).and_then(|v| text(p, v)).unwrap_or_default()
}

/// Annotations that the kubelet decides by. A pod that belongs to its node mirrors a static one, also when the
/// annotation that says so was left out of an export.
fn annotations(meta: Option<&Value>) -> BTreeMap<String, String> {
    let entries = meta.and_then(|meta| given(meta, "annotations")).and_then(Value::entries).unwrap_or_default();
    let known = entries.iter().filter(|entry| [SOURCE_ANNOTATION, MIRROR_ANNOTATION].contains(&entry.key.as_str()));
    let texts = known.filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned())));
    let mut annotations: BTreeMap<String, String> = texts.collect();
    let owners = meta.map_or(&[][..], |meta| list(meta, "ownerReferences"));
    if owners.iter().any(|owner| owner.get("kind").and_then(Value::as_text) == Some("Node")) {
        annotations.entry(MIRROR_ANNOTATION.to_owned()).or_default();
    }
    annotations
}

/// Labels; a controller's pods have those of its template.
fn labels(pod: &Value) -> BTreeMap<String, String> {
    let labels = pod.get("metadata").and_then(|meta| given(meta, "labels")).and_then(Value::entries);
    let labels = labels.unwrap_or_default().iter();
    labels.filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned()))).collect()
}

fn pod_draft(cx: &Context<'_>, object: &Value, pod: &Value, classes: &Classes) -> Option<PodDraft> {
    let p = cx.problems;
    let (meta, spec_value) = (object.get("metadata"), pod.get("spec")?);
    let named = |key| meta.and_then(|meta| given(meta, key));
    let name = named("name").or_else(|| named("generateName")).and_then(|v| {
        let trimmed = v.as_text()?.trim_end_matches('-').to_string();
        dns_name(p, &Value { kind: ValueKind::Text(trimmed), at: v.at.clone() })
    });
    if name.is_none() && named("name").is_none() {
        p.error(&object.at, "`metadata.name` is missing");
    }
    // Without a sound name the rest is checked all the same.
    let name = name.unwrap_or_else(|| "pod".into());
    let namespace = named("namespace").and_then(|v| dns_name(p, v)).unwrap_or_else(|| "default".into());
    let priority_class_name = text_of(p, spec_value, "priorityClassName");
    let mut spec = PodSpec {
        name,
        namespace: namespace.clone(),
        annotations: annotations(meta),
        uid: named("uid").and_then(Value::as_text).unwrap_or_default().into(),
        priority: priority(p, spec_value, &priority_class_name, classes),
        priority_class_name,
        resources: given(spec_value, "resources").and_then(|v| resources(p, v)),
        overhead: given(spec_value, "overhead").and_then(|v| resource_list(p, v)),
        tolerations: Arc::new(list(spec_value, "tolerations").iter().map(|v| toleration(p, v)).collect()),
        termination_grace_period_seconds: given(spec_value, "terminationGracePeriodSeconds")
            .and_then(|v| integer(0, 1 << 31)(p, v)),
        ..PodSpec::default()
    };
    // What runs in a cluster names its node, which a scenario with one node stands for.
    let node_name = given(spec_value, "nodeName").filter(|_| !cx.here.is_only());
    let mut plan = PodPlan {
        namespace,
        labels: Arc::new(labels(pod)),
        node_name: node_name.and_then(|v| cx.here.named(p, v)),
        restart_policy: restart_policy(p, spec_value).unwrap_or(RestartPolicy::Always),
        volumes: list(spec_value, "volumes").iter().filter_map(|v| memory_volume(p, v)).collect(),
        ..PodPlan::default()
    };
    let lists = ["containers", "initContainers"].into_iter().flat_map(|key| list(spec_value, key));
    report_twins(p, lists.filter_map(|container| given(container, "name")));
    let places = container_places(object, spec_value);
    let mut absent = absent::Found::new();
    for value in list(spec_value, "containers") {
        absent_in_container(value, false, &mut absent);
        let Some(container) = container_spec(p, value, false) else { continue };
        plan.containers.push(container_plan(p, value, &container.name));
        Arc::make_mut(&mut spec.containers).push(container);
    }
    for value in list(spec_value, "initContainers") {
        absent_in_container(value, true, &mut absent);
        let Some(container) = container_spec(p, value, true) else { continue };
        plan.containers.push(container_plan(p, value, &container.name));
        spec.init_containers.push(container);
    }
    for value in list(spec_value, "ephemeralContainers") {
        let name = value.get("name").and_then(Value::as_text).unwrap_or("?");
        absent.push(("ephemeral container", name.to_owned()));
    }
    if given(spec_value, "shareProcessNamespace").is_some_and(|v| v.kind == ValueKind::Bool(true)) {
        absent.push(("shareProcessNamespace", String::new()));
    }
    if given(spec_value, "activeDeadlineSeconds").is_some() {
        absent.push(("activeDeadlineSeconds", String::new()));
    }
    plan.spec = spec;
    Some(PodDraft { plan, places, absent })
}

/// Where the containers stand, by name; the pod itself has none.
fn container_places(object: &Value, spec: &Value) -> Places {
    let mut places = Places::from([(String::new(), object.at.clone())]);
    for value in ["containers", "initContainers"].into_iter().flat_map(|key| list(spec, key)) {
        let name = value.get("name").and_then(Value::as_text).unwrap_or_default();
        places.insert(name.to_owned(), value.at.clone());
    }
    places
}

fn restart_policy(p: &Problems, value: &Value) -> Option<RestartPolicy> {
    let words =
        [("Always", RestartPolicy::Always), ("OnFailure", RestartPolicy::OnFailure), ("Never", RestartPolicy::Never)];
    one_of("restartPolicy", &words)(p, given(value, "restartPolicy")?)
}

fn toleration(p: &Problems, value: &Value) -> Toleration {
    Toleration {
        key: text_of(p, value, "key"),
        operator: text_of(p, value, "operator"),
        value: text_of(p, value, "value"),
        effect: text_of(p, value, "effect"),
        toleration_seconds: given(value, "tolerationSeconds").and_then(|v| integer(i64::MIN, i64::MAX)(p, v)),
    }
}

fn container_spec(p: &Problems, value: &Value, is_init: bool) -> Option<ContainerSpec> {
    let name = given(value, "name").and_then(|v| dns_name(p, v))?;
    let resources = given(value, "resources").and_then(|v| manifest_resources(p, v)).unwrap_or_default();
    // Of a container's own, only that of a sidecar is modelled.
    let restart_policy = restart_policy(p, value).filter(|policy| is_init && *policy == RestartPolicy::Always);
    Some(ContainerSpec { name, resources, restart_policy })
}

/// As inline, but with `claims`, which have nothing to do with memory.
fn manifest_resources(p: &Problems, value: &Value) -> Option<ResourceRequirements> {
    let ValueKind::Table(entries) = &value.kind else { return None };
    let amounts = entries.iter().filter(|e| matches!(e.key.as_str(), "requests" | "limits"));
    let amounts = amounts.filter(|e| !matches!(e.value.kind, ValueKind::Null)).cloned().collect();
    resources(p, &Value { kind: ValueKind::Table(amounts), at: value.at.clone() })
}

/// A process called like the program, or like its container.
fn container_plan(p: &Problems, value: &Value, name: &Name) -> ContainerPlan {
    let command = list(value, "command").first().and_then(Value::as_text);
    let program = command.and_then(|path| path.rsplit('/').next()).filter(|program| !program.is_empty());
    let called = program.map_or_else(|| name.clone(), Into::into);
    let pre_stop = given(value, "lifecycle").and_then(|lifecycle| pre_stop(given(lifecycle, "preStop")?));
    let pid1 = ProcessPlan { launch: launch(value), ..ProcessPlan::pid1(&called) };
    let of_memory = |policy: &&Value| policy.get("resourceName").and_then(Value::as_text) == Some("memory");
    let policy = list(value, "resizePolicy").iter().find(of_memory).and_then(|policy| policy.get("restartPolicy"));
    let restarts_on_resize = policy.and_then(Value::as_text) == Some("RestartContainer");
    let probes = probe::of_manifest(p, value);
    let processes = vec![pid1];
    ContainerPlan { name: name.clone(), processes, pid_namespace: true, pre_stop, probes, restarts_on_resize }
}

/// What its variables, command and arguments say to a language runtime about memory. Values from elsewhere
/// (`valueFrom`, `envFrom`) are not known.
fn launch(value: &Value) -> Launch {
    let env = list(value, "env").iter().filter_map(|variable| {
        let text = |key| variable.get(key).and_then(Value::as_text).map(str::to_owned);
        Some((text("name")?, text("value")?))
    });
    let words = list(value, "command").iter().chain(list(value, "args")).filter_map(Value::as_text);
    Launch { env: env.collect(), args: words.map(str::to_owned).collect() }.about_memory()
}

/// A preStop hook that says how long it takes: `sleep`, or a command that is a `sleep`.
fn pre_stop(hook: &Value) -> Option<PreStop> {
    let seconds = |value: &Value| match &value.kind {
        ValueKind::Int(n) => u64::try_from(*n).ok(),
        _ => value.as_text()?.parse().ok(),
    };
    if let Some(sleep) = given(hook, "sleep") {
        return given(sleep, "seconds").and_then(seconds).map(SimDuration::from_secs).map(PreStop::Sleep);
    }
    let command: Vec<&str> = list(given(hook, "exec")?, "command").iter().filter_map(Value::as_text).collect();
    let words: Vec<&str> = match command.as_slice() {
        [shell, "-c", script] if shell.ends_with("sh") => script.split_whitespace().collect(),
        words => words.to_vec(),
    };
    match words.as_slice() {
        [sleep, time] if sleep.ends_with("sleep") => {
            let takes = time.strip_suffix('s').unwrap_or(time).parse().ok().map(SimDuration::from_secs)?;
            Some(PreStop::Exec { takes, code: 0 })
        }
        _ => None,
    }
}

/// An `emptyDir` in memory; others have nothing to do with it.
fn memory_volume(p: &Problems, value: &Value) -> Option<VolumePlan> {
    let empty_dir = given(value, "emptyDir")?;
    if given(empty_dir, "medium")?.as_text() != Some("Memory") {
        return None;
    }
    let name = given(value, "name").and_then(|v| dns_name(p, v))?;
    Some(VolumePlan { name, size_limit: given(empty_dir, "sizeLimit").and_then(|v| bytes(p, v)) })
}

/// What a container asks for and the model does not have.
fn absent_in_container(value: &Value, is_init: bool, found: &mut absent::Found) {
    let name = value.get("name").and_then(Value::as_text).unwrap_or("?");
    let mut add = |what| found.push((what, name.to_owned()));
    let policy = given(value, "restartPolicy").and_then(Value::as_text);
    if policy.is_some_and(|policy| !is_init || policy != "Always") || given(value, "restartPolicyRules").is_some() {
        add("restartPolicy of a container");
    }
    if given(value, "startupProbe").is_some() {
        add("startupProbe");
    }
    let lifecycle = |key| given(value, "lifecycle").and_then(|lifecycle| given(lifecycle, key));
    if lifecycle("postStart").is_some() {
        add("postStart hook");
    }
    if lifecycle("preStop").is_some_and(|hook| pre_stop(hook).is_none()) {
        add(absent::PRE_STOP);
    }
    if lifecycle("stopSignal").is_some() {
        add("lifecycle.stopSignal");
    }
    let Some(resources) = given(value, "resources") else { return };
    for list in ["requests", "limits"] {
        for entry in given(resources, list).and_then(Value::entries).unwrap_or_default() {
            match entry.key.as_str() {
                "cpu" if list == "limits" => add("cpu limit"),
                key if key.starts_with("hugepages-") && list == "limits" => add("hugepages"),
                _ => {}
            }
        }
    }
}
