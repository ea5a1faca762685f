//! What was recorded and what was simulated: kills and evictions in order and in time, what the API showed of pods over
//! time, events with their texts, and the node's condition.

use super::story::Story;
use super::{events, scenario, shown};
use crate::node::StoryError;
use crate::node::decision::short;
use oomsim_core::record::{History, Owner, Record};
use std::fmt;

/// Seconds by which something may be off: a pass of the manager or a kill moves with the restart before it.
const IN_TIME_S: f64 = 1.0;
/// … and the part of the time since T0.
const IN_TIME_PART: f64 = 0.03;
/// The phase of the reports of the node's status is not in the recordings: one period and its jitter.
const STATUS_PERIOD_S: f64 = 10.4;

/// A state that lasts no longer than this may be missed: the kubelet sends what holds when it comes by, once a second.
const PASSING_S: f64 = 1.1;

/// Who decided that a pod's processes die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionKind {
    /// The kernel's OOM killer.
    Oom,
    /// The kubelet's eviction manager.
    Evicted,
}

impl fmt::Display for DecisionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecisionKind::Oom => "oom",
            DecisionKind::Evicted => "evicted",
        })
    }
}

/// An eviction or an OOM kill.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Seconds since T0.
    pub t: f64,
    /// Which of the two.
    pub kind: DecisionKind,
    /// The pod, or `host`.
    pub who: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:.1}", self.kind, self.who, self.t)
    }
}

/// What differs first, recorded and simulated.
pub type Difference = Option<(String, String)>;

/// A run held against its recording, part by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Kills and evictions.
    pub decisions: Difference,
    /// Phase, reason, message and containers of each pod over time.
    pub statuses: Difference,
    /// Events of pods and of the node.
    pub events: Difference,
    /// The node's MemoryPressure.
    pub conditions: Difference,
}

impl Compared {
    /// Holds a run against its recording.
    ///
    /// # Errors
    /// When the recording names a kubelet that is no release.
    pub fn of(story: &Story, history: &History) -> Result<Compared, StoryError> {
        let t0 = story.t0();
        let as_event = |a: &events::Event, b: &events::Event| match a.reason.as_str() {
            "NodeHasInsufficientMemory" => (a.t - b.t).abs() <= STATUS_PERIOD_S,
            _ => in_time(a.t, b.t),
        };
        let wording = scenario::profile(story)?.event_wording;
        Ok(Compared {
            decisions: decisions(&recorded(story), &simulated(history, t0)),
            statuses: statuses(&shown::recorded(story), &shown::simulated(story, history, t0))
                .or_else(|| waits(&shown::recorded_waits(story), &shown::simulated_waits(story, history))),
            events: events::difference(&events::recorded(story), &events::simulated(history, t0, wording), as_event),
            conditions: conditions(&events::recorded_conditions(story), &events::simulated_conditions(history, t0)),
        })
    }

