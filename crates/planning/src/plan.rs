//! The deterministic list of runs of a study.

use crate::axis::{AxisRange, AxisValue, Design, Unit, shares};
use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// More runs than this are not one study.
pub const MAX_RUNS: u64 = 100_000_000;

/// A run's name: a hash of scenario, parameters and seed. Two runs with the same id are the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunId(pub u128);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Why there is no such list of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// An axis has no values, or there are no points or no repetitions.
    Empty,
    /// More than [`MAX_RUNS`].
    TooLong {
        /// How many; `u64::MAX` for more than can be counted.
        runs: u64,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Empty => {
                f.write_str("the study has no runs: an axis has no values, or there are no points or repetitions")
            }
            PlanError::TooLong { runs } => write!(f, "the study has {runs} runs; at most {MAX_RUNS} are possible"),
        }
    }
}

impl std::error::Error for PlanError {}

/// Where the values of an axis come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Levels {
    /// Each value is combined with each value of the other axes.
    Grid(Vec<AxisValue>),
    /// Points are spread over the range.
    Sampled(AxisRange),
}

/// One axis of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Column in the results.
    pub name: String,
    /// Scenario keys that take the value.
    pub keys: Vec<String>,
    /// The values.
    pub levels: Levels,
}

impl Axis {
    /// What the numbers of the axis are; [`Unit::Word`] when its values have nothing in common.
    pub fn unit(&self) -> Unit {
        match &self.levels {
            Levels::Sampled(range) => range.unit,
            Levels::Grid(values) => {
                let first = values.first().map_or(Unit::Word, |v| v.unit);
                if values.iter().all(|v| v.unit == first) { first } else { Unit::Word }
            }
        }
    }

    /// What a value sets: key and value.
    pub fn settings<'a>(&'a self, value: &'a AxisValue) -> impl Iterator<Item = (String, String)> + 'a {
        let keys = if value.sets.is_empty() { self.keys.as_slice() } else { &[] };
        keys.iter().map(|key| (key.clone(), value.text.clone())).chain(value.sets.iter().cloned())
    }

    /// The column that holds the values as numbers of bytes or seconds, for an axis whose values are written otherwise.
    pub fn number_column(&self) -> Option<String> {
        match self.unit() {
            Unit::Bytes => Some(format!("{}_bytes", self.name)),
            Unit::Time => Some(format!("{}_s", self.name)),
            Unit::Integer | Unit::Real | Unit::Word => None,
        }
    }
}

/// What a plan is made from.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Hash of the scenario's text and of every file it reads.
    pub scenario: u128,
    /// Settings that all runs share: key and value.
    pub fixed: Vec<(String, String)>,
    /// Axes; the first varies slowest.
    pub axes: Vec<Axis>,
    /// How points are spread over sampled axes.
    pub design: Design,
    /// Number of such points; 1 without sampled axes.
    pub points: u32,
    /// Runs of each combination, with seeds of their own.
    pub repetitions: u64,
    /// First seed.
    pub seed: u64,
}

/// The list of runs.
#[derive(Clone, Debug)]
pub struct Plan {
    setup: Setup,
    /// Values of each axis: all of a grid axis, one per point of a sampled one.
    values: Vec<Vec<AxisValue>>,
    cells: u64,
    len: u64,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSpec {
    /// Place in the plan.
    pub index: u64,
    /// Hash of scenario, settings and seed.
    pub id: RunId,
    /// Seed of the run.
    pub seed: u64,
    /// Combination of parameters: runs with the same number differ only in the seed.
    pub point: u64,
    /// Value of each axis.
    pub values: Vec<AxisValue>,
    /// What is set in the scenario: key and value, as for `--set`.
    pub overrides: Vec<(String, String)>,
}

impl Plan {
    /// Lays out the runs.
    ///
    /// # Errors
    /// When there are no runs, or more than [`MAX_RUNS`].
    pub fn new(setup: Setup) -> Result<Self, PlanError> {
        let mut cells: u64 = 1;
        let mut values = Vec::new();
        for axis in &setup.axes {
            values.push(match &axis.levels {
                Levels::Grid(list) => {
                    cells = cells.saturating_mul(list.len() as u64);
                    list.clone()
                }
                Levels::Sampled(range) => {
                    let at = shares(setup.design, setup.points, setup.seed, &axis.name);
                    at.into_iter().map(|share| range.at(share)).collect()
                }
            });
        }
        let len = cells.saturating_mul(u64::from(setup.points)).saturating_mul(setup.repetitions);
        if len == 0 {
            return Err(PlanError::Empty);
        }
        if len > MAX_RUNS {
            return Err(PlanError::TooLong { runs: len });
        }
        Ok(Plan { setup, values, cells, len })
    }

    /// Number of runs.
    #[allow(clippy::len_without_is_empty, reason = "a plan is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Number of combinations of grid values.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Settings that all runs share: key and value.
    pub fn fixed(&self) -> &[(String, String)] {
        &self.setup.fixed
    }

