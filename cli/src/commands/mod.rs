//! The commands, one file each.

pub mod check;
pub mod compare;
pub mod compare_story;
pub mod completions;
pub mod conformance;
pub mod diagnose;
pub mod dmesg;
pub mod explain;
pub mod import;
pub mod import_story;
pub mod lab;
pub mod lint;
pub mod list;
pub mod man;
pub mod node;
pub mod plan;
pub mod race;
pub mod report;
pub mod risk;
pub mod run;
pub mod runtimes;
pub mod schema;
pub mod sweep;
pub mod versions;
pub mod why;

use crate::exit::{Exit, Failure};
use clap::Subcommand;

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and report which processes died, when, why and who killed them
    Run(run::Args),
    /// Explain why something happened in a run, or did not
    Why(why::Args),
    /// Run scenarios and check their expectations
    Check(check::Args),
    /// Write one HTML file with the curves, the timeline and the outcome of runs
    Report(report::Args),
    /// Compare two scenarios, settings, versions, seeds or recorded runs
    Compare(compare::Args),
    /// Open the lab in a browser: play, step, rewind and change runs
    Lab(lab::Args),
    /// Compute a node's allocatable memory, kubepods limit and eviction thresholds
    Node(node::Args),
    /// Show which containers are at risk: room, place in the kernel's and the kubelet's order, how often each dies
    Risk(risk::Args),
    /// Check kubelet configuration and pod resources for problems
    Lint(lint::Args),
    /// Run a scenario many times with different parameters and seeds
    Sweep(sweep::Args),
    /// Estimate how often the kernel kills before the kubelet evicts, by allocation rate and threshold
    Race(race::Args),
    /// Find settings that keep the risk of a given failure below a target
    Plan(plan::Args),
    /// Compare the model with recordings of real kernels, kubelets and nodes
    Conformance(conformance::Args),
    /// Make a scenario of a real cluster's nodes, pods, kubelet settings and metrics
    Import(import::Args),
    /// Draw a recorded node and its simulation in one chart
    CompareStory(compare_story::Args),
    /// Write the recording of a node as a scenario
    ImportStory(import_story::Args),
    /// Show what differs between kernel versions, with the source of each fact
    Kernels(versions::Args),
    /// Show what differs between Kubernetes versions, with the source of each fact
    Kubernetes(versions::Args),
    /// Show what language runtimes make of a memory limit, with the source of each fact
    Runtimes(runtimes::Args),
    /// Diagnose a container's memory from its metrics, status, events and kernel log
    Diagnose(diagnose::Args),
    /// Explain the OOM reports in a real kernel log
    Dmesg(dmesg::Args),
    /// List the scenarios in a folder
    List(list::Args),
    /// Explain an event and its fields, or a lint rule
    Explain(explain::Args),
    /// Print the JSON Schema of a kind of file, for completion and checks in editors
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
}

impl Command {
    /// How to continue when the command is interrupted, or its time is over; nothing of most is kept.
    pub fn after_a_stop(&self) -> &'static str {
        match self {
            Command::Run(_) => "nothing was written; a shorter `duration`, or --record events, takes less time",
            Command::Check(_) => "no file was changed; start it again with fewer files, or with a longer --timeout",
            Command::Race(_) => "nothing of it is kept; start it again, with a smaller --runs for a first look",
            Command::Plan(_) => {
                "nothing of it is kept; start it again, with a smaller `runs` in the goal for a first look"
            }
            Command::Risk(_) => "nothing of it is kept; start it again, with fewer --seeds for a first look",
            _ => "",
        }
    }

    /// Runs the command and returns the exit code.
    ///
    /// # Errors
    /// The command's own failure; [`Failure::exit`] is the exit code.
    pub fn execute(self) -> Result<Exit, Failure> {
        match self {
            Command::Run(args) => run::run(args),
            Command::Why(args) => why::run(args),
            Command::Check(args) => check::run(args),
            Command::Report(args) => report::run(args),
            Command::Lab(args) => lab::run(args),
            Command::Node(args) => node::run(args),
            Command::Risk(args) => risk::run(args),
            Command::Lint(args) => lint::run(args),
            Command::Sweep(args) => sweep::run(args),
            Command::Race(args) => race::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Conformance(args) => conformance::run(args),
            Command::Compare(args) => compare::run(args),
            Command::CompareStory(args) => compare_story::run(args),
            Command::Import(args) => import::run(args),
            Command::ImportStory(args) => import_story::run(args),
            Command::Kernels(args) => versions::kernels(args),
            Command::Kubernetes(args) => versions::kubernetes(args),
            Command::Runtimes(args) => runtimes::run(&args),
            Command::Diagnose(args) => diagnose::run(args),
            Command::Dmesg(args) => dmesg::run(args),
            Command::List(args) => list::run(args),
            Command::Explain(args) => explain::run(args),
            Command::Schema(args) => schema::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}
