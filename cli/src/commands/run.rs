//! `oomsim run`: one scenario, everything about it.

use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::render::{ARTIFACTS, Artifact, METRICS_ARTIFACTS, PROMETHEUS_ARTIFACTS, Report, json, style, text};
use crate::{engine, flags, load, output};
use clap::ValueEnum;
use sim_core::record::Keep;
use sim_core::record::expect::evaluate;
use sim_core::units::{SimDuration, format_duration};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml
  oomsim run scenarios/oom4-allocatable-fast.toml --seed 7 --out out/
  oomsim run scenarios/oom2-allocatable-slow.toml --set 'kubelet.evictionHard.\"memory.available\"=1000Mi'
  oomsim run scenarios/oom2-allocatable-slow.toml --format json | jq '.events[] | select(.kind == \"Evicted\")'

Exit code 1 means that an expectation of the scenario does not hold.";

/// Arguments of `oomsim run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Seed of everything random [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Change a value of the scenario; may be given several times
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// End the run at this time instead of the scenario's duration
    #[arg(long, value_name = "TIME", value_parser = flags::duration)]
    until: Option<SimDuration>,
    /// Write events, series, logs and pictures to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// With --out: also draw what Prometheus would have seen (30 s scrapes, 5 min staleness)
    #[arg(long, requires = "out")]
    prometheus: bool,
    /// With --out: also write metrics.om (OpenMetrics, for promtool tsdb create-blocks-from openmetrics)
    #[arg(long, requires = "out")]
    metrics: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// How much of the run to keep
    #[arg(long, value_enum, default_value_t)]
    record: Record,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Record {
    /// Counts and the final state only
    Outcome,
    /// Everything that happened too
    Events,
    /// Memory over time too
    #[default]
    Series,
}

impl From<Record> for Keep {
    fn from(record: Record) -> Keep {
        match record {
            Record::Outcome => Keep::Outcome,
            Record::Events => Keep::Events,
            Record::Series => Keep::Series,
        }
    }
}

/// The command that repeats a run.
pub fn command_line(file: &Path, seed: u64, overrides: &[String], until: Option<SimDuration>) -> String {
    let mut line = format!("oomsim run {} --seed {seed}", quoted(&file.display().to_string()));
    for text in overrides {
        line.push_str(&format!(" --set {}", quoted(text)));
    }
    if let Some(until) = until {
        line.push_str(&format!(" --until {}", format_duration(until)));
    }
    line
}

/// A word as a POSIX shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Does it.
///
/// # Errors
/// When the scenario cannot be used, the run was broken off, or a file cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut scenario = load::scenario(&args.file, &args.overrides)?;
    for warning in &scenario.warnings {
        output::complain(&warning.render_coloured());
    }
    let folder = args.out.as_deref().map(output::Folder::open).transpose()?;
    let mut not_judged = None;
    if let Some(until) = args.until {
        if until < scenario.duration && !scenario.expectations.is_empty() {
            let whole = format_duration(scenario.duration);
            not_judged = Some(format!("the run was cut off at {}, the scenario lasts {whole}", format_duration(until)));
        }
        scenario.duration = until;
    }
    let scenario = Arc::new(scenario);
    let seed = args.seed.unwrap_or(scenario.seed);
    let keep = Keep::from(args.record);
    let history = engine::run(&scenario, seed, keep)?;
    let results = if not_judged.is_some() { Vec::new() } else { evaluate(&scenario.expectations, &history) };
    let report = Report {
        file: args.file.clone(),
        description: scenario.description.clone(),
        reproduce: command_line(&args.file, seed, &args.overrides, args.until),
        kernel_log: engine::kernel_log(&scenario),
        history,
        results,
        not_judged,
    };
    let written = match &folder {
        Some(folder) => {
            let prometheus = if args.prometheus { PROMETHEUS_ARTIFACTS } else { &[] };
            let metrics = if args.metrics { METRICS_ARTIFACTS } else { &[] };
            write_files(folder, &report, keep, ARTIFACTS.iter().chain(prometheus).chain(metrics))?
        }
        None => Vec::new(),
    };
    let exit = if report.failures() > 0 { Exit::Failed } else { Exit::Holds };
    match args.format {
        Format::Json => output::print(&json::render(&report))?,
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

/// Writes what was kept; everything is rendered before the first file is touched.
fn write_files<'a>(
    folder: &output::Folder,
    report: &Report,
    keep: Keep,
    artifacts: impl Iterator<Item = &'a Artifact>,
) -> Result<Vec<String>, Failure> {
    let possible = |artifact: &&Artifact| keep == Keep::Series || keep == Keep::Events && !artifact.needs_series;
    let mut rendered = Vec::new();
    for artifact in artifacts.filter(possible) {
        rendered.push((artifact.name, engine::guarded(|| (artifact.render)(report))?));
    }
    let mut names = Vec::new();
    for (name, content) in rendered {
        folder.write(name, &content)?;
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_quoted_for_a_shell() {
        let sets = ["kubelet.evictionHard.\"memory.available\"=1Gi".to_owned(), "name=it's".to_owned()];
        assert_eq!(
            command_line(Path::new("a b.toml"), 3, &sets, Some(SimDuration::from_secs(90))),
            "oomsim run 'a b.toml' --seed 3 --set 'kubelet.evictionHard.\"memory.available\"=1Gi' --set 'name=it'\\''s' --until 1m30s"
        );
    }
}
