//! The commands, one file each.

pub mod check;
pub mod compare_story;
pub mod completions;
pub mod conformance;
pub mod dmesg;
pub mod explain;
pub mod import_story;
pub mod lint;
pub mod list;
pub mod man;
pub mod node;
pub mod plan;
pub mod race;
pub mod run;
pub mod sweep;
pub mod versions;

use crate::exit::{Exit, Failure};
use clap::Subcommand;

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and tell who died, when, by whose hand and why
    Run(run::Args),
    /// Run scenarios and check what they expect
    Check(check::Args),
    /// Show a node's capacity, reservations, allocatable, kubepods limit and thresholds
    Node(node::Args),
    /// What is wrong with a kubelet's configuration or a pod's resources before anything has run
    Lint(lint::Args),
    /// Run a scenario many times over parameters and seeds
    Sweep(sweep::Args),
    /// How likely the kernel kills before the kubelet evicts, by allocation rate and threshold
    Race(race::Args),
    /// Search for settings that make what must not happen rare enough
    Plan(plan::Args),
    /// Hold the model against recordings of real kernels, kubelets and nodes
    Conformance(conformance::Args),
    /// Draw a recorded whole-node story and its simulation in one chart
    CompareStory(compare_story::Args),
    /// Write a recorded whole-node story as a scenario
    ImportStory(import_story::Args),
    /// The kernel versions: what differs, where each fact comes from, how sure it is
    Kernels(versions::Args),
    /// The Kubernetes versions: what differs, where each fact comes from, how sure it is
    Kubernetes(versions::Args),
    /// Explain the OOM reports of a real kernel log
    Dmesg(dmesg::Args),
    /// List the scenarios of a folder
    List(list::Args),
    /// Explain the kinds of events and their fields, and the rules of lint
    Explain(explain::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Write the manual pages
    Man(man::Args),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn execute(self) -> Result<Exit, Failure> {
        match self {
            Command::Run(args) => run::run(args),
            Command::Check(args) => check::run(args),
            Command::Node(args) => node::run(args),
            Command::Lint(args) => lint::run(args),
            Command::Sweep(args) => sweep::run(args),
            Command::Race(args) => race::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Conformance(args) => conformance::run(args),
            Command::CompareStory(args) => compare_story::run(args),
            Command::ImportStory(args) => import_story::run(args),
            Command::Kernels(args) => versions::kernels(args),
            Command::Kubernetes(args) => versions::kubernetes(args),
            Command::Dmesg(args) => dmesg::run(args),
            Command::List(args) => list::run(args),
            Command::Explain(args) => explain::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}
