//! What `oomsim check` is asked for.

use clap::ValueEnum;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  oomsim check scenarios
  oomsim check scenarios --seeds 40            # each expectation's share of seeds
  oomsim check scenarios --bless --seeds 40    # accept the outcomes: who dies, when, how often
  oomsim check scenarios --changed-since origin/main --format github \\
    --summary \"$GITHUB_STEP_SUMMARY\"
  oomsim check scenarios --format junit > report.xml

Folders are searched recursively for *.toml, and for lessons: *.md with moments of runs, as in docs/learn. Hidden \
folders, folders named `invalid` and studies are skipped, unless you name them. A scenario with a file \
NAME.outcome beside it must have that outcome; --bless writes the file.

Exit code: the worst of all scenarios: 0 all hold, 1 an expectation failed or an outcome changed, 2 invalid \
scenario, 3 internal error.";

/// Arguments of `oomsim check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario files, lessons, or folders with them
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: as in the scenario]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes: Option<String>,
    /// Set a value in every scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub overrides: Vec<String>,
    /// Run each scenario with this many seeds, starting with its own [default: 1, or as many as its accepted outcome]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// Check only scenarios that changed since this git revision, or that use a file that did
    #[arg(long, value_name = "REV")]
    pub changed_since: Option<String>,
    /// Accept the outcomes: write NAME.outcome beside each scenario
    #[arg(long)]
    pub bless: bool,
    /// Write the files of each failed run (events, logs, pictures) to a folder in this one
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after the first scenario that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// Also append a summary in Markdown to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Number of scenarios to run in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line per scenario, more for those that fail
    #[default]
    Text,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// GitHub Actions annotations
    Github,
    /// Test Anything Protocol
    Tap,
}
