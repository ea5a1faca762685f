//! What each container holds, from the best source that the files have.

use crate::curve::{Curve, Held, Period, curve, middle};
use crate::evidence::Evidence;
use crate::kernel_log;
use crate::memory_stat::{CgroupOwner, MemoryStat, owner};
use crate::objects::{ContainerFacts, ContainerStatus};
use crate::series::{Metric, Sample, Series};
use crate::summary::MemoryStats;
use oomsim_core::units::Bytes;
use std::collections::BTreeMap;

/// Memory of a container over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Anonymous memory.
    pub anon: Curve,
    /// Active page cache beside it, which counts in the working set.
    pub active_file: Bytes,
    /// Where the figures come from, for a comment.
    pub from: String,
    /// What had to be assumed, for a comment; empty: nothing.
    pub assumed: String,
}

/// Which container.
#[derive(Clone, Copy, Debug)]
pub struct ContainerId<'a> {
    /// Namespace of its pod.
    pub namespace: &'a str,
    /// Name of its pod.
    pub pod: &'a str,
    /// The pod's uid, as cgroups are named after it; empty: not known.
    pub uid: &'a str,
    /// Its own name.
    pub container: &'a str,
    /// Its part of what only the pod as a whole is known to hold, and the sum of all parts.
    pub part: (u64, u64),
    /// What the API says about its starts.
    pub status: &'a ContainerStatus,
}

/// The containers of a pod. Of what only the pod is known to hold, each gets as much as its request (else its limit)
/// is of all; without those all get the same.
pub fn ids<'a>(
    namespace: &'a str,
    pod: &'a str,
    uid: &'a str,
    containers: &'a [ContainerFacts],
) -> impl Iterator<Item = ContainerId<'a>> {
    let parts: Option<Vec<u64>> = containers.iter().map(|c| Some(c.request.or(c.limit)?.get().max(1))).collect();
    let parts = parts.unwrap_or_else(|| vec![1; containers.len()]);
    let whole = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    let id = move |(c, part): (&'a ContainerFacts, u64)| ContainerId {
        namespace,
        pod,
        uid,
        container: &c.name,
        part: (part, whole),
        status: &c.status,
    };
    containers.iter().zip(parts).map(id)
}

impl ContainerId<'_> {
    /// Whether its pod has no other container.
    pub(crate) fn alone(&self) -> bool {
        self.part.0 == self.part.1
    }

    /// Its part of what the pod holds.
    pub(crate) fn of_pod(&self, bytes: u64) -> u64 {
        u64::try_from(u128::from(bytes) * u128::from(self.part.0) / u128::from(self.part.1.max(1))).unwrap_or(bytes)
    }

    /// What that part rests on; empty: it is all of it.
    pub(crate) fn of_pod_said(&self) -> &'static str {
        if self.alone() { "" } else { "the pod's memory is its containers' in proportion to their requests" }
    }
}

/// What the files say about a container: a recorded curve, else `/stats/summary`, else its `memory.stat`, else
/// `kubectl top`, else `memory.current`, else a kernel log; `None`: nothing.
pub fn usage(evidence: &Evidence, recorded: Option<Period>, id: ContainerId<'_>) -> Option<Usage> {
    recorded
        .and_then(|recorded| from_series(evidence, recorded, id))
        .or_else(|| from_summary(evidence, id))
        .or_else(|| from_stat(evidence, id))
        .or_else(|| from_top(evidence, id))
        .or_else(|| from_current(evidence, id))
        .or_else(|| kernel_log::usage(evidence, id))
}

/// How a series fits a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Container,
    Pod,
}

