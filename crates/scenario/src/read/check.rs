//! What tables say about each other: times within the run, names that exist, containers that do something.

use super::injection::pod_name;
use super::known::Names;
use crate::diagnostic::Diagnostic;
use crate::kinds::Here;
use crate::names::quoted_list;
use crate::reader::Problems;
use crate::scalar::name;
use crate::source::Location;
use crate::value::Value;
use oomsim_core::kubelet::RestartPolicy;
use oomsim_core::plan::{Controller, PodPlan, ProcessPlan, Scenario};
use oomsim_core::record::expect::{Check, EventMatch, Expectation, Pattern};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, ScriptOp};
use std::collections::{BTreeMap, BTreeSet};

/// Most samples of a run.
const MAX_SAMPLES: u64 = 10_000_000;
/// Most rounds of what one program does again and again, and most of those that fork: each is an event, and a child
/// stays.
const MAX_ROUNDS: u64 = 10_000_000;
const MAX_FORKS: u64 = 100_000;
/// Most that one program reads and writes of files in a run, and at once: 256 TiB is a GiB each second for three days,
/// and what is done at once is done again by each restart.
const MAX_FILES: Bytes = Bytes::gib(256 << 10);
const MAX_FILES_AT_ONCE: Bytes = Bytes::gib(16 << 10);

/// Checks a scenario against itself; `root` is where it comes from.
pub(crate) fn check(p: &Problems, root: &Value, scenario: &Scenario, here: &Here<'_>) {
    if scenario.duration.as_nanos() / scenario.sample_every.as_nanos().max(1) > MAX_SAMPLES {
        let at = root.get("sample").map_or(&root.at, |v| &v.at);
        p.error(at, format!("more than {MAX_SAMPLES} samples: make `sample` longer or `duration` shorter"));
    }
    let tables = |key: &str| root.get(key).and_then(Value::items).unwrap_or_default();
    for (kind, key) in [("pod", "at"), ("at", "time"), ("host", "startAfter")] {
        tables(kind).iter().for_each(|table| too_late(p, table.get(key), scenario));
    }
    let names = Names::of(scenario);
    tables("at").iter().filter(|table| here.has(table)).for_each(|table| injected_names(p, table, &names));
    for (expectation, table) in matched(&scenario.expectations, tables("expect")) {
        expected_names(p, expectation, table, &names);
    }
    let (pods, hosts) = (Tables::of(tables("pod"), &root.at), Tables::of(tables("host"), &root.at));
    for pod in &scenario.pods {
        let at = pods.of_name(&pod.spec.name);
        volumes(p, pod, at);
        recorded_restarts(p, pod, at);
        earlier(p, pod, at);
        let processes = pod.containers.iter().flat_map(|container| &container.processes);
        processes.for_each(|process| rounds(p, &process.behavior, at, scenario));
    }
    for host in &scenario.hosts {
        rounds(p, &host.process.behavior, hosts.of_name(&host.name), scenario);
    }
    // A workload that was not understood looks like none.
    if p.errors() > 0 {
        return;
    }
    idle_containers(p, scenario, &pods);
}

/// A pod that has run before comes at no time, and only containers that it has were restarted.
fn earlier(p: &Problems, pod: &PodPlan, at: &Location) {
    let Some(earlier) = &pod.earlier else { return };
    if pod.at > SimTime::ZERO || pod.at_spread > SimDuration::ZERO {
        p.error(at, "a pod with an `age` runs from the beginning: `at` and `atSpread` are for pods that come later");
    }
    let names: BTreeSet<&str> = pod.containers.iter().map(|container| &*container.name).collect();
    for name in earlier.restarts.keys().filter(|name| !names.contains(&***name)) {
        p.unknown(at, "container in `restartCount`", name, names.iter().copied());
    }
}

