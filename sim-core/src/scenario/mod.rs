//! Scenarios: the validated plan of a run, and how it is read from TOML.

mod diagnostic;
mod document;
mod file_kind;
mod kinds;
mod load;
mod model;
mod names;
mod overrides;
mod read;
mod reader;
mod scalar;
mod source;
mod toml_value;
mod typed;
mod value;
mod yaml_value;

/// What reads a scenario, for other files of the same kind: trees with places, tables whose problems are collected.
pub mod reading {
    pub use super::load::source;
    pub use super::names::nearest;
    pub use super::reader::{Problems, TableReader};
    pub use super::scalar::{MAX_TIME, integer, name, one_of, permille, some_bytes, text};
    pub use super::toml_value::{parse_document, parse_keys};
    pub use super::value::{Entry, Kind, Value};
}

pub use diagnostic::{Diagnostic, Severity};
pub use document::Document;
pub use file_kind::{FileKind, TomlKind, file_kind};
pub use kinds::said_once;
pub use load::{Files, NoFiles, load, load_kind, load_kinds};
pub use model::{
    ContainerPlan, Controller, HangUp, HostPlan, Injection, InjectionKind, KubeletPlan, NodePlan, Places, PodPlan,
    ProcessPlan, Scenario, VolumePlan,
};
pub use source::{Location, Source};

#[cfg(test)]
mod tests;
