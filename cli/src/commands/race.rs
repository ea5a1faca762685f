//! `oomsim race`: how often the kernel kills before the kubelet evicts, by allocation rate and threshold.

use crate::exit::{Exit, Failure};
use crate::flags::{FlagError, Force, Format};
use crate::load::{self, Beside};
use crate::output;
use crate::progress::Progress;
use oomsim_core::kubelet::KubernetesProfile;
use oomsim_core::units::parse_duration;
use oomsim_core::workload::TermReaction;
use oomsim_planning::axis::{AxisRange, AxisValue, Scale, Unit};
use oomsim_planning::race::{Contest, MAX_SECONDS, Point, Racer};
use oomsim_report::picture::memory_text;
use oomsim_report::race::{RaceReport, ThresholdRow};
use oomsim_report::text::duration;
use oomsim_scenario::{Diagnostic, Location, Source, assignment};
use oomsim_store::Pool;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  oomsim race                           # 8Gi, 1Gi reserved, thresholds from 100Mi to 1Gi
  oomsim race --memory 7120616Ki --kube-reserved 1638Mi --threshold 750Mi
  oomsim race studies/worker.toml --threshold 100Mi,500Mi --rate 1Mi,10Mi,100Mi --out out/race

A program that allocates at a constant rate is added to the node. In each run the kubelet's check has a different \
phase. The table shows the simulated share of runs in which the kernel is first, and the share by formula: with a \
random phase and w seconds between threshold and limit, the kubelet is in time with probability (w − time to stop \
the program) ÷ period.";

/// Arguments of `oomsim race`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario with the node and its pods [default: a node described by the options]
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["memory", "kube_reserved", "system_reserved", "system"])]
    #[arg(conflicts_with_all = ["config", "kubernetes", "kernel"])]
    scenario: Option<PathBuf>,
    /// Kind of node to use, if the scenario has several
    #[arg(long, value_name = "KIND", requires = "scenario")]
    node: Option<String>,
    /// MemTotal of the node
    #[arg(long, value_name = "QUANTITY", default_value = "8Gi")]
    memory: String,
    /// kubeReserved
    #[arg(long, value_name = "QUANTITY", default_value = "1Gi")]
    kube_reserved: String,
    /// systemReserved
    #[arg(long, value_name = "QUANTITY", default_value = "0")]
    system_reserved: String,
    /// Memory used by the node's own processes
    #[arg(long, value_name = "QUANTITY", default_value = "500Mi")]
    system: String,
    /// KubeletConfiguration file, instead of the reservations
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kube_reserved", "system_reserved"])]
    config: Option<PathBuf>,
    /// Kubernetes version, such as 1.34 or v1.33.3-eks-113cf36
    #[arg(long, value_name = "VERSION", default_value_t = KubernetesProfile::default().version.to_owned())]
    kubernetes: String,
    /// Kernel version
    #[arg(long, value_name = "VERSION", default_value = oomsim_core::kernel::DEFAULT_VERSION)]
    kernel: String,
    /// Hard eviction thresholds on memory.available to compare
    #[arg(long, value_name = "QUANTITY,…", value_delimiter = ',', value_parser = amount, default_value = "100Mi,250Mi,500Mi,750Mi,1Gi")]
    threshold: Vec<AxisValue>,
    /// Allocation rates in bytes per second [default: 1Mi to 512Mi, doubling]
    #[arg(long, value_name = "QUANTITY,…", value_delimiter = ',', value_parser = amount)]
    rate: Vec<AxisValue>,
    /// Memory limit of the program
    #[arg(long, value_name = "QUANTITY", value_parser = amount)]
    limit: Option<AxisValue>,
    /// Reaction to SIGTERM: dies, ignores it (like a PID 1 without a handler), or exits after a time
    #[arg(long, value_name = "dies|ignores|TIME", value_parser = term, default_value = "ignores")]
    on_term: TermReaction,
    /// Number of runs for each threshold and rate
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    runs: u32,
    /// First random seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Show the range of rates in which the kernel wins in this share of the runs
    #[arg(long, value_name = "PERCENT", default_value_t = 40, value_parser = clap::value_parser!(u8).range(1..=99))]
    share: u8,
    /// Number of runs in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Set a value in the scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Folder to write race.csv and pictures to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An amount of memory greater than zero.
fn amount(text: &str) -> Result<AxisValue, FlagError> {
    let value = AxisValue::parse(text);
    let memory = matches!(value.unit, Unit::Bytes | Unit::Integer) && value.number.is_some_and(|n| n > 0.0);
    if memory { Ok(value) } else { Err(FlagError::Expected("an amount of memory, such as 100Mi")) }
}

fn term(text: &str) -> Result<TermReaction, FlagError> {
    match text {
        "dies" => Ok(TermReaction::Default),
        "ignores" => Ok(TermReaction::Ignore),
        _ => parse_duration(text)
            .map(TermReaction::exits)
            .map_err(|_| FlagError::Expected("`dies`, `ignores` or a duration, such as 1s")),
    }
}

