//! `[[pod]]`: a pod, its containers, and what they do.

use super::Context;
use super::process::process_keys;
use crate::kubelet::{ContainerSpec, PodSpec, ResourceList, ResourceRequirements, RestartPolicy, Toleration};
use crate::node_api::Name;
use crate::scenario::model::{ContainerPlan, Controller, PodPlan, VolumePlan};
use crate::scenario::reader::{Problems, TableReader};
use crate::scenario::scalar::{boolean, bytes, dns_name, duration, integer, name, one_of, text, time};
use crate::scenario::value::{Kind, Value};
use crate::units::{Quantity, SimDuration, SimTime};
use crate::workload::TermReaction;
use std::sync::Arc;

/// How long a controller takes to replace a pod, from the pod's end to the binding of its successor: the
/// controller manager's queue, creation, scheduling (an assumption; about a second in an idle cluster).
const RECREATE_AFTER: SimDuration = SimDuration::from_secs(1);
/// Most replicas of one `[[pod]]`.
const MAX_REPLICAS: i64 = 10_000;

/// Reads all `[[pod]]`.
pub(crate) fn pods(cx: &Context<'_>, tables: &[Value]) -> Vec<PodPlan> {
    tables.iter().filter_map(|table| pod(cx, table)).collect()
}

fn pod(cx: &Context<'_>, value: &Value) -> Option<PodPlan> {
    let p = cx.problems;
    let mut t = TableReader::open(p, "[[pod]]", value)?;
    let pod_name = t.required("name", dns_name);
    let namespace = t.or("namespace", "default".into(), dns_name);
    let mut spec = PodSpec {
        name: pod_name.clone().unwrap_or_default(),
        namespace: namespace.clone(),
        uid: t.or("uid", "".into(), name),
        priority: t.optional("priority", integer(i32::MIN.into(), i32::MAX.into())),
        priority_class_name: t.or("priorityClassName", String::new(), text),
        resources: t.optional("resources", resources),
        overhead: t.optional("overhead", resource_list),
        tolerations: t.items("toleration").iter().filter_map(|v| toleration(p, v)).collect(),
        termination_grace_period_seconds: t.optional("terminationGracePeriodSeconds", integer(0, 1 << 31)),
        ..PodSpec::default()
    };
    let controllers = [
        ("None", Controller::None),
        ("Deployment", Controller::Deployment),
        ("ReplicaSet", Controller::Deployment),
        ("StatefulSet", Controller::Deployment),
        ("DaemonSet", Controller::DaemonSet),
    ];
    let restarts =
        [("Always", RestartPolicy::Always), ("OnFailure", RestartPolicy::OnFailure), ("Never", RestartPolicy::Never)];
    let mut plan = PodPlan {
        namespace,
        at: t.or("at", SimTime::ZERO, time),
        at_spread: t.or("atSpread", SimDuration::ZERO, duration),
        controller: t.or("controller", Controller::None, one_of("controller", &controllers)),
        recreate_after: t.or("recreateAfter", RECREATE_AFTER, duration),
        replicas: t.or("replicas", 1, integer(1, MAX_REPLICAS)),
        restart_policy: t.or("restartPolicy", RestartPolicy::Always, one_of("restartPolicy", &restarts)),
        containers: Vec::new(),
        volumes: t.items("volume").iter().filter_map(|v| volume(p, v)).collect(),
        housekeeping: t.or("housekeeping", Arc::from([]), instants),
        spec: PodSpec::default(),
    };
    let containers = t.items("container");
    if containers.is_empty() {
        p.error(t.at(), "a pod needs at least one `[[pod.container]]`");
    }
    for table in containers {
        if let Some((container, processes)) = container(p, table) {
            if plan.containers.iter().any(|c| c.name == container.name) {
                p.error(&table.at, format!("the pod has two containers with the name `{}`", container.name));
            }
            plan.containers.push(processes);
            spec.containers.push(container);
        }
    }
    t.finish();
    plan.spec = spec;
    pod_name.map(|_| plan)
}

