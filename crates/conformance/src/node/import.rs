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
/// The agent's heap grows by so much within 10 s of T0 (median of root usage less what the model gives it without this
/// growth: 1.1 to 1.4 MiB after 8 to 15 s; `system.slice` shows twice as much, because huge pages are collapsed there
/// from pages that were charged to the root) …
const AGENT_GROWTH: i64 = 14 * MIB / 10;
/// … and by so much within the next 50 s (2.1 MiB in all at 20 s, 3.4 at 60).
const AGENT_GROWTH_LATER: i64 = 2 * MIB;
/// The node's active file cache: by so much root usage falls when free memory first reaches the low watermark, median
/// of 2 stories on 6.1 …
const ACTIVE_FILE_6_1: i64 = 3 * MIB / 10;
/// … and of 8 on 6.12 (0.64 to 1.2 MiB).
const ACTIVE_FILE_6_12: i64 = 67 * MIB / 100;
/// Memory that is neither free nor counted by the kubelet nor listed as unreclaimable kernel memory, after all that
/// can be reclaimed of it was: per-CPU areas, slab. `MemTotal − free-page reserve − root usage − unreclaimable` at the
/// first node OOM, root usage being the last row's, what the task table shows to have come since, less the file cache
/// that went. On 6.1 18.3 to 20.1 MiB in 4 stories …
const UNLISTED_6_1: i64 = 192 * MIB / 10;
/// … on 6.12 9.0 MiB, median of 16 stories (one half of them 9.2, the other 8.9).
const UNLISTED_6_12: i64 = 9 * MIB;
/// What a worker has in its RSS in addition to its blocks, charged elsewhere: its program (163 pages) and what it
/// inherited from the agent (14 pages; median of the OOM reports' task tables on 6.12).
const WORKER_RSS: i64 = 177 * PAGE;
/// What a worker costs its cgroup apart from its blocks and their page tables, and what a pause process costs (pod
/// usage less blocks and page tables, median over 327 pods: 10 pages).
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
    /// What is disturbed, and by how much.
    pub of: Of,
    /// Which of the story's processes: all, or those whose number has this bit (true) or lacks it (false).
    pub bit: Option<(u32, bool)>,
}

/// What is disturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// No disturbance.
    #[default]
    Nothing,
    /// Rates after T0, in thousandths; the processes that are not meant change by the opposite.
    Rate(i32),
    /// The manager's phase, in milliseconds.
    PhaseMs(i32),
    /// Pages of kernel memory that a worker costs more.
    Pages(i64),
    /// Growth of the recordings' agent, in MiB.
    Agent(i64),
}

impl Disturbance {
    /// None.
    pub const NONE: Disturbance = Disturbance { of: Of::Nothing, bit: None };

    fn meant(&self, process: usize) -> bool {
        self.bit.is_none_or(|(bit, set)| (process >> bit.min(31) & 1 == 1) == set)
    }

    /// By what the rate of the story's n-th process is multiplied.
    pub fn rate(&self, process: usize) -> f64 {
        let Of::Rate(permille) = self.of else { return 1.0 };
        1.0 + f64::from(if self.meant(process) { permille } else { -permille }) / 1000.0
    }

    /// Pages that the story's n-th process costs more.
    fn pages(&self, process: usize) -> i64 {
        match self.of {
            Of::Pages(pages) if self.meant(process) => pages,
            _ => 0,
        }
    }

    fn phase_ms(&self) -> i32 {
        if let Of::PhaseMs(ms) = self.of { ms } else { 0 }
    }

