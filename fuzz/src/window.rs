//! A journal of more runs than the places that are held in memory at a time: it takes long, and is not random.

use oomsim_planning::measure::Measures;
use oomsim_planning::plan::{Plan, Setup};
use oomsim_planning::row;
use oomsim_store::{Contents, Folder, Journal, StoreError, for_each_row};

/// As many as once could not be written: 2^20 and 31 more.
const RUNS: u64 = (1 << 20) + 31;

/// Writes a journal, every second run first, and reads it in the order of its plan.
pub fn attempt(_number: u64) -> Result<(), String> {
    let plan = Plan::new(Setup { points: 1, repetitions: RUNS, ..Setup::default() }).map_err(|e| e.to_string())?;
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let line = |run: u64| row::line(&plan, &plan.spec(run), &Measures { evictions: run, ..Measures::default() });
    let mut next = 0;
    let mut stored = || -> Result<Vec<std::ops::Range<u64>>, StoreError> {
        let contents = Contents::of("window", &plan);
        let mut journal = Journal::open(&Folder::open(dir.path(), false)?, &contents, false)?;
        (0..RUNS).step_by(2).chain((1..RUNS).step_by(2)).try_for_each(|run| journal.append(run, &line(run)))?;
        let union = for_each_row(&[journal.path().to_path_buf()], &contents, |run, text| {
            next += u64::from(run == next && text == line(run));
            Ok::<(), StoreError>(())
        })?;
        Ok(union.missing)
    };
    match stored() {
        Ok(missing) if missing.is_empty() && next == RUNS => Ok(()),
        Ok(missing) => Err(format!("{next} of {RUNS} rows in their places, missing {missing:?}")),
        Err(why) => Err(why.to_string()),
    }
}
