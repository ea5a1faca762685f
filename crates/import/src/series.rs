//! Recorded series: what Prometheus, OpenMetrics and CSV files come to.

use crate::time::seconds;
use std::collections::BTreeMap;

/// One recorded curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What is measured; `None` when the file does not name it.
    pub metric: Option<Metric>,
    /// Labels as they were given, such as `namespace`, `pod`, `container`.
    pub labels: BTreeMap<String, String>,
    /// Samples in order of time.
    pub points: Vec<Sample>,
    /// When there was no number in place of a sample (`NaN`, `null`, an empty cell), in milliseconds since 1970.
    pub nothing: Vec<i64>,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Bytes.
    pub bytes: u64,
}

/// The metrics that say something about a node's memory, by the names of cAdvisor and node_exporter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Metric {
    /// `container_memory_working_set_bytes`: what the kubelet ranks and evicts by.
    WorkingSet,
    /// `container_memory_rss`: anonymous memory.
    Rss,
    /// `container_memory_usage_bytes`: everything charged.
    Usage,
    /// `container_memory_cache`: page cache.
    Cache,
    /// `container_start_time_seconds`: when a container was started, in seconds since 1970.
    StartTime,
    /// `kube_pod_container_status_restarts_total`: how often it was started again.
    Restarts,
    /// `node_memory_NAME_bytes`: a line of the node's `/proc/meminfo`.
    Meminfo(String),
    /// Any other metric, by its name.
    Other(String),
}

impl Metric {
    /// A metric by its own name.
    pub fn named(name: &str) -> Metric {
        match name {
            "container_memory_working_set_bytes" | "pod_memory_working_set_bytes" => Metric::WorkingSet,
            "container_memory_rss" => Metric::Rss,
            "container_memory_usage_bytes" => Metric::Usage,
            "container_memory_cache" => Metric::Cache,
            "container_start_time_seconds" => Metric::StartTime,
            "kube_pod_container_status_restarts_total" => Metric::Restarts,
            _ => match name.strip_prefix("node_memory_") {
                Some(rest) => Metric::Meminfo(rest.strip_suffix("_bytes").unwrap_or(rest).to_string()),
                None => Metric::Other(name.to_string()),
            },
        }
    }

    /// What a file's name says about series that carry no name: `wss.json`, `cart-rss.csv`.
    pub fn by_file_name(file: &str) -> Option<Metric> {
        let stem = file.rsplit(['/', '\\']).next().unwrap_or(file).to_ascii_lowercase();
        let known = [
            ("working_set", Metric::WorkingSet),
            ("working-set", Metric::WorkingSet),
            ("workingset", Metric::WorkingSet),
            ("wss", Metric::WorkingSet),
            ("start_time", Metric::StartTime),
            ("start-time", Metric::StartTime),
            ("restarts", Metric::Restarts),
            ("rss", Metric::Rss),
            ("usage", Metric::Usage),
            ("cache", Metric::Cache),
        ];
        known.into_iter().find(|(part, _)| stem.contains(part)).map(|(_, metric)| metric)
    }
}

impl Series {
    /// The value of the first of these labels that is there and not empty.
    fn label(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.labels.get(*name)).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Namespace of the pod. Without `honor_labels` Prometheus calls a label of what it scrapes `exported_…`, where its
    /// own has the same name (prometheus.io: scrape_config).
    pub fn namespace(&self) -> Option<&str> {
        self.label(&["exported_namespace", "namespace", "kubernetes_namespace"])
    }

    /// Name of the pod; cAdvisor called the label `pod_name` up to Kubernetes 1.15.
    pub fn pod(&self) -> Option<&str> {
        self.label(&["exported_pod", "pod", "pod_name"])
    }

    /// Name of the container; none for a pod's own cgroup and for its pause process (`POD`).
    pub fn container(&self) -> Option<&str> {
        self.label(&["exported_container", "container", "container_name"]).filter(|name| *name != "POD")
    }

    /// True for memory of a pod or of one of its containers.
    pub fn is_of_pod(&self) -> bool {
        !matches!(self.metric, Some(Metric::Meminfo(_) | Metric::Other(_)))
            && !self.is_of_starts()
            && (self.pod().is_some() || self.container().is_some())
    }

    /// True for what says when containers were started, and nothing about memory.
    pub fn is_of_starts(&self) -> bool {
        matches!(self.metric, Some(Metric::StartTime | Metric::Restarts))
    }

