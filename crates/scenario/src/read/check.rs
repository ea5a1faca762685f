//! What tables say about each other: times within the run, names that exist, containers that do something.

use crate::diagnostic::Diagnostic;
use crate::kinds::Here;
use crate::names::{nearest, quoted_list};
use crate::reader::Problems;
use crate::source::Location;
use crate::value::Value;
use oomsim_core::kubelet::RestartPolicy;
use oomsim_core::plan::{Change, Controller, PodPlan, ProcessPlan, Scenario};
use oomsim_core::record::PAUSE_CONTAINER;
use oomsim_core::record::expect::{Check, EventMatch, Expectation, Pattern};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, ScriptOp};
use std::collections::BTreeMap;

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
    for table in tables("at").iter().filter(|table| here.has(table)) {
        injected_names(p, table, scenario);
    }
    let mut names = Names::of(scenario);
    names.sort();
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
    let names = || pod.containers.iter().map(|container| &*container.name);
    for name in earlier.restarts.keys().filter(|name| names().all(|known| known != &***name)) {
        p.unknown(at, "container in `restartCount`", name, names());
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
    let lines: Vec<usize> = tables.iter().map(|table| table.at.line()).collect();
    expectations.iter().filter_map(move |e| Some((e, &tables[lines.iter().position(|line| *line == e.line)?])))
}

fn too_late(p: &Problems, value: Option<&Value>, scenario: &Scenario) {
    let silent = Problems::default();
    let Some(value) = value else { return };
    let Some(at) = crate::scalar::time(&silent, value) else { return };
    if at > SimTime::ZERO.saturating_add(scenario.duration) {
        p.warn(&value.at, format!("this never happens, because the run ends at {}", scenario.duration));
    }
}

/// Names that expectations and injections may use.
#[derive(Default)]
struct Names {
    /// Pods by `namespace/name`; true when the real names have an ending of their own.
    pods: Vec<(String, bool)>,
    containers: Vec<String>,
    comms: Vec<String>,
}

impl Names {
    fn of(scenario: &Scenario) -> Self {
        let mut names = Names::default();
        for pod in &scenario.pods {
            let generated = pod.replicas > 1 || pod.controller != Controller::None;
            names.pods.push((format!("{}/{}", pod.namespace, pod.spec.name), generated));
            for container in &pod.containers {
                names.containers.push(container.name.to_string());
                names.comms.extend(container.processes.iter().map(|process| process.comm.to_string()));
            }
        }
        names.comms.extend(scenario.hosts.iter().map(|host| host.process.comm.to_string()));
        names
    }

    fn sort(&mut self) {
        self.containers.extend([PAUSE_CONTAINER.to_owned()]);
        self.comms.extend(["pause".to_owned()]);
        for list in [&mut self.containers, &mut self.comms] {
            list.sort();
            list.dedup();
        }
    }

    fn has_pod(&self, pattern: &Pattern) -> bool {
        self.pods.iter().any(|(pod, generated)| {
            pattern.matches_pod(pod)
                || *generated && {
                    let (namespace, name) = pod.split_once('/').unwrap_or(("", pod));
                    let (wanted_namespace, wanted) = pattern.0.split_once('/').unwrap_or((namespace, &pattern.0));
                    let stem = wanted.trim_end_matches('*');
                    wanted_namespace == namespace && (stem.starts_with(name) || name.starts_with(stem))
                }
        })
    }
}

fn expected_names(p: &Problems, expectation: &Expectation, table: &Value, names: &Names) {
    let at = |path: &[&str]| path.iter().try_fold(table, |value, key| value.get(key)).map(|value| &value.at);
    let event = |what: &EventMatch, under: &[&str]| {
        let place = |key| at(&[under, &[key]].concat());
        pod(p, what.pod.as_ref(), place("pod"), names);
        known(p, "container", what.container.as_ref(), place("container"), &names.containers);
        known(p, "process", what.comm.as_ref(), place("comm"), &names.comms);
    };
    match &expectation.check {
        Check::Event(check) => {
            event(&check.what, &[]);
            check.after.iter().for_each(|relation| event(&relation.other, &["after"]));
            check.before.iter().for_each(|relation| event(&relation.other, &["before"]));
        }
        Check::Pod(check) => pod(p, Some(&check.pod), at(&["final", "pod"]), names),
        Check::Process(check) => {
            known(p, "process", Some(&check.comm), at(&["final", "process"]), &names.comms);
            pod(p, check.pod.as_ref(), at(&["final", "pod"]), names);
        }
        Check::Series(check) => pod(p, check.pod.as_ref(), at(&["pod"]), names),
        Check::Why(check) => {
            pod(p, check.pod.as_ref(), at(&["pod"]), names);
            known(p, "container", check.container.as_ref(), at(&["container"]), &names.containers);
            known(p, "process", check.comm.as_ref(), at(&["comm"]), &names.comms);
        }
        Check::Condition(_) | Check::Total(_) => {}
    }
}

