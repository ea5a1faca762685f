//! The node at chosen instants: the tree of cgroups, processes with their badness, and what the kubelet believed.

use super::data::{number, seconds};
use oomsim_core::node::{CgroupView, KubeletView, NodeView, ProcessView};
use oomsim_core::record::{History, LimitScope, Owner, Record, view};
use oomsim_core::units::SimTime;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Instants at the same distance from each other.
const EVEN: u64 = 48;
/// Instants at which something happened.
const MOST_EVENTS: usize = 80;
/// Rows of all instants together; with more, the page gets too large to be mailed.
const MOST_ROWS: usize = 24_000;
/// Processes that are listed for an instant: those that the OOM killer would take first.
const MOST_PROCESSES: usize = 30;

/// The node just before something happened, or in between.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Instant {
    at: f64,
    mem_total: f64,
    mem_available: f64,
    mem_free: f64,
    swap_total: f64,
    swap_used: f64,
    cgroups: Vec<Cgroup>,
    processes: Vec<Process>,
    kubelet: Option<Kubelet>,
}

/// A memory cgroup; those below it follow it, one deeper.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Cgroup {
    name: String,
    path: String,
    depth: u32,
    /// `node`, `kubepods`, `qos`, `pod`, `container` or `cgroup`.
    of: &'static str,
    usage: f64,
    working_set: f64,
    limit: Option<f64>,
    /// Anonymous memory, tmpfs, page cache, kernel memory and swap.
    parts: [f64; 5],
    /// Processes that the OOM killer has killed in it.
    oom_kills: f64,
    /// Times that its limit was about to be exceeded: reclaim in it (`memory.events` max, v1 failcnt).
    at_limit: f64,
    /// Times that it was above `memory.high`.
    above_high: f64,
}

/// A process.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Process {
    pid: u32,
    comm: String,
    of: String,
    rss: f64,
    oom_score_adj: i16,
    badness: Option<f64>,
    /// What badness is the sum of: pages resident, swapped out and of page tables, and what `oom_score_adj` adds; the
    /// rest is what CAP_SYS_ADMIN takes off and the floor of old kernels.
    terms: Option<[f64; 4]>,
    /// `running`, `reclaiming`, `throttled` or `dying`.
    state: &'static str,
}

/// What the kubelet believed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Kubelet {
    memory_pressure: bool,
    reported_memory_pressure: bool,
    waits_for: Option<String>,
    pods: Vec<Belief>,
}

/// What it believed of a pod.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Belief {
    pod: String,
    working_set: Option<f64>,
    taken_at: Option<f64>,
    working_set_now: f64,
}

/// The instants worth a look: just before each kill, eviction, refusal and end of a container, and some in between.
pub fn instants(history: &History) -> Vec<SimTime> {
    let happened = |record: &Record| {
        matches!(
            record,
            Record::OomKill { .. }
                | Record::Evicted { .. }
                | Record::AllocationRefused { .. }
                | Record::RuntimeOutOfMemory { .. }
                | Record::Stalled { .. }
                | Record::KernelPanic { .. }
                | Record::ContainerTerminated { .. }
        )
    };
    let end = history.ended_at.as_nanos();
    let even = (0..=EVEN)
        .map(|n| SimTime::from_nanos(u64::try_from(u128::from(end) * u128::from(n) / u128::from(EVEN)).unwrap_or(end)));
    let events = history.entries.iter().filter(|entry| happened(&entry.record)).map(|entry| entry.at);
    let all: BTreeSet<SimTime> = even.chain(events.take(MOST_EVENTS)).collect();
    all.into_iter().collect()
}

/// How many of the rows that a page has room for are left.
#[derive(Clone, Copy, Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Room(MOST_ROWS)
    }
}

impl Room {
    /// Enough for everything: for a page that shows one instant at a time.
    pub const UNLIMITED: Room = Room(usize::MAX);
}

