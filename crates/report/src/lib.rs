//! What a run, a check, a lint or a study found, in every form that oomsim writes: text, JSON, CSV, OpenMetrics, SARIF,
//! JUnit XML, GitHub annotations, kernel and kubelet logs, and pictures. One module for each form.
//!
//! Everything here turns values into texts and bytes: no files, no threads, no terminal, no clock. Texts for people
//! carry ANSI colours (see [`style`]); the program that prints them takes them out where they do not belong.
//!
//! ```
//! use oomsim_core::plan::{NodePlan, Scenario};
//! use oomsim_core::record::Keep;
//! use oomsim_core::units::Bytes;
//! use oomsim_report::csv;
//! use std::sync::Arc;
//!
//! let scenario = Arc::new(Scenario::new("idle", NodePlan::new(Bytes::gib(1))));
//! let run = oomsim_core::simulate(&scenario, 1, Keep::Series)?;
//! let mut table = Vec::new();
//! let mut rows = csv::Table::new(&run.series.pods, &mut table)?;
//! run.series.samples.iter().try_for_each(|sample| rows.row(sample))?;
//! let table = String::from_utf8(table)?;
//! assert!(table.starts_with("t,node_available,") && table.lines().count() > 600);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

pub mod at_risk;
pub mod check;
#[cfg(feature = "parquet")]
pub mod columns;
pub mod compare;
pub mod csv;
mod deaths;
pub mod escape;
mod events;
pub mod findings;
pub mod fleet;
mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod kernel_log;
mod kubelet_log;
mod kubernetes;
pub mod openmetrics;
pub mod outcome;
pub mod picture;
pub mod plan;
mod pods;
pub mod race;
pub mod risk;
pub mod samples;
pub mod sarif;
pub mod spool;
pub mod style;
pub mod sweep;
pub mod table;
#[cfg(test)]
mod testdata;
pub mod text;
mod timeline;
mod varint;

use crate::picture::{DrawError, Sketch};
use crate::samples::{Samples, Scrapes};
use oomsim_core::kernel::log::KernelLog;
use oomsim_core::plan::Scenario;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{History, Keep, Sample};
use oomsim_planning::risk::Standing;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

/// Memory as Kubernetes writes it, to three digits.
pub(crate) fn amount(bytes: oomsim_core::units::Bytes) -> String {
    picture::memory_text(bytes.get() as f64)
}

/// A finished run of a scenario with everything that a report shows.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The scenario file.
    pub file: String,
    /// Description of the scenario.
    pub description: String,
    /// The run.
    pub history: History,
    /// What was recorded of it.
    pub kept: Keep,
    /// Results of the expectations; empty when the run was stopped early.
    pub results: Vec<ExpectationResult>,
    /// Why the expectations were not checked.
    pub not_judged: Option<String>,
    /// The command that repeats this run.
    pub reproduce: String,
    /// How the node stood when its pods had settled; none where something died, or it was not asked for.
    pub standing: Option<Standing>,
    /// What was run.
    pub scenario: Arc<Scenario>,
    /// An empty kernel log in the wording of the scenario's kernel.
    pub kernel_log: KernelLog,
}

impl RunReport {
    /// Number of expectations that do not hold.
    pub fn failures(&self) -> usize {
        self.results.iter().filter(|result| !result.holds).count()
    }
}

/// Where a file goes.
pub type Out<'a> = &'a mut (dyn Write + Send);

/// A file that `oomsim run --out` writes.
pub struct Artifact {
    /// Name in the folder.
    pub name: &'static str,
    /// What is in it.
    pub about: &'static str,
    /// Writes its content.
    pub made: Made,
}

