//! Who died, when and by whose decision: the same form for a recorded and for a simulated story.

use super::story::Story;
use oomsim_core::record::{DeathCause, History, LimitScope, Owner, Record};
use oomsim_core::units::Pid;
use ordered_float::OrderedFloat;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Whose decision a death was.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum DecidedBy {
    /// The kubelet's eviction manager.
    Eviction,
    /// The process exited by itself.
    Itself,
    /// The kernel: the node was out of memory.
    NodeOom,
    /// The kernel, at the limit of all pods.
    KubepodsOom,
    /// The kernel, at the limit of a QoS class.
    QosOom,
    /// The kernel, at the limit of a pod.
    PodOom,
    /// The kernel, at the limit of a container.
    ContainerOom,
    /// The kernel, at the limit of another cgroup.
    CgroupOom,
    /// Something else, in its own word.
    Other(String),
}

impl From<String> for DecidedBy {
    fn from(word: String) -> Self {
        match word.as_str() {
            "eviction" => DecidedBy::Eviction,
            "self" => DecidedBy::Itself,
            "global_oom" => DecidedBy::NodeOom,
            "kubepods_oom" => DecidedBy::KubepodsOom,
            "qos_oom" => DecidedBy::QosOom,
            "pod_oom" => DecidedBy::PodOom,
            "container_oom" => DecidedBy::ContainerOom,
            "memcg_oom" => DecidedBy::CgroupOom,
            _ => DecidedBy::Other(word),
        }
    }
}

impl From<&LimitScope> for DecidedBy {
    fn from(limit: &LimitScope) -> Self {
        match limit {
            LimitScope::Node => DecidedBy::NodeOom,
            LimitScope::Kubepods => DecidedBy::KubepodsOom,
            LimitScope::Qos(_) => DecidedBy::QosOom,
            LimitScope::Pod(_) => DecidedBy::PodOom,
            LimitScope::Container { .. } => DecidedBy::ContainerOom,
            LimitScope::Cgroup => DecidedBy::CgroupOom,
        }
    }
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecidedBy::Eviction => "eviction",
            DecidedBy::Itself => "self",
            DecidedBy::NodeOom => "global_oom",
            DecidedBy::KubepodsOom => "kubepods_oom",
            DecidedBy::QosOom => "qos_oom",
            DecidedBy::PodOom => "pod_oom",
            DecidedBy::ContainerOom => "container_oom",
            DecidedBy::CgroupOom => "memcg_oom",
            DecidedBy::Other(word) => word,
        })
    }
}

/// One decision and every process it killed.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When it was taken: the kernel's kill line, the kubelet's kill call, or the process's own exit.
    pub t: f64,
    /// By whom.
    pub by: DecidedBy,
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
                && match death.by {
                    DecidedBy::Eviction => k.split('/').next() == key.split('/').next() && !death.pod.is_empty(),
                    DecidedBy::Itself => false,
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
                    out.push(Decision { t, by: limit.into(), killed });
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
                        let there = out.iter_mut().find(|d| d.by == DecidedBy::Eviction && d.t == at);
                        match there {
                            Some(decision) => {
                                decision.killed.insert(who);
                            }
                            None => out.push(Decision { t: at, by: DecidedBy::Eviction, killed: [who].into() }),
                        }
                    }
                    (DeathCause::SelfExit, _) => {
                        out.push(Decision { t, by: DecidedBy::Itself, killed: [who].into() });
                    }
                    (other, _) => {
                        out.push(Decision { t, by: DecidedBy::Other(format!("{other:?}")), killed: [who].into() });
                    }
                }
            }
            _ => {}
        }
    }
    out.sort_by_key(|decision| OrderedFloat(decision.t));
    out
}

/// A process's name; pause processes and the node's own are not part of a verdict.
fn who(owner: &Owner, comm: &str) -> Option<String> {
    match owner {
        pause if pause.is_pause() => None,
        Owner::Container { pod, container } => Some(format!("{}/{container}/{comm}", short(pod))),
        Owner::Host(_) => Some(format!("host/{comm}")),
    }
}

/// `web` of `default/web`.
pub fn short(pod: &str) -> &str {
    pod.rsplit('/').next().unwrap_or(pod)
}
