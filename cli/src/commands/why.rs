//! `oomsim why`: why something happened in a scenario's run, or did not.

use crate::exit::{Exit, Failure};
use crate::flags::{self, Format};
use crate::{engine, load, memory, output};
use oomsim_core::node_api::Name;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::Pattern;
use oomsim_core::record::{Cause, Happening, Owner, Record, view};
use oomsim_core::units::{SimDuration, format_duration};
use oomsim_explain::prevent::{self, Prevention, PreventionSettings, Source};
use oomsim_explain::{Explanation, Run, Unhappened, explain, explain_not, json, text};
use serde_json::json as object;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Without an option everything that has a cause is listed, and the first death, eviction or refusal is explained.

Examples:
  oomsim why scenarios/oom1-twist-a-kernel-5.4.toml
  oomsim why scenarios/oom3-host-leak.toml --kill 1
  oomsim why scenarios/oom2-allocatable-slow.toml --pod alloc-mem-2 --format json
  oomsim why scenarios/top-node-127-percent.toml --not evicted
  oomsim why scenarios/oom4-allocatable-fast.toml --prevent

Exit code 1: there is no such event, or what --not names did happen.";

/// Arguments of `oomsim why`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Explain entry N of the list
    #[arg(long, value_name = "N", conflicts_with_all = ["kill", "pod", "not", "all"])]
    event: Option<usize>,
    /// Explain the Nth kill by the kernel's OOM killer, counted from 1
    #[arg(long, value_name = "N", conflicts_with_all = ["pod", "not", "all"])]
    kill: Option<usize>,
    /// Explain what happened to this pod (NAME or NAMESPACE/NAME; * stands for any text)
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pod: Option<String>,
    /// Explain why this did not happen (to the pod named with --pod, or to any)
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with = "all")]
    not: Option<Not>,
    /// Explain everything that is listed
    #[arg(long)]
    all: bool,
    /// Simulate only the nodes of this kind
    #[arg(long, value_name = "KIND")]
    node: Option<String>,
    /// Random seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: the scenario's]
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Set a value in the scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// End the run at this time instead of the scenario's duration
    #[arg(long, value_name = "TIME", value_parser = flags::duration)]
    until: Option<SimDuration>,
    /// Also search for the smallest changes that would have prevented it, by running the scenario with them
    #[arg(long, conflicts_with_all = ["not", "all"])]
    prevent: bool,
    /// With --prevent: number of seeds and phases of the kubelet's check to try each change with
    #[arg(long, value_name = "N", default_value_t = 20, requires = "prevent", value_parser = at_least_one())]
    seeds: u64,
    /// With --prevent: maximum number of runs
    #[arg(long, value_name = "N", default_value_t = 2000, requires = "prevent", value_parser = at_least_one())]
    runs: u64,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn at_least_one() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..)
}

/// What did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Not {
    /// The kubelet evicted the pod
    Evicted,
    /// The kernel killed in the pod
    Killed,
}

/// Runs `oomsim why`.
///
/// # Errors
/// When the scenario is invalid, the run fails, or there is no such event.
pub fn run(mut args: Args) -> Result<Exit, Failure> {
    let run = simulate(&mut args)?;
    if let Some(not) = args.not {
        return not_happened(&args, &run, not);
    }
    let all: Vec<(usize, &Happening)> = run.happenings().iter().enumerate().map(|(at, h)| (at + 1, h)).collect();
    let chosen = match choose(&args, &run, &all)? {
        Some(chosen) => chosen,
        None => return nothing_happened(&args, &run),
    };
    let explained: Vec<_> = chosen.iter().map(|&(number, happening)| explain(&run, number, happening)).collect();
    let prevented = match (args.prevent, chosen.first().zip(explained.first())) {
        (true, Some(((_, happening), why))) => prevention(&args, &run, happening, why)?,
        _ => None,
    };
    let whole = args.event.is_none() && args.kill.is_none() && args.pod.is_none();
    match args.format {
        Format::Json => {
            let list: Vec<_> = explained.iter().map(json::explanation).collect();
            let events = json::listing(&run);
            let all = object!({ "events": events, "explanations": list, "prevention": prevented });
            output::print(&format!("{all:#}\n"))?;
        }
        Format::Text => {
            let mut shown = String::new();
            if whole {
                shown = format!("WHAT HAPPENED\n{}\n", text::listing(&run));
            }
            let texts: Vec<String> = explained.iter().map(text::explanation).collect();
            shown.push_str(&texts.join("\n"));
            shown.extend(prevented.as_ref().map(prevent::text));
            if whole && explained.len() < run.happenings().len() {
                shown.push_str("\n--event N explains another number of the list, --all everything.\n");
            }
            output::print(&shown)?;
        }
    }
    Ok(Exit::Holds)
}

