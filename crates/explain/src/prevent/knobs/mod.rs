//! What can be changed about a scenario, one thing at a time.

mod action;
mod given;
mod kubelet;
mod node;
mod pod;

use super::change::Change;
use super::outcome::Target;
use crate::text::clock;
pub(super) use action::resize;
use oomsim_core::plan::{self, Injection, Scenario};
use oomsim_core::units::{Bytes, SimDuration, SimTime, format_duration};
use oomsim_scenario::{assignment, injection_to_toml};
use serde::Serialize;

/// Something that can be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// What it is, for people.
    pub name: String,
    /// Where it can be put.
    pub steps: Steps,
    /// Nothing is set as things are.
    pub unset: bool,
    kind: KnobKind,
}

/// The positions of a knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    /// Numbers from `low` to `high` in steps from `now`.
    Numbers {
        /// Where it stands.
        now: i64,
        /// Least.
        low: i64,
        /// Most.
        high: i64,
        /// One step.
        step: i64,
    },
    /// One of these.
    Choices(Vec<String>),
}

/// How a position is written.
#[derive(Clone, Debug, PartialEq)]
enum KnobKind {
    Bytes(Vec<String>),
    Millis(Vec<String>),
    Plain(Vec<String>),
    /// `evictionSoft` with this grace period.
    Soft(SimDuration),
    /// Swap, and what a kubelet needs to let pods use it.
    Swap(Vec<(&'static str, &'static str)>),
    Action(plan::Change),
}

/// What a position is, for people and in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// As text.
    pub text: String,
    /// The change that puts the knob there.
    pub change: Change,
}

const MIB: i64 = 1 << 20;
/// A range without an end of its own goes this far beyond where it stands.
const FURTHER: i64 = 64;

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

fn millis(length: SimDuration) -> i64 {
    i64::try_from(length.as_nanos() / 1_000_000).unwrap_or(i64::MAX / FURTHER)
}

fn millis_at(at: SimTime) -> i64 {
    millis(at.since(SimTime::ZERO))
}

/// Nanoseconds of a number of milliseconds.
fn nanos(millis: i64) -> u64 {
    millis.max(0).unsigned_abs().saturating_mul(1_000_000)
}

fn length(millis: i64) -> String {
    format_duration(SimDuration::from_nanos(nanos(millis)))
}

