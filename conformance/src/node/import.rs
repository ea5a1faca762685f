//! From a story to a scenario that a person can read and run.
//!
//! Nothing here is chosen per story: a scenario is made of the story's inputs, of what the node held at T0, and of the
//! named defaults below, which are taken from all recordings together.

use super::program;
use super::script::{Clock, Script, seconds};
use super::story::{Container, Pod, Proc, Story};
use std::collections::BTreeMap;
use std::fmt::Write;

const MIB: i64 = 1 << 20;
const PAGE: i64 = 4096;

/// Program text of the recordings' agent that was locked in memory (SCHEMA, `agent_text_mlocked`).
const AGENT_TEXT: i64 = 53 * MIB;
/// The agent's heap grows by so much after T0 (median over the stories without host processes: 2.0 MiB within 10 s,
/// 2.3 MiB from then on).
const AGENT_GROWTH: i64 = 2 * MIB;
/// … within this many seconds.
const AGENT_GROWTH_S: u32 = 10;
/// Memory that is neither free nor counted by the kubelet nor listed as unreclaimable kernel memory: reclaimable slab,
/// per-CPU areas. `MemTotal − MemFree − root usage − unreclaimable` of the recorded rows with MemFree below 50 MiB, where
/// next to nothing is left in per-CPU lists: 19.0 MiB on 6.1 …
const UNLISTED_6_1: i64 = 19 * MIB;
/// … and on 6.12 10.3 MiB (lower quartile; the rows with more have pages in the lists of the other CPU).
const UNLISTED_6_12: i64 = 103 * MIB / 10;
/// What a worker has in its RSS besides its blocks, charged elsewhere: its program (163 pages) and what it inherited
/// from the agent (14 pages; median of the OOM reports' task tables on 6.12).
const WORKER_RSS: i64 = 177 * PAGE;
/// What a worker costs its cgroup besides its blocks and their page tables, and what a pause process costs (pod usage
/// less blocks and page tables, median over 327 pods: 10 pages).
const WORKER_KERNEL: i64 = 3 * PAGE;
/// A pause process's charge.
const PAUSE_KERNEL: i64 = 7 * PAGE;
/// A pause process's RSS, charged elsewhere (task tables on 6.12).
const PAUSE_RSS: i64 = 163 * PAGE;
/// A pass of the eviction manager, median: with instruction counting …
const PASS_ICOUNT: &str = "9ms";
/// … and emulated in real time.
const PASS_REAL_TIME: &str = "50ms";

/// A small change of what a recording cannot pin down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// Rates after T0, in thousandths: those of the first, third, … process of the story, and those of the others.
    pub rate_permille: [i32; 2],
    /// The manager's phase, in milliseconds.
    pub phase_ms: i32,
    /// Pages of kernel memory that a worker costs more: the same two halves.
    pub pages: [i64; 2],
}

impl Disturbance {
    /// None.
    pub const NONE: Disturbance = Disturbance { rate_permille: [0; 2], phase_ms: 0, pages: [0; 2] };
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |permille: i32| format!("{:+} %", permille / 10);
        match (self.rate_permille, self.phase_ms, self.pages) {
            ([0, 0], 0, [a, b]) => write!(f, "{a} and {b} pages more a process"),
            ([0, 0], ms, _) => write!(f, "phase {ms:+} ms"),
            ([a, b], ..) if a == b => write!(f, "rates {}", percent(a)),
            ([a, b], ..) => write!(f, "rates {} and {} by turns", percent(a), percent(b)),
        }
    }
}

/// T0 in the scenario's time: everything that was recorded before it comes after the scenario's beginning.
pub fn t0(story: &Story) -> f64 {
    let starts = story.alloc_curves.iter().filter_map(|c| c.pts.first()).map(|p| p.0);
    let samples = story.passes.iter().flat_map(|p| p.pods.values()).filter_map(|f| f.time);
    let passes = story.passes.iter().map(|p| p.t);
    let first = starts.chain(samples).chain(passes).fold(0.0, f64::min);
    (-first).ceil().clamp(0.0, 3600.0) + 1.0
}