impl ContainerId<'_> {
    /// Whether a series says something about the container.
    pub(crate) fn fits(&self, series: &Series) -> bool {
        self.fit(series).is_some()
    }

    fn fit(&self, series: &Series) -> Option<Fit> {
        if series.namespace().is_some_and(|namespace| namespace != self.namespace) {
            return None;
        }
        match (series.pod(), series.container()) {
            (Some(pod), Some(container)) => (pod == self.pod && container == self.container).then_some(Fit::Container),
            // cAdvisor has the pod's cgroup and its pause process (`POD`) beside its containers.
            (Some(pod), None) => {
                let pause =
                    ["container", "container_name"].iter().any(|l| series.labels.get(*l).is_some_and(|v| v == "POD"));
                (pod == self.pod && !pause).then_some(Fit::Pod)
            }
            // Legends of graphs: `POD`, `POD/CONTAINER`.
            (None, Some(name)) => {
                let (pod, container) = name.rsplit_once('/').unwrap_or((name, ""));
                let pod = pod.rsplit('/').next().unwrap_or(pod);
                match container {
                    "" => (name == self.pod).then_some(Fit::Pod),
                    _ if pod == self.pod => (container == self.container).then_some(Fit::Container),
                    _ => (container == self.pod).then_some(Fit::Pod),
                }
            }
            (None, None) => None,
        }
    }
}

/// The samples of one metric of a container.
pub(crate) struct Found {
    /// In order of time.
    pub samples: Vec<Sample>,
    /// When there was no number in place of a sample.
    pub nothing: Vec<i64>,
    /// When its id became another one.
    pub renamed: Vec<i64>,
    file: String,
    fit: Fit,
}

/// All series of a metric: a container that was started again has several, one after the other.
pub(crate) fn find(evidence: &Evidence, id: ContainerId<'_>, metric: Option<&Metric>) -> Option<Found> {
    let fitting = |wanted: Fit| {
        let all = evidence.series.iter().filter(|(_, s)| s.metric.as_ref() == metric && !s.points.is_empty());
        let found: Vec<_> = all.filter(|(_, s)| id.fit(s) == Some(wanted)).collect();
        let file = found.first()?.0.name.clone();
        let mut series: Vec<&Series> = found.iter().map(|(_, series)| series).collect();
        series.sort_by_key(|series| series.points.first().map(|sample| sample.at_ms));
        let (mut by_time, mut renamed): (BTreeMap<i64, u64>, Vec<i64>) = (BTreeMap::new(), Vec::new());
        let mut before: Option<&Series> = None;
        for series in series {
            let begins = series.points.first().map_or(0, |sample| sample.at_ms);
            let takes_over = wanted == Fit::Container && before.is_some_and(|before| series.replaces(before, begins));
            if takes_over {
                // Prometheus shows an old series for some minutes after its end.
                by_time.split_off(&begins);
                renamed.extend(by_time.last_key_value().map(|(last, _)| middle(*last, begins)));
            }
            for sample in &series.points {
                let bytes = if wanted == Fit::Pod { id.of_pod(sample.bytes) } else { sample.bytes };
                let there = by_time.entry(sample.at_ms).or_insert(bytes);
                *there = bytes.max(*there);
            }
            before = Some(series);
        }
        let nothing = found.iter().flat_map(|(_, series)| &series.nothing).copied().collect();
        let samples = by_time.into_iter().map(|(at_ms, bytes)| Sample { at_ms, bytes }).collect();
        Some(Found { samples, nothing, renamed, file, fit: wanted })
    };
    fitting(Fit::Container).or_else(|| fitting(Fit::Pod))
}

fn from_series(evidence: &Evidence, recorded: Period, id: ContainerId<'_>) -> Option<Usage> {
    let working_set = find(evidence, id, Some(&Metric::WorkingSet));
    let rss = find(evidence, id, Some(&Metric::Rss));
    if let Some(rss) = rss {
        let with_cache = |set: &Found| rss.samples.iter().map(|s| (*s, more_then(&set.samples, *s))).collect();
        let without = || rss.samples.iter().map(|s| (*s, 0)).collect();
        let assumed = if working_set.is_some() { "" } else { "no active page cache" };
        let held: Vec<Held> = working_set.as_ref().map_or_else(without, with_cache);
        return Some(of_samples(evidence, &rss, &held, ("container_memory_rss", assumed), recorded, id));
    }
    let usage = || find(evidence, id, Some(&Metric::Usage)).map(|found| (found, "container_memory_usage_bytes"));
    let unnamed =
        || find(evidence, id, None).map(|found| (found, "a series without a name, taken for the working set,"));
    let (found, what) =
        working_set.map(|found| (found, "container_memory_working_set_bytes")).or_else(usage).or_else(unnamed)?;
    let held: Vec<Held> = found.samples.iter().map(|s| (*s, 0)).collect();
    let (share, assumed) = anonymous_share(evidence, id);
    let mut usage = of_samples(evidence, &found, &held, (what, &assumed), recorded, id);
    let first = found.samples.first().map_or(0, |sample| sample.bytes);
    usage.active_file = Bytes::new(first).saturating_sub(scaled(first, share));
    match &mut usage.anon {
        Curve::Steady(bytes) => *bytes = bytes.saturating_sub(usage.active_file),
        Curve::Trace(recording) => {
            recording.active_file_permille = u16::try_from((1_000_000 - share + 500) / 1000).unwrap_or(0);
        }
    }
    Some(usage)
}