    /// The axes.
    pub fn axes(&self) -> &[Axis] {
        &self.setup.axes
    }

    /// Axes whose values are combined with each other, with their values.
    pub fn grid_axes(&self) -> impl Iterator<Item = (&Axis, &[AxisValue])> {
        let grid = |(axis, _): &(&Axis, _)| matches!(axis.levels, Levels::Grid(_));
        self.setup.axes.iter().zip(self.values.iter().map(Vec::as_slice)).filter(grid)
    }

    /// The grid cell that a run belongs to.
    pub fn cell_of(&self, index: u64) -> u64 {
        index / self.setup.repetitions / u64::from(self.setup.points)
    }

    /// Values of the grid axes in a cell.
    pub fn cell_values(&self, cell: u64) -> Vec<&AxisValue> {
        let mut rest = cell;
        let mut picked: Vec<&AxisValue> = Vec::new();
        let grid: Vec<&[AxisValue]> = self.grid_axes().map(|(_, values)| values).collect();
        for values in grid.iter().rev() {
            picked.push(&values[(rest % values.len() as u64) as usize]);
            rest /= values.len() as u64;
        }
        picked.reverse();
        picked
    }

    /// The run at a place of the plan; the plan is as long as [`Plan::len`] says.
    pub fn spec(&self, index: u64) -> RunSpec {
        let point = index / self.setup.repetitions;
        let sample = point % u64::from(self.setup.points);
        let mut cell = self.cell_values(self.cell_of(index)).into_iter();
        let mut overrides = self.setup.fixed.clone();
        let mut values = Vec::with_capacity(self.values.len());
        for (axis, list) in self.setup.axes.iter().zip(&self.values) {
            let value = match axis.levels {
                Levels::Grid(_) => cell.next(),
                Levels::Sampled(_) => list.get(sample as usize),
            };
            let Some(value) = value else { continue };
            overrides.extend(axis.settings(value));
            values.push(value.clone());
        }
        // All cells use the same seeds, so that they are compared under the same luck.
        let nth = sample * self.setup.repetitions + index % self.setup.repetitions;
        let seed = nth_seed(self.setup.seed, nth);
        RunSpec { index, id: run_id(self.setup.scenario, &overrides, seed), seed, point, values, overrides }
    }

    /// A hash of the whole plan: two plans with the same fingerprint have the same runs.
    pub fn fingerprint(&self) -> u128 {
        let mut h = Hash::default();
        h.number(self.setup.scenario).number(u128::from(self.setup.seed));
        h.number(u128::from(self.setup.repetitions)).number(u128::from(self.setup.points));
        h.pairs(&self.setup.fixed);
        for (axis, values) in self.setup.axes.iter().zip(&self.values) {
            h.text(&axis.name).number(matches!(axis.levels, Levels::Grid(_)) as u128);
            h.number(axis.keys.len() as u128).number(values.len() as u128);
            axis.keys.iter().for_each(|key| _ = h.text(key));
            for value in values {
                h.text(&value.text).pairs(&value.sets);
            }
        }
        h.0.digest128()
    }
}

/// The seed of run number `nth`: the first seed itself, then numbers that no other first seed leads to (XXH3-64 of
/// both, little-endian, of which 53 bits are kept: every reader of JSON has those). So studies with neighbouring seeds
/// are independent of each other.
pub fn nth_seed(first: u64, nth: u64) -> u64 {
    if nth == 0 {
        return first;
    }
    let mut hash = Xxh3::new();
    hash.update(&first.to_le_bytes());
    hash.update(&nth.to_le_bytes());
    hash.digest() >> 11
}

/// The id of a run: XXH3-128 over the scenario's hash, the settings in the order of their keys (a later setting of the
/// same key replaces an earlier one) and the seed, with lengths in front of texts, all numbers little-endian.
pub fn run_id(scenario: u128, overrides: &[(String, String)], seed: u64) -> RunId {
    let settings: std::collections::BTreeMap<_, _> = overrides.iter().map(|(key, value)| (key, value)).collect();
    let mut h = Hash::default();
    h.number(scenario).number(settings.len() as u128);
    settings.into_iter().for_each(|(key, value)| _ = h.text(key).text(value));
    h.0.update(&seed.to_le_bytes());
    RunId(h.0.digest128())
}

/// The hash of a scenario: its text and every file that it reads, by name.
pub fn scenario_hash<'a>(text: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> u128 {
    let mut h = Hash::default();
    h.text(text);
    files.into_iter().for_each(|(name, content)| _ = h.text(name).text(content));
    h.0.digest128()
}

#[derive(Default)]
struct Hash(Xxh3);

