//! A scenario that was read from a text, with where its parts stand.

use crate::diagnostic::Diagnostic;
use crate::source::{Location, Places};
use oomsim_core::plan::{PodPlan, Scenario};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A scenario as it was read.
#[derive(Clone, Debug)]
pub struct LoadedScenario {
    /// What a run needs.
    pub scenario: Arc<Scenario>,
    /// Where its parts stand.
    pub places: ScenarioPlaces,
    /// What the file asks for and the model does not cover, or does not know; the scenario has their messages.
    pub warnings: Vec<Diagnostic>,
}

/// Where the parts of a scenario stand.
#[derive(Clone, Debug, Default)]
pub struct ScenarioPlaces {
    /// The machine: `node`, `node.memory`, `node.system`, `kernel.sysctl.vm.overcommit_memory`, …
    pub node: Places,
    /// Where the fields of the kubelet's configuration were given last (`evictionHard`,
    /// `evictionHard.memory.available`); the configuration as a whole has the empty name.
    pub kubelet: Places,
    /// By `namespace/name`: the pod itself (empty name) and its containers.
    pub pods: BTreeMap<String, Places>,
}

impl ScenarioPlaces {
    /// Where a container of a pod was given, or the pod itself.
    pub fn container(&self, pod: &PodPlan, container: &str) -> Option<&Location> {
        let places = self.pods.get(&pod.full_name())?;
        places.get(container).or_else(|| places.get(""))
    }

    /// Every place, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Location> {
        let maps = [&mut self.node, &mut self.kubelet].into_iter().chain(self.pods.values_mut());
        maps.flat_map(|places| places.values_mut())
    }
}
