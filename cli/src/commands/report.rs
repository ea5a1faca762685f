//! `oomsim report`: one HTML file with the curves, the timeline and the outcome of runs.

use crate::exit::{Exit, Failure};
use crate::flags::Force;
use crate::{engine, load, output};
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_report::RunReport;
use oomsim_report::html::{Page, Run, render};
use oomsim_store::Folder;
use std::path::{Path, PathBuf};

/// Arguments of `oomsim report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file needs no network: it works from a mail attachment and offline. Exit code 1 means that an expectation failed.

Examples:
  oomsim report scenarios/oom2-allocatable-slow.toml --out report.html
  oomsim report scenarios/oom*.toml --out stories.html")]
pub struct Args {
    /// Scenario files
    #[arg(value_name = "SCENARIO", required = true)]
    files: Vec<PathBuf>,
    /// The HTML file to write
    #[arg(long, value_name = "FILE", required = true)]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
    /// Random seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Change a setting of every scenario, such as node.memory=8Gi (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Simulate only the nodes of this kind
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

/// Runs `oomsim report`.
///
/// # Errors
/// When a scenario is invalid, a run fails, or the file cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let Some(name) = args.out.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::bad_input(format!("{} is no file name", args.out.display())));
    };
    let parent = args.out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = Folder::unlisted(parent, args.force.force)?;
    let mut page = Page { runs: Vec::new() };
    let mut failures = 0;
    for file in &args.files {
        let text = load::named_text(file)?;
        let kinds = load::scenarios(file, &args.overrides, args.node.as_deref())?;
        output::warn(kinds.iter().take(1).flat_map(|kind| &kind.warnings));
        for kind in kinds {
            let report = report(&args, file, kind.scenario)?;
            failures += report.failures();
            page.runs.push(Run::new(&report, &text));
        }
    }
    let written = folder.write(name, render(&page).as_bytes())?;
    output::print(&format!("written to {}\n", written.display()))?;
    Ok(if failures > 0 { Exit::Failed } else { Exit::Holds })
}

/// One node of one scenario.
fn report(
    args: &Args,
    file: &Path,
    scenario: std::sync::Arc<oomsim_core::plan::Scenario>,
) -> Result<RunReport, Failure> {
    let seed = args.seed.unwrap_or(scenario.seed);
    let history = engine::run(engine::boot(&scenario, Keep::Series)?, seed)?;
    let mut reproduce = format!("oomsim run {} --seed {seed}", file.display());
    for change in &args.overrides {
        reproduce.push_str(&format!(" --set '{change}'"));
    }
    Ok(RunReport {
        file: file.display().to_string(),
        description: scenario.description.clone(),
        reproduce,
        kernel_log: engine::kernel_log(&scenario),
        results: evaluate(&scenario.expectations, &history),
        not_judged: None,
        history,
    })
}
