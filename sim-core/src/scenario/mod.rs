//! Scenarios: the validated plan of a run, and how it is read from TOML.

mod diagnostic;
mod load;
mod model;
mod names;
mod overrides;
mod read;
mod reader;
mod scalar;
mod source;
mod toml_value;
mod value;
mod yaml_value;

pub use diagnostic::{Diagnostic, Severity};
pub use load::{Files, NoFiles, load};
pub use model::{
    ContainerPlan, Controller, HostPlan, Injection, InjectionKind, KubeletPlan, NodePlan, PodPlan, ProcessPlan,
    Scenario, VolumePlan,
};
pub use source::{Location, Source};

#[cfg(test)]
mod tests;
