//! What a line adds to its report.

use super::{MAX_ITEMS, Open};
use crate::line::{CounterName, Figure, LogLine, Summary};
use crate::report::{Chosen, Counter, Invoker, LoggedOom, MemInfo, OomKind, Zone};

impl Open {
    /// Takes the line with this number.
    pub fn put(&mut self, line: &LogLine, number: u64) {
        if !matches!(line, LogLine::Stat { .. }) {
            self.in_stats = false;
        }
        match line {
            LogLine::MemInfo
            | LogLine::MemPages(_)
            | LogLine::Zone(_)
            | LogLine::LowmemReserve(_)
            | LogLine::Figure(..)
            | LogLine::FreeList { .. }
            | LogLine::HugePages(_)
            | LogLine::Slab { .. } => mem_info(self.report.mem_info.get_or_insert_default(), line),
            _ => self.other(line, number),
        }
    }

    fn other(&mut self, line: &LogLine, number: u64) {
        let r = &mut self.report;
        r.last_line = r.last_line.max(number);
        match line {
            LogLine::Cpuset { cpuset, mems_allowed, .. } => {
                if let Some(invoker) = &mut r.invoker {
                    invoker.cpuset = Some(cpuset.clone());
                }
                r.mems_allowed.clone_from(mems_allowed);
            }
            LogLine::Cpu { pid, uid, comm, release } => {
                let invoker = r.invoker.get_or_insert_with(|| Invoker { comm: comm.clone(), ..Invoker::default() });
                // A prefix may have hidden a part of the name, or left a part of itself.
                if comm.ends_with(&invoker.comm) || invoker.comm.ends_with(comm) {
                    invoker.comm.clone_from(comm);
                }
                invoker.pid = Some(*pid);
                invoker.uid = *uid;
                r.kernel = release.clone();
            }
            LogLine::LimitOf { task, oom } => {
                // Alibaba Cloud Linux: "killed as a result of limit of host" is a node OOM.
                if oom == "host" {
                    r.kind = OomKind::Node;
                } else {
                    r.kind = OomKind::Cgroup;
                    r.oom_memcg = Some(oom.clone());
                }
                r.task_memcg = task.clone();
            }
            LogLine::Counter(name, counter) => put_counter(r, *name, *counter),
            LogLine::Stats(stats) => {
                r.kind = OomKind::Cgroup;
                // Up to 5.2 the first of the lines is the cgroup itself, from 5.3 on the only one.
                r.oom_memcg.get_or_insert_with(|| stats.cgroup.clone());
                if r.cgroup_stats.len() < MAX_ITEMS {
                    r.cgroup_stats.push(stats.clone());
                }
                self.in_stats = true;
            }
            LogLine::Stat { key, value } => {
                if let Some(stats) = r.cgroup_stats.last_mut()
                    && stats.values.len() < 512
                {
                    stats.values.push((key.clone(), *value));
                }
            }
            LogLine::Columns(columns) => {
                if r.table_columns.is_empty() {
                    r.table_columns = columns.names().to_vec();
                }
                self.columns = Some(columns.clone());
                self.table = true;
            }
            LogLine::Row(row) => {
                self.table = true;
                match row.with(self.columns.as_ref()) {
                    Some(task) if r.tasks.len() < MAX_ITEMS => r.tasks.push(task),
                    Some(_) => {}
                    None => r.cut_rows = r.cut_rows.saturating_add(1),
                }
            }
            LogLine::Summary(summary) => put_summary(r, summary),
            LogLine::Choose { message, chosen } => {
                set_kind(r, message);
                r.chosen = Some(chosen.clone());
            }
            _ => self.end(line),
        }
    }

