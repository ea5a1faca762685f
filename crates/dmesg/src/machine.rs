//! Messages to reports. Several reports may be open at once: of several hosts in one file, or one cut off by the next.

use crate::assemble::Message;
use crate::line::{CounterName, Figure, Line, Summary};
use crate::report::{Counter, Invoker, Killed, Kind, MemInfo, Report, Stamp};
use crate::table::Columns;

/// Reports that may be open at the same time.
const MAX_OPEN: usize = 8;
/// Messages without a word about memory after which a report is taken to be over.
const PATIENCE: u64 = 20_000;
/// Rows, statistics and kills kept per report: more than any machine has processes.
const MAX_ITEMS: usize = 1 << 20;

#[derive(Debug, Default)]
struct Open {
    report: Report,
    columns: Option<Columns>,
    caller: Option<String>,
    /// A kill, or that there was nobody to kill, has been said.
    ended: bool,
    /// Rows have been read.
    table: bool,
    /// Statistics belong to the cgroup named last.
    in_stats: bool,
    /// Last line before the latest kill, and the line of that kill.
    kill_at: (u64, u64),
    seen_at: u64,
}

/// The state between two messages.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    open: Vec<Open>,
    done: Vec<Report>,
    messages: u64,
    suppressed: Option<u64>,
}

impl Machine {
    /// Takes a message; `None` is one that says nothing about memory.
    pub fn take(&mut self, message: Option<Message<'_>>) {
        self.messages += 1;
        let Some(m) = message else {
            if self.messages.is_multiple_of(1024) {
                self.close_old();
            }
            return;
        };
        let whole = m.parsed.whole;
        match m.parsed.line {
            Line::Invoked(ref invoker) => self.begin(&m, invoker.clone()),
            Line::Killed { ref message, ref killed } => self.killed(&m, message, killed.clone()),
            Line::Suppressed(n) => self.suppressed = Some(n),
            Line::Choose { .. } if self.find(&m, &m.parsed.line).is_none() => {
                let open = self.start(&m);
                open.report.kill_only = true;
                self.item(&m, whole);
            }
            Line::Group(ref path) => {
                self.split_group(&m, path);
                self.item(&m, whole);
            }
            _ => self.item(&m, whole),
        }
    }

    /// A second group is announced: the kill before it was the first of a report of its own, which was suppressed.
    fn split_group(&mut self, m: &Message<'_>, path: &str) {
        let Some(index) = self.find(m, &m.parsed.line) else {
            return;
        };
        let (before_kill, kill) = self.open[index].kill_at;
        let r = &mut self.open[index].report;
        if r.oom_group.as_deref().is_none_or(|g| g == path) || r.killed.len() < 2 {
            return;
        }
        let Some(first) = r.killed.pop() else { return };
        r.killed_lines = r.killed_lines.saturating_sub(1);
        r.last_line = before_kill;
        let kind = r.kind;
        let before = self.open.remove(index);
        self.close(before);
        let open = self.start(m);
        open.report.first_line = kill;
        open.ended = true;
        open.report.kind = kind;
        open.report.kill_only = true;
        open.report.killed_lines = 1;
        open.report.killed.push(first);
    }

    /// Everything that is left.
    pub fn finish(mut self) -> Vec<Report> {
        for open in std::mem::take(&mut self.open) {
            self.close(open);
        }
        self.done.sort_by_key(|r| r.first_line);
        self.done
    }

