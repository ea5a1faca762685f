//! `oomsim sweep`: a scenario over parameters and seeds; the runs can be split across processes and machines.

use crate::exit::{Exit, Failure};
use crate::flags::{Force, Format};
use crate::load::{self, Beside};
use crate::progress::Progress;
use crate::repeat::Repeat;
use crate::{output, stop};
use oomsim_core::record::Keep;
use oomsim_planning::Part;
use oomsim_planning::plan::{Plan, RunSpec};
use oomsim_planning::prepared::settings;
use oomsim_planning::study::Study;
use oomsim_report::html::{Page, StudyPage, render};
use oomsim_report::picture::study as picture;
use oomsim_report::sweep::SweepReport;
use oomsim_report::text::{duration, plural};
use oomsim_store::{self as store, Contents, Damage, Folder, Journal, Results, execute, find_journals};
use serde_json::json;
use std::ops::Range;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  oomsim sweep studies/leak-rates.toml --out out/rates            # run everything
  oomsim sweep studies/leak-rates.toml --out out/rates --resume   # go on after an interruption
  oomsim sweep plan studies/leak-rates.toml                       # list the runs as commands
  oomsim sweep run studies/leak-rates.toml --shard 0/8 --out out/part-0
  oomsim sweep merge studies/leak-rates.toml out/part-* --out out/rates

Results: runs.csv and runs.parquet with one row per run, summary.csv with counts and 95 % intervals, pictures, and \
report.html with heat maps. They do not depend on the number of threads, the order of the runs or how they were split.";

/// Arguments of `oomsim sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    all: All,
}

/// Parts of the work.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the list of runs
    Plan(PlanArgs),
    /// Run part of the plan
    Run(RunArgs),
    /// Merge the parts into one result
    Merge(MergeArgs),
}

/// Everything at once.
#[derive(Debug, clap::Args)]
struct All {
    /// Study file
    #[arg(value_name = "STUDY", required = true)]
    study: Option<PathBuf>,
    /// Folder to write the results to [default: NAME-results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: How,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct How {
    #[command(flatten)]
    force: Force,
    /// Number of runs in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Continue with the runs already in the folder
    #[arg(long)]
    resume: bool,
}

#[derive(Debug, clap::Args)]
struct PlanArgs {
    /// Study file
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// Print only the number of runs and the plan's hash
    #[arg(long)]
    count: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Study file
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// Run part I of N, counted from 0
    #[arg(long, value_name = "I/N", value_parser = Part::parse_shard, conflicts_with = "runs")]
    shard: Option<Part>,
    /// Run A to B − 1 of the plan
    #[arg(long, value_name = "A..B", value_parser = Part::parse_runs)]
    runs: Option<Part>,
    /// Folder to write the runs to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// Study file
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// Folders of parts, or folders of such folders
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,
    /// Folder to write the results to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: Force,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `oomsim sweep`.
///
/// # Errors
/// When the study is wrong or results cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    match args.action {
        Some(Action::Plan(args)) => print_plan(&args),
        Some(Action::Run(args)) => part(&args),
        Some(Action::Merge(args)) => merge(&args),
        None => all(&args.all),
    }
}

/// Reads a study; warnings go to standard error.
fn study(path: &Path) -> Result<Study, Failure> {
    let name = path.display().to_string();
    let text = load::named_toml(path, "a study")?;
    let study = Study::read(&text, &name, &Beside::study(path)).map_err(|problems| load::rendered(&problems))?;
    output::warn(&study.warnings);
    Ok(study)
}

/// Runs a part of the plan into a folder; returns how many runs were done now.
fn execute_part(study: &Study, part: Part, out: &Path, how: &How) -> Result<(Range<u64>, u64), Failure> {
    let plan = &study.plan;
    let range = part.range(plan.len()).map_err(Failure::bad_input)?;
    let folder = Folder::open(out, how.force.force)?;
    let mut journal = Journal::open(&folder, &Contents::of(&study.name, plan), how.resume)?;
    warn_of_damage(journal.path(), journal.damage());
    let advice = format!("finished runs are in {}: continue with --resume", journal.path().display());
    let stop = stop::finishing(advice);
    let progress = Progress::new("runs");
    let done = std::sync::atomic::AtomicU64::new(0);
    let jobs = how.jobs.map_or(0, usize::from);
    execute(
        plan,
        range.clone(),
        &mut journal,
        jobs,
        || study.scenario.worker(Keep::Node),
        stop::asked,
        |p| {
            done.store(p.now, std::sync::atomic::Ordering::Relaxed);
            progress.at(p.done, p.of, p.now);
        },
    )?;
    stop.end()?;
    let now = done.into_inner();
    let took = progress.elapsed().as_secs_f64();
    drop(progress);
    if now > 0 {
        let rate = now as f64 / took;
        output::complain(&format!("{now} runs in {}, {rate:.0} per second", duration(took)));
    }
    Ok((range, now))
}

/// Damaged lines cost nothing but time; that there are any says something about the disk.
fn warn_of_damage(journal: &Path, damage: Damage) {
    if damage.lines > 0 {
        output::complain(&format!(
            "warning: {}: {} with a wrong checksum, the first is line {}\n  \
             help: these count as not there and stay where they are; check the disk",
            journal.display(),
            plural(damage.lines, "line"),
            damage.first
        ));
    }
}

