//! `oomsim race`: how often the kernel kills before the kubelet evicts, by allocation rate and threshold.

use crate::exit::{Exit, Failure};
use crate::flags::{FlagError, Force, Format};
use crate::load::{self, Beside};
use crate::output;
use crate::progress::{Progress, duration};
use anstyle::Style;
use oomsim_core::kubelet::KubernetesProfile;
use oomsim_core::units::parse_duration;
use oomsim_core::workload::TermReaction;
use oomsim_planning::axis::{AxisRange, AxisValue, Scale, Unit};
use oomsim_planning::race::{Contest, MAX_SECONDS, Point, Racer};
use oomsim_planning::recommend::percent;
use oomsim_report::picture::PODS;
use oomsim_report::picture::study::{Band, Diagram, Heat, Join, diagram, scale_of};
use oomsim_report::picture::{DrawError, memory_text};
use oomsim_report::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use oomsim_report::table::Table;
use oomsim_scenario::{Diagnostic, Location, Source, assignment};
use oomsim_store::Pool;
use ordered_float::OrderedFloat;
use serde_json::json;
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

/// One threshold with its rates, and with those of the band.
struct ThresholdRow<'a> {
    threshold: &'a AxisValue,
    grid: &'a [Point],
    band: &'a [Point],
}

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
    let lines: Vec<ThresholdRow<'_>> = args
        .threshold
        .iter()
        .enumerate()
        .map(|(i, threshold)| ThresholdRow {
            threshold,
            grid: &grid[i * rates.len()..(i + 1) * rates.len()],
            band: band_points(&band, &bands, i),
        })
        .collect();
    if let Some(folder) = folder {
        folder.write("race.csv", csv(grid.iter().chain(&band)).as_bytes())?;
        folder.write("race.svg", curves(&contest, &lines).map_err(Failure::internal)?.as_bytes())?;
        folder.write("race-map.svg", map(&lines).map_err(Failure::internal)?.as_bytes())?;
    }
    match args.format {
        Format::Text => output::print(&text_of(&contest, &lines, args.share))?,
        Format::Json => output::print(&format!("{:#}\n", json_of(&contest, &lines, args.share)))?,
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
    problem.at = Some(Location::new(&Arc::new(Source { name: option.into(), text: value }), whole));
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

/// What makes the node other than the closed form presumes, and the race about more than the added program.
fn notes(contest: &Contest, lines: &[ThresholdRow<'_>]) -> Vec<String> {
    let alone = contest.alone();
    let mut notes = Vec::new();
    if let Some((victim, outcome, at)) = &alone.first_death {
        notes.push(format!(
            "{victim} dies even without the added program ({}, after {}), and the shares include that death; \
             leave a pod out with `--set pod.NAME.replicas=0`",
            outcome.name(),
            duration(*at as f64 / 1e9)
        ));
    }
    let undecided: u64 = lines.iter().flat_map(|line| line.grid.iter().chain(line.band)).map(|p| p.undecided).sum();
    if undecided > 0 {
        notes.push(format!(
            "{undecided} runs ended without a winner; they count as runs in which the kernel was not first"
        ));
    }
    let least = lines.iter().filter_map(|l| l.threshold.number).fold(f64::INFINITY, f64::min);
    let (low, high) = (alone.pods.0 as f64, alone.pods.1 as f64);
    if high - low > least / 20.0 {
        notes.push(format!(
            "the formula assumes that the other pods use constant memory, but theirs varies between {} and {}: trust the \
             simulated shares",
            memory_text(low),
            memory_text(high)
        ));
    }
    notes
}

fn text_of(contest: &Contest, lines: &[ThresholdRow<'_>], share: u8) -> String {
    let mut text = String::new();
    for note in notes(contest, lines) {
        text.push_str(&format!("{} {note}\n\n", paint(WARN, "note:")));
    }
    for line in lines {
        let heading = format!("evictionHard memory.available < {}", line.threshold.text);
        text.push_str(&format!("{}\n", paint(HEADING, heading)));
        let mut table =
            Table::new(&["rate/s", "kernel first", "95 % interval", "formula", "limit", "overshoot", "latency"]);
        for point in line.grid {
            table.row(row(point), style(point));
        }
        text.push_str(&table.render(2));
        text.push_str(&format!("  {}\n", sentence(line)));
        text.push_str(&format!("  {}\n\n", band_sentence(line, share)));
    }
    text.push_str(&paint(DIM, "overshoot and latency: mean over the runs in which the kubelet was in time\n"));
    text
}

fn style(point: &Point) -> Style {
    match point.lost {
        0 => GOOD,
        lost if lost == point.runs => BAD,
        _ => Style::new(),
    }
}

fn row(p: &Point) -> Vec<String> {
    let share = percent(p.lost as f64 / p.runs.max(1) as f64);
    let mean = |d: &oomsim_planning::stats::Distribution, show: fn(f64) -> String| d.mean().map_or("-".into(), show);
    vec![
        p.rate.text.clone(),
        share,
        format!("{} – {}", percent(p.interval.low), percent(p.interval.high)),
        percent(p.odds.kernel_first),
        p.killer.map_or("-", |k| k.name()).to_string(),
        mean(&p.overshoot, memory_text),
        mean(&p.latency, |ns| format!("{:.1} s", ns / 1e9)),
    ]
}

/// What the table says, in a sentence: from which rate on the threshold loses, by the simulated shares.
fn sentence(line: &ThresholdRow<'_>) -> String {
    let share = |p: &Point| p.lost as f64 / p.runs.max(1) as f64;
    let mut sorted: Vec<&Point> = line.grid.iter().collect();
    sorted.sort_by_key(|p| OrderedFloat(p.rate.number.unwrap_or_default()));
    let always_won = sorted.iter().take_while(|p| p.lost == 0).last();
    // From where on it stays so; single rates below that are named.
    let lost: Vec<bool> = sorted.iter().map(|p| share(p) > 0.5).collect();
    let stays = lost.iter().rposition(|lost| !*lost).map_or(0, |at| at + 1);
    let (Some(first), true) = (lost.iter().position(|lost| *lost), stays < lost.len()) else {
        let single: Vec<&str> =
            sorted.iter().zip(&lost).filter(|(_, l)| **l).map(|(p, _)| p.rate.text.as_str()).collect();
        return match single.as_slice() {
            [] => "at none of these rates is the kernel first in more than half of the runs".into(),
            some => {
                format!("the kernel is first in more than half of the runs at {}/s, but not above", some.join("/s, "))
            }
        };
    };
    let also: Vec<&str> = (first..stays).filter(|i| lost[*i]).map(|i| sorted[i].rate.text.as_str()).collect();
    let also = if also.is_empty() { String::new() } else { format!("; also at {}/s", also.join("/s, ")) };
    let first = stays;
    let limit = sorted[first].killer.map_or("the kernel", |k| match k {
        oomsim_planning::measure::RunOutcome::KubepodsOom => "at the kubepods limit",
        oomsim_planning::measure::RunOutcome::QosOom => "at the limit of its QoS class",
        oomsim_planning::measure::RunOutcome::GlobalOom => "when the node's memory is used up",
        oomsim_planning::measure::RunOutcome::PodOom | oomsim_planning::measure::RunOutcome::ContainerOom => {
            "at the program's own limit"
        }
        _ => "at another limit",
    });
    let above = match first {
        0 => format!("from {}/s on", sorted[0].rate.text),
        _ => format!("above {}/s", memory_text(crossing(sorted[first - 1], sorted[first]))),
    };
    let below =
        always_won.map_or(String::new(), |p| format!("; up to {}/s the kubelet was always in time", p.rate.text));
    format!("{above} the kernel is first in more than half of the runs, {limit}{also}{below}")
}

/// The rate of one half between two points, on a logarithmic scale of rates.
fn crossing(below: &Point, above: &Point) -> f64 {
    let share = |p: &Point| p.lost as f64 / p.runs.max(1) as f64;
    let rate = |p: &Point| p.rate.number.unwrap_or(1.0).max(1.0);
    let part = (0.5 - share(below)) / (share(above) - share(below)).max(1e-9);
    rate(below) * (rate(above) / rate(below)).powf(part.clamp(0.0, 1.0))
}

/// "Fails about 40 % of the time" as the band of rates in which it is true.
fn band_sentence(line: &ThresholdRow<'_>, share: u8) -> String {
    let [low, middle, high] = line.band else {
        return format!(
            "there is no rate at which the kubelet fails about {share} % of the time: another limit is reached first"
        );
    };
    let seen: Vec<String> = [low, middle, high]
        .iter()
        .map(|p| {
            format!(
                "{} at {}/s",
                percent(p.lost as f64 / p.runs.max(1) as f64),
                memory_text(p.rate.number.unwrap_or(0.0))
            )
        })
        .collect();
    let (from, to) = (memory_text(low.rate.number.unwrap_or(0.0)), memory_text(high.rate.number.unwrap_or(0.0)));
    // Where the simulation has it otherwise, the formula is not the answer.
    let apart = |p: &Point| (p.lost as f64 / p.runs.max(1) as f64 - f64::from(share) / 100.0).abs();
    if [low, middle, high].into_iter().any(|p| apart(p) > 0.15) {
        return format!(
            "by the formula the kubelet fails about {share} % of the time between {from}/s and {to}/s, but simulated it is {}: \
             trust the table",
            seen.join(", ")
        );
    }
    format!(
        "the kubelet fails about {share} % of the time between {from}/s and {to}/s (simulated: {})",
        seen.join(", ")
    )
}

fn csv<'a>(points: impl Iterator<Item = &'a Point>) -> String {
    let mut text = String::from(
        "threshold_bytes,rate_bytes_per_s,runs,kernel_first,share,share_low,share_high,closed_form,limit,window_s,\
         overshoot_mean_bytes,overshoot_p90_bytes,latency_mean_s,latency_p90_s,undecided\n",
    );
    let number = |v: &AxisValue| v.number.unwrap_or_default();
    for p in points {
        let show = |x: Option<f64>, scale: f64| x.map_or(String::new(), |x| format!("{:.6}", x * scale));
        let p90 = |d: &oomsim_planning::stats::Distribution| d.quantile(900).map(|q| q as f64);
        text.push_str(&format!(
            "{:.0},{:.0},{},{},{:.6},{:.6},{:.6},{:.6},{},{:.6},{},{},{},{},{}\n",
            number(&p.threshold),
            number(&p.rate),
            p.runs,
            p.lost,
            p.lost as f64 / p.runs.max(1) as f64,
            p.interval.low,
            p.interval.high,
            p.odds.kernel_first,
            p.odds.limit.name(),
            p.odds.window,
            show(p.overshoot.mean(), 1.0),
            show(p90(&p.overshoot), 1.0),
            show(p.latency.mean(), 1e-9),
            show(p90(&p.latency), 1e-9),
            p.undecided,
        ));
    }
    text
}

fn json_of(contest: &Contest, lines: &[ThresholdRow<'_>], share: u8) -> serde_json::Value {
    let point = |p: &Point| {
        json!({
            "rate": p.rate.text, "runs": p.runs, "kernel_first": p.lost,
            "share_low": p.interval.low, "share_high": p.interval.high, "closed_form": p.odds.kernel_first,
            "limit": p.odds.limit.name(), "killer": p.killer.map(|k| k.name()),
            "overshoot_mean_bytes": p.overshoot.mean(), "latency_mean_s": p.latency.mean().map(|ns| ns / 1e9),
            "undecided": p.undecided,
        })
    };
    let line = |l: &ThresholdRow<'_>| {
        json!({
            "threshold": l.threshold.text,
            "points": l.grid.iter().map(point).collect::<Vec<_>>(),
            "band_percent": share,
            "band": l.band.iter().map(point).collect::<Vec<_>>(),
            "sentence": sentence(l),
        })
    };
    json!({ "notes": notes(contest, lines), "thresholds": lines.iter().map(line).collect::<Vec<_>>() })
}

/// Simulated points with their intervals on the curves of the closed form.
fn curves(contest: &Contest, lines: &[ThresholdRow<'_>]) -> Result<String, DrawError> {
    let mut bands = Vec::new();
    let rate = |p: &Point| p.rate.number.unwrap_or(1.0);
    for (n, line) in lines.iter().enumerate().take(PODS.len()) {
        let point = |p: &Point| (rate(p), p.interval.low, p.lost as f64 / p.runs.max(1) as f64, p.interval.high);
        let mut points: Vec<_> = line.grid.iter().chain(line.band).map(point).collect();
        points.sort_by_key(|p| OrderedFloat(p.0));
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        let range = AxisRange { from: first.0, to: last.0, unit: Unit::Bytes, scale: Scale::Log };
        let hard = line.threshold.number.unwrap_or_default();
        let exact = |v: AxisValue| {
            let (x, y) = (v.number.unwrap_or(1.0), contest.race(hard, v.number.unwrap_or(1.0)).odds().kernel_first);
            (x, y, y, y)
        };
        let exact = if first.0 < last.0 { range.steps(200).into_iter().map(exact).collect() } else { Vec::new() };
        let curve =
            Band { name: String::new(), color: PODS[n], points: exact, join: Join::Lines, dots: false, dash: 0.0 };
        let name = line.threshold.text.clone();
        bands.push(curve);
        bands.push(Band { name, color: PODS[n], points, join: Join::Nothing, dots: true, dash: 0.0 });
    }
    diagram(&Diagram {
        title: "How often the kernel kills first".into(),
        subtitle: "by hard threshold: simulated share of the runs with 95 % interval (squares), formula (lines)".into(),
        x: "allocation rate per second".into(),
        unit: Unit::Bytes,
        scale: scale_of(lines.iter().flat_map(|l| l.grid.iter()).map(rate)),
        ticks: lines.first().map_or(Vec::new(), |l| l.grid.iter().map(rate).collect()),
        y: "share of runs".into(),
        bands,
        mark: None,
    })
}

fn map(lines: &[ThresholdRow<'_>]) -> Result<String, DrawError> {
    let share = |p: &Point| p.lost as f64 / p.runs.max(1) as f64;
    let rates = lines.first().map_or(Vec::new(), |l| l.grid.iter().map(|p| p.rate.text.clone()).collect());
    Heat {
        title: "How often the kernel kills first".into(),
        subtitle: "share of the runs in which the OOM killer acts before the eviction".into(),
        x: ("allocation rate per second".into(), rates),
        y: ("hard threshold".into(), lines.iter().map(|l| l.threshold.text.clone()).collect()),
        shares: lines.iter().map(|l| l.grid.iter().map(share).collect()).collect(),
    }
    .svg()
}
