//! `oomsim check`: runs every scenario found and checks its expectations.

use super::run::Repeat;
use crate::exit::{Exit, Failure};
use crate::render::{github, json, junit, style, text};
use crate::{engine, find, fleet, load, output};
use clap::ValueEnum;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::{ExpectationResult, evaluate};
use oomsim_scenario::Diagnostic;
use rayon::prelude::*;
use serde_json::json;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  oomsim check scenarios
  oomsim check scenarios --format junit > report.xml
  oomsim check scenarios --format github       # annotations at the lines of the failing expectations

Folders are searched recursively for *.toml. Hidden folders, folders named `invalid` and studies are skipped, unless you name
them.
Exit code: the worst of all scenarios: 0 all hold, 1 an expectation failed, 2 invalid scenario, 3 internal error.";

/// Most warnings of a scenario that are shown as text.
const MOST_WARNINGS: usize = 10;

/// Arguments of `oomsim check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario files, or folders with scenarios
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
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

/// What became of a scenario.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It ran.
    Ran {
        /// How its expectations fared.
        results: Vec<ExpectationResult>,
        /// Seed of the run.
        seed: u64,
        /// Digest of the run.
        digest: String,
        /// The command that repeats the run.
        reproduce: String,
    },
    /// It could not be run.
    Invalid(Failure),
}

/// A scenario with what became of it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The file.
    pub file: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
    /// Problems of its file, with their places.
    pub problems: Vec<Diagnostic>,
}

impl Checked {
    fn exit(&self) -> Exit {
        match &self.outcome {
            Outcome::Ran { results, .. } if results.iter().all(|result| result.holds) => Exit::Holds,
            Outcome::Ran { .. } => Exit::Failed,
            Outcome::Invalid(failure) => failure.exit,
        }
    }

    /// The warnings about its file, one line each: `kubelet.yaml:3: what is wrong, how to fix it`.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|problem| {
            let place = problem.at.as_ref().map_or_else(String::new, |at| format!("{}: ", at.file_line()));
            let sentences: Vec<_> = problem.sentences().collect();
            format!("{place}{}", sentences.join("; "))
        })
    }
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
    let checked: Vec<Checked> = pool.install(|| found.scenarios.par_iter().map(|file| check(file)).collect());
    let text = match args.format {
        Format::Text => checked.iter().map(text_of).chain([summary(&checked, found.studies.len())]).collect(),
        Format::Json => json_of(&checked),
        Format::Junit => junit::render(&checked).map_err(Failure::internal)?,
        Format::Github => checked.iter().map(annotations).chain([summary(&checked, found.studies.len())]).collect(),
    };
    output::print(&text)?;
    Ok(checked.iter().map(Checked::exit).max().unwrap_or_default())
}

fn check(file: &Path) -> Checked {
    let (outcome, problems) = match engine::guarded(|| Ok(check_inner(file))) {
        Ok(both) => both,
        Err(failure) => (Outcome::Invalid(failure), Vec::new()),
    };
    Checked { file: file.to_owned(), outcome, problems }
}

fn check_inner(file: &Path) -> (Outcome, Vec<Diagnostic>) {
    let loaded = match load::scenarios(file, &[], None) {
        Ok(loaded) => loaded,
        Err(unusable) => return (Outcome::Invalid(unusable.failure), unusable.problems),
    };
    let (seed, warnings) =
        loaded.first().map_or((0, Vec::new()), |first| (first.scenario.seed, first.warnings.clone()));
    let kinds: Vec<_> = loaded.into_iter().map(|kind| kind.scenario).collect();
    let ran = match &kinds[..] {
        [one] if one.nodes == 1 => {
            let history = engine::run(engine::boot(one, Keep::Outcome), seed);
            history.map(|history| (evaluate(&one.expectations, &history), history.digest))
        }
        _ => fleet::run(&kinds, seed, Keep::Outcome, |_, _, _| Ok(()))
            .map(|nodes| (fleet::expectations(&nodes), fleet::digest(&nodes))),
    };
    match ran {
        Err(failure) => (Outcome::Invalid(failure), Vec::new()),
        Ok((results, digest)) => {
            let outcome = Outcome::Ran {
                results,
                seed,
                digest: digest.to_string(),
                reproduce: Repeat { file, node: None, overrides: &[], until: None }.command(seed),
            };
            (outcome, warnings)
        }
    }
}

