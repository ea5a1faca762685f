//! A scenario that reproduces a kill: the processes of the table as processes of a plain Linux machine, with the same
//! cgroup, limit, sizes and adjustments.
//!
//! What the table does not say is made up so that no points change: swapped-out pages count as resident ones (the
//! limit grows by the swap that counted), shared pages as anonymous, and what else the cgroup held is kernel memory.
//! All tasks but the invoker stand as they stood; the invoker, or the largest if it held next to nothing, grows into
//! the limit by its last few pages.

use crate::analysis::Analysis;
use crate::explain::{Candidate, ChoiceVerdict, Explanation};
use crate::report::{LoggedOom, OomKind, Task};
use crate::rules;
use crate::text::hidden;
use oomsim_core::kernel::{CgroupVersion, Profile, Thp, VERSIONS, default_min_free_kbytes};
use oomsim_core::plan::{Change, HostPlan, Injection, NodePlan, ProcessPlan, Scenario};
use oomsim_core::record::expect::{
    Bounds, Check, EventCheck, EventMatch, Expectation, Filter, RequiredShare, Scalar, Test, Window,
};
use oomsim_core::units::{Bytes, Pages, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Footprint, Leak, Then};
use oomsim_scenario::{Comments, NoFiles, load, to_toml_with};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

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

/// With what an editor or a terminal does not show, or acts on, as TOML's escapes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if hidden(c) && c != '\n' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
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
    if explanation.verdict == ChoiceVerdict::AllocatingTask {
        return Err(NoScenario("vm.oom_kill_allocating_task decided, not a comparison"));
    }
    let mut seen = BTreeSet::new();
    let tasks: Vec<&Task> = report
        .tasks
        .iter()
        .filter(|t| t.pid >= 2 && t.pid <= 4_194_304 && (-1000..=1000).contains(&t.oom_score_adj) && seen.insert(t.pid))
        .collect();
    let parts = Parts { report, explanation, chosen, total };
    let plan = parts.plan(&tasks)?;
    let head = format!(
        "Made from lines {} to {} of a kernel log. Points come out as in the log; where it does not say how memory\n\
         was divided, swapped-out and shared pages stand as anonymous ones, the rest as kernel memory.",
        report.first_line, report.last_line
    );
    let text = escaped(&to_toml_with(&plan, &Comments::new().above("", &head)).map_err(|_| NoScenario(DAMAGED))?);
    // Whatever a damaged log said: what is written can be run.
    match load(&text, "log.toml", &NoFiles, &[]) {
        Ok(_) => Ok(text),
        Err(_) => Err(NoScenario(DAMAGED)),
    }
}

const DAMAGED: &str = "the log appears to be damaged: its figures are not those of a machine";

/// What a scenario is made of.
struct Parts<'a> {
    report: &'a LoggedOom,
    explanation: &'a Explanation,
    chosen: &'a Candidate,
    /// Pages of the limit, or of the node.
    total: u64,
}

