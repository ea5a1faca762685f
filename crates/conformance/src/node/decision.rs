//! Who died, when and by whose decision: the same form for a recorded and for a simulated story.

use super::story::Story;
use oomsim_core::record::{DeathCause, History, LimitScope, Owner, Record};
use oomsim_core::units::Pid;
use ordered_float::OrderedFloat;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One decision and every process it killed.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When it was taken: the kernel's kill line, the kubelet's kill call, or the process's own exit.
    pub t: f64,
    /// `eviction`, `container_oom`, `pod_oom`, `kubepods_oom`, `global_oom`, `self`, …
    pub by: String,
    /// `pod/container/process`; host processes are `host/NAME`.
    pub killed: BTreeSet<String>,
}

impl Decision {
    /// What has to agree for a verdict to agree.
    pub fn same(&self, other: &Decision) -> bool {
        self.by == other.by && self.killed == other.killed
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed: Vec<&str> = self.killed.iter().map(String::as_str).collect();
        write!(f, "{} {} at {:.2}", self.by, killed.join("+"), self.t)
    }
}

/// A list of decisions as one text.
pub fn text(decisions: &[Decision]) -> String {
    if decisions.is_empty() {
        return "no deaths".into();
    }
    decisions.iter().map(Decision::to_string).collect::<Vec<_>>().join("; ")
}

/// True when both name the same decisions in the same order.
pub fn same_verdict(a: &[Decision], b: &[Decision]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y))
}

/// Kill lines of one report come within this time (in the recorded stories a report takes 15 ms at most).
const SAME_REPORT_S: f64 = 0.02;

/// What was recorded.
pub fn recorded(story: &Story) -> Vec<Decision> {
    let mut out: Vec<(Decision, String)> = Vec::new();
    for death in &story.verdict {
        let (key, who) = match death.pod.as_str() {
            "" => (String::new(), format!("host/{}", death.name)),
            pod => (format!("{pod}/{}", death.container), format!("{pod}/{}/{}", death.container, death.name)),
        };
        let together = out.iter_mut().rev().find(|(d, k)| {
            d.by == death.by
                && match death.by.as_str() {
                    "eviction" => k.split('/').next() == key.split('/').next() && !death.pod.is_empty(),
                    "self" => false,
                    _ => *k == key && (d.t - death.decided_t).abs() < SAME_REPORT_S,
                }
        });
        match together {
            Some((decision, _)) => {
                decision.killed.insert(who);
            }
            None => {
                let decision = Decision { t: death.decided_t, by: death.by.clone(), killed: [who].into() };
                out.push((decision, key));
            }
        }
    }
    out.into_iter().map(|(d, _)| d).collect()
}

/// What was simulated; times relative to `t0`.
pub fn simulated(history: &History, t0: f64) -> Vec<Decision> {
    let mut out: Vec<Decision> = Vec::new();
    let mut by_oom: BTreeMap<Pid, ()> = BTreeMap::new();
    let mut evicted: BTreeMap<String, f64> = BTreeMap::new();
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        match &entry.record {
            Record::OomKill { report, limit, killed_owners } => {
                let mut killed = BTreeSet::new();
                for (task, owner) in report.killed_tasks().zip(killed_owners) {
                    by_oom.insert(task.pid, ());
                    killed.extend(who(owner, &task.comm));
                }
                if !killed.is_empty() {
                    out.push(Decision { t, by: decided_by(limit).into(), killed });
                }
            }
            Record::Evicted { pod, .. } => {
                evicted.insert(short(pod).to_owned(), t);
            }
            Record::ProcessExited { pid, comm, owner, cause, .. } => {
                let Some(who) = who(owner, comm).filter(|_| !by_oom.contains_key(pid)) else { continue };
                let pod = who.split('/').next().unwrap_or_default().to_owned();
                match (cause, evicted.get(&pod)) {
                    (DeathCause::Eviction | DeathCause::ContainerStop, Some(&at)) => {
                        let there = out.iter_mut().find(|d| d.by == "eviction" && d.t == at);
                        match there {
                            Some(decision) => {
                                decision.killed.insert(who);
                            }
                            None => out.push(Decision { t: at, by: "eviction".into(), killed: [who].into() }),
                        }
                    }
                    (DeathCause::SelfExit, _) => out.push(Decision { t, by: "self".into(), killed: [who].into() }),
                    (other, _) => {
                        out.push(Decision { t, by: format!("{other:?}"), killed: [who].into() });
                    }
                }
            }
            _ => {}
        }
    }
    out.sort_by_key(|decision| OrderedFloat(decision.t));
    out
}

/// Whose decision a kill at this limit was, in the words of the stories.
fn decided_by(limit: &LimitScope) -> &'static str {
    match limit {
        LimitScope::Node => "global_oom",
        LimitScope::Kubepods => "kubepods_oom",
        LimitScope::Qos(_) => "qos_oom",
        LimitScope::Pod(_) => "pod_oom",
        LimitScope::Container { .. } => "container_oom",
        LimitScope::Cgroup => "memcg_oom",
    }
}

/// A process's name; pause processes and the node's own are not part of a verdict.
fn who(owner: &Owner, comm: &str) -> Option<String> {
    match owner {
        Owner::Container { container, .. } if &**container == "POD" => None,
        Owner::Container { pod, container } => Some(format!("{}/{container}/{comm}", short(pod))),
        Owner::Host(_) => Some(format!("host/{comm}")),
    }
}

/// `web` of `default/web`.
pub fn short(pod: &str) -> &str {
    pod.rsplit('/').next().unwrap_or(pod)
}
