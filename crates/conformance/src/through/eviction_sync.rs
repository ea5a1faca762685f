//! `eviction_sync.jsonl`: a node whose pods and daemons hold, before each pass of the eviction manager, what was
//! recorded. The manager was fed with figures, among them some that no machine shows: passes go through files up to the
//! first such one.

use super::folder::{AT_ONCE, Folder, Machine};
use super::kernel::view_at;
use super::passes::{PAGE, Shown, acts, figures, has, held};
use super::pods::{api_takes, manifest};
use super::rank::{REST, without_limits};
use super::{Stop, Through};
use crate::Verdict;
use oomsim_core::node_api::PodReason;
use oomsim_core::record::{Entry, Record};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The first pass, seconds after the start.
const FIRST: f64 = 10.0;
/// Pages that one page of page tables maps.
const PER_TABLE: u64 = 512;
/// Kernel pages of a container, tried in turn: with one of them its figures are reached with whole page tables.
const MOST_KERNEL_PAGES: u64 = 8;

/// Checks one row.
pub(super) fn check(row: &Value) -> Through {
    let ticks = row["ticks"].as_array().ok_or("no ticks")?;
    let shown = Shown::of(row, ticks);
    let tells = ticks[..shown.ticks].iter().any(|tick| has(&tick["out"]["first_observed"]));
    if shown.ticks < ticks.len() && !tells {
        return Err(Stop::NotAsFiles(shown.why));
    }
    let mut run = folder(row, ticks, &shown)?.start().map_err(|why| Stop::from(why.text()))?;
    // Without a period no condition ever holds, which no configuration can say: 0 stands for the default.
    let conditions = row["config"]["pressureTransitionPeriod_s"] != 0;
    let recorded = |out| Told::recorded(out, conditions);
    let mut seen = 0;
    for (n, tick) in ticks[..shown.ticks].iter().enumerate() {
        let view = view_at(&mut run, FIRST + seconds(tick)? + 0.4)?;
        let new = &run.entries()[seen..];
        if new.iter().any(|entry| matches!(entry.record, Record::OomKill { .. })) {
            return Err(Stop::NotAsFiles("a node with less left than its page tables need"));
        }
        let pressure = view.kubelet.as_ref().map(|kubelet| kubelet.memory_pressure).filter(|_| conditions);
        let got = Told::by(new, pressure);
        seen = run.entries().len();
        let also = tick["alt"].as_array().into_iter().flatten();
        if !std::iter::once(&tick["out"]).chain(also).any(|out| recorded(out) == got) {
            return Ok(Verdict::compare(&format!("tick {n}"), &recorded(&tick["out"]), &got));
        }
    }
    Ok(Verdict::Matched)
}

/// What one pass says to the world.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    memory_pressure: Option<bool>,
    attempting_to_reclaim: bool,
    /// Pod, reason, message without the sentence about the container that the pod was given.
    evicted: Option<(String, String, String)>,
}

impl Told {
    fn by(entries: &[Entry], memory_pressure: Option<bool>) -> Told {
        let mut told = Told { memory_pressure, attempting_to_reclaim: false, evicted: None };
        for entry in entries {
            match &entry.record {
                Record::EvictionThresholdMet { .. } => told.attempting_to_reclaim = true,
                Record::Evicted { pod, message, .. } => {
                    let pod = pod.rsplit('/').next().unwrap_or_default().to_owned();
                    told.evicted = Some((pod, PodReason::Evicted.as_str().to_owned(), without_rest(message)));
                }
                _ => {}
            }
        }
        told
    }

    fn recorded(out: &Value, conditions: bool) -> Told {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let evicted = &out["evicted"];
        Told {
            memory_pressure: conditions.then(|| has(&out["node_conditions"])),
            attempting_to_reclaim: out["events"].to_string().contains("EvictionThresholdMet"),
            evicted: evicted
                .is_object()
                .then(|| (text(&evicted["pod"]), text(&evicted["reason"]), text(&evicted["message"]))),
        }
    }
}

fn without_rest(message: &str) -> String {
    let mut sentences = message.split("Container ");
    let head = sentences.next().unwrap_or_default().to_owned();
    let rest = sentences.filter(|sentence| !sentence.starts_with(REST));
    rest.fold(head, |text, sentence| text + "Container " + sentence)
}

fn seconds(tick: &Value) -> Result<f64, String> {
    tick["in"]["t"].as_f64().ok_or_else(|| "a tick without a time".to_owned())
}

/// What something holds from each pass on, with the changes between passes: what falls first, then what grows.
struct Curve {
    /// Kernel memory all the time, pages.
    kernel: u64,
    points: Vec<(f64, u64)>,
}

