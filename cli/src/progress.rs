//! How far the work is, on standard error, when it takes longer than a moment: on a terminal one line that is written
//! over and over; elsewhere, where a log keeps every line, ever more seldom a line of its own.

use oomsim_report::text::duration;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No line before this.
const PATIENCE: Duration = Duration::from_secs(1);
/// On a terminal, a new line this often.
const EVERY: Duration = Duration::from_millis(200);
/// In a log, at least a line this often.
const SELDOM: Duration = Duration::from_secs(60);

/// The progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    since: Instant,
    /// When the next line is due, and whether there is one already.
    state: Mutex<(Duration, bool)>,
    terminal: bool,
    /// No line at all: another piece of work, which this one is a part of, says how far it is.
    silent: bool,
    /// How many [`Progress::one_of`] has counted.
    counted: AtomicU64,
}

impl Progress {
    /// Begins; `what` is counted (`runs`).
    pub fn new(what: &'static str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let state = Mutex::new((PATIENCE, false));
        Progress { what, since: Instant::now(), state, terminal, silent: false, counted: AtomicU64::new(0) }
    }

    /// Says nothing: for work that is a part of another's.
    pub fn silent() -> Self {
        let mut progress = Progress::new("");
        progress.silent = true;
        progress
    }

    /// One more of `of` is done, in whatever order.
    pub fn one_of(&self, of: u64) {
        let done = self.counted.fetch_add(1, Ordering::Relaxed) + 1;
        self.at(done, of, done);
    }

    /// `done` of `of`; `now` of them since the beginning.
    pub fn at(&self, done: u64, of: u64, now: u64) {
        let elapsed = self.since.elapsed();
        if self.silent || elapsed < PATIENCE || done >= of {
            return;
        }
        let Ok(mut state) = self.state.try_lock() else { return };
        if elapsed < state.0 {
            return;
        }
        *state = (elapsed + if self.terminal { EVERY } else { elapsed.min(SELDOM) }, true);
        let line = line(self.what, done, of, now, elapsed);
        let mut err = std::io::stderr().lock();
        let _ = if self.terminal { write!(err, "\r{line}\x1b[K") } else { writeln!(err, "{line}") };
        let _ = err.flush();
    }

    /// How long it took so far.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.state.get_mut().is_ok_and(|s| s.1) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: u64, of: u64, now: u64, elapsed: Duration) -> String {
    let rate = now as f64 / elapsed.as_secs_f64().max(1e-9);
    let left = if rate > 0.0 { duration((of.saturating_sub(done)) as f64 / rate) } else { "?".into() };
    let percent = 100.0 * done as f64 / (of as f64).max(1.0);
    format!("{done} of {of} {what} ({percent:.1} %), {rate:.0} per second, {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rate_and_time_left() {
        // 250 of 1,000 are there, 200 of them in 10 s: 20 per second, 750 are left.
        let said = line("runs", 250, 1000, 200, Duration::from_secs(10));
        assert_eq!(said, "250 of 1000 runs (25.0 %), 20 per second, 38 s left");
        assert!(line("runs", 0, 5, 0, Duration::ZERO).ends_with("? left"));
    }
}
