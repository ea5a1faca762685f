//! How a scenario ends over many seeds.

use oomsim_core::BootedNode;
use oomsim_core::engine::EngineError;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep, Record};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Ends of many runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Odds {
    /// Runs.
    pub runs: u32,
    /// Ends, most frequent first.
    pub outcomes: Vec<Outcome>,
}

/// A way in which runs end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Outcome {
    /// Who was first: `kernel`, `kubelet` or `nobody`.
    pub first: &'static str,
    /// What happened first, for people.
    pub what: String,
    /// In how many runs.
    pub count: u32,
}

impl Odds {
    /// Runs the scenario once for each seed.
    ///
    /// # Errors
    /// When a run takes more events than the engine allows.
    pub fn of(scenario: &Arc<Scenario>, seeds: Range<u32>) -> Result<Odds, EngineError> {
        let booted = BootedNode::new(Arc::clone(scenario), Keep::Events);
        let mut counts: BTreeMap<(&'static str, String), u32> = BTreeMap::new();
        for seed in seeds.clone() {
            *counts.entry(first(&booted.clone().run(u64::from(seed))?)).or_default() += 1;
        }
        let mut outcomes: Vec<Outcome> =
            counts.into_iter().map(|((first, what), count)| Outcome { first, what, count }).collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.count));
        Ok(Odds { runs: seeds.end - seeds.start, outcomes })
    }
}

/// Who killed or evicted first, and whom.
pub fn first(history: &History) -> (&'static str, String) {
    let found = history.entries.iter().find_map(|entry| match &entry.record {
        Record::OomKill { report, limit, .. } => {
            let victim = report.killed_tasks().next().map_or("a process", |task| &*task.comm);
            Some(("kernel", format!("the kernel kills {victim} ({})", limit_name(limit.as_str()))))
        }
        Record::Evicted { pod, .. } => Some(("kubelet", format!("the kubelet evicts {pod}"))),
        _ => None,
    });
    found.unwrap_or_else(|| ("nobody", "no kill and no eviction".to_owned()))
}

fn limit_name(scope: &str) -> String {
    if scope == "node" { "the node is full".into() } else { format!("{scope} limit") }
}
