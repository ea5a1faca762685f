//! The pods of a scenario: copies of their manifests, and what their containers hold.

use crate::build::Import;
use crate::copies::{Defaults, manifest};
use crate::curve::{Curve, Recorded, Recording};
use crate::objects::{ContainerFacts, MakerFacts, PodFacts};
use crate::series::{Metric, Series};
use crate::toml_text::{amount, comment, counted, one, points, said, trace_file};
use crate::top::TopRow;
use crate::usage::{ContainerId, Usage, ids, usage};
use oomsim_core::units::{Bytes, SimDuration, format_duration};
use oomsim_scenario::reading::Value as Object;
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{ArrayOfTables, InlineTable, Item, Table, value};

/// Longest curve that is written into the scenario itself; longer ones go to a file of their own.
const INLINE_POINTS: usize = 12;
/// What a container holds of which nothing is known, not even a request: a guess, said as such.
const UNKNOWN_CONTAINER: Bytes = Bytes::mib(10);

/// A pod's table and what its containers hold at the start.
pub(crate) struct PodTable {
    pub table: Table,
    pub anon: Bytes,
    pub active_file: Bytes,
}

/// The pods of the node; without any, those that workload objects would make.
pub(crate) fn pods(import: &mut Import<'_>) -> Vec<PodTable> {
    let evidence = import.evidence;
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        evidence.pods.iter().partition(|pod| pod.node.as_deref() == Some(import.node.name.as_str()));
    let (finished, running): (Vec<_>, Vec<_>) = here.into_iter().partition(|pod| pod.finished());
    let pending = elsewhere.iter().filter(|pod| pod.node.is_none()).count();
    import.note_count(finished.len(), "finished (Succeeded or Failed): left out");
    import.note_count(elsewhere.len() - pending, "on other nodes: left out");
    import.note_count(pending, "not bound to any node: left out");
    let mut tables: Vec<PodTable> = running.iter().map(|pod| import.pod(pod)).collect();
    if evidence.pods.is_empty() {
        let makers: Vec<_> = evidence.makers.iter().filter(|maker| !maker.is_of(&evidence.makers)).collect();
        let (rest, busy): (Vec<_>, Vec<_>) = makers.into_iter().partition(|maker| maker.rests());
        if !rest.is_empty() {
            let count = counted(rest.len(), "workload object");
            import.out.notes.push(format!("{count} without pods (ended, suspended, no replicas): left out"));
        }
        tables.extend(busy.iter().map(|maker| import.maker(maker)));
    } else if !evidence.makers.is_empty() {
        let count = evidence.makers.len();
        import.out.notes.push(format!("{} left out: their pods are given", counted(count, "workload object")));
    }
    import.note_unknown();
    import.note_gaps();
    import.note_unused(&running);
    import.note_units();
    for (kind, count) in &evidence.passed_over {
        import.out.notes.push(format!("{count} {kind}: says nothing about a node's memory, passed over"));
    }
    for (kind, count) in &evidence.unread_makers {
        import
            .out
            .notes
            .push(format!("{count} {kind}: not read, its pods are missing: add `kubectl get pods -o json`"));
    }
    import.out.notes.extend(evidence.autoscalers.iter().cloned());
    tables
}

