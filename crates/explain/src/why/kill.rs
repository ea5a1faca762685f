//! Kills by the kernel.

use super::{Explanation, passes};
use crate::candidates::{Candidates, KernelCandidate, KernelTable, of_kill};
use crate::fact::{ChoiceFact, KernelFact, Link, ProgramFact, Who, WhyNot};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::kubelet::{QosClass, container_request};
use oomsim_core::node::{CgroupView, NodeView};
use oomsim_core::node_api::{Name, OomReport, TaskRow};
use oomsim_core::record::{Choice, LimitScope, Owner};
use oomsim_core::units::{Bytes, Pages, Pid, SimDuration, SimTime};

/// How far back growth is looked for.
pub(super) const LOOK_BACK: SimDuration = SimDuration::from_secs(30);
/// Less growth than this is none.
pub(super) const STILL: Bytes = Bytes::mib(1);

pub(super) fn kill(run: &Run, to: &mut Explanation, report: &OomReport, scope: &LimitScope, owners: &[Owner]) {
    let at = to.at;
    let view = run.view(at);
    let from = SimTime::from_nanos(at.as_nanos().saturating_sub(LOOK_BACK.as_nanos()));
    let earlier = run.view(from);
    let growers = growers(report, view.as_ref(), earlier.as_ref(), owners);
    for grower in growers.iter().take(3).filter(|g| g.by() >= STILL) {
        let Grower { who, from: least, to: now, new, .. } = grower.clone();
        let over = if new { SimDuration::ZERO } else { at.since(from) };
        let from = least;
        to.chain.push(Link::at(at, ProgramFact::Grew { who, from, to: now, over }));
    }
    match scope {
        LimitScope::Node => node_full(run, to, report, view.as_ref()),
        _ => limit_full(to, report, scope, view.as_ref(), earlier.as_ref()),
    }
    contents(run, to, report);
    match scope {
        LimitScope::Pod(_) | LimitScope::Container { .. } | LimitScope::Cgroup => {
            let available = run.sample(at).map_or(Bytes::ZERO, |sample| sample.mem_available);
            to.chain.push(Link::of(KernelFact::NodeHad { available }).by(Rule::LimitIsAWorld));
        }
        _ => passes::around(run, at, &mut to.chain),
    }
    choosing(run, to, report, view.as_ref());
    innocence(to, report, &growers);
}

/// A process and what it grew by.
#[derive(Clone)]
struct Grower {
    pid: Pid,
    who: Who,
    from: Bytes,
    to: Bytes,
    /// It was started at that very instant.
    new: bool,
}

impl Grower {
    fn by(&self) -> Bytes {
        self.to.saturating_sub(self.from)
    }
}

fn resident(task: &TaskRow) -> Bytes {
    task.rss().bytes()
}

/// Processes of the report by how much they have grown, the most first; what has just started grew from nothing. Mapped
/// files are left out: their pages are charged where they were first read.
fn growers(report: &OomReport, now: Option<&NodeView>, earlier: Option<&NodeView>, owners: &[Owner]) -> Vec<Grower> {
    let killed = |pid: Pid| report.killed_tasks().zip(owners).find(|(task, _)| task.pid == pid).map(|(_, owner)| owner);
    let mut all: Vec<Grower> = report
        .tasks
        .iter()
        .map(|task| {
            let owner = now.and_then(|view| view.processes.iter().find(|p| p.pid == task.pid));
            let before = earlier.and_then(|view| view.processes.iter().find(|p| p.pid == task.pid));
            Grower {
                pid: task.pid,
                who: Who::process(task.pid, &task.comm, owner.map(|p| &p.owner).or_else(|| killed(task.pid))),
                new: now.is_some() && owner.is_none(),
                from: before.map_or(Bytes::ZERO, |p| p.rss.saturating_sub(task.rss_file.bytes())),
                to: resident(task).saturating_sub(task.rss_file.bytes()),
            }
        })
        .collect();
    all.sort_by_key(|grower| std::cmp::Reverse(grower.by()));
    all
}

fn invoker(report: &OomReport, view: Option<&NodeView>) -> Who {
    let owner = view.and_then(|view| view.processes.iter().find(|p| p.pid == report.invoker));
    Who::process(report.invoker, &report.invoker_comm, owner.map(|p| &p.owner))
}

fn limit_full(
    to: &mut Explanation,
    report: &OomReport,
    scope: &LimitScope,
    view: Option<&NodeView>,
    earlier: Option<&NodeView>,
) {
    let at = to.at;
    let Some(cgroup) = &report.oom_memcg else { return };
    let (usage, limit) = (report.memory.usage, report.memory.limit);
    let full = match usage > limit {
        true => KernelFact::LimitLowered { cgroup: cgroup.clone(), usage, limit },
        false => KernelFact::LimitFull { cgroup: cgroup.clone(), usage, limit, by: invoker(report, view) },
    };
    to.chain.push(Link::at(at, full).by(Rule::Charge));
    if *scope == LimitScope::Kubepods {
        to.chain.push(Link::of(KernelFact::LimitOfPods { limit }).by(Rule::KubepodsLimit));
    }
    if let (LimitScope::Pod(_), Some(view)) = (scope, view) {
        pause(to, view, cgroup, limit);
    }
    let file = |view: Option<&NodeView>| view.and_then(|v| v.cgroup(cgroup)).map(cache);
    if let Some(before) = file(earlier) {
        let left = report.stat.file.saturating_sub(report.stat.shmem);
        if before > left + STILL {
            let over = at.since(earlier.map_or(at, |view| view.at));
            to.chain.push(Link::of(KernelFact::CacheFreed { before, left, over }));
        }
    }
}

