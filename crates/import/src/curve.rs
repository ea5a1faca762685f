//! Recorded curves of containers: what they hold, where nothing was recorded, and where they were restarted.

use crate::evidence::Evidence;
use crate::series::{Metric, Sample};
use crate::usage::{ContainerId, Found, find};
use oomsim_core::units::{Bytes, SimDuration};

/// A constant, or points in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Always the same.
    Steady(Bytes),
    /// A recording.
    Trace(Recording),
}

/// A recorded curve of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// In order of time, since the beginning of the recording.
    pub points: Vec<(SimDuration, Recorded)>,
    /// How much of each amount is page cache in use, in thousandths; 0: the points say so themselves, or nothing does.
    pub active_file_permille: u16,
    /// How restarts were found out; empty: there are none.
    pub restarts_by: &'static str,
}

/// What a point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// So much is held, with so much page cache in use beside it.
    Holds(Bytes, Bytes),
    /// Nothing was recorded until the next point.
    Gap,
    /// The container was restarted.
    Restart,
}

impl Curve {
    /// The first value, without page cache.
    pub fn first(&self) -> Bytes {
        match self {
            Curve::Steady(bytes) => *bytes,
            Curve::Trace(recording) => {
                let first = recording.points.iter().find_map(|(_, point)| match point {
                    Recorded::Holds(amount, _) => Some(*amount),
                    Recorded::Gap | Recorded::Restart => None,
                });
                let amount = first.unwrap_or_default();
                amount.saturating_sub(permille(amount, recording.active_file_permille))
            }
        }
    }
}

/// A part of an amount, in thousandths.
pub(crate) fn permille(amount: Bytes, permille: u16) -> Bytes {
    Bytes::new(u64::try_from(u128::from(amount.get()) * u128::from(permille) / 1000).unwrap_or(amount.get()))
}

impl Recording {
    /// How many points are like this.
    pub fn count(&self, mark: Recorded) -> usize {
        self.points.iter().filter(|(_, point)| *point == mark).count()
    }
}

/// When the recordings begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First sample, in milliseconds since 1970.
    pub from_ms: i64,
    /// Last sample.
    pub to_ms: i64,
}

impl Period {
    /// Of all series of pods.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let points = || evidence.series.iter().filter(|(_, s)| s.is_of_pod()).flat_map(|(_, s)| &s.points);
        let from_ms = points().map(|p| p.at_ms).min()?;
        let to_ms = points().map(|p| p.at_ms).max()?;
        Some(Period { from_ms, to_ms })
    }

    /// How long it lasts.
    pub fn duration(self) -> SimDuration {
        self.since(self.to_ms)
    }

    fn since(self, at_ms: i64) -> SimDuration {
        SimDuration::from_nanos(at_ms.abs_diff(self.from_ms).saturating_mul(1_000_000))
    }

    fn has(self, at_ms: i64) -> bool {
        (self.from_ms + 1..=self.to_ms).contains(&at_ms)
    }
}

/// Samples with what is page cache in use of each.
pub(crate) type Held = (Sample, u64);

/// The curve of a container's samples. What came before the first one is taken to have been the same.
pub(crate) fn curve(evidence: &Evidence, id: ContainerId<'_>, period: Period, held: &[Held], found: &Found) -> Curve {
    let Some(&(first, first_cache)) = held.first() else { return Curve::Steady(Bytes::ZERO) };
    let (restarts, restarts_by) = restarts(evidence, id, period, found);
    let apart = gap_after(&found.samples);
    let is_gap = |from: i64, to: i64| {
        apart.is_some_and(|apart| to - from > apart) || found.nothing.iter().any(|at| (from + 1..to).contains(at))
    };
    let holds = |(sample, cache): Held| Recorded::Holds(Bytes::new(sample.bytes), Bytes::new(cache));
    let mut points = Vec::with_capacity(held.len() + restarts.len());
    let mut last = period.from_ms;
    if first.at_ms > last {
        points.push((last, holds((first, first_cache))));
    }
    for &(sample, cache) in held {
        if is_gap(last, sample.at_ms) {
            points.push((last, Recorded::Gap));
        }
        points.extend(within(&restarts, last, sample.at_ms).map(|at| (at, Recorded::Restart)));
        points.push((sample.at_ms, holds((sample, cache))));
        last = sample.at_ms;
    }
    if is_gap(last, period.to_ms) {
        points.push((last, Recorded::Gap));
    }
    let same = |point: &(i64, Recorded)| point.1 == holds((first, first_cache));
    if points.iter().all(same) {
        return Curve::Steady(Bytes::new(first.bytes));
    }
    let restarts_by = if points.iter().any(|(_, point)| *point == Recorded::Restart) { restarts_by } else { "" };
    let points = points.into_iter().map(|(at, point)| (period.since(at), point)).collect();
    Curve::Trace(Recording { points, restarts_by, ..Recording::default() })
}