    fn agent(&self) -> i64 {
        if let Of::Agent(mib) = self.of { mib * MIB } else { 0 }
    }
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.of {
            Of::Nothing => f.write_str("nothing"),
            Of::Rate(permille) => write!(f, "rates {:+} %", permille / 10),
            Of::PhaseMs(ms) => write!(f, "phase {ms:+} ms"),
            Of::Pages(pages) => write!(f, "{pages:+} page a process"),
            Of::Agent(mib) => write!(f, "agent {mib:+} MiB"),
        }?;
        match self.bit {
            None => Ok(()),
            Some((bit, set)) => {
                let mark = if set { "with" } else { "without" };
                write!(f, " of processes {mark} bit {bit} in their number")?;
                if matches!(self.of, Of::Rate(_)) { f.write_str(", the others the opposite") } else { Ok(()) }
            }
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
    let mut clock = Clock { t0, disturbance, process: 0 };
    let first = story.series.rows.first().ok_or("the story has no series")?;
    let last = story.series.rows.last().map_or(0.0, |r| r.0).max(story.passes.last().map_or(0.0, |p| p.t));
    let held: i64 = story.alloc_curves.iter().map(|c| held_at(c, first.0)).sum();
    let text = if story.agent_text_mlocked { AGENT_TEXT } else { 0 };
    let inactive = first.root_inactive_file().max(0);
    let old = story.kernel.starts_with("6.1.");
    let (active, unlisted) = if old { (ACTIVE_FILE_6_1, UNLISTED_6_1) } else { (ACTIVE_FILE_6_12, UNLISTED_6_12) };
    let anon = (first.root_usage() - held - text - inactive - active).max(0);
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
        "system = {{ anon = {anon}, inactiveFile = {inactive}, activeFile = {active}, mlockedFile = {text}, kernel = {kernel} }}\n"
    );
    let version: Vec<&str> = story.kernel.split('.').take(2).collect();
    let lru = if matches!(story.node.lru_gen.as_deref(), None | Some("0x0000")) { "classic" } else { "mglru" };
    let thp = story.node.thp.as_deref().and_then(|t| t.split(['[', ']']).nth(1)).unwrap_or("always");
    let _ = writeln!(o, "[kernel]\nversion = \"{}\"\ncgroup = \"v{}\"", version.join("."), story.cgroup_version);
    let _ = writeln!(o, "thp = \"{thp}\"\nlru = \"{lru}\"");
    let _ = writeln!(o, "sysctl = {{ \"vm.min_free_kbytes\" = {} }}\n", story.node.min_free_kbytes);
    kubelet(o, story, t0, disturbance);
    for pod in &story.pods {
        write_pod(o, story, pod, &mut clock)?;
    }
    let _ = writeln!(o, "[[host]]\nname = \"nodeagent\"\noomScoreAdj = -999\ncgroup = \"/system.slice/nodeagent\"");
    let _ = writeln!(o, "onTerm = \"ignores\"");
    let growth = AGENT_GROWTH + disturbance.agent();
    let _ = writeln!(
        o,
        "workload.script = [{{ until = {} }}, {{ anon = {growth}, takes = \"10s\" }}, {{ anon = {AGENT_GROWTH_LATER}, takes = \"50s\" }}]\n",
        seconds(t0)
    );
    for proc in &story.host {
        let _ = writeln!(o, "[[host]]\nname = {}", quoted(&proc.name));
        let _ = writeln!(o, "cgroup = {}", quoted(&format!("/system.slice/host/{}", proc.name)));
        let _ = writeln!(o, "oomScoreAdj = {}", proc.adj.unwrap_or(0));
        write_proc(o, story, "", "host", proc, &mut clock, &|path| path.to_owned(), "")?;
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
    let phase = (story.phase_ms + f64::from(disturbance.phase_ms())) / 1000.0;
    let first = (t0 + phase - before * (10.0 + takes)).max(0.0);
    let _ = writeln!(o, "[kubelet]\nversion = \"1.32\"\nfirstPass = {}", seconds(first));
    let _ = writeln!(o, "timing = {{ synchronize = \"{pass}\" }}");
    map(o, "kubeReserved", &k.kube_reserved);
    map(o, "systemReserved", &k.system_reserved);
    match &k.eviction_hard {
        Some(hard) if !hard.is_empty() => map(o, "evictionHard", hard),
        // An empty map is no default: nothing is evicted. What a map that is absent means, the parsed thresholds say.
        None if story.thresholds.as_ref().is_none_or(|list| list.iter().any(|t| t.grace_s == 0.0)) => {}
        _ => o.push_str("evictionHard = {}\n"),
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
pub(crate) fn quoted(text: &str) -> String {
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

fn write_pod(o: &mut String, story: &Story, pod: &Pod, clock: &mut Clock) -> Result<(), String> {
    let mut sampled: Vec<f64> = story.passes.iter().filter_map(|p| p.pods.get(&pod.name)?.time).collect();
    sampled.sort_by(f64::total_cmp);
    sampled.dedup();
    let starts = pod.containers.iter().flat_map(|c| c.procs.iter().map(move |p| (c, p)));
    let starts = starts.filter_map(|(c, p)| story.curve(story.pid(&pod.name, &c.name, &p.name)?)?.pts.first());
    let begins = starts.map(|p| p.0).chain(sampled.first().copied()).fold(f64::INFINITY, f64::min);
    let begins = if begins.is_finite() { begins } else { 0.0 };
    let _ = writeln!(o, "[[pod]]\nname = {}\nuid = {}", quoted(&pod.name), quoted(&pod.uid));
    let _ = writeln!(o, "# The recordings have the eviction manager, but no admission.\nadmitted = true");
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
        write_container(o, story, pod, container, clock)?;
    }
    Ok(())
}

fn write_container(o: &mut String, story: &Story, pod: &Pod, c: &Container, clock: &mut Clock) -> Result<(), String> {
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
        write_proc(o, story, &pod.name, &c.name, proc, clock, &volumes, header)?;
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
    clock: &mut Clock,
    volumes: &dyn Fn(&str) -> String,
    header: &str,
) -> Result<(), String> {
    let pid = story.pid(pod, container, &proc.name);
    let ops = program::parse(&proc.ops).map_err(|e| format!("{pod}/{container}/{}: {e}", proc.name))?;
    let kernel = WORKER_KERNEL + clock.disturbance.pages(clock.process) * PAGE;
    let kills: Vec<f64> = story.events.iter().filter(|e| e.ev == "oom_kill").map(|e| e.t).collect();
    let lines = Script::new(*clock, pid.and_then(|pid| story.curve(pid)), &kills, volumes).write(&ops);
    clock.process += 1;
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