    /// The parts by name.
    pub fn parts(&self) -> [(&'static str, &Difference); 4] {
        [
            ("decisions", &self.decisions),
            ("statuses", &self.statuses),
            ("events", &self.events),
            ("conditions", &self.conditions),
        ]
    }

    /// What differs first.
    pub fn difference(&self) -> Option<(&'static str, &(String, String))> {
        self.parts().into_iter().find_map(|(name, difference)| Some((name, difference.as_ref()?)))
    }

    /// How many parts agree.
    pub fn agreeing(&self) -> usize {
        self.parts().iter().filter(|(_, difference)| difference.is_none()).count()
    }
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

fn decisions(recorded: &[Decision], simulated: &[Decision]) -> Difference {
    let same = recorded.len() == simulated.len()
        && recorded.iter().zip(simulated).all(|(a, b)| a.kind == b.kind && a.who == b.who && in_time(a.t, b.t));
    (!same).then(|| (text(recorded), text(simulated)))
}

fn statuses(recorded: &shown::Shown, simulated: &shown::Shown) -> Difference {
    let nothing = Vec::new();
    for (pod, expected) in recorded {
        let got = simulated.get(pod).unwrap_or(&nothing);
        if let Some((n, m)) = first_difference(expected, got) {
            let at = |list: &[(f64, shown::State)], n: usize| match list.get(n) {
                Some((t, state)) => format!("{pod} from {t:.1} on: {state}"),
                None => format!("{pod}: nothing more"),
            };
            return Some((at(expected, n), at(got, m)));
        }
    }
    None
}

/// Where two lists of states part, those that passed quickly left out where the other has none.
fn first_difference(expected: &[(f64, shown::State)], got: &[(f64, shown::State)]) -> Option<(usize, usize)> {
    let passing = |list: &[(f64, shown::State)], n: usize| {
        list.get(n).zip(list.get(n + 1)).is_some_and(|(state, next)| next.0 - state.0 <= PASSING_S)
    };
    let (mut n, mut m) = (0, 0);
    while n < expected.len() || m < got.len() {
        let same = expected.get(n).zip(got.get(m)).is_some_and(|(a, b)| a.1 == b.1 && in_time(a.0, b.0));
        match () {
            () if same => (n, m) = (n + 1, m + 1),
            () if passing(expected, n) => n += 1,
            () if passing(got, m) => m += 1,
            () => return Some((n, m)),
        }
    }
    None
}

/// Messages of waits for a restart: those that the API showed are the first of the run's, which has at most the wait
/// more in which the story ends or its pod is killed.
fn waits(recorded: &shown::Waits, simulated: &shown::Waits) -> Difference {
    let nothing = Vec::new();
    for key in recorded.keys().chain(simulated.keys()) {
        let (expected, got) = (recorded.get(key).unwrap_or(&nothing), simulated.get(key).unwrap_or(&nothing));
        if !got.starts_with(expected) || got.len() > expected.len() + 1 {
            let text = |list: &[String]| format!("{}/{} waits: {}", key.0, key.1, list.join("; "));
            return Some((text(expected), text(got)));
        }
    }
    None
}

fn conditions(recorded: &[(f64, String)], simulated: &[(f64, String)]) -> Difference {
    let same = recorded.len() == simulated.len()
        && recorded.iter().zip(simulated).all(|(a, b)| a.1 == b.1 && (a.0 - b.0).abs() <= STATUS_PERIOD_S);
    let text = |list: &[(f64, String)]| {
        let list: Vec<String> = list.iter().map(|(t, status)| format!("{status} at {t:.1}")).collect();
        format!("MemoryPressure {}", if list.is_empty() { "never".into() } else { list.join(", ") })
    };
    (!same).then(|| (text(recorded), text(simulated)))
}

/// The recorded decisions.
pub fn recorded(story: &Story) -> Vec<Decision> {
    let mut out = Vec::new();
    for entry in &story.timeline {
        let decision = |kind, who: &str| Decision { t: entry.t, kind, who: who.to_owned() };
        let rejected = entry.message.as_deref().is_some_and(|m| m.starts_with("The node had condition"));
        match (entry.ev.as_str(), &entry.on, &entry.s) {
            ("event", Some(pod), _) if entry.reason.as_deref() == Some("Evicted") && !rejected => {
                out.push(decision(DecisionKind::Evicted, pod.trim_end_matches("-n1")));
            }
            ("kernel", _, Some(line)) if line.starts_with("oom-kill:") => {
                out.push(decision(DecisionKind::Oom, victims_pod(story, line)));
            }
            _ => {}
        }
    }
    out
}

/// The pod of an `oom-kill:` line's victim. The cgroup of an API pod has its uid, `u-NAME`; that of a static pod has a
/// hash.
pub fn victims_pod<'a>(story: &'a Story, line: &'a str) -> &'a str {
    let cgroup = line.split("task_memcg=").nth(1).unwrap_or_default();
    if let Some(rest) = cgroup.split("podu-").nth(1) {
        return rest.split(['/', ',']).next().unwrap_or_default();
    }
    let is_static = |a: &&super::story::Action| a.what == "static" && cgroup.starts_with("/kubepods");
    story.inputs.actions.iter().find(is_static).map_or("host", |a| a.name.as_str())
}

/// The decisions of a run.
pub fn simulated(history: &History, t0: f64) -> Vec<Decision> {
    let mut out = Vec::new();
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        match &entry.record {
            Record::OomKill { killed_owners, .. } => {
                let who = killed_owners.iter().find_map(|owner| match owner {
                    Owner::Container { pod, .. } => Some(short(pod).to_owned()),
                    Owner::Host(_) => None,
                });
                let who = who.unwrap_or_else(|| "host".into());
                out.push(Decision { t, kind: DecisionKind::Oom, who });
            }
            Record::Evicted { pod, .. } => {
                out.push(Decision { t, kind: DecisionKind::Evicted, who: short(pod).to_owned() });
            }
            _ => {}
        }
    }
    out
}
