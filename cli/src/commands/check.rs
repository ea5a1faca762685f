//! `oomsim check`: runs every scenario found and checks its expectations and its outcome.

mod accepted;
mod args;
mod changed;
mod lesson;
mod one;

pub use args::Args;

use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::{engine, find, output};
use args::Format;
use oomsim_report::check::{self as report, CheckOutcome, CheckedScenario, Fault};
use oomsim_report::{escape, junit};
use rayon::prelude::*;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Runs `oomsim check`.
///
/// # Errors
/// When a path cannot be read or nothing is found.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if args.bless && !args.overrides.is_empty() {
        let why = "--bless accepts the outcome of the scenario as it stands in its file, and --set changes it";
        return Err(Failure::bad_input(format!("{why}\n  help: leave out one of the two")));
    }
    let mut found = find::to_check(&args.paths)?;
    if let Some(revision) = &args.changed_since {
        let all = found.scenarios.len();
        found.scenarios = changed::since(revision, found.scenarios, &args.overrides)?;
        let count = found.scenarios.len();
        output::complain(&format!(
            "note: {count} of {all} scenarios have changed since {revision}, or files they name"
        ));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.jobs.map_or(0, usize::from)).build();
    let pool = pool.map_err(|why| Failure::internal(format!("no threads could be started: {why}")))?;
    let files = [found.scenarios, found.lessons].concat();
    let checked = pool.install(|| all(&args, &files));
    print(&args, &checked, found.studies.len())?;
    Ok(checked.iter().map(exit).max().unwrap_or_default())
}

/// Checks the scenarios; what comes out has their order, whatever the number of threads.
fn all(args: &Args, files: &[PathBuf]) -> Vec<CheckedScenario> {
    let failed = AtomicBool::new(false);
    let progress = Progress::new("scenarios");
    let one = |file: &PathBuf| {
        let skip = args.fail_fast && failed.load(Ordering::Relaxed);
        let checked = if skip { skipped(file) } else { check(args, file) };
        failed.fetch_or(checked.fails(), Ordering::Relaxed);
        progress.one_of(files.len() as u64);
        checked
    };
    files.par_iter().map(one).collect()
}

fn name(file: &Path) -> String {
    escape::line(&file.display().to_string()).into_owned()
}

fn skipped(file: &Path) -> CheckedScenario {
    let (outcome, problems, took) = (CheckOutcome::Skipped, Vec::new(), std::time::Duration::ZERO);
    CheckedScenario { file: name(file), outcome, problems, took }
}

fn check(args: &Args, file: &Path) -> CheckedScenario {
    let since = Instant::now();
    let is_lesson = file.extension().is_some_and(|extension| extension == "md");
    let (outcome, problems) =
        match engine::guarded(|| Ok(if is_lesson { lesson::check(file) } else { one::check(args, file) })) {
            Ok(both) => both,
            Err(failure) => (invalid(failure), Vec::new()),
        };
    CheckedScenario { file: name(file), outcome, problems, took: since.elapsed() }
}

fn invalid(failure: Failure) -> CheckOutcome {
    let fault = if failure.exit == Exit::BadInput { Fault::Input } else { Fault::Program };
    CheckOutcome::Invalid { fault, message: failure.message }
}

fn exit(checked: &CheckedScenario) -> Exit {
    match &checked.outcome {
        CheckOutcome::Invalid { fault: Fault::Input, .. } => Exit::BadInput,
        CheckOutcome::Invalid { fault: Fault::Program, .. } => Exit::Internal,
        CheckOutcome::Ran(_) | CheckOutcome::Skipped if !checked.fails() => Exit::Holds,
        CheckOutcome::Ran(_) | CheckOutcome::Skipped => Exit::Failed,
    }
}

fn print(args: &Args, checked: &[CheckedScenario], studies: usize) -> Result<(), Failure> {
    let text = match args.format {
        Format::Text => report::text(checked, studies, output::is_quiet()),
        Format::Json => report::json_text(checked),
        Format::Junit => junit::render(checked).map_err(|why| Failure::internal(why.to_string()))?,
        Format::Github => report::github(checked, studies),
        Format::Tap => report::tap(checked),
    };
    if let Some(path) = &args.summary {
        append(path, &escape::output(&report::markdown(checked, studies)))?;
    }
    match args.format {
        Format::Github => output::print_commands(&text),
        Format::Text | Format::Json | Format::Junit | Format::Tap => output::print(&text),
    }
}

/// Adds to a file: GitHub's summary of a step is one that others write to as well.
fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let written = || {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        let before = file.metadata()?;
        // A part of it would spoil what follows.
        file.write_all(text.as_bytes()).inspect_err(|_| {
            if before.is_file() {
                let _ = file.set_len(before.len());
            }
        })
    };
    written().map_err(|why: std::io::Error| {
        let message = format!("{} cannot be written: {}", path.display(), crate::load::plain(&why));
        if why.kind() == ErrorKind::StorageFull { Failure::internal(message) } else { Failure::bad_input(message) }
    })
}