fn text_of(checked: &Checked) -> String {
    let file = checked.file.display();
    match &checked.outcome {
        Outcome::Invalid(failure) => format!("{} {file}\n{}\n", style::paint(style::BAD, "ERROR"), failure.message),
        Outcome::Ran { results, reproduce, .. } => {
            let failed: Vec<_> = results.iter().filter(|result| !result.holds).collect();
            let count = checked.problems.len();
            let mut warned =
                if count > 0 { format!(", {}\n", text::plural(count as u64, "warning")) } else { "\n".into() };
            let line = |warning| format!("        {}: {warning}\n", style::paint(style::WARN, "warning"));
            warned.extend(checked.warnings().take(MOST_WARNINGS).map(line));
            if count > MOST_WARNINGS {
                warned.push_str(&format!("        … and {} more\n", count - MOST_WARNINGS));
            }
            if failed.is_empty() {
                let what =
                    if results.is_empty() { "expects nothing".into() } else { format!("{} hold", results.len()) };
                return format!("{}    {file}: {what}{warned}", style::paint(style::GOOD, "ok"));
            }
            let head = style::paint(style::BAD, "FAIL");
            let mut text = format!("{head}  {file}: {} of {} do not hold{warned}", failed.len(), results.len());
            for result in failed {
                text.push_str(&format!("{file}:{}:\n{}", result.line, text::expectation(result)));
            }
            text.push_str(&format!("        reproduce: {reproduce}\n"));
            text
        }
    }
}

fn summary(checked: &[Checked], studies: usize) -> String {
    let count = |exits: &[Exit]| checked.iter().filter(|c| exits.contains(&c.exit())).count();
    let expectations: usize =
        checked.iter().map(|c| if let Outcome::Ran { results, .. } = &c.outcome { results.len() } else { 0 }).sum();
    let mut parts = vec![format!("{} of {} scenarios hold", count(&[Exit::Holds]), checked.len())];
    for (what, exits) in [("failed", &[Exit::Failed][..]), ("could not be run", &[Exit::BadInput, Exit::Internal])] {
        if count(exits) > 0 {
            parts.push(format!("{} {what}", count(exits)));
        }
    }
    let studies =
        if studies > 0 { format!("; {} skipped", text::plural(studies as u64, "study file")) } else { String::new() };
    format!("{} ({expectations} expectations){studies}\n", parts.join(", "))
}

fn json_of(checked: &[Checked]) -> String {
    let one = |c: &Checked| match &c.outcome {
        Outcome::Ran { results, seed, digest, reproduce } => json!({
            "file": c.file.display().to_string(),
            "status": if c.exit() == Exit::Holds { "holds" } else { "failed" },
            "seed": seed, "digest": digest, "warnings": c.problems.len(), "reproduce": reproduce,
            "problems": c.problems.iter().map(problem).collect::<Vec<_>>(),
            "expectations": results.iter().map(json::expectation).collect::<Vec<_>>(),
        }),
        Outcome::Invalid(failure) => json!({
            "file": c.file.display().to_string(),
            "status": if failure.exit == Exit::BadInput { "invalid" } else { "error" },
            "problems": if c.problems.is_empty() {
                vec![json!({"message": anstream::adapter::strip_str(&failure.message).to_string()})]
            } else {
                c.problems.iter().map(problem).collect()
            },
        }),
    };
    let holding = checked.iter().filter(|c| c.exit() == Exit::Holds).count();
    let object = json!({
        "scenarios": checked.iter().map(one).collect::<Vec<_>>(),
        "total": checked.len(),
        "holding": holding,
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}

fn problem(problem: &Diagnostic) -> serde_json::Value {
    json!({
        "severity": problem.severity.as_str(),
        "message": problem.message,
        "file": problem.at.as_ref().map(|at| at.source.name.clone()),
        "line": problem.at.as_ref().map(|at| at.line()),
        "help": problem.help,
    })
}

/// An annotation for every problem of the file and every expectation that does not hold.
fn annotations(checked: &Checked) -> String {
    let file = checked.file.display().to_string();
    let mut text = String::new();
    for problem in &checked.problems {
        let level = problem.severity.as_str();
        let (place, line) = problem.at.as_ref().map_or((file.clone(), 0), |at| (at.source.name.clone(), at.line()));
        let message = [std::slice::from_ref(&problem.message), &problem.help].concat().join("\n");
        text.push_str(&github::annotation(level, &place, line, "scenario", &message));
    }
    match &checked.outcome {
        Outcome::Invalid(failure) if checked.problems.is_empty() => {
            let message = anstream::adapter::strip_str(&failure.message).to_string();
            text.push_str(&github::annotation("error", &file, 0, "scenario", &message));
        }
        Outcome::Invalid(_) => {}
        Outcome::Ran { results, reproduce, .. } => {
            for result in results.iter().filter(|result| !result.holds) {
                let message = format!(
                    "expected: {}\nfound: {}\nsource: {}\nreproduce: {reproduce}",
                    result.expected, result.found, result.source
                );
                text.push_str(&github::annotation("error", &file, result.line, "expectation", &message));
            }
        }
    }
    text
}
