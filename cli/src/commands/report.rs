//! `oomsim report`: one HTML file with the curves, the timeline and the outcome of runs.

use super::risk;
use crate::exit::{Exit, Failure};
use crate::flags::Force;
use crate::progress::Progress;
use crate::repeat::Repeat;
use crate::{engine, fleet, load, output};
use oomsim_core::Simulation;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::evaluate;
use oomsim_core::record::{Happening, History, Keep};
use oomsim_explain::text;
use oomsim_report::RunReport;
use oomsim_report::html::{Instant, Page, Risk, Room, Run, Seeds, Why, instants, render};
use oomsim_store::{Folder, Pool};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `oomsim report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file needs no network: it works from a mail attachment and offline. Exit code 1 means that an expectation failed.

Examples:
  oomsim report scenarios/oom2-allocatable-slow.toml --out report.html
  oomsim report scenarios/oom3-host-leak.toml --seeds 200 --out race.html
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
    /// Also run each scenario on this many seeds: shares of outcomes, and when the first process dies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    seeds: Option<u32>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: the scenario's]
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Set a value in every scenario, such as node.memory=8Gi; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Simulate only the nodes of this kind
    #[arg(long, value_name = "KIND")]
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
    let mut page = Page::default();
    let mut failures = 0;
    let mut room = Room::default();
    for file in &args.files {
        let text = load::named_text(file)?;
        let (node, mut overrides) = (args.node.as_deref(), args.overrides.clone());
        let kinds = load::scenarios_with_release(file, &mut overrides, node, args.kubernetes.as_deref())?;
        let repeat = Repeat { file, node, overrides: &overrides, until: None };
        output::warn(kinds.iter().take(1).flat_map(|kind| &kind.warnings));
        let kinds: Vec<_> = kinds.into_iter().map(|kind| kind.scenario).collect();
        page.seeds.extend(seeds(&args, file, &kinds)?);
        for scenario in kinds {
            let (report, (instants, whys)) = report(&args, &repeat, &scenario, &mut room)?;
            failures += report.failures();
            let run = Run::new(&report, instants, whys, &text);
            page.runs.push(match risk(&args, &scenario)? {
                Some(risk) => run.with_risk(risk),
                None => run,
            });
        }
    }
    let written = folder.write(name, render(&page).as_bytes())?;
    output::print(&format!("written to {}\n", written.display()))?;
    Ok(if failures > 0 { Exit::Failed } else { Exit::Holds })
}

/// All nodes of a fleet, or one on several seeds.
fn seeds(args: &Args, file: &Path, kinds: &[Arc<Scenario>]) -> Result<Option<Seeds>, Failure> {
    let Some(first) = kinds.first() else { return Ok(None) };
    let mut kinds = kinds.to_vec();
    if let Some(seeds) = args.seeds {
        kinds.iter_mut().for_each(|kind| Arc::make_mut(kind).nodes = seeds);
    }
    if kinds.iter().all(|kind| kind.nodes == 1) {
        return Ok(None);
    }
    let seed = args.seed.unwrap_or(first.seed);
    let nodes = fleet::run(&kinds, seed, Keep::Node, &Progress::new("runs"), |_, _, _| Ok(()))?;
    Ok(Some(Seeds::new(&first.name, &file.display().to_string(), &nodes, first.duration.as_secs_f64())))
}

/// Runs in which deaths are counted, unless `--seeds` says how many.
const RISK_RUNS: u32 = 20;

/// Who is at risk on a node with containers.
fn risk(args: &Args, scenario: &Arc<Scenario>) -> Result<Option<Risk>, Failure> {
    if scenario.pods.is_empty() || scenario.kubelet_not_started().is_some() {
        return Ok(None);
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    let pool = Pool::new(0).map_err(Failure::internal)?;
    let tally = super::risk::tally(scenario, seed, args.seeds.unwrap_or(RISK_RUNS).into(), &pool)?;
    Ok(Some(Risk::new(&super::risk::standing_at(scenario, seed, None)?, &tally)))
}

/// One node of one scenario, run twice: the second time it is looked at where the first one says that it is worth it.
fn report(
    args: &Args,
    repeat: &Repeat<'_>,
    scenario: &Arc<Scenario>,
    room: &mut Room,
) -> Result<(RunReport, Looked), Failure> {
    let seed = args.seed.unwrap_or(scenario.seed);
    let node = engine::boot(scenario, Keep::Series)?;
    let history = engine::run_shown(node, seed)?;
    let mut looked = look(scenario, seed, &history, room)?;
    let standing = risk::settled(scenario, seed, &history)?;
    if let Some(standing) = &standing {
        let text = format!("Who is at risk\n{}", oomsim_report::at_risk::text(standing));
        looked.1.push(Why::new(standing.at, &text));
    }
    let report = RunReport {
        file: repeat.file.display().to_string(),
        description: scenario.description.clone(),
        reproduce: repeat.command(seed),
        kernel_log: oomsim_report::kernel_log::log_of(scenario),
        scenario: Arc::clone(scenario),
        results: evaluate(&scenario.expectations, &history),
        not_judged: None,
        standing,
        kept: Keep::Series,
        history,
    };
    Ok((report, looked))
}

/// The node at chosen instants, and why things happened.
type Looked = (Vec<Instant>, Vec<Why>);

/// Explanations that a page has room for.
const MOST_WHYS: usize = 40;

/// Looks at a run again where its history says that it is worth it.
pub(super) fn look(scenario: &Arc<Scenario>, seed: u64, history: &History, room: &mut Room) -> Result<Looked, Failure> {
    let stopped = |why| Failure::internal(format!("the run was stopped: {why}"));
    engine::guarded(|| {
        let mut run = Simulation::new(Arc::clone(scenario), seed, Keep::Outcome);
        let mut found = Vec::new();
        for at in instants(history) {
            run.run_until(at).map_err(stopped)?;
            let Some(instant) = Instant::of(&run.view(), room) else { break };
            found.push(instant);
        }
        let explained = oomsim_explain::Run::new(Arc::clone(scenario), seed).map_err(stopped)?;
        let happenings = explained.happenings().iter().enumerate().take(MOST_WHYS);
        let why = |(n, happening): (usize, &Happening)| {
            let why = oomsim_explain::explain(&explained, n + 1, happening);
            Why::new(happening.at, &text::explanation(&why))
        };
        Ok((found, happenings.map(why).collect()))
    })
}