fn container(p: &Problems, value: &Value) -> Option<(ContainerSpec, ContainerPlan)> {
    let mut t = TableReader::open(p, "[[pod.container]]", value)?;
    let container_name = t.required("name", dns_name);
    let resources = t.or("resources", ResourceRequirements::default(), resources);
    let pid_namespace = t.or("pidNamespace", true, boolean);
    // PID 1 of a PID namespace gets no signal that it has no handler for (kernel/signal.c sig_task_ignored).
    let term = if pid_namespace { TermReaction::Ignore } else { TermReaction::Default };
    let first = process_keys(&mut t, Some(container_name.as_ref().unwrap_or(&"app".into())), term);
    let mut processes = Vec::from_iter(first);
    for table in t.items("process") {
        if let Some(mut inner) = TableReader::open(p, "[[pod.container.process]]", table) {
            processes.extend(process_keys(&mut inner, None, TermReaction::Default));
            inner.finish();
        }
    }
    t.finish();
    let name = container_name?;
    let spec = ContainerSpec { name: name.clone(), resources, restart_policy: None };
    Some((spec, ContainerPlan { name, processes, pid_namespace }))
}

/// `{ requests = { memory = "64Mi" }, limits = { memory = "1Gi" } }`.
pub(crate) fn resources(p: &Problems, value: &Value) -> Option<ResourceRequirements> {
    let mut t = TableReader::open(p, "resources", value)?;
    let requests = t.or("requests", ResourceList::new(), resource_list);
    let limits = t.or("limits", ResourceList::new(), resource_list);
    t.finish();
    for (resource, request) in &requests {
        if let Some(limit) = limits.get(resource).filter(|limit| request > *limit) {
            p.error(&value.at, format!("the {resource} request ({request}) is larger than the limit ({limit})"));
        }
    }
    Some(ResourceRequirements { requests, limits })
}

/// Quantities by resource name.
pub(crate) fn resource_list(p: &Problems, value: &Value) -> Option<ResourceList> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table of quantities such as `{ memory = \"64Mi\" }`");
        return None;
    };
    let mut list = ResourceList::new();
    for entry in entries {
        let given = match &entry.value.kind {
            Kind::Int(n) => n.to_string(),
            Kind::Number(number) => number.clone(),
            Kind::Text(text) => text.clone(),
            _ => {
                p.expected(&entry.value, "a quantity such as \"64Mi\"");
                continue;
            }
        };
        match Quantity::parse(&given) {
            Ok(quantity) if quantity.sign() >= 0 => {
                list.insert(entry.key.clone(), quantity);
            }
            Ok(_) => p.error(&entry.value.at, format!("{given:?} is out of range: expected 0 or more")),
            Err(_) => crate::scenario::scalar::bad_quantity(p, &entry.value, &given),
        }
        let known = ["memory", "cpu", "ephemeral-storage"].contains(&entry.key.as_str());
        if !known && !entry.key.contains('/') && !entry.key.starts_with("hugepages-") {
            p.unknown(&entry.key_at, "resource", &entry.key, ["memory", "cpu", "ephemeral-storage"]);
        }
    }
    Some(list)
}

/// Instants in any order.
fn instants(p: &Problems, value: &Value) -> Option<Arc<[SimTime]>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of times such as `[\"12.5s\", \"31s\"]`");
        return None;
    };
    let mut instants = items.iter().map(|item| time(p, item)).collect::<Option<Vec<_>>>()?;
    instants.sort_unstable();
    Some(instants.into())
}

fn toleration(p: &Problems, value: &Value) -> Option<Toleration> {
    let mut t = TableReader::open(p, "[[pod.toleration]]", value)?;
    let operators = [("", ""), ("Equal", "Equal"), ("Exists", "Exists")];
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute", ""].map(|word| (word, word));
    let toleration = Toleration {
        key: t.or("key", String::new(), text),
        operator: t.or("operator", "", one_of("operator", &operators)).into(),
        value: t.or("value", String::new(), text),
        effect: t.or("effect", "", one_of("effect", &effects)).into(),
    };
    t.finish();
    Some(toleration)
}

fn volume(p: &Problems, value: &Value) -> Option<VolumePlan> {
    let mut t = TableReader::open(p, "[[pod.volume]]", value)?;
    let (name, size_limit): (Option<Name>, _) = (t.required("name", dns_name), t.optional("sizeLimit", bytes));
    t.finish();
    Some(VolumePlan { name: name?, size_limit })
}
