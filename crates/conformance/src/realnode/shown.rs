//! What the API shows of pods over time: phase, reason, and of each container its state, exit code and restarts.

use super::story::{ContainerStatus, Entry, Story};
use crate::node::decision::short;
use oomsim_core::node_api::{PodPhase, TerminatedReason};
use oomsim_core::record::{History, Record};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pod as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pod {
    phase: String,
    reason: Option<String>,
    containers: BTreeMap<String, (String, u32)>,
}

impl Pod {
    fn pending<'a>(containers: impl Iterator<Item = &'a str>) -> Pod {
        let waits = |name: &str| (name.to_owned(), ("ContainerCreating".to_owned(), 0));
        Pod { phase: "Pending".into(), reason: None, containers: containers.map(waits).collect() }
    }

    fn text(&self) -> String {
        let mut text = self.phase.clone();
        text.extend(self.reason.iter().flat_map(|reason| ["/", reason.as_str()]));
        for (name, (state, restarts)) in &self.containers {
            text += &format!(" {name} {state} ({restarts} restarts)");
        }
        text
    }
}

/// What was shown of each pod, and since when.
pub type Shown = BTreeMap<String, Vec<(f64, String)>>;

/// States in order, without repetitions.
fn push(shown: &mut Vec<(f64, String)>, t: f64, state: String) {
    if shown.last().is_none_or(|(_, last)| *last != state) {
        shown.push((t, state));
    }
}

fn containers_of(pod: &Value) -> Vec<&str> {
    let list = pod["spec"]["containers"].as_array().into_iter().flatten();
    list.filter_map(|container| container["name"].as_str()).collect()
}

/// What was recorded: the status patches that the kubelet sent.
pub fn recorded(story: &Story) -> Shown {
    let mut pods: BTreeMap<&str, Pod> = BTreeMap::new();
    for action in story.inputs.actions.iter().filter(|action| !action.pod.is_null()) {
        pods.insert(&action.name, Pod::pending(containers_of(&action.pod).into_iter()));
    }
    let mut shown = Shown::new();
    for entry in &story.timeline {
        let name = entry.pod.as_deref().unwrap_or_default().trim_end_matches("-n1");
        let gone = entry.ev == "DELETE pod";
        if let (true, Some(states)) = (gone, shown.get_mut(name)) {
            push(states, entry.t, "gone".into());
        }
        let ("patch_status", Some(pod)) = (entry.ev.as_str(), pods.get_mut(name)) else { continue };
        patch(pod, entry);
        push(shown.entry(name.to_owned()).or_default(), entry.t, pod.text());
    }
    shown
}

fn patch(pod: &mut Pod, entry: &Entry) {
    let text = |name: &str| entry.status[name].as_str().map(str::to_owned);
    if let Some(phase) = text("phase") {
        pod.phase = phase;
    }
    if let Some(reason) = text("reason") {
        pod.reason = Some(reason);
    }
    let statuses = entry.status["containerStatuses"].as_array().into_iter().flatten();
    for status in statuses.filter_map(|status| serde_json::from_value::<ContainerStatus>(status.clone()).ok()) {
        pod.containers.insert(status.name.clone(), (state(&status), status.restarts));
    }
}

/// A container's state in a word and its exit code. While one waits for its restart, its end and `CrashLoopBackOff` are
/// the same: which of them the API shows depends on what else makes the kubelet look at the pod (kubernetes#133066;
/// 2 of 7 waits of story A04).
fn state(status: &ContainerStatus) -> String {
    let of = |state: &super::story::State| match (state.reason.as_deref(), state.exit_code) {
        (Some("StartError"), _) => "RunContainerError".to_owned(),
        (reason, code) => ended(reason.unwrap_or_default(), code.unwrap_or(0)),
    };
    match (status.state.is.as_str(), status.state.reason.as_deref(), &status.last) {
        ("running", ..) => "running".to_owned(),
        ("terminated", ..) => of(&status.state),
        (_, Some("CrashLoopBackOff"), Some(last)) => of(last),
        (_, reason, _) => reason.unwrap_or_default().to_owned(),
    }
}

fn ended(reason: &str, code: i32) -> String {
    format!("{reason} {code}")
}

/// What was simulated.
pub fn simulated(story: &Story, history: &History, t0: f64) -> Shown {
    let names = |pod: &str| {
        let action = story.inputs.actions.iter().find(|action| action.name == pod && !action.pod.is_null());
        action.map(|action| containers_of(&action.pod)).unwrap_or_default()
    };
    let deleted = |pod: &str| story.inputs.actions.iter().any(|a| a.what == "delete" && a.name == pod);
    let mut pods: BTreeMap<String, Pod> = BTreeMap::new();
    let (mut shown, mut stopping) = (Shown::new(), BTreeSet::new());
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        let Some(name) = pod_of(&entry.record).map(short) else { continue };
        let pod = pods.entry(name.to_owned()).or_insert_with(|| Pod::pending(names(name).into_iter()));
        match &entry.record {
            // Its status is sent when its containers have stopped, and not before.
            Record::Killing { .. } => {
                stopping.insert(name.to_owned());
                continue;
            }
            Record::PodPhase { phase, reason, .. } => {
                stopping.remove(name);
                pod.phase = phase.to_string();
                pod.reason = reason.as_ref().map(ToString::to_string);
                if reason.is_some() && *phase == PodPhase::Failed && names(name).is_empty() {
                    pod.containers.clear();
                }
            }
            Record::ContainerStarted { container, restart_count, .. } => {
                pod.containers.insert(container.to_string(), ("running".into(), *restart_count));
            }
            Record::ContainerTerminated { container, reason, exit_code, .. } => {
                let of = pod.containers.entry(container.to_string()).or_default();
                match reason {
                    // The attempt to start it counts as a restart.
                    TerminatedReason::StartError => *of = ("RunContainerError".into(), of.1 + 1),
                    _ => of.0 = ended(reason.as_str(), *exit_code),
                }
            }
            Record::PodCleanedUp { .. } if deleted(name) => {
                push(shown.entry(name.to_owned()).or_default(), t, "gone".into());
                continue;
            }
            _ => continue,
        }
        if !stopping.contains(name) {
            let text = pod.text();
            push(shown.entry(name.to_owned()).or_default(), t, text);
        }
    }
    shown
}

fn pod_of(record: &Record) -> Option<&str> {
    match record {
        Record::PodPhase { pod, .. }
        | Record::ContainerStarted { pod, .. }
        | Record::ContainerTerminated { pod, .. }
        | Record::Killing { pod, .. }
        | Record::PodCleanedUp { pod } => Some(pod),
        _ => None,
    }
}
