//! A scenario that reproduces a kill: the processes of the table as processes of a plain Linux machine, with the same
//! cgroup, limit, sizes and adjustments.
//!
//! What the table does not tell is made up so that no points change: swapped-out pages count as resident ones (the
//! limit grows by the swap that counted), shared pages as anonymous, and what else the cgroup held is kernel memory.
//! All tasks but the invoker stand as they stood; the invoker, or the largest if it held next to nothing, grows into
//! the limit by its last few pages.

use crate::analysis::Analysis;
use crate::explain::{Candidate, Explanation, Verdict};
use crate::report::{Kind, Report, Task};
use crate::rules;
use oomsim_core::kernel::{Profile, Thp, VERSIONS, default_min_free_kbytes};
use oomsim_core::units::Pages;
use oomsim_scenario::{NoFiles, load};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// Pages that the growing process takes at the end: 4 MiB.
const LAST_GROWTH: u64 = 1024;
/// A process with less does not grow into a limit.
const LEAST_GROWER: u64 = 64;
/// More than any machine has; keeps hostile numbers from overflowing.
const MOST_PAGES: u64 = 1 << 34;
/// Smallest and largest cgroup and machine that a scenario can have.
const LEAST_NODE: u64 = (32 << 20) / 4096;

/// Why no scenario can be made of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoScenario(&'static str);

impl fmt::Display for NoScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoScenario {}

/// A process of the scenario, in pages.
struct Process<'a> {
    task: &'a Task,
    anon: u64,
    file: u64,
    pgtables: u64,
}

/// The scenario as TOML.
///
/// # Errors
/// When the report does not say enough: no table, no limit, no kill.
pub fn scenario(analysis: &Analysis) -> Result<String, NoScenario> {
    let report = &analysis.report;
    let explanation = &analysis.explanation;
    if report.tasks.is_empty() {
        return Err(NoScenario("the table of tasks is missing"));
    }
    let chosen = explanation.candidates.iter().find(|c| c.chosen);
    let chosen = chosen.ok_or(NoScenario("the process that was chosen is not in the table"))?;
    let total = explanation.total_pages.filter(|t| *t > 0);
    let total = total.ok_or(NoScenario("the limit, or the node's memory, is missing"))?.min(MOST_PAGES);
    if report.by_hand() {
        return Err(NoScenario("the kill was asked for by hand (SysRq), nothing had run out"));
    }
    if explanation.verdict == Verdict::AllocatingTask {
        return Err(NoScenario("vm.oom_kill_allocating_task decided, not a comparison"));
    }
    let mut seen = BTreeSet::new();
    let tasks: Vec<&Task> = report
        .tasks
        .iter()
        .filter(|t| t.pid >= 2 && t.pid <= 4_194_304 && (-1000..=1000).contains(&t.oom_score_adj) && seen.insert(t.pid))
        .collect();
    let mut writer = Writer { report, explanation, chosen, total, out: String::new() };
    writer.all(&tasks)?;
    // Whatever a damaged log said: what is written can be run.
    match load(&writer.out, "log.toml", &NoFiles, &[]) {
        Ok(_) => Ok(writer.out),
        Err(_) => Err(NoScenario("its figures are none of a machine: the log is damaged")),
    }
}

struct Writer<'a> {
    report: &'a Report,
    explanation: &'a Explanation,
    chosen: &'a Candidate,
    total: u64,
    out: String,
}

