//! Scenarios as texts: reads a run's plan from TOML, Kubernetes manifests and kubelet configurations, and says
//! everything that is wrong with them, each problem at its line.
//!
//! The crate opens no file: what a scenario names is asked from [`Files`].
//!
//! ```
//! use oomsim_scenario::{NoFiles, load, to_toml};
//!
//! let loaded = load("[node]\nmemory = \"4Gi\"\n", "small.toml", &NoFiles, &[]).expect("a scenario");
//! assert_eq!(to_toml(&loaded.scenario), "name = \"small\"\n\n[node]\nmemory = \"4Gi\"\n");
//!
//! let problems = load("[node]\nmemry = \"4Gi\"\n", "small.toml", &NoFiles, &[]).expect_err("a slip");
//! assert!(problems.iter().any(|problem| problem.render().contains("did you mean `memory`?")));
//! ```

// What these crates must not use, and why, stands in clippy.toml.
#![cfg_attr(
    not(test),
    deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)
)]

mod current;
mod diagnostic;
mod document;
mod file_kind;
mod kinds;
mod load;
mod loaded;
mod names;
mod overrides;
mod read;
mod reader;
mod reference;
mod scalar;
mod schema;
mod selectors;
mod source;
mod tables;
mod toml_value;
mod typed;
mod value;
mod write;
mod yaml_value;

/// What reads a scenario, for other files of the same kind: trees with places, tables whose problems are collected.
pub mod reading {
    pub use super::load::source;
    pub use super::names::nearest;
    pub use super::read::{
        ProviderDefault, Settings as KubeletSettings, event_match, has_ended, is_kubelet_settings, kubelets, statement,
    };
    pub use super::reader::{Problems, TableReader};
    pub use super::reference::page as reference_page;
    pub use super::scalar::{MAX_TIME, bytes, integer, name, one_of, permille, prose, some_bytes, text, time};
    pub use super::tables::{EXPECT, Form, KeyGroup, KeySpec, TableSpec, WhenAbsent, key};
    pub use super::toml_value::{parse_document, parse_keys};
    pub use super::value::{Entry, Value, ValueKind};
    pub use super::yaml_value::parse_documents;
    pub use oomsim_kube_api::KINDS;
}

pub use current::amount_at;
pub use diagnostic::{Diagnostic, Severity, gathered};
pub use document::Document;
pub use file_kind::{FileKind, TomlKind, file_kind};
pub use kinds::said_once;
pub use load::{FileError, Files, NoFiles, load, load_kind, load_kinds};
pub use loaded::{LoadedScenario, ScenarioPlaces};
pub use schema::json_schema;
pub use selectors::{is_path, selected};
pub use source::{Location, Places, Source};
pub use tables::SCENARIO;
pub use write::{Comments, NoSuchKey, assignment, injection_to_toml, pod_to_toml, to_toml, to_toml_with};

#[cfg(test)]
mod tests;