/// The scenario of a story.
///
/// # Errors
/// What of the story is not understood.
pub fn scenario(story: &Story, disturbance: Disturbance) -> Result<String, String> {
    let t0 = t0(story);
    let mut clock = Clock { t0, rate: disturbance.rate_permille.map(|r| 1.0 + f64::from(r) / 1000.0), turn: 0 };
    let pages = disturbance.pages;
    let first = story.series.rows.first().ok_or("the story has no series")?;
    let last = story.series.rows.last().map_or(0.0, |r| r.0).max(story.passes.last().map_or(0.0, |p| p.t));
    let held: i64 = story.alloc_curves.iter().map(|c| held_at(c, first.0)).sum();
    let text = if story.agent_text_mlocked { AGENT_TEXT } else { 0 };
    let inactive = first.root_inactive_file().max(0);
    let anon = (first.root_usage() - held - text - inactive).max(0);
    let unlisted = if story.kernel.starts_with("6.1.") { UNLISTED_6_1 } else { UNLISTED_6_12 };
    let own = own_kernel_memory(story, held);
    let kernel = (first.unreclaimable_kernel() - own).max(0) + unlisted;
    let mut out = String::new();
    let o = &mut out;
    let _ = writeln!(o, "# {}", one_line(&story.note));
    let _ =
        writeln!(o, "# Recorded on kernel {}; T0, when the workloads begin, is at {t0} s.", one_line(&story.kernel));
    let _ = writeln!(o, "# Blocks follow the recorded curve and go on at the program's own pace where it ends.");
    let _ = writeln!(o, "name = {}", quoted(&story.id.to_lowercase()));
    let _ = writeln!(o, "description = {}", quoted(&story.note));
    let _ = writeln!(o, "duration = {}", seconds(t0 + last + 0.6));
    let _ = writeln!(o, "sample = \"250ms\"\n");
    let _ = writeln!(o, "[node]\nmemory = {}\ncpus = {}", story.node.mem_total, story.vm.smp);
    let _ = writeln!(o, "pause = {{ file = {PAUSE_RSS}, kernel = {PAUSE_KERNEL} }}");
    let _ = writeln!(o, "runtime = {{ sandboxCreate = \"0s\", containerCreate = \"0s\" }}");
    let _ = writeln!(o, "# What the node held at T0; the kubelet does not count `kernel`.");
    let _ = writeln!(
        o,
        "system = {{ anon = {anon}, inactiveFile = {inactive}, mlockedFile = {text}, kernel = {kernel} }}\n"
    );
    let version: Vec<&str> = story.kernel.split('.').take(2).collect();
    let lru = if matches!(story.node.lru_gen.as_deref(), None | Some("0x0000")) { "classic" } else { "mglru" };
    let thp = story.node.thp.as_deref().and_then(|t| t.split(['[', ']']).nth(1)).unwrap_or("always");
    let _ = writeln!(o, "[kernel]\nversion = \"{}\"\ncgroup = \"v{}\"", version.join("."), story.cgroup_version);
    let _ = writeln!(o, "thp = \"{thp}\"\nlru = \"{lru}\"");
    let _ = writeln!(o, "sysctl = {{ \"vm.min_free_kbytes\" = {} }}\n", story.node.min_free_kbytes);
    kubelet(o, story, t0, disturbance);
    for pod in &story.pods {
        write_pod(o, story, pod, &mut clock, pages)?;
    }
    let _ = writeln!(o, "[[host]]\nname = \"nodeagent\"\noomScoreAdj = -999\ncgroup = \"/system.slice/nodeagent\"");
    let _ = writeln!(o, "onTerm = \"ignores\"");
    let _ = writeln!(
        o,
        "workload.script = [{{ until = {} }}, {{ anon = {AGENT_GROWTH}, takes = \"{AGENT_GROWTH_S}s\" }}]\n",
        seconds(t0)
    );
    for proc in &story.host {
        let _ = writeln!(o, "[[host]]\nname = {}", quoted(&proc.name));
        let _ = writeln!(o, "cgroup = {}", quoted(&format!("/system.slice/host/{}", proc.name)));
        let _ = writeln!(o, "oomScoreAdj = {}", proc.adj.unwrap_or(0));
        write_proc(o, story, "", "host", proc, (&mut clock, pages), &|path| path.to_owned(), "")?;
    }
    Ok(out)
}

