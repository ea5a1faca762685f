//! The command line as a whole.

use crate::commands::Command;
use crate::flags;
use clap::Parser;
use oomsim_core::units::{Bytes, SimDuration};

/// Simulates what kills pods on a Kubernetes node
///
/// A deterministic simulation of a node's memory: the kernel with its cgroup limits and OOM killer, the kubelet with
/// its allocatable and eviction thresholds, and the programs that allocate. A scenario is a TOML file; the same
/// scenario and seed always give the same run.
#[derive(Debug, Parser)]
#[command(name = "oomsim", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// Let scenarios and studies name files outside their own folders; only for files that you trust
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    pub allow_outside: bool,
    /// Print no warnings; with `check`, only what fails and the last line
    #[arg(long, short, global = true, help_heading = EVERY_COMMAND)]
    pub quiet: bool,
    /// Maximum memory to use, such as 2Gi [default: three quarters of what is available]
    #[arg(long, global = true, help_heading = EVERY_COMMAND, value_name = "QUANTITY", value_parser = flags::amount)]
    pub memory_limit: Option<Bytes>,
    /// Stop after this time with exit code 124; no incomplete files are left behind
    #[arg(long, global = true, help_heading = EVERY_COMMAND, value_name = "TIME", value_parser = flags::duration)]
    pub timeout: Option<SimDuration>,
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

/// Over the options that every command has, so that its own come first.
const EVERY_COMMAND: &str = "Common options";

const EXIT_CODES: &str = "\
Exit codes:
  0    success: every expectation holds
  1    an expectation failed, or a target cannot be met
  2    invalid input or usage
  3    internal error
  124  the time of --timeout is over
  130  interrupted (SIGINT, SIGTERM)

Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml --out out/
  oomsim check scenarios
  oomsim node --capacity 7120616Ki --kube-reserved 1638Mi --eviction-hard 750Mi";
