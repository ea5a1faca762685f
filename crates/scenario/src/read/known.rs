//! The names of a scenario, which its expectations and its changes from outside may use.

use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::plan::{Controller, PodPlan, Scenario};
use oomsim_core::record::PAUSE_CONTAINER;
use oomsim_core::record::expect::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Names of a kind in their order: there may be as many as there are expectations.
type Sorted = BTreeSet<String>;

/// Names of a scenario.
#[derive(Default)]
pub(super) struct Names<'a> {
    /// Pods by `namespace/name`.
    plans: BTreeMap<String, &'a PodPlan>,
    pods: Forms,
    /// Of these the real names have an ending of their own.
    generated: Forms,
    containers: Sorted,
    processes: Sorted,
}

/// The names of pods: a pattern may have the namespace or not.
#[derive(Default)]
struct Forms {
    full: Sorted,
    short: Sorted,
}

impl Forms {
    fn insert(&mut self, pod: &PodPlan) {
        self.full.insert(pod.full_name());
        self.short.insert(pod.spec.name.to_string());
    }

    fn of(&self, pattern: &Pattern) -> &Sorted {
        if pattern.0.contains('/') { &self.full } else { &self.short }
    }
}

impl<'a> Names<'a> {
    pub fn of(scenario: &'a Scenario) -> Self {
        let mut names = Names::default();
        for pod in &scenario.pods {
            names.plans.insert(pod.full_name(), pod);
            names.pods.insert(pod);
            if pod.replicas > 1 || pod.controller != Controller::None {
                names.generated.insert(pod);
            }
            for container in &pod.containers {
                names.containers.insert(container.name.to_string());
                names.processes.extend(container.processes.iter().map(|process| process.comm.to_string()));
            }
        }
        names.processes.extend(scenario.hosts.iter().map(|host| host.process.comm.to_string()));
        names.containers.insert(PAUSE_CONTAINER.to_owned());
        names.processes.insert("pause".to_owned());
        names
    }

    /// The pod of this `namespace/name`.
    pub fn plan(&self, full_name: &str) -> Option<&'a PodPlan> {
        self.plans.get(full_name).copied()
    }

    /// Reports a pattern that no pod fits.
    pub fn pod(&self, p: &Problems, pattern: Option<&Pattern>, at: Option<&Location>) {
        let Some((pattern, at)) = pattern.zip(at) else { return };
        let stem = pattern.0.trim_end_matches('*');
        if !fits_one(self.pods.of(pattern), pattern) && !begins_alike(self.generated.of(pattern), stem) {
            p.absent(at, "pod", &pattern.0, self.pods.short.iter().map(String::as_str));
        }
    }

    /// Reports a pattern that no container fits.
    pub fn container(&self, p: &Problems, pattern: Option<&Pattern>, at: Option<&Location>) {
        known(p, "container", pattern, at, &self.containers);
    }

    /// Reports a pattern that no process fits.
    pub fn process(&self, p: &Problems, pattern: Option<&Pattern>, at: Option<&Location>) {
        known(p, "process", pattern, at, &self.processes);
    }
}

fn known(p: &Problems, kind: &str, pattern: Option<&Pattern>, at: Option<&Location>, names: &Sorted) {
    if let (Some(pattern), Some(at)) = (pattern, at)
        && !fits_one(names, pattern)
    {
        p.absent(at, kind, &pattern.0, names.iter().map(String::as_str));
    }
}

/// Names that begin with a text.
fn beginning<'n>(names: &'n Sorted, text: &'n str) -> impl Iterator<Item = &'n String> {
    let from = (Bound::Included(text), Bound::Unbounded);
    names.range::<str, _>(from).take_while(move |name| name.starts_with(text))
}

/// Whether a name fits: those that begin as the pattern does are looked at.
fn fits_one(names: &Sorted, pattern: &Pattern) -> bool {
    match pattern.0.split_once('*') {
        None => names.contains(&pattern.0),
        Some((begin, _)) => beginning(names, begin).any(|name| pattern.matches(name)),
    }
}

/// Whether a name begins with the stem, or the stem with a name.
fn begins_alike(names: &Sorted, stem: &str) -> bool {
    beginning(names, stem).next().is_some()
        || (1..stem.len()).any(|end| stem.get(..end).is_some_and(|begin| names.contains(begin)))
}