/// Blocks a process holds at an instant before or at T0.
fn held_at(curve: &super::story::Curve, t: f64) -> i64 {
    let touched = |p: &&(f64, u64, String)| p.0 <= t && matches!(p.2.as_str(), "a" | "s");
    curve.pts.iter().filter(touched).map(|p| p.1 as i64).max().unwrap_or(0)
}

/// Kernel memory that the scenario's own processes will take: it is part of what was measured at T0.
fn own_kernel_memory(story: &Story, held: i64) -> i64 {
    let pauses = story.processes.iter().filter(|p| p.container.as_deref() == Some("POD")).count() as i64;
    let workers = story.processes.len() as i64 - pauses;
    held / 512 + pauses * PAUSE_KERNEL + workers * WORKER_KERNEL
}

fn kubelet(o: &mut String, story: &Story, t0: f64, disturbance: Disturbance) {
    let k = &story.kubelet;
    let pass = if story.vm.icount { PASS_ICOUNT } else { PASS_REAL_TIME };
    let takes = if story.vm.icount { 0.009 } else { 0.05 };
    let before = story.passes.iter().filter(|p| p.t < 0.0).count() as f64;
    let phase = (story.phase_ms + f64::from(disturbance.phase_ms)) / 1000.0;
    let first = (t0 + phase - before * (10.0 + takes)).max(0.0);
    let _ = writeln!(o, "[kubelet]\nversion = \"1.32\"\nfirstPass = {}", seconds(first));
    let _ = writeln!(o, "timing = {{ synchronize = \"{pass}\" }}");
    map(o, "kubeReserved", &k.kube_reserved);
    map(o, "systemReserved", &k.system_reserved);
    if let Some(hard) = &k.eviction_hard {
        map(o, "evictionHard", hard);
    }
    map(o, "evictionSoft", &k.eviction_soft);
    map(o, "evictionSoftGracePeriod", &k.eviction_soft_grace_period);
    map(o, "evictionMinimumReclaim", &k.eviction_minimum_reclaim);
    let _ = writeln!(o, "evictionMaxPodGracePeriod = {}", k.eviction_max_pod_grace_period);
    if let Some(s) = k.eviction_pressure_transition_period_s {
        let _ = writeln!(o, "evictionPressureTransitionPeriod = {}", seconds(s));
    }
    if let Some(single) = k.single_process_oom_kill {
        let _ = writeln!(o, "singleProcessOOMKill = {single}");
    }
    o.push('\n');
}

fn map(o: &mut String, key: &str, entries: &BTreeMap<String, String>) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(o, "{key} = {}", inline(entries));
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// A text for a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn inline(entries: &BTreeMap<String, String>) -> String {
    let inner: Vec<String> = entries.iter().map(|(k, v)| format!("{} = {}", quoted(k), quoted(v))).collect();
    format!("{{ {} }}", inner.join(", "))
}