fn all(args: &All) -> Result<Exit, Failure> {
    let file = args.study.as_deref().unwrap_or(Path::new(""));
    let study = study(file)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-results", study.name)));
    execute_part(&study, Part::ALL, &out, &args.how)?;
    let folder = Folder::open(&out, args.how.force.force)?;
    finish(file, &study, &folder, &[out.join("journal")], args.format)
}

fn part(args: &RunArgs) -> Result<Exit, Failure> {
    let study = study(&args.study)?;
    let part = args.shard.or(args.runs).unwrap_or(Part::ALL);
    let (range, _) = execute_part(&study, part, &args.out, &args.how)?;
    let journal = args.out.join("journal");
    output::print(&format!(
        "runs {}..{} of {} are in {}\n",
        range.start,
        range.end,
        study.plan.len(),
        journal.display()
    ))?;
    Ok(Exit::Holds)
}

fn merge(args: &MergeArgs) -> Result<Exit, Failure> {
    let study = study(&args.study)?;
    let journals = find_journals(&args.parts)?;
    let folder = Folder::open(&args.out, args.force.force)?;
    finish(&args.study, &study, &folder, &journals, args.format)
}

/// Writes the results of complete journals, or says what is missing.
fn finish(file: &Path, study: &Study, folder: &Folder, journals: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let results = store::write(folder, &Contents::of(&study.name, &study.plan), journals, &study.measures)?;
    results.damage.iter().for_each(|(journal, damage)| warn_of_damage(journal, *damage));
    if !results.missing.is_empty() {
        return missing(&study.plan, &results.missing, format);
    }
    for (name, svg) in picture::pictures(study, &results.summary).map_err(Failure::internal)? {
        folder.write(&name, svg.as_bytes())?;
    }
    let page = StudyPage::new(study, &results.summary, |run| command(study, &study.plan.spec(run)));
    let page = Page { studies: vec![page.map_err(Failure::internal)?], ..Page::default() };
    folder.write("report.html", render(&page).as_bytes())?;
    let Results { summary, hash, .. } = &results;
    let reproduce = command(study, &study.plan.spec(0));
    let report = SweepReport { study, file, summary, hash: *hash, folder: folder.path(), reproduce: &reproduce };
    match format {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print(&format!("{:#}\n", report.json()))?,
    }
    Ok(Exit::Holds)
}

fn missing(plan: &Plan, missing: &[Range<u64>], format: Format) -> Result<Exit, Failure> {
    let count: u64 = missing.iter().map(|r| r.end - r.start).sum();
    match format {
        Format::Json => {
            let ranges: Vec<_> = missing.iter().map(|r| json!([r.start, r.end])).collect();
            output::print(&format!("{:#}\n", json!({ "missing": count, "missing_runs": ranges })))?;
        }
        Format::Text => {
            let shown: Vec<String> =
                missing.iter().take(20).map(|r| format!("--runs {}..{}", r.start, r.end)).collect();
            let more = missing.len().saturating_sub(shown.len());
            let mut text = format!("{count} of {} runs are missing; no results were written. Missing:\n", plan.len());
            shown.iter().for_each(|range| text.push_str(&format!("  {range}\n")));
            if more > 0 {
                text.push_str(&format!("  and {more} more ranges\n"));
            }
            output::print(&text)?;
        }
    }
    Ok(Exit::Failed)
}

fn print_plan(args: &PlanArgs) -> Result<Exit, Failure> {
    let study = study(&args.study)?;
    let (plan, fingerprint) = (&study.plan, format!("{:032x}", study.plan.fingerprint()));
    let files: Vec<&str> = study.scenario.files().collect();
    let head = match args.format {
        Format::Text => format!("study {}  plan {fingerprint}  runs {}\n", study.name, plan.len()),
        Format::Json => {
            let head = json!({ "study": study.name, "plan": fingerprint, "runs": plan.len(),
                "scenario": study.scenario.file(), "files": files });
            format!("{head}\n")
        }
    };
    output::print(&head)?;
    if args.count {
        return Ok(Exit::Holds);
    }
    // In pieces, as a plan may be long.
    for first in (0..plan.len()).step_by(1000) {
        let mut piece = String::new();
        for run in first..(first + 1000).min(plan.len()) {
            let spec = plan.spec(run);
            let set = settings(&spec.overrides);
            match args.format {
                Format::Text => {
                    let command = command(&study, &spec);
                    piece.push_str(&format!("{run} {} {command}\n", spec.id));
                }
                Format::Json => {
                    let line = json!({ "run": run, "id": spec.id.to_string(), "seed": spec.seed, "set": set });
                    piece.push_str(&format!("{line}\n"));
                }
            }
        }
        output::print(&piece)?;
    }
    Ok(Exit::Holds)
}

/// The command that repeats a run of the plan.
fn command(study: &Study, spec: &RunSpec) -> String {
    let scenario = &study.scenario;
    let one = scenario.is_fleet().then(|| "nodes=1".to_owned());
    let overrides: Vec<String> = settings(&spec.overrides).into_iter().chain(one).collect();
    let repeat = Repeat { file: Path::new(scenario.file()), node: scenario.node(), overrides: &overrides, until: None };
    repeat.command(spec.seed)
}
