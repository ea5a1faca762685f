//! Searches in scenarios, and scenarios with what was printed.

use oomsim_core::plan::Scenario;
use oomsim_core::record::{Cause, Happening, Keep};
use oomsim_core::simulate;
use oomsim_explain::prevent::{Prevention, PreventionSettings, Source, Target, harm_of, prevent};
use oomsim_explain::{Run, explain};
use oomsim_scenario::{Files, NoFiles, load};
use std::sync::Arc;

pub const FEW: PreventionSettings = PreventionSettings { runs: 400, seeds: 2 };

pub fn found(scenario_text: &str, settings: PreventionSettings) -> Option<(Prevention, Run)> {
    found_with(scenario_text, &NoFiles, settings)
}

pub fn found_with(text: &str, files: &dyn Files, settings: PreventionSettings) -> Option<(Prevention, Run)> {
    let source = Source { file: "test.toml", text, node: None, files, overrides: &[] };
    let scenario = source.with(&[]).ok()?;
    let run = Run::new(Arc::clone(&scenario), scenario.seed).expect("the run comes to its end");
    let happening = *run.happenings().iter().find(|h| h.cause.is_oom_kill() || h.cause.is_eviction())?;
    Some((of(&source, &run, &happening, settings)?, run))
}

fn of(source: &Source<'_>, run: &Run, happening: &Happening, settings: PreventionSettings) -> Option<Prevention> {
    let explained = explain(run, 1, happening);
    prevent(source, run, happening, &explained, settings)
}

/// What would have prevented the first death in a scenario, with this many runs.
pub fn found_in(scenario_text: &str, runs: u64) -> Prevention {
    found(scenario_text, PreventionSettings { runs, seeds: 2 }).expect("a death").0
}

/// What would have prevented the first thing of this cause in a scenario.
pub fn found_of(scenario_text: &str, cause: Cause) -> Prevention {
    let source = Source { file: "test.toml", text: scenario_text, node: None, files: &NoFiles, overrides: &[] };
    let scenario = source.with(&[]).unwrap_or_else(|problem| panic!("{problem}\n{scenario_text}"));
    let run = Run::new(Arc::clone(&scenario), scenario.seed).expect("the run comes to its end");
    let all = run.happenings();
    let happening = all.iter().find(|h| h.cause == cause).unwrap_or_else(|| panic!("no {cause}: {all:?}"));
    of(&source, &run, happening, PreventionSettings { runs: 2000, seeds: 2 }).expect("it has a target")
}

/// A scenario with what is printed for a change: options of the command line, or a table to be added.
pub fn pasted(scenario_text: &str, files: &dyn Files, printed: &str) -> Arc<Scenario> {
    let mut settings: Vec<String> = Vec::new();
    let mut text = scenario_text.to_owned();
    let mut rest = printed;
    while let Some(after) = rest.strip_prefix("--set '") {
        let end = after.find('\'').expect("a closing quote");
        settings.push(after[..end].to_owned());
        rest = after[end + 1..].trim_start();
    }
    if !rest.is_empty() {
        text = format!("{text}\n{rest}\n");
    }
    load(&text, "test.toml", files, &settings).unwrap_or_else(|problems| panic!("{printed}\n{problems:?}")).scenario
}

pub fn harmed(scenario: &Arc<Scenario>, seed: u64, target: &Target) -> bool {
    let history = simulate(scenario, seed, Keep::Events).expect("the run comes to its end");
    harm_of(scenario, &history, target).is_some()
}