fn write_pod(o: &mut String, story: &Story, pod: &Pod, clock: &mut Clock, pages: [i64; 2]) -> Result<(), String> {
    let mut sampled: Vec<f64> = story.passes.iter().filter_map(|p| p.pods.get(&pod.name)?.time).collect();
    sampled.sort_by(f64::total_cmp);
    sampled.dedup();
    let starts = pod.containers.iter().flat_map(|c| c.procs.iter().map(move |p| (c, p)));
    let starts = starts.filter_map(|(c, p)| story.curve(story.pid(&pod.name, &c.name, &p.name)?)?.pts.first());
    let begins = starts.map(|p| p.0).chain(sampled.first().copied()).fold(f64::INFINITY, f64::min);
    let begins = if begins.is_finite() { begins } else { 0.0 };
    let _ = writeln!(o, "[[pod]]\nname = {}\nuid = {}", quoted(&pod.name), quoted(&pod.uid));
    let _ = writeln!(o, "at = {}", seconds(clock.t0 + begins));
    let _ = writeln!(o, "restartPolicy = \"Never\"");
    if let Some(priority) = pod.priority {
        let _ = writeln!(o, "priority = {priority}");
    }
    if let Some(grace) = pod.grace {
        let _ = writeln!(o, "terminationGracePeriodSeconds = {grace}");
    }
    let later: Vec<String> = sampled.iter().filter(|&&t| t > begins).map(|&t| seconds(clock.t0 + t)).collect();
    if !later.is_empty() {
        let _ = writeln!(o, "# When cAdvisor took this pod's figures, as far as a pass used them.");
        let _ = writeln!(o, "housekeeping = [{}]", later.join(", "));
    }
    o.push('\n');
    for volume in pod.memory_volumes.iter().flatten() {
        let _ = writeln!(o, "[[pod.volume]]\nname = {}", quoted(&volume.name));
        if let Some(mib) = volume.size.strip_suffix('m').and_then(|n| n.parse::<u64>().ok()) {
            let _ = writeln!(o, "sizeLimit = \"{mib}Mi\"");
        }
        o.push('\n');
    }
    for container in &pod.containers {
        write_container(o, story, pod, container, (clock, pages))?;
    }
    Ok(())
}

fn write_container(
    o: &mut String,
    story: &Story,
    pod: &Pod,
    c: &Container,
    (clock, pages): (&mut Clock, [i64; 2]),
) -> Result<(), String> {
    let volumes = |path: &str| {
        let names = pod.memory_volumes.iter().flatten().map(|v| v.name.as_str());
        names.into_iter().find(|n| path.contains(&format!("/{n}/"))).unwrap_or(path).to_owned()
    };
    let _ = writeln!(o, "[[pod.container]]\nname = {}", quoted(&c.name));
    let resources = [("requests", &c.requests), ("limits", &c.limits)];
    let resources: Vec<String> =
        resources.iter().filter_map(|(key, list)| Some(format!("{key} = {}", inline(list.as_ref()?)))).collect();
    if !resources.is_empty() {
        let _ = writeln!(o, "resources = {{ {} }}", resources.join(", "));
    }
    if c.procs.len() > 1 {
        let _ = writeln!(o, "# The recorded containers had no PID namespace.\npidNamespace = false");
    }
    for (n, proc) in c.procs.iter().enumerate() {
        let header = if n == 0 { "" } else { "[[pod.container.process]]\n" };
        write_proc(o, story, &pod.name, &c.name, proc, (clock, pages), &volumes, header)?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)]
fn write_proc(
    o: &mut String,
    story: &Story,
    pod: &str,
    container: &str,
    proc: &Proc,
    (clock, pages): (&mut Clock, [i64; 2]),
    volumes: &dyn Fn(&str) -> String,
    header: &str,
) -> Result<(), String> {
    let pid = story.pid(pod, container, &proc.name);
    let ops = program::parse(&proc.ops).map_err(|e| format!("{pod}/{container}/{}: {e}", proc.name))?;
    let kernel = WORKER_KERNEL + pages[clock.turn % 2] * PAGE;
    let lines = Script::new(*clock, pid.and_then(|pid| story.curve(pid)), volumes).write(&ops);
    clock.turn += 1;
    let _ = writeln!(o, "{header}comm = {}", quoted(&proc.name));
    if let Some(pid) = pid {
        let _ = writeln!(o, "pid = {pid}");
    }
    let _ = writeln!(o, "footprint = {{ file = {WORKER_RSS}, kernel = {kernel} }}");
    let term = proc.term.as_deref().unwrap_or("default");
    match term.strip_prefix("slow") {
        Some(ms) => {
            let _ = writeln!(o, "onTerm = {{ exitsAfter = \"{ms}ms\" }}");
        }
        None if term == "ignore" => o.push_str("onTerm = \"ignores\"\n"),
        None => o.push_str("onTerm = \"dies\"\n"),
    }
    let _ = writeln!(o, "# {}", one_line(&proc.ops));
    let _ = writeln!(o, "workload.script = [\n  {},\n]\n", lines.join(",\n  "));
    Ok(())
}