/// Name of the scenario text that is generated from the options.
const MADE: &str = "race.toml";
/// Seconds.
const YEAR: f64 = 365.0 * 86_400.0;
/// Most time that is simulated over all runs: the kubelet looks three million times a year.
const MAX_YEARS: f64 = 200.0;

/// Each threshold with its rates.
type Field = Vec<(AxisValue, Vec<AxisValue>)>;

/// Runs `oomsim race`.
///
/// # Errors
/// When the node is wrong or a file cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let folder = output::folder(args.out.as_deref(), args.force)?;
    let (text, name) = node(&args)?;
    let racer = Racer { limit: args.limit.as_ref().map(|l| l.text.clone()), on_term: args.on_term };
    let files = args.scenario.as_deref().map_or_else(Beside::options, Beside::study);
    let contest = Contest::new(&text, &name, args.node.as_deref(), &files, &args.overrides, &racer);
    let named = |problem: Diagnostic| by_option(&args, problem);
    let contest = contest.map_err(|problems| load::rendered(&problems.into_iter().map(named).collect::<Vec<_>>()))?;
    let warnings: Vec<Diagnostic> = contest.warnings().iter().map(|warning| named(warning.clone())).collect();
    output::warn(&warnings);
    let refused = contest.refused(&args.overrides, &args.threshold);
    if !refused.is_empty() {
        let each = refused.iter().map(|(t, why)| format!("--threshold {}: {why}", t.text));
        return Err(Failure::bad_input(each.collect::<Vec<_>>().join("\n")));
    }
    let pool = Pool::new(args.jobs.map_or(0, usize::from)).map_err(Failure::internal)?;
    let rates = if args.rate.is_empty() { default_rates() } else { args.rate.clone() };
    let share = f64::from(args.share) / 100.0;
    let bands: Vec<Vec<AxisValue>> = args
        .threshold
        .iter()
        .map(|t| contest.band(t.number.unwrap_or_default(), share).map_or(Vec::new(), |band| band.to_vec()))
        .collect();
    let field = |rates: &dyn Fn(usize) -> Vec<AxisValue>| -> Field {
        args.threshold.iter().enumerate().map(|(i, t)| (t.clone(), rates(i))).collect()
    };
    let (grid, band) = (field(&|_| rates.clone()), field(&|i| bands[i].clone()));
    let runs = u64::from(args.runs);
    bearable(&contest, &grid, &band, args.runs)?;
    let progress = Progress::new("points");
    let of = (args.threshold.len() * rates.len() + bands.iter().map(Vec::len).sum::<usize>()) as u64;
    let mut done = 0;
    let mut tick = || {
        done += 1;
        progress.at(done, of, done);
    };
    let set: Vec<(String, String)> = args.overrides.iter().filter_map(|o| o.split_once('=')).map(pair).collect();
    let mut simulate = |field| contest.run(&pool, &set, field, runs, args.seed, &mut tick).map_err(Failure::bad_input);
    let (grid, band) = (simulate(&grid)?, simulate(&band)?);
    let took = progress.elapsed().as_secs_f64();
    drop(progress);
    let total = runs * (grid.len() + band.len()) as u64;
    output::complain(&format!("{total} runs in {}, {:.0} per second", duration(took), total as f64 / took));
    let rows: Vec<ThresholdRow<'_>> = args
        .threshold
        .iter()
        .enumerate()
        .map(|(i, threshold)| ThresholdRow {
            threshold,
            grid: &grid[i * rates.len()..(i + 1) * rates.len()],
            band: band_points(&band, &bands, i),
        })
        .collect();
    let report = RaceReport { contest: &contest, rows: &rows, share: args.share };
    if let Some(folder) = folder {
        folder.write("race.csv", report.csv().as_bytes())?;
        folder.write("race.svg", report.curves().map_err(Failure::internal)?.as_bytes())?;
        folder.write("race-map.svg", report.map().map_err(Failure::internal)?.as_bytes())?;
    }
    match args.format {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print(&format!("{:#}\n", report.json()))?,
    }
    Ok(Exit::Holds)
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (key.to_string(), value.to_string())
}

fn band_points<'a>(points: &'a [Point], bands: &[Vec<AxisValue>], i: usize) -> &'a [Point] {
    let start: usize = bands[..i].iter().map(Vec::len).sum();
    &points[start..start + bands[i].len()]
}

fn default_rates() -> Vec<AxisValue> {
    let mib = 1_048_576.0;
    AxisRange { from: mib, to: 512.0 * mib, unit: Unit::Bytes, scale: Scale::Log }.steps(10)
}

/// The scenario: the one given, or one made from the options.
fn node(args: &Args) -> Result<(String, String), Failure> {
    if let Some(path) = &args.scenario {
        let name = path.display().to_string();
        let text = load::named_toml(path, "a scenario")?;
        return Ok((text, name));
    }
    let line = |path: &[&str], value: &str| assignment(path, value);
    let mut lines = vec![
        "[node]".to_owned(),
        line(&["memory"], &args.memory),
        line(&["system", "anon"], &args.system),
        "[kernel]".to_owned(),
        line(&["version"], &args.kernel),
        "[kubelet]".to_owned(),
        line(&["version"], &args.kubernetes),
    ];
    match &args.config {
        Some(path) => lines.push(line(&["config"], &path.display().to_string())),
        None => lines.extend([
            line(&["kubeReserved", "memory"], &args.kube_reserved),
            line(&["systemReserved", "memory"], &args.system_reserved),
        ]),
    }
    let text = lines.iter().map(|line| format!("{line}\n")).collect();
    Ok((text, MADE.into()))
}

