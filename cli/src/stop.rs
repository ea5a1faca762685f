//! Interruptions and the time of `--timeout`: what is written is whole, and the message says how to continue.
//!
//! Work that can keep what it has done ([`finishing`]) finishes the runs in flight first; everything else ends at
//! once, as its files take their names only when they are whole.

use crate::exit::{Exit, Failure};
use crate::output;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long runs in flight may take.
const GRACE: Duration = Duration::from_secs(10);
/// The exit code to end with, when the end is asked for.
static ASKED: AtomicU8 = AtomicU8::new(0);
/// Whether work is under way that ends by itself.
static FINISHING: AtomicBool = AtomicBool::new(false);
/// How to continue.
static ADVICE: Mutex<String> = Mutex::new(String::new());

/// Begins to watch for signals and for the end of the time.
pub fn watch(timeout: Option<Duration>) {
    // Without a handler the system ends the process, and no more is lost than a message.
    let _ = ctrlc::set_handler(|| ask(Exit::Interrupted));
    // A limit on the size of files (`ulimit -f`) ends the process by this signal, unless it is caught: then writing
    // fails, and the message says which file.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    if let Some(timeout) = timeout {
        std::thread::spawn(move || {
            std::thread::sleep(timeout);
            ask(Exit::TimedOut);
        });
    }
}

/// Says how to continue, of a command that ends at once and keeps nothing.
pub fn advise(advice: &str) {
    advice.clone_into(&mut ADVICE.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Whether the end is asked for.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed) != 0
}

fn ask(exit: Exit) {
    let again = ASKED.swap(exit as u8, Ordering::Relaxed) != 0;
    if again || !FINISHING.load(Ordering::Relaxed) {
        end(exit);
    }
    output::complain("finishing the runs in progress; interrupt again to end at once");
    std::thread::spawn(move || {
        std::thread::sleep(GRACE);
        end(exit);
    });
}

/// Ends the process.
fn end(exit: Exit) -> ! {
    end_because(failure(exit))
}

/// Ends the process for a reason of its own, with nothing half written.
pub fn end_because(failure: Failure) -> ! {
    let exit = failure.exit;
    output::complain(&failure.to_string());
    oomsim_store::remove_drafts();
    std::process::exit(i32::from(exit as u8))
}

fn failure(exit: Exit) -> Failure {
    let what = if exit == Exit::TimedOut { "the time of --timeout is over" } else { "interrupted" };
    let advice = ADVICE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let message = if advice.is_empty() { what.to_owned() } else { format!("{what}\n  help: {advice}") };
    Failure { exit, message }
}

/// Work that ends by itself when [`asked`], and keeps what it has done.
#[derive(Debug)]
pub struct Finishing(());

/// Begins such work; `advice` says how to continue.
pub fn finishing(advice: String) -> Finishing {
    *ADVICE.lock().unwrap_or_else(PoisonError::into_inner) = advice;
    FINISHING.store(true, Ordering::Relaxed);
    Finishing(())
}

impl Finishing {
    /// The work has ended.
    ///
    /// # Errors
    /// When that was asked for.
    pub fn end(self) -> Result<(), Failure> {
        match ASKED.load(Ordering::Relaxed) {
            0 => Ok(()),
            code if code == Exit::TimedOut as u8 => Err(failure(Exit::TimedOut)),
            _ => Err(failure(Exit::Interrupted)),
        }
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        FINISHING.store(false, Ordering::Relaxed);
    }
}
