//! A story as a scenario: what a user with these pods and this configuration would write.

use super::draws;
use super::story::{Action, Story};
use crate::node::StoryError;
use oomsim_core::kernel::{Release, SwapDevice, Thp};
use oomsim_core::kubelet::{ContainerSpec, KubeletConfig, KubernetesProfile, RestartPolicy};
use oomsim_core::plan::{
    Change, ContainerPlan, HostPlan, Injection, KubeletPlan, NodePlan, PodPlan, PreStop, ProcessPlan, Scenario,
    VolumePlan, kept_comm,
};
use oomsim_core::runtime::RuntimeTiming;
use oomsim_core::units::{Bytes, Quantity, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Footprint, Script, ScriptOp, TermReaction};
use oomsim_scenario::{FileError, Files, load, to_toml};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What containerd's shim, containerd and the kubelet take for each pod: 8 to 12 MiB (stories E01, B23, A03).
const RUNTIME_PER_POD: Bytes = Bytes::mib(10);
/// How the kubelet and containerd grow from the first pod on: the manager's passes find 0.9 MiB less available than
/// without that after 5 s, 5 after 15 to 60, 6.7 after 85 and 10 after 130 (medians of 128 passes of 18 stories).
const HEAP_BLOCK: Bytes = Bytes::mib(1);
/// The first blocks of that, …
const HEAP_BLOCKS: u32 = 5;
/// … and from one of them to the next, and of the later ones.
const HEAP_PAUSES: [SimDuration; 2] = [SimDuration::from_secs(3), SimDuration::from_secs(30)];
/// Seconds in which a process touches a GiB: usually (B18, D01, H01: 0.31 to 0.37), and in virtual machines that write
/// memory byte by byte (C01).
const TOUCH: [f64; 2] = [0.33, 2.4];
/// Seconds in which a process writes a GiB of a file in memory (D03: 393 blocks of 4 MiB, 8 ms each).
const WRITE: f64 = 2.0;
/// Stories of such machines, by the recordings' description.
const BYTE_BY_BYTE: [&str; 5] = ["A02", "A03", "B03x", "C01", "E01"];
/// What an idle `wl` holds in addition to its blocks and their page tables: text of the image, and 58 pages (G01:
/// 31,756,288 bytes with 30 MiB of blocks, 19,148,800 with 18).
const WORKER: Footprint = Footprint {
    anon: Bytes::ZERO,
    file: Bytes::new(700_000),
    text: Bytes::ZERO,
    page_tables: Bytes::ZERO,
    virtual_size: Bytes::ZERO,
    kernel: Bytes::kib(232),
};
/// What a sandbox holds: 52 pages, of which one is the pause process's own.
const PAUSE: Footprint = Footprint {
    anon: Bytes::kib(4),
    file: Bytes::ZERO,
    text: Bytes::ZERO,
    page_tables: Bytes::kib(28),
    virtual_size: Bytes::kib(960),
    kernel: Bytes::kib(176),
};
/// What the recorded program is called.
const PROGRAM: &str = "wl";
/// A relist takes 2 to 6 ms, and the next one comes a second after it (wait.Until of pleg/generic.go; 30 pairs of
/// relists in B05, D01, C01 and others).
const RELIST_PERIOD: SimDuration = SimDuration::from_millis(1003);
/// How long a pass of the manager takes: idle ones begin 10.011 s after each other (median of the stories' passes).
const PASS: SimDuration = SimDuration::from_millis(11);
/// What a huge page is: a block of no more is touched at once.
const HUGE_PAGE: u64 = 2 << 20;
/// How long reclaim in vain takes before a node OOM there: from when the memory was due, 40 to 75 ms (D01, D03; three
/// restarted containers that took the last of it).
const NODE_OOM_STALL_MS: u32 = 50;
/// Release of the recordings' kubelet where a story does not state it.
const KUBERNETES: &str = "1.36";
/// Name of the file with the kubelet's configuration.
const CONFIG: &str = "kubelet.json";
/// The scenario, as TOML.
pub fn text(story: &Story) -> Result<String, StoryError> {
    text_with(story, Clocks::Recorded)
}