fn cache(cgroup: &CgroupView) -> Bytes {
    cgroup.stat.file.saturating_sub(cgroup.stat.shmem)
}

/// The pod's limit equals its container's: the pause process fills it first.
fn pause(to: &mut Explanation, view: &NodeView, pod: &Name, limit: Bytes) {
    let inside = |c: &&CgroupView| {
        c.path.strip_prefix(&**pod).is_some_and(|rest| rest.starts_with('/')) && c.limit == Some(limit)
    };
    let Some(container) = view.cgroups.iter().find(inside) else { return };
    let charged = view.cgroup(pod).map_or(Bytes::ZERO, |c| c.stat.usage);
    let rest = charged.saturating_sub(container.stat.usage);
    to.chain.push(
        Link::of(KernelFact::PauseCounts { limit, container: limit.saturating_sub(rest), rest }).by(Rule::PodCgroup),
    );
}

fn node_full(run: &Run, to: &mut Explanation, report: &OomReport, view: Option<&NodeView>) {
    let kept: Pages = report.zones.iter().map(|zone| (zone.watermark[0] + zone.protection).min(zone.managed)).sum();
    let info = &report.mem_info;
    let by = invoker(report, view);
    to.chain
        .push(Link::at(to.at, KernelFact::NodeFull { free: info.free, kept_back: kept.bytes(), by }).by(Rule::NodeOom));
    if run.kubelet().is_none() {
        return;
    }
    if let Some(sample) = run.sample(to.at) {
        let misleads = KernelFact::FigureMisleads {
            available: sample.available,
            mem_available: sample.mem_available,
            free: info.free,
            kernel: info.kernel,
            threshold: run.history().node.eviction_hard,
        };
        to.chain.push(Link::at(sample.at, misleads).by(Rule::MemoryAvailable));
    }
}

/// What the full cgroup held: why nothing more could be freed.
fn contents(run: &Run, to: &mut Explanation, report: &OomReport) {
    let stat = report.stat;
    let swap_total = run.scenario().node.kernel.swap_total;
    let swap_used = run.sample(to.at).map_or(Bytes::ZERO, |sample| sample.swap_used);
    let swap_free = (swap_total > Bytes::ZERO).then(|| swap_total.saturating_sub(swap_used));
    let file = stat.file.saturating_sub(stat.shmem);
    let fact = KernelFact::Contents { anon: stat.anon, shmem: stat.shmem, kernel: stat.kernel, file, swap_free };
    to.chain.push(Link::of(fact));
}

fn choosing(run: &Run, to: &mut Explanation, report: &OomReport, view: Option<&NodeView>) {
    let table = of_kill(run, report, view);
    match to.choice {
        Some(Choice::MostPoints) => to.choosing.extend(most_points(&table)),
        Some(Choice::AllocatingTask) => to.choosing.push(Link::of(ChoiceFact::Allocating).by(Rule::AllocatingTask)),
        Some(Choice::Tie) => to.choosing.extend(tie(&table)),
        Some(Choice::Child) => {
            let chosen = table.processes.iter().filter(|p| p.chosen).map(|p| p.who.clone());
            to.choosing
                .extend(chosen.map(|chosen| Link::of(ChoiceFact::ChildDied { chosen }).by(Rule::SacrificedChild)));
        }
        _ => {}
    }
    if let Some(cgroup) = &report.oom_group {
        let also = table.processes.iter().filter(|p| p.killed && !p.chosen).map(|p| p.who.clone()).collect();
        to.choosing.push(Link::of(ChoiceFact::Group { cgroup: cgroup.clone(), also }).by(Rule::GroupKill));
    }
    to.choosing.extend(score(run, &table));
    to.choosing.extend(not_the_largest(&table));
    to.choosing.extend(outside(report, view));
    to.candidates = Some(Candidates::Kernel(table));
}

fn most_points(table: &KernelTable) -> Option<Link> {
    let points = table.processes.iter().find(|p| p.chosen)?.points?;
    let of = table.processes.iter().filter(|p| p.points.is_some()).count() as u64;
    (of > 1).then(|| Link::of(ChoiceFact::MostPoints { points, of }).by(Rule::Badness))
}

