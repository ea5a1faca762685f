//! `[[pod]]`.

use super::process::process;
use super::value::Keys;
use oomsim_core::kubelet::{ContainerSpec, ResourceRequirements, RestartPolicy, Toleration};
use oomsim_core::plan::{
    ContainerPlan, Controller, Earlier, PodPlan, PreStop, ProbeHandler, ProbePlan, ProcessPlan, Recommender, VolumePlan,
};
use oomsim_core::workload::TermReaction;
use toml_edit::{ArrayOfTables, Item, Table};

/// `[[pod]]` with its containers.
pub(super) fn pod(pod: &PodPlan) -> Table {
    let d = PodPlan::default();
    let spec = &pod.spec;
    let mut keys = Keys::default();
    keys.put("name", &spec.name);
    keys.unless("namespace", &*pod.namespace, &*d.namespace);
    keys.some("nodeName", pod.node_name.as_ref());
    keys.unless("uid", &*spec.uid, "");
    keys.unless("labels", &*pod.labels, &*d.labels);
    keys.unless("annotations", &spec.annotations, &d.spec.annotations);
    keys.unless("at", &pod.at, &d.at);
    keys.unless("atSpread", &pod.at_spread, &d.at_spread);
    earlier(&mut keys, pod.earlier.as_ref());
    keys.unless("admitted", &pod.admitted, &d.admitted);
    match pod.controller {
        Controller::None => {}
        Controller::Deployment => keys.put("controller", "Deployment"),
        Controller::StatefulSet => keys.put("controller", "StatefulSet"),
        Controller::DaemonSet => keys.put("controller", "DaemonSet"),
        Controller::Job => keys.put("controller", "Job"),
    }
    keys.unless("recreateAfter", &pod.recreate_after, &d.recreate_after);
    keys.unless("backoffLimit", &pod.backoff_limit, &d.backoff_limit);
    keys.unless("replicas", &pod.replicas, &d.replicas);
    match pod.restart_policy {
        RestartPolicy::Always => {}
        RestartPolicy::OnFailure => keys.put("restartPolicy", "OnFailure"),
        RestartPolicy::Never => keys.put("restartPolicy", "Never"),
    }
    keys.some("priority", spec.priority.as_ref());
    keys.unless("priorityClassName", &*spec.priority_class_name, "");
    keys.some("terminationGracePeriodSeconds", spec.termination_grace_period_seconds.as_ref());
    if let Some(own) = &spec.resources {
        keys.put("resources", &resources(own));
    }
    keys.some("overhead", spec.overhead.as_ref());
    if !pod.housekeeping.is_empty() {
        keys.put("housekeeping", &*pod.housekeeping);
    }
    if !pod.restart_jitter_permille.is_empty() {
        keys.put("restartJitterPermille", &*pod.restart_jitter_permille);
    }
    if !spec.tolerations.is_empty() {
        keys.put("toleration", &spec.tolerations.iter().map(toleration).collect::<Vec<_>>());
    }
    if let Some(own) = &pod.recommender {
        let (mut inner, d) = (Keys::default(), Recommender::default());
        inner.unless("bumpPercent", &own.bump_percent, &d.bump_percent);
        inner.unless("minBump", &own.least_bump, &d.least_bump);
        inner.some("maxAllowed", own.max_allowed.as_ref());
        inner.unless("after", &own.after, &d.after);
        keys.put("recommender", &inner);
    }
    if !pod.volumes.is_empty() {
        keys.put("volume", &pod.volumes.iter().map(volume).collect::<Vec<_>>());
    }
    let mut table = keys.into_table();
    let plan_of = |name: &str| pod.containers.iter().find(|plan| *plan.name == *name);
    let regular = spec.containers.iter().map(|spec| container(spec, plan_of(&spec.name)));
    let init = spec.init_containers.iter().map(|spec| container(spec, plan_of(&spec.name)));
    for (key, tables) in
        [("container", regular.collect::<ArrayOfTables>()), ("initContainer", init.collect::<ArrayOfTables>())]
    {
        if !tables.is_empty() {
            table.insert(key, Item::ArrayOfTables(tables));
        }
    }
    table
}

