//! The command line as a whole.

use crate::commands::Command;
use clap::Parser;

/// Simulates what kills pods on a Kubernetes node
///
/// A deterministic simulation of a node's memory: the kernel with its cgroup limits and OOM killer, the kubelet with
/// its allocatable and eviction thresholds, and the programs that allocate. A scenario is a TOML file; the same
/// scenario and seed always give the same run.
#[derive(Debug, Parser)]
#[command(name = "oomsim", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success: every expectation holds
  1  an expectation failed, or a target cannot be met
  2  invalid input or usage
  3  internal error

Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml --out out/
  oomsim check scenarios
  oomsim node --capacity 7120616Ki --kube-reserved 1638Mi --eviction-hard 750Mi";