/// Curves whose process ends in the recording, where none takes its place.
fn recorded_restarts(p: &Problems, pod: &PodPlan, at: &Location) {
    let restarts = |process: &ProcessPlan| matches!(&*process.behavior, Behavior::Trace(trace) if trace.restarts());
    for container in &pod.containers {
        let name = &container.name;
        if let Some(process) = container.processes.iter().skip(1).find(|process| restarts(process)) {
            let comm = &process.comm;
            let problem = format!("`{comm}` in container `{name}`: only a container's first process is started again");
            p.push(Diagnostic::error(at, problem).help("give the curve with `restart` to the container itself"));
        }
        let ends = container.processes.first().is_some_and(restarts) && pod.restart_policy == RestartPolicy::Never;
        if ends {
            let problem = format!("the curve of container `{name}` has a restart, and its restartPolicy is Never");
            p.push(Diagnostic::warning(at, format!("{problem}: it ends there for good")));
        }
    }
}

/// Expectations with their tables, by line.
fn matched<'a>(
    expectations: &'a [Expectation],
    tables: &'a [Value],
) -> impl Iterator<Item = (&'a Expectation, &'a Value)> {
    let tables: BTreeMap<usize, &Value> = tables.iter().rev().map(|table| (table.at.line(), table)).collect();
    expectations.iter().filter_map(move |e| Some((e, *tables.get(&e.line)?)))
}

fn too_late(p: &Problems, value: Option<&Value>, scenario: &Scenario) {
    let silent = Problems::default();
    let Some(value) = value else { return };
    let Some(at) = crate::scalar::time(&silent, value) else { return };
    if at > SimTime::ZERO.saturating_add(scenario.duration) {
        p.warn(&value.at, format!("this never happens, because the run ends at {}", scenario.duration));
    }
}

fn expected_names(p: &Problems, expectation: &Expectation, table: &Value, names: &Names<'_>) {
    let at = |path: &[&str]| path.iter().try_fold(table, |value, key| value.get(key)).map(|value| &value.at);
    let event = |what: &EventMatch, under: &[&str]| {
        let place = |key| at(&[under, &[key]].concat());
        names.pod(p, what.pod.as_ref(), place("pod"));
        names.container(p, what.container.as_ref(), place("container"));
        names.process(p, what.comm.as_ref(), place("comm"));
    };
    match &expectation.check {
        Check::Event(check) => {
            event(&check.what, &[]);
            check.after.iter().for_each(|relation| event(&relation.other, &["after"]));
            check.before.iter().for_each(|relation| event(&relation.other, &["before"]));
        }
        Check::Pod(check) => names.pod(p, Some(&check.pod), at(&["final", "pod"])),
        Check::Process(check) => {
            names.process(p, Some(&check.comm), at(&["final", "process"]));
            names.pod(p, check.pod.as_ref(), at(&["final", "pod"]));
        }
        Check::Series(check) => names.pod(p, check.pod.as_ref(), at(&["pod"])),
        Check::Why(check) => {
            names.pod(p, check.pod.as_ref(), at(&["pod"]));
            names.container(p, check.container.as_ref(), at(&["container"]));
            names.process(p, check.comm.as_ref(), at(&["comm"]));
        }
        Check::Condition(_) | Check::Total(_) => {}
    }
}

/// What a change from outside names is there.
fn injected_names(p: &Problems, table: &Value, names: &Names<'_>) {
    let processes = ["process", "fork"].into_iter().filter_map(|key| table.get(key));
    for value in processes {
        let process = name(&Problems::default(), value).map(|name| Pattern::from(&*name));
        names.process(p, process.as_ref(), Some(&value.at));
    }
    // A clock that is delayed may be that of a pod which comes later.
    let pod = if table.get("delay").is_none() { "pod" } else { "" };
    for key in ["scale", "roll", "deletePod", pod] {
        let Some(value) = table.get(key) else { continue };
        let Some(full_name) = pod_name(&Problems::default(), value) else { continue };
        names.pod(p, Some(&Pattern::from(&*full_name)), Some(&value.at));
        let Some(plan) = names.plan(&full_name) else { continue };
        match key {
            "pod" => injected_container(p, table.get("container"), plan),
            "roll" if plan.controller == Controller::None => {
                let given = value.as_text().unwrap_or_default();
                let message = format!("nothing replaces the pods of `{given}`: it has no controller");
                let help = "add `controller = \"Deployment\"` to the pod, or use `deletePod`";
                p.push(Diagnostic::warning(&value.at, message).help(help));
            }
            _ => {}
        }
    }
}

