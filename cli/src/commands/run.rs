//! `oomsim run`: one scenario in full detail.

mod args;
pub(super) mod files;
mod fleet;

pub use args::Args;

use super::risk;
use crate::engine::Spooled;
use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::{engine, load, output};
use args::Record;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::evaluate;
use oomsim_core::record::{History, Keep};
use oomsim_core::units::format_duration;
use oomsim_report::{RunReport, json, kernel_log, style, text};
use oomsim_store::Folder;
use std::sync::Arc;

/// Runs `oomsim run`.
///
/// # Errors
/// When the scenario is invalid, the run fails, or a file cannot be written.
pub fn run(mut args: Args) -> Result<Exit, Failure> {
    record_suffices(&args)?;
    let mut kinds = load::scenarios_with_release(
        &args.file,
        &mut args.overrides,
        args.node.as_deref(),
        args.kubernetes.as_deref(),
    )?;
    output::warn(kinds.iter().take(1).flat_map(|kind| &kind.warnings));
    let folder = output::folder(args.out.as_deref(), args.force)?;
    let mut scenario = match (kinds.pop(), kinds.is_empty()) {
        (Some(only), true) if only.scenario.nodes == 1 => only.scenario,
        (last, _) => {
            kinds.extend(last);
            return fleet::run(&args, kinds.into_iter().map(|kind| kind.scenario).collect(), folder.as_ref());
        }
    };
    let mut not_judged = None;
    if let Some(until) = args.until {
        if until < scenario.duration && !scenario.expectations.is_empty() {
            let whole = format_duration(scenario.duration);
            not_judged =
                Some(format!("the run was stopped at {}, but the scenario lasts {whole}", format_duration(until)));
        }
        Arc::make_mut(&mut scenario).duration = until;
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    // Only files show memory over time: the report has none.
    let shown = if folder.is_some() { Keep::Series } else { Keep::Events };
    let asked = args.record.map_or(shown, Keep::from);
    let (history, spooled) = simulated(&scenario, seed, asked, folder.as_ref())?;
    let standing = if asked >= Keep::Events { risk::settled(&scenario, seed, &history)? } else { None };
    let results = if not_judged.is_some() { Vec::new() } else { evaluate(&scenario.expectations, &history) };
    let report = RunReport {
        file: args.file.display().to_string(),
        description: scenario.description.clone(),
        reproduce: args.repeat().command(seed),
        kernel_log: kernel_log::log_of(&scenario),
        scenario: Arc::clone(&scenario),
        history,
        kept: engine::kept(&scenario, asked.min(Keep::Events)),
        results,
        not_judged,
        standing,
    };
    let written = match &folder {
        Some(folder) => files::write(folder, &report, asked, spooled, args.artifacts())?,
        None => Vec::new(),
    };
    let exit = if report.failures() > 0 { Exit::Failed } else { Exit::Holds };
    match args.format {
        Format::Json => output::stream(|out| json::write(&report, out))?,
        Format::Text => {
            let mut shown = text::render(&report);
            if exit == Exit::Failed {
                shown.push_str(&format!("reproduce: {}\n", report.reproduce));
            }
            if !written.is_empty() {
                let names = written.join(", ");
                let folder = args.out.unwrap_or_default().display().to_string();
                shown.push_str(&style::paint(style::DIM, format!("written to {folder}: {names}")));
                shown.push('\n');
            }
            output::print(&shown)?;
        }
    }
    Ok(exit)
}

/// The run, with its memory over time put aside where files show it.
fn simulated(
    scenario: &Arc<Scenario>,
    seed: u64,
    asked: Keep,
    folder: Option<&Folder>,
) -> Result<(History, Option<Spooled>), Failure> {
    match folder {
        Some(folder) if asked == Keep::Series => {
            let (history, spooled) = engine::run_spooled(scenario, seed, folder.scratch()?)?;
            Ok((history, Some(spooled)))
        }
        _ => Ok((engine::run_shown(engine::boot(scenario, asked.min(Keep::Events))?, seed)?, None)),
    }
}

/// What is kept of the run must be enough for what is asked of it.
fn record_suffices(args: &Args) -> Result<(), Failure> {
    if let Some(feature) = args.not_built_in() {
        let why = format!("this oomsim was built without the feature `{feature}`, which --{feature} needs");
        return Err(Failure::bad_input(why));
    }
    let Some(record) = args.record.filter(|record| *record != Record::Series) else { return Ok(()) };
    let kept = if record == Record::Outcome { "outcome" } else { "events" };
    if let Some(option) = args.needs_series() {
        let why = format!("{option} needs memory over time, which --record {kept} does not record");
        return Err(Failure::bad_input(format!("{why}\n  help: leave out --record, or use --record series")));
    }
    if record == Record::Outcome && args.out.is_some() {
        output::complain("warning: with --record outcome there is nothing to write to the folder of --out");
    }
    Ok(())
}
