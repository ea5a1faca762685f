//! One scenario on one seed or several.

use super::args::Args;
use super::{accepted, invalid};
use crate::commands::run::files;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::repeat::Repeat;
use crate::{engine, fleet, load};
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::{ExpectationResult, evaluate};
use oomsim_core::record::{Digest, Keep, StableHasher};
use oomsim_planning::measure::{Measures, RunOutcome};
use oomsim_report::check::{CheckOutcome, CheckedExpectation, CheckedRuns};
use oomsim_report::fleet::{NodeRun, digest, expectations};
use oomsim_report::outcome::{ReviewedOutcome, SEEDS};
use oomsim_report::{ARTIFACTS, RunReport};
use oomsim_scenario::Diagnostic;
use oomsim_store::Folder;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// What is kept of a run.
struct SeedRun {
    seed: u64,
    results: Vec<ExpectationResult>,
    digest: Digest,
    first_deaths: Vec<RunOutcome>,
    outcome: ReviewedOutcome,
}

/// Runs a scenario and judges it.
pub fn check(args: &Args, file: &Path) -> (CheckOutcome, Vec<Diagnostic>) {
    let mut overrides = args.overrides.clone();
    let loaded = match load::scenarios_with_release(file, &mut overrides, None, args.kubernetes.as_deref()) {
        Ok(loaded) => loaded,
        Err(unusable) => return (invalid(unusable.failure), unusable.problems),
    };
    let warnings = loaded.first().map_or_else(Vec::new, |first| first.warnings.clone());
    let kinds: Vec<_> = loaded.into_iter().map(|kind| kind.scenario).collect();
    match judged(args, file, &kinds, &overrides) {
        Ok(runs) => (CheckOutcome::Ran(Box::new(runs)), warnings),
        Err(failure) => (invalid(failure), Vec::new()),
    }
}

fn judged(args: &Args, file: &Path, kinds: &[Arc<Scenario>], overrides: &[String]) -> Result<CheckedRuns, Failure> {
    let first = kinds.first().map_or(0, |kind| kind.seed);
    let known = accepted::read(file)?;
    let accepted = known.as_deref().and_then(ReviewedOutcome::seeds);
    let seeds = args.seeds.or(accepted).unwrap_or(1).max(if args.bless { 1 } else { accepted.unwrap_or(1) });
    let keep = if args.bless || known.is_some() { Keep::Events } else { Keep::Outcome };
    // Of several scenarios, their number says how far the work is.
    let alone = matches!(&args.paths[..], [only] if only == file);
    let progress = if alone { Progress::new("seeds") } else { Progress::silent() };
    let runs = all_seeds(kinds, first, seeds, keep, &progress)?;
    let repeat = Repeat { file, node: None, overrides, until: None };
    let mut expectations = merged(&runs);
    for expectation in &mut expectations {
        expectation.reproduce = repeat.command(expectation.failing_seed.unwrap_or(first));
    }
    let wrong = expectations.iter().filter(|e| !e.result.holds).find_map(|e| e.failing_seed).unwrap_or(first);
    let outcome = if keep == Keep::Events {
        let seeds = if args.bless { args.seeds.or(accepted) } else { accepted };
        accepted::compare(args.bless, (repeat, first), known.as_deref(), &whole_outcome(kinds, &runs, seeds))?
    } else {
        oomsim_report::check::AcceptedOutcome::None
    };
    let mut checked = CheckedRuns {
        expectations,
        seed: first,
        seeds,
        digest: whole_digest(&runs).to_string(),
        reproduce: repeat.command(wrong),
        outcome,
        artifacts: None,
    };
    if let (Some(out), [one], false) = (&args.out, kinds, checked.holds())
        && one.nodes == 1
    {
        checked.artifacts = Some(write_files(out, file, one, wrong, &checked.reproduce)?);
    }
    Ok(checked)
}