fn pod(p: &Problems, pattern: Option<&Pattern>, at: Option<&Location>, names: &Names) {
    if let (Some(pattern), Some(at)) = (pattern, at)
        && !names.has_pod(pattern)
    {
        let short = |pod: &'_ str| pod.rsplit('/').next().unwrap_or(pod).to_owned();
        let legal: Vec<String> = names.pods.iter().map(|(pod, _)| short(pod)).collect();
        report(p, "pod", &pattern.0, at, &legal);
    }
}

fn known(p: &Problems, kind: &str, pattern: Option<&Pattern>, at: Option<&Location>, legal: &[String]) {
    if let (Some(pattern), Some(at)) = (pattern, at)
        && !legal.iter().any(|name| pattern.matches(name))
    {
        report(p, kind, &pattern.0, at, legal);
    }
}

fn report(p: &Problems, kind: &str, given: &str, at: &Location, legal: &[String]) {
    // What has a wrong name has none here.
    let legal = || legal.iter().map(String::as_str).filter(|name| !name.is_empty());
    let mut problem = Diagnostic::error(at, format!("the scenario has no {kind} `{given}`"));
    if let Some(name) = nearest(given, legal()) {
        problem = problem.label(format!("did you mean `{name}`?"));
    }
    if legal().next().is_some() {
        problem = problem.help(format!("it has: {}", quoted_list(legal().take(50))));
    }
    p.push(problem);
}

fn injected_names(p: &Problems, table: &Value, scenario: &Scenario) {
    let names = Names::of(scenario);
    for injection in &scenario.injections {
        let (key, kind, wanted) = match &injection.change {
            Change::Signal { process, .. } | Change::Workload { process, .. } => ("process", "process", process),
            Change::Scale { workload, .. } => ("scale", "pod", workload),
            Change::Roll { workload, .. } => ("roll", "pod", workload),
            Change::PodCgroup { pod, .. } | Change::PodSignal { pod, .. } | Change::PodResources { pod, .. } => {
                ("pod", "pod", pod)
            }
            Change::Fork { process } => ("fork", "process", process),
            Change::DeletePod { pod } => ("deletePod", "pod", pod),
            _ => continue,
        };
        let Some(value) = table.get(key) else { continue };
        let given = value.as_text().unwrap_or_default();
        if kind == "process" && given == &**wanted {
            known(p, kind, Some(&Pattern::from(given)), Some(&value.at), &names.comms);
        } else if kind == "pod" && wanted.ends_with(given) {
            pod(p, Some(&Pattern::from(&**wanted)), Some(&value.at), &names);
            injected_container(p, table, &injection.change, scenario);
        }
        if let Change::Roll { workload, .. } = &injection.change
            && scenario.pods.iter().any(|pod| pod.full_name() == **workload && pod.controller == Controller::None)
        {
            let problem =
                Diagnostic::warning(&value.at, format!("nothing replaces the pods of `{given}`: it has no controller"));
            p.push(problem.help("add `controller = \"Deployment\"` to the pod, or use `deletePod`"));
        }
    }
}

/// The container that a change of a pod names is one of its own.
fn injected_container(p: &Problems, table: &Value, change: &Change, scenario: &Scenario) {
    let (pod, container) = match change {
        Change::PodCgroup { pod, container: Some(container), .. }
        | Change::PodSignal { pod, container: Some(container), .. }
        | Change::PodResources { pod, container, .. } => (pod, container),
        _ => return,
    };
    let (Some(value), Some(plan)) = (table.get("container"), scenario.pods.iter().find(|p| p.full_name() == **pod))
    else {
        return;
    };
    if value.as_text() == Some(container) && plan.containers.iter().all(|own| own.name != *container) {
        p.unknown(&value.at, "container", container, plan.containers.iter().map(|own| &*own.name));
    }
}

/// Scripts name volumes of their pod.
fn volumes(p: &Problems, pod: &PodPlan, at: &Location) {
    let processes = pod.containers.iter().flat_map(|container| &container.processes);
    for process in processes {
        let Behavior::Script(script) = &*process.behavior else { continue };
        for op in &script.ops {
            if let ScriptOp::Tmpfs { volume, .. } = op
                && !pod.volumes.iter().any(|v| *v.name == **volume)
            {
                let legal: Vec<String> = pod.volumes.iter().map(|v| v.name.to_string()).collect();
                report(p, "memory volume", volume, at, &legal);
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
