//! From a story to a scenario that a person can read and run.
//!
//! Nothing here is chosen per story: a scenario is made of the story's inputs, of what the node held at T0, and of the
//! named defaults below, which are taken from all recordings together.

use super::disturbance::Disturbance;
use super::error::StoryError;
use super::program;
use super::script::{Clock, script, span, time};
use super::story::{AllocCurve, Container, Pod, Proc, Story, Volume};
use oomsim_core::kernel::{CgroupVersion, Lru, Release, Thp};
use oomsim_core::kubelet::{
    ContainerSpec, KubeletConfig, KubernetesProfile, ResourceList, ResourceRequirements, RestartPolicy, TextMap,
};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{
    ContainerPlan, HostPlan, KubeletPlan, NodePlan, PodPlan, ProcessPlan, Scenario, VolumePlan, kept_comm,
};
use oomsim_core::record::PAUSE_CONTAINER;
use oomsim_core::runtime::RuntimeTiming;
use oomsim_core::units::{Bytes, Quantity, SimDuration};
use oomsim_core::workload::{Behavior, Footprint, Script, ScriptOp, TermReaction};
use oomsim_scenario::{Comments, to_toml_with};
use std::collections::BTreeMap;
use std::sync::Arc;

const MIB: i64 = 1 << 20;
const PAGE: i64 = 4096;

/// Program text of the recordings' agent that was locked in memory (SCHEMA, `agent_text_mlocked`).
const AGENT_TEXT: i64 = 53 * MIB;
/// The agent's heap grows by this much within 10 s of T0 (median of root usage less what the model gives it without
/// this growth: 1.1 to 1.4 MiB after 8 to 15 s; `system.slice` shows twice as much, because huge pages are collapsed
/// there from pages that were charged to the root) …
const AGENT_GROWTH: i64 = 14 * MIB / 10;
/// … and by this much within the next 50 s (2.1 MiB in all at 20 s, 3.4 at 60).
const AGENT_GROWTH_LATER: i64 = 2 * MIB;
/// The node's active file cache: by this much root usage falls when free memory first reaches the low watermark, median
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
/// Release of the kubelet's code in the recordings.
const KUBERNETES: &str = "1.32";
/// A pass of the eviction manager, median: with instruction counting …
const PASS_ICOUNT: SimDuration = SimDuration::from_millis(9);
/// … and emulated in real time.
const PASS_REAL_TIME: SimDuration = SimDuration::from_millis(50);

/// T0 in the scenario's time: everything that was recorded before it comes after the scenario's beginning.
pub fn t0(story: &Story) -> f64 {
    let starts = story.alloc_curves.iter().filter_map(|c| c.pts.first()).map(|p| p.0);
    let samples = story.passes.iter().flat_map(|p| p.pods.values()).filter_map(|f| f.time);
    let passes = story.passes.iter().map(|p| p.t);
    let first = starts.chain(samples).chain(passes).fold(0.0, f64::min);
    (-first).ceil().clamp(0.0, 3600.0) + 1.0
}

/// The scenario of a story, as TOML.
///
/// # Errors
/// What of the story is not understood.
pub fn scenario(story: &Story, disturbance: Disturbance) -> Result<String, StoryError> {
    let mut import =
        Import { story, clock: Clock { t0: t0(story), disturbance, process: 0 }, comments: Comments::new() };
    let plan = import.plan()?;
    Ok(to_toml_with(&plan, &import.comments)?)
}

/// An amount that was measured, never less than nothing.
fn bytes(amount: i64) -> Bytes {
    Bytes::new(amount.max(0).unsigned_abs())
}

/// Blocks a process holds at an instant before or at T0.
fn held_at(curve: &AllocCurve, t: f64) -> i64 {
    let touched = |p: &&(f64, u64, String)| p.0 <= t && matches!(p.2.as_str(), "a" | "s");
    curve.pts.iter().filter(touched).map(|p| p.1 as i64).max().unwrap_or(0)
}

/// Kernel memory that the scenario's own processes will take: it is part of what was measured at T0.
fn own_kernel_memory(story: &Story, held: i64) -> i64 {
    let pauses = story.processes.iter().filter(|p| p.container.as_deref() == Some(PAUSE_CONTAINER)).count() as i64;
    let workers = story.processes.len() as i64 - pauses;
    held / 512 + pauses * PAUSE_KERNEL + workers * WORKER_KERNEL
}

