//! What the runs of each grid cell have in common, added up row by row.

use crate::axis::AxisRange;
use crate::measure::{ColumnKind, MEASURES, NOT_STARTED, Value};
use crate::plan::{Levels, Plan};
use crate::row::{ResultRow, field};
use crate::stats::{Distribution, Interval, Z95, wilson};
use std::collections::BTreeMap;

/// More different words than this in a cell are counted as "(other)".
const MAX_LEVELS: usize = 64;

/// One measure of one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs by word: the words of a class, `true` for flags, `>0` for counts.
    pub levels: BTreeMap<String, u64>,
    /// Distribution of numbers; negative ones count as 0.
    pub numbers: Distribution,
}

/// All measures of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Number of runs.
    pub runs: u64,
    /// One tally for each of [`MEASURES`].
    pub tallies: Vec<Tally>,
    /// Why the kubelet did not start in the first run in which it did not.
    pub not_started: Option<String>,
}

/// Equal parts of a sampled axis.
const BINS: usize = 12;

/// Outcomes over a sampled axis, all other axes taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Index of the axis in the plan.
    pub axis: usize,
    /// Middle of each part, its runs, and how many of them had which outcome.
    pub parts: Vec<(f64, u64, BTreeMap<String, u64>)>,
}

/// All cells of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// One for each grid cell of the plan.
    pub cells: Vec<Cell>,
    /// One for each sampled axis.
    pub bins: Vec<Bins>,
}

impl Summary {
    /// An empty summary.
    pub fn new(plan: &Plan) -> Self {
        let cell = Cell { runs: 0, tallies: vec![Tally::default(); MEASURES.len()], not_started: None };
        let part = |range: &AxisRange, i: usize| {
            let middle = range.at((i as f64 + 0.5) / BINS as f64);
            (middle.number.unwrap_or_default(), 0, BTreeMap::new())
        };
        let sampled = plan.axes().iter().enumerate().filter_map(|(axis, a)| match &a.levels {
            Levels::Sampled(range) => Some(Bins { axis, parts: (0..BINS).map(|i| part(range, i)).collect() }),
            Levels::Grid(_) => None,
        });
        Summary { cells: vec![cell; plan.cells() as usize], bins: sampled.collect() }
    }

    /// Adds a row of the plan.
    pub fn add(&mut self, plan: &Plan, row: &ResultRow) {
        if let Some(cell) = self.cells.get_mut(plan.cell_of(row.run) as usize) {
            cell.add(&row.measures);
        }
        if self.bins.is_empty() {
            return;
        }
        let values = plan.spec(row.run).values;
        for bins in &mut self.bins {
            let (Some(value), Levels::Sampled(range)) = (values.get(bins.axis), &plan.axes()[bins.axis].levels) else {
                continue;
            };
            let share = range.share_of(value.number.unwrap_or_default());
            let part = &mut bins.parts[((share * BINS as f64) as usize).min(BINS - 1)];
            part.1 += 1;
            if let Some(Value::Text(outcome)) = row.measures.first() {
                *part.2.entry(outcome.clone()).or_default() += 1;
            }
        }
    }

    /// Table of these measures with one line per cell, measure and level: counts with Wilson's 95 % interval, or mean
    /// and quantiles.
    pub fn to_csv(&self, plan: &Plan, measures: &[&str]) -> String {
        let mut out = String::new();
        for (axis, _) in plan.grid_axes() {
            field(&mut out, &axis.name);
            out.push(',');
        }
        out.push_str("measure,level,runs,count,share,share_low,share_high,mean,min,p10,p50,p90,max\n");
        for (number, cell) in self.cells.iter().enumerate() {
            let mut head = String::new();
            for value in plan.cell_values(number as u64) {
                field(&mut head, &value.text);
                head.push(',');
            }
            let wanted = MEASURES.iter().zip(&cell.tallies).filter(|(column, _)| measures.contains(&column.name));
            for (column, tally) in wanted {
                tally.lines(&mut out, &head, column.name, column.kind, cell.runs);
            }
        }
        out
    }
}

impl Cell {
    fn add(&mut self, values: &[Value]) {
        self.runs += 1;
        for ((column, tally), value) in MEASURES.iter().zip(&mut self.tallies).zip(values) {
            if column.name == NOT_STARTED
                && let (None, Value::Text(why)) = (&self.not_started, value)
            {
                self.not_started = Some(why.clone());
            }
            match (column.kind, value) {
                (ColumnKind::Text, _) | (_, Value::Missing) => {}
                (_, Value::Text(word)) => tally.count(word),
                (_, Value::Flag(flag)) => tally.count(if *flag { "true" } else { "false" }),
                (kind, Value::Number(n)) => {
                    tally.numbers.add(n.unsigned_abs() * u64::from(*n > 0));
                    if kind == ColumnKind::Count && *n > 0 {
                        tally.count(">0");
                    }
                }
            }
        }
    }

    /// The tally of a measure by its column's name.
    pub fn tally(&self, measure: &str) -> Option<&Tally> {
        self.tallies.get(MEASURES.iter().position(|c| c.name == measure)?)
    }

