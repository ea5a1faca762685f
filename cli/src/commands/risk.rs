//! `oomsim risk`: who is at risk on a node.

use crate::exit::{Exit, Failure};
use crate::flags::{self, Format};
use crate::progress::Progress;
use crate::{engine, load, output};
use oomsim_core::BootedNode;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep, happenings};
use oomsim_core::units::{SimDuration, SimTime};
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::plan::nth_seed;
use oomsim_planning::risk::{DeathTally, Growth, Standing, deaths, grown, outcome, standing};
use oomsim_report::risk::{GrownPod, RiskReport};
use oomsim_store::Pool;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// By then the containers hold what they begin with.
const SETTLED: SimDuration = SimDuration::from_secs(20);
/// Most runs for the growth of one pod.
const GROWTH_RUNS: u64 = 10;

const EXAMPLES: &str = "\
Examples:
  oomsim risk node1/scenario.toml
  oomsim risk node1/scenario.toml --seeds 1000 --format json
  oomsim risk node1/scenario.toml --at 30m

The figures of a container are those of one instant: 20 s after the last pod has arrived, or just before the first \
death if that comes earlier. Its deaths are counted over whole runs with different seeds.";

/// Arguments of `oomsim risk`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The kind of node, if the scenario has several
    #[arg(long, value_name = "KIND")]
    node: Option<String>,
    /// Number of runs in which deaths are counted
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Random seed of the first run [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Show the containers at this time of the run
    #[arg(long, value_name = "TIME", value_parser = flags::duration)]
    at: Option<SimDuration>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: the scenario's]
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Set a value in the scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Number of runs in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Leave out what the growth of each pod would do
    #[arg(long)]
    no_growth: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `oomsim risk`.
///
/// # Errors
/// When the scenario is invalid or a run fails.
pub fn run(mut args: Args) -> Result<Exit, Failure> {
    let (node, kubernetes) = (args.node.as_deref(), args.kubernetes.as_deref());
    let kinds = load::scenarios_with_release(&args.file, &mut args.overrides, node, kubernetes)?;
    let [only] = kinds.as_slice() else {
        let names: Vec<&str> = kinds.iter().map(|kind| &*kind.scenario.node.name).collect();
        let message =
            format!("the scenario has several kinds of node\n  help: choose with --node: {}", names.join(", "));
        return Err(Failure::bad_input(message));
    };
    output::warn(&only.warnings);
    let scenario = Arc::clone(&only.scenario);
    if let Some(why) = scenario.kubelet_not_started() {
        return Err(Failure::bad_input(format!("the kubelet does not start on this node: {why}")));
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    let pool = Pool::new(args.jobs.map_or(0, usize::from)).map_err(Failure::internal)?;
    let report = RiskReport {
        name: scenario.node.name.to_string(),
        seed,
        standing: standing_at(&scenario, seed, args.at)?,
        tally: tally(&scenario, seed, args.seeds, &pool)?,
        growth: if args.no_growth { Vec::new() } else { growth(&scenario, seed, args.seeds.min(GROWTH_RUNS), &pool)? },
    };
    match args.format {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print(&format!("{:#}\n", report.json()))?,
    }
    Ok(Exit::Holds)
}

/// How the node stands at a time, or shortly before its first death.
pub(super) fn standing_at(scenario: &Arc<Scenario>, seed: u64, at: Option<SimDuration>) -> Result<Standing, Failure> {
    let arrived = scenario.pods.iter().map(|pod| pod.at.saturating_add(pod.at_spread)).max().unwrap_or(SimTime::ZERO);
    let at = at.map_or(arrived.saturating_add(SETTLED), |at| SimTime::ZERO.saturating_add(at));
    let history = engine::run(BootedNode::new(Arc::clone(scenario), Keep::Events), seed)?;
    let (first, _) = deaths(&history);
    let first = first.values().map(|(at, _)| *at).min().filter(|death| *death <= at);
    // Events at the instant itself have not happened yet.
    standing_of(scenario, seed, first.unwrap_or(at))
}

/// How the node stands when its pods have settled, of a run in which nothing about memory happened; none without pods
/// and a kubelet, and when they settle after its end.
pub(super) fn settled(scenario: &Arc<Scenario>, seed: u64, history: &History) -> Result<Option<Standing>, Failure> {
    let arrived = scenario.pods.iter().map(|pod| pod.at.saturating_add(pod.at_spread)).max();
    let at = arrived.map(|arrived| arrived.saturating_add(SETTLED)).filter(|at| *at <= history.ended_at);
    let calm = scenario.kubelet.is_some() && happenings(history).is_empty();
    at.filter(|_| calm).map(|at| standing_of(scenario, seed, at)).transpose()
}

fn standing_of(scenario: &Arc<Scenario>, seed: u64, until: SimTime) -> Result<Standing, Failure> {
    let stopped = |why| Failure::internal(format!("{}: the run was stopped: {why}", scenario.name));
    engine::guarded(|| {
        let mut run = BootedNode::new(Arc::clone(scenario), Keep::Outcome).simulation(seed);
        run.run_until(until).map_err(stopped)?;
        Ok(standing(scenario, &run))
    })
}

/// In how many of these runs each container dies.
pub(super) fn tally(scenario: &Arc<Scenario>, seed: u64, seeds: u64, pool: &Pool) -> Result<DeathTally, Failure> {
    let node = BootedNode::new(Arc::clone(scenario), Keep::Events);
    let progress = Progress::new("runs");
    let one = |n: u64| {
        let mut tally = DeathTally::default();
        tally.add(&engine::run(node.clone(), nth_seed(seed, n))?);
        progress.one_of(seeds);
        Ok(tally)
    };
    let tallies: Result<Vec<DeathTally>, Failure> = pool.map(0..seeds, one).into_iter().collect();
    Ok(tallies?.into_iter().fold(DeathTally::default(), DeathTally::merge))
}

fn growth(scenario: &Arc<Scenario>, seed: u64, runs: u64, pool: &Pool) -> Result<Vec<GrownPod>, Failure> {
    let of_pod = |pod: u64| {
        let pod = usize::try_from(pod).unwrap_or(usize::MAX);
        let (Some(changed), Some(plan)) = (grown(scenario, pod), scenario.pods.get(pod)) else { return Ok(None) };
        let node = BootedNode::new(Arc::new(changed), Keep::Events);
        let mut seen: BTreeMap<Option<(_, RunOutcome)>, (u64, Growth)> = BTreeMap::new();
        for n in 0..runs {
            let growth = outcome(&engine::run(node.clone(), nth_seed(seed, n))?, plan);
            seen.entry(growth.first.clone()).or_insert((0, growth)).0 += 1;
        }
        let most = seen.into_values().max_by_key(|(times, _)| *times);
        Ok(most.map(|(times, most)| GrownPod { pod: plan.full_name(), most, times, runs }))
    };
    let pods: Result<Vec<Option<GrownPod>>, Failure> =
        pool.map(0..scenario.pods.len() as u64, of_pod).into_iter().collect();
    Ok(pods?.into_iter().flatten().collect())
}
