//! The kernel log: an [`OomReport`] in the wording and order of a kernel version.
//!
//! What the model has no notion of is left out: registers, call trace, hardware. Where a line or a block belongs to
//! the wording and tools look for it, counters of things that the simulated node never has (isolated or dirty pages,
//! sockets, page faults) stand there as 0; free memory stands in the largest blocks of the free lists.
//!
//! Sources: `dump_header`, `dump_tasks`, `oom_kill_process`, `out_of_memory` in mm/oom_kill.c,
//! `mem_cgroup_print_oom_meminfo` in mm/memcontrol.c, `show_free_areas` in mm/page_alloc.c (mm/show_mem.c later);
//! held against the recorded logs of 6.1 and 6.12 and against quoted logs of 4.15 and 5.4.

mod global;
mod header;
mod kill;
mod memcg;
mod ratelimit;
mod record;
mod stat_keys;
mod style;
mod tasks;

#[cfg(test)]
mod tests;

pub use ratelimit::RateLimit;
pub use record::LogRecord;
pub use style::{GfpTexts, HighAtomic, Kill, LogStyle, MemInfoStyle, MemcgStats, NewAnon, STYLES, Table};

use crate::node_api::{Constraint, OomReport};
use crate::units::SimTime;

/// Which hierarchy the memory controller is on; decides the usage lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hierarchy {
    /// cgroup v1.
    V1,
    /// cgroup v2.
    V2,
}

/// Writes the kernel log of one node.
#[derive(Clone, Debug)]
pub struct KernelLog {
    style: LogStyle,
    hierarchy: Hierarchy,
    release: String,
    /// Huge pages of 2 MiB in the node's pool.
    huge_pages: u64,
    limit: RateLimit,
}

impl KernelLog {
    /// A log in the wording `style`; `release` is what `uname -r` prints and stands in the `CPU:` line.
    pub fn new(style: &LogStyle, hierarchy: Hierarchy, release: &str) -> Self {
        KernelLog { style: *style, hierarchy, release: release.into(), huge_pages: 0, limit: RateLimit::default() }
    }

    /// The log of a node with this many huge pages of 2 MiB (`vm.nr_hugepages`).
    #[must_use]
    pub fn with_huge_pages(self, huge_pages: u64) -> Self {
        KernelLog { huge_pages, ..self }
    }

    /// The records of one report, subject to the rate limit: a suppressed report leaves only the lines of its kills.
    pub fn oom(&mut self, report: &OomReport) -> Vec<LogRecord> {
        let mut out = Out { at: report.at, records: Vec::new() };
        let Some(victim) = report.chosen() else {
            // Not rate limited: out_of_memory() calls dump_header() itself.
            if self.style.no_killable || report.panic {
                self.dump(&mut out, report);
                kill::no_victim(&mut out, &self.style, report);
            }
            return out.records;
        };
        let decision = self.limit.ask(report.at);
        if let Some(n) = decision.suppressed {
            out.push(record::WARNING, format!("oom_kill_process: {n} callbacks suppressed"));
        }
        if decision.report {
            self.dump(&mut out, report);
            if self.style.summary {
                out.push(record::INFO, kill::summary(report, victim));
            }
        }
        kill::lines(&mut out, &self.style, report, victim);
        if self.style.reaper_at_once {
            kill::reaped(&mut out, report);
        }
        out.records
    }

    /// `dump_header`.
    fn dump(&self, out: &mut Out, report: &OomReport) {
        header::lines(out, &self.style, report, &self.release);
        match report.constraint {
            Constraint::Memcg => memcg::lines(out, &self.style, self.hierarchy, report),
            Constraint::None => global::lines(out, &self.style, report, self.huge_pages),
        }
        if self.style.protection_line && self.hierarchy == Hierarchy::V2 {
            memcg::protection(out, report);
        }
        tasks::lines(out, &self.style, report);
    }
}

/// Records under way.
struct Out {
    at: SimTime,
    records: Vec<LogRecord>,
}

impl Out {
    fn push(&mut self, level: u8, text: String) {
        self.records.push(LogRecord { at: self.at, level, text });
    }
}

/// The last component of a cgroup path, as `cpuset=` prints it; `/` for the root.
fn leaf(path: &str) -> &str {
    match path.rsplit('/').next() {
        None | Some("") => "/",
        Some(name) => name,
    }
}