    /// How many runs have this level of a measure.
    pub fn count(&self, measure: &str, level: &str) -> u64 {
        self.tally(measure).and_then(|t| t.levels.get(level)).copied().unwrap_or(0)
    }

    /// Wilson's 95 % interval for `count` of the cell's runs.
    pub fn interval(&self, count: u64) -> Interval {
        wilson(count, self.runs, Z95)
    }
}

impl Tally {
    fn count(&mut self, word: &str) {
        let known = self.levels.contains_key(word) || self.levels.len() < MAX_LEVELS;
        *self.levels.entry(if known { word } else { "(other)" }.into()).or_default() += 1;
    }

    fn lines(&self, out: &mut String, head: &str, name: &str, kind: ColumnKind, runs: u64) {
        for (level, &count) in &self.levels {
            let i = wilson(count, runs, Z95);
            let share = count as f64 / runs as f64;
            out.push_str(&format!("{head}{name},"));
            field(out, level);
            out.push_str(&format!(",{runs},{count},{share:.6},{:.6},{:.6},,,,,,\n", i.low, i.high));
        }
        let (Some(mean), Some((low, high))) = (self.numbers.mean(), self.numbers.range()) else { return };
        let scale = if kind == ColumnKind::Seconds { 1e-9 } else { 1.0 };
        let show = |x: f64| match kind {
            ColumnKind::Seconds => format!("{:.6}", x * scale),
            _ => format!("{x:.0}"),
        };
        let quantile = |permille| show(self.numbers.quantile(permille).unwrap_or_default() as f64);
        let mean = if kind == ColumnKind::Count { format!("{mean:.6}") } else { show(mean) };
        out.push_str(&format!(
            "{head}{name},,{runs},{},,,,{mean},{},{},{},{},{}\n",
            self.numbers.count(),
            show(low as f64),
            quantile(100),
            quantile(500),
            quantile(900),
            show(high as f64)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{AxisValue, Scale, Unit};
    use crate::measure::{Measures, RunOutcome};
    use crate::plan::{Axis, Setup};
    use crate::row::{line, parse};

    #[test]
    fn counts_and_numbers_by_cell() {
        let values = ["1Mi", "2Mi"].map(AxisValue::parse).to_vec();
        let axes = vec![Axis { name: "rate".into(), keys: vec!["k".into()], levels: Levels::Grid(values) }];
        let plan = Plan::new(Setup { axes, points: 1, repetitions: 4, ..Setup::default() }).unwrap();
        let mut summary = Summary::new(&plan);
        for run in 0..8 {
            let spec = plan.spec(run);
            let outcome = if run % 4 == 0 { RunOutcome::KubepodsOom } else { RunOutcome::Eviction };
            let m = Measures { outcome, first_death: Some(run * 1_000_000_000), evictions: run, ..Measures::default() };
            summary.add(&plan, &parse(&line(&plan, &spec, &m), 2).unwrap());
        }
        assert_eq!(summary.cells[1].count("outcome", "kubepods_oom"), 1);
        assert_eq!(summary.cells[0].count("evictions", ">0"), 3);
        let csv = summary.to_csv(&plan, &["outcome", "first_death_s", "evictions"]);
        // Wilson for 1 of 4 at 95 %: (0.25 + 0.480182 ∓ 1.959964·√(0.046875 + 0.060023)) / 1.960365.
        assert!(csv.contains("1Mi,outcome,kubepods_oom,4,1,0.250000,0.045587,0.699358,,,,,,\n"), "{csv}");
        assert!(csv.contains("2Mi,evictions,,4,4,,,,5.500000,4,4,5,7,7\n"), "{csv}");
        assert!(csv.contains("2Mi,first_death_s,,4,4,,,,5.500000,4.000000,4."), "{csv}");
    }

    #[test]
    fn a_sampled_axis_is_cut_into_parts() {
        let range = AxisRange { from: 1.0, to: 4096.0, unit: Unit::Real, scale: Scale::Log };
        let axes = vec![Axis { name: "x".into(), keys: vec!["k".into()], levels: Levels::Sampled(range) }];
        let plan = Plan::new(Setup { axes, points: 24, repetitions: 3, ..Setup::default() }).unwrap();
        let mut summary = Summary::new(&plan);
        for run in 0..plan.len() {
            let spec = plan.spec(run);
            let outcome = if spec.values[0].number > Some(64.0) { RunOutcome::PodOom } else { RunOutcome::None };
            let m = Measures { outcome, ..Measures::default() };
            summary.add(&plan, &parse(&line(&plan, &spec, &m), 1).unwrap());
        }
        // A Latin hypercube of 24 points has two in each of the twelve parts; 64 is half way from 1 to 4096.
        let parts = &summary.bins[0].parts;
        assert!(parts.iter().all(|p| p.1 == 6), "{parts:?}");
        assert_eq!(parts[5].2.get("none"), Some(&6));
        assert_eq!(parts[6].2.get("pod_oom"), Some(&6));
        assert!((parts[0].0 - 2f64.sqrt()).abs() < 1e-5); // 4096^(1/24)
    }
}
