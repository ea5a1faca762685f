//! What the API shows of pods over time: phase, reason and message, and of each container its state, exit code,
//! restarts and message.

use super::events::same_text;
use super::story::{ContainerStatus, Entry, Story};
use crate::node::decision::short;
use oomsim_core::node_api::TerminatedReason;
use oomsim_core::record::view::{START_ERROR, back_off_message};
use oomsim_core::record::{History, Record};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A pod as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pod {
    phase: String,
    reason: Option<String>,
    message: String,
    containers: BTreeMap<String, (String, u32)>,
    /// What is said of containers that are lost or could not be started, by their name.
    about: BTreeMap<String, String>,
}

impl Pod {
    /// A pod that has just come, with these containers.
    fn pending(pod: &Value, shown: &BTreeSet<String>) -> Pod {
        let has_init = pod["spec"]["initContainers"].as_array().is_some_and(|list| !list.is_empty());
        let reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
        let containers = shown.iter().map(|name| (name.clone(), (reason.to_owned(), 0))).collect();
        Pod { phase: "Pending".into(), containers, ..Pod::default() }
    }

    fn state(&self) -> State {
        let about = self.about.iter().map(|(container, text)| format!(" {container}: {text}"));
        State { text: self.text(), messages: self.message.trim_end().to_owned() + &about.collect::<String>() }
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

/// What the API shows of a pod at a time.
#[derive(Clone, Debug, Default)]
pub struct State {
    text: String,
    messages: String,
}

/// Amounts of memory in use may differ in messages.
impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.text == other.text && same_text(&self.messages, &other.messages)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.messages.is_empty() { "" } else { " " };
        write!(f, "{}{gap}{}", self.text, self.messages)
    }
}

/// What was shown of each pod, and since when.
pub type Shown = BTreeMap<String, Vec<(f64, State)>>;

/// States in order, without repetitions.
fn push(shown: &mut Vec<(f64, State)>, t: f64, state: State) {
    if shown.last().is_none_or(|(_, last)| last.text != state.text || last.messages != state.messages) {
        shown.push((t, state));
    }
}

/// The containers' statuses of a patch, those of init containers among them.
fn statuses(status: &Value) -> impl Iterator<Item = ContainerStatus> {
    let lists = ["initContainerStatuses", "containerStatuses"].into_iter().map(|list| status[list].as_array());
    lists.flatten().flatten().filter_map(|status| serde_json::from_value(status.clone()).ok())
}

fn pod_name(entry: &Entry) -> &str {
    entry.pod.as_deref().unwrap_or_default().trim_end_matches("-n1")
}

/// The containers of a pod that are compared: regular ones, and others of which the recording has statuses.
fn containers_of(story: &Story, name: &str, pod: &Value) -> BTreeSet<String> {
    let list = pod["spec"]["containers"].as_array().into_iter().flatten();
    let regular = list.filter_map(|container| container["name"].as_str()).map(str::to_owned);
    let patches = story.timeline.iter().filter(|entry| entry.ev == "patch_status" && pod_name(entry) == name);
    regular.chain(patches.flat_map(|entry| statuses(&entry.status)).map(|status| status.name)).collect()
}

/// The pods of a story as they come, by name.
fn pods_of(story: &Story) -> BTreeMap<&str, Pod> {
    let pods = story.inputs.actions.iter().filter(|action| !action.pod.is_null());
    let pending = |pod, name| Pod::pending(pod, &containers_of(story, name, pod));
    pods.map(|action| (action.name.as_str(), pending(&action.pod, &action.name))).collect()
}

/// What was recorded: the status patches that the kubelet sent.
pub fn recorded(story: &Story) -> Shown {
    let mut pods = pods_of(story);
    let mut shown = Shown::new();
    for entry in &story.timeline {
        let name = pod_name(entry);
        let gone = entry.ev == "DELETE pod";
        if let (true, Some(states)) = (gone, shown.get_mut(name)) {
            push(states, entry.t, gone_state());
        }
        let ("patch_status", Some(pod)) = (entry.ev.as_str(), pods.get_mut(name)) else { continue };
        patch(pod, entry);
        push(shown.entry(name.to_owned()).or_default(), entry.t, pod.state());
    }
    shown
}

fn gone_state() -> State {
    State { text: "gone".into(), ..State::default() }
}

/// The messages of waits for a restart, of each container in order, without repetitions.
pub type Waits = BTreeMap<(String, String), Vec<String>>;

