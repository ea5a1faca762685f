//! What the node's daemons hold, apart from its pods: kubelet and container runtime, and everything else.

use crate::evidence::Evidence;
use crate::series::{Metric, Sample, Series};
use crate::system::of_cgroup;
use oomsim_core::units::Bytes;

/// Working sets that were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Half of the samples are below.
    pub median: Bytes,
    /// The largest sample.
    pub peak: Bytes,
    /// What the last tenth of the samples has more than the first, by a day; none: too few samples.
    pub growth_per_day: Option<i64>,
    /// Number of samples.
    pub samples: usize,
}

/// The node's daemons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Daemons {
    /// The kubelet and the container runtime.
    pub kube: Option<Measured>,
    /// All others.
    pub system: Option<Measured>,
}

impl Measured {
    /// Of one figure.
    pub fn once(bytes: Bytes) -> Self {
        Measured { median: bytes, peak: bytes, growth_per_day: None, samples: 1 }
    }

    fn of(samples: &[Sample]) -> Option<Self> {
        let mut sorted: Vec<u64> = samples.iter().map(|sample| sample.bytes).collect();
        sorted.sort_unstable();
        let (peak, median) = (*sorted.last()?, sorted[sorted.len() / 2]);
        let (median, peak) = (Bytes::new(median), Bytes::new(peak));
        Some(Measured { median, peak, growth_per_day: growth(samples), samples: samples.len() })
    }
}

/// Means of the first and of the last tenth, so that one sample does not decide.
fn growth(samples: &[Sample]) -> Option<i64> {
    const DAY_MS: i128 = 86_400_000;
    let tenth = samples.len() / 10;
    let (first, last) = (samples.get(..tenth.max(1))?, samples.get(samples.len().checked_sub(tenth.max(1))?..)?);
    let mean = |list: &[Sample], of: fn(&Sample) -> i128| list.iter().map(of).sum::<i128>() / list.len() as i128;
    let at = |list: &[Sample]| mean(list, |sample| i128::from(sample.at_ms));
    let held = |list: &[Sample]| mean(list, |sample| i128::from(sample.bytes));
    let apart = at(last) - at(first);
    if samples.len() < 10 || apart <= 0 {
        return None;
    }
    i64::try_from((held(last) - held(first)) * DAY_MS / apart).ok()
}

/// The sum of curves, at the instants of the first; the others count as they were last.
fn sum(curves: &[&Series]) -> Vec<Sample> {
    let Some((first, others)) = curves.split_first() else { return Vec::new() };
    let at = |series: &Series, ms: i64| {
        let after = series.points.partition_point(|point| point.at_ms <= ms);
        series.points.get(after.saturating_sub(1)).map_or(0, |point| point.bytes)
    };
    let total = |point: &Sample| others.iter().fold(point.bytes, |sum, s| sum.saturating_add(at(s, point.at_ms)));
    first.points.iter().map(|point| Sample { bytes: total(point), ..*point }).collect()
}

const KUBE_SERVICES: [&str; 7] = ["kubelet", "containerd", "crio", "docker", "k3s", "rke2-server", "rke2-agent"];

/// From `/stats/summary`, else from cAdvisor's series of the node's slices; empty where the files do not say.
pub fn daemons(evidence: &Evidence, node: Option<&str>) -> Daemons {
    let name = node.unwrap_or_default();
    let mut summaries = evidence.summaries.iter();
    let summary = summaries.find(|s| node.is_none_or(|node| s.node.node_name == node));
    let of_summary = |names: &[&str]| {
        let all = summary.iter().flat_map(|s| &s.node.system_containers).filter(|c| names.contains(&c.name.as_str()));
        let held: Vec<u64> = all.filter_map(|c| c.memory?.working_set_bytes).collect();
        (!held.is_empty())
            .then(|| Measured::once(Bytes::new(held.iter().fold(0, |sum: u64, n| sum.saturating_add(*n)))))
    };
    let slice = |path: &str| of_cgroup(evidence, name, &Metric::WorkingSet, path);
    let services: Vec<&Series> = KUBE_SERVICES
        .iter()
        .flat_map(|service| [format!("/system.slice/{service}.service"), format!("/runtime.slice/{service}.service")])
        .filter_map(|path| slice(&path))
        .collect();
    let kube = Measured::of(&sum(&services)).or_else(|| of_summary(&["kubelet", "runtime"]));
    let other = || {
        let mut points = slice("/system.slice")?.points.clone();
        let inside = sum(&services);
        for point in &mut points {
            let after = inside.partition_point(|p| p.at_ms <= point.at_ms);
            let held = inside.get(after.saturating_sub(1)).map_or(0, |p| p.bytes);
            point.bytes = point.bytes.saturating_sub(held);
        }
        Measured::of(&points)
    };
    Daemons { kube, system: other().or_else(|| of_summary(&["misc"])) }
}

/// What a file of one thing says: the sum of its series' working sets, or of what its summary has of daemons.
pub fn measured(evidence: &Evidence) -> Option<Measured> {
    let all = daemons(evidence, None);
    let usable = |s: &&Series| {
        let of_memory = matches!(s.metric, None | Some(Metric::WorkingSet | Metric::Usage | Metric::Rss));
        of_memory && !s.points.is_empty()
    };
    let series: Vec<&Series> = evidence.series.iter().map(|(_, s)| s).filter(usable).collect();
    Measured::of(&sum(&series)).or(all.kube).or(all.system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_peak_and_growth_by_hand() {
        // 20 samples a minute apart, 100 + n: median 110, peak 119; the means of the tenths differ by 18 in 18 minutes.
        let samples: Vec<Sample> = (0..20).map(|n| Sample { at_ms: n * 60_000, bytes: 100 + n as u64 }).collect();
        let measured = Measured::of(&samples).expect("samples");
        assert_eq!((measured.median, measured.peak), (Bytes::new(110), Bytes::new(119)));
        assert_eq!(measured.growth_per_day, Some(1440));
        assert_eq!(Measured::of(&samples[..5]).and_then(|m| m.growth_per_day), None);
        assert_eq!(Measured::of(&[]), None);
    }
}
