//! `[[pod.container]]`, `[[pod.initContainer]]`: resources, and the processes that run in them.

use super::pod::PodDraft;
use super::probe;
use super::process::process_keys;
use super::resources::resources;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, dns_name, duration, integer, one_of};
use crate::source::Location;
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::kubelet::{ContainerSpec, ResourceRequirements, RestartPolicy};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{ContainerPlan, PodPlan, PreStop, ProbePlan, ProcessPlan};
use oomsim_core::workload::TermReaction;
use std::collections::{BTreeMap, BTreeSet};
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
    report_twins(p, regular.iter().chain(init).filter_map(|table| table.get("name")));
    let tables = || regular.iter().map(|table| (table, false)).chain(init.iter().map(|table| (table, true)));
    let known = from_manifest.then(|| known(plans));
    let given: Vec<Given> =
        tables().filter_map(|(table, is_init)| container(p, table, is_init, known.as_ref())).collect();
    let by_name: BTreeMap<&str, &Given> = given.iter().map(|container| (&*container.name, container)).collect();
    for pod in plans {
        pod.places.extend(given.iter().map(|container| (container.name.to_string(), container.at.clone())));
        if !from_manifest {
            given.iter().for_each(|container| container.add_to(&mut pod.plan));
        }
        let own = Arc::make_mut(&mut pod.plan.spec.containers).iter_mut();
        for spec in own.chain(&mut pod.plan.spec.init_containers) {
            if let Some(resources) = by_name.get(&*spec.name).and_then(|given| given.resources.as_ref()) {
                spec.resources.clone_from(resources);
            }
        }
        for plan in &mut pod.plan.containers {
            by_name.get(&*plan.name).into_iter().for_each(|given| given.change(plan));
        }
    }
}

/// Containers of a manifest by name, with the first process of the first one: the pattern that keys change.
fn known(plans: &[PodDraft]) -> BTreeMap<Name, Option<ProcessPlan>> {
    let mut known = BTreeMap::new();
    for container in plans.iter().flat_map(|pod| &pod.plan.containers) {
        known.entry(container.name.clone()).or_insert_with(|| container.processes.first().cloned());
    }
    known
}

/// Reports each container but the first with a name, of the values that name the containers of a pod: the API server
/// refuses such a pod.
pub(super) fn report_twins<'a>(p: &Problems, names: impl Iterator<Item = &'a Value>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if let Some(text) = name.as_text().filter(|text| !seen.insert(*text)) {
            p.error(&name.at, format!("the pod has two containers with the name `{text}`"));
        }
    }
}

/// What a table says of a container.
struct Given {
    name: Name,
    at: Location,
    is_init: bool,
    restart_policy: Option<RestartPolicy>,
    resources: Option<ResourceRequirements>,
    pid_namespace: bool,
    pre_stop: Option<PreStop>,
    probes: Vec<ProbePlan>,
    restarts_on_resize: Option<bool>,
    processes: Vec<ProcessPlan>,
}

/// Reads a table; `known` are the containers that a manifest has.
fn container(
    p: &Problems,
    value: &Value,
    is_init: bool,
    known: Option<&BTreeMap<Name, Option<ProcessPlan>>>,
) -> Option<Given> {
    let spec = if is_init { &tables::INIT_CONTAINER } else { &tables::CONTAINER };
    let mut t = TableReader::open(p, spec, value)?;
    let name_at = t.get("name").map_or(&value.at, |v| &v.at);
    let Some(name) = t.required("name", dns_name) else {
        t.rest();
        return None;
    };
    if let Some(known) = known.filter(|known| !known.contains_key(&name)) {
        p.unknown(name_at, "container", &name, known.keys().map(|name| &**name));
        t.rest();
        return None;
    }
    let resources = t.optional("resources", resources);
    let always = [("Always", RestartPolicy::Always)];
    let restart_policy = if is_init { t.optional("restartPolicy", one_of("restartPolicy", &always)) } else { None };
    let pattern = known.and_then(|known| known.get(&name)?.clone()).unwrap_or_else(|| ProcessPlan::pid1(&name));
    let pid_namespace = t.or("pidNamespace", true, boolean);
    let pre_stop = t.optional("preStop", pre_stop);
    let probes = probe::of_table(&mut t);
    let policies = [("NotRequired", false), ("RestartContainer", true)];
    let restarts_on_resize = t.optional("resizePolicy", one_of("resizePolicy", &policies));
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
    Some(Given {
        name,
        at: value.at.clone(),
        is_init,
        restart_policy,
        resources,
        pid_namespace,
        pre_stop,
        probes,
        restarts_on_resize,
        processes,
    })
}

impl Given {
    /// Gives a pod this container, of which nothing is said yet.
    fn add_to(&self, pod: &mut PodPlan) {
        let spec = ContainerSpec { restart_policy: self.restart_policy, ..ContainerSpec::new(&self.name) };
        if self.is_init {
            pod.spec.init_containers.push(spec);
        } else {
            Arc::make_mut(&mut pod.spec.containers).push(spec);
        }
        pod.containers.push(ContainerPlan {
            name: self.name.clone(),
            processes: Vec::new(),
            pid_namespace: self.pid_namespace,
            pre_stop: None,
            probes: Vec::new(),
            restarts_on_resize: false,
        });
    }

    /// Changes what is given; what a manifest says and the table does not stays.
    fn change(&self, container: &mut ContainerPlan) {
        container.processes.clone_from(&self.processes);
        container.pid_namespace = self.pid_namespace;
        container.pre_stop = self.pre_stop.or(container.pre_stop);
        for probe in &self.probes {
            container.probes.retain(|known| known.kind != probe.kind);
            container.probes.push(probe.clone());
        }
        container.probes.sort_by_key(|probe| probe.kind);
        container.restarts_on_resize = self.restarts_on_resize.unwrap_or(container.restarts_on_resize);
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
