//! Two scenarios over the same seeds: how often each began to die how, and by how much that differs.

use oomsim_planning::measure::RunOutcome;
use oomsim_planning::stats::{Interval, Z95, newcombe, wilson};

/// One kind of first death.
#[derive(Clone, Copy, Debug)]
pub struct ShareRow {
    /// The kind.
    pub outcome: RunOutcome,
    /// On how many seeds in the first, and the 95 % interval of the share.
    pub a: (u64, Interval),
    /// In the second.
    pub b: (u64, Interval),
    /// Second less first.
    pub difference: Interval,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Shares {
    /// On how many seeds.
    pub seeds: u64,
    /// The kinds that came.
    pub rows: Vec<ShareRow>,
}

impl Shares {
    /// Of the first deaths of both, one for each seed.
    pub fn new(a: &[RunOutcome], b: &[RunOutcome]) -> Shares {
        let seeds = a.len().min(b.len()) as u64;
        let row = |outcome: RunOutcome| {
            let count = |list: &[RunOutcome]| list.iter().filter(|one| **one == outcome).count() as u64;
            let (one, two) = (count(a), count(b));
            let share = |hits| (hits, wilson(hits, seeds, Z95));
            let difference = newcombe((two, seeds), (one, seeds), Z95);
            (one + two > 0).then(|| ShareRow { outcome, a: share(one), b: share(two), difference })
        };
        Shares { seeds, rows: RunOutcome::ALL.into_iter().filter_map(row).collect() }
    }
}