impl Parts<'_> {
    fn plan(&self, tasks: &[&Task]) -> Result<Scenario, NoScenario> {
        let cgroup = self.report.kind == OomKind::Cgroup;
        let processes = self.processes(tasks);
        let grower = self.grower(&processes).ok_or(NoScenario("no process of the table holds any memory"))?;
        let held: u64 = processes.iter().map(|p| p.anon + p.pgtables).fold(0, u64::saturating_add);
        let free = if cgroup { 0 } else { self.free() };
        let rest = self.total.saturating_sub(held).saturating_sub(free);
        let node_pages = if cgroup { self.total.saturating_mul(2).clamp(1 << 18, MOST_PAGES) } else { self.total };
        if node_pages < LEAST_NODE {
            return Err(NoScenario("the node is smaller than the simulator's smallest"));
        }
        let name = format!("oom-{}", self.chosen.pid);
        let mut plan = Scenario::new(&name, self.node(node_pages, if cgroup { 0 } else { rest }));
        plan.description = self.description();
        plan.duration = SimDuration::from_secs(60);
        let hosts = processes.iter().enumerate().map(|(i, process)| {
            let grows = i == grower;
            self.host(process, grows, if cgroup && grows { rest } else { 0 })
        });
        plan.hosts = hosts.collect();
        if cgroup {
            let change = Change::cgroup_limit(self.oom_memcg(), Pages::new(self.total).bytes());
            plan.injections.push(Injection { at: SimTime::from_secs(1), change });
        }
        plan.expectations.push(self.expectation(cgroup));
        Ok(plan)
    }

    fn description(&self) -> String {
        let r = self.report;
        let when = r.stamp.wall.clone().or_else(|| Some(format!("{} µs after boot", r.stamp.uptime_us?)));
        let mut text = format!("The kill of {} (pid {}) in a kernel log", self.chosen.comm, self.chosen.pid);
        for part in [when.as_deref(), r.host.as_deref()].into_iter().flatten() {
            text.push_str(", ");
            text.push_str(part);
        }
        text
    }

    fn node(&self, pages: u64, kernel_pages: u64) -> NodePlan {
        let mut node = NodePlan::new(Pages::new(pages).bytes());
        node.kernel.kernel_memory = Pages::new(kernel_pages).bytes();
        let v1 = self.report.memory_swap.is_some() || self.report.kmem.is_some();
        node.kernel.cgroup = if v1 { CgroupVersion::V1 } else { CgroupVersion::V2 };
        node.kernel.profile = self.profile();
        node.kernel.sysctl.overcommit_memory = 1;
        node
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

    /// The row, with the rules that explain the choice where they differ.
    fn profile(&self) -> Profile {
        let mut profile = Profile::named(self.version()).unwrap_or_default();
        let Some(rules) = self.rules() else { return profile };
        profile.badness_floor = rules.profile.badness_floor;
        profile.tie = rules.profile.tie;
        // Processes of the machine with user 0 are the host's administrator here.
        profile.root_bonus = rules.profile.root_bonus && rules.root_is_admin;
        // The table's figures are what the kernel counted with, exactly.
        profile.rss_counters_batched = false;
        profile
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

    /// File pages that the line about a kill states.
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

    fn host(&self, p: &Process<'_>, grows: bool, kernel: u64) -> HostPlan {
        let task = p.task;
        let bytes = |pages: u64| Pages::new(pages).bytes();
        let growth = if grows { LAST_GROWTH.min(p.anon.div_ceil(2)) } else { 0 };
        let footprint = Footprint {
            anon: bytes(p.anon - growth),
            file: bytes(p.file),
            // The simulator adds a page of tables for every 512 pages that are touched.
            page_tables: bytes(p.pgtables.saturating_sub(p.anon.div_ceil(512))),
            virtual_size: bytes(task.total_vm.min(MOST_PAGES).saturating_sub(p.anon + p.file)),
            kernel: bytes(kernel),
            ..Footprint::default()
        };
        // A little more than there is room for, so that the limit is met and the growth ends.
        let behavior = if grows { growing(bytes(growth + LAST_GROWTH)) } else { Behavior::IDLE };
        let comm = comm(&task.comm);
        let mut host = HostPlan::new(&format!("{comm}-{}", task.pid), Behavior::IDLE);
        host.cgroup = self.cgroup_of().into();
        host.process = ProcessPlan {
            pid: Some(task.pid),
            uid: task.uid,
            // Only tasks with a legal value are taken over.
            oom_score_adj: i16::try_from(task.oom_score_adj).ok(),
            footprint,
            behavior: Arc::new(behavior),
            ..ProcessPlan::idle(&comm.into())
        };
        host
    }

    /// The cgroup that all processes are put into: the table does not say which process is in which.
    fn cgroup_of(&self) -> String {
        let r = self.report;
        let victim = r.task_memcg.as_deref();
        match (r.kind, r.oom_memcg.as_deref()) {
            (OomKind::Cgroup, Some(oom)) => {
                let below = victim.filter(|v| v.starts_with(&format!("{oom}/")));
                path(below.unwrap_or(oom))
            }
            (OomKind::Cgroup, None) => NO_PATH.into(),
            _ => victim.filter(|v| v.starts_with('/')).map_or_else(|| "/system.slice".into(), path),
        }
    }

    /// The cgroup whose limit was met.
    fn oom_memcg(&self) -> String {
        self.report.oom_memcg.as_deref().map_or_else(|| NO_PATH.into(), path)
    }

    fn expectation(&self, cgroup: bool) -> Expectation {
        let equals = |field: &str, value: Scalar| Filter { field: field.into(), test: Test::Equals(value) };
        let constraint = if cgroup { "CONSTRAINT_MEMCG" } else { "CONSTRAINT_NONE" };
        let mut filters = vec![equals("constraint", Scalar::Text(constraint.into()))];
        if cgroup {
            filters.push(equals("oom_memcg", Scalar::Text(self.oom_memcg())));
        }
        filters.push(equals("victim.pid", Scalar::Int(self.chosen.pid.into())));
        filters.push(equals("victim.comm", Scalar::Text(comm(&self.chosen.comm))));
        filters.push(equals("victim.oom_score_adj", Scalar::Int(self.chosen.oom_score_adj.into())));
        Expectation {
            source: format!("the log's line {}: which process was chosen", self.report.last_line),
            line: 0,
            required: RequiredShare::ALL,
            check: Check::Event(Box::new(EventCheck {
                what: EventMatch { kind: "OomKill".into(), filters, ..EventMatch::default() },
                count: Bounds::at_least(1),
                between: Window::default(),
                after: None,
                before: None,
            })),
        }
    }
}

/// Block by block, a little later than the limit is set, up to this total.
fn growing(total: Bytes) -> Behavior {
    Behavior::Leak(Leak {
        block: Bytes::kib(4),
        every: SimDuration::from_millis(1),
        total: Some(total),
        touched_permille: 1000,
        touch_rate: None,
        jitter: None,
        first_after: Some(SimDuration::from_secs(2)),
        then: Then::Hold,
    })
}

/// Stands for a path that the log does not state.
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

/// At most this many bytes, without control characters.
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