/// What is stated of the clocks that the kubelet has besides the manager's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// They began with the first pass, and a list of containers was at a recorded time.
    Recorded,
    /// They began with the first pass.
    BeganTogether,
    /// Nothing: lists take longer at times, and their phase moves.
    Any,
}

/// The scenario with what is stated of the clocks.
pub fn text_with(story: &Story, clocks: Clocks) -> Result<String, StoryError> {
    let mut plan = plan(story)?;
    if let Some(kubelet) = &mut plan.kubelet {
        kubelet.just_started &= clocks != Clocks::Any;
        kubelet.first_relist = kubelet.first_relist.filter(|_| clocks == Clocks::Recorded);
    }
    Ok(to_toml(&plan))
}

fn wrong(field: &'static str, value: impl ToString) -> StoryError {
    StoryError::Value { field, value: value.to_string() }
}

fn plan(story: &Story) -> Result<Scenario, StoryError> {
    let t0 = story.t0();
    let mut plan = Scenario::new(&story.id.to_lowercase(), node(story)?);
    plan.description.clone_from(&story.note);
    plan.duration = span(t0 + story.inputs.duration);
    plan.kubelet = Some(kubelet(story, &plan.node, t0)?);
    let mut plan = configured(story, &plan)?;
    plan.hosts.push(heap(span(t0 + first_pod(story))));
    for action in &story.inputs.actions {
        match action.what.as_str() {
            "pod" | "static" => plan.pods.push(pod(story, action, t0)?),
            "delete" => {
                // −1: the pod's own.
                let grace_seconds = u32::try_from(action.grace).ok().filter(|seconds| *seconds > 0);
                let change = Change::DeletePod { pod: format!("default/{}", action.name).into(), grace_seconds };
                plan.injections.push(Injection { at: time(t0 + action.t), change });
            }
            "patchpod" => plan.injections.push(resize(story, action, t0)?),
            "host" => plan.hosts.push(host(story, action, t0)?),
            "kubelet_kill" => plan.injections.push(Injection { at: time(t0 + action.t), change: Change::StopKubelet }),
            "kubelet_start" => {
                plan.injections.push(Injection { at: time(t0 + action.t), change: Change::StartKubelet })
            }
            other => return Err(wrong("do", other)),
        }
    }
    Ok(plan)
}

/// When the first pod comes.
fn first_pod(story: &Story) -> f64 {
    story.inputs.actions.iter().map(|a| a.t).fold(f64::INFINITY, f64::min)
}

/// What the kubelet and containerd take more and more of.
fn heap(from: SimDuration) -> HostPlan {
    let grow = || ScriptOp::Anon { bytes: HEAP_BLOCK, touched_permille: 1000, takes: SimDuration::ZERO };
    let [soon, later] = HEAP_PAUSES.map(ScriptOp::Sleep);
    let ops = vec![
        ScriptOp::Until(from),
        soon.clone(),
        grow(),
        ScriptOp::Repeat { to: 1, times: Some(HEAP_BLOCKS) },
        later,
        grow(),
        ScriptOp::Repeat { to: 4, times: None },
    ];
    let mut host = HostPlan::new("kubelet", Behavior::Script(Script { ops }));
    host.process.oom_score_adj = Some(-999);
    host
}

fn node(story: &Story) -> Result<NodePlan, StoryError> {
    let first_pod = first_pod(story);
    let number = |row: &[Value], n: usize| row.get(n).and_then(Value::as_f64).unwrap_or(0.0);
    let before = story.series.iter().rfind(|row| number(row, 0) < first_pod).or(story.series.first());
    let row = before.ok_or(StoryError::NoSeries)?;
    let working_set = story.node.mem_total - number(row, 1) as i64;
    let kernel = story.node.mem_total - number(row, 2) as i64 - working_set;
    let bytes = |amount: i64| Bytes::new(amount.max(0).unsigned_abs());
    let mut node = NodePlan::new(bytes(story.node.mem_total));
    node.system_anon = bytes(working_set);
    node.runtime_per_pod = RUNTIME_PER_POD;
    node.pause = PAUSE;
    node.kernel.kernel_memory = bytes(kernel);
    node.kernel.cpus = story.vm.smp;
    node.kernel.thp = Thp::Always;
    // The kubelet sets it.
    node.kernel.sysctl.overcommit_memory = 1;
    // The virtual machines have no disk: swap is compressed in memory (story F01).
    node.kernel.swap_total = bytes(story.swap_total());
    node.kernel.swap_device = SwapDevice::Zram;
    if let Some(kernel) = story.versions.get("kernel") {
        node.kernel.profile = Release::parse(kernel).ok_or_else(|| wrong("kernel", kernel))?.profile();
    }
    node.kernel.profile.node_oom_stall_ms = NODE_OOM_STALL_MS;
    node.runtime = RuntimeTiming {
        sandbox_create: SimDuration::from_millis(270),
        container_create: SimDuration::from_millis(140),
        container_remove: SimDuration::from_millis(220),
        // It runs at a thousand instructions a microsecond, and making a sandbox takes nearly all of them.
        shares_processors: true,
        ..RuntimeTiming::default()
    };
    Ok(node)
}

