//! What a recording has drawn and the model would draw: the phase of the relists and the waits for restarts. A story's
//! scenario states them, as it states the first pass.

use super::compare::victims_pod;
use super::events::{BACK_OFF, Event, recorded};
use super::shown::recorded_waits;
use super::story::{Entry, Story};

/// From the relist that sees an end to the status that says so: median of 40 (0.01 to 0.02 s).
const SENT_AFTER_S: f64 = 0.012;
/// From the worker's look to the event `Created`.
const CREATED_AFTER_S: f64 = 0.03;
/// From the kubelet's line about a back-off to the event.
const LOGGED_WITHIN_S: f64 = 0.1;
/// How long before the relist a container ends of which nothing is recorded: the middle of a period.
const SEEN_AFTER_S: f64 = 0.5;

/// A time at which containers were listed: just before a status with the end of a container that was not being stopped.
pub fn first_relist(story: &Story) -> Option<f64> {
    let stopped = |pod: &str, at: f64| {
        story.timeline.iter().any(|e| e.t < at && e.on.as_deref() == Some(pod) && is(e, "Killing"))
    };
    let ended = |e: &&Entry| {
        let statuses = e.status["containerStatuses"].as_array().into_iter().flatten();
        let pod = e.pod.as_deref().unwrap_or_default();
        let ends = statuses.into_iter().any(|status| status["state"]["is"] == "terminated");
        e.ev == "patch_status" && ends && !stopped(pod, e.t)
    };
    story.timeline.iter().find(ended).map(|e| e.t - SENT_AFTER_S)
}

fn is(entry: &Entry, reason: &str) -> bool {
    entry.ev == "event" && entry.reason.as_deref() == Some(reason)
}

/// The random parts of a pod's waits for a restart, in thousandths of the largest; until one is not known.
pub fn restart_jitter(story: &Story, pod: &str) -> Vec<u16> {
    let waits = recorded_waits(story);
    let events = recorded(story);
    let of_pod: Vec<&Event> = events.iter().filter(|event| event.on == pod).collect();
    let backs_off = of_pod.iter().enumerate().filter(|(_, event)| event.reason == BACK_OFF);
    let mut jitter = Vec::new();
    let evented = story.kubelet_config.get("featureGates").is_some_and(|gates| gates["EventedPLEG"] == true);
    let mut texts = waits.iter().filter(|((of, _), _)| of == pod).flat_map(|(_, texts)| texts);
    for (place, event) in backs_off {
        let shown = texts.next().and_then(|text| seconds(text.strip_prefix("back-off ")?.split(' ').next()?));
        let full = logged_wait(story, pod, event.t).or(shown);
        let created = of_pod[place..].iter().find(|later| later.reason == "Created");
        let (Some(full), Some(created)) = (full, created) else { break };
        let before = of_pod[..place].iter().rfind(|earlier| earlier.reason == "Created").map_or(f64::MIN, |e| e.t);
        let ended = killed_at(story, pod, before, event.t).unwrap_or(event.t - SEEN_AFTER_S);
        let looked = if evented { last_look(story, pod, created.t) } else { event.t };
        let remaining = full - (looked - ended);
        let wait = created.t - CREATED_AFTER_S - looked;
        let part = (wait / remaining - 1.0) / 0.5;
        jitter.push((part.clamp(0.0, 1.0) * 1000.0).round() as u16);
    }
    jitter
}

/// The back-off that the kubelet logged when it posted an event of a pod: the API does not show each of them.
fn logged_wait(story: &Story, pod: &str, at: f64) -> Option<f64> {
    let of_pod = format!(" pod={pod}_");
    let near = story.timeline.iter().filter(|e| e.ev == "kubelet" && (e.t - at).abs() < LOGGED_WITHIN_S);
    let lines = near.filter_map(|e| e.s.as_deref()).filter(|line| line.contains(&of_pod));
    lines.filter_map(|line| seconds(line.split("err=\"back-off ").nth(1)?.split(' ').next()?)).next()
}

/// When a pod's worker last found before a time that a container has to wait: with EventedPLEG it looks several times,
/// and the wait that ends with the restart begins at the last.
fn last_look(story: &Story, pod: &str, before: f64) -> f64 {
    let says = |e: &&Entry| e.message.as_deref().is_some_and(|text| text.starts_with("Back-off restarting"));
    let of_pod = story.timeline.iter().filter(|e| e.ev == "event" && e.t < before && e.on.as_deref() == Some(pod));
    of_pod.filter(says).map(|e| e.t).next_back().unwrap_or(before)
}

/// When the kernel killed something in a pod between two times.
fn killed_at(story: &Story, pod: &str, from: f64, to: f64) -> Option<f64> {
    let kills = story.timeline.iter().filter(|e| e.ev == "kernel" && e.t > from && e.t < to);
    let of_pod = |line: &&str| line.starts_with("oom-kill:") && victims_pod(story, line) == pod;
    kills.filter(|e| e.s.as_deref().is_some_and(|line| of_pod(&line))).map(|e| e.t).next_back()
}

/// Seconds of a duration as Go writes it: `10s`, `1m4s`.
fn seconds(text: &str) -> Option<f64> {
    let (minutes, rest) = text.split_once('m').unwrap_or(("0", text));
    let rest = if rest.is_empty() { "0" } else { rest.strip_suffix('s')? };
    Some(minutes.parse::<f64>().ok()? * 60.0 + rest.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_as_go_writes_them() {
        assert_eq!(["10s", "1m4s", "5m0s", "x"].map(seconds), [Some(10.0), Some(64.0), Some(300.0), None]);
    }
}
