//! From a cluster's files to a scenario: nodes, pods, kubelet settings and metrics in, one readable folder out.
//!
//! Files are recognised by their content and may come in any order. The crate opens none itself: it takes texts, and
//! what it writes comes back as texts.
//!
//! ```
//! use oomsim_core::units::Bytes;
//! use oomsim_import::{Evidence, Options, build};
//! use oomsim_scenario::reading::Problems;
//!
//! // Without files the node's size has to be given; everything else is assumed, and said so.
//! let evidence = Evidence::read(&Problems::default(), &[]);
//! let options = Options { node: Some("worker-1".into()), memory: Some(Bytes::gib(8)) };
//! let imported = build(&evidence, &options)?;
//! let (name, text) = &imported.files[0];
//! assert_eq!(name, "scenario.toml");
//! assert!(text.contains("memory = \"8192Mi\""));
//! # Ok::<(), oomsim_import::ImportError>(())
//! ```

mod build;
mod content;
mod copies;
mod csv_file;
mod curve;
mod daemons;
mod evidence;
mod json_lines;
mod kernel_log;
mod kubelet;
mod machine;
mod memory_stat;
mod node_files;
mod objects;
mod openmetrics;
mod os_settings;
mod pods;
mod prometheus;
mod provider;
mod queries;
mod same;
mod series;
mod summary;
mod system;
mod text;
mod time;
mod toml_text;
mod top;
mod usage;

pub use build::{ImportError, Imported, Options, build};
pub use content::{Known, KnownKind, describe};
pub use daemons::{Daemons, Measured, daemons, measured};
pub use evidence::Evidence;
pub use objects::PodFacts;
pub use queries::queries;
pub use same::{Comparison, compare};
pub use series::{Metric, Sample, Series};
pub use time::instant;