    /// Reports that are over, for callers that do not want to wait for the end.
    pub fn drain(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.done)
    }

    fn close_old(&mut self) {
        let now = self.messages;
        let (old, young) = std::mem::take(&mut self.open).into_iter().partition(|o| now - o.seen_at > PATIENCE);
        self.open = young;
        let old: Vec<Open> = old;
        for open in old {
            self.close(open);
        }
    }

    fn close(&mut self, open: Open) {
        let mut r = open.report;
        // Statistics or a row alone are no report: other tools print such lines too.
        let something = r.invoker.is_some()
            || r.chosen.is_some()
            || !r.killed.is_empty()
            || r.no_killable
            || r.tasks.len() > 1
            || r.memory.is_some();
        if !something {
            return;
        }
        if r.kind == Kind::Unknown {
            if r.oom_memcg.is_some() || r.memory.is_some() {
                r.kind = Kind::Cgroup;
            } else if r.mem_info.is_some() {
                r.kind = Kind::Node;
            }
        }
        self.done.push(r);
    }

    fn start(&mut self, m: &Message<'_>) -> &mut Open {
        if self.open.len() >= MAX_OPEN {
            let oldest = self.open.remove(0);
            self.close(oldest);
        }
        let report = Report {
            first_line: m.number,
            last_line: m.number,
            host: m.prefix.host.map(str::to_string),
            stamp: Stamp { uptime_us: m.prefix.uptime_us, wall: m.prefix.wall.map(str::to_string) },
            suppressed_before: self.suppressed.take(),
            ..Report::default()
        };
        self.open.push(Open {
            report,
            caller: m.prefix.caller.map(str::to_string),
            seen_at: self.messages,
            ..Open::default()
        });
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn begin(&mut self, m: &Message<'_>, invoker: Invoker) {
        // The report before it, if it has had its kill, is over; otherwise its end may still come or is lost.
        let mut i = 0;
        while i < self.open.len() {
            if same_source(&self.open[i], m) && self.open[i].ended {
                let over = self.open.remove(i);
                self.close(over);
            } else {
                i += 1;
            }
        }
        self.start(m).report.invoker = Some(invoker);
    }

    /// The open report that a message belongs to.
    fn find(&self, m: &Message<'_>, line: &Line) -> Option<usize> {
        let fits = |o: &Open| same_source(o, m) && wants(o, line);
        let mut best: Option<(usize, (bool, bool, u64))> = None;
        for (i, open) in self.open.iter().enumerate() {
            if !fits(open) {
                continue;
            }
            let same_caller = m.prefix.caller.is_some() && open.caller.as_deref() == m.prefix.caller;
            let named = names(open, line);
            // Later ones win among equals, unless the stamps are from another time.
            let distance = match (m.prefix.uptime_us, open.report.stamp.uptime_us) {
                (Some(a), Some(b)) => a.abs_diff(b) / 2_000_000,
                _ => 0,
            };
            let score = (named, same_caller, u64::MAX - distance);
            if best.is_none_or(|(_, b)| score >= b) {
                best = Some((i, score));
            }
        }
        best.map(|(i, _)| i)
    }

    fn touch(&mut self, index: usize, m: &Message<'_>) -> &mut Open {
        let now = self.messages;
        let open = &mut self.open[index];
        open.seen_at = now;
        open.report.last_line = open.report.last_line.max(m.number);
        open
    }

    fn item(&mut self, m: &Message<'_>, whole: bool) {
        let line = &m.parsed.line;
        let index = match self.find(m, line) {
            Some(index) => index,
            // The beginning is missing: these lines stand in no other message.
            None if whole && starts_a_report(line) => {
                self.start(m).report.start_missing = true;
                self.open.len() - 1
            }
            None => return,
        };
        let open = self.touch(index, m);
        if !matches!(line, Line::Stat { .. }) {
            open.in_stats = false;
        }
        let r = &mut open.report;
        match line {
            Line::Cpuset { cpuset, .. } => {
                if let Some(invoker) = &mut r.invoker {
                    invoker.cpuset = Some(cpuset.clone());
                }
            }
            Line::Cpu { pid, uid, comm, release } => {
                let invoker = r.invoker.get_or_insert_with(|| Invoker { comm: comm.clone(), ..Invoker::default() });
                invoker.pid = Some(*pid);
                invoker.uid = *uid;
                r.kernel = release.clone();
            }
            Line::LimitOf { task, oom } => {
                // Alibaba Cloud Linux: "killed as a result of limit of host" is a node OOM.
                if oom == "host" {
                    r.kind = Kind::Node;
                } else {
                    r.kind = Kind::Cgroup;
                    r.oom_memcg = Some(oom.clone());
                }
                r.task_memcg = task.clone();
            }
            Line::Counter(name, counter) => put_counter(r, *name, *counter),
            Line::Stats(stats) => {
                r.kind = Kind::Cgroup;
                // Up to 5.2 the first of the lines is the cgroup itself, from 5.3 on the only one.
                r.oom_memcg.get_or_insert_with(|| stats.cgroup.clone());
                if r.cgroup_stats.len() < MAX_ITEMS {
                    r.cgroup_stats.push(stats.clone());
                }
                open.in_stats = true;
            }
            Line::Stat { key, value } => {
                if let Some(stats) = r.cgroup_stats.last_mut()
                    && stats.values.len() < 512
                {
                    stats.values.push((key.clone(), *value));
                }
            }
            Line::MemInfo => {
                r.mem_info.get_or_insert_default();
            }
            Line::MemPages(values) => {
                let info = r.mem_info.get_or_insert_default();
                if info.pages.len() < 512 {
                    info.pages.extend(values.iter().cloned());
                }
            }
            Line::Zone(zone) => {
                let info = r.mem_info.get_or_insert_default();
                if info.zones.len() < 4096 {
                    info.zones.push(zone.clone());
                }
            }
            Line::LowmemReserve(pages) => {
                if let Some(zone) = r.mem_info.as_mut().and_then(|i| i.zones.last_mut()) {
                    zone.lowmem_reserve = pages.clone();
                }
            }
            Line::Figure(figure, n) => put_figure(r.mem_info.get_or_insert_default(), *figure, *n),
            Line::Columns(columns) => {
                if r.table_columns.is_empty() {
                    r.table_columns = columns.names().to_vec();
                }
                open.columns = Some(columns.clone());
                open.table = true;
            }
            Line::Row(row) => {
                open.table = true;
                if let Some(task) = row.with(open.columns.as_ref())
                    && r.tasks.len() < MAX_ITEMS
                {
                    r.tasks.push(task);
                }
            }
            Line::Summary(summary) => put_summary(r, summary),
            Line::Choose { message, chosen } => {
                set_kind(r, message);
                r.chosen = Some(chosen.clone());
            }
            Line::Group(path) => r.oom_group = Some(path.clone()),
            Line::Exiting(pid) => {
                open.ended = true;
                if r.already_exiting.len() < MAX_ITEMS {
                    r.already_exiting.push(*pid);
                }
            }
            Line::Reaped(reaped) => {
                if r.reaped.len() < MAX_ITEMS {
                    r.reaped.push(reaped.clone());
                }
            }
            Line::NoKillable => {
                r.no_killable = true;
                open.ended = true;
            }
            Line::Panic(text) => {
                r.panic = Some(text.clone());
                r.no_killable |= text.contains("no killable");
                open.ended = true;
            }
            Line::Filler | Line::Other | Line::Invoked(_) | Line::Killed { .. } | Line::Suppressed(_) => {}
        }
    }

    fn killed(&mut self, m: &Message<'_>, message: &str, killed: Killed) {
        let index = match self.find(m, &m.parsed.line) {
            Some(index) => index,
            None => {
                let open = self.start(m);
                open.report.kill_only = true;
                self.open.len() - 1
            }
        };
        let before = self.open[index].report.last_line;
        let open = self.touch(index, m);
        open.ended = true;
        open.kill_at = (before, m.number);
        let r = &mut open.report;
        set_kind(r, message);
        r.killed_lines += 1;
        if r.killed.len() < MAX_ITEMS && !r.killed.iter().any(|k| k.pid == killed.pid) {
            r.killed.push(killed);
        }
    }
}

