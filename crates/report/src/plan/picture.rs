//! The risk as a picture.

use super::PlanReport;
use crate::picture::study::{Band, Diagram, Heat, Join, Scale, diagram};
use crate::picture::{DrawError, PODS};
use oomsim_planning::axis::{AxisValue, Unit};
use oomsim_planning::recommend::{BadEvent, RiskTarget, SearchResult};
use oomsim_planning::stats::{Z95, wilson};
use ordered_float::OrderedFloat;

impl PlanReport<'_> {
    /// Risk over two knobs as a heat map; with fewer knobs, or more, over allocatable memory with a line per target.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn picture(&self) -> Result<String, DrawError> {
        let grid: Vec<_> = self.plan.grid_axes().filter(|(_, values)| values.len() > 1).collect();
        match grid.as_slice() {
            [(y, rows), (x, columns)] => self.heat((&x.name, columns), (&y.name, rows)).svg(),
            _ => self.curve(),
        }
    }

    /// The worst target's share of bad runs; what was not tried is empty.
    fn heat(&self, x: (&str, &[AxisValue]), y: (&str, &[AxisValue])) -> Heat {
        let texts = |values: &[AxisValue]| values.iter().map(|value| value.text.clone()).collect::<Vec<_>>();
        let mut shares = vec![vec![f64::NAN; x.1.len()]; y.1.len()];
        for trial in self.found.trials.iter().filter(|trial| trial.unusable.is_none()) {
            let values = trial.values(self.plan);
            let at = |all: &[AxisValue]| all.iter().position(|v| values.iter().any(|w| std::ptr::eq(*w, v)));
            if let (Some(column), Some(row)) = (at(x.1), at(y.1)) {
                shares[row][column] = trial.risk().0;
            }
        }
        Heat {
            title: format!("{}: risk by settings", self.goal.name),
            subtitle:
                "share of bad runs of the target that is met worst; – was not tried, or the kubelet does not start"
                    .into(),
            x: (x.0.to_string(), texts(x.1)),
            y: (y.0.to_string(), texts(y.1)),
            shares,
        }
    }

    fn curve(&self) -> Result<String, DrawError> {
        let names = self.scenario_names();
        let bands = self.goal.targets.iter().enumerate().take(PODS.len()).map(|(n, target)| {
            let mut points: Vec<(f64, f64, f64, f64)> = self
                .found
                .trials
                .iter()
                .filter(|t| t.counts[n].1 > 0)
                .map(|t| {
                    let (bad, runs) = t.counts[n];
                    let i = wilson(bad, runs, Z95);
                    (t.allocatable as f64, i.low, bad as f64 / runs as f64, i.high)
                })
                .collect();
            points.sort_by_key(|p| OrderedFloat(p.0));
            let name = short_name(target, &names);
            Band { name, color: PODS[n], points, join: Join::Lines, dots: true, dash: 0.0 }
        });
        diagram(&Diagram {
            title: format!("{}: risk against allocatable memory", self.goal.name),
            subtitle: "share of bad runs with 95 % interval, for every setting that was tried".into(),
            x: "allocatable memory".into(),
            unit: Unit::Bytes,
            scale: Scale::Linear,
            ticks: Vec::new(),
            y: "share of bad runs".into(),
            bands: bands.collect(),
            mark: match &self.found.found {
                SearchResult::Setting(best) => Some((best.trial.allocatable as f64, self.setting(&best.trial))),
                SearchResult::Nothing { .. } => None,
            },
        })
    }
}

fn short_name(target: &RiskTarget, scenarios: &[String]) -> String {
    let scenario = target.scenario.and_then(|i| scenarios.get(i)).filter(|_| scenarios.len() > 1);
    let event = BadEvent::NAMES;
    let same = |e: &BadEvent| std::mem::discriminant(e) == std::mem::discriminant(&target.event);
    let name = event.iter().find(|(_, e)| same(e)).map_or("event", |(name, _)| name);
    scenario.map_or(name.to_string(), |s| format!("{name} ({s})"))
}
