//! `oomsim risk` as text and JSON: who is at risk on a node.

use crate::amount;
use crate::picture::memory_text;
use crate::style::{BAD, DIM, HEADING, paint};
use crate::table::Table;
use crate::text::plural;
use anstyle::Style;
use oomsim_core::units::{Bytes, SimDuration, SimTime, format_duration};
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::recommend::percent;
use oomsim_planning::risk::{ContainerStanding, DeathTally, GROWTH, GROWTH_RATE, Growth, Standing};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that `oomsim risk` says.
#[derive(Debug)]
pub struct RiskReport {
    /// The node's name.
    pub name: String,
    /// The seed of the first run.
    pub seed: u64,
    /// How the containers stand.
    pub standing: Standing,
    /// In how many runs each of them dies.
    pub tally: DeathTally,
    /// What the growth of each pod would do; empty: it was not asked for.
    pub growth: Vec<GrownPod>,
}

/// A pod that grows: what happens, and in how many of the runs just that.
#[derive(Debug)]
pub struct GrownPod {
    /// `namespace/name`.
    pub pod: String,
    /// What happens most often.
    pub most: Growth,
    /// In this many runs.
    pub times: u64,
    /// Of this many.
    pub runs: u64,
}

/// Room to a limit or a threshold that may be reached or passed already.
fn room_text(left: i64) -> String {
    match left {
        1.. => memory_text(left as f64),
        // No more than the page that did not fit lies beyond.
        -4096..=0 => "none: full".into(),
        _ => format!("none: passed by {}", memory_text(-(left as f64))),
    }
}

impl RiskReport {
    /// `--format text`.
    pub fn text(&self) -> String {
        let node = &self.standing.node;
        let mut text = format!(
            "{}\n  at {} of the run with seed {}; deaths are counted over {}\n",
            paint(HEADING, format!("NODE {}", self.name)),
            format_duration(SimDuration::from_millis(self.standing.at.as_nanos() / 1_000_000)),
            self.seed,
            plural(self.tally.runs, "run")
        );
        let allocatable = node.allocatable.map_or_else(String::new, |allocatable| {
            let share = percent(node.requests.get() as f64 / allocatable.get().max(1) as f64);
            format!(", allocatable {}, requested {} ({share})", amount(allocatable), amount(node.requests))
        });
        text.push_str(&format!("  capacity {}{allocatable}\n", amount(node.capacity)));
        text.push_str(&format!("  pods hold {}, the system holds {}\n\n", amount(node.pods), amount(node.system)));
        let mut rooms = Table::new(&["WHAT COMES FIRST", "AT", "ROOM"]);
        for room in &node.rooms {
            let style = if room.left <= 0 { BAD } else { Style::new() };
            rooms.row(vec![room.what.clone(), amount(room.at), room_text(room.left)], style);
        }
        text.push_str(&rooms.render(0));
        if node.rooms.iter().any(|room| room.left <= 0) {
            let note =
                "A limit that is full kills at once; a threshold that is passed evicts when the kubelet looks next.";
            text.push_str(&format!("{}\n", paint(DIM, note)));
        }
        text.push_str(&format!("\n{}\n", paint(HEADING, "CONTAINERS, in the order in which the kernel would kill")));
        text.push_str(&self.containers());
        if self.tally.host > 0 {
            let share = percent(self.tally.host as f64 / self.tally.runs as f64);
            text.push_str(&paint(BAD, format!("a process of the node itself is killed in {share} of the runs\n")));
        }
        self.growth_text(&mut text);
        text
    }

    fn containers(&self) -> String {
        let mut table = Table::new(&[
            "POD",
            "CONTAINER",
            "QOS",
            "PRIORITY",
            "USAGE",
            "REQUEST",
            "LIMIT",
            "ROOM",
            "ADJ",
            "POINTS",
            "KERNEL",
            "EVICTION",
            "DIES",
        ]);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        for c in &self.standing.containers {
            let dies = self.dies(c);
            let style = if dies.is_empty() { Style::new() } else { BAD };
            table.row(
                vec![
                    c.pod.to_string(),
                    c.container.to_string(),
                    c.qos.as_str().into(),
                    c.priority.to_string(),
                    amount(c.usage),
                    or_dash(c.request.map(amount)),
                    or_dash(c.limit.map(amount)),
                    or_dash(c.room().map(room_text)),
                    c.oom_score_adj.to_string(),
                    or_dash(c.badness.map(|points| points.to_string())),
                    c.kernel_place.map_or_else(|| "never".into(), |place| place.to_string()),
                    c.eviction_place.map_or_else(|| "never".into(), |place| place.to_string()),
                    if dies.is_empty() { "0 %".into() } else { dies },
                ],
                style,
            );
        }
        let note = "ROOM: to the container's or pod's limit. POINTS: badness if the node ran out of memory now. \
                    KERNEL, EVICTION: place in the kernel's and the kubelet's order. DIES: share of the runs.";
        format!("{}{}\n", table.render(0), paint(DIM, note))
    }

