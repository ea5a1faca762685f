//! `oomsim diagnose`: what a memory curve, a pod's status, a kernel log and events are a sign of.

use crate::exit::{Exit, Failure};
use crate::flags::{self, Format};
use crate::{engine, load, memory, output};
use oomsim_core::units::SimDuration;
use oomsim_explain::Run;
use oomsim_explain::diagnose::{BadLog, Diagnosis, Given, Observed, diagnose, observe, observed_pods, text};
use oomsim_scenario::reading::{Problems, nearest};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Give whatever you have, in any order: kubectl get pod NAME -o json, kubectl get events -o json, Prometheus' answer \
for container_memory_working_set_bytes (and container_memory_rss, node_memory_MemAvailable_bytes, …) or a CSV file \
of it, a kernel log. If more is needed to decide, the output says what. With a scenario instead of files from a \
cluster, its containers are diagnosed as monitoring would see them.

Examples:
  oomsim diagnose pod.json series.json
  oomsim diagnose pod.json series.json events.json kernel.log --container app
  oomsim diagnose scenarios/leak-limit-raised.toml --scrape 30s

Exit code 1: no cause could be determined for any container.";

/// Arguments of `oomsim diagnose`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files from a cluster, or one scenario
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Diagnose only this pod (NAME or NAMESPACE/NAME)
    #[arg(long, value_name = "NAME")]
    pod: Option<String>,
    /// Diagnose only this container
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// With a scenario: time between two samples of memory
    #[arg(long, value_name = "TIME", value_parser = flags::duration, default_value = "30s")]
    scrape: SimDuration,
    /// With a scenario: random seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `oomsim diagnose`.
///
/// # Errors
/// When a file cannot be read or used.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if args.scrape == SimDuration::ZERO {
        return Err(Failure::bad_input("--scrape is an interval, longer than 0"));
    }
    let all = match args.files.as_slice() {
        [scenario] if is_scenario(scenario) => of_scenario(&args, scenario)?,
        files => of_files(files)?,
    };
    let wanted = |o: &Observed| {
        args.pod.as_ref().is_none_or(|pod| is_pod(pod, o))
            && args.container.as_ref().is_none_or(|container| *container == o.container)
    };
    let chosen: Vec<&Observed> = all.iter().filter(|observed| wanted(observed)).collect();
    if chosen.is_empty() {
        return Err(nothing(&args, &all));
    }
    let found: Vec<Diagnosis> = chosen.into_iter().map(diagnose).collect();
    match args.format {
        Format::Json => output::print(&format!("{:#}\n", json!({ "diagnoses": found })))?,
        Format::Text => output::print(&found.iter().map(text).collect::<Vec<_>>().join("\n"))?,
    }
    let decided = found.iter().any(|diagnosis| diagnosis.cause.is_some());
    Ok(if decided { Exit::Holds } else { Exit::Failed })
}

fn is_scenario(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "toml")
}

/// `NAME` or `NAMESPACE/NAME`.
fn is_pod(wanted: &str, observed: &Observed) -> bool {
    let pod = &observed.pod;
    wanted == pod.name || wanted.split_once('/') == Some((pod.namespace.as_str(), pod.name.as_str()))
}

fn nothing(args: &Args, all: &[Observed]) -> Failure {
    let names: Vec<String> = all.iter().map(|o| format!("{}/{}", o.pod.name, o.container)).collect();
    let unknown_pod = args.pod.as_ref().filter(|pod| !all.iter().any(|o| is_pod(pod, o)));
    let (what, wanted, near) = match (unknown_pod, &args.container) {
        (Some(pod), _) => ("pod", pod.as_str(), nearest(pod, all.iter().map(|o| o.pod.name.as_str()))),
        (None, Some(container)) => {
            ("container", container.as_str(), nearest(container, all.iter().map(|o| o.container.as_str())))
        }
        (None, None) => ("container", "", None),
    };
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Failure::bad_input(format!("there is no {what} `{wanted}`\n  help: {help}"))
}

/// Every container of a scenario's run.
fn of_scenario(args: &Args, file: &Path) -> Result<Vec<Observed>, Failure> {
    let mut all = Vec::new();
    for kind in load::scenarios(file, &[], None)? {
        memory::check_series(&kind.scenario)?;
        let seed = args.seed.unwrap_or(kind.scenario.seed);
        let stopped = |why| Failure::internal(format!("the run was stopped: {why}"));
        let run = engine::guarded(|| Run::new(Arc::clone(&kind.scenario), seed).map_err(stopped))?;
        for (pod, containers) in observed_pods(&run) {
            all.extend(containers.iter().filter_map(|container| observe(&run, &pod, container, args.scrape)));
        }
    }
    if all.is_empty() {
        return Err(Failure::bad_input(format!("{} has no pods", file.display())));
    }
    Ok(all)
}

fn of_files(files: &[PathBuf]) -> Result<Vec<Observed>, Failure> {
    let mut given = Given::default();
    let problems = Problems::default();
    for file in files {
        if is_scenario(file) {
            return Err(Failure::bad_input(format!("{} is a scenario: give it alone", file.display())));
        }
        given.read(&problems, load::evidence(file)?);
    }
    let wrong = problems.into_sorted();
    if wrong.iter().any(|d| d.severity == oomsim_scenario::Severity::Error) {
        return Err(load::rendered(&wrong));
    }
    let unreadable = |log: BadLog| Failure::bad_input(format!("{} cannot be read: {}", log.file, log.why));
    let all = given.observed().map_err(unreadable)?;
    if all.is_empty() {
        let help = "give the pod (kubectl get pod NAME -o json) or series with the labels pod and container";
        return Err(Failure::bad_input(format!("no container is known from these files\n  help: {help}")));
    }
    Ok(all)
}
