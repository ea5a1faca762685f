//! `oomsim compare`: two scenarios, settings, versions, seeds or recorded runs side by side.

use super::report::look;
use crate::exit::{Exit, Failure};
use crate::flags::{Force, Format};
use crate::progress::Progress;
use crate::repeat::Repeat;
use crate::{engine, fleet, load, output};
use oomsim_core::plan::Scenario;
use oomsim_core::record::Keep;
use oomsim_core::record::expect::evaluate;
use oomsim_planning::measure::RunOutcome;
use oomsim_report::RunReport;
use oomsim_report::compare::{Comparison, Recorded, Shares, Side, json_text, text};
use oomsim_report::html::{Page, Room, Run, render};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  oomsim compare scenarios/oom1-twist-a-kernel-5.4.toml scenarios/oom1-twist-a-kernel-6.1.toml
  oomsim compare scenarios/oom2-allocatable-slow.toml \\
    --set-b 'kubelet.evictionHard.\"memory.available\"=1000Mi'
  oomsim compare scenarios/oom3-host-leak.toml --seed-b 2 --out difference.html
  oomsim compare scenarios/oom3-host-leak.toml --set-b node.memory=8Gi --seeds 100
  oomsim compare before.json after.json        # of `oomsim run --format json`, of any version

Exit code 0: nothing differs; 1: something does.";

/// Arguments of `oomsim compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// First scenario (TOML), or a run written by `oomsim run --format json`
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Second scenario or run [default: A with the changes of --set-b, --seed-b, --node-b and --kubernetes-b]
    #[arg(value_name = "B")]
    b: Option<PathBuf>,
    /// Set a value in both scenarios; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Set a value in B only; repeatable
    #[arg(long = "set-b", value_name = "KEY.PATH=VALUE")]
    overrides_b: Vec<String>,
    /// Kind of node of both, where a scenario has several
    #[arg(long, value_name = "KIND")]
    node: Option<String>,
    /// Kind of node of B
    #[arg(long, value_name = "KIND")]
    node_b: Option<String>,
    /// Random seed of both [default: that of A]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Random seed of B
    #[arg(long, value_name = "N")]
    seed_b: Option<u64>,
    /// Kubernetes version of both
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Kubernetes version of B
    #[arg(long, value_name = "VERSION")]
    kubernetes_b: Option<String>,
    /// Also run both with this many seeds and compare how often each kind of death comes first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    seeds: Option<u32>,
    /// Also write an HTML file with both runs and their curves in one chart
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A scenario to be run.
struct Subject {
    file: PathBuf,
    /// The kind of node, where the scenario has several.
    node: Option<String>,
    overrides: Vec<String>,
    scenario: Arc<Scenario>,
    seed: u64,
    text: String,
}

/// Runs `oomsim compare`.
///
/// # Errors
/// When one of the two cannot be read or run.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let both = (args.a.clone(), args.b.clone().unwrap_or_else(|| args.a.clone()));
    let recordings = (is_recorded(&both.0), is_recorded(&both.1));
    if let Some(option) = args.without_effect(recordings) {
        let why = format!("{option} has no effect on a recorded run, which cannot be run again");
        return Err(Failure::bad_input(format!("{why}\n  help: leave it out, or compare scenarios")));
    }
    let (a, b) = match recordings {
        (false, false) => return scenarios(&args, &both.0, &both.1),
        (true, true) => {
            let (a, b) = both_of(recorded(&both.0), recorded(&both.1))?;
            (a.side(&shown(&both.0)), b.side(&shown(&both.1)))
        }
        (true, false) => {
            let a = recorded(&both.0);
            let seed = a.as_ref().ok().map(Recorded::seed);
            let (a, b) = both_of(a, subject(&args, &both.1, true, seed))?;
            (a.side(&shown(&both.0)), simulated(&b)?.1)
        }
        (false, true) => {
            let (a, b) = both_of(subject(&args, &both.0, false, None), recorded(&both.1))?;
            (simulated(&a)?.1, b.side(&shown(&both.1)))
        }
    };
    finish(&args, &Comparison::new(a, b, None))
}

