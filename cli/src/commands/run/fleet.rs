//! `oomsim run` of a scenario with many nodes.

use super::args::Args;
use super::files;
use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::progress::Progress;
use crate::repeat::Repeat;
use crate::{engine, fleet, output};
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::evaluate;
use oomsim_core::record::{History, Keep};
use oomsim_report::fleet::{Fleet, NodeRun, csv, expectations, json_text, text};
use oomsim_report::{RunReport, kernel_log, picture};
use oomsim_store::Folder;
use std::sync::Arc;

/// Runs all nodes of these kinds. What is kept of each is its measures; with `--record` and `--out` it has a folder of
/// its own with what a run of one node writes.
pub fn run(args: &Args, mut kinds: Vec<Arc<Scenario>>, folder: Option<&Folder>) -> Result<Exit, Failure> {
    if let Some(until) = args.until {
        for kind in &mut kinds {
            let kind = Arc::make_mut(kind);
            kind.duration = until;
            kind.expectations.clear();
        }
    }
    let first = kinds.first().ok_or_else(|| Failure::internal("a scenario without nodes"))?;
    let seed = args.seed.unwrap_or(first.seed);
    let asked = args.record.map_or(Keep::Node, Keep::from);
    // Files take memory over time from a run of their own.
    let keep = asked.min(Keep::Node);
    let one = [&args.overrides[..], &["nodes=1".to_owned()]].concat();
    let write = |node: &NodeRun, scenario: &Scenario, history: History| {
        let (Some(folder), Some(_)) = (folder, args.record) else { return Ok(()) };
        let kind = (kinds.len() > 1).then_some(&*node.kind).or(args.node.as_deref());
        let scenario = Arc::new(scenario.clone());
        let report = RunReport {
            file: args.file.display().to_string(),
            description: scenario.description.clone(),
            reproduce: Repeat { node: kind, overrides: &one, ..args.repeat() }.command(node.seed),
            kernel_log: kernel_log::log_of(&scenario),
            results: evaluate(&scenario.expectations, &history),
            history,
            kept: engine::kept(&scenario, keep),
            not_judged: None,
            scenario: Arc::clone(&scenario),
            standing: None,
        };
        let below = folder.below(&node.name)?;
        files::write(&below, &report, asked, None, args.artifacts()).map(drop)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.jobs.map_or(0, usize::from)).build();
    let pool = pool.map_err(|why| Failure::internal(format!("no threads could be started: {why}")))?;
    let nodes = pool.install(|| fleet::run(&kinds, seed, keep, &Progress::new("nodes"), write))?;
    let shown = Fleet {
        file: args.file.display().to_string(),
        name: first.name.to_string(),
        description: first.description.clone(),
        with_events: keep >= Keep::Events,
        results: expectations(&nodes),
        reproduce: args.repeat().command(seed),
        nodes,
    };
    if let Some(folder) = folder {
        folder.write("nodes.csv", csv(&shown).as_bytes())?;
        if shown.with_events {
            folder.write("nodes.svg", picture::fleet::svg(&shown).map_err(Failure::internal)?.as_bytes())?;
        }
    }
    output::print(&match args.format {
        Format::Json => json_text(&shown),
        Format::Text => text(&shown),
    })?;
    Ok(if shown.results.iter().all(|result| result.holds) { Exit::Holds } else { Exit::Failed })
}