impl Curve {
    /// Anonymous pages that come to so many with their page tables; `None`: no number does.
    fn anon(pages: u64) -> Option<u64> {
        let anon = pages - pages.div_ceil(PER_TABLE + 1);
        (anon + anon.div_ceil(PER_TABLE) == pages).then_some(anon)
    }

    /// Holding these pages in all from these times on; `since` is when the process begins.
    fn charged(at: &[f64], pages: &[u64], since: f64) -> Result<Curve, Stop> {
        for kernel in 0..MOST_KERNEL_PAGES {
            // What holds nothing at some pass holds the kernel pages still, which matters to no one there.
            let anon = pages.iter().map(|pages| Curve::anon(pages.saturating_sub(kernel)));
            if let Some(anon) = anon.collect::<Option<Vec<u64>>>() {
                return Ok(Curve { kernel, points: Curve::steps(at, &anon, since) });
            }
        }
        Err(Stop::NotAsFiles("amounts that come to no whole number of page tables"))
    }

    fn steps(at: &[f64], pages: &[u64], since: f64) -> Vec<(f64, u64)> {
        let mut points: Vec<(f64, u64)> = Vec::new();
        for (n, (at, pages)) in at.iter().zip(pages).enumerate() {
            let before = if n == 0 { 0 } else { points.last().map_or(0, |last| last.1) };
            points.push(((at - since).max(0.0), before.min(*pages)));
            points.push(((at - since).max(0.0) + 0.1, *pages));
        }
        points
    }

    /// What it holds at each pass, without page tables and kernel memory.
    fn anon_pages(&self) -> impl Iterator<Item = u64> {
        self.points.iter().skip(1).step_by(2).map(|point| point.1)
    }

    fn toml(&self) -> String {
        let points: Vec<String> =
            self.points.iter().map(|(at, pages)| format!("[\"{:.0}ms\", {}]", at * 1000.0, pages * PAGE)).collect();
        format!(
            "footprint.kernel = {}\nworkload.trace = {{ linear = false, points = [{}] }}\n",
            self.kernel * PAGE,
            points.join(", ")
        )
    }
}

/// When memory changes before each pass: half-way from the one before.
fn changes(ticks: &[Value]) -> Result<Vec<f64>, String> {
    let at: Vec<f64> = ticks.iter().map(|tick| seconds(tick).map(|t| FIRST + t)).collect::<Result<_, _>>()?;
    let before = std::iter::once(FIRST - 2.0).chain(at.iter().copied());
    Ok(before.zip(&at).map(|(before, at)| (before + at) / 2.0).collect())
}

fn folder(row: &Value, ticks: &[Value], shown: &Shown<'_>) -> Result<Folder, Stop> {
    let ticks = &ticks[..shown.ticks];
    let at = changes(ticks)?;
    let capacity = row["capacity"].as_u64().ok_or("no capacity")?;
    let (config, passes) = (config(row, ticks, shown.below_pods, capacity), passes(ticks)?);
    let machine = Machine {
        sysctl: vec![("vm.min_free_kbytes", 64)],
        more: AT_ONCE.to_owned() + "pause = { kernel = 0 }\nexit = { base = \"0s\", perGiB = \"0s\" }\n",
        ..Machine::new(capacity)
    };
    let end = FIRST + ticks.last().map_or(Ok(0.0), seconds)? + 0.8;
    let mut folder = Folder::new(&machine, &format!("{end:.1}s")).kubelet(config, &passes);
    let (mut node, mut pods) = (Vec::new(), Vec::new());
    for tick in ticks {
        let (on_node, below_pods) = held(tick);
        node.push(on_node / PAGE);
        pods.push(below_pods.filter(|_| shown.below_pods).unwrap_or(0) / PAGE);
    }
    for pod in row["pods"].as_array().ok_or("no pods")? {
        api_takes(pod)?;
        let name = pod["name"].as_str().ok_or("a pod without a name")?;
        let Some(stay) = shown.there.get(name).filter(|stay| stay.from < ticks.len()) else { continue };
        let since = if stay.from == 0 { 0.0 } else { at[stay.from] - 0.2 };
        let (manifest, lines) = with_figures(pod, ticks, shown, (&at, since), (&mut node, &mut pods))?;
        folder = folder.pod(&manifest, &format!("at = \"{:.0}ms\"\nadmitted = true\n{lines}", since * 1000.0));
        if let Some(gone) = stay.gone.filter(|gone| *gone < ticks.len() && !stay.evicted) {
            let _ = write!(
                folder.scenario,
                "[[at]]\ntime = \"{:.0}ms\"\ndeletePod = \"{name}\"\n",
                (at[gone] - 0.2) * 1000.0
            );
        }
    }
    let others = Curve::charged(&at, &pods, 0.0)?;
    for (node, anon) in node.iter_mut().zip(others.anon_pages()) {
        *node = node.saturating_sub(anon);
    }
    let daemons = Curve { kernel: 0, points: Curve::steps(&at, &node, 0.0) };
    Ok(folder
        .with(&format!("[[host]]\nname = \"others\"\ncgroup = \"/kubepods/others\"\n{}", others.toml()))
        .with(&format!("[[host]]\nname = \"daemons\"\n{}", daemons.toml())))
}

