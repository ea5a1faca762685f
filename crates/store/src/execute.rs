//! Runs a part of a plan on all cores.

use crate::error::StoreError;
use crate::journal::Journal;
use oomsim_planning::measure::Measures;
use oomsim_planning::plan::{Plan, RunSpec};
use oomsim_planning::row;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs of the part that are finished, those of earlier sessions included.
    pub done: u64,
    /// Of these, finished now.
    pub now: u64,
    /// Runs in the part.
    pub of: u64,
}

struct Shared<'a> {
    next: u64,
    progress: Progress,
    journal: &'a mut Journal,
    failed: Option<StoreError>,
    /// Runs that panicked, and the first of them with what it said.
    panicked: Option<(u64, u64, String)>,
}

/// Runs everything in `range` that the journal does not hold, on `jobs` threads (0: one per core), until `stop` says
/// so: then the runs in flight are finished and kept. `worker` makes the function that runs one; every thread has
/// its own. What comes out does not depend on the number of threads or on the order in which they finish.
///
/// # Errors
/// When the journal cannot be written, or runs panicked: these have no row, as a defect is no outcome. The runs that
/// are in the journal stay.
pub fn execute<W: FnMut(&RunSpec) -> Measures>(
    plan: &Plan,
    range: Range<u64>,
    journal: &mut Journal,
    jobs: usize,
    worker: impl Fn() -> W + Sync,
    stop: impl Fn() -> bool + Sync,
    progress: impl Fn(Progress) + Sync,
) -> Result<(), StoreError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().map_err(|error| StoreError::Io {
        doing: "start threads for",
        path: journal.path().to_path_buf(),
        error: std::io::Error::other(error.to_string()),
    })?;
    let of = range.end - range.start;
    let done = range.clone().filter(|run| journal.done().contains(*run)).count() as u64;
    let progress_now = Progress { done, now: 0, of };
    let shared =
        Mutex::new(Shared { next: range.start, progress: progress_now, journal, failed: None, panicked: None });
    pool.broadcast(|_| {
        let mut run = worker();
        let mut finished: Option<(u64, Done)> = None;
        while let Some(index) = exchange(&shared, range.end, finished.take(), &stop, &progress) {
            let spec = plan.spec(index);
            let measures = catch_unwind(AssertUnwindSafe(|| run(&spec)));
            finished = Some(match measures {
                Ok(measures) => (index, Ok(row::line(plan, &spec, &measures))),
                Err(panic) => {
                    run = worker();
                    (index, Err(panic_text(&*panic).into()))
                }
            });
        }
    });
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = shared.failed {
        return Err(error);
    }
    shared.journal.sync()?;
    match shared.panicked {
        Some((runs, first, message)) => Err(StoreError::Panicked { runs, first, message }),
        None => Ok(()),
    }
}

/// The row of a run, or what its panic said.
type Done = Result<String, String>;

/// Hands in a finished run and takes the next; `None` when there is nothing more to do.
fn exchange(
    shared: &Mutex<Shared<'_>>,
    end: u64,
    finished: Option<(u64, Done)>,
    stop: &impl Fn() -> bool,
    progress: &impl Fn(Progress),
) -> Option<u64> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    match finished {
        Some((run, Ok(row))) if shared.failed.is_none() => match shared.journal.append(run, &row) {
            Ok(()) => {
                shared.progress.done += 1;
                shared.progress.now += 1;
                progress(shared.progress);
            }
            Err(error) => shared.failed = Some(error),
        },
        Some((run, Err(message))) => {
            shared.panicked = Some(match shared.panicked.take() {
                Some((runs, first, said)) if first < run => (runs + 1, first, said),
                other => (other.map_or(1, |(runs, ..)| runs + 1), run, message),
            });
        }
        _ => {}
    }
    if shared.failed.is_some() || stop() {
        return None;
    }
    while shared.next < end && shared.journal.done().contains(shared.next) {
        shared.next += 1;
    }
    let next = shared.next;
    shared.next += 1;
    (next < end).then_some(next)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::lines::Contents;
    use crate::sorted::for_each_row;
    use oomsim_planning::plan::Setup;
    use std::path::Path;

    fn plan() -> Plan {
        Plan::new(Setup { points: 1, repetitions: 300, ..Setup::default() }).unwrap()
    }

    /// A stand-in for a simulation: what comes out depends on the run alone.
    fn pretend(spec: &RunSpec) -> Measures {
        Measures { evictions: spec.index * 3, ..Measures::default() }
    }

    /// Two runs hit a defect.
    fn broken(spec: &RunSpec) -> Measures {
        assert!(spec.index % 200 != 77, "run {} is broken", spec.index);
        pretend(spec)
    }

    fn open(folder: &Path) -> Journal {
        Journal::open(&Folder::open(folder, false).unwrap(), &Contents::of("s", &plan()), true).unwrap()
    }

    fn never() -> bool {
        false
    }

    fn result(folder: &Path) -> (Vec<String>, Vec<Range<u64>>) {
        let mut rows = Vec::new();
        let missing = for_each_row(&[folder.join("journal")], &Contents::of("s", &plan()), |_, row| {
            rows.push(row.to_string());
            Ok::<(), StoreError>(())
        });
        (rows, missing.unwrap().missing)
    }

    #[test]
    fn threads_order_and_sessions_do_not_matter() {
        let (one, four, parts) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let quiet = |_| {};
        execute(&plan(), 0..300, &mut open(one.path()), 1, || pretend, never, quiet).unwrap();
        execute(&plan(), 0..300, &mut open(four.path()), 4, || pretend, never, quiet).unwrap();
        for range in [200..300, 0..150, 0..300] {
            execute(&plan(), range, &mut open(parts.path()), 2, || pretend, never, quiet).unwrap();
        }
        let (rows, missing) = result(one.path());
        assert!(missing.is_empty());
        assert_eq!(rows, result(four.path()).0);
        assert_eq!(rows, result(parts.path()).0);
        assert!(rows[78].contains(",234,"), "{}", rows[78]);
    }

    #[test]
    fn a_panic_is_no_outcome_and_costs_no_other_run() {
        let dir = tempfile::tempdir().unwrap();
        let failed = execute(&plan(), 0..300, &mut open(dir.path()), 2, || broken, never, |_| {}).unwrap_err();
        let StoreError::Panicked { runs: 2, first: 77, message } = &failed else { panic!("{failed}") };
        assert_eq!(message, "run 77 is broken");
        assert_eq!(result(dir.path()).1, [77..78, 277..278]);
        // With a model that is right, the rest is done.
        execute(&plan(), 0..300, &mut open(dir.path()), 2, || pretend, never, |_| {}).unwrap();
        assert!(result(dir.path()).1.is_empty());
    }

    #[test]
    fn a_stop_keeps_what_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let done = Mutex::new(0);
        let enough = || *done.lock().unwrap() >= 10;
        execute(&plan(), 0..300, &mut open(dir.path()), 1, || pretend, enough, |p| *done.lock().unwrap() = p.done)
            .unwrap();
        assert_eq!(result(dir.path()).1.as_slice(), std::slice::from_ref(&(10..300)));
    }

    #[test]
    fn progress_counts_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        execute(&plan(), 0..100, &mut open(dir.path()), 1, || pretend, never, |_| {}).unwrap();
        let last = Mutex::new(None);
        let keep = |p| *last.lock().unwrap() = Some(p);
        execute(&plan(), 0..300, &mut open(dir.path()), 1, || pretend, never, keep).unwrap();
        assert_eq!(last.into_inner().unwrap(), Some(Progress { done: 300, now: 200, of: 300 }));
    }
}