/// What the recorded kubelet's release can do.
pub(super) fn profile(story: &Story) -> Result<KubernetesProfile, StoryError> {
    let version = story.versions.get("kubelet").map_or(KUBERNETES, String::as_str);
    // `v1.36.2 (…)`: the rest tells how it was built.
    let release = version.split_whitespace().next().and_then(KubernetesProfile::of_version);
    release.ok_or_else(|| wrong("kubelet", version))
}

/// The kubelet without its settings.
fn kubelet(story: &Story, node: &NodePlan, t0: f64) -> Result<KubeletPlan, StoryError> {
    let mut plan = KubeletPlan::new(KubeletConfig::default(), profile(story)?, node);
    plan.timing.relist_period = RELIST_PERIOD;
    plan.timing.synchronize = PASS;
    plan.first_pass = story.passes.first().map(|first| time(t0 + first));
    plan.just_started = true;
    plan.first_relist = draws::first_relist(story).map(|relist| time(t0 + relist));
    Ok(plan)
}

/// The recorded configuration as the one file of a folder.
struct ConfigFile(String);

impl Files for ConfigFile {
    fn read(&self, path: &str) -> Result<String, FileError> {
        if path == CONFIG { Ok(self.0.clone()) } else { Err(FileError::NotFound) }
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Ok(vec![CONFIG.to_owned()])
    }
}

/// The plan with the recorded configuration of the kubelet, read as a user's file.
fn configured(story: &Story, plan: &Scenario) -> Result<Scenario, StoryError> {
    let file = ConfigFile(Value::Object(story.kubelet_config.clone()).to_string());
    let loaded = load(&to_toml(plan), &story.id, &file, &[format!("kubelet.config={CONFIG}")])?;
    Ok(Scenario::clone(&loaded.scenario))
}

/// A part of a manifest in the words of the core; absent: its default.
fn part<T: for<'de> Deserialize<'de> + Default>(story: &Story, value: &Value) -> Result<T, StoryError> {
    let absent = value.is_null() || value.as_object().is_some_and(Map::is_empty);
    let read = if absent { Ok(T::default()) } else { T::deserialize(value) };
    read.map_err(|why| StoryError::NotAStory { id: story.id.clone(), why })
}