/// Where the victim's `oom_score_adj` comes from.
fn score(run: &Run, table: &KernelTable) -> Option<Link> {
    let victim = table.processes.iter().find(|p| p.chosen)?;
    let (who, oom_score_adj) = (victim.who.clone(), victim.oom_score_adj);
    let Who::Process { comm, of, .. } = &who else { return None };
    let ram = run.scenario().node.kernel.mem_total;
    let (mut qos, mut request) = (None, Bytes::ZERO);
    let own;
    if let Some((pod, container)) = of.strip_prefix("pod/").and_then(|rest| rest.rsplit_once('/')) {
        let full = if pod.contains('/') { pod.to_owned() } else { format!("default/{pod}") };
        let (plan, kubelet) = (run.plan_of(&full)?, run.scenario().kubelet.as_ref()?);
        let spec = plan.spec.all_containers().find(|spec| *spec.name == *container)?;
        qos = Some(QosClass::of(&plan.spec, &kubelet.profile));
        let asked = container_request(spec);
        request = Bytes::new(u64::try_from(asked).unwrap_or(0));
        let all = plan.containers.iter().filter(|own| *own.name == *container).flat_map(|own| &own.processes);
        own = all.filter(|process| process.comm == *comm).any(|process| process.oom_score_adj.is_some());
    } else if let Some(name) = of.strip_prefix("host/") {
        own = run.scenario().hosts.iter().any(|host| *host.name == *name && host.process.oom_score_adj.is_some());
    } else {
        return None;
    }
    Some(Link::of(ChoiceFact::Score { who, oom_score_adj, qos, request, ram, own }).by(Rule::ScoreAdjust))
}

/// Several have the most points: why they are equal, and what decided.
fn tie(table: &KernelTable) -> Vec<Link> {
    let Some(points) = table.processes.iter().find(|p| p.chosen).and_then(|p| p.points) else { return Vec::new() };
    let equals = || table.processes.iter().filter(|p| p.points == Some(points));
    let floored = table.floor && equals().any(|p| p.sum < points);
    let fact = ChoiceFact::Equals { points, count: equals().count() as u64 };
    let order = ChoiceFact::OrderDecides { last: table.last_of_equals };
    let rule = if table.last_of_equals { Rule::LastOfEquals } else { Rule::FirstOfEquals };
    vec![Link { rule: floored.then_some(Rule::Floor), ..Link::of(fact) }, Link::of(order).by(rule)]
}

fn held(candidate: &KernelCandidate) -> Pages {
    candidate.rss + candidate.swapents
}

/// Why the largest process did not die.
fn not_the_largest(table: &KernelTable) -> Option<Link> {
    let largest = table.processes.iter().max_by_key(|p| held(p).get())?;
    let victim = table.processes.iter().find(|p| p.chosen)?;
    if largest.killed || held(largest) <= held(victim) {
        return None;
    }
    let why_not = match (largest.points, victim.points) {
        (None, _) => WhyNot::Protected,
        (Some(points), Some(of_victim)) if points == of_victim => WhyNot::Tied { points },
        (Some(points), of_victim) => WhyNot::Adjusted {
            points,
            victim_points: of_victim.unwrap_or(points),
            oom_score_adj: largest.oom_score_adj,
            victim_adj: victim.oom_score_adj,
            step: table.step,
        },
    };
    let fact = ChoiceFact::NotChosen { who: largest.who.clone(), holds: held(largest).bytes(), why_not };
    Some(Link::of(fact).by(Rule::ScoreAdjust))
}

/// A larger process outside of the full cgroup.
fn outside(report: &OomReport, view: Option<&NodeView>) -> Option<Link> {
    report.oom_memcg.as_ref()?;
    let inside = |pid: Pid| report.tasks.iter().any(|task| task.pid == pid);
    let largest = report.tasks.iter().map(resident).max()?;
    let other = view?.processes.iter().filter(|p| !inside(p.pid)).max_by_key(|p| p.rss)?;
    (other.rss > largest).then(|| {
        let who = Who::process(other.pid, &other.comm, Some(&other.owner));
        Link::of(ChoiceFact::NotChosen { who, holds: other.rss, why_not: WhyNot::OutsideTheLimit }).by(Rule::Charge)
    })
}

/// The victim had not grown, another process had, which holds more.
fn innocence(to: &mut Explanation, report: &OomReport, growers: &[Grower]) {
    let killed: Vec<Pid> = report.killed_tasks().map(|task| task.pid).collect();
    let dead = || growers.iter().filter(|g| killed.contains(&g.pid));
    let (most, holds) = (dead().map(Grower::by).max(), dead().map(|g| g.to).max());
    let (most, holds) = (most.unwrap_or_default(), holds.unwrap_or_default());
    let Some(grower) = growers.iter().find(|g| !killed.contains(&g.pid)) else { return };
    let Some(who) = to.who.clone() else { return };
    if grower.by() >= STILL && most.get() < grower.by().get() / 8 && holds < grower.to {
        to.innocent = true;
        to.chain.push(Link::of(ProgramFact::Innocent { who, grower: grower.who.clone(), by: grower.by() }));
    }
}
