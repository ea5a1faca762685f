//! What each container holds, from the best source that the files have.

use crate::evidence::Evidence;
use crate::series::{Metric, Sample, Series};
use crate::summary::MemoryStats;
use oomsim_core::units::{Bytes, SimDuration};

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

/// A constant, or points in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Always the same.
    Steady(Bytes),
    /// In order of time, since the beginning of the recording.
    Trace(Vec<(SimDuration, Bytes)>),
}

impl Curve {
    /// The first value.
    pub fn first(&self) -> Bytes {
        match self {
            Curve::Steady(bytes) => *bytes,
            Curve::Trace(points) => points.first().map_or(Bytes::ZERO, |(_, bytes)| *bytes),
        }
    }
}

/// Which container.
#[derive(Clone, Copy, Debug)]
pub struct ContainerId<'a> {
    /// Namespace of its pod.
    pub namespace: &'a str,
    /// Name of its pod.
    pub pod: &'a str,
    /// Its own name.
    pub container: &'a str,
    /// The pod has no other: figures of the pod are its figures.
    pub alone: bool,
}

/// When the recordings begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// First sample, in milliseconds since 1970.
    pub from_ms: i64,
    /// Last sample.
    pub to_ms: i64,
}

impl Recorded {
    /// Of all series of containers.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let points = || evidence.series.iter().filter(|(_, s)| s.container().is_some()).flat_map(|(_, s)| &s.points);
        let from_ms = points().map(|p| p.at_ms).min()?;
        let to_ms = points().map(|p| p.at_ms).max()?;
        Some(Recorded { from_ms, to_ms })
    }

    /// How long it lasts.
    pub fn duration(self) -> SimDuration {
        SimDuration::from_nanos(self.to_ms.abs_diff(self.from_ms).saturating_mul(1_000_000))
    }

    fn since(self, at_ms: i64) -> SimDuration {
        SimDuration::from_nanos(at_ms.abs_diff(self.from_ms).saturating_mul(1_000_000))
    }
}

/// What the files say about a container: a recorded curve, else `/stats/summary`, else `kubectl top`; `None`: nothing.
pub fn usage(evidence: &Evidence, recorded: Option<Recorded>, id: ContainerId<'_>) -> Option<Usage> {
    recorded
        .and_then(|recorded| from_series(evidence, recorded, id))
        .or_else(|| from_summary(evidence, id))
        .or_else(|| from_top(evidence, id))
}

impl ContainerId<'_> {
    fn is(&self, series: &Series) -> bool {
        let in_namespace = series.namespace().is_none_or(|namespace| namespace == self.namespace);
        let in_container = match series.container() {
            Some(container) => container == self.container,
            None => self.alone && !series.labels.contains_key("container"),
        };
        in_namespace && series.pod().is_some_and(|pod| pod == self.pod) && in_container
    }
}

fn from_series(evidence: &Evidence, recorded: Recorded, id: ContainerId<'_>) -> Option<Usage> {
    let find = |metric: &Metric| {
        let found = evidence.series.iter().find(|(_, s)| s.metric.as_ref() == Some(metric) && id.is(s));
        found.filter(|(_, series)| !series.points.is_empty())
    };
    let (working_set, rss) = (find(&Metric::WorkingSet), find(&Metric::Rss));
    let (file, series) = rss.or(working_set).or_else(|| find(&Metric::Usage))?;
    let trace = series.points.iter().map(|p| (recorded.since(p.at_ms), Bytes::new(p.bytes))).collect();
    let active_file = match (rss, working_set) {
        (Some((_, rss)), Some((_, working_set))) => typical_difference(&working_set.points, &rss.points),
        _ => Bytes::ZERO,
    };
    let what = match series.metric {
        Some(Metric::Rss) => "container_memory_rss",
        Some(Metric::WorkingSet) => "container_memory_working_set_bytes",
        _ => "container_memory_usage_bytes",
    };
    let assumed = match series.metric {
        Some(Metric::Rss) if working_set.is_some() => "",
        Some(Metric::Rss) => "no active page cache",
        Some(Metric::WorkingSet) => "all of the working set is anonymous memory",
        _ => "all of the usage is anonymous memory",
    };
    let from = format!("{what} in {}, {} samples", file.name, series.points.len());
    Some(Usage { anon: Curve::Trace(trace), active_file, from, assumed: assumed.into() })
}

/// Median of what the working set has more than the anonymous memory of the same instants.
fn typical_difference(working_set: &[Sample], rss: &[Sample]) -> Bytes {
    let at = |ms: i64| rss.binary_search_by_key(&ms, |p| p.at_ms).ok().map(|i| rss[i].bytes);
    let mut more: Vec<u64> = working_set.iter().filter_map(|p| Some(p.bytes.saturating_sub(at(p.at_ms)?))).collect();
    more.sort_unstable();
    Bytes::new(more.get(more.len() / 2).copied().unwrap_or(0))
}

fn from_summary(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let mut pods = evidence.summaries.iter().flat_map(|summary| &summary.pods);
    let pod = pods.find(|pod| pod.pod_ref.namespace == id.namespace && pod.pod_ref.name == id.pod)?;
    let memory = pod.containers.iter().find(|c| c.name == id.container)?.memory?;
    let (anon, active_file) = split(memory)?;
    let assumed = if memory.rss_bytes.is_some() { "" } else { "all of the working set is anonymous memory" };
    Some(Usage { anon: Curve::Steady(anon), active_file, from: "/stats/summary".into(), assumed: assumed.into() })
}

/// Anonymous memory and active page cache.
pub(crate) fn split(memory: MemoryStats) -> Option<(Bytes, Bytes)> {
    let working_set = memory.working_set_bytes.or(memory.rss_bytes)?;
    let anon = memory.rss_bytes.unwrap_or(working_set);
    Some((Bytes::new(anon), Bytes::new(working_set.saturating_sub(anon))))
}

fn from_top(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    let is = |row: &crate::top::TopRow| {
        let in_namespace = row.namespace.as_deref().is_none_or(|namespace| namespace == id.namespace);
        let of_pod = row.pod.as_deref() == Some(id.pod);
        let of_container = row.container.as_deref().map_or(id.alone, |container| container == id.container);
        in_namespace && of_pod && of_container
    };
    let (file, row) = evidence.top.iter().find(|(_, row)| is(row))?;
    let from = format!("kubectl top in {}", file.name);
    let assumed = "all of the working set is anonymous memory".into();
    Some(Usage { anon: Curve::Steady(row.working_set), active_file: Bytes::ZERO, from, assumed })
}