    /// True if this is another container in place of that of a series `before`, whose own begins then: their ids
    /// differ, and the old one ends soon.
    pub fn replaces(&self, before: &Series, begins: i64) -> bool {
        let id = |series: &'_ Series| series.label(&["name", "container_id", "id", "uid"]).map(str::to_owned);
        let other = id(self).is_some_and(|own| id(before).is_some_and(|before| before != own));
        other && before.points.last().is_some_and(|last| last.at_ms < begins + LINGERS_MS)
    }

    /// The cgroup that cAdvisor names, for what is no pod's: `/` is the node.
    pub fn cgroup(&self) -> Option<&str> {
        self.labels.get("id").map(String::as_str).filter(|_| self.pod().is_none())
    }

    /// Name of the node, as far as a label has it.
    pub fn node(&self) -> Option<&str> {
        self.label(&["node", "kubernetes_node", "nodename", "instance", "host"])
    }
}

/// How long Prometheus shows the last sample of a series that has ended (`--query.lookback-delta`).
const LINGERS_MS: i64 = 300_000;

/// Collects samples in order; each is checked as it comes.
#[derive(Debug, Default)]
pub struct Points {
    points: Vec<Sample>,
    nothing: Vec<i64>,
}

/// Why a sample cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSample {
    /// The value is not a number of bytes: not finite, negative or above 2^63.
    Value,
    /// The instant is not a finite time.
    Time,
    /// It comes before the sample in front of it.
    OutOfOrder,
    /// Another value for the same instant was there already.
    Duplicate,
}

impl std::fmt::Display for BadSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BadSample::Value => "is not a number of bytes between 0 and 2^63",
            BadSample::Time => "has no usable time",
            BadSample::OutOfOrder => "is earlier than the sample before it",
            BadSample::Duplicate => "is a second value for the same instant",
        })
    }
}

impl Points {
    /// Adds a sample, its time in seconds or milliseconds since 1970. The same sample twice counts once; a value that
    /// is no number says that nothing was measured.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push(&mut self, at: f64, value: f64) -> Result<(), BadSample> {
        let at_ms = (seconds(at) * 1000.0).round();
        if !at_ms.is_finite() || at_ms.abs() > 8.64e15 {
            return Err(BadSample::Time);
        }
        if value.is_nan() {
            self.nothing.push(at_ms as i64);
            return Ok(());
        }
        if !(0.0..9_223_372_036_854_775_808.0).contains(&value) {
            return Err(BadSample::Value);
        }
        let sample = Sample { at_ms: at_ms as i64, bytes: value as u64 };
        match self.points.last() {
            Some(last) if *last == sample => return Ok(()),
            Some(last) if last.at_ms == sample.at_ms => return Err(BadSample::Duplicate),
            Some(last) if last.at_ms > sample.at_ms => return Err(BadSample::OutOfOrder),
            _ => self.points.push(sample),
        }
        Ok(())
    }

    /// Their series.
    pub fn finish(self, metric: Option<Metric>, labels: BTreeMap<String, String>) -> Series {
        Series { metric, labels, points: self.points, nothing: self.nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_checked_as_they_come() {
        let mut points = Points::default();
        assert_eq!(points.push(10.0, 1.0), Ok(()));
        assert_eq!(points.push(10.0, 1.0), Ok(()), "the same sample twice counts once");
        assert_eq!(points.push(10.0, 2.0), Err(BadSample::Duplicate));
        assert_eq!(points.push(9.0, 2.0), Err(BadSample::OutOfOrder));
        assert_eq!(points.push(10.5, f64::NAN), Ok(()), "nothing was measured");
        for bad in [f64::INFINITY, -1.0, 9_223_372_036_854_775_808.0] {
            assert_eq!(points.push(11.0, bad), Err(BadSample::Value), "{bad}");
        }
        assert_eq!(points.push(f64::NAN, 1.0), Err(BadSample::Time));
        let series = points.finish(None, BTreeMap::new());
        assert_eq!(
            (&series.points[..], &series.nothing[..]),
            (&[Sample { at_ms: 10_000, bytes: 1 }][..], &[10_500][..])
        );
    }

    #[test]
    fn metrics_are_known_by_their_own_names() {
        assert_eq!(Metric::named("container_memory_rss"), Metric::Rss);
        assert_eq!(Metric::named("node_memory_MemTotal_bytes"), Metric::Meminfo("MemTotal".into()));
        assert_eq!(Metric::named("up"), Metric::Other("up".into()));
        assert_eq!(Metric::by_file_name("data/wss.json"), Some(Metric::WorkingSet));
        assert_eq!(Metric::by_file_name("node.json"), None);
    }
}
