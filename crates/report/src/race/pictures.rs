//! The pictures of a race.

use super::{RaceReport, share};
use crate::picture::study::{Band, Diagram, Heat, Join, diagram, scale_of};
use crate::picture::{DrawError, PODS};
use oomsim_planning::axis::{AxisRange, AxisValue, Scale, Unit};
use oomsim_planning::race::Point;
use ordered_float::OrderedFloat;

impl RaceReport<'_> {
    /// Simulated points with their intervals on the curves of the closed form.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn curves(&self) -> Result<String, DrawError> {
        let (contest, lines) = (self.contest, self.rows);
        let mut bands = Vec::new();
        let rate = |p: &Point| p.rate.number.unwrap_or(1.0);
        for (n, line) in lines.iter().enumerate().take(PODS.len()) {
            let point = |p: &Point| (rate(p), p.interval.low, share(p), p.interval.high);
            let mut points: Vec<_> = line.grid.iter().chain(line.band).map(point).collect();
            points.sort_by_key(|p| OrderedFloat(p.0));
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            let range = AxisRange { from: first.0, to: last.0, unit: Unit::Bytes, scale: Scale::Log };
            let hard = line.threshold.number.unwrap_or_default();
            let exact = |v: AxisValue| {
                let (x, y) = (v.number.unwrap_or(1.0), contest.race(hard, v.number.unwrap_or(1.0)).odds().kernel_first);
                (x, y, y, y)
            };
            let exact = if first.0 < last.0 { range.steps(200).into_iter().map(exact).collect() } else { Vec::new() };
            let curve =
                Band { name: String::new(), color: PODS[n], points: exact, join: Join::Lines, dots: false, dash: 0.0 };
            let name = line.threshold.text.clone();
            bands.push(curve);
            bands.push(Band { name, color: PODS[n], points, join: Join::Nothing, dots: true, dash: 0.0 });
        }
        diagram(&Diagram {
            title: "How often the kernel kills first".into(),
            subtitle: "by hard threshold: simulated share of the runs with 95 % interval (squares), formula (lines)"
                .into(),
            x: "allocation rate per second".into(),
            unit: Unit::Bytes,
            scale: scale_of(lines.iter().flat_map(|l| l.grid.iter()).map(rate)),
            ticks: lines.first().map_or(Vec::new(), |l| l.grid.iter().map(rate).collect()),
            y: "share of runs".into(),
            bands,
            mark: None,
        })
    }

    /// Shares as colours, by threshold and rate.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn map(&self) -> Result<String, DrawError> {
        let lines = self.rows;
        let rates = lines.first().map_or(Vec::new(), |l| l.grid.iter().map(|p| p.rate.text.clone()).collect());
        Heat {
            title: "How often the kernel kills first".into(),
            subtitle: "share of the runs in which the OOM killer acts before the eviction".into(),
            x: ("allocation rate per second".into(), rates),
            y: ("hard threshold".into(), lines.iter().map(|l| l.threshold.text.clone()).collect()),
            shares: lines.iter().map(|l| l.grid.iter().map(share).collect()).collect(),
        }
        .svg()
    }
}