/// One of these instants after `from`, up to `to`.
fn within(instants: &[i64], from: i64, to: i64) -> impl Iterator<Item = i64> {
    instants.iter().copied().filter(move |at| (from + 1..=to).contains(at)).take(1)
}

/// Samples that are further apart than two and a half times the usual interval have a gap between them: two or more are
/// missing. `None`: they are too few to have a usual interval.
fn gap_after(samples: &[Sample]) -> Option<i64> {
    let mut intervals: Vec<i64> = samples.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).collect();
    intervals.sort_unstable();
    let usual = *intervals.get(intervals.len() / 2).filter(|_| intervals.len() >= 3)?;
    Some(usual.saturating_mul(5) / 2)
}

/// When a container was restarted, and how that is known: by times of its start, by another id, by the count of its
/// restarts, by its status; where nothing says anything, by how its memory falls.
fn restarts(evidence: &Evidence, id: ContainerId<'_>, period: Period, found: &Found) -> (Vec<i64>, &'static str) {
    let mut started: Vec<i64> = id.status.started_ms.iter().copied().filter(|at| period.has(*at)).collect();
    if let Some(of_start) = find(evidence, id, Some(&Metric::StartTime)) {
        let times = of_start.samples.iter().map(|sample| i64::try_from(sample.bytes).unwrap_or(0) * 1000);
        started.extend(times.filter(|at| period.has(*at)));
    }
    started.sort_unstable();
    started.dedup();
    // The first start in the recording is no restart if nothing was recorded of the container before.
    started.retain(|at| found.samples.first().is_some_and(|first| first.at_ms < *at));
    let by = if started.is_empty() { "another container id" } else { "the time of its start" };
    // Where both say it, the start is the better time.
    started.extend(&found.renamed);
    if !started.is_empty() {
        return (started, by);
    }
    if let Some(counts) = find(evidence, id, Some(&Metric::Restarts)) {
        let more = counts.samples.windows(2).filter(|pair| pair[1].bytes > pair[0].bytes);
        return (more.map(|pair| middle(pair[0].at_ms, pair[1].at_ms)).collect(), "its count of restarts");
    }
    if id.status.known {
        return (Vec::new(), "");
    }
    let by = "memory falls to less than a third, and to the lowest so far: assumed";
    (falls(&found.samples).collect(), by)
}

/// From one sample to the next memory falls to less than a third, and to no more than a quarter above its lowest.
fn falls(samples: &[Sample]) -> impl Iterator<Item = i64> {
    let mut lowest = u64::MAX;
    samples.windows(2).filter_map(move |pair| {
        lowest = lowest.min(pair[0].bytes);
        let deep = pair[1].bytes < pair[0].bytes / 3 && pair[1].bytes <= lowest.saturating_add(lowest / 4);
        deep.then(|| middle(pair[0].at_ms, pair[1].at_ms))
    })
}

/// Between two samples nothing says when.
pub(crate) fn middle(from: i64, to: i64) -> i64 {
    from + (to - from + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_10_s(values: &[u64]) -> Vec<Sample> {
        values.iter().enumerate().map(|(n, bytes)| Sample { at_ms: n as i64 * 10_000, bytes: *bytes }).collect()
    }

    #[test]
    fn a_fall_to_the_lowest_level_is_a_restart_and_a_collection_is_none() {
        let times = |values: &[u64]| falls(&every_10_s(values)).collect::<Vec<_>>();
        assert_eq!(times(&[100, 500, 900, 110, 500]), [25_000], "900 to 110, and 100 was the lowest");
        assert!(times(&[100, 900, 400, 900, 400]).is_empty(), "to more than a third");
        assert!(times(&[100, 900, 200]).is_empty(), "to twice the lowest");
        assert_eq!(times(&[900, 100]), [5_000], "what was before the recording is not known");
    }

    #[test]
    fn two_missing_samples_are_a_gap_and_one_is_none() {
        let mut samples = every_10_s(&[1; 5]);
        assert_eq!(gap_after(&samples), Some(25_000));
        samples.truncate(3);
        assert_eq!(gap_after(&samples), None, "two intervals are no rule");
    }
}
