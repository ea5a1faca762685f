//! Events of pods and of the node, with their texts, and the node's conditions.

use super::story::Story;
use crate::node::decision::short;
use oomsim_core::kubelet::EventWording;
use oomsim_core::kubelet::backoff::event_message;
use oomsim_core::node_api::{ConditionStatus, NodeConditionType, TerminatedReason, format_pod};
use oomsim_core::record::view::{PRE_STOP_HOOK_FAILED, START_ERROR, split_pod};
use oomsim_core::record::{History, Record};
use std::collections::BTreeMap;
use std::fmt;

/// An event: of what, its reason, its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub t: f64,
    pub on: String,
    pub reason: String,
    pub text: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:.1}: {}", self.on, self.reason, self.t, self.text)
    }
}

/// The node, as a subject.
const NODE: &str = "node";
/// The event that comes again whenever something makes the kubelet look at a pod that waits: compared is the first of
/// each wait.
pub const BACK_OFF: &str = "BackOff";
/// Events that are compared. Not among them: `Pulled`, as scenarios have no images, and what a kubelet says when it
/// starts.
const COMPARED: [&str; 13] = [
    "Created",
    "Started",
    BACK_OFF,
    "ResizeStarted",
    "ResizeCompleted",
    "ResizeError",
    "Killing",
    "FailedPreStopHook",
    "Evicted",
    "Failed",
    "EvictionThresholdMet",
    "SystemOOM",
    "NodeHasInsufficientMemory",
];

/// What was recorded since the first pod came. An event that is repeated has its reason only the first time.
pub fn recorded(story: &Story) -> Vec<Event> {
    let begin = story.inputs.actions.iter().map(|action| action.t).fold(f64::INFINITY, f64::min);
    let mut reasons: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut out = Vec::new();
    for entry in story.timeline.iter().filter(|entry| entry.ev == "event") {
        let (Some(on), Some(text)) = (entry.on.as_deref(), entry.message.as_deref()) else { continue };
        if let Some(reason) = entry.reason.as_deref() {
            reasons.insert((on, text), reason);
        }
        let reason = *reasons.get(&(on, text)).unwrap_or(&"");
        if entry.t < begin || !COMPARED.contains(&reason) {
            continue;
        }
        let on = if on == "n1" { NODE } else { on.trim_end_matches("-n1") };
        let event = Event { t: entry.t, on: on.into(), reason: reason.into(), text: text.trim_end().into() };
        if reason == BACK_OFF && waits_already(&out, &event) {
            continue;
        }
        // A kubelet that starts says several times in a second how its node is.
        let again = |before: &Event| before.reason == event.reason && event.t - before.t < 1.0;
        if reason.starts_with("NodeHas") && out.iter().any(again) {
            continue;
        }
        out.push(event);
    }
    out
}

/// Whether an event `BackOff` repeats one of the same wait: no container of the pod has been created since.
fn waits_already(before: &[Event], event: &Event) -> bool {
    let of_pod = before.iter().rev().filter(|other| other.on == event.on);
    let mut since = of_pod.take_while(|other| other.reason != "Created");
    since.any(|other| other.reason == BACK_OFF && other.text == event.text)
}

/// What was simulated.
pub fn simulated(history: &History, t0: f64, wording: EventWording) -> Vec<Event> {
    let mut out = Vec::new();
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        let of = |on: &str, reason: &str, text: &str| {
            let (on, text) = (short(on).to_owned(), text.trim_end().to_owned());
            Event { t, on, reason: reason.into(), text }
        };
        match &entry.record {
            Record::ContainerStarted { pod, container, .. } => {
                out.push(of(pod, "Created", &wording.created(container)));
                out.push(of(pod, "Started", &wording.started(container)));
            }
            Record::ContainerTerminated {
                pod, container, reason: TerminatedReason::StartError, finished_at, ..
            } => {
                let t = finished_at.as_nanos() as f64 / 1e9 - t0;
                let failed = format!("Error: {START_ERROR}");
                for (reason, text) in [("Created", wording.created(container)), ("Failed", failed)] {
                    out.push(Event { t, on: short(pod).into(), reason: reason.into(), text });
                }
            }
            Record::FailedPreStopHook { pod, .. } => out.push(of(pod, "FailedPreStopHook", PRE_STOP_HOOK_FAILED)),
            Record::Killing { pod, message, .. } => out.push(of(pod, "Killing", message)),
            Record::BackOff { pod, container, uid, .. } => {
                let (namespace, name) = split_pod(pod);
                let text = event_message(container, &format_pod(name, namespace, uid));
                out.push(of(pod, BACK_OFF, &text));
            }
            Record::PodEvent { pod, reason, message } => out.push(of(pod, reason.as_str(), message)),
            Record::Evicted { pod, message, .. } => out.push(of(pod, "Evicted", message)),
            Record::PodRejected { pod, reason, message } => out.push(of(pod, reason.as_str(), message)),
            Record::EvictionThresholdMet { message } => out.push(of(NODE, "EvictionThresholdMet", message)),
            Record::SystemOom { message } => out.push(of(NODE, "SystemOOM", message)),
            Record::NodeCondition { r#type: NodeConditionType::MemoryPressure, status: ConditionStatus::True } => {
                let text = "Node n1 status is now: NodeHasInsufficientMemory";
                out.push(of(NODE, "NodeHasInsufficientMemory", text));
            }
            _ => {}
        }
    }
    out
}