    fn deaths_of(&self, c: &ContainerStanding) -> Option<&BTreeMap<RunOutcome, u64>> {
        self.tally.containers.get(&(Arc::clone(&c.pod), Arc::clone(&c.container)))
    }

    fn dies(&self, c: &ContainerStanding) -> String {
        let share = |n: u64| percent(n as f64 / self.tally.runs as f64);
        let each = self.deaths_of(c).into_iter().flatten();
        each.map(|(by, n)| format!("{} {}", share(*n), by.in_words())).collect::<Vec<_>>().join(", ")
    }

    fn growth_text(&self, text: &mut String) {
        if self.growth.is_empty() {
            return;
        }
        let heading = format!("IF ONE POD GREW BY {} at {}/s and the others stayed as they are", GROWTH, GROWTH_RATE);
        text.push_str(&format!("\n{}\n", paint(HEADING, heading)));
        let mut table = Table::new(&["POD", "FIRST DEATH", "BY", "AFTER", "RUNS"]);
        let mut calm = 0;
        for grown in &self.growth {
            let Some((victim, by)) = &grown.most.first else {
                calm += 1;
                continue;
            };
            let victim = if **victim == *grown.pod { "itself".to_string() } else { victim.to_string() };
            let runs = format!("{} of {}", grown.times, grown.runs);
            table.row(
                vec![grown.pod.clone(), victim, by.in_words().into(), amount(grown.most.grown), runs],
                Style::new(),
            );
        }
        if !table.is_empty() {
            text.push_str(&table.render(0));
        }
        if calm > 0 {
            text.push_str(&format!("with {calm} of {} pods no container dies\n", self.growth.len()));
        }
    }

    /// `--format json`.
    pub fn json(&self) -> Value {
        let node = &self.standing.node;
        let rooms = node.rooms.iter().map(|room| json!({ "what": room.what, "at": room.at.get(), "room": room.left }));
        let bytes = |amount: Option<Bytes>| amount.map(Bytes::get);
        let containers = self.standing.containers.iter().map(|c| {
            let deaths: BTreeMap<&str, u64> =
                self.deaths_of(c).into_iter().flatten().map(|(by, n)| (by.name(), *n)).collect();
            json!({
                "pod": &*c.pod, "container": &*c.container, "qos": c.qos.as_str(), "priority": c.priority,
                "usage": c.usage.get(), "request": bytes(c.request), "limit": bytes(c.limit), "room": c.room(),
                "oomScoreAdj": c.oom_score_adj, "badness": c.badness, "kernelPlace": c.kernel_place,
                "evictionPlace": c.eviction_place, "deaths": deaths,
            })
        });
        let growth = self.growth.iter().map(|grown| {
            json!({
                "pod": grown.pod, "runs": grown.runs, "times": grown.times, "grown": grown.most.grown.get(),
                "firstDeath": grown.most.first.as_ref().map(|(pod, by)| json!({ "pod": &**pod, "by": by.name() })),
            })
        });
        json!({
            "node": {
                "name": self.name, "capacity": node.capacity.get(), "allocatable": bytes(node.allocatable),
                "requests": node.requests.get(), "pods": node.pods.get(), "system": node.system.get(),
                "rooms": rooms.collect::<Vec<_>>(),
            },
            "at": format_duration(self.standing.at.since(SimTime::ZERO)), "seed": self.seed, "runs": self.tally.runs,
            "hostKilled": self.tally.host,
            "containers": containers.collect::<Vec<_>>(),
            "growth": {
                "by": GROWTH.get(), "bytesPerSecond": GROWTH_RATE.get(), "pods": growth.collect::<Vec<_>>(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_or_passed_has_no_room() {
        let shown = [750 << 20, 0, -4096, -(750 << 20)].map(room_text);
        assert_eq!(shown, ["750Mi", "none: full", "none: full", "none: passed by 750Mi"]);
    }
}
