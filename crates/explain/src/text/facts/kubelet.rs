//! What the kubelet saw and decided.

use super::{pod, secs};
use crate::fact::{KubeletFact, ThresholdState};
use crate::text::{amount, clock, signed};
use oomsim_core::node_api::{EvictionSignal, Name};
use oomsim_core::units::Bytes;

pub(super) fn sentence(fact: &KubeletFact) -> String {
    match fact {
        KubeletFact::LastPass { thresholds, evicted, waits_until } => {
            let seen: Vec<String> = thresholds.iter().map(state).collect();
            let did = match (evicted, waits_until, thresholds.iter().any(ThresholdState::met)) {
                (Some(name), ..) => format!("so it evicted {}", pod(name)),
                (None, Some(until), _) => format!("so it waited for the grace period, until {}", clock(*until)),
                (None, None, true) => "but it evicted no pod".into(),
                (None, None, false) => "so it did nothing".into(),
            };
            format!("The kubelet looked: {}; {did}.", seen.join("; "))
        }
        KubeletFact::NextPass { after, happened: true } => format!("It looked again {} later.", secs(*after)),
        KubeletFact::NextPass { after, happened: false } => {
            format!("It would have looked again {} later.", secs(*after))
        }
        KubeletFact::PassesBefore { count, met, nearest } => {
            let looks = if *count == 1 { "one look".to_owned() } else { format!("{count} looks") };
            let met = match met {
                0 if *count == 1 => "no threshold was met".to_owned(),
                1 if *count == 1 => "a threshold was met".to_owned(),
                0 => "no threshold was met in any of them".to_owned(),
                n => format!("a threshold was met in {n} of them"),
            };
            let nearest = nearest.as_ref().map_or_else(String::new, |n| format!("; the nearest was {}", state(n)));
            let before = if nearest.is_empty() { "" } else { " before" };
            format!("In {looks} of the kubelet{before}, {met}{nearest}.")
        }
        KubeletFact::Nearest { threshold } => {
            let least = state(threshold);
            format!("The least that the kubelet saw: {least}.")
        }
        KubeletFact::ThresholdMet { threshold, of, working_set } => {
            let whole = match threshold.signal {
                EvictionSignal::AllocatableMemoryAvailable => "limit of all pods",
                _ => "memory of the node",
            };
            format!(
                "The kubelet looked: {whole} {} − working set {} = {} {}, below the threshold of {}.",
                amount(*of),
                signed(*working_set),
                threshold.signal,
                signed(threshold.available),
                amount(threshold.quantity)
            )
        }
        KubeletFact::SoftThreshold { grace } => {
            format!("It is a soft threshold: it had been met for {}.", secs(*grace))
        }
        KubeletFact::PodFigure { pod: name, seen, age_s, now } => figure(name, *seen, *age_s, *now),
        KubeletFact::NoThreshold => "No kubelet watches the node's memory, or it has no threshold for it.".into(),
        KubeletFact::NeverEvicted => "The pod is critical: the kubelet never evicts it, whatever happens.".into(),
        KubeletFact::OthersFirst { pods } => {
            let list: Vec<String> = pods.iter().map(pod).collect();
            format!("Pods were evicted, but others came first: {}.", list.join(", "))
        }
        KubeletFact::ProbesFailed { pod: name, container, times, since, message } => {
            let since =
                if *times > 1 { format!(", {times} times in a row since {}", clock(*since)) } else { String::new() };
            format!("{}: container {container} did not answer the kubelet{since}. {message}", pod(name))
        }
        KubeletFact::StoppedForProbe { message, after } => format!(
            "The kubelet: {message}. It asked the process to end (SIGTERM); {} later it was over.",
            secs(*after)
        ),
    }
}

fn state(threshold: &ThresholdState) -> String {
    let word = if threshold.met() { "below" } else { "not below" };
    let soft = if threshold.hard { "" } else { "soft " };
    format!(
        "{} = {}, {word} the {soft}threshold {}",
        threshold.signal,
        signed(threshold.available),
        amount(threshold.quantity)
    )
}

fn figure(name: &Name, seen: Option<Bytes>, age_s: Option<f64>, now: Bytes) -> String {
    let (Some(seen), Some(age)) = (seen, age_s) else {
        return format!("Of {} the kubelet had no figure yet; it really used {}.", pod(name), amount(now));
    };
    let stale = now.saturating_sub(seen).get() > seen.get() / 4;
    let note = if stale {
        " The eviction message shows the old figure, although the sums that led to the eviction were fresh."
    } else {
        ""
    };
    let figure = if age < 0.05 { "a fresh figure".to_owned() } else { format!("a figure that was {age:.1} s old") };
    format!(
        "Of {} the kubelet had {figure}: {} ({}Ki). It really used {}.{note}",
        pod(name),
        amount(seen),
        seen.to_kib_floor(),
        amount(now)
    )
}