/// What would have prevented it.
fn prevention(args: &Args, run: &Run, happening: &Happening, why: &Explanation) -> Result<Option<Prevention>, Failure> {
    let (file, text) = (args.file.display().to_string(), load::named_text(&args.file)?);
    let beside = load::Beside::scenario(&args.file);
    let mut overrides = args.overrides.clone();
    overrides.extend(args.until.map(|until| format!("duration=\"{}\"", format_duration(until))));
    let node = args.node.as_deref();
    let source = Source { file: &file, text: &text, node, files: &beside, overrides: &overrides };
    let settings = PreventionSettings { runs: args.runs, seeds: args.seeds };
    let search = || Ok(prevent::prevent(&source, run, happening, why, settings));
    let found = engine::guarded(search)?;
    if found.is_none() {
        output::complain("note: this is not a death, eviction or refusal that could be prevented");
    }
    Ok(found)
}

fn simulate(args: &mut Args) -> Result<Run, Failure> {
    let (node, kubernetes) = (args.node.as_deref(), args.kubernetes.as_deref());
    let mut kinds = load::scenarios_with_release(&args.file, &mut args.overrides, node, kubernetes)?;
    for warning in kinds.iter().take(1).flat_map(|kind| &kind.warnings) {
        output::complain(&warning.render_coloured());
    }
    if kinds.len() > 1 {
        let names: Vec<String> = kinds.iter().map(|kind| kind.scenario.node.name.to_string()).collect();
        let why = format!("{} has several kinds of nodes: {}", args.file.display(), names.join(", "));
        return Err(Failure::bad_input(format!("{why}\n  help: choose one with --node")));
    }
    let Some(kind) = kinds.pop() else { return Err(Failure::bad_input("there is no node")) };
    if kind.scenario.nodes > 1 {
        let seed = args.seed.unwrap_or(kind.scenario.seed);
        output::complain(&format!("note: {} nodes; this is the one with seed {seed}", kind.scenario.nodes));
    }
    let mut scenario = kind.scenario;
    if let Some(until) = args.until {
        Arc::make_mut(&mut scenario).duration = until;
    }
    run_one(&scenario, args.seed)
}

fn run_one(scenario: &Arc<Scenario>, seed: Option<u64>) -> Result<Run, Failure> {
    memory::check_series(scenario)?;
    let seed = seed.unwrap_or(scenario.seed);
    let stopped = |why| Failure::internal(format!("{}: the run was stopped: {why}", scenario.name));
    engine::guarded(|| Run::new(Arc::clone(scenario), seed).map_err(stopped))
}

type Numbered<'a> = Vec<(usize, &'a Happening)>;

/// What is to be explained; `None`: nothing happened.
fn choose<'a>(args: &Args, run: &Run, all: &Numbered<'a>) -> Result<Option<Numbered<'a>>, Failure> {
    let nth = |n: usize, of: &[(usize, &'a Happening)], what: &str| match n.checked_sub(1).and_then(|at| of.get(at)) {
        Some(one) => Ok(Some(vec![*one])),
        None => Err(Failure::failed(format!("there is no {what} {n}: the run has {}", of.len()))),
    };
    if let Some(n) = args.event {
        return nth(n, all, "event");
    }
    if let Some(n) = args.kill {
        let kills: Vec<_> = all.iter().filter(|(_, h)| h.cause.is_oom_kill()).copied().collect();
        return nth(n, &kills, "kill");
    }
    let mut candidates = all.clone();
    if let Some(name) = &args.pod {
        named(run, name)?;
        candidates.retain(|(_, h)| about(&run.history().entries[h.entry].record, &Pattern(name.clone())));
    }
    if args.all {
        return Ok(Some(candidates).filter(|all| !all.is_empty()));
    }
    let telling = |(_, h): &&(usize, &Happening)| h.cause.is_fatal() || matches!(h.cause, Cause::CommitLimit);
    let first = candidates.iter().find(telling).or(candidates.first());
    Ok(first.map(|one| vec![*one]))
}