/// A problem of the text that was made from the options, at the option that is to blame.
fn by_option(args: &Args, mut problem: Diagnostic) -> Diagnostic {
    let limit = args.limit.as_ref().map_or("", |limit| &limit.text);
    let given = args.scenario.as_ref().map(|path| path.display().to_string());
    let Some(at) = &problem.at else {
        if given.is_none() {
            let rest = match &args.config {
                Some(config) => format!(" and --config {}", config.display()),
                None => {
                    format!(", --kube-reserved {} and --system-reserved {}", args.kube_reserved, args.system_reserved)
                }
            };
            problem.help.push(format!("the node is described by --memory {}{rest}", args.memory));
        }
        return problem;
    };
    if at.source.name != given.as_deref().unwrap_or(MADE) {
        return problem;
    }
    let mut lines = at.source.text.lines().enumerate().skip(at.line() - 1);
    let (line, text) = lines.next().unwrap_or_default();
    let key = text.split([' ', '=']).next().unwrap_or_default();
    let table = at.source.text.lines().take(line).filter(|line| line.starts_with('[')).last().unwrap_or_default();
    let (option, value) = match (table, key) {
        // The pod that is added, behind the text of whatever scenario.
        ("[[pod.container]]", "resources.limits.memory") if args.limit.is_some() => ("--limit", limit.to_string()),
        _ if given.is_some() => return problem,
        ("[node]", "memory") => ("--memory", args.memory.clone()),
        ("[node]", "system.anon") => ("--system", args.system.clone()),
        ("[kernel]", "version") => ("--kernel", args.kernel.clone()),
        ("[kubelet]", "version") => ("--kubernetes", args.kubernetes.clone()),
        ("[kubelet]", "kubeReserved.memory") => ("--kube-reserved", args.kube_reserved.clone()),
        ("[kubelet]", "systemReserved.memory") => ("--system-reserved", args.system_reserved.clone()),
        ("[kubelet]", "config") => {
            ("--config", args.config.as_ref().map_or(String::new(), |c| c.display().to_string()))
        }
        _ => return problem,
    };
    let whole = 0..value.len();
    problem.at = Some(Location::new(&Arc::new(Source::new(option, value)), whole));
    problem
}

/// Refuses what would take a run of more than ten years, or all runs together more than [`MAX_YEARS`].
fn bearable(contest: &Contest, grid: &Field, band: &Field, runs: u32) -> Result<(), Failure> {
    let slow = |rate: &AxisValue, threshold: &AxisValue| contest.seconds(threshold, rate) > MAX_SECONDS;
    let years = |seconds: f64| format!("{:.0} years", seconds / YEAR);
    let mut said: Vec<String> = Vec::new();
    for (threshold, rates) in grid {
        for rate in rates.iter().filter(|rate| slow(rate, threshold)) {
            let line = format!(
                "--rate {}: at this rate it takes {} to fill the node, but a run lasts at most ten years; \
                 choose a higher --rate",
                rate.text,
                years(contest.seconds(threshold, rate))
            );
            if !said.iter().any(|other| other.starts_with(&format!("--rate {}:", rate.text))) {
                said.push(line);
            }
        }
    }
    for (threshold, rates) in band {
        if let Some(rate) = rates.iter().find(|rate| slow(rate, threshold)) {
            said.push(format!(
                "--threshold {}: the kernel wins in --share of the runs at {}/s; at that rate it takes {} to fill the \
                 node, but a run lasts at most ten years; choose a larger --threshold",
                threshold.text,
                memory_text(rate.number.unwrap_or_default()),
                years(contest.seconds(threshold, rate))
            ));
        }
    }
    if !said.is_empty() {
        return Err(Failure::bad_input(said.join("\n")));
    }
    let points = grid.iter().chain(band).flat_map(|(threshold, rates)| rates.iter().map(move |rate| (threshold, rate)));
    let (mut total, mut slowest) = (0.0, ("", 0.0));
    for (threshold, rate) in points {
        let seconds = contest.seconds(threshold, rate);
        total += seconds * f64::from(runs);
        if seconds > slowest.1 {
            slowest = (&rate.text, seconds);
        }
    }
    if total > MAX_YEARS * YEAR {
        return Err(Failure::bad_input(format!(
            "this would simulate {} of a node's life, but the limit is {MAX_YEARS:.0}: at {}/s, the slowest rate, a run \
             lasts {:.0} days\n  help: choose a higher --rate, fewer --runs or a smaller node",
            years(total),
            slowest.0,
            slowest.1 / 86_400.0
        )));
    }
    Ok(())
}
