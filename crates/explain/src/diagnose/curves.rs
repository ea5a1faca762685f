//! Recorded series, sorted by what they are about: the container, its pod, other pods, the node.

use super::observed::{ContainerFacts, End, MemoryCurve, Observed};
use oomsim_core::units::Bytes;
use oomsim_dmesg::{CgroupPlace, place};
use oomsim_import::{Metric, Series};

/// What a series is about.
enum Of<'a> {
    /// The container.
    Own,
    /// Another container of its pod.
    Beside(&'a str),
    /// Its pod as a whole.
    Pod,
    /// Another pod.
    OtherPod(&'a str),
    /// All pods of the node.
    AllPods,
    /// A slice with the daemons of the node.
    Daemons,
    /// The node.
    Node,
    /// Something else.
    Other,
}

fn of<'a>(series: &'a Series, to: &Observed) -> Of<'a> {
    if matches!(series.metric, Some(Metric::Meminfo(_))) {
        return Of::Node;
    }
    let label = |name: &str| series.labels.get(name).map(String::as_str);
    if label("container") == Some("POD") || label("container_name") == Some("POD") {
        return Of::Other;
    }
    let known = |name: &str| to.pod.container(name).is_some();
    let within = |container: Option<&'a str>| match container {
        Some(container) if container == to.container => Of::Own,
        Some(container) => Of::Beside(container),
        None => Of::Pod,
    };
    let elsewhere = |namespace: &str| !to.pod.namespace.is_empty() && namespace != to.pod.namespace;
    match (series.pod(), series.container()) {
        (Some(pod), _) if series.namespace().is_some_and(elsewhere) => Of::OtherPod(pod),
        (Some(pod), container) if pod == to.pod.name || to.pod.name.is_empty() => within(container),
        (Some(pod), _) => Of::OtherPod(pod),
        // A column of a CSV file has one name only: that of the pod or the container.
        (None, Some(name)) if name == to.pod.name => Of::Pod,
        (None, Some(name)) if known(name) || to.pod.name.is_empty() => within(Some(name)),
        (None, Some(name)) => Of::OtherPod(name),
        (None, None) => match series.cgroup() {
            Some(path) => of_cgroup(path, to),
            None if series.node().is_some() => Of::Node,
            None => Of::Own,
        },
    }
}

fn of_cgroup(path: &str, to: &Observed) -> Of<'static> {
    let own = |uid: &str| !to.pod.uid.is_empty() && uid.replace('_', "-") == to.pod.uid;
    match place(path) {
        CgroupPlace::Node => Of::Node,
        CgroupPlace::Pods => Of::AllPods,
        CgroupPlace::Pod { uid, .. } if own(&uid) => Of::Pod,
        // What is below a slice is in it.
        CgroupPlace::Unit { name } if path.matches('/').count() == 1 && name.ends_with(".slice") => Of::Daemons,
        _ => Of::Other,
    }
}

/// A metric that no name tells, of something that is as large as memory.
fn is_memory(series: &Series) -> bool {
    series.points.iter().any(|point| point.bytes >= 1 << 20)
}

/// The curves of a container, of its neighbours and of its node.
pub fn read_series(series: &[Series], to: &mut Observed) {
    let begin = series.iter().filter_map(|s| s.points.first()).map(|p| p.at_ms).min().unwrap_or(0);
    let mut found = Found { begin, ..Found::default() };
    for one in series.iter().filter(|one| !one.points.is_empty()) {
        match of(one, to) {
            Of::Own => found.own.push(one),
            Of::Beside(name) => found.beside.push((name.to_owned(), one)),
            Of::Pod => found.pod.push(one),
            Of::OtherPod(name) => found.others.push((name.to_owned(), one)),
            Of::AllPods => found.all_pods.push(one),
            Of::Daemons => found.daemons.push(one),
            Of::Node => found.node.push(one),
            Of::Other => {}
        }
    }
    found.container(to);
    found.neighbours(to);
    found.of_node(to);
}

