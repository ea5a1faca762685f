//! `oomsim check`: runs every scenario found and checks its expectations.

use crate::exit::{Exit, Failure};
use crate::repeat::Repeat;
use crate::{engine, find, fleet, load, output};
use clap::ValueEnum;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_report::check::{self as report, CheckOutcome, CheckedScenario, Fault};
use oomsim_report::fleet::{digest, expectations};
use oomsim_report::{escape, junit};
use oomsim_scenario::Diagnostic;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  oomsim check scenarios
  oomsim check scenarios --format junit > report.xml
  oomsim check scenarios --format github       # annotations at the lines of the failing expectations

Folders are searched recursively for *.toml. Hidden folders, folders named `invalid` and studies are skipped, unless you name
them.
Exit code: the worst of all scenarios: 0 all hold, 1 an expectation failed, 2 invalid scenario, 3 internal error.";

/// Arguments of `oomsim check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario files, or folders with scenarios
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: as in the scenario]
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Number of scenarios to run in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per scenario, more for those that fail
    #[default]
    Text,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// GitHub Actions annotations
    Github,
}

/// Runs `oomsim check`.
///
/// # Errors
/// When a path cannot be read or nothing is found.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let found = find::scenarios(&args.paths)?;
    let threads = usize::from(args.jobs.unwrap_or(0));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|why| Failure::internal(format!("no threads could be started: {why}")))?;
    let checked: Vec<CheckedScenario> =
        pool.install(|| found.scenarios.par_iter().map(|file| check(file, args.kubernetes.as_deref())).collect());
    let studies = found.studies.len();
    let text = match args.format {
        Format::Text => report::text(&checked, studies),
        Format::Json => report::json_text(&checked),
        Format::Junit => junit::render(&checked).map_err(|why| Failure::internal(why.to_string()))?,
        Format::Github => report::github(&checked, studies),
    };
    match args.format {
        Format::Github => output::print_commands(&text)?,
        Format::Text | Format::Json | Format::Junit => output::print(&text)?,
    }
    Ok(checked.iter().map(exit).max().unwrap_or_default())
}

fn exit(checked: &CheckedScenario) -> Exit {
    match &checked.outcome {
        CheckOutcome::Ran { .. } if checked.holds() => Exit::Holds,
        CheckOutcome::Ran { .. } => Exit::Failed,
        CheckOutcome::Invalid { fault: Fault::Input, .. } => Exit::BadInput,
        CheckOutcome::Invalid { fault: Fault::Program, .. } => Exit::Internal,
    }
}

fn invalid(failure: Failure) -> CheckOutcome {
    let fault = if failure.exit == Exit::BadInput { Fault::Input } else { Fault::Program };
    CheckOutcome::Invalid { fault, message: failure.message }
}

fn check(file: &Path, kubernetes: Option<&str>) -> CheckedScenario {
    let (outcome, problems) = match engine::guarded(|| Ok(check_inner(file, kubernetes))) {
        Ok(both) => both,
        Err(failure) => (invalid(failure), Vec::new()),
    };
    CheckedScenario { file: escape::line(&file.display().to_string()).into_owned(), outcome, problems }
}

fn check_inner(file: &Path, kubernetes: Option<&str>) -> (CheckOutcome, Vec<Diagnostic>) {
    let mut overrides = Vec::new();
    let loaded = match load::scenarios_with_release(file, &mut overrides, None, kubernetes) {
        Ok(loaded) => loaded,
        Err(unusable) => return (invalid(unusable.failure), unusable.problems),
    };
    let (seed, warnings) =
        loaded.first().map_or((0, Vec::new()), |first| (first.scenario.seed, first.warnings.clone()));
    let kinds: Vec<_> = loaded.into_iter().map(|kind| kind.scenario).collect();
    let ran = match &kinds[..] {
        [one] if one.nodes == 1 => {
            let history = engine::boot(one, Keep::Outcome).and_then(|node| engine::run(node, seed));
            history.map(|history| (evaluate(&one.expectations, &history), history.digest))
        }
        _ => fleet::run(&kinds, seed, Keep::Outcome, |_, _, _| Ok(()))
            .map(|nodes| (expectations(&nodes), digest(&nodes))),
    };
    match ran {
        Err(failure) => (invalid(failure), Vec::new()),
        Ok((results, digest)) => {
            let outcome = CheckOutcome::Ran {
                results,
                seed,
                digest: digest.to_string(),
                reproduce: Repeat { file, node: None, overrides: &overrides, until: None }.command(seed),
            };
            (outcome, warnings)
        }
    }
}
