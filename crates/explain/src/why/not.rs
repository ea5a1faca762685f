//! Why something did not happen.

use super::passes;
use crate::fact::{KubeletFact, Link, ProgramFact, RoomFact, ThresholdState, Who};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::kubelet::is_critical;
use oomsim_core::node_api::{EvictionSignal, Name};
use oomsim_core::record::{Record, Sample};
use oomsim_core::units::{Bytes, SimTime};
use serde::Serialize;

/// What did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unhappened {
    /// The kubelet did not evict the pod, or any pod.
    Evicted,
    /// The kernel did not kill in the pod, or anywhere.
    Killed,
}

/// Links that say why something did not happen to a pod (`namespace/name`), or at all; empty when it did.
pub fn explain_not(run: &Run, what: Unhappened, pod: Option<&Name>) -> Vec<Link> {
    if happened(run, what, pod) {
        return Vec::new();
    }
    match what {
        Unhappened::Evicted => not_evicted(run, pod),
        Unhappened::Killed => not_killed(run, pod),
    }
}

fn happened(run: &Run, what: Unhappened, pod: Option<&Name>) -> bool {
    let is = |name: &Name| pod.is_none_or(|pod| pod == name);
    run.history().entries.iter().any(|entry| match (&entry.record, what) {
        (Record::Evicted { pod, .. }, Unhappened::Evicted) => is(pod),
        (Record::OomKill { killed_owners, .. }, Unhappened::Killed) => {
            pod.is_none() || killed_owners.iter().any(|owner| super::pod_of(owner).is_some_and(|p| is(&p.into())))
        }
        _ => false,
    })
}

fn not_evicted(run: &Run, pod: Option<&Name>) -> Vec<Link> {
    let mut links = Vec::new();
    if pod.and_then(|pod| run.plan_of(pod)).is_some_and(|plan| is_critical(&plan.spec)) {
        links.push(Link::of(KubeletFact::NeverEvicted).by(Rule::Static));
    }
    let passes = &run.history().passes;
    if run.kubelet().is_none() || passes.is_empty() {
        links.push(Link::of(KubeletFact::NoThreshold));
        return links;
    }
    links.extend(top_node(run));
    let states: Vec<Vec<ThresholdState>> = passes.iter().map(|pass| passes::thresholds(run, pass)).collect();
    let met = states.iter().filter(|pass| pass.iter().any(ThresholdState::met)).count() as u64;
    let looked = KubeletFact::PassesBefore { count: passes.len() as u64, met, nearest: None };
    links.push(Link::of(looked).by(Rule::Pass));
    let kinds = states.first().map_or(0, Vec::len);
    for kind in 0..kinds {
        let of = passes.iter().zip(&states).filter_map(|(pass, all)| Some((pass.at, all.get(kind)?)));
        let Some((at, least)) = of.min_by_key(|(_, state)| passes::distance(state)) else { continue };
        let rule = match least.signal {
            EvictionSignal::AllocatableMemoryAvailable => Rule::AllocatableAvailable,
            _ => Rule::MemoryAvailable,
        };
        links.push(Link::at(at, KubeletFact::Nearest { threshold: least.clone() }).by(rule));
    }
    let mut others: Vec<Name> = passes.iter().filter_map(|pass| pass.evicted().cloned()).collect();
    others.dedup();
    if !others.is_empty() {
        links.push(Link::of(KubeletFact::OthersFirst { pods: others }).by(Rule::Ranking));
    }
    links
}

/// The node's working set at its highest, as `kubectl top node` shows it.
fn top_node(run: &Run) -> Option<Link> {
    let highest = run.history().series.samples.iter().max_by_key(|sample| sample.working_set)?;
    let node = &run.history().node;
    let fact = RoomFact::TopNode {
        working_set: highest.working_set,
        allocatable: node.allocatable,
        pods: highest.kubepods_working_set,
        capacity: node.capacity,
    };
    Some(Link::at(highest.at, fact).by(Rule::KubectlTop))
}

fn not_killed(run: &Run, pod: Option<&Name>) -> Vec<Link> {
    let mut links = Vec::new();
    let history = run.history();
    let samples = &history.series.samples;
    let peak = |of: &dyn Fn(&Sample) -> Bytes| samples.iter().map(|s| (of(s), s.at)).max_by_key(|(peak, _)| *peak);
    for (name, limit) in history.node.pod_limits.iter().filter(|(name, _)| pod.is_none_or(|pod| pod == name)) {
        let usage = |s: &Sample| run.pod_in(s, name).map_or(Bytes::ZERO, |p| p.usage);
        if let Some((peak, at)) = peak(&usage) {
            let fact = RoomFact::Room { of: "pod", name: name.clone(), peak, limit: *limit };
            links.push(Link::at(at, fact).by(Rule::Charge));
        }
    }
    if let (Some(limit), Some((peak, at))) = (history.node.kubepods_limit, peak(&|s| s.kubepods_usage)) {
        let fact = RoomFact::Room { of: "kubepods", name: "/kubepods".into(), peak, limit };
        links.push(Link::at(at, fact).by(Rule::KubepodsLimit));
    }
    if let Some(lowest) = samples.iter().min_by_key(|sample| sample.mem_available) {
        let fact = RoomFact::NodeRoom { lowest: lowest.mem_available, ram: history.node.capacity };
        links.push(Link::at(lowest.at, fact).by(Rule::NodeOom));
    }
    links.extend(stalled(run, pod, history.ended_at));
    links
}

/// How close to its limit a cgroup is that is full.
const FULL: Bytes = Bytes::kib(512);

/// Processes that wait at a full limit when the run ends: no kill, but no progress either.
fn stalled(run: &Run, pod: Option<&Name>, at: SimTime) -> Vec<Link> {
    let Some(view) = run.view(at) else { return Vec::new() };
    let mut links = Vec::new();
    for cgroup in &view.cgroups {
        let Some(limit) = cgroup.limit.filter(|limit| cgroup.stat.usage + FULL >= *limit) else { continue };
        let inside = view.processes.iter().filter(|p| p.cgroup.starts_with(&*cgroup.path));
        let ours = |p: &&oomsim_core::node::ProcessView| {
            pod.is_none_or(|pod| super::pod_of(&p.owner).is_some_and(|of| of == &**pod))
        };
        if let Some(process) = inside.filter(ours).max_by_key(|p| p.rss) {
            let who = Who::process(process.pid, &process.comm, Some(&process.owner));
            let (cgroup, usage) = (cgroup.path.clone(), cgroup.stat.usage);
            links.push(Link::at(at, ProgramFact::Stalled { who, cgroup, usage, limit }).by(Rule::Charge));
            break;
        }
    }
    links
}
