//! `[[pod.container]]`, `[[pod.initContainer]]`: resources, and the processes that run in them.

use super::pod::PodDraft;
use super::probe;
use super::process::process_keys;
use super::resources::resources;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, dns_name, duration, integer, one_of};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::{ContainerSpec, RestartPolicy};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{ContainerPlan, PreStop, ProcessPlan};
use oomsim_core::workload::TermReaction;
use std::sync::Arc;

/// Reads the containers of a table into the plans that it stands for: one without containers gets them, those of a
/// manifest get the keys that are given.
pub(crate) fn containers(t: &mut TableReader<'_>, plans: &mut [PodDraft]) {
    let p = t.problems();
    let (regular, init) = (t.items("container"), t.items("initContainer"));
    let from_manifest = plans.iter().any(|pod| !pod.plan.spec.containers.is_empty());
    if !from_manifest && t.get("container").is_none_or(|v| v.items().is_some_and(<[_]>::is_empty)) {
        p.error(t.at(), "a pod needs at least one `[[pod.container]]`");
    }
    report_twins(p, regular.iter().chain(init));
    for (tables, is_init) in [(regular, false), (init, true)] {
        for table in tables {
            container(p, table, is_init, from_manifest, plans);
        }
    }
}

/// What is said of a second container with a name.
pub(super) fn twin(name: &str) -> String {
    format!("the pod has two containers with the name `{name}`")
}

fn report_twins<'a>(p: &Problems, tables: impl Iterator<Item = &'a Value>) {
    let mut seen: Vec<&str> = Vec::new();
    for table in tables {
        let Some(name) = table.get("name") else { continue };
        match name.as_text() {
            Some(text) if seen.contains(&text) => {
                p.error(&name.at, twin(text));
            }
            text => seen.extend(text),
        }
    }
}

fn container(p: &Problems, value: &Value, is_init: bool, from_manifest: bool, plans: &mut [PodDraft]) {
    let spec = if is_init { &tables::INIT_CONTAINER } else { &tables::CONTAINER };
    let Some(mut t) = TableReader::open(p, spec, value) else { return };
    let name_at = t.get("name").map_or(&value.at, |v| &v.at);
    let Some(name) = t.required("name", dns_name) else { return drop(t.rest()) };
    let known = |pod: &PodDraft| pod.plan.spec.all_containers().any(|c| c.name == name);
    if from_manifest && !plans.iter().any(known) {
        let legal: Vec<Name> =
            plans.iter().flat_map(|pod| pod.plan.spec.all_containers()).map(|c| c.name.clone()).collect();
        p.unknown(name_at, "container", &name, legal.iter().map(|name| &**name));
        t.rest();
        return;
    }
    let resources = t.optional("resources", resources);
    let always = [("Always", RestartPolicy::Always)];
    let restarts = if is_init { t.optional("restartPolicy", one_of("restartPolicy", &always)) } else { None };
    // The first process of the plan that has this container is the pattern that the keys change.
    let pattern = plans.iter().flat_map(|pod| &pod.plan.containers).find(|c| c.name == name);
    let pattern = pattern.and_then(|c| c.processes.first().cloned());
    let pattern = pattern.unwrap_or_else(|| ProcessPlan::pid1(&name));
    let pid_namespace = t.or("pidNamespace", true, boolean);
    let pre_stop = t.optional("preStop", pre_stop);
    let probes = probe::of_table(&mut t);
    let policies = [("NotRequired", false), ("RestartContainer", true)];
    let on_resize = t.optional("resizePolicy", one_of("resizePolicy", &policies));
    let pattern = if pid_namespace { pattern } else { ProcessPlan { term: TermReaction::Default, ..pattern } };
    let mut processes = vec![process_keys(&mut t, pattern)];
    for table in t.items("process") {
        if let Some(mut inner) = TableReader::open(p, &tables::PROCESS, table) {
            if inner.get("comm").is_none() {
                p.error(&table.at, "`comm` is missing in [[pod.container.process]]");
            }
            processes.push(process_keys(&mut inner, ProcessPlan::idle(&name)));
            inner.finish();
        }
    }
    t.finish();
    for PodDraft { plan, places, .. } in plans.iter_mut() {
        places.insert(name.to_string(), value.at.clone());
        if !from_manifest {
            let spec = ContainerSpec { restart_policy: restarts, ..ContainerSpec::new(&name) };
            if is_init {
                plan.spec.init_containers.push(spec);
            } else {
                Arc::make_mut(&mut plan.spec.containers).push(spec);
            }
            let (name, processes) = (name.clone(), Vec::new());
            let (pre_stop, probes, restarts_on_resize) = (None, Vec::new(), false);
            let plain = ContainerPlan { name, processes, pid_namespace, pre_stop, probes, restarts_on_resize };
            plan.containers.push(plain);
        }
        let own = Arc::make_mut(&mut plan.spec.containers);
        let lists = own.iter_mut().chain(&mut plan.spec.init_containers);
        if let (Some(spec), Some(resources)) = (lists.into_iter().find(|c| c.name == name), &resources) {
            spec.resources = resources.clone();
        }
        if let Some(container) = plan.containers.iter_mut().find(|c| c.name == name) {
            container.processes.clone_from(&processes);
            container.pid_namespace = pid_namespace;
            container.pre_stop = pre_stop.or(container.pre_stop);
            for probe in &probes {
                container.probes.retain(|known| known.kind != probe.kind);
                container.probes.push(probe.clone());
            }
            container.probes.sort_by_key(|probe| probe.kind);
            container.restarts_on_resize = on_resize.unwrap_or(container.restarts_on_resize);
        }
    }
}

/// `"5s"` of `sleep`, or `{ exec = "5s", exitCode = 1 }`.
fn pre_stop(p: &Problems, value: &Value) -> Option<PreStop> {
    if !matches!(value.kind, ValueKind::Table(_)) {
        return duration(p, value).map(PreStop::Sleep);
    }
    let mut t = TableReader::open(p, &tables::PRE_STOP, value)?;
    let takes = t.required("exec", duration);
    let code = t.or("exitCode", 0, integer(0, 255));
    t.finish();
    takes.map(|takes| PreStop::Exec { takes, code })
}