/// The first recorded event without its like, or the first simulated one that nothing of the kind was recorded for;
/// order does not matter within what `in_time` allows.
pub fn difference(
    recorded: &[Event],
    simulated: &[Event],
    in_time: impl Fn(&Event, &Event) -> bool,
) -> Option<(String, String)> {
    let mut left: Vec<&Event> = simulated.iter().collect();
    for event in recorded {
        let same = |other: &&Event| {
            other.on == event.on && other.reason == event.reason && same_text(&event.text, &other.text)
        };
        let found = left.iter().position(|other| same(other) && in_time(event, other));
        match found {
            Some(place) => _ = left.remove(place),
            None => {
                let near = |other: &&&Event| other.on == event.on && other.reason == event.reason;
                let nearest = left.iter().find(near).map_or("no such event".to_owned(), ToString::to_string);
                return Some((event.to_string(), nearest));
            }
        }
    }
    left.first().map(|event| ("no such event".to_owned(), event.to_string()))
}

/// Relative part by which amounts in texts may differ …
const AMOUNT_PART: f64 = 0.05;
/// … and bytes: what is available at a pass moves with the phase of a leak.
const AMOUNT_BYTES: f64 = 24.0 * 1048576.0;

/// Equal texts but for process ids, amounts of memory in use, generations (which the recordings' API server does not
/// count), and the order of the sentences about containers, which is
/// that of the runtime's list.
pub fn same_text(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (sentences(a), sentences(b));
    a.sort();
    b.sort();
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && amounts_agree(&a.1, &b.1))
}

/// The sentences of a text without what may differ, each with its amounts in bytes.
fn sentences(text: &str) -> Vec<(String, Vec<i64>)> {
    let text = text.split(", pid: ").next().unwrap_or(text);
    let mut parts = text.split("\"generation\":");
    let mut text = parts.next().unwrap_or_default().to_owned();
    text.extend(parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())));
    text.split(". ").map(|sentence| without_amounts(sentence.trim_end_matches('.'))).collect()
}

/// What follows these words is an amount that may differ.
const BEFORE_AMOUNTS: [&str; 3] = ["available:", "using", "usage"];

fn without_amounts(sentence: &str) -> (String, Vec<i64>) {
    let (mut out, mut amounts, mut before) = (String::new(), Vec::new(), "");
    for word in sentence.split(' ') {
        let amount = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        match amount.parse::<oomsim_core::units::Quantity>() {
            Ok(quantity) if BEFORE_AMOUNTS.contains(&before) => {
                amounts.push(quantity.value());
                out.push_str("AMOUNT ");
            }
            _ => out += &format!("{word} "),
        }
        before = word;
    }
    (out, amounts)
}

fn amounts_agree(a: &[i64], b: &[i64]) -> bool {
    let agree = |(a, b): (&i64, &i64)| {
        let (a, b) = (*a as f64, *b as f64);
        (a - b).abs() <= AMOUNT_BYTES + AMOUNT_PART * a.abs()
    };
    a.len() == b.len() && a.iter().zip(b).all(agree)
}

/// When the node's MemoryPressure changed, and to what.
pub fn recorded_conditions(story: &Story) -> Vec<(f64, String)> {
    let of = |entry: &&super::story::Entry| entry.ev == "node_condition";
    story.timeline.iter().filter(of).map(|e| (e.t, e.status.as_str().unwrap_or_default().to_owned())).collect()
}

/// The same of a run.
pub fn simulated_conditions(history: &History, t0: f64) -> Vec<(f64, String)> {
    let changes = history.entries.iter().filter_map(|entry| match &entry.record {
        Record::NodeCondition { status, .. } => Some((
            entry.at.as_nanos() as f64 / 1e9 - t0,
            if *status == ConditionStatus::True { "True" } else { "False" },
        )),
        _ => None,
    });
    changes.map(|(t, status)| (t, status.to_owned())).collect()
}