fn of_samples(
    evidence: &Evidence,
    found: &Found,
    held: &[Held],
    (what, assumed): (&str, &str),
    recorded: Period,
    id: ContainerId<'_>,
) -> Usage {
    let (count, pod) = match (found.samples.len(), found.fit) {
        (1, fit) => ("1 sample".to_string(), fit == Fit::Pod),
        (n, fit) => (format!("{n} samples"), fit == Fit::Pod),
    };
    let of_pod = if pod { id.of_pod_said() } else { "" };
    let assumed: Vec<&str> = [assumed, of_pod].into_iter().filter(|text| !text.is_empty()).collect();
    Usage {
        anon: curve(evidence, id, recorded, held, found),
        active_file: Bytes::new(held.first().map_or(0, |(_, cache)| *cache)),
        from: format!("{what} in {}, {count}", found.file),
        assumed: assumed.join("; "),
    }
}

/// What a working set has more than a sample of anonymous memory: that of the same instant, else the one before.
fn more_then(working_set: &[Sample], anon: Sample) -> u64 {
    // Scrapes of the two differ by less than a second.
    let index = working_set.partition_point(|set| set.at_ms <= anon.at_ms).saturating_sub(1);
    working_set.get(index).map_or(0, |set| set.bytes.saturating_sub(anon.bytes))
}

/// Which part of a working set is anonymous memory, in millionths, where nothing but the working set is known, and
/// what that rests on: the container's own figures of another source, else those of all pods, else all of it.
fn anonymous_share(evidence: &Evidence, id: ContainerId<'_>) -> (u64, String) {
    let share = |anon: u64, whole: u64| u64::try_from(u128::from(anon) * 1_000_000 / u128::from(whole)).ok();
    let of_summary = summary_of(evidence, id).and_then(|memory| {
        let share = share(memory.rss_bytes?, memory.working_set_bytes.filter(|w| *w > 0)?)?;
        Some((share.min(1_000_000), "/stats/summary".to_string()))
    });
    let of_stat = || {
        let (file, stat, _) = stat_of(evidence, id, |owner| owner != CgroupOwner::System)?;
        let whole = stat.working_set().get();
        Some((share(stat.anon.get(), Some(whole).filter(|w| *w > 0)?)?, file))
    };
    match of_summary.or_else(of_stat) {
        Some((share, from)) => {
            (share, format!("{} % of the working set is anonymous memory, as in {from}", share / 10_000))
        }
        None => (1_000_000, ALL_ANONYMOUS.into()),
    }
}

const ALL_ANONYMOUS: &str = "all of the working set is anonymous memory";

fn scaled(bytes: u64, millionths: u64) -> Bytes {
    Bytes::new(u64::try_from(u128::from(bytes) * u128::from(millionths) / 1_000_000).unwrap_or(bytes))
}

fn summary_of(evidence: &Evidence, id: ContainerId<'_>) -> Option<MemoryStats> {
    let mut pods = evidence.summaries.iter().flat_map(|summary| &summary.pods);
    let pod = pods.find(|pod| pod.pod_ref.namespace == id.namespace && pod.pod_ref.name == id.pod)?;
    pod.containers.iter().find(|c| c.name == id.container)?.memory
}