fn same_source(open: &Open, m: &Message<'_>) -> bool {
    match (open.report.host.as_deref(), m.prefix.host) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// True when the line can still belong to this report.
fn wants(open: &Open, line: &Line) -> bool {
    let r = &open.report;
    match line {
        Line::Killed { killed, .. } => {
            let again = r.killed.iter().any(|k| k.pid == killed.pid);
            if !open.ended {
                return true;
            }
            // After the kill only the members of its group follow.
            r.oom_group.is_some() || (again && !r.kill_only && r.killed_lines < 2)
        }
        Line::Group(_) | Line::Exiting(_) | Line::Panic(_) => true,
        Line::Reaped(reaped) => r.killed.iter().any(|k| k.pid == reaped.pid),
        Line::Choose { .. } => !open.ended && r.chosen.is_none(),
        Line::Stat { .. } => open.in_stats,
        _ if open.ended || r.kill_only => false,
        Line::Counter(CounterName::Memory, _) => r.memory.is_none(),
        Line::Counter(CounterName::Swap, _) => r.swap.is_none(),
        Line::Counter(CounterName::MemorySwap, _) => r.memory_swap.is_none(),
        Line::Counter(CounterName::Kmem, _) => r.kmem.is_none(),
        Line::Cpu { .. } => r.kernel.is_none(),
        Line::LimitOf { .. } => r.task_memcg.is_none(),
        Line::MemInfo => r.mem_info.is_none() && !open.table,
        Line::MemPages(_) | Line::Zone(_) | Line::LowmemReserve(_) | Line::Figure(..) => {
            r.mem_info.is_some() && r.memory.is_none() && !open.table
        }
        Line::Stats(_) => !open.table,
        Line::Columns(_) => r.tasks.is_empty(),
        Line::Row(_) => r.chosen.is_none(),
        Line::Summary(_) => r.constraint.is_none(),
        _ => true,
    }
}

/// True when the line names something that this very report knows.
fn names(open: &Open, line: &Line) -> bool {
    let r = &open.report;
    match line {
        Line::Killed { killed, .. } => r.victim_pid() == Some(killed.pid) || r.task(killed.pid).is_some(),
        Line::Choose { chosen, .. } => r.task(chosen.pid).is_some(),
        Line::Summary(s) => r.task(s.pid).is_some(),
        Line::Exiting(pid) => r.victim_pid() == Some(*pid) || r.task(*pid).is_some(),
        Line::Cpu { comm, .. } | Line::Cpuset { comm, .. } => {
            r.invoker.as_ref().is_some_and(|i| i.comm == *comm && i.pid.is_none())
        }
        _ => false,
    }
}

fn starts_a_report(line: &Line) -> bool {
    matches!(
        line,
        Line::LimitOf { .. }
            | Line::Counter(CounterName::Memory, _)
            | Line::Stats(_)
            | Line::Columns(_)
            | Line::Row(_)
            | Line::Summary(_)
            | Line::NoKillable
    )
}

fn set_kind(r: &mut Report, message: &str) {
    if r.kind == Kind::Unknown {
        if message.starts_with("Memory cgroup") {
            r.kind = Kind::Cgroup;
        } else if message.starts_with("Out of memory") {
            r.kind = Kind::Node;
        }
    }
    r.oom_kill_allocating_task |= message.contains("oom_kill_allocating_task");
}

fn put_counter(r: &mut Report, name: CounterName, counter: Counter) {
    let slot = match name {
        CounterName::Memory => &mut r.memory,
        CounterName::Swap => &mut r.swap,
        CounterName::MemorySwap => &mut r.memory_swap,
        CounterName::Kmem => &mut r.kmem,
    };
    *slot = Some(counter);
    r.kind = Kind::Cgroup;
}

fn put_figure(info: &mut MemInfo, figure: Figure, n: u64) {
    let slot = match figure {
        Figure::PageCachePages => &mut info.pagecache_pages,
        Figure::SwapCachePages => &mut info.swapcache_pages,
        Figure::FreeSwapKb => &mut info.free_swap_kb,
        Figure::TotalSwapKb => &mut info.total_swap_kb,
        Figure::RamPages => &mut info.ram_pages,
        Figure::ReservedPages => &mut info.reserved_pages,
    };
    *slot = Some(n);
}

fn put_summary(r: &mut Report, s: &Summary) {
    r.kind = match s.constraint.as_str() {
        "CONSTRAINT_MEMCG" => Kind::Cgroup,
        "" => r.kind,
        _ => Kind::Node,
    };
    r.constraint = Some(s.constraint.clone());
    if s.oom_memcg.is_some() {
        r.oom_memcg = s.oom_memcg.clone();
    }
    r.task_memcg = s.task_memcg.clone();
    if let (Some(invoker), Some(cpuset)) = (&mut r.invoker, &s.cpuset) {
        invoker.cpuset.get_or_insert_with(|| cpuset.clone());
    }
    if s.pid != 0 {
        r.chosen = Some(crate::report::Chosen { pid: s.pid, comm: s.comm.clone(), score: None });
    }
}
