//! The files that a user brings, sorted by what they hold.

use super::curves::{named_containers, read_series};
use super::log::read_kernel_log;
use super::observed::{Observed, PodFacts};
use super::pod::{NodeAmounts, has_events, read_events, read_nodes, read_pod};
use oomsim_dmesg::ReadError;
use oomsim_import::{Evidence, KnownKind, Series};
use oomsim_scenario::Source;
use oomsim_scenario::reading::{Problems, Value, parse_documents};
use std::sync::Arc;

/// What the files of a cluster hold.
#[derive(Debug, Default)]
pub struct Given {
    pods: Vec<PodFacts>,
    nodes: Vec<NodeAmounts>,
    events: Vec<Value>,
    series: Vec<Series>,
    logs: Vec<Arc<Source>>,
}

/// A kernel log that is none.
#[derive(Debug)]
pub struct BadLog {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub why: ReadError,
}

/// Lines of the kernel, with the time since the start in brackets, or behind what syslog puts before it.
fn is_log(source: &Source) -> bool {
    let first = source.text.lines().next().unwrap_or_default();
    let stamped = first.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(stamp, _)| {
        let stamp = stamp.trim();
        stamp.parse::<f64>().is_ok() || stamp.contains(':')
    });
    stamped
        || first.contains(" kernel: ")
        || source.name.ends_with(".log")
        || oomsim_import::describe(&source.text).is_some_and(|known| known.kind == KnownKind::KernelLog)
}

impl Given {
    /// Adds a file; what is wrong with it is reported.
    pub fn read(&mut self, problems: &Problems, source: Arc<Source>) {
        if is_log(&source) {
            return self.logs.push(source);
        }
        // What is neither YAML nor JSON is no object of the API, but perhaps a series.
        let documents: Vec<Value> = parse_documents(&source).into_iter().flatten().collect();
        let listed = |document: &Value| document.items().is_some_and(|all| all.iter().any(|o| o.get("kind").is_some()));
        if !documents.is_empty() && documents.iter().all(|d| d.get("kind").is_some() || listed(d)) {
            self.pods.extend(documents.iter().flat_map(read_pod));
            self.nodes.extend(documents.iter().flat_map(read_nodes));
            return self.events.extend(documents.into_iter().filter(has_events));
        }
        let evidence = Evidence::read(problems, &[source]);
        self.series.extend(evidence.series.into_iter().map(|(_, series)| series));
    }

    /// Every container that the files are about, those that have ended first.
    ///
    /// # Errors
    /// A kernel log that cannot be read.
    pub fn observed(&self) -> Result<Vec<Observed>, BadLog> {
        let mut all = Vec::new();
        for pod in self.pods() {
            for container in &pod.containers {
                all.push(self.container(&pod, &container.name)?);
            }
        }
        let ended = |o: &Observed| o.facts().and_then(|c| c.ended.as_ref()).is_some_and(|end| end.exit_code != 0);
        all.sort_by_key(|observed| !ended(observed));
        Ok(all)
    }

    /// The pods that were given, or those that series are about.
    fn pods(&self) -> Vec<PodFacts> {
        if !self.pods.is_empty() {
            return self.pods.clone();
        }
        let mut pods: Vec<PodFacts> = Vec::new();
        for (namespace, name, facts) in named_containers(&self.series) {
            match pods.iter_mut().find(|known| known.name == name && known.namespace == namespace) {
                Some(known) => known.containers.push(facts),
                None => pods.push(PodFacts { namespace, name, containers: vec![facts], ..PodFacts::default() }),
            }
        }
        pods
    }

    fn container(&self, pod: &PodFacts, container: &str) -> Result<Observed, BadLog> {
        let mut observed = Observed { pod: pod.clone(), container: container.to_owned(), ..Observed::default() };
        if !self.events.is_empty() {
            let about = |events| read_events(events, &pod.name, container);
            observed.events = Some(self.events.iter().flat_map(about).collect());
        }
        for log in &self.logs {
            let kills =
                read_kernel_log(&log.text, pod, container).map_err(|why| BadLog { file: log.name.clone(), why })?;
            observed.kills.get_or_insert_default().extend(kills);
        }
        let on_it = |node: &&NodeAmounts| self.nodes.len() == 1 || node.name == pod.node;
        if let Some(node) = self.nodes.iter().find(on_it) {
            (observed.node_total, observed.allocatable) = (node.capacity, node.allocatable);
        }
        read_series(&self.series, &mut observed);
        Ok(observed)
    }
}