/// The configuration, with everything reserved that the pods' cgroup did not have.
fn config(row: &Value, ticks: &[Value], below_pods: bool, capacity: u64) -> Value {
    let mut config = row["config"].clone();
    let period = config["pressureTransitionPeriod_s"].take();
    if let Some(fields) = config.as_object_mut() {
        fields.remove("pressureTransitionPeriod_s");
        let period = if period == 0 { "1ms".to_owned() } else { format!("{period}s") };
        fields.insert("evictionPressureTransitionPeriod".into(), period.into());
        let limits = ticks.iter().filter_map(|tick| {
            let pods = &tick["in"]["pods_cgroup"];
            Some(pods["available"].as_u64()?.saturating_add(pods["working_set"].as_u64()?) / PAGE * PAGE)
        });
        if let Some(limit) = limits.max().filter(|_| below_pods) {
            let reserved = capacity.saturating_sub(limit).to_string();
            fields.insert("kubeReserved".into(), json!({ "memory": reserved }));
        }
    }
    config
}

fn passes(ticks: &[Value]) -> Result<String, String> {
    // The one after the last comes when the run is over.
    let at = ticks.iter().map(seconds).chain([Ok(1e6)]);
    let at: Result<Vec<String>, String> = at.map(|t| Ok(format!("\"{:.0}ms\"", (FIRST + t?) * 1000.0))).collect();
    Ok(format!(
        "passes = [{}]\n[kubelet.timing]\ncleanupPoll = \"50ms\"\nrelistPeriod = \"0s\"\nhousekeeping.fresh = true\n",
        at?.join(", ")
    ))
}

/// The pod's manifest and the tables that make it hold what was recorded; what it holds is taken from `left`, the
/// pages of the node and of all pods.
fn with_figures(
    pod: &Value,
    ticks: &[Value],
    shown: &Shown<'_>,
    (at, since): (&[f64], f64),
    (node, pods): (&mut [u64], &mut [u64]),
) -> Result<(Value, String), Stop> {
    let name = pod["name"].as_str().unwrap_or_default();
    let mut holds: BTreeMap<&str, Vec<u64>> = BTreeMap::from([(REST, vec![0; ticks.len()])]);
    for (n, tick) in ticks.iter().enumerate().filter(|(n, tick)| acts(tick) && shown.is_there(name, *n)) {
        let (whole, containers) = figures(&tick["in"]["pod_stats"][name]).ok_or("no figures")?;
        let mut rest = whole / PAGE;
        for (container, bytes) in containers {
            holds.entry(container).or_insert_with(|| vec![0; ticks.len()])[n] = bytes / PAGE;
            rest -= bytes / PAGE;
        }
        if let Some(pages) = holds.get_mut(REST) {
            pages[n] = rest;
        }
    }
    let mut manifest = manifest(&without_limits(pod));
    if let Some(containers) = manifest["spec"]["containers"].as_array_mut() {
        containers.push(json!({ "name": REST, "image": "x" }));
    }
    let mut lines = String::new();
    let from = at.iter().position(|at| *at >= since).unwrap_or(at.len());
    for (container, pages) in &holds {
        let curve = Curve::charged(&at[from..], &pages[from..], since)?;
        for (n, anon) in (from..).zip(curve.anon_pages()).filter(|(n, _)| shown.is_there(name, *n)) {
            pods[n] = pods[n].saturating_sub(pages[n].max(curve.kernel));
            node[n] = node[n].saturating_sub(anon);
        }
        let sidecar = pod["initContainers"].as_array().is_some_and(|list| list.iter().any(|c| c["name"] == *container));
        let table = if sidecar { "initContainer" } else { "container" };
        let _ = write!(lines, "[[pod.{table}]]\nname = \"{container}\"\nonTerm = \"dies\"\n{}", curve.toml());
    }
    Ok((manifest, lines))
}
