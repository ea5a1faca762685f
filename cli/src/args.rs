//! The command line as a whole.

use crate::commands::Command;
use clap::Parser;

/// Replays what kills pods on a Kubernetes node
///
/// A deterministic simulation of one node's memory: the kernel with its limits and its OOM killer, the kubelet with
/// allocatable and eviction, and the programs that allocate. A scenario is a TOML file; the same scenario and seed give
/// the same run.
#[derive(Debug, Parser)]
#[command(name = "oomsim", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and everything that was expected holds
  1  done, but an expectation failed
  2  the input or the usage is wrong
  3  internal error

Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml --out out/
  oomsim check scenarios
  oomsim node --capacity 7120616Ki --kube-reserved 1638Mi --eviction-hard 750Mi";