/// Whether a record is about a pod.
fn about(record: &Record, pod: &Pattern) -> bool {
    match record {
        Record::OomKill { killed_owners, .. } => killed_owners.iter().any(|owner| match owner {
            Owner::Container { pod: name, .. } => pod.matches_pod(name),
            Owner::Host(_) => false,
        }),
        _ => view::subject(record).pod.is_some_and(|name| pod.matches_pod(name)),
    }
}

/// The pods of this name; there has to be one.
fn named(run: &Run, name: &str) -> Result<Vec<Name>, Failure> {
    let pattern = Pattern(name.to_owned());
    let pods: Vec<Name> =
        run.history().pods.iter().map(|pod| pod.pod.clone()).filter(|pod| pattern.matches_pod(pod)).collect();
    if !pods.is_empty() {
        return Ok(pods);
    }
    let all: Vec<&str> = run.history().pods.iter().map(|pod| view::split_pod(&pod.pod).1).collect();
    let near = oomsim_scenario::reading::nearest(name, all.iter().copied());
    let help = near.map_or_else(|| format!("it has: {}", all.join(", ")), |near| format!("did you mean `{near}`?"));
    Err(Failure::bad_input(format!("the run has no pod `{name}`\n  help: {help}")))
}

/// Nothing has a cause: why not.
fn nothing_happened(args: &Args, run: &Run) -> Result<Exit, Failure> {
    if args.prevent {
        output::complain("note: nothing happened that could be prevented");
    }
    let pods = match &args.pod {
        Some(name) => named(run, name)?.into_iter().map(Some).collect(),
        None => vec![None],
    };
    let parts = pods.iter().flat_map(|pod| [(Unhappened::Evicted, pod.as_ref()), (Unhappened::Killed, pod.as_ref())]);
    show_not(args, run, &parts.collect::<Vec<_>>())?;
    Ok(Exit::Holds)
}

fn not_happened(args: &Args, run: &Run, not: Not) -> Result<Exit, Failure> {
    let what = match not {
        Not::Evicted => Unhappened::Evicted,
        Not::Killed => Unhappened::Killed,
    };
    let pods = match &args.pod {
        Some(name) => named(run, name)?.into_iter().map(Some).collect(),
        None => vec![None],
    };
    for pod in &pods {
        if explain_not(run, what, pod.as_ref()).is_empty() {
            let whom = pod.as_ref().map_or("a pod", |pod| pod);
            let how = if what == Unhappened::Evicted { "evicted" } else { "killed" };
            let all = text::listing(run);
            return Err(Failure::failed(format!("{whom} was {how}\n  help: leave out --not; the run has\n{all}")));
        }
    }
    show_not(args, run, &pods.iter().map(|pod| (what, pod.as_ref())).collect::<Vec<_>>())?;
    Ok(Exit::Holds)
}

fn show_not(args: &Args, run: &Run, parts: &[(Unhappened, Option<&Name>)]) -> Result<(), Failure> {
    let explained: Vec<_> = parts.iter().map(|&(what, pod)| (what, pod, explain_not(run, what, pod))).collect();
    let shown = explained.iter().filter(|(.., links)| !links.is_empty());
    match args.format {
        Format::Text => {
            let texts: Vec<String> = shown.map(|(what, pod, links)| text::not_happened(*what, *pod, links)).collect();
            output::print(&texts.join("\n"))
        }
        Format::Json => {
            let list: Vec<_> = shown.map(|(what, pod, links)| json::not_happened(*what, *pod, links)).collect();
            output::print(&format!("{:#}\n", object!({ "events": json::listing(run), "not": list })))
        }
    }
}
