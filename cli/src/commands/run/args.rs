//! What `oomsim run` is asked for.

use crate::flags::{self, Force, Format};
use crate::repeat::Repeat;
use clap::ValueEnum;
use oomsim_core::record::Keep;
use oomsim_core::units::SimDuration;
use oomsim_report::{
    ARTIFACTS, Artifact, KMSG_ARTIFACTS, METRICS_ARTIFACTS, OBJECT_ARTIFACTS, PARQUET_ARTIFACTS, PNG_ARTIFACTS,
    PROMETHEUS_ARTIFACTS, PROMETHEUS_PNG_ARTIFACTS,
};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  oomsim run scenarios/oom2-allocatable-slow.toml
  oomsim run scenarios/oom4-allocatable-fast.toml --seed 7 --out out/ --png
  oomsim run scenarios/fleet-same-leak.toml --set nodes=1000
  oomsim run scenarios/fleet-two-kinds.toml --node small --set nodes=1
  oomsim run scenarios/oom2-allocatable-slow.toml \\
    --set 'kubelet.evictionHard.\"memory.available\"=1000Mi'
  oomsim run scenarios/oom2-allocatable-slow.toml --format json |
    jq '.events[] | select(.kind == \"Evicted\")'

Exit code 1: an expectation of the scenario does not hold.";

/// Arguments of `oomsim run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario file (TOML)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Simulate only the nodes of this kind
    #[arg(long, value_name = "KIND")]
    pub node: Option<String>,
    /// Random seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Kubernetes version of every kubelet, such as 1.34 or v1.33.3-eks-113cf36 [default: the scenario's]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes: Option<String>,
    /// Set a value in the scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub overrides: Vec<String>,
    /// End the run at this time instead of the scenario's duration
    #[arg(long, value_name = "TIME", value_parser = flags::duration)]
    pub until: Option<SimDuration>,
    /// Write events, series, logs and pictures to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Whether `--out` may replace files of others.
    #[command(flatten)]
    pub force: Force,
    /// With --out: also draw the pictures as PNG
    #[arg(long, requires = "out")]
    pub png: bool,
    /// With --out: also write memory over time as series.parquet and pods.parquet
    #[arg(long, requires = "out")]
    pub parquet: bool,
    /// With --out: also draw what Prometheus would have seen (30 s scrapes, 5 min staleness)
    #[arg(long, requires = "out")]
    pub prometheus: bool,
    /// With --out: also write the kernel's log as a serial console shows it and as records of /dev/kmsg
    #[arg(long, requires = "out")]
    pub kmsg: bool,
    /// With --out: also write metrics.prom, and metrics.om (for promtool tsdb create-blocks-from openmetrics)
    #[arg(long, requires = "out")]
    pub metrics: bool,
    /// With --out: also write node.json, pods.json and events.json, as kubectl get -o json prints them
    #[arg(long, requires = "out")]
    pub objects: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// How much of the run to record [default: events; with --out: series]
    ///
    /// A fleet records only the measures of each node; with this option and --out it writes a folder for each node.
    #[arg(long, value_enum)]
    pub record: Option<Record>,
    /// Threads for the nodes of a fleet [default: one per core]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

impl Args {
    /// What the run is, to be repeated.
    pub fn repeat(&self) -> Repeat<'_> {
        Repeat { file: &self.file, node: self.node.as_deref(), overrides: &self.overrides, until: self.until }
    }

    /// The option that needs memory over time, if of series, if there is one.
    pub fn needs_series(&self) -> Option<&'static str> {
        let given = [
            ("--png", self.png),
            ("--parquet", self.parquet),
            ("--prometheus", self.prometheus),
            ("--metrics", self.metrics),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// The option whose feature this program was built without, if there is one.
    pub fn not_built_in(&self) -> Option<&'static str> {
        let given =
            [("png", self.png && PNG_ARTIFACTS.is_empty()), ("parquet", self.parquet && PARQUET_ARTIFACTS.is_empty())];
        given.into_iter().find(|(_, lacking)| *lacking).map(|(feature, _)| feature)
    }

    /// The files that `--out` writes with these options.
    pub fn artifacts(&self) -> impl Iterator<Item = &'static Artifact> {
        let asked = [
            (true, ARTIFACTS),
            (self.png, PNG_ARTIFACTS),
            (self.parquet, PARQUET_ARTIFACTS),
            (self.kmsg, KMSG_ARTIFACTS),
            (self.prometheus, PROMETHEUS_ARTIFACTS),
            (self.prometheus && self.png, PROMETHEUS_PNG_ARTIFACTS),
            (self.metrics, METRICS_ARTIFACTS),
            (self.objects, OBJECT_ARTIFACTS),
        ];
        asked.into_iter().filter(|(asked, _)| *asked).flat_map(|(_, artifacts)| artifacts)
    }
}

/// How much of a run is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Record {
    /// Counts and the final state
    Outcome,
    /// … and every event
    Events,
    /// … and memory over time
    Series,
}

impl From<Record> for Keep {
    fn from(record: Record) -> Keep {
        match record {
            Record::Outcome => Keep::Outcome,
            Record::Events => Keep::Events,
            Record::Series => Keep::Series,
        }
    }
}