/// What a file is made of.
#[derive(Clone, Copy)]
pub enum Made {
    /// Of what happened.
    OfRun(fn(&RunReport, Out<'_>) -> Result<(), WriteError>),
    /// Of memory over time, as it passes. The report is that of the same run; its samples may be missing.
    OfSamples(BeginFile),
    /// Of the node at each scrape.
    OfScrapes(BeginMetrics),
}

/// Begins a file that is made of samples.
pub type BeginFile = for<'a> fn(&'a RunReport, Out<'a>) -> Result<Box<dyn Samples + 'a>, WriteError>;

/// Begins a file that is made of scrapes.
pub type BeginMetrics = for<'a> fn(&'a RunReport, Out<'a>) -> Box<dyn Scrapes + 'a>;

/// Why a file could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// Its picture could not be drawn.
    Draw(DrawError),
    /// The columns of its table do not fit.
    Table(String),
    /// Writing failed.
    Io(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Draw(why) => why.fmt(f),
            WriteError::Table(why) => f.write_str(why),
            WriteError::Io(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<DrawError> for WriteError {
    fn from(why: DrawError) -> Self {
        WriteError::Draw(why)
    }
}

impl From<io::Error> for WriteError {
    fn from(why: io::Error) -> Self {
        WriteError::Io(why)
    }
}

const TRUTH: picture::Content = picture::Content { prometheus: false };
const SCRAPED: picture::Content = picture::Content { prometheus: true };

/// A picture on its way to a file.
struct Drawing<'a> {
    report: &'a RunReport,
    sketch: Sketch,
    form: fn(Sketch, &RunReport) -> Result<Vec<u8>, DrawError>,
    out: Out<'a>,
}

impl Samples for Drawing<'_> {
    fn take(&mut self, sample: &Sample) -> Result<(), WriteError> {
        self.sketch.take(sample);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), WriteError> {
        let picture = (self.form)(self.sketch, self.report)?;
        Ok(self.out.write_all(&picture)?)
    }
}

fn svg<'a>(report: &'a RunReport, content: picture::Content, out: Out<'a>) -> Box<dyn Samples + 'a> {
    let sketch = Sketch::new(&report.history, content);
    Box::new(Drawing { report, sketch, form: |sketch, report| Ok(sketch.svg(&report.history)?.into_bytes()), out })
}

#[cfg(feature = "png")]
fn png<'a>(report: &'a RunReport, content: picture::Content, out: Out<'a>) -> Box<dyn Samples + 'a> {
    let sketch = Sketch::new(&report.history, content);
    Box::new(Drawing { report, sketch, form: |sketch, report| sketch.png(&report.history), out })
}

/// The files of `--out`, in the order in which they are written.
pub const ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "events.jsonl",
        about: "every event, one JSON object per line",
        made: Made::OfRun(|report, out| Ok(events::write(&report.history, out)?)),
    },
    Artifact {
        name: "kernel.log",
        about: "the kernel's log in the wording of its version",
        made: Made::OfRun(|report, out| Ok(kernel_log::write(report, out)?)),
    },
    Artifact {
        name: "kubelet.log",
        about: "the kubelet's log lines about memory",
        made: Made::OfRun(|report, out| Ok(kubelet_log::write(&report.history, out)?)),
    },
    Artifact {
        name: "series.csv",
        about: "memory over time",
        made: Made::OfSamples(|report, out| Ok(Box::new(csv::Table::new(&report.history.series.pods, out)?))),
    },
    Artifact {
        name: "memory.svg",
        about: "the picture",
        made: Made::OfSamples(|report, out| Ok(svg(report, TRUTH, out))),
    },
];

/// Additional files of `--out --png`; empty in a program that was built without PNG.
pub const PNG_ARTIFACTS: &[Artifact] = &[
    #[cfg(feature = "png")]
    Artifact {
        name: "memory.png",
        about: "the picture",
        made: Made::OfSamples(|report, out| Ok(png(report, TRUTH, out))),
    },
];

/// Additional files of `--out --parquet`; empty in a program that was built without Parquet.
pub const PARQUET_ARTIFACTS: &[Artifact] = &[
    #[cfg(feature = "parquet")]
    Artifact {
        name: "series.parquet",
        about: "memory of the node over time, in columns",
        made: Made::OfSamples(|_, out| Ok(Box::new(columns::NodeTable::new(out)?))),
    },
    #[cfg(feature = "parquet")]
    Artifact {
        name: "pods.parquet",
        about: "memory of the pods over time: a row for each pod at each instant",
        made: Made::OfSamples(|report, out| Ok(Box::new(columns::PodTable::new(&report.history.series.pods, out)?))),
    },
];

/// Additional files of `--out --kmsg`.
pub const KMSG_ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "console.log",
        about: "the kernel's log as a serial console shows it",
        made: Made::OfRun(|report, out| Ok(kernel_log::write_console(report, out)?)),
    },
    Artifact {
        name: "kernel.kmsg",
        about: "the kernel's log as records of /dev/kmsg",
        made: Made::OfRun(|report, out| Ok(kernel_log::write_kmsg(report, out)?)),
    },
];

/// Additional files of `--out --prometheus`.
pub const PROMETHEUS_ARTIFACTS: &[Artifact] = &[Artifact {
    name: "memory-prometheus.svg",
    about: "the picture as Prometheus would have seen it",
    made: Made::OfSamples(|report, out| Ok(svg(report, SCRAPED, out))),
}];

/// Additional files of `--out --prometheus --png`; empty in a program that was built without PNG.
pub const PROMETHEUS_PNG_ARTIFACTS: &[Artifact] = &[
    #[cfg(feature = "png")]
    Artifact {
        name: "memory-prometheus.png",
        about: "the picture as Prometheus would have seen it",
        made: Made::OfSamples(|report, out| Ok(png(report, SCRAPED, out))),
    },
];

/// Additional files of `--out --metrics`.
pub const METRICS_ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "metrics.om",
        about: "memory over time as OpenMetrics with time stamps",
        made: Made::OfScrapes(|report, out| Box::new(openmetrics::Metrics::of_all(report, out))),
    },
    Artifact {
        name: "metrics.prom",
        about: "what the node's endpoints answer at the last scrape, as Prometheus' text format",
        made: Made::OfScrapes(|report, out| Box::new(openmetrics::Metrics::of_last(report, out))),
    },
];

/// Additional files of `--out --objects`.
pub const OBJECT_ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "node.json",
        about: "the node at the end, as `kubectl get node -o json` prints it",
        made: Made::OfRun(|report, out| Ok(kubernetes::write_node(report, out)?)),
    },
    Artifact {
        name: "pods.json",
        about: "the pods at the end, as `kubectl get pods -A -o json` prints them",
        made: Made::OfRun(|report, out| Ok(kubernetes::write_pods(report, out)?)),
    },
    Artifact {
        name: "events.json",
        about: "the events of the run, as `kubectl get events -A -o json` prints them",
        made: Made::OfRun(|report, out| Ok(kubernetes::write_events(report, out)?)),
    },
];
