//! What was recorded and what was simulated: kills and evictions in order and in time, and the pods at the end.

use super::story::Story;
use crate::Verdict;
use crate::node::decision::short;
use oomsim_core::record::{History, Owner, Record};
use std::collections::BTreeMap;
use std::fmt;

/// Seconds by which a decision may be off: a pass of the manager or a kill moves with the restart before it.
const IN_TIME_S: f64 = 1.0;
/// … and the part of the time since T0.
const IN_TIME_PART: f64 = 0.03;

/// An eviction or an OOM kill.
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    t: f64,
    what: &'static str,
    who: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:.1}", self.what, self.who, self.t)
    }
}

pub fn verdict(story: &Story, history: &History) -> Verdict {
    let (recorded, simulated) = (recorded(story), self::simulated(history, story.t0()));
    let same = recorded.len() == simulated.len()
        && recorded.iter().zip(&simulated).all(|(a, b)| a.what == b.what && a.who == b.who && in_time(a.t, b.t));
    if !same {
        return Verdict::Mismatched { expected: text(&recorded), got: text(&simulated) };
    }
    let (expected, got) = (shown(story), seen(history));
    for (pod, expected) in &expected {
        let got = got.get(pod).map_or("nothing", String::as_str);
        if got != expected {
            let at_end = |what: &str| format!("{pod} at the end: {what}");
            return Verdict::Mismatched { expected: at_end(expected), got: at_end(got) };
        }
    }
    Verdict::Matched
}

fn in_time(recorded: f64, simulated: f64) -> bool {
    (recorded - simulated).abs() <= IN_TIME_S + IN_TIME_PART * recorded.abs()
}

fn text(decisions: &[Decision]) -> String {
    match decisions {
        [] => "no deaths".into(),
        _ => decisions.iter().map(Decision::to_string).collect::<Vec<_>>().join("; "),
    }
}

fn recorded(story: &Story) -> Vec<Decision> {
    let mut out = Vec::new();
    for entry in &story.timeline {
        let decision = |what, who: &str| Decision { t: entry.t, what, who: who.to_owned() };
        let rejected = entry.message.as_deref().is_some_and(|m| m.starts_with("The node had condition"));
        match (entry.ev.as_str(), &entry.on, &entry.s) {
            ("event", Some(pod), _) if entry.reason.as_deref() == Some("Evicted") && !rejected => {
                out.push(decision("evicted", pod.trim_end_matches("-n1")));
            }
            ("kernel", _, Some(line)) if line.starts_with("oom-kill:") => {
                out.push(decision("oom", victims_pod(story, line)));
            }
            _ => {}
        }
    }
    out
}

/// The pod of an `oom-kill:` line's victim. The cgroup of an API pod has its uid, `u-NAME`; that of a static pod has a
/// hash.
fn victims_pod<'a>(story: &'a Story, line: &'a str) -> &'a str {
    let cgroup = line.split("task_memcg=").nth(1).unwrap_or_default();
    if let Some(rest) = cgroup.split("podu-").nth(1) {
        return rest.split(['/', ',']).next().unwrap_or_default();
    }
    let is_static = |a: &&super::story::Action| a.what == "static" && cgroup.starts_with("/kubepods");
    story.inputs.actions.iter().find(is_static).map_or("host", |a| a.name.as_str())
}

fn simulated(history: &History, t0: f64) -> Vec<Decision> {
    let mut out = Vec::new();
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        match &entry.record {
            Record::OomKill { killed_owners, .. } => {
                let who = killed_owners.iter().find_map(|owner| match owner {
                    Owner::Container { pod, .. } => Some(short(pod).to_owned()),
                    Owner::Host(_) => None,
                });
                out.push(Decision { t, what: "oom", who: who.unwrap_or_else(|| "host".into()) });
            }
            Record::Evicted { pod, .. } => out.push(Decision { t, what: "evicted", who: short(pod).to_owned() }),
            _ => {}
        }
    }
    out
}

/// Phase, reason, and of each container its state and restarts, as recorded.
fn shown(story: &Story) -> BTreeMap<String, String> {
    let deleted = |name: &str| story.inputs.actions.iter().any(|a| a.what == "delete" && a.name == name);
    let pods = story.end.iter().flatten().filter(|(name, _)| !deleted(name));
    pods.map(|(name, status)| {
        let mut text = status.phase.clone();
        text.extend(status.reason.iter().flat_map(|reason| ["/", reason.as_str()]));
        let mut containers: Vec<String> = status
            .containers
            .iter()
            .map(|c| {
                let state = match c.state.is.as_str() {
                    "running" => "running".to_owned(),
                    "terminated" => {
                        ended(c.state.reason.as_deref().unwrap_or_default(), c.state.exit_code.unwrap_or(0))
                    }
                    _ => c.state.reason.clone().unwrap_or_default(),
                };
                format!(" {} {state} ({} restarts)", c.name, c.restarts)
            })
            .collect();
        containers.sort();
        (name.trim_end_matches("-n1").to_owned(), text + &containers.concat())
    })
    .collect()
}

fn ended(reason: &str, code: i32) -> String {
    format!("{reason} {code}")
}

/// The same of the simulation.
fn seen(history: &History) -> BTreeMap<String, String> {
    let mut containers: BTreeMap<(String, String), (String, u32)> = BTreeMap::new();
    for entry in &history.entries {
        match &entry.record {
            Record::ContainerStarted { pod, container, restart_count } => {
                let key = (short(pod).to_owned(), container.to_string());
                containers.insert(key, ("running".into(), *restart_count));
            }
            Record::ContainerTerminated { pod, container, reason, exit_code, .. } => {
                let of = containers.entry((short(pod).to_owned(), container.to_string())).or_default();
                of.0 = ended(reason.as_str(), *exit_code);
            }
            _ => {}
        }
    }
    let pod = |outcome: &oomsim_core::record::PodOutcome| {
        let name = short(&outcome.pod).to_owned();
        let mut text = outcome.phase.to_string();
        text.extend(outcome.reason.iter().flat_map(|reason| ["/", reason.as_str()]));
        for ((_, container), (state, restarts)) in containers.iter().filter(|((of, _), _)| *of == name) {
            text += &format!(" {container} {state} ({restarts} restarts)");
        }
        (name, text)
    };
    history.pods.iter().map(pod).collect()
}