fn pod(story: &Story, action: &Action, t0: f64) -> Result<PodPlan, StoryError> {
    let spec = &action.pod["spec"];
    let mut plan = PodPlan::new(&action.name);
    plan.at = time(t0 + action.t);
    plan.restart_jitter_permille = draws::restart_jitter(story, &action.name).into();
    plan.spec.uid = action.pod["metadata"]["uid"].as_str().unwrap_or_default().into();
    plan.spec.priority = part(story, &spec["priority"])?;
    plan.restart_policy = part::<Option<_>>(story, &spec["restartPolicy"])?.unwrap_or(RestartPolicy::Always);
    plan.spec.termination_grace_period_seconds = part(story, &spec["terminationGracePeriodSeconds"])?;
    plan.spec.resources = part(story, &spec["resources"])?;
    if action.what == "static" {
        plan.spec.annotations.insert("kubernetes.io/config.source".into(), "file".into());
    }
    plan.spec.tolerations = Arc::new(part(story, &spec["tolerations"])?);
    for volume in spec["volumes"].as_array().into_iter().flatten().filter(|v| v["emptyDir"]["medium"] == "Memory") {
        let limit: Option<Quantity> = part(story, &volume["emptyDir"]["sizeLimit"])?;
        let size_limit = limit.map(|limit| Bytes::new(limit.value().max(0).unsigned_abs()));
        plan.volumes.push(VolumePlan { name: volume["name"].as_str().unwrap_or_default().into(), size_limit });
    }
    let init = spec["initContainers"].as_array().into_iter().flatten().map(|container| (true, container));
    let regular = spec["containers"].as_array().into_iter().flatten().map(|container| (false, container));
    for (is_init, container) in init.chain(regular) {
        let name = container["name"].as_str().unwrap_or_default();
        let args: Vec<&str> = container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let mounts: Vec<(&str, &str)> =
            mounts.filter_map(|m| Some((m["mountPath"].as_str()?, m["name"].as_str()?))).collect();
        let pid1 = ProcessPlan { comm: PROGRAM.into(), ..ProcessPlan::pid1(&name.into()) };
        let processes = programs(story, &args, t0, pid1, &mounts)?;
        let resources = part(story, &container["resources"])?;
        let pre_stop = pre_stop(&container["lifecycle"]["preStop"]);
        let (pid_namespace, probes, restarts_on_resize) = (true, Vec::new(), false);
        let own = ContainerPlan { name: name.into(), processes, pid_namespace, pre_stop, probes, restarts_on_resize };
        plan.containers.push(own);
        let restart_policy = part(story, &container["restartPolicy"])?;
        let spec = ContainerSpec { resources, restart_policy, ..ContainerSpec::new(name) };
        match is_init {
            true => plan.spec.init_containers.push(spec),
            false => Arc::make_mut(&mut plan.spec.containers).push(spec),
        }
    }
    Ok(plan)
}

/// New requests and limits of a pod's first container.
fn resize(story: &Story, action: &Action, t0: f64) -> Result<Injection, StoryError> {
    let of_pod = |other: &&Action| other.name == action.name && !other.pod.is_null();
    let pod = story.inputs.actions.iter().find(of_pod).ok_or_else(|| wrong("patchpod", &action.name))?;
    let container = pod.pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default().into();
    let resources = part(story, &action.patch["resources"])?;
    let change = Change::PodResources { pod: format!("default/{}", action.name).into(), container, resources };
    Ok(Injection { at: time(t0 + action.t), change })
}

fn host(story: &Story, action: &Action, t0: f64) -> Result<HostPlan, StoryError> {
    let mut host = HostPlan::new(&action.name, Behavior::IDLE);
    let args: Vec<&str> = action.args.iter().flatten().map(String::as_str).collect();
    let process = ProcessPlan { comm: PROGRAM.into(), ..host.process.clone() };
    let mut programs = programs(story, &args, t0, process, &[])?;
    if programs.len() > 1 {
        return Err(wrong("args", "child{"));
    }
    host.process = programs.remove(0);
    host.process.at = span(t0 + action.t);
    host.process.oom_score_adj = Some(action.adj.unwrap_or(0));
    Ok(host)
}