/// A story on its way to a plan, and what is said about its parts.
struct Import<'a> {
    story: &'a Story,
    clock: Clock,
    comments: Comments,
}

impl Import<'_> {
    fn plan(&mut self) -> Result<Scenario, StoryError> {
        let (story, t0) = (self.story, self.clock.t0);
        let rows = &story.series.rows;
        let last = rows.last().map_or(0.0, |r| r.0).max(story.passes.last().map_or(0.0, |p| p.t));
        let mut plan = Scenario::new(&story.id.to_lowercase(), self.node()?);
        plan.description.clone_from(&story.note);
        plan.duration = span(t0 + last + 0.6);
        plan.sample_every = SimDuration::from_millis(250);
        plan.kubelet = Some(self.kubelet(&plan.node));
        for pod in &story.pods {
            plan.pods.push(self.pod(pod)?);
        }
        plan.hosts.push(self.agent());
        for proc in &story.host {
            let mut host = HostPlan::new(&proc.name, Behavior::IDLE);
            host.cgroup = format!("/system.slice/host/{}", proc.name).into();
            host.process = self.process(("", "host"), proc, &|path| path.to_owned())?;
            host.process.oom_score_adj = Some(proc.adj.unwrap_or(0));
            self.say(&["host", &proc.name, "workload"], &proc.ops);
            plan.hosts.push(host);
        }
        let head = format!(
            "{}\nRecorded on kernel {}; T0, when the workloads begin, is at {t0} s.\n\
             Blocks follow the recorded curve and go on at the program's own pace where it ends.",
            one_line(&story.note),
            one_line(&story.kernel)
        );
        self.say(&[], &head);
        Ok(plan)
    }

    fn say(&mut self, at: &[&str], text: &str) {
        self.comments = std::mem::take(&mut self.comments).above_keys(at, text);
    }

    /// The machine, with what it held at T0.
    fn node(&mut self) -> Result<NodePlan, StoryError> {
        let story = self.story;
        let first = story.series.rows.first().ok_or(StoryError::NoSeries)?;
        let held: i64 = story.alloc_curves.iter().map(|c| held_at(c, first.0)).sum();
        let text = if story.agent_text_mlocked { AGENT_TEXT } else { 0 };
        let inactive = first.root_inactive_file().max(0);
        let old = story.kernel.starts_with("6.1.");
        let (active, unlisted) = if old { (ACTIVE_FILE_6_1, UNLISTED_6_1) } else { (ACTIVE_FILE_6_12, UNLISTED_6_12) };
        let own = own_kernel_memory(story, held);
        let mut node = NodePlan::new(Bytes::new(story.node.mem_total));
        node.system_anon = bytes(first.root_usage() - held - text - inactive - active);
        node.system_inactive_file = bytes(inactive);
        node.system_active_file = bytes(active);
        node.system_mlocked_file = bytes(text);
        node.pause = Footprint { file: bytes(PAUSE_RSS), kernel: bytes(PAUSE_KERNEL), ..Footprint::default() };
        let at_once = SimDuration::ZERO;
        node.runtime = RuntimeTiming { sandbox_create: at_once, container_create: at_once, ..RuntimeTiming::default() };
        let kernel = &mut node.kernel;
        kernel.kernel_memory = bytes((first.unreclaimable_kernel() - own).max(0) + unlisted);
        kernel.cpus = story.vm.smp;
        let wrong = |field, value: &dyn ToString| StoryError::Value { field, value: value.to_string() };
        // The recordings' kernels are upstream's: what a distribution changes is not asked for.
        let version: Vec<&str> = story.kernel.split('.').take(2).collect();
        let release = Release::parse(&version.join(".")).ok_or_else(|| wrong("kernel", &story.kernel))?;
        kernel.profile = release.profile();
        let classic = matches!(story.node.lru_gen.as_deref(), None | Some("0x0000"));
        kernel.profile.lru = if classic { Lru::Classic } else { Lru::Mglru };
        kernel.cgroup = match story.cgroup_version {
            1 => CgroupVersion::V1,
            2 => CgroupVersion::V2,
            other => return Err(wrong("cgroup_version", &other)),
        };
        kernel.thp = match story.node.thp.as_deref().and_then(|t| t.split(['[', ']']).nth(1)).unwrap_or("always") {
            "always" => Thp::Always,
            "madvise" => Thp::Madvise,
            "never" => Thp::Never,
            other => return Err(wrong("thp", &other)),
        };
        kernel.sysctl.overcommit_memory = 1;
        kernel.sysctl.min_free_kbytes = Some(story.node.min_free_kbytes);
        self.say(&["node", "system"], "What the node held at T0; the kubelet does not count `kernel`.");
        Ok(node)
    }

    fn kubelet(&self, node: &NodePlan) -> KubeletPlan {
        let (story, k) = (self.story, &self.story.kubelet);
        let hard = match &k.eviction_hard {
            Some(hard) if !hard.is_empty() => Some(hard.clone()),
            // An empty map is no default: nothing is evicted. What an absent map means, the parsed thresholds say.
            None if story.thresholds.as_ref().is_none_or(|list| list.iter().any(|t| t.grace_s == 0.0)) => None,
            _ => Some(TextMap::new()),
        };
        let config = KubeletConfig {
            kube_reserved: k.kube_reserved.clone(),
            system_reserved: k.system_reserved.clone(),
            eviction_hard: hard,
            eviction_soft: k.eviction_soft.clone(),
            eviction_soft_grace_period: k.eviction_soft_grace_period.clone(),
            eviction_minimum_reclaim: k.eviction_minimum_reclaim.clone(),
            eviction_max_pod_grace_period: k.eviction_max_pod_grace_period,
            eviction_pressure_transition_period: k.eviction_pressure_transition_period_s.map(span),
            single_process_oom_kill: k.single_process_oom_kill,
            ..KubeletConfig::default()
        };
        let profile = KubernetesProfile::of_version(KUBERNETES).unwrap_or_default();
        let mut plan = KubeletPlan::new(config, profile, node);
        plan.timing.synchronize = if story.vm.icount { PASS_ICOUNT } else { PASS_REAL_TIME };
        let before = story.passes.iter().filter(|p| p.t < 0.0).count() as f64;
        let phase = (story.phase_ms + f64::from(self.clock.disturbance.phase_ms())) / 1000.0;
        let period = 10.0 + plan.timing.synchronize.as_secs_f64();
        plan.first_pass = Some(time(self.clock.t0 + phase - before * period));
        plan
    }

    /// The recordings' own program outside Kubernetes.
    fn agent(&self) -> HostPlan {
        let growth =
            |bytes: Bytes, s: u64| ScriptOp::Anon { bytes, touched_permille: 1000, takes: SimDuration::from_secs(s) };
        let first = bytes(AGENT_GROWTH + self.clock.disturbance.agent());
        let ops = vec![ScriptOp::Until(span(self.clock.t0)), growth(first, 10), growth(bytes(AGENT_GROWTH_LATER), 50)];
        let mut host = HostPlan::new("nodeagent", Behavior::Script(Script { ops }));
        host.cgroup = "/system.slice/nodeagent".into();
        host.process.oom_score_adj = Some(-999);
        host.process.term = TermReaction::Ignore;
        host
    }

    fn pod(&mut self, pod: &Pod) -> Result<PodPlan, StoryError> {
        let (story, t0) = (self.story, self.clock.t0);
        let mut sampled: Vec<f64> = story.passes.iter().filter_map(|p| p.pods.get(&pod.name)?.time).collect();
        sampled.sort_by(f64::total_cmp);
        sampled.dedup();
        let starts = pod.containers.iter().flat_map(|c| c.procs.iter().map(move |p| (c, p)));
        let starts = starts.filter_map(|(c, p)| story.curve(story.pid(&pod.name, &c.name, &p.name)?)?.pts.first());
        let begins = starts.map(|p| p.0).chain(sampled.first().copied()).fold(f64::INFINITY, f64::min);
        let begins = if begins.is_finite() { begins } else { 0.0 };
        let mut plan = PodPlan::new(&pod.name);
        plan.spec.uid = pod.uid.as_str().into();
        plan.spec.priority = pod.priority;
        plan.spec.termination_grace_period_seconds = pod.grace;
        plan.admitted = true;
        plan.at = time(t0 + begins);
        plan.restart_policy = RestartPolicy::Never;
        plan.housekeeping = sampled.iter().filter(|&&t| t > begins).map(|&t| time(t0 + t)).collect();
        let size = |text: &str| Some(Bytes::mib(text.strip_suffix('m')?.parse::<u32>().ok()?.into()));
        let volume = |v: &Volume| VolumePlan { name: v.name.as_str().into(), size_limit: size(&v.size) };
        plan.volumes = pod.memory_volumes.iter().flatten().map(volume).collect();
        for container in &pod.containers {
            let (spec, own) = self.container(pod, container)?;
            Arc::make_mut(&mut plan.spec.containers).push(spec);
            plan.containers.push(own);
        }
        let admitted = "The recordings have the eviction manager, but no admission.";
        self.say(&["pod", &pod.name, "admitted"], admitted);
        if !plan.housekeeping.is_empty() {
            let taken = "When cAdvisor took this pod's figures, as far as a pass used them.";
            self.say(&["pod", &pod.name, "housekeeping"], taken);
        }
        Ok(plan)
    }

    fn container(&mut self, pod: &Pod, c: &Container) -> Result<(ContainerSpec, ContainerPlan), StoryError> {
        let volumes = |path: &str| {
            let names = pod.memory_volumes.iter().flatten().map(|v| v.name.as_str());
            names.into_iter().find(|n| path.contains(&format!("/{n}/"))).unwrap_or(path).to_owned()
        };
        let resources = ResourceRequirements { requests: quantities(&c.requests)?, limits: quantities(&c.limits)? };
        let at = ["pod", &pod.name, "container", &c.name];
        let pid_namespace = c.procs.len() <= 1;
        if !pid_namespace {
            self.say(&[&at[..], &["pidNamespace"]].concat(), "The recorded containers had no PID namespace.");
        }
        let mut processes = Vec::new();
        for (n, proc) in c.procs.iter().enumerate() {
            processes.push(self.process((&pod.name, &c.name), proc, &volumes)?);
            let comm = kept_comm(&proc.name.as_str().into());
            let inner: &[&str] = if n == 0 { &["workload"] } else { &["process", &comm, "workload"] };
            self.say(&[&at[..], inner].concat(), &proc.ops);
        }
        let name: Name = c.name.as_str().into();
        let spec = ContainerSpec { resources, ..ContainerSpec::new(&name) };
        let (pre_stop, probes, restarts_on_resize) = (None, Vec::new(), false);
        Ok((spec, ContainerPlan { name, processes, pid_namespace, pre_stop, probes, restarts_on_resize }))
    }

    /// A process of a container, or of the host.
    fn process(
        &mut self,
        (pod, container): (&str, &str),
        proc: &Proc,
        volumes: &dyn Fn(&str) -> String,
    ) -> Result<ProcessPlan, StoryError> {
        let story = self.story;
        let pid = story.pid(pod, container, &proc.name);
        let ops = program::parse(&proc.ops)
            .map_err(|why| StoryError::Program { process: format!("{pod}/{container}/{}", proc.name), why })?;
        let kernel = WORKER_KERNEL + self.clock.disturbance.kernel(self.clock.process);
        let kills: Vec<f64> = story.events.iter().filter(|e| e.ev == "oom_kill").map(|e| e.t).collect();
        let ops = script(self.clock, pid.and_then(|pid| story.curve(pid)), &kills, volumes, &ops);
        self.clock.process += 1;
        let term = match proc.term.as_deref().unwrap_or("default") {
            "ignore" => TermReaction::Ignore,
            term => match term.strip_prefix("slow") {
                Some(ms) => {
                    let wrong = |_| StoryError::Value { field: "term", value: term.into() };
                    TermReaction::exits(SimDuration::from_millis(ms.parse::<u32>().map_err(wrong)?.into()))
                }
                None => TermReaction::Default,
            },
        };
        Ok(ProcessPlan {
            pid,
            footprint: Footprint { file: bytes(WORKER_RSS), kernel: bytes(kernel), ..Footprint::default() },
            term,
            behavior: Arc::new(Behavior::Script(Script { ops })),
            ..ProcessPlan::idle(&proc.name.as_str().into())
        })
    }
}

/// A text for a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn quantities(list: &Option<BTreeMap<String, String>>) -> Result<ResourceList, StoryError> {
    let one = |(name, text): (&String, &String)| match Quantity::parse(text) {
        Ok(quantity) => Ok((name.clone(), quantity)),
        Err(why) => Err(StoryError::Quantity { text: text.clone(), why }),
    };
    list.iter().flatten().map(one).collect()
}
