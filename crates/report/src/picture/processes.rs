//! Which processes a picture shows one by one: those that a pod's curve does not tell apart.

use oomsim_core::node_api::{Constraint, EvictionSignal, OomReport, TaskRow};
use oomsim_core::record::{History, Owner, Record};
use oomsim_core::units::{Bytes, Pages, Pid};
use std::collections::BTreeMap;

/// Most processes of a picture.
const MOST: usize = 6;
/// A process of the node itself is shown from this share of the capacity on, in percent.
const NOTABLE: u64 = 3;

/// Their ids and names, the largest first: where the kernel killed in a cgroup with several processes, all of that
/// cgroup that are not small beside the largest; where the node ran short, large processes of the node itself.
pub fn of(history: &History) -> Vec<(Pid, String)> {
    let mut found: BTreeMap<Pid, (Bytes, String)> = BTreeMap::new();
    let mut add = |pid: Pid, rss: Bytes, name: String| {
        let known = found.entry(pid).or_insert((rss, name));
        known.0 = known.0.max(rss);
    };
    let notable = Bytes::new(history.node.capacity.get() / 100 * NOTABLE);
    for entry in &history.entries {
        let Record::OomKill { report, .. } = &entry.record else { continue };
        for task in beside_the_killed(report) {
            add(task.pid, task.rss().bytes(), format!("{} {}", task.comm, task.pid.0));
        }
        if report.constraint == Constraint::None {
            let large = |task: &&TaskRow| is_of_node(task) && task.rss().bytes() >= notable;
            for task in report.tasks.iter().filter(large) {
                add(task.pid, task.rss().bytes(), format!("{} {} (node)", task.comm, task.pid.0));
            }
        }
    }
    if history.entries.iter().any(|entry| ran_short(&entry.record)) {
        let large = history.processes.iter().filter(|p| matches!(p.owner, Owner::Host(_)) && p.rss >= notable);
        large.for_each(|p| add(p.pid, p.rss, format!("{} {} (node)", p.comm, p.pid.0)));
    }
    let mut list: Vec<(Pid, (Bytes, String))> = found.into_iter().collect();
    list.sort_by_key(|(pid, (rss, _))| (std::cmp::Reverse(*rss), *pid));
    list.truncate(MOST);
    list.into_iter().map(|(pid, (_, name))| (pid, name)).collect()
}

/// Whether something happened because the node, and not only its pods, had too little.
fn ran_short(record: &Record) -> bool {
    match record {
        Record::Evicted { signal, .. } => *signal == EvictionSignal::MemoryAvailable,
        Record::OomKill { report, .. } => report.constraint == Constraint::None,
        _ => false,
    }
}

/// A task outside of all pods. Recordings of kernels give its cgroup from the root on.
fn is_of_node(task: &TaskRow) -> bool {
    !task.cgroup.split('/').any(|part| part.starts_with("kubepods"))
}

/// All tasks of cgroups in which one was killed, where there are several that are not small beside the largest.
fn beside_the_killed(report: &OomReport) -> impl Iterator<Item = &TaskRow> {
    let killed = || report.killed.iter().filter_map(|&ix| report.task(ix));
    let mut cgroups: Vec<&str> = killed().map(|task| &*task.cgroup).collect();
    cgroups.sort_unstable();
    cgroups.dedup();
    let several = move |cgroup: &&str| {
        let rss = || report.tasks.iter().filter(|task| &*task.cgroup == *cgroup).map(TaskRow::rss);
        let least = small(rss().max().unwrap_or_default());
        rss().filter(|rss| *rss > least).count() > 1
    };
    cgroups.into_iter().filter(several).flat_map(|cgroup| {
        let there = || report.tasks.iter().filter(move |task| &*task.cgroup == cgroup);
        let least = small(there().map(TaskRow::rss).max().unwrap_or_default());
        there().filter(move |task| task.rss() > least)
    })
}

/// What is small beside the largest.
fn small(largest: Pages) -> Pages {
    Pages::new(largest.get() / 50)
}