impl Import<'_> {
    fn note_count(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.out.notes.push(format!("{} {what}", counted(count, "pod")));
        }
    }

    fn note_unknown(&mut self) {
        if self.unknown.is_empty() {
            return;
        }
        let (unknown, each) = (counted(self.unknown.len(), "container"), amount(UNKNOWN_CONTAINER));
        let names = self.unknown.join(", ");
        let add = "add /stats/summary, kubectl top or series of Prometheus";
        self.out.notes.push(format!("{unknown} of unknown usage: assumed {each} each: {names}; {add}"));
    }

    fn note_gaps(&mut self) {
        let (containers, gaps) = self.gaps;
        if gaps > 0 {
            let (who, what) = (counted(containers, "container"), counted(gaps, "gap"));
            let choice = "the run holds what was last recorded; `gaps` in the scenario has other choices";
            self.out.notes.push(format!("{what} in the recordings of {who}: {choice}"));
        }
    }

    /// Files whose figures are too small for bytes: the smallest process holds more than any of their samples.
    fn note_units(&mut self) {
        let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
        for (file, series) in self.evidence.series.iter().filter(|(_, series)| series.is_of_pod()) {
            let own = series.points.iter().map(|sample| sample.bytes).max().unwrap_or(0);
            let of_file = highest.entry(&file.name).or_default();
            *of_file = own.max(*of_file);
        }
        for (file, most) in highest.into_iter().filter(|(_, most)| (1..1 << 16).contains(most)) {
            let message = "are these bytes? Give the metric as it is, not divided by 1024";
            self.out.notes.push(format!("{file}: no sample is above {most}: {message}"));
        }
    }

    /// Series and memory.stat files that are no running pod's, by file.
    fn note_unused(&mut self, running: &[&PodFacts]) {
        let evidence = self.evidence;
        if evidence.pods.is_empty() {
            return;
        }
        let ids = || running.iter().flat_map(|pod| ids(&pod.namespace, &pod.name, &pod.uid, &pod.containers));
        let known: BTreeSet<&str> = running.iter().map(|pod| pod.name.as_str()).collect();
        let mut unused: BTreeMap<&str, usize> = BTreeMap::new();
        for (file, series) in evidence.series.iter().filter(|(_, series)| series.is_of_pod()) {
            let used = match series.pod() {
                Some(pod) => known.contains(pod),
                None => ids().any(|id| id.fits(series)),
            };
            if !used {
                *unused.entry(file.name.as_str()).or_default() += 1;
            }
        }
        for (file, count) in unused {
            self.out.notes.push(format!("{file}: {count} series of pods that do not run on this node: left out"));
        }
        let silent = |series: &Series| {
            !series.is_of_pod()
                && !series.is_of_starts()
                && series.cgroup().is_none()
                && !matches!(series.metric, Some(Metric::Meminfo(_)))
        };
        let mut others: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (file, _) in evidence.series.iter().filter(|(_, series)| silent(series)) {
            *others.entry((&file.name, "series that name no pod, or are of no memory")).or_default() += 1;
        }
        let here = |name: &Option<String>| name.as_deref().is_some_and(|pod| known.contains(pod));
        let elsewhere = |row: &TopRow| row.pod.is_some() && !here(&row.pod) && !(row.either && here(&row.namespace));
        for (file, _) in evidence.top.iter().filter(|(_, row)| elsewhere(row)) {
            *others.entry((&file.name, "rows of pods that do not run on this node")).or_default() += 1;
        }
        for ((file, what), count) in others {
            self.out.notes.push(format!("{file}: {count} {what}: left out"));
        }
        for file in evidence.memory_stats.iter().map(|(file, _)| file) {
            if !crate::memory_stat::says_whose(&file.name, ids().map(|id| (id.pod, id.uid))) {
                let message =
                    "its name does not say whose it is: used to split working sets of which nothing else is known";
                self.out
                    .notes
                    .push(format!("{}: {message}; name it after the pod, kubepods or system.slice", file.name));
            }
        }
    }

    fn pod(&mut self, pod: &PodFacts) -> PodTable {
        let file = format!("manifests/{}_{}.yaml", pod.namespace, pod.name);
        self.out.files.push((file.clone(), manifest(&pod.object, Defaults::default())));
        let mut table = self.pod_table(&file, (&pod.namespace, &pod.name, &pod.uid), &pod.containers);
        self.ran_before(pod, &mut table.table);
        table
    }

    /// For how long a pod has been running when the run begins, and how often its containers were restarted by then.
    fn ran_before(&self, pod: &PodFacts, table: &mut Table) {
        let newest = || self.evidence.pods.iter().filter_map(|pod| pod.started_ms).max();
        let begins = self.recorded.map(|recorded| recorded.from_ms).or_else(newest);
        let age_ms = begins.zip(pod.started_ms).map(|(begins, started)| begins - started);
        let Some(age_ms) = age_ms.and_then(|age| u64::try_from(age).ok()) else { return };
        let seconds = SimDuration::from_secs(age_ms / 1000);
        table["age"] = value(format_duration(seconds));
        let counts = pod.containers.iter().filter_map(|container| {
            let later =
                container.status.started_ms.iter().filter(|at| begins.is_some_and(|begins| **at > begins)).count();
            let before = i64::from(container.status.restarts) - i64::try_from(later).unwrap_or(0);
            (before > 0).then(|| (container.name.as_str(), toml_edit::Value::from(before)))
        });
        let counts: InlineTable = counts.collect();
        if !counts.is_empty() {
            table["restartCount"] = value(counts);
        }
    }

    /// A pod as the API server would admit it.
    fn maker(&mut self, maker: &MakerFacts) -> PodTable {
        let evidence = self.evidence;
        let defaults = Defaults {
            container: evidence.defaults.iter().find(|d| d.namespace == maker.namespace),
            priorities: Some(&evidence.priorities),
            priority: evidence.default_priority,
            overheads: Some(&evidence.overheads),
        };
        let file = format!("manifests/{}_{}.yaml", maker.namespace, maker.name);
        let object: &Object = &maker.object;
        self.out.files.push((file.clone(), manifest(object, defaults)));
        self.pod_table(&file, (&maker.namespace, &maker.name, ""), &maker.containers)
    }

    fn pod_table(&mut self, file: &str, names: (&str, &str, &str), containers: &[ContainerFacts]) -> PodTable {
        let (namespace, pod, uid) = names;
        let mut table = Table::new();
        // With a name it can be addressed: `--set pod.NAME.…`, knobs of a goal.
        table["name"] = value(pod);
        table["manifest"] = value(file);
        let (mut anon, mut active_file) = (Bytes::ZERO, Bytes::ZERO);
        let mut list = ArrayOfTables::new();
        for (id, container) in ids(namespace, pod, uid, containers).zip(containers) {
            let usage = usage(self.evidence, self.recorded, id).unwrap_or_else(|| self.unknown(&id));
            self.note_full(&id, container, &usage);
            anon += usage.anon.first();
            active_file += usage.active_file;
            list.push(self.container(&id, &usage));
        }
        table["container"] = Item::ArrayOfTables(list);
        PodTable { table, anon, active_file }
    }

    /// A container that was recorded above its limit: its limit was another one then, or the file is of another day.
    fn note_full(&mut self, id: &ContainerId<'_>, container: &ContainerFacts, usage: &Usage) {
        let held = usage.anon.first();
        if let Some(limit) = container.limit.filter(|limit| held > *limit) {
            let name = format!("{}/{}/{}", id.namespace, id.pod, id.container);
            let figures = format!("holds {held} at the start, its limit is {limit}");
            self.out.notes.push(format!("{name}: {figures}: it dies in the run at once; are the files of one time?"));
        }
    }

    fn unknown(&mut self, id: &ContainerId<'_>) -> Usage {
        self.unknown.push(format!("{}/{}", id.pod, id.container));
        Usage {
            anon: Curve::Steady(UNKNOWN_CONTAINER),
            active_file: Bytes::ZERO,
            from: "no file says what it holds".into(),
            assumed: amount(UNKNOWN_CONTAINER),
        }
    }

    fn container(&mut self, id: &ContainerId<'_>, usage: &Usage) -> Table {
        let mut table = Table::new();
        table["name"] = value(id.container);
        let mut workload = Table::new();
        workload.set_dotted(true);
        let (key, own, more) = match &usage.anon {
            Curve::Steady(bytes) => {
                let mut steady = one("anon", amount(*bytes).into());
                if usage.active_file > Bytes::ZERO {
                    steady.insert("activeFile", amount(usage.active_file).into());
                }
                ("steady", steady, String::new())
            }
            Curve::Trace(recording) => ("trace", self.trace(id, recording), self.marked(id, recording)),
        };
        workload[key] = value(own);
        comment(&mut workload, key, &said(&(usage.from.clone() + &more), &usage.assumed));
        table["workload"] = Item::Table(workload);
        table
    }

    fn trace(&mut self, id: &ContainerId<'_>, recording: &Recording) -> InlineTable {
        let mut trace = if recording.points.len() <= INLINE_POINTS {
            one("points", points(recording).into())
        } else {
            let file = format!("traces/{}_{}_{}.csv", id.namespace, id.pod, id.container);
            self.out.files.push((file.clone(), trace_file(recording)));
            one("file", file.into())
        };
        let permille = recording.active_file_permille;
        if permille > 0 {
            trace.insert("activeFile", format!("{}.{}%", permille / 10, permille % 10).into());
        }
        if recording.count(Recorded::Gap) > 0 {
            trace.insert("gaps", "hold".into());
        }
        trace
    }

    /// Gaps and restarts in words, for the comment; for the notes they are gathered.
    fn marked(&mut self, id: &ContainerId<'_>, recording: &Recording) -> String {
        let (gaps, restarts) = (recording.count(Recorded::Gap), recording.count(Recorded::Restart));
        let mut text = String::new();
        if gaps > 0 {
            self.gaps = (self.gaps.0 + 1, self.gaps.1 + gaps);
            text += &format!("; {}", counted(gaps, "gap"));
        }
        if restarts > 0 {
            let by = format!("{} (by {})", counted(restarts, "restart"), recording.restarts_by);
            text += &format!("; {by}");
            let name = format!("{}/{}/{}", id.namespace, id.pod, id.container);
            self.out.notes.push(format!("{name}: {by} in the recording: in the run it ends and starts again there"));
        }
        text
    }
}