fn container(spec: &ContainerSpec, plan: Option<&ContainerPlan>) -> Table {
    let mut keys = Keys::default();
    keys.put("name", &spec.name);
    if spec.restarts_always() {
        keys.put("restartPolicy", "Always");
    }
    let amounts = resources(&spec.resources);
    keys.table("resources", amounts);
    let Some(plan) = plan else { return keys.into_table() };
    let pid1 = ProcessPlan::pid1(&plan.name);
    let first = match plan.pid_namespace {
        true => pid1,
        false => ProcessPlan { term: TermReaction::Default, ..pid1 },
    };
    if !plan.pid_namespace {
        keys.put("pidNamespace", &false);
    }
    match plan.pre_stop {
        Some(PreStop::Sleep(takes)) => keys.put("preStop", &takes),
        Some(PreStop::Exec { takes, code }) => {
            let mut inner = Keys::default();
            inner.put("exec", &takes);
            inner.unless("exitCode", &i64::from(code), &0);
            keys.put("preStop", &inner);
        }
        None => {}
    }
    if plan.restarts_on_resize {
        keys.put("resizePolicy", "RestartContainer");
    }
    for own in &plan.probes {
        keys.put(own.kind.field(), &probe(own));
    }
    let mut processes = plan.processes.iter();
    if let Some(own) = processes.next() {
        process(&mut keys, own, &first);
    }
    let mut table = keys.into_table();
    let others = processes.map(|own| {
        let mut keys = Keys::default();
        keys.put("comm", &own.comm);
        let idle = ProcessPlan::idle(&own.comm);
        process(&mut keys, own, &idle);
        keys.into_table()
    });
    let others: ArrayOfTables = others.collect();
    if !others.is_empty() {
        table.insert("process", Item::ArrayOfTables(others));
    }
    table
}

fn earlier(keys: &mut Keys, earlier: Option<&Earlier>) {
    let Some(earlier) = earlier else { return };
    keys.put("age", &earlier.age);
    let mut counts = Keys::default();
    earlier.restarts.iter().for_each(|(name, count)| counts.put(name, count));
    if !counts.is_empty() {
        keys.table("restartCount", counts);
    }
}

pub(super) fn resources(resources: &ResourceRequirements) -> Keys {
    let mut keys = Keys::default();
    for (key, list) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        if !list.is_empty() {
            keys.put(key, list);
        }
    }
    keys
}

fn probe(probe: &ProbePlan) -> Keys {
    let d = ProbePlan::new(probe.kind, probe.handler.clone());
    let (mut keys, mut how) = (Keys::default(), Keys::default());
    let handler = match &probe.handler {
        ProbeHandler::Exec(command) => {
            how.put("command", &[&**command][..]);
            "exec"
        }
        ProbeHandler::Http { port, path } => {
            how.put("port", port);
            how.put("path", path);
            "httpGet"
        }
        ProbeHandler::Tcp(port) => {
            how.put("port", port);
            "tcpSocket"
        }
        ProbeHandler::Grpc(port) => {
            how.put("port", port);
            "grpc"
        }
    };
    keys.put(handler, &how);
    keys.unless("initialDelaySeconds", &probe.initial_delay.as_secs(), &d.initial_delay.as_secs());
    keys.unless("periodSeconds", &probe.period.as_secs(), &d.period.as_secs());
    keys.unless("timeoutSeconds", &probe.timeout.as_secs(), &d.timeout.as_secs());
    keys.unless("failureThreshold", &probe.failure_threshold, &d.failure_threshold);
    keys.unless("successThreshold", &probe.success_threshold, &d.success_threshold);
    keys.some("terminationGracePeriodSeconds", probe.grace_seconds.as_ref());
    keys
}

fn toleration(toleration: &Toleration) -> Keys {
    let mut keys = Keys::default();
    for (key, text) in [
        ("key", &toleration.key),
        ("operator", &toleration.operator),
        ("value", &toleration.value),
        ("effect", &toleration.effect),
    ] {
        keys.unless(key, text.as_str(), "");
    }
    keys.some("tolerationSeconds", toleration.toleration_seconds.as_ref());
    keys
}

fn volume(volume: &VolumePlan) -> Keys {
    let mut keys = Keys::default();
    keys.put("name", &volume.name);
    keys.some("sizeLimit", volume.size_limit.as_ref());
    keys
}