fn from_summary(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let memory = summary_of(evidence, id)?;
    let (anon, active_file) = split(memory)?;
    let assumed = if memory.rss_bytes.is_some() { "" } else { ALL_ANONYMOUS };
    Some(Usage { anon: Curve::Steady(anon), active_file, from: "/stats/summary".into(), assumed: assumed.into() })
}

/// Anonymous memory and active page cache.
pub(crate) fn split(memory: MemoryStats) -> Option<(Bytes, Bytes)> {
    let working_set = memory.working_set_bytes.or(memory.rss_bytes)?;
    let anon = memory.rss_bytes.unwrap_or(working_set);
    Some((Bytes::new(anon), Bytes::new(working_set.saturating_sub(anon))))
}

/// The `memory.stat` that says most about a container: its own, its pod's, that of all pods, one of which nothing says
/// whose it is.
fn stat_of(
    evidence: &Evidence,
    id: ContainerId<'_>,
    wanted: impl Fn(CgroupOwner) -> bool,
) -> Option<(String, MemoryStat, CgroupOwner)> {
    let owned = evidence
        .memory_stats
        .iter()
        .map(|(file, stat)| (file.name.clone(), *stat, owner(&file.name, id.pod, id.uid, id.container)));
    owned.filter(|(.., owner)| wanted(*owner)).min_by_key(|(.., owner)| *owner as u8)
}

fn from_stat(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let own = |owner| matches!(owner, CgroupOwner::Container | CgroupOwner::Pod);
    let (from, stat, owner) = stat_of(evidence, id, own)?;
    let of_pod = owner == CgroupOwner::Pod;
    let part = |bytes: Bytes| if of_pod { Bytes::new(id.of_pod(bytes.get())) } else { bytes };
    let assumed = if of_pod { id.of_pod_said() } else { "" };
    let (anon, active_file) = (Curve::Steady(part(stat.anon)), part(stat.active_file));
    Some(Usage { anon, active_file, from, assumed: assumed.into() })
}

fn from_current(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let mut own = evidence.memory_currents.iter().filter_map(|(file, bytes)| {
        match owner(&file.name, id.pod, id.uid, id.container) {
            CgroupOwner::Container => Some((file.name.clone(), *bytes)),
            CgroupOwner::Pod => Some((file.name.clone(), Bytes::new(id.of_pod(bytes.get())))),
            _ => None,
        }
    });
    let (from, bytes) = own.next()?;
    let assumed = "all that is charged is anonymous memory".into();
    Some(Usage { anon: Curve::Steady(bytes), active_file: Bytes::ZERO, from, assumed })
}

fn from_top(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let of_pod = |row: &crate::top::TopRow| {
        let in_namespace = row.namespace.as_deref().is_none_or(|namespace| namespace == id.namespace);
        in_namespace && row.pod.as_deref() == Some(id.pod)
    };
    // Without headings: POD CONTAINER, read as NAMESPACE POD.
    let turned = |row: &crate::top::TopRow| {
        let is = |name: &Option<String>, wanted: &str| name.as_deref() == Some(wanted);
        row.either && is(&row.namespace, id.pod) && is(&row.pod, id.container)
    };
    let mut rows = evidence.top.iter().filter(|(_, row)| of_pod(row));
    let own = rows.clone().find(|(_, row)| row.container.as_deref() == Some(id.container));
    let own = own.or_else(|| evidence.top.iter().find(|(_, row)| turned(row)));
    let (file, row) = own.or_else(|| rows.find(|(_, row)| row.container.is_none()))?;
    let (bytes, of_pod) = match row.container.is_some() || turned(row) {
        true => (row.working_set.get(), ""),
        false => (id.of_pod(row.working_set.get()), id.of_pod_said()),
    };
    let (share, split) = anonymous_share(evidence, id);
    let anon = scaled(bytes, share);
    let assumed: Vec<&str> = [split.as_str(), of_pod].into_iter().filter(|text| !text.is_empty()).collect();
    Some(Usage {
        anon: Curve::Steady(anon),
        active_file: Bytes::new(bytes).saturating_sub(anon),
        from: format!("kubectl top in {}", file.name),
        assumed: assumed.join("; "),
    })
}
