//! Messages to reports. Several reports may be open at once: of several hosts in one file, or one cut off by the next.

mod fits;
mod put;

use crate::Found;
use crate::assemble::{Event, Message};
use crate::line::{CounterName, Figure, LogLine};
use crate::page_size::page_size;
use crate::report::{Invoker, Killed, LoggedOom, Lost, OomKind, Stamp};
use crate::table::Columns;
use fits::{names, near, same_source, wants};
use std::collections::BTreeMap;

/// Reports that may be open at the same time.
const MAX_OPEN: usize = 8;
/// Messages without a word about memory after which a report is taken to be over.
const PATIENCE: u64 = 20_000;
/// Rows, statistics and kills kept per report: more than any machine has processes.
const MAX_ITEMS: usize = 1 << 20;

#[derive(Debug, Default)]
struct Open {
    report: LoggedOom,
    columns: Option<Columns>,
    caller: Option<String>,
    /// A kill, or that no process may be killed, has been said.
    ended: bool,
    /// Rows have been read.
    table: bool,
    /// Statistics belong to the cgroup named last.
    in_stats: bool,
    /// Last line before the latest kill, and the line of that kill.
    kill_at: (u64, u64),
    /// Stamp of the latest kill.
    killed_us: Option<u64>,
    seen_at: u64,
    /// Stamps of its latest line that had one.
    seen_us: Option<u64>,
    seen_wall: Option<String>,
}

/// The state between two messages.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    open: Vec<Open>,
    done: Vec<Found>,
    messages: u64,
    suppressed: Option<u64>,
    /// Lost messages that no report was open for.
    lost: Option<(Lost, u64)>,
}

impl Machine {
    /// Takes what a line says.
    pub fn take(&mut self, event: Event) {
        let m = match event {
            Event::Others(n) => {
                let before = self.messages / 1024;
                self.messages += n;
                if self.messages / 1024 > before {
                    self.close_old();
                }
                return;
            }
            Event::Pause => return self.close_ended(),
            Event::Message(m) => m,
        };
        self.messages += 1;
        let whole = m.parsed.whole;
        match m.parsed.line {
            LogLine::Invoked(ref invoker) => self.begin(&m, invoker.clone()),
            LogLine::Killed { ref message, ref killed } => self.killed(&m, message, killed.clone()),
            LogLine::Suppressed(n) => self.suppressed = Some(n),
            LogLine::Lost(messages) => self.lost(&m, messages),
            LogLine::OtherKill(ref kill) => {
                let mut kill = kill.clone();
                kill.line = m.origin.number;
                self.done.push(Found::Other(kill));
            }
            LogLine::Choose { .. } if self.find(&m, &m.parsed.line).is_none() => {
                let open = self.start(&m);
                open.report.kill_only = true;
                self.item(&m, whole);
            }
            LogLine::Group(ref path) => {
                self.split_group(&m, path);
                self.item(&m, whole);
            }
            _ => self.item(&m, whole),
        }
    }

    /// Messages were lost: of the report that is being printed, or of the one that comes next.
    fn lost(&mut self, m: &Message, messages: Option<u64>) {
        let lost = Lost { line: m.origin.number, messages, in_table: false };
        match self.open.iter_mut().rev().find(|o| !o.ended && same_source(o, m)) {
            Some(open) => {
                let in_table = open.table && open.report.chosen.is_none();
                if open.report.lost.len() < 1024 {
                    open.report.lost.push(Lost { in_table, ..lost });
                }
                open.seen_at = self.messages;
            }
            None => self.lost = Some((lost, self.messages)),
        }
    }

    /// A second group is announced: the kill before it was the first of a report of its own, which was suppressed.
    fn split_group(&mut self, m: &Message, path: &str) {
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

    /// Everything that is left, in the order of the first lines.
    pub fn finish(mut self) -> Vec<Found> {
        for open in std::mem::take(&mut self.open) {
            self.close(open);
        }
        self.done.sort_by_key(|done| match done {
            Found::Report(r) => r.position(),
            Found::Other(o) => (o.line, None),
        });
        self.done
    }

    /// Reports that are over, for callers that do not want to wait for the end.
    pub fn drain(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.done)
    }