fn all_seeds(
    kinds: &[Arc<Scenario>],
    first: u64,
    seeds: u64,
    keep: Keep,
    progress: &Progress,
) -> Result<Vec<SeedRun>, Failure> {
    let boot = |kind: &Arc<Scenario>| engine::boot(kind, keep);
    let booted = match kinds {
        [one] if one.nodes == 1 => Some(boot(one)?),
        _ => None,
    };
    let run = |n: u64| {
        let seed = first.wrapping_add(n);
        let Some(node) = &booted else {
            let nodes = fleet::run(kinds, seed, keep, &Progress::silent(), |_, _, _| Ok(()))?;
            progress.one_of(seeds);
            return Ok(of_fleet(seed, &nodes, keep));
        };
        let history = engine::run(node.clone(), seed)?;
        let mut outcome = ReviewedOutcome::default();
        let mut first_deaths = Vec::new();
        if keep >= Keep::Events {
            first_deaths.push(Measures::of(&history).outcome);
            if n == 0 {
                outcome.add_run(&history);
            }
        }
        let results = evaluate(&node.scenario().expectations, &history);
        progress.one_of(seeds);
        Ok(SeedRun { seed, results, digest: history.digest, first_deaths, outcome })
    };
    let runs: Vec<Result<SeedRun, Failure>> = (0..seeds).into_par_iter().map(run).collect();
    runs.into_iter().collect()
}

fn of_fleet(seed: u64, nodes: &[NodeRun], keep: Keep) -> SeedRun {
    let known = keep >= Keep::Events;
    let first_deaths: Vec<_> = nodes.iter().filter(|_| known).map(|node| node.measures.outcome).collect();
    let mut outcome = ReviewedOutcome::default();
    outcome.add_shares("nodes", seed, &first_deaths);
    SeedRun { seed, results: expectations(nodes), digest: digest(nodes), first_deaths, outcome }
}

/// The outcome of the first seed, and the shares over as many as are compared.
fn whole_outcome(kinds: &[Arc<Scenario>], runs: &[SeedRun], seeds: Option<u64>) -> ReviewedOutcome {
    let mut outcome = runs.first().map_or_else(ReviewedOutcome::default, |run| run.outcome.clone());
    let single = matches!(kinds, [one] if one.nodes == 1);
    if let (Some(seeds), Some(first), true) = (seeds, runs.first(), single) {
        let seeds = usize::try_from(seeds).unwrap_or(usize::MAX);
        let deaths: Vec<_> = runs.iter().take(seeds).flat_map(|run| run.first_deaths.iter().copied()).collect();
        outcome.add_shares(SEEDS, first.seed, &deaths);
    }
    outcome
}

fn whole_digest(runs: &[SeedRun]) -> Digest {
    if let [only] = runs {
        return only.digest;
    }
    let mut hasher = StableHasher::default();
    runs.iter().for_each(|run| hasher.add(&run.digest));
    hasher.digest()
}

/// Each expectation over all seeds.
fn merged(runs: &[SeedRun]) -> Vec<CheckedExpectation> {
    let count = runs.first().map_or(0, |run| run.results.len());
    let of = runs.len() as u64;
    let one = |index: usize| {
        let all = || runs.iter().filter_map(|run| Some((run.seed, run.results.get(index)?)));
        let holding = all().filter(|(_, result)| result.holds).count() as u64;
        let wrong = all().find(|(_, result)| !result.holds);
        let (_, shown) = wrong.or_else(|| all().next())?;
        let result = ExpectationResult { holds: shown.required.is_met(holding, of), ..shown.clone() };
        let failing_seed = wrong.map(|(seed, _)| seed);
        Some(CheckedExpectation { result, holding, of, failing_seed, reproduce: String::new() })
    };
    (0..count).filter_map(one).collect()
}

/// Writes the files of a run that failed, as `oomsim run --out` does.
fn write_files(out: &Path, file: &Path, scenario: &Arc<Scenario>, seed: u64, repeat: &str) -> Result<String, Failure> {
    let name: String = file.with_extension("").display().to_string();
    let name: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let folder = Folder::open(&out.join(name.trim_start_matches(['.', '_'])), false)?;
    let (history, spooled) = engine::run_spooled(scenario, seed, folder.scratch()?)?;
    let report = RunReport {
        file: file.display().to_string(),
        description: scenario.description.clone(),
        reproduce: repeat.to_owned(),
        kernel_log: oomsim_report::kernel_log::log_of(scenario),
        scenario: Arc::clone(scenario),
        kept: engine::kept(scenario, Keep::Events),
        results: evaluate(&scenario.expectations, &history),
        history,
        not_judged: None,
        standing: None,
    };
    files::write(&folder, &report, Keep::Series, Some(spooled), ARTIFACTS.iter())?;
    Ok(folder.path().display().to_string())
}
