//! Who is at risk: how the containers stand, and in how many runs each dies.

use super::data::{number, seconds};
use oomsim_planning::risk::{ContainerStanding, DeathTally, Standing};
use serde::Serialize;
use std::sync::Arc;

/// Who is at risk on a node.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Risk {
    /// The instant of the figures, in seconds.
    at: f64,
    /// Runs with successive seeds in which deaths are counted.
    runs: u32,
    /// Of these, those in which a process of the node itself is killed.
    host: u32,
    /// What ends the growth of pods, the nearest first.
    rooms: Vec<Threshold>,
    /// In the order in which the kernel would kill.
    containers: Vec<AtRisk>,
}

/// A limit or threshold.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Threshold {
    what: String,
    at: f64,
    /// What is left until it is reached; negative: it is behind.
    left: f64,
}

/// A container.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AtRisk {
    pod: String,
    container: String,
    qos: String,
    priority: i32,
    usage: f64,
    request: Option<f64>,
    limit: Option<f64>,
    oom_score_adj: i16,
    badness: Option<f64>,
    kernel_place: Option<u32>,
    eviction_place: Option<u32>,
    /// By whose hand it dies first, and in how many of the runs.
    dies: Vec<(String, u32)>,
}

fn count(of: impl TryInto<u32>) -> u32 {
    of.try_into().unwrap_or(u32::MAX)
}

impl Risk {
    /// How a node stands, with the deaths of many runs.
    pub fn new(standing: &Standing, tally: &DeathTally) -> Risk {
        let room = |room: &oomsim_planning::risk::Room| Threshold {
            what: room.what.clone(),
            at: number(room.at),
            left: room.left as f64,
        };
        Risk {
            at: seconds(standing.at),
            runs: count(tally.runs),
            host: count(tally.host),
            rooms: standing.node.rooms.iter().map(room).collect(),
            containers: standing.containers.iter().map(|container| AtRisk::new(container, tally)).collect(),
        }
    }
}

impl AtRisk {
    fn new(of: &ContainerStanding, tally: &DeathTally) -> AtRisk {
        let deaths = tally.containers.get(&(Arc::clone(&of.pod), Arc::clone(&of.container)));
        let dies = deaths.into_iter().flatten().map(|(by, runs)| (by.in_words().to_owned(), count(*runs)));
        AtRisk {
            pod: of.pod.to_string(),
            container: of.container.to_string(),
            qos: of.qos.as_str().to_owned(),
            priority: of.priority,
            usage: number(of.usage),
            request: of.request.map(number),
            limit: of.limit.map(number),
            oom_score_adj: of.oom_score_adj,
            badness: of.badness.map(|points| points as f64),
            kernel_place: of.kernel_place.map(count),
            eviction_place: of.eviction_place.map(count),
            dies: dies.collect(),
        }
    }
}