impl Args {
    /// An option that was given and cannot be followed, where runs are recorded: both, or one.
    fn without_effect(&self, recordings: (bool, bool)) -> Option<&'static str> {
        let any = recordings.0 || recordings.1;
        let given = [
            ("--seeds", any && self.seeds.is_some()),
            ("--out", any && self.out.is_some()),
            ("--set", recordings == (true, true) && !self.overrides.is_empty()),
            ("--seed", recordings == (true, true) && self.seed.is_some()),
            ("--node", recordings == (true, true) && self.node.is_some()),
            ("--kubernetes", recordings == (true, true) && self.kubernetes.is_some()),
            ("--set-b", recordings.1 && !self.overrides_b.is_empty()),
            ("--seed-b", recordings.1 && self.seed_b.is_some()),
            ("--node-b", recordings.1 && self.node_b.is_some()),
            ("--kubernetes-b", recordings.1 && self.kubernetes_b.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
}

/// Both, or what is wrong with each.
fn both_of<A, B>(a: Result<A, Failure>, b: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(one), Err(two)) if one.exit == two.exit && one.message != two.message => {
            Err(Failure { message: format!("{one}\n{two}"), ..one })
        }
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

fn finish(args: &Args, comparison: &Comparison) -> Result<Exit, Failure> {
    output::print(&match args.format {
        Format::Text => text(comparison),
        Format::Json => json_text(comparison),
    })?;
    Ok(if comparison.first.is_none() { Exit::Holds } else { Exit::Failed })
}

fn scenarios(args: &Args, a: &Path, b: &Path) -> Result<Exit, Failure> {
    let a = subject(args, a, false, None);
    let seed = a.as_ref().ok().map(|a| a.seed);
    let (a, b) = both_of(a, subject(args, b, true, seed))?;
    let ((report_a, side_a), (report_b, side_b)) = (simulated(&a)?, simulated(&b)?);
    let shares =
        args.seeds.map(|seeds| Ok::<_, Failure>(Shares::new(&first_deaths(&a, seeds)?, &first_deaths(&b, seeds)?)));
    let comparison = Comparison::new(side_a, side_b, shares.transpose()?);
    if let Some(path) = &args.out {
        let runs = vec![page_run(&report_a, &a)?, page_run(&report_b, &b)?];
        let page = Page { runs, comparison: Some((&comparison).into()), ..Page::default() };
        let written = output::write_file(path, args.force, render(&page).as_bytes())?;
        output::complain(&format!("written to {}", written.display()));
    }
    finish(args, &comparison)
}

fn page_run(report: &RunReport, of: &Subject) -> Result<Run, Failure> {
    let (instants, whys) = look(&of.scenario, of.seed, &report.history, &mut Room::default())?;
    Ok(Run::new(report, instants, whys, &of.text))
}

/// Whether a file is a run that was written before.
fn is_recorded(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

fn recorded(file: &Path) -> Result<Recorded, Failure> {
    let name = shown(file);
    let text = load::named_text(file)?;
    Recorded::read(&text).map_err(|why| Failure::bad_input(format!("{name} cannot be compared: {why}")))
}

fn subject(args: &Args, file: &Path, is_b: bool, seed: Option<u64>) -> Result<Subject, Failure> {
    let mut overrides = args.overrides.clone();
    let mut kubernetes = args.kubernetes.as_deref();
    let mut node = args.node.as_deref();
    let mut given = args.seed.or(seed);
    if is_b {
        overrides.extend(args.overrides_b.iter().cloned());
        kubernetes = args.kubernetes_b.as_deref().or(kubernetes);
        node = args.node_b.as_deref().or(node);
        given = args.seed_b.or(given);
    }
    let text = load::named_text(file)?;
    let mut kinds = load::scenarios_with_release(file, &mut overrides, node, kubernetes)?;
    let names: Vec<String> = kinds.iter().map(|kind| kind.scenario.node.name.to_string()).collect();
    let (Some(first), true) = (kinds.pop(), kinds.is_empty()) else {
        let why = format!("{} has several kinds of node, and one is compared", file.display());
        let help =
            format!("choose one with --node, or one for each side with --node and --node-b: {}", names.join(", "));
        return Err(Failure::bad_input(format!("{why}\n  help: {help}")));
    };
    let mut scenario = first.scenario;
    if scenario.nodes > 1 {
        if args.seeds.is_none() && !output::is_quiet() {
            let (name, nodes) = (file.display(), scenario.nodes);
            let why = format!("{name} has {nodes} nodes, and the first is compared");
            output::complain(&format!("note: {why}; --seeds {nodes} compares the first deaths of all"));
        }
        overrides.push("nodes=1".into());
        Arc::make_mut(&mut scenario).nodes = 1;
    }
    let node = node.map(str::to_owned);
    Ok(Subject { file: file.to_owned(), node, overrides, seed: given.unwrap_or(scenario.seed), scenario, text })
}

fn simulated(of: &Subject) -> Result<(RunReport, Side), Failure> {
    let history = engine::run_shown(engine::boot(&of.scenario, Keep::Series)?, of.seed)?;
    let repeat = Repeat { file: &of.file, node: of.node.as_deref(), overrides: &of.overrides, until: None };
    let report = RunReport {
        file: of.file.display().to_string(),
        description: of.scenario.description.clone(),
        reproduce: repeat.command(of.seed),
        kernel_log: oomsim_report::kernel_log::log_of(&of.scenario),
        scenario: Arc::clone(&of.scenario),
        results: evaluate(&of.scenario.expectations, &history),
        not_judged: None,
        standing: None,
        kept: Keep::Series,
        history,
    };
    let mut side = Side::of_report(&report);
    side.add_fact("seed", of.seed.to_string());
    side.add_fact("kernel", of.scenario.node.kernel.profile.version.to_string());
    if let Some(kubelet) = &of.scenario.kubelet {
        side.add_fact("Kubernetes", kubelet.profile.version.to_string());
    }
    side.add_fact("kind of node", of.node.as_deref().unwrap_or_default());
    side.add_fact("--set", of.overrides.join(", "));
    Ok((report, side))
}

fn first_deaths(of: &Subject, seeds: u32) -> Result<Vec<RunOutcome>, Failure> {
    let mut scenario = Arc::clone(&of.scenario);
    Arc::make_mut(&mut scenario).nodes = seeds;
    let nodes = fleet::run(&[scenario], of.seed, Keep::Events, &Progress::new("runs"), |_, _, _| Ok(()))?;
    Ok(nodes.iter().map(|node| node.measures.outcome).collect())
}