/// `sleep`, or the test program that sleeps and ends with a code.
fn pre_stop(hook: &Value) -> Option<PreStop> {
    if let Some(seconds) = hook["sleep"]["seconds"].as_u64() {
        return Some(PreStop::Sleep(SimDuration::from_secs(seconds)));
    }
    let command = || hook["exec"]["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let of = |what: &str| command().filter_map(|word| word.strip_prefix(what)?.parse::<u64>().ok()).collect::<Vec<_>>();
    hook["exec"]["command"].as_array()?;
    let takes = SimDuration::from_millis(of("sleep:").iter().sum());
    let code = of("exit:").first().and_then(|code| u8::try_from(*code).ok()).unwrap_or(0);
    Some(PreStop::Exec { takes, code })
}

/// The process that runs these instructions, made of `base`, and its children.
fn programs(
    story: &Story,
    args: &[&str],
    t0: f64,
    base: ProcessPlan,
    mounts: &[(&str, &str)],
) -> Result<Vec<ProcessPlan>, StoryError> {
    let (mut ops, mut process, mut children) = (Vec::new(), base, Vec::new());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let parts: Vec<&str> = arg.split(':').collect();
        let number = |n: usize| parts.get(n).and_then(|p| p.parse::<u64>().ok()).ok_or_else(|| wrong("args", arg));
        let millis = |n: usize| number(n).map(|ms| SimDuration::from_nanos(ms.saturating_mul(1_000_000)));
        let small = |n: usize| u8::try_from(number(n)?).map_err(|_| wrong("args", arg));
        match parts[0] {
            "anon" => blocks(&mut ops, story, [number(1)?, number(2)?, number(3)?], None),
            "shm" => {
                let path = parts.get(4).copied().unwrap_or_default();
                let volume = mounts.iter().find(|(at, _)| path.starts_with(at)).map_or(path, |(_, name)| name);
                blocks(&mut ops, story, [number(1)?, number(2)?, number(3)?], Some(volume));
            }
            "until" => ops.push(ScriptOp::Until(span(t0 + number(1)? as f64 / 1000.0))),
            "sleep" => ops.push(ScriptOp::Sleep(millis(1)?)),
            "exit" => ops.push(ScriptOp::Exit(small(1)?.into())),
            "name" => process.comm = kept_comm(&parts.get(1).copied().unwrap_or_default().into()),
            "term" if parts.get(1) == Some(&"exit") => {
                process.term = TermReaction::Exits { after: SimDuration::ZERO, code: small(2)? };
            }
            "term" => process.term = TermReaction::Exits { after: millis(2)?, code: small(3)? },
            "child{" => {
                let mut depth = 1;
                let inner = rest.by_ref().take_while(|word| {
                    depth += i32::from(**word == "child{") - i32::from(**word == "}child");
                    depth > 0
                });
                let inner: Vec<&str> = inner.copied().collect();
                // A child is a copy of its parent, name included.
                let child = ProcessPlan { comm: process.comm.clone(), ..ProcessPlan::idle(&PROGRAM.into()) };
                children.extend(programs(story, &inner, t0, child, mounts)?);
            }
            "waitchild" => {
                process.waits_for_children = true;
                break;
            }
            "reap" => ops.push(ScriptOp::WaitChildren),
            "hold" => break,
            _ => return Err(wrong("args", arg)),
        }
    }
    process.footprint = WORKER;
    if !ops.is_empty() {
        process.behavior = Arc::new(Behavior::Script(Script { ops }));
    }
    children.insert(0, process);
    Ok(children)
}

/// Blocks up to a total, 0: for ever, with a pause after each.
fn blocks(ops: &mut Vec<ScriptOp>, story: &Story, [block, pause, total]: [u64; 3], volume: Option<&str>) {
    let touch = TOUCH[usize::from(BYTE_BY_BYTE.contains(&&*story.id))] / f64::from(1 << 30);
    let writes = |amount: u64| volume.map_or(0.0, |_| amount as f64 * WRITE / f64::from(1 << 30));
    // A huge page is there as a whole.
    let rate = if volume.is_none() && block <= HUGE_PAGE && pause > 0 { 0.0 } else { touch };
    let grow = |amount: u64| match volume {
        Some(volume) => ScriptOp::Tmpfs { volume: volume.to_owned(), bytes: Bytes::new(amount) },
        None => {
            let takes = span(amount as f64 * rate);
            ScriptOp::Anon { bytes: Bytes::new(amount), touched_permille: 1000, takes }
        }
    };
    if pause == 0 && total > 0 {
        ops.push(grow(total));
        return;
    }
    let to = ops.len();
    ops.push(grow(block));
    let pause = SimDuration::from_nanos(pause.max(1).saturating_mul(1_000_000));
    let touches = if rate > 0.0 || volume.is_some() { 0.0 } else { block as f64 * touch };
    ops.push(ScriptOp::Sleep(pause + span(writes(block) + touches)));
    let times = (total > 0).then(|| u32::try_from((total / block.max(1)).max(1)).unwrap_or(u32::MAX));
    ops.push(ScriptOp::Repeat { to, times });
}

/// Seconds to a microsecond; never negative.
fn span(s: f64) -> SimDuration {
    SimDuration::from_nanos(((s.max(0.0) * 1e6).round() as u64).saturating_mul(1000))
}

fn time(s: f64) -> SimTime {
    SimTime::from_nanos(span(s).as_nanos())
}