/// The container that a change of a pod names is one of its own.
fn injected_container(p: &Problems, value: Option<&Value>, pod: &PodPlan) {
    let names = || pod.containers.iter().map(|own| &*own.name);
    if let Some((value, name)) = value.and_then(|value| Some((value, name(&Problems::default(), value)?)))
        && names().all(|own| *own != *name)
    {
        p.unknown(&value.at, "container", &name, names());
    }
}

/// Scripts name volumes of their pod.
fn volumes(p: &Problems, pod: &PodPlan, at: &Location) {
    let volumes: BTreeSet<&str> = pod.volumes.iter().map(|volume| &*volume.name).collect();
    let processes = pod.containers.iter().flat_map(|container| &container.processes);
    for process in processes {
        let Behavior::Script(script) = &*process.behavior else { continue };
        for op in &script.ops {
            if let ScriptOp::Tmpfs { volume, .. } = op
                && !volumes.contains(&**volume)
            {
                p.absent(at, "memory volume", volume, volumes.iter().copied());
            }
        }
    }
}

/// What a program does again and again comes to an end with the run.
fn rounds(p: &Problems, behavior: &Behavior, at: &Location, scenario: &Scenario) {
    let machine = &scenario.node.kernel;
    let memory = Bytes::new(machine.mem_total.get().saturating_add(machine.swap_total.get()));
    let (in_all, at_once) = (behavior.files(scenario.duration, memory), behavior.files(SimDuration::ZERO, memory));
    for (files, most, when) in [(in_all, MAX_FILES, "in one run"), (at_once, MAX_FILES_AT_ONCE, "at once")] {
        if files > most {
            let message = format!("a workload reads and writes {files} of files {when}: at most {most}");
            let help = "read less, or less often, or make `duration` shorter";
            return p.push(Diagnostic::error(at, message).help(help));
        }
    }
    for cycle in behavior.cycles() {
        let Some(rounds) = cycle.rounds(scenario.duration, memory) else { continue };
        let (most, what) = if cycle.forks { (MAX_FORKS, "forks") } else { (MAX_ROUNDS, "rounds") };
        if rounds > most {
            let problem = Diagnostic::error(at, format!("{rounds} {what} of a workload in one run: at most {most}"));
            p.push(problem.help(format!("a round takes {}: make rounds longer or `duration` shorter", cycle.lasts)));
        }
    }
}

/// Tables of one kind, by their names.
struct Tables<'a> {
    named: BTreeMap<&'a str, &'a Location>,
    /// Where what comes from a manifest is looked for: its first table, or the file.
    other: &'a Location,
}

impl<'a> Tables<'a> {
    fn of(tables: &'a [Value], root: &'a Location) -> Self {
        let mut named = BTreeMap::new();
        for table in tables {
            if let Some(name) = table.get("name").and_then(Value::as_text) {
                named.entry(name).or_insert(&table.at);
            }
        }
        let manifest = tables.iter().find(|table| table.get("manifest").is_some());
        Tables { named, other: manifest.map_or(root, |table| &table.at) }
    }

    /// The table that something comes from, as far as its name tells.
    fn of_name(&self, name: &str) -> &'a Location {
        self.named.get(name).copied().unwrap_or(self.other)
    }
}

/// A container without a workload uses no memory, which is rarely intended.
fn idle_containers(p: &Problems, scenario: &Scenario, pods: &Tables<'_>) {
    for pod in &scenario.pods {
        let idle = pod.containers.iter().filter(|container| {
            container
                .processes
                .iter()
                .all(|process| process.behavior.is_idle() && process.footprint == Default::default())
        });
        let names: Vec<&str> = idle.map(|container| &*container.name).collect();
        if !names.is_empty() {
            let at = pods.of_name(&pod.spec.name);
            let verb = if names.len() == 1 { "uses" } else { "use" };
            let message = format!("missing workload in pod {}: {} {verb} no memory", pod.spec.name, quoted_list(names));
            let kind = "missing workload in pods: their containers use no memory";
            p.push(Diagnostic::warning(at, message).help("add a `workload` or a `footprint`").of_kind(kind));
        }
    }
}