/// An amount in whole Mi or Ki where it is one.
fn quantity(bytes: i64) -> String {
    match bytes {
        b if b % MIB == 0 => format!("{}Mi", b / MIB),
        b if b % 1024 == 0 => format!("{}Ki", b / 1024),
        b => b.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A key path as `--set` reads it.
fn path(keys: &[&str]) -> String {
    let line = assignment(keys, "");
    line.rsplit_once(" = ").map_or(line.clone(), |(path, _)| path.to_owned())
}

fn bytes(key: impl Into<String>) -> KnobKind {
    KnobKind::Bytes(vec![key.into()])
}

fn time(key: impl Into<String>) -> KnobKind {
    KnobKind::Millis(vec![key.into()])
}

fn plain(key: impl Into<String>) -> KnobKind {
    KnobKind::Plain(vec![key.into()])
}

impl Knob {
    fn numbers(name: impl Into<String>, kind: KnobKind, (now, low, high, step): (i64, i64, i64, i64)) -> Option<Knob> {
        let step = step.max(1);
        let steps = Steps::Numbers { now, low, high, step };
        (low < high).then(|| Knob { name: name.into(), steps, unset: false, kind })
    }

    /// An action, at the latest when it is too late.
    fn action(name: String, change: plan::Change, at: SimTime) -> Option<Knob> {
        let now = millis_at(at);
        Knob::numbers(name, KnobKind::Action(change), (now, 0, now, 1000))
    }

    /// Choices as TOML; `None`: there is no other.
    fn choices(name: &str, key: &str, others: Vec<String>) -> Option<Knob> {
        let kind = plain(key);
        (!others.is_empty()).then(|| Knob { name: name.into(), steps: Steps::Choices(others), unset: false, kind })
    }

    /// Where it stands, for people; empty for actions and choices.
    pub(super) fn from(&self) -> String {
        match self.steps {
            Steps::Numbers { .. } if self.is_action() => String::new(),
            Steps::Numbers { .. } if self.unset => "none".into(),
            Steps::Numbers { now, .. } => self.position(now).text,
            Steps::Choices(_) => String::new(),
        }
    }

    /// The change that puts the knob to a number, and its text.
    pub fn position(&self, value: i64) -> Position {
        let all = |keys: &[String], value: &str| Change {
            set: keys.iter().map(|key| (key.clone(), quoted(value))).collect(),
            at: None,
        };
        let (text, change) = match &self.kind {
            KnobKind::Bytes(keys) => (quantity(value), all(keys, &quantity(value))),
            KnobKind::Millis(keys) => (length(value), all(keys, &length(value))),
            KnobKind::Plain(keys) => {
                let set = keys.iter().map(|key| (key.clone(), value.to_string())).collect();
                (value.to_string(), Change { set, at: None })
            }
            KnobKind::Soft(grace) => {
                let grace = format_duration(*grace);
                let change = Change::set("kubelet.evictionSoft.\"memory.available\"", quoted(&quantity(value)))
                    .and("kubelet.evictionSoftGracePeriod.\"memory.available\"", quoted(&grace));
                (format!("{} for {grace}", quantity(value)), change)
            }
            KnobKind::Swap(needs) => {
                let swap = Change::set("node.swap", quoted(&quantity(value)));
                (quantity(value), needs.iter().fold(swap, |change, (key, value)| change.and(*key, *value)))
            }
            KnobKind::Action(action) => {
                let at = SimTime::from_nanos(nanos(value));
                let table = injection_to_toml(&Injection { at, change: action.clone() });
                (format!("at {}", clock(at)), Change { set: Vec::new(), at: Some(table) })
            }
        };
        Position { text, change }
    }

    /// The change that makes a choice.
    pub fn choice(&self, choice: &str) -> Position {
        let keys = match &self.kind {
            KnobKind::Bytes(keys) | KnobKind::Millis(keys) | KnobKind::Plain(keys) => keys.as_slice(),
            _ => &[],
        };
        let set = keys.iter().map(|key| (key.clone(), choice.to_owned())).collect();
        Position { text: choice.trim_matches('"').to_owned(), change: Change { set, at: None } }
    }

    /// True for actions, whose latest instant is looked for.
    pub fn is_action(&self) -> bool {
        matches!(self.kind, KnobKind::Action(_))
    }

    /// True for what only moves an instant.
    pub(super) fn is_instant(&self) -> bool {
        let moves = |key: &String| key == FIRST_PASS || key.starts_with("at.");
        matches!(&self.kind, KnobKind::Millis(keys) if keys.iter().any(moves))
    }

    /// True for what moves the instant at which the kubelet looks.
    pub(super) fn is_phase(&self) -> bool {
        matches!(&self.kind, KnobKind::Millis(keys) if keys.iter().any(|key| key == FIRST_PASS))
    }
}

/// When the kubelet looks first.
const FIRST_PASS: &str = "kubelet.firstPass";

/// What a search starts from.
pub(super) struct Situation<'a> {
    /// What is run.
    pub scenario: &'a Scenario,
    /// Its file, which has the tables `[[at]]`.
    pub text: &'a str,
    /// Who came to harm.
    pub target: &'a Target,
    /// Pods and host processes that had grown or held most.
    pub concerned: &'a [Target],
    /// When it came to harm.
    pub at: SimTime,
    /// When the kubelet looked first.
    pub first_pass: Option<SimTime>,
}

/// Every knob of a scenario that can have to do with what happened.
pub(super) fn knobs(situation: &Situation<'_>) -> Vec<Knob> {
    let Situation { scenario, target, concerned, at, .. } = situation;
    let mut all = Vec::new();
    for plan in &scenario.pods {
        let is = |t: &Target| t.pod() == Some(plan.full_name().as_str());
        if is(target) || concerned.iter().any(is) {
            all.extend(pod::of_pod(scenario, plan));
            if !is(target) {
                all.extend(action::on_pod(plan, *at));
            }
        }
    }
    for host in &scenario.hosts {
        let is = |t: &Target| matches!(t, Target::Host(name) if **name == *host.name);
        if is(target) || concerned.iter().any(is) {
            all.extend(pod::of_host(scenario, host));
            if !is(target) {
                all.extend(action::on_host(host, *at));
            }
        }
    }
    all.extend(given::of_file(situation));
    all.extend(node::of_node(scenario));
    all.extend(kubelet::of_kubelet(situation));
    all
}

/// Every other version of a table: the newer ones, the next first, then the older ones.
fn other_versions<'a>(all: impl DoubleEndedIterator<Item = &'a str> + Clone, now: &str) -> Vec<String> {
    let newer = all.clone().skip_while(|version| *version != now).skip(1);
    let older = all.rev().skip_while(|version| *version != now).skip(1);
    newer.chain(older).map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_nearest_first() {
        let others = other_versions(["1", "2", "3", "4"].into_iter(), "2");
        assert_eq!(others, ["\"3\"", "\"4\"", "\"1\""]);
    }
}
