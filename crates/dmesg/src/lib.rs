//! Reads the kernel's OOM reports from real logs, of 3.10 to 6.12 and as any of the usual tools prints them, and
//! explains them.
//!
//! ```
//! let log = "[ 12.5] Out of memory: Killed process 1234 (java) total-vm:4194304kB, anon-rss:2097152kB, file-rss:0kB";
//! let reports = oomsim_dmesg::read(log.as_bytes()).unwrap();
//! assert_eq!(reports[0].killed[0].pid, 1234);
//! ```
//!
//! Reading is one pass, in time linear in the input; what is kept is the reports found. Nothing in a log makes it
//! panic: what is not understood is skipped.

mod advice;
mod analysis;
mod assemble;
mod explain;
mod line;
mod machine;
mod model;
mod place;
mod prefix;
mod report;
mod rules;
mod scenario;
mod table;
mod text;

pub use analysis::{Analysis, analyse, to_json};
pub use explain::{Candidate, Explanation, Known, Verdict, explain};
pub use model::to_oom_report;
pub use place::{Place, Qos, place};
pub use report::{CgroupStats, Chosen, Counter, Invoker, Killed, Kind, MemInfo, Reaped, Report, Stamp, Task, Zone};
pub use scenario::{NoScenario, scenario};
pub use text::{NOTHING_FOUND, TextOptions, text};

use std::io::{self, BufRead};

/// All reports of a log in the order of their first lines.
///
/// # Errors
/// Those of the input itself, and that it is no log (a line of more than 16 MiB, more than 4 GiB in all).
pub fn read(input: impl BufRead) -> io::Result<Vec<Report>> {
    let mut machine = machine::Machine::default();
    assemble::run(input, &mut |message| machine.take(message))?;
    Ok(machine.finish())
}

/// As [`read`], but hands each report over as soon as it is over, so that nothing accumulates.
///
/// # Errors
/// Those of the input itself, and that it is no log (a line of more than 16 MiB, more than 4 GiB in all).
pub fn read_each(input: impl BufRead, mut each: impl FnMut(Report)) -> io::Result<()> {
    let mut machine = machine::Machine::default();
    assemble::run(input, &mut |message| {
        machine.take(message);
        for report in machine.drain() {
            each(report);
        }
    })?;
    for report in machine.finish() {
        each(report);
    }
    Ok(())
}