/// Series by what they are about.
#[derive(Default)]
struct Found<'a> {
    begin: i64,
    own: Vec<&'a Series>,
    beside: Vec<(String, &'a Series)>,
    pod: Vec<&'a Series>,
    others: Vec<(String, &'a Series)>,
    all_pods: Vec<&'a Series>,
    daemons: Vec<&'a Series>,
    node: Vec<&'a Series>,
}

impl Found<'_> {
    fn curve(&self, series: &Series) -> MemoryCurve {
        series.points.iter().map(|p| ((p.at_ms - self.begin) as f64 / 1000.0, p.bytes as f64)).collect()
    }

    /// The curve of a metric: its series one after the other. A container that is started again has a new id, and
    /// with it a new series; the old one may go on for some minutes, and what two servers have recorded is there
    /// twice.
    fn joined<'b>(&self, of: impl Iterator<Item = &'b Series>) -> MemoryCurve {
        let mut curves: Vec<MemoryCurve> = of.map(|series| self.curve(series)).collect();
        curves.sort_by(|a, b| a[0].0.total_cmp(&b[0].0).then(b.len().cmp(&a.len())));
        let mut all = MemoryCurve::new();
        for curve in curves {
            let (from, until) = (curve[0].0, curve[curve.len() - 1].0);
            if all.last().is_some_and(|last: &(f64, f64)| last.0 >= until) {
                continue;
            }
            all.retain(|(at, _)| *at < from);
            all.extend(curve);
        }
        all
    }

    fn metric(&self, of: &[&Series], metric: &Metric) -> MemoryCurve {
        self.joined(of.iter().copied().filter(|s| s.metric.as_ref() == Some(metric)))
    }

    fn named(&self, of: &[&Series], name: &str) -> MemoryCurve {
        self.metric(of, &Metric::Other(name.to_owned()))
    }

    /// The working set; else what no name tells, or everything that is charged.
    fn working_set(&self, of: &[&Series]) -> MemoryCurve {
        let unnamed = || self.joined(of.iter().copied().filter(|s| s.metric.is_none() && is_memory(s)));
        let curves = [self.metric(of, &Metric::WorkingSet), unnamed(), self.metric(of, &Metric::Usage)];
        curves.into_iter().find(|curve| !curve.is_empty()).unwrap_or_default()
    }

    fn container(&self, to: &mut Observed) {
        let alone = to.pod.containers.len() < 2;
        // The pod's own series are those of its only container, but for its pause process.
        let of: &[&Series] = if self.own.is_empty() && alone { &self.pod } else { &self.own };
        to.working_set = self.working_set(of);
        to.rss = self.metric(of, &Metric::Rss);
        to.cache = self.metric(of, &Metric::Cache);
        to.swap = self.named(of, "container_memory_swap");
        to.oom_events = self.named(of, "container_oom_events_total");
        let stalls =
            ["container_pressure_memory_waiting_seconds_total", "container_pressure_memory_stalled_seconds_total"];
        to.stalls = stalls.map(|name| self.named(of, name)).into_iter().find(|c| !c.is_empty()).unwrap_or_default();
        if to.rss.is_empty() {
            to.rss = without_cache(&self.metric(of, &Metric::Usage), &to.cache);
        }
        if !alone {
            to.whole_pod = self.working_set(&self.pod);
        }
        self.facts(of, to);
    }

    /// What kube-state-metrics and cAdvisor say of the container, where the pod itself is not given.
    fn facts(&self, of: &[&Series], to: &mut Observed) {
        let of_memory: Vec<&Series> = of
            .iter()
            .copied()
            .filter(|s| s.labels.get("resource").is_none_or(|resource| resource == "memory"))
            .collect();
        let last = |name: &str| self.named(&of_memory, name).last().map(|(_, value)| *value as u64);
        let limit = last("container_spec_memory_limit_bytes").or(last("kube_pod_container_resource_limits"));
        let killed = self.own.iter().any(|s| {
            s.metric == Some(Metric::Other("kube_pod_container_status_last_terminated_reason".into()))
                && s.labels.get("reason").is_some_and(|reason| reason == "OOMKilled")
                && s.points.last().is_some_and(|p| p.bytes > 0)
        });
        let (name, from_status) = (to.container.clone(), to.pod.containers.iter_mut());
        let Some(container) = from_status.chain(&mut to.pod.init).find(|c| c.name == name) else { return };
        // No limit is 0, or the largest number of pages in bytes.
        container.limit = container.limit.or(limit.filter(|l| (1..1 << 60).contains(l)).map(Bytes::new));
        if let Some(restarts) = last("kube_pod_container_status_restarts_total") {
            container.restarts = container.restarts.max(u32::try_from(restarts).unwrap_or(u32::MAX));
            container.status_known = true;
        }
        if killed && container.ended.is_none() {
            container.ended = Some(End { exit_code: 137, reason: "OOMKilled".into(), lived_s: None });
            container.status_known = true;
        }
    }

    fn neighbours(&self, to: &mut Observed) {
        let by_name = |list: &[(String, &Series)]| {
            let mut names: Vec<String> = list.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names.dedup();
            let curve = |name: String| {
                let of: Vec<&Series> = list.iter().filter(|(n, _)| *n == name).map(|(_, series)| *series).collect();
                (name, self.working_set(&of))
            };
            names.into_iter().map(curve).filter(|(_, curve)| !curve.is_empty()).collect::<Vec<_>>()
        };
        to.others = by_name(&self.beside);
        to.other_pods = by_name(&self.others);
    }

    fn of_node(&self, to: &mut Observed) {
        let here = self.this_node(to);
        let line = |name: &str| self.metric(&here, &Metric::Meminfo(name.into()));
        let last = |curve: MemoryCurve| curve.last().map(|(_, value)| Bytes::new(*value as u64));
        to.node_available = line("MemAvailable");
        to.node_total = last(line("MemTotal")).or(to.node_total);
        to.node_swap = minus(&line("SwapTotal"), &line("SwapFree"));
        to.all_pods = self.working_set(&self.all_pods);
        to.node_system = self.working_set(&self.daemons);
        let amount = |name: &str| {
            let memory = |s: &&&Series| s.labels.get("resource").is_some_and(|resource| resource == "memory");
            let of: Vec<&Series> = here.iter().filter(memory).copied().collect();
            last(self.named(&of, name))
        };
        to.allocatable = amount("kube_node_status_allocatable").or(to.allocatable);
        to.node_total = to.node_total.or(amount("kube_node_status_capacity"));
    }

    /// The series of the pod's node, where several nodes were recorded and labels tell.
    fn this_node(&self, to: &Observed) -> Vec<&Series> {
        let name = &to.pod.node;
        let on_it = |s: &&&Series| !name.is_empty() && s.node().is_some_and(|node| node.starts_with(name.as_str()));
        let own: Vec<&Series> = self.node.iter().filter(on_it).copied().collect();
        if own.is_empty() { self.node.clone() } else { own }
    }
}