    /// What stands behind the choice of a victim, and traces.
    fn end(&mut self, line: &LogLine) {
        let r = &mut self.report;
        match line {
            LogLine::Group(path) => r.oom_group = Some(path.clone()),
            LogLine::Exiting(pid) => {
                self.ended = true;
                if r.already_exiting.len() < MAX_ITEMS {
                    r.already_exiting.push(*pid);
                }
            }
            LogLine::Reaped(reaped) if r.reaped.len() < MAX_ITEMS => r.reaped.push(reaped.clone()),
            LogLine::NoKillable => {
                r.no_killable = true;
                self.ended = true;
            }
            LogLine::Panic(text) => {
                // The end of the trace repeats it: `---[ end Kernel panic - not syncing: … ]---`.
                r.panic.get_or_insert_with(|| text.trim_end_matches(" ]---").to_string());
                r.no_killable |= text.contains("no killable");
                self.ended = true;
            }
            LogLine::Protection { min_kb, low_kb } => r.protection_kb = Some((*min_kb, *low_kb)),
            // The limit's charge stands above the page allocator's part in a trace of both.
            LogLine::Trace(Some(kind)) if r.trace != Some(OomKind::Cgroup) => r.trace = Some(*kind),
            LogLine::Trace(None) => {
                let invoker = r.invoker.get_or_insert_default();
                invoker.order = invoker.order.or(Some(-1));
            }
            _ => {}
        }
    }
}

fn mem_info(info: &mut MemInfo, line: &LogLine) {
    match line {
        LogLine::MemPages(values) if info.pages.len() < 512 => info.pages.extend(values.iter().cloned()),
        LogLine::Zone(zone) if info.zones.len() < 4096 => info.zones.push(zone.clone()),
        LogLine::LowmemReserve(pages) => {
            if let Some(zone) = info.zones.last_mut() {
                zone.lowmem_reserve.clone_from(pages);
            }
        }
        LogLine::Figure(figure, n) => put_figure(info, *figure, *n),
        LogLine::FreeList { node, zone, blocks } => {
            if let Some(known) = info.zones.iter_mut().find(|z| z.node == *node && z.name == *zone) {
                known.free_blocks.clone_from(blocks);
            } else if info.zones.len() < 4096 {
                let (name, free_blocks) = (zone.clone(), blocks.clone());
                info.zones.push(Zone { node: *node, name, free_blocks, ..Zone::default() });
            }
        }
        LogLine::HugePages(pages) if info.huge_pages.len() < 4096 => info.huge_pages.push(*pages),
        LogLine::Slab { name, kb } if info.slabs.len() < 4096 => info.slabs.push((name.clone(), *kb)),
        _ => {}
    }
}

pub(super) fn set_kind(r: &mut LoggedOom, message: &str) {
    if r.kind == OomKind::Unknown {
        // Words of an event or another program may stand before the kernel's.
        if message.contains("emory cgroup out of memory") {
            r.kind = OomKind::Cgroup;
        } else if message.contains("Out of memory") || message.contains("Out of Memory") {
            r.kind = OomKind::Node;
        }
    }
    r.oom_kill_allocating_task |= message.contains("oom_kill_allocating_task");
}

fn put_counter(r: &mut LoggedOom, name: CounterName, counter: Counter) {
    let slot = match name {
        CounterName::Memory => &mut r.memory,
        CounterName::Swap => &mut r.swap,
        CounterName::MemorySwap => &mut r.memory_swap,
        CounterName::Kmem => &mut r.kmem,
    };
    *slot = Some(counter);
    r.kind = OomKind::Cgroup;
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

fn put_summary(r: &mut LoggedOom, s: &Summary) {
    r.kind = match s.constraint.as_str() {
        "CONSTRAINT_MEMCG" => OomKind::Cgroup,
        "" => r.kind,
        _ => OomKind::Node,
    };
    r.constraint = Some(s.constraint.clone());
    if s.oom_memcg.is_some() {
        r.oom_memcg = s.oom_memcg.clone();
    }
    r.task_memcg = s.task_memcg.clone();
    r.nodemask.clone_from(&s.nodemask);
    if s.mems_allowed.is_some() {
        r.mems_allowed.clone_from(&s.mems_allowed);
    }
    if let (Some(invoker), Some(cpuset)) = (&mut r.invoker, &s.cpuset) {
        invoker.cpuset.get_or_insert_with(|| cpuset.clone());
    }
    if s.pid != 0 {
        r.chosen = Some(Chosen { pid: s.pid, comm: s.comm.clone(), score: None });
    }
}
