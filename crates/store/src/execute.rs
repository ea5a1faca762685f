//! Runs a part of a plan on all cores.

use crate::journal::{Journal, StoreError};
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
}

/// Runs everything in `range` that the journal does not hold, on `jobs` threads (0: one per core). `worker` makes the
/// function that runs one; every thread has its own. A run that panics is a row that says so. What comes out does not
/// depend on the number of threads or on the order in which they finish.
///
/// # Errors
/// When the journal cannot be written; the runs that are in it stay.
pub fn execute<W: FnMut(&RunSpec) -> Measures>(
    plan: &Plan,
    range: Range<u64>,
    journal: &mut Journal,
    jobs: usize,
    worker: impl Fn() -> W + Sync,
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
    let shared = Mutex::new(Shared { next: range.start, progress: progress_now, journal, failed: None });
    pool.broadcast(|_| {
        let mut run = worker();
        let mut finished: Option<(u64, String)> = None;
        while let Some(index) = exchange(&shared, range.end, finished.take(), &progress) {
            let spec = plan.spec(index);
            let measures = catch_unwind(AssertUnwindSafe(|| run(&spec))).unwrap_or_else(|panic| {
                run = worker();
                Measures::of_error(&format!("the simulation panicked: {}", panic_text(&*panic)))
            });
            finished = Some((index, row::line(plan, &spec, &measures)));
        }
    });
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = shared.failed {
        return Err(error);
    }
    shared.journal.sync()
}

/// Hands in a finished run and takes the next; `None` when there is nothing more to do.
fn exchange(
    shared: &Mutex<Shared<'_>>,
    end: u64,
    finished: Option<(u64, String)>,
    progress: &impl Fn(Progress),
) -> Option<u64> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((run, row)) = finished
        && shared.failed.is_none()
    {
        match shared.journal.append(run, &row) {
            Ok(()) => {
                shared.progress.done += 1;
                shared.progress.now += 1;
                progress(shared.progress);
            }
            Err(error) => shared.failed = Some(error),
        }
    }
    if shared.failed.is_some() {
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
    use crate::sorted::for_each_row;
    use oomsim_planning::plan::Setup;
    use std::path::Path;

    fn plan() -> Plan {
        Plan::new(Setup { points: 1, repetitions: 300, ..Setup::default() }).unwrap()
    }

    /// A stand-in for a simulation: what comes out depends on the seed alone.
    fn pretend(spec: &RunSpec) -> Measures {
        assert!(spec.seed != 77, "seed 77 is broken");
        Measures { evictions: spec.seed * 3, ..Measures::default() }
    }

    fn open(folder: &Path) -> Journal {
        Journal::open(folder, "header", 300, true).unwrap()
    }

    fn result(folder: &Path) -> Vec<String> {
        let mut rows = Vec::new();
        let missing = for_each_row(&[folder.join("journal")], "header", 300, |_, row| {
            rows.push(row.to_string());
            Ok::<(), StoreError>(())
        });
        assert!(missing.unwrap().is_empty());
        rows
    }

    #[test]
    fn threads_order_and_sessions_do_not_matter() {
        let (one, four, parts) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let quiet = |_| {};
        execute(&plan(), 0..300, &mut open(one.path()), 1, || pretend, quiet).unwrap();
        execute(&plan(), 0..300, &mut open(four.path()), 4, || pretend, quiet).unwrap();
        for range in [200..300, 0..150, 0..300] {
            execute(&plan(), range, &mut open(parts.path()), 2, || pretend, quiet).unwrap();
        }
        let rows = result(one.path());
        assert_eq!(rows, result(four.path()));
        assert_eq!(rows, result(parts.path()));
        assert!(rows[77].contains("error") && rows[77].contains("seed 77 is broken"), "{}", rows[77]);
        assert!(rows[78].contains(",234,"), "{}", rows[78]);
    }

    #[test]
    fn progress_counts_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        execute(&plan(), 0..100, &mut open(dir.path()), 1, || pretend, |_| {}).unwrap();
        let last = Mutex::new(None);
        execute(&plan(), 0..300, &mut open(dir.path()), 1, || pretend, |p| *last.lock().unwrap() = Some(p)).unwrap();
        assert_eq!(last.into_inner().unwrap(), Some(Progress { done: 300, now: 200, of: 300 }));
    }
}