impl Instant {
    /// The node as it stands; nothing when the page is full.
    pub fn of(node: &NodeView, room: &mut Room) -> Option<Instant> {
        let rows = node.cgroups.len() + node.processes.len().min(MOST_PROCESSES) + pods(node);
        room.0 = room.0.checked_sub(rows)?;
        let mut processes: Vec<&ProcessView> = node.processes.iter().collect();
        processes.sort_by_key(|process| (Reverse(process.badness()), Reverse(process.rss), process.pid));
        Some(Instant {
            at: seconds(node.at),
            mem_total: number(node.memory.total),
            mem_available: number(node.memory.available),
            mem_free: number(node.memory.free),
            swap_total: number(node.memory.swap_total),
            swap_used: number(node.memory.swap_total.saturating_sub(node.memory.swap_free)),
            cgroups: cgroups(&node.cgroups),
            processes: processes.into_iter().take(MOST_PROCESSES).map(process).collect(),
            kubelet: node.kubelet.as_ref().map(kubelet),
        })
    }
}

fn pods(node: &NodeView) -> usize {
    node.kubelet.as_ref().map_or(0, |kubelet| kubelet.pods.len())
}

fn cgroups(views: &[CgroupView]) -> Vec<Cgroup> {
    let mut depths: Vec<u32> = Vec::new();
    let mut found = Vec::new();
    for view in views {
        let depth = view.parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
        depths.push(depth);
        // Containers without a name in the scenario, such as the pause container, are known by a long id.
        let last = || {
            let name = view.path.rsplit('/').next().unwrap_or_default();
            if name.len() > 40 { format!("{}…", name.chars().take(16).collect::<String>()) } else { name.to_owned() }
        };
        let name = match &view.of {
            LimitScope::Node => "node".into(),
            LimitScope::Kubepods => "kubepods".into(),
            LimitScope::Qos(class) => class.to_string(),
            LimitScope::Pod(pod) => pod.to_string(),
            LimitScope::Container { container, .. } => container.to_string(),
            LimitScope::Cgroup => last(),
        };
        let stat = &view.stat;
        let (usage, working_set) = (number(stat.usage), number(stat.working_set()));
        found.push(Cgroup {
            name,
            path: view.path.to_string(),
            depth,
            of: view.of.as_str(),
            usage,
            working_set,
            limit: view.limit.map(number),
            parts: [stat.anon, stat.shmem, stat.file.saturating_sub(stat.shmem), stat.kernel, stat.swap].map(number),
            oom_kills: view.events.oom_kill as f64,
            at_limit: view.events.max as f64,
            above_high: view.events.high as f64,
        });
    }
    found
}

fn process(process: &ProcessView) -> Process {
    let of = match &process.owner {
        Owner::Container { pod, container } => {
            let (namespace, name) = view::split_pod(pod);
            let namespace = if namespace == "default" { String::new() } else { format!("{namespace}/") };
            format!("{namespace}{name}/{container}")
        }
        Owner::Host(name) => format!("host/{name}"),
    };
    Process {
        pid: process.pid.0,
        comm: process.comm.to_string(),
        of,
        rss: number(process.rss),
        oom_score_adj: process.oom_score_adj,
        badness: process.badness().map(|points| points as f64),
        terms: process
            .terms
            .map(|t| [t.rss.get() as f64, t.swapents.get() as f64, t.page_tables.get() as f64, t.adj as f64]),
        state: process.state.as_str(),
    }
}

fn kubelet(kubelet: &KubeletView) -> Kubelet {
    let belief = |belief: &oomsim_core::node::PodBelief| Belief {
        pod: belief.pod.to_string(),
        working_set: belief.working_set.map(number),
        taken_at: belief.taken_at.map(seconds),
        working_set_now: number(belief.working_set_now),
    };
    Kubelet {
        memory_pressure: kubelet.memory_pressure,
        reported_memory_pressure: kubelet.reported_memory_pressure,
        waits_for: kubelet.waits_for.as_ref().map(ToString::to_string),
        pods: kubelet.pods.iter().map(belief).collect(),
    }
}
