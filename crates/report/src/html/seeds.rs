//! A scenario over several seeds, or the nodes of a fleet: shares of outcomes with intervals, and how long nodes last.

use crate::escape::shell;
use crate::fleet::NodeRun;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::stats::{Z95, wilson};
use serde::Serialize;

/// Rows in the table of runs.
const MOST_RUNS: usize = 400;

/// Several runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Seeds {
    scenario: String,
    count: u32,
    end: f64,
    shares: Vec<Share>,
    /// When the first process died, for each run on which one did, in order.
    first_deaths: Vec<f64>,
    runs: Vec<SeedRun>,
}

/// On how many runs the first death was of this kind, with the 95 % interval of its share.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Share {
    outcome: &'static str,
    count: u32,
    low: f64,
    high: f64,
}

/// A run in a line.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SeedRun {
    node: String,
    seed: String,
    outcome: &'static str,
    victim: String,
    first_death: Option<f64>,
    oom_kills: u32,
    evictions: u32,
    reproduce: String,
}

impl Seeds {
    /// Of the runs of a scenario's file.
    pub fn new(scenario: &str, file: &str, nodes: &[NodeRun], end: f64) -> Seeds {
        let count = nodes.len() as u64;
        let share = |outcome: RunOutcome| {
            let hits = nodes.iter().filter(|node| node.measures.outcome == outcome).count() as u64;
            let interval = wilson(hits, count, Z95);
            let short = u32::try_from(hits).unwrap_or(u32::MAX);
            (hits > 0).then_some(Share {
                outcome: outcome.name(),
                count: short,
                low: interval.low,
                high: interval.high,
            })
        };
        let first = |node: &NodeRun| node.measures.first_death.map(|at| at as f64 / 1e9);
        let mut first_deaths: Vec<f64> = nodes.iter().filter_map(first).collect();
        first_deaths.sort_by(f64::total_cmp);
        let short = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let run = |node: &NodeRun| SeedRun {
            node: node.name.clone(),
            seed: node.seed.to_string(),
            outcome: node.measures.outcome.name(),
            victim: node.measures.victim.clone(),
            first_death: first(node),
            oom_kills: short(node.measures.oom_kills),
            evictions: short(node.measures.evictions),
            reproduce: format!("oomsim report {} --set nodes=1 --seed {} --out run.html", shell(file), node.seed),
        };
        Seeds {
            scenario: scenario.to_owned(),
            count: short(count),
            end,
            shares: RunOutcome::ALL.into_iter().filter_map(share).collect(),
            first_deaths,
            runs: nodes.iter().take(MOST_RUNS).map(run).collect(),
        }
    }
}