impl Hash {
    fn number(&mut self, n: u128) -> &mut Self {
        self.0.update(&n.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn pairs(&mut self, pairs: &[(String, String)]) -> &mut Self {
        self.number(pairs.len() as u128);
        pairs.iter().for_each(|(key, value)| _ = self.text(key).text(value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Scale;

    fn grid(name: &str, values: &[&str]) -> Axis {
        let levels = Levels::Grid(values.iter().map(|v| AxisValue::parse(v)).collect());
        Axis { name: name.into(), keys: vec![format!("key.{name}")], levels }
    }

    fn sampled(name: &str) -> Axis {
        let range = AxisRange { from: 0.0, to: 1000.0, unit: Unit::Integer, scale: Scale::Linear };
        Axis { name: name.into(), keys: vec![format!("key.{name}")], levels: Levels::Sampled(range) }
    }

    fn plan() -> Plan {
        let axes = vec![grid("a", &["1", "2"]), sampled("x"), grid("b", &["u", "v", "w"])];
        let fixed = vec![("k".to_string(), "0".to_string())];
        Plan::new(Setup { scenario: 7, fixed, axes, points: 4, repetitions: 5, seed: 100, ..Setup::default() }).unwrap()
    }

    #[test]
    fn every_combination_comes_once() {
        let plan = plan();
        assert_eq!((plan.len(), plan.cells()), (2 * 3 * 4 * 5, 6));
        let ids: std::collections::BTreeSet<u128> = (0..plan.len()).map(|i| plan.spec(i).id.0).collect();
        assert_eq!(ids.len(), 120);
        // Run 47: repetition 47 % 5 = 2, point 9 → sample 1, cell 2 → a = 1, b = w; seed 100 + 1·5 + 2.
        let spec = plan.spec(47);
        assert_eq!(
            (spec.values[0].text.as_str(), spec.values[2].text.as_str(), spec.seed, spec.point),
            ("1", "w", nth_seed(100, 7), 9)
        );
        assert_eq!(spec.overrides[0], ("k".into(), "0".into()));
        assert_eq!(spec.overrides[3], ("key.b".into(), "w".into()));
        // The same sample has the same value in every cell.
        assert_eq!(plan.spec(47).values[1], plan.spec(47 + 20).values[1]);
        assert_eq!(plan.cell_of(47), 2);
    }

    #[test]
    fn neighbouring_seeds_share_no_runs() {
        let seeds = |first: u64| (0..400).map(move |nth| nth_seed(first, nth));
        let all: std::collections::BTreeSet<u64> = (1..=20).flat_map(seeds).collect();
        assert_eq!(all.len(), 20 * 400);
        assert_eq!((nth_seed(7, 0), seeds(1).max() < Some(1 << 53)), (7, true));
    }

    #[test]
    fn an_id_depends_on_all_that_matters_and_on_nothing_else() {
        let pair = |k: &str, v: &str| (k.to_string(), v.to_string());
        let base = run_id(1, &[pair("a", "1"), pair("b", "2")], 3);
        assert_eq!(base, run_id(1, &[pair("b", "2"), pair("a", "1")], 3));
        assert_eq!(base, run_id(1, &[pair("b", "9"), pair("a", "1"), pair("b", "2")], 3));
        for other in [
            run_id(2, &[pair("a", "1"), pair("b", "2")], 3),
            run_id(1, &[pair("a", "1"), pair("b", "2")], 4),
            run_id(1, &[pair("a", "1"), pair("b", "3")], 3),
            run_id(1, &[pair("a1", ""), pair("b", "2")], 3),
        ] {
            assert_ne!(base, other);
        }
        // XXH3-128 of the bytes written out: scenario 1, one setting, "a" = "1", seed 2.
        let mut bytes = Vec::new();
        bytes.extend(1u128.to_le_bytes());
        bytes.extend(1u128.to_le_bytes());
        bytes.extend(b"\x01\0\0\0\0\0\0\0a\x01\0\0\0\0\0\0\x001");
        bytes.extend(2u64.to_le_bytes());
        assert_eq!(run_id(1, &[pair("a", "1")], 2).0, xxhash_rust::xxh3::xxh3_128(&bytes));
        assert_ne!(scenario_hash("a", [("b", "c")]), scenario_hash("a", [("bc", "")]));
    }

    #[test]
    fn plans_that_differ_have_other_fingerprints() {
        let one = plan();
        assert_eq!(one.fingerprint(), plan().fingerprint());
        let mut setup = one.setup.clone();
        setup.axes[0] = grid("a", &["1", "3"]);
        assert_ne!(Plan::new(setup).unwrap().fingerprint(), one.fingerprint());
    }

    #[test]
    fn plans_without_runs_and_with_too_many_are_refused() {
        let none = Setup { axes: vec![grid("a", &[])], points: 1, repetitions: 1, ..Setup::default() };
        assert_eq!(Plan::new(none).unwrap_err(), PlanError::Empty);
        let many = Setup { points: 1, repetitions: MAX_RUNS + 1, ..Setup::default() };
        assert_eq!(Plan::new(many).unwrap_err(), PlanError::TooLong { runs: MAX_RUNS + 1 });
    }
}
