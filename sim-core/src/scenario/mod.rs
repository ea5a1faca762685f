//! Scenarios: the validated plan of a run ([`Scenario`]), and how it is read from TOML.

mod model;

pub use model::{
    ContainerPlan, Controller, HostPlan, Injection, InjectionKind, NodePlan, PodPlan, ProcessPlan, Scenario, VolumePlan,
};
