//! `oomsim import`: a scenario from the files of a real cluster.

use crate::exit::{Exit, Failure};
use crate::flags::{self, Force};
use crate::load::{evidence, rendered};
use crate::prometheus::{self, PrometheusArgs, Whose};
use crate::{output, reserve};
use oomsim_core::units::Bytes;
use oomsim_import::{Comparison, Evidence, Imported, Options, build, compare};
use oomsim_report::escape::shell;
use oomsim_scenario::reading::Problems;
use oomsim_scenario::{Diagnostic, Severity, Source, gathered, load};
use oomsim_store::Folder;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `oomsim import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The files are recognised by their content: Node and Pod objects and lists (kubectl get -o json or yaml), Deployments \
and other workloads, kubelet settings (KubeletConfiguration, /configz, EC2NodeClass, NodeConfig, OpenShift \
KubeletConfig, k3s and RKE2 config.yaml, Talos machine configuration, AKS and GKE node configuration, kOps, \
kubeadm), /stats/summary, answers of Prometheus' query and query_range, OpenMetrics and CSV series, kubectl top, \
/proc/meminfo, free, memory.stat.

Environment variables, commands and annotations are not copied, except for those that size memory.

Examples:
  oomsim import node.json pods.json configz.json summary.json wss.json --out node1/
  oomsim run node1/scenario.toml --out out/
  oomsim import node.json pods.json configz.json --out node1/ \\
    --prometheus https://prometheus.example --token-file token
  oomsim import --queries --node worker-1")]
pub struct Args {
    /// Files of the cluster, in any order
    #[arg(value_name = "FILE", required_unless_present = "queries")]
    files: Vec<PathBuf>,
    /// The node to import [default: the only one in the files]
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Memory of the node, if no file says it
    #[arg(long, value_name = "AMOUNT", value_parser = flags::amount)]
    memory: Option<Bytes>,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    /// Folder for the scenario, the manifests and the traces
    #[arg(long, value_name = "FOLDER", required_unless_present = "queries")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Print the commands and queries that collect everything
    #[arg(long)]
    queries: bool,
}

/// Runs `oomsim import`.
///
/// # Errors
/// With everything that is wrong with the files; then nothing is written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if args.queries {
        output::print(&oomsim_import::queries(args.node.as_deref()))?;
        return Ok(Exit::Holds);
    }
    let mut sources = args.files.iter().map(|file| evidence(file)).collect::<Result<Vec<_>, _>>()?;
    if let Some(url) = &args.prometheus.url {
        sources.extend(asked(&args, url, &sources)?);
    }
    let problems = Problems::default();
    let evidence = Evidence::read(&problems, &sources);
    let found = problems.into_sorted();
    if found.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(rendered(&found));
    }
    let options = Options { node: args.node, memory: args.memory };
    let imported = build(&evidence, &options).map_err(|why| Failure::bad_input(why.to_string()))?;
    let loaded = load(&imported.files[0].1, "scenario.toml", &imported, &[])
        .map_err(|problems| rendered(&in_given_files(problems, &sources)))?;
    let checked = compare(&evidence, &loaded.scenario);
    let found_daemons = oomsim_import::daemons(&evidence, Some(&loaded.scenario.node.name));
    let measured = reserve::Daemons { kube: found_daemons.kube, system: found_daemons.system };
    // The scenario's `node.system` has what the daemons hold; their own figures only tell it apart.
    let reserve = reserve::of(&loaded, &reserve::Daemons::default()).map(|r| reserve::text(&r, &measured, None));
    let out = args.out.unwrap_or_default();
    write(&out, args.force, &imported)?;
    let reserve = reserve.unwrap_or_default();
    output::print(&report(&out, &imported, &found, &loaded.warnings, &checked, &reserve))?;
    Ok(Exit::Holds)
}

/// What a Prometheus has of the node and the pods that the files name.
fn asked(args: &Args, url: &str, sources: &[Arc<Source>]) -> Result<Vec<Arc<Source>>, Failure> {
    // What is wrong with the files is said when all of them are read.
    let known = Evidence::read(&Problems::default(), sources);
    let name = args.node.as_deref();
    let facts = known.nodes.iter().filter(|n| name.is_none_or(|name| n.name == name));
    let named = name.map(str::to_string).into_iter();
    let mut node: Vec<String> =
        named.chain(facts.flat_map(|n| [&n.name].into_iter().chain(&n.addresses).cloned())).collect();
    node.dedup();
    let here = |pod: &&oomsim_import::PodFacts| match &pod.node {
        Some(bound) => node.first().is_none_or(|node| node == bound),
        None => false,
    };
    let pods = known.pods.iter().filter(here).filter(|pod| !pod.finished()).map(|pod| pod.name.clone()).collect();
    prometheus::fetch(&args.prometheus, url, &Whose { pods, node })
}

/// Problems of what would have been written, in the given file where it is a copy of one.
fn in_given_files(mut problems: Vec<Diagnostic>, sources: &[Arc<Source>]) -> Vec<Diagnostic> {
    for at in problems.iter_mut().filter_map(|problem| problem.at.as_mut()) {
        let original = sources.iter().find(|source| source.text == at.source.text);
        let made = || {
            let name = format!("{} (made of the files, not written)", at.source.name);
            Arc::new(Source::new(name, at.source.text.clone()))
        };
        at.source = original.cloned().unwrap_or_else(made);
    }
    problems
}

fn write(out: &Path, force: Force, imported: &Imported) -> Result<(), Failure> {
    let folder = Folder::open(out, force.force)?;
    let mut below: BTreeMap<&str, Folder> = BTreeMap::new();
    for (name, text) in &imported.files {
        let Some((sub, name)) = name.split_once('/') else {
            folder.write(name, text.as_bytes())?;
            continue;
        };
        if !below.contains_key(sub) {
            below.insert(sub, folder.below(sub)?);
        }
        below[sub].write(name, text.as_bytes())?;
    }
    Ok(())
}

fn report(
    out: &Path,
    imported: &Imported,
    found: &[Diagnostic],
    warnings: &[Diagnostic],
    checked: &Comparison,
    reserve: &str,
) -> String {
    let mut text = format!("{}: {} files\n", out.display(), imported.files.len());
    let list = |text: &mut String, heading: &str, lines: &[String]| {
        if !lines.is_empty() {
            let _ = write!(text, "\n{heading}\n");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    list(&mut text, "ASSUMED OR LEFT OUT", &imported.notes);
    let all: Vec<String> = gathered(found.iter().chain(warnings)).into_iter().map(|d| d.message).collect();
    list(&mut text, "NOT MODELLED", &all);
    match (&checked.differences[..], &checked.compared[..]) {
        ([], []) => {}
        ([], [all @ .., last]) => {
            let all = if all.is_empty() { (*last).to_owned() } else { format!("{} and {last}", all.join(", ")) };
            let _ = writeln!(text, "\nCHECKED\n  {all}: as in the files");
        }
        (differences, _) => list(&mut text, "DIFFERS FROM THE FILES", differences),
    }
    text.push_str(reserve);
    let [scenario, goal] = ["scenario.toml", "goal.toml"].map(|name| shell(&out.join(name).display().to_string()));
    let _ = write!(text, "\nnext: oomsim run {scenario}\n      oomsim risk {scenario}\n");
    let _ = writeln!(text, "      oomsim plan {goal}");
    text
}