/// Writing to a String cannot fail: results are dropped.
impl Writer<'_> {
    fn all(&mut self, tasks: &[&Task]) -> Result<(), NoScenario> {
        let cgroup = self.report.kind == Kind::Cgroup;
        let processes = self.processes(tasks);
        let grower = self.grower(&processes).ok_or(NoScenario("no process of the table holds any memory"))?;
        let held: u64 = processes.iter().map(|p| p.anon + p.pgtables).fold(0, u64::saturating_add);
        let free = if cgroup { 0 } else { self.free() };
        let rest = self.total.saturating_sub(held).saturating_sub(free);
        let nodes_pages = if cgroup { self.total.saturating_mul(2).clamp(1 << 18, MOST_PAGES) } else { self.total };
        if nodes_pages < LEAST_NODE {
            return Err(NoScenario("the node is smaller than the simulator's smallest"));
        }
        self.head(cgroup, nodes_pages, rest);
        for (i, process) in processes.iter().enumerate() {
            let kernel = if cgroup && i == grower { rest } else { 0 };
            self.process(process, i == grower, kernel);
        }
        if cgroup {
            let path = self.oom_memcg();
            let limit = self.total.saturating_mul(4);
            let _ = write!(self.out, "\n[[at]]\ntime = \"1s\"\ncgroup = {}\nlimit = \"{limit}Ki\"\n", string(&path));
        }
        self.expectation(cgroup);
        Ok(())
    }

    fn head(&mut self, cgroup: bool, node_pages: u64, rest: u64) {
        let r = self.report;
        let when = r.stamp.wall.clone().or_else(|| Some(format!("{} µs after boot", r.stamp.uptime_us?)));
        let mut text = format!("The kill of {} (pid {}) in a kernel log", self.chosen.comm, self.chosen.pid);
        if let Some(when) = when {
            let _ = write!(text, ", {when}");
        }
        if let Some(host) = &r.host {
            let _ = write!(text, ", {host}");
        }
        let _ = writeln!(
            self.out,
            "# Made from lines {} to {} of a kernel log. Points come out as in the log; where it does not tell how memory\n\
             # was divided, swapped-out and shared pages stand as anonymous ones, the rest as kernel memory.\n\
             name = \"oom-{}\"\ndescription = {}\nduration = \"1m\"",
            r.first_line,
            r.last_line,
            self.chosen.pid,
            string(&text)
        );
        let _ = writeln!(self.out, "\n[node]\nmemory = \"{}Ki\"", node_pages.saturating_mul(4));
        if !cgroup {
            let _ = writeln!(self.out, "system = {{ kernel = \"{}Ki\" }}", rest.saturating_mul(4));
        }
        let v1 = r.memory_swap.is_some() || r.kmem.is_some();
        let _ = writeln!(self.out, "\n[kernel]\nversion = \"{}\"", self.version());
        let _ = writeln!(self.out, "cgroup = \"{}\"", if v1 { "v1" } else { "v2" });
        self.capabilities();
        let _ = writeln!(self.out, "sysctl = {{ \"vm.overcommit_memory\" = 1 }}");
    }

    /// The row of the simulator: the release's own if it has one, else the one with the rules that explain the choice.
    fn version(&self) -> &'static str {
        let wanted = self.report.kernel.as_deref().and_then(rules::version);
        let rows = VERSIONS.iter().filter(|row| rules::version(row).is_some_and(|row| Some(row) <= wanted));
        match wanted {
            Some(_) => rows.copied().next_back().unwrap_or(VERSIONS[0]),
            None => self.rules().map_or(VERSIONS[VERSIONS.len() - 1], |r| {
                VERSIONS.iter().find(|v| **v == r.profile.version).copied().unwrap_or(VERSIONS[0])
            }),
        }
    }

    fn rules(&self) -> Option<rules::Rules> {
        rules::candidates(self.report.kernel.as_deref()).into_iter().find(|r| r.name == self.explanation.rules)
    }

    /// What differs between the row and the rules that explain the choice.
    fn capabilities(&mut self) {
        let (Some(rules), Some(row)) = (self.rules(), Profile::named(self.version())) else { return };
        for name in ["badness_floor", "tie"] {
            let (Ok(own), Ok(wanted)) = (row.get(name), rules.profile.get(name)) else { continue };
            if own != wanted {
                let _ = writeln!(self.out, "{name} = \"{wanted}\"");
            }
        }
        // Processes of the machine with user 0 are the host's administrator here.
        let bonus = rules.profile.root_bonus && rules.root_is_admin;
        if row.root_bonus != bonus {
            let _ = writeln!(self.out, "root_bonus = {bonus}");
        }
        // The table's figures are what the kernel counted with, exactly.
        if row.rss_counters_batched {
            let _ = writeln!(self.out, "rss_counters_batched = false");
        }
    }

    /// Free pages at which a node of this size is out of memory.
    fn free(&self) -> u64 {
        default_min_free_kbytes(Pages::new(self.total), 2, Thp::Never) / 4
    }

    /// Sizes of the processes; together they hold no more than there is.
    fn processes<'t>(&self, tasks: &[&'t Task]) -> Vec<Process<'t>> {
        let mut processes: Vec<Process<'t>> = tasks
            .iter()
            .map(|task| {
                let rss = task.rss.min(MOST_PAGES);
                let file = match task.rss_split {
                    Some([_, file, _]) => file.min(rss),
                    None => self.killed_file(task.pid).min(rss),
                };
                let swap = task.swapents.min(MOST_PAGES);
                let pgtables = task.pgtables_pages.min(MOST_PAGES);
                Process { task, anon: rss - file + swap, file, pgtables }
            })
            .collect();
        // Pages of files that many map are charged once, elsewhere or not at all; the old table does not tell them
        // apart. Each process gives as much as is too much, the same amount if it has it.
        let most = self.total.saturating_sub(self.total / 256);
        let held = |ps: &[Process<'_>]| ps.iter().map(|p| p.anon + p.pgtables).fold(0u64, u64::saturating_add);
        let over = held(&processes).saturating_sub(most);
        if over > 0 {
            let given = |each: u64| processes.iter().map(|p| p.anon.min(each)).fold(0u64, u64::saturating_add);
            let (mut low, mut high) = (0u64, MOST_PAGES * 2);
            while low < high {
                let middle = low + (high - low) / 2;
                if given(middle) < over {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            for p in &mut processes {
                let moved = p.anon.min(low);
                p.anon -= moved;
                p.file += moved;
            }
        }
        processes
    }

    /// File pages that the line about a kill tells.
    fn killed_file(&self, pid: u32) -> u64 {
        let killed = self.report.killed.iter().find(|k| k.pid == pid);
        killed.and_then(|k| k.file_rss_kb).unwrap_or(0) / 4
    }

    fn grower(&self, processes: &[Process<'_>]) -> Option<usize> {
        let invoker = self.report.invoker.as_ref().and_then(|i| i.pid);
        let own = processes.iter().position(|p| Some(p.task.pid) == invoker && p.anon >= LEAST_GROWER);
        let largest = || (0..processes.len()).max_by_key(|i| processes[*i].anon);
        own.or_else(largest).filter(|i| processes[*i].anon > 0)
    }

    fn process(&mut self, p: &Process<'_>, grows: bool, kernel: u64) {
        let task = p.task;
        let growth = if grows { LAST_GROWTH.min(p.anon.div_ceil(2)) } else { 0 };
        let kib = |pages: u64| pages.saturating_mul(4);
        let held = p.anon - growth;
        let more = task.total_vm.min(MOST_PAGES).saturating_sub(p.anon + p.file);
        let name = comm(&task.comm);
        let _ = write!(
            self.out,
            "\n[[host]]\nname = {}\ncomm = {}\npid = {}\nuid = {}\ncgroup = {}\noomScoreAdj = {}\n",
            string(&format!("{name}-{}", task.pid)),
            string(&name),
            task.pid,
            task.uid,
            string(&self.cgroup_of()),
            task.oom_score_adj,
        );
        // The simulator adds a page of tables for every 512 pages that are touched.
        let tables = p.pgtables.saturating_sub(p.anon.div_ceil(512));
        let mut parts = vec![format!("anon = \"{}Ki\"", kib(held)), format!("pageTables = \"{}Ki\"", kib(tables))];
        for (key, pages) in [("file", p.file), ("kernel", kernel), ("virtual", more)] {
            if pages > 0 {
                parts.push(format!("{key} = \"{}Ki\"", kib(pages)));
            }
        }
        let _ = writeln!(self.out, "footprint = {{ {} }}", parts.join(", "));
        if grows {
            // A little more than there is room for, so that the limit is met and the growth ends.
            let to = kib(growth + LAST_GROWTH);
            let _ = writeln!(
                self.out,
                "workload.leak = {{ block = \"4Ki\", every = \"1ms\", firstAfter = \"2s\", total = \"{to}Ki\" }}"
            );
        }
    }

    /// The cgroup that everyone is put into: the table does not tell whose is whose.
    fn cgroup_of(&self) -> String {
        let r = self.report;
        let victim = r.task_memcg.as_deref();
        match (r.kind, r.oom_memcg.as_deref()) {
            (Kind::Cgroup, Some(oom)) => {
                let below = victim.filter(|v| v.starts_with(&format!("{oom}/")));
                path(below.unwrap_or(oom))
            }
            (Kind::Cgroup, None) => NO_PATH.into(),
            _ => victim.filter(|v| v.starts_with('/')).map_or_else(|| "/system.slice".into(), path),
        }
    }

    /// The cgroup whose limit was met.
    fn oom_memcg(&self) -> String {
        self.report.oom_memcg.as_deref().map_or_else(|| NO_PATH.into(), path)
    }

    fn expectation(&mut self, cgroup: bool) {
        let r = self.report;
        let mut fields = vec![format!("constraint = \"CONSTRAINT_{}\"", if cgroup { "MEMCG" } else { "NONE" })];
        if cgroup {
            fields.push(format!("oom_memcg = {}", string(&self.oom_memcg())));
        }
        let victim = format!(
            "victim = {{ pid = {}, comm = {}, oom_score_adj = {} }}",
            self.chosen.pid,
            string(&comm(&self.chosen.comm)),
            self.chosen.oom_score_adj
        );
        fields.push(victim);
        let source = format!("the log's line {}: who was chosen", r.last_line);
        let _ = write!(
            self.out,
            "\n[[expect]]\nsource = {}\nevent = \"OomKill\"\nwhere = {{ {} }}\n",
            string(&source),
            fields.join(", ")
        );
    }
}

/// Stands for a path that the log does not tell.
const NO_PATH: &str = "/log";
/// Longest part of a path; the kernel's own limit of a name.
const MOST_SEGMENT: usize = 255;
/// Deepest path.
const MOST_SEGMENTS: usize = 12;

/// A process name of the log as a kernel can have it: 15 bytes (TASK_COMM_LEN) that can be shown. What a damaged line
/// has in their place is cut, or becomes `?`.
fn comm(text: &str) -> String {
    let plain = plain(text.trim(), 15);
    let name = plain.trim();
    if name.is_empty() { "?".into() } else { name.into() }
}

/// A cgroup's path of the log as a kernel can have it.
fn path(text: &str) -> String {
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    let parts: Vec<_> = parts.take(MOST_SEGMENTS).map(|part| plain(part, MOST_SEGMENT)).collect();
    if parts.is_empty() && text != "/" { NO_PATH.into() } else { format!("/{}", parts.join("/")) }
}

/// At most so many bytes, without control characters.
fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { '?' } else { c }) {
        if out.len() + c.len_utf8() > most {
            break;
        }
        out.push(c);
    }
    out
}

/// A TOML string.
fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
