//! `oomsim run`: one scenario in full detail.

mod fleet;

use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::render::{ARTIFACTS, Artifact, METRICS_ARTIFACTS, PROMETHEUS_ARTIFACTS, Report, json, style, text};
use crate::{engine, flags, load, output};
use clap::ValueEnum;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_core::units::{SimDuration, format_duration};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml
  oomsim run scenarios/oom4-allocatable-fast.toml --seed 7 --out out/
  oomsim run scenarios/fleet-same-leak.toml --set nodes=1000
  oomsim run scenarios/fleet-two-kinds.toml --node small --set nodes=1
  oomsim run scenarios/oom2-allocatable-slow.toml --set 'kubelet.evictionHard.\"memory.available\"=1000Mi'
  oomsim run scenarios/oom2-allocatable-slow.toml --format json | jq '.events[] | select(.kind == \"Evicted\")'

Exit code 1: an expectation of the scenario does not hold.";

/// Arguments of `oomsim run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Simulate only the nodes of this kind
    #[arg(long, value_name = "KIND")]
    node: Option<String>,
    /// Random seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Set a value in the scenario; repeatable
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
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// How much of the run to record [default: series]
    ///
    /// A fleet records only the measures of each node; with this option and --out it writes a folder for each node.
    #[arg(long, value_enum)]
    record: Option<Record>,
    /// Threads for the nodes of a fleet [default: one per core]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Args {
    fn repeat(&self) -> Repeat<'_> {
        Repeat { file: &self.file, node: self.node.as_deref(), overrides: &self.overrides, until: self.until }
    }
}

/// How much of a run is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Record {
    /// Counts and the final state
    Outcome,
    /// … and every event
    Events,
    /// … and memory over time
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

/// Everything that identifies a run, apart from its seed.
#[derive(Clone, Copy, Debug)]
pub struct Repeat<'a> {
    /// The scenario file.
    pub file: &'a Path,
    /// `--node`.
    pub node: Option<&'a str>,
    /// `--set`.
    pub overrides: &'a [String],
    /// `--until`.
    pub until: Option<SimDuration>,
}

impl Repeat<'_> {
    /// The command that repeats the run.
    pub fn command(&self, seed: u64) -> String {
        let mut line = format!("oomsim run {}", quoted(&self.file.display().to_string()));
        if let Some(node) = self.node {
            line.push_str(&format!(" --node {}", quoted(node)));
        }
        line.push_str(&format!(" --seed {seed}"));
        for text in self.overrides {
            line.push_str(&format!(" --set {}", quoted(text)));
        }
        if let Some(until) = self.until {
            line.push_str(&format!(" --until {}", format_duration(until)));
        }
        line
    }
}

/// A word quoted for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Runs `oomsim run`.
///
/// # Errors
/// When the scenario is invalid, the run fails, or a file cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if let Some(record) = args.record.filter(|record| *record != Record::Series) {
        let (kept, option) = (if record == Record::Outcome { "outcome" } else { "events" }, needs_series(&args));
        if let Some(option) = option {
            let why = format!("{option} needs memory over time, which --record {kept} does not record");
            return Err(Failure::bad_input(format!("{why}\n  help: leave out --record, or use --record series")));
        }
        if record == Record::Outcome && args.out.is_some() {
            output::complain("warning: with --record outcome there is nothing to write to the folder of --out");
        }
    }
    let mut kinds = load::scenarios(&args.file, &args.overrides, args.node.as_deref())?;
    for warning in kinds.iter().take(1).flat_map(|kind| &kind.warnings) {
        output::complain(&warning.render_coloured());
    }
    let folder = args.out.as_deref().map(output::Folder::open).transpose()?;
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
    let keep = args.record.map_or(Keep::Series, Keep::from);
    let history = engine::run(engine::boot(&scenario, keep), seed)?;
    let results = if not_judged.is_some() { Vec::new() } else { evaluate(&scenario.expectations, &history) };
    let report = Report {
        file: args.file.clone(),
        description: scenario.description.clone(),
        reproduce: args.repeat().command(seed),
        kernel_log: engine::kernel_log(&scenario),
        history,
        results,
        not_judged,
    };
    let written = match &folder {
        Some(folder) => {
            let (prometheus, metrics) = artifacts(&args);
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

/// The option that needs memory over time, if one was given.
fn needs_series(args: &Args) -> Option<&'static str> {
    let given = [("--prometheus", args.prometheus), ("--metrics", args.metrics)];
    given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
}

/// The files that `--prometheus` and `--metrics` ask for.
fn artifacts(args: &Args) -> (&'static [Artifact], &'static [Artifact]) {
    (if args.prometheus { PROMETHEUS_ARTIFACTS } else { &[] }, if args.metrics { METRICS_ARTIFACTS } else { &[] })
}

/// Writes what was recorded; everything is rendered before the first file is touched.
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
            Repeat {
                file: Path::new("a b.toml"),
                node: Some("big"),
                overrides: &sets,
                until: Some(SimDuration::from_secs(90))
            }
            .command(3),
            "oomsim run 'a b.toml' --node big --seed 3 --set 'kubelet.evictionHard.\"memory.available\"=1Gi' --set 'name=it'\\''s' --until 1m30s"
        );
    }
}
