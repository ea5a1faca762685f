//! Who could have been chosen, term by term.

use crate::fact::Who;
use crate::run::Run;
use oomsim_core::kernel::oom::{Terms, terms};
use oomsim_core::kernel::{BadnessFloor, Profile, TieRule};
use oomsim_core::kubelet::eviction::{Candidate, EvictionFacts, rank};
use oomsim_core::node::NodeView;
use oomsim_core::node_api::{Name, OomReport, QosClass, TaskIx, TaskRow};
use oomsim_core::record::PassFigures;
use oomsim_core::units::{Bytes, Pages};
use serde::Serialize;

/// Everyone who could have been chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Candidates {
    /// The kernel chose among processes.
    Kernel(KernelTable),
    /// The kubelet chose among pods; in eviction order.
    Kubelet {
        /// First the one that goes first.
        pods: Vec<PodCandidate>,
    },
}

/// The OOM killer's candidates.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelTable {
    /// Pages that points are measured against: the limit, or RAM, each with swap.
    pub total_pages: Pages,
    /// What one step of `oom_score_adj` is worth: total / 1000.
    pub step: i64,
    /// Points below 1 count as 1.
    pub floor: bool,
    /// Among equals the last one looked at dies.
    pub last_of_equals: bool,
    /// In the order in which the kernel looks at them.
    pub processes: Vec<KernelCandidate>,
}

/// A process with its points.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelCandidate {
    /// Who.
    #[serde(flatten)]
    pub who: Who,
    /// Resident pages.
    pub rss: Pages,
    /// Swapped-out pages.
    pub swapents: Pages,
    /// Pages of page tables.
    pub page_tables: Pages,
    /// What CAP_SYS_ADMIN takes off.
    pub root_bonus: i64,
    /// `oom_score_adj`.
    pub oom_score_adj: i16,
    /// `oom_score_adj` × step.
    pub adj_points: i64,
    /// The sum of the terms.
    pub sum: i64,
    /// The points; `None`: it can never be killed.
    pub points: Option<i64>,
    /// The kernel chose it.
    pub chosen: bool,
    /// It died.
    pub killed: bool,
}

/// A pod with its ranking keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCandidate {
    /// `namespace/name`.
    pub pod: Name,
    /// Its class, if the pod is known.
    pub qos: Option<QosClass>,
    /// Never evicted.
    pub critical: bool,
    /// Working set as the kubelet had it; `None`: no figure yet.
    pub seen: Option<Bytes>,
    /// How old that was, in seconds.
    pub age_s: Option<f64>,
    /// What it really was.
    pub now: Option<Bytes>,
    /// Its request.
    pub request: Bytes,
    /// It uses more than it requests, as far as the kubelet saw.
    pub exceeds_request: bool,
    /// Its priority.
    pub priority: i32,
    /// Use above the request as seen; negative: below.
    pub excess: i64,
    /// It was evicted.
    pub evicted: bool,
}

/// The candidates of a kill. Owners come from the node as it stood right before.
pub(crate) fn of_kill(run: &Run, report: &OomReport, view: Option<&NodeView>) -> KernelTable {
    let profile = &run.scenario().node.kernel.profile;
    let total = report.total_pages;
    let killed: Vec<usize> = report.killed.iter().map(|ix| ix.index()).collect();
    let row = |(index, task): (usize, &TaskRow)| {
        let known = view.and_then(|view| view.processes.iter().find(|p| p.pid == task.pid));
        let terms = the_terms(profile, task, total);
        KernelCandidate {
            who: Who::process(task.pid, &task.comm, known.map(|p| &p.owner)),
            rss: task.rss(),
            swapents: task.swapents,
            page_tables: task.pgtables.to_pages_floor(),
            root_bonus: terms.map_or(0, |t| t.root_bonus),
            oom_score_adj: task.oom_score_adj,
            adj_points: terms.map_or(0, |t| t.adj),
            sum: terms.map_or(0, |t| t.sum),
            points: task.points,
            chosen: report.victim.map(TaskIx::index) == Some(index),
            killed: killed.contains(&index),
        }
    };
    KernelTable {
        total_pages: total,
        step: i64::try_from(total.get() / 1000).unwrap_or(i64::MAX),
        floor: profile.badness_floor == BadnessFloor::One,
        last_of_equals: profile.tie == TieRule::LastScanned,
        processes: report.tasks.iter().enumerate().map(row).collect(),
    }
}

/// The kernel's own arithmetic. Whether a process has CAP_SYS_ADMIN shows in its points.
fn the_terms(profile: &Profile, task: &TaskRow, total: Pages) -> Option<Terms> {
    let of = |admin| terms(profile, task, admin, total);
    [false, true].into_iter().filter_map(of).find(|t| Some(t.points) == task.points).or_else(|| of(false))
}

/// The candidates of an eviction pass in eviction order.
pub(crate) fn of_pass(run: &Run, pass: &PassFigures) -> Vec<PodCandidate> {
    let Some(kubelet) = &run.scenario().kubelet else { return Vec::new() };
    let sample = run.sample(pass.at);
    let evicted = pass.evicted();
    let mut all: Vec<Candidate<PodCandidate>> = Vec::new();
    for figures in &pass.pods {
        let Some(plan) = run.plan_of(&figures.pod) else { continue };
        let facts = EvictionFacts::of(&plan.spec, &kubelet.profile);
        let usage = figures.taken_at.map(|_| figures.working_set.map_or(0, i64::cast_unsigned));
        let request = i64::try_from(facts.request_nanos / 1_000_000_000).unwrap_or(i64::MAX);
        let seen = usage.map(Bytes::new);
        let excess = usage.map_or(0, |usage| usage.cast_signed().saturating_sub(request));
        let pod = PodCandidate {
            pod: figures.pod.clone(),
            qos: run.history().pods.iter().find(|p| p.pod == figures.pod).map(|p| p.qos),
            critical: facts.critical,
            seen,
            age_s: figures.taken_at.map(|at| pass.at.since(at).as_secs_f64()),
            now: sample.and_then(|s| run.pod_in(s, &figures.pod)).map(|p| p.working_set),
            request: Bytes::new(u64::try_from(request).unwrap_or(0)),
            exceeds_request: excess > 0,
            priority: facts.priority,
            excess,
            evicted: evicted == Some(&figures.pod),
        };
        all.push(Candidate { pod, facts, usage });
    }
    rank(&mut all);
    all.into_iter().map(|candidate| candidate.pod).collect()
}