/// Those that were recorded.
pub fn recorded_waits(story: &Story) -> Waits {
    let mut waits = Waits::new();
    for entry in story.timeline.iter().filter(|entry| entry.ev == "patch_status") {
        for status in statuses(&entry.status) {
            let (Some("CrashLoopBackOff"), Some(text)) = (status.state.reason.as_deref(), status.state.message) else {
                continue;
            };
            let of = waits.entry((pod_name(entry).to_owned(), status.name)).or_default();
            if of.last() != Some(&text) {
                of.push(text);
            }
        }
    }
    waits
}

/// Those of a run.
pub fn simulated_waits(story: &Story, history: &History) -> Waits {
    let (pods, mut waits) = (pods_of(story), Waits::new());
    for entry in &history.entries {
        if let Record::BackOff { pod, container, uid, delay } = &entry.record
            && pods.get(short(pod)).is_none_or(|of| of.containers.contains_key(&**container))
        {
            let text = back_off_message(*delay, container, pod, uid);
            let of = waits.entry((short(pod).to_owned(), container.to_string())).or_default();
            if of.last() != Some(&text) {
                of.push(text);
            }
        }
    }
    waits
}

fn patch(pod: &mut Pod, entry: &Entry) {
    let text = |name: &str| entry.status[name].as_str().map(str::to_owned);
    if let Some(phase) = text("phase") {
        pod.phase = phase;
    }
    if let Some(reason) = text("reason") {
        pod.reason = Some(reason);
    }
    if let Some(message) = text("message") {
        pod.message = message;
    }
    for status in statuses(&entry.status) {
        pod.containers.insert(status.name.clone(), (state(&status), status.restarts));
        let lost = status.state.reason.as_deref() == Some("ContainerStatusUnknown");
        let failed = |state: &super::story::State| state.reason.as_deref() == Some("StartError");
        let message = match (&status.last, status.state.reason.as_deref()) {
            _ if lost || failed(&status.state) => status.state.message.clone(),
            (Some(last), Some("CrashLoopBackOff")) if failed(last) => last.message.clone(),
            (_, Some("RunContainerError")) => status.state.message.clone(),
            _ => None,
        };
        match message {
            Some(message) => _ = pod.about.insert(status.name, message),
            None => _ = pod.about.remove(&status.name),
        }
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
    let deleted = |pod: &str| story.inputs.actions.iter().any(|a| a.what == "delete" && a.name == pod);
    let mut pods = pods_of(story);
    let (mut shown, mut stopping) = (Shown::new(), BTreeSet::new());
    for entry in &history.entries {
        let t = entry.at.as_nanos() as f64 / 1e9 - t0;
        let Some(name) = pod_of(&entry.record).map(short) else { continue };
        let Some(pod) = pods.get_mut(name) else { continue };
        match &entry.record {
            // Its status is sent when its containers have stopped, and not before.
            Record::Killing { .. } => {
                stopping.insert(name.to_owned());
                continue;
            }
            Record::PodPhase { phase, reason, message, .. } => {
                stopping.remove(name);
                pod.message = message.to_string();
                pod.phase = phase.to_string();
                pod.reason = reason.as_ref().map(ToString::to_string);
            }
            Record::ContainerStarted { container, .. } | Record::ContainerTerminated { container, .. }
                if !pod.containers.contains_key(&**container) => {}
            Record::ContainerStarted { container, restart_count, .. } => {
                pod.containers.insert(container.to_string(), ("running".into(), *restart_count));
                pod.about.remove(&**container);
            }
            Record::ContainerTerminated { container, reason, exit_code, .. } => {
                let of = pod.containers.entry(container.to_string()).or_default();
                match reason {
                    // The attempt to start it counts as a restart.
                    TerminatedReason::StartError => *of = ("RunContainerError".into(), of.1 + 1),
                    _ => of.0 = ended(reason.as_str(), *exit_code),
                }
                match reason {
                    TerminatedReason::StartError => _ = pod.about.insert(container.to_string(), START_ERROR.into()),
                    TerminatedReason::ContainerStatusUnknown => {
                        pod.about.insert(container.to_string(), LOCATED.into());
                    }
                    _ => _ = pod.about.remove(&**container),
                }
            }
            Record::PodCleanedUp { .. } if deleted(name) => {
                push(shown.entry(name.to_owned()).or_default(), t, gone_state());
                continue;
            }
            _ => continue,
        }
        if !stopping.contains(name) {
            let state = pod.state();
            push(shown.entry(name.to_owned()).or_default(), t, state);
        }
    }
    shown
}

/// What is said of a container that is lost (kubelet.go convertStatusToAPIStatus).
const LOCATED: &str = "The container could not be located when the pod was terminated";

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