    /// The kernel prints a report at once: what has had its kill is over when nothing more comes.
    fn close_ended(&mut self) {
        let (ended, others) = std::mem::take(&mut self.open).into_iter().partition(|o| o.ended);
        self.open = others;
        let ended: Vec<Open> = ended;
        ended.into_iter().for_each(|open| self.close(open));
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
        if r.kind == OomKind::Unknown {
            if r.oom_memcg.is_some() || r.memory.is_some() {
                r.kind = OomKind::Cgroup;
            } else if r.mem_info.is_some() {
                r.kind = OomKind::Node;
            } else if let Some(kind) = r.trace {
                r.kind = kind;
            }
        }
        complete(&mut r);
        self.done.push(Found::Report(Box::new(r)));
    }

    fn start(&mut self, m: &Message) -> &mut Open {
        if self.open.len() >= MAX_OPEN {
            let oldest = self.open.remove(0);
            self.close(oldest);
        }
        let report = LoggedOom {
            first_line: m.origin.number,
            last_line: m.origin.number,
            host: m.origin.host.clone(),
            stamp: Stamp { uptime_us: m.origin.uptime_us, wall: m.origin.wall.clone() },
            suppressed_before: self.suppressed.take(),
            // What was lost just before may have been this report's beginning.
            lost: self.lost.take().filter(|(_, at)| self.messages - at < 64).map(|(l, _)| l).into_iter().collect(),
            ..LoggedOom::default()
        };
        let caller = m.origin.caller.clone();
        self.open.push(Open { report, caller, seen_at: self.messages, ..Open::default() });
        self.touch(self.open.len() - 1, m);
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn begin(&mut self, m: &Message, invoker: Invoker) {
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
    fn find(&self, m: &Message, line: &LogLine) -> Option<usize> {
        let fits = |o: &Open| same_source(o, m) && wants(o, line) && near(o, m);
        let mut best: Option<(usize, (bool, bool, u64))> = None;
        for (i, open) in self.open.iter().enumerate() {
            if !fits(open) {
                continue;
            }
            let same_caller = m.origin.caller.is_some() && open.caller == m.origin.caller;
            let named = names(open, line);
            // Later ones win among equals, unless the stamps are from another time.
            let distance = match (m.origin.uptime_us, open.report.stamp.uptime_us) {
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

    fn touch(&mut self, index: usize, m: &Message) -> &mut Open {
        let now = self.messages;
        let open = &mut self.open[index];
        open.seen_at = now;
        open.seen_us = m.origin.uptime_us.or(open.seen_us);
        if m.origin.wall.is_some() && m.origin.wall != open.seen_wall {
            open.seen_wall.clone_from(&m.origin.wall);
        }
        open.report.first_line = open.report.first_line.min(m.origin.number);
        open.report.last_line = open.report.last_line.max(m.origin.number);
        open
    }

    fn item(&mut self, m: &Message, whole: bool) {
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
        self.touch(index, m).put(line, m.origin.number);
    }

    fn killed(&mut self, m: &Message, message: &str, killed: Killed) {
        let regrouped = self.named_again(m, &killed);
        let index = match regrouped.or_else(|| self.find(m, &m.parsed.line)).or_else(|| self.at_once(m, &killed)) {
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
        open.kill_at = (before, m.origin.number);
        open.killed_us = m.origin.uptime_us;
        let r = &mut open.report;
        put::set_kind(r, message);
        r.killed_lines += 1;
        if r.killed.len() < MAX_ITEMS && !r.killed.iter().any(|k| k.pid == killed.pid) {
            r.killed.push(killed);
        }
    }

    /// A group was killed, but the line that announces it (of a lower level) is not in the log: the chosen process is
    /// named twice, and what stands between is of the group too.
    fn named_again(&mut self, m: &Message, killed: &Killed) -> Option<usize> {
        let own = |o: &Open| is_cgroup_kill(o, m);
        let again = self.open.iter().position(|o| {
            own(o)
                && near(o, m)
                && o.report.killed.first().is_some_and(|k| k.pid == killed.pid && k.comm == killed.comm)
        });
        let between = |index: usize| self.open[index + 1..].iter().any(|o| o.report.kill_only && own(o));
        let index = again.filter(|i| between(*i))?;
        let later = self.open.split_off(index + 1);
        let (after, others): (Vec<Open>, Vec<Open>) = later.into_iter().partition(|o| o.report.kill_only && own(o));
        self.open.extend(others);
        let first = &mut self.open[index].report;
        first.group_not_announced |= first.oom_group.is_none();
        for open in after {
            first.killed_lines += open.report.killed_lines;
            first.killed.extend(open.report.killed);
        }
        Some(index)
    }

    /// Kills of reports that were suppressed lie milliseconds apart (1.8 at the least in 40 recorded ones), members of
    /// a group microseconds.
    fn at_once(&mut self, m: &Message, killed: &Killed) -> Option<usize> {
        let at_once = |o: &Open| {
            let apart = o.killed_us.zip(m.origin.uptime_us).map(|(a, b)| b.saturating_sub(a));
            let adj = o.report.killed.first().and_then(|k| k.oom_score_adj);
            apart.is_some_and(|us| us <= 1000) && adj.is_some() && adj == killed.oom_score_adj
        };
        let index = self.open.iter().rposition(|o| is_cgroup_kill(o, m) && at_once(o))?;
        let r = &mut self.open[index].report;
        r.group_not_announced |= r.oom_group.is_none();
        Some(index)
    }
}

/// True when a report is about a cgroup, of the message's machine, and has had its kill.
fn is_cgroup_kill(o: &Open, m: &Message) -> bool {
    o.ended && o.report.kind == OomKind::Cgroup && same_source(o, m)
}

/// What only the whole of a report shows.
fn complete(r: &mut LoggedOom) {
    if let Some((kb, from)) = page_size(r) {
        r.page_size_kb = kb;
        r.page_size_from = Some(from);
        for task in r.tasks.iter_mut().filter(|t| t.pgtables_bytes > 0) {
            let other = task.pgtables_pages.saturating_sub(task.pgtables_bytes / 4096);
            task.pgtables_pages = other.saturating_add(task.pgtables_bytes / (kb * 1024));
        }
    }
    repeated_rows(r);
    // A name that the prefix hid a part of stands whole on the `CPU:` line, a cut one of a kill in the table.
    let mut named = std::mem::take(&mut r.killed);
    for killed in named.iter_mut().filter(|k| k.comm.is_empty()) {
        let chosen = r.chosen.as_ref().filter(|c| c.pid == killed.pid).map(|c| c.comm.clone());
        killed.comm = r.task(killed.pid).map(|t| t.comm.clone()).or(chosen).unwrap_or_default();
    }
    r.killed = named;
    // From 5.1 on the process of the summary is the one that dies: two pids for one name are a damaged line.
    if let (Some(chosen), [only]) = (r.chosen.clone(), r.killed.as_slice())
        && chosen.score.is_none()
        && only.pid != chosen.pid
        && only.comm == chosen.comm
        && r.task(chosen.pid).is_some()
        && r.task(only.pid).is_none()
        && r.kernel.as_deref().and_then(crate::rules::version).is_some_and(|v| v >= (5, 1))
    {
        r.killed[0].pid = chosen.pid;
    }
}

/// Rows that stand several times: a log that was collected twice has each of them as often; else two reports are mixed.
fn repeated_rows(r: &mut LoggedOom) {
    let mut seen: BTreeMap<u32, (usize, u32)> = BTreeMap::new();
    let mut same = true;
    for (at, task) in r.tasks.iter().enumerate() {
        let (first, count) = seen.entry(task.pid).or_insert((at, 0));
        *count += 1;
        same &= r.tasks[*first] == *task;
    }
    let rows = seen.len();
    if rows == r.tasks.len() {
        return;
    }
    let times = seen.values().next().map_or(1, |(_, count)| *count);
    if same && seen.values().all(|(_, count)| *count == times) {
        let mut at = 0;
        r.tasks.retain(|task| {
            at += 1;
            seen.get(&task.pid).is_some_and(|(first, _)| *first + 1 == at)
        });
    } else {
        r.repeated_rows = u32::try_from(r.tasks.len() - rows).unwrap_or(u32::MAX);
    }
}

fn starts_a_report(line: &LogLine) -> bool {
    matches!(
        line,
        LogLine::LimitOf { .. }
            | LogLine::Counter(CounterName::Memory, _)
            | LogLine::MemInfo
            | LogLine::Zone(_)
            | LogLine::Figure(Figure::RamPages, _)
            | LogLine::Stats(_)
            | LogLine::Columns(_)
            | LogLine::Row(_)
            | LogLine::Summary(_)
            | LogLine::NoKillable
            | LogLine::Panic(_)
    )
}