/// One curve less the other, at the instants that both have.
fn minus(all: &MemoryCurve, part: &MemoryCurve) -> MemoryCurve {
    let mut rest = part.iter().peekable();
    let at = |(at, value): &(f64, f64)| {
        while rest.next_if(|(t, _)| t < at).is_some() {}
        rest.peek().filter(|(t, _)| t == at).map(|(_, less)| (*at, (value - less).max(0.0)))
    };
    all.iter().filter_map(at).collect()
}

/// Anonymous memory, where only the page cache is known: the rest of what is charged.
fn without_cache(usage: &MemoryCurve, cache: &MemoryCurve) -> MemoryCurve {
    minus(usage, cache)
}

/// The containers that series name, for want of a pod's own description.
pub fn named_containers(series: &[Series]) -> Vec<(String, String, ContainerFacts)> {
    let mut found: Vec<(String, String, ContainerFacts)> = Vec::new();
    for one in series {
        let (Some(pod), Some(container)) = (one.pod(), one.container()) else { continue };
        let namespace = one.namespace().unwrap_or_default();
        if found.iter().all(|(n, p, c)| (n.as_str(), p.as_str(), c.name.as_str()) != (namespace, pod, container)) {
            let facts = ContainerFacts { name: container.to_owned(), running: true, ..ContainerFacts::default() };
            found.push((namespace.to_owned(), pod.to_owned(), facts));
        }
    }
    found
}
