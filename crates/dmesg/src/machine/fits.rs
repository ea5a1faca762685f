//! Whether a line can be of a report.

use super::Open;
use crate::assemble::Message;
use crate::line::{CounterName, LogLine};

pub(super) fn same_source(open: &Open, m: &Message) -> bool {
    match (&open.report.host, &m.origin.host) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Seconds after a report's latest line in which its next one comes: the kernel prints a report at once, a slow
/// console or a rate limit may hold it up.
const MOST_GAP: u64 = 60;

/// True when no more time has passed since the report's latest line than a report takes, as far as stamps tell.
pub(super) fn near(open: &Open, m: &Message) -> bool {
    if let (Some(a), Some(b)) = (open.seen_us, m.origin.uptime_us) {
        return a.abs_diff(b) / 1_000_000 <= MOST_GAP;
    }
    let (Some(a), Some(b)) = (&open.seen_wall, &m.origin.wall) else { return true };
    clock(a).zip(clock(b)).is_none_or(|(a, b)| a.0 != b.0 || a.1.abs_diff(b.1) <= MOST_GAP)
}

/// Of a stamp what stands before the clock, and the second of the day.
fn clock(wall: &str) -> Option<(&str, u64)> {
    let at = wall.find(':')?.checked_sub(2)?;
    let part = |from: usize| wall.get(at + from..at + from + 2)?.parse::<u64>().ok();
    Some((wall.get(..at)?, part(0)? * 3600 + part(3)? * 60 + part(6)?))
}

/// True when the line can still belong to this report.
pub(super) fn wants(open: &Open, line: &LogLine) -> bool {
    let r = &open.report;
    match line {
        LogLine::Killed { killed, .. } => {
            let again = r.killed.iter().any(|k| k.pid == killed.pid);
            if !open.ended {
                return true;
            }
            // After the kill only the members of its group follow.
            r.oom_group.is_some() || (again && !r.kill_only && r.killed_lines < 2)
        }
        LogLine::Group(_) | LogLine::Exiting(_) | LogLine::Panic(_) => true,
        LogLine::Reaped(reaped) => r.killed.iter().any(|k| k.pid == reaped.pid),
        LogLine::Choose { .. } => !open.ended && r.chosen.is_none(),
        LogLine::Stat { .. } => open.in_stats,
        _ if open.ended || r.kill_only => false,
        LogLine::Counter(CounterName::Memory, _) => r.memory.is_none(),
        LogLine::Counter(CounterName::Swap, _) => r.swap.is_none(),
        LogLine::Counter(CounterName::MemorySwap, _) => r.memory_swap.is_none(),
        LogLine::Counter(CounterName::Kmem, _) => r.kmem.is_none(),
        LogLine::Cpu { .. } => r.kernel.is_none(),
        LogLine::LimitOf { .. } => r.task_memcg.is_none(),
        LogLine::MemInfo => r.mem_info.is_none() && !open.table,
        // The heading may be lost: the block stands before the table, and reports about a cgroup have none.
        LogLine::MemPages(_)
        | LogLine::Zone(_)
        | LogLine::LowmemReserve(_)
        | LogLine::Figure(..)
        | LogLine::FreeList { .. }
        | LogLine::HugePages(_)
        | LogLine::Slab { .. } => r.memory.is_none() && !open.table,
        LogLine::Trace(_) => !open.table,
        LogLine::Stats(_) => !open.table,
        LogLine::Columns(_) => r.tasks.is_empty(),
        LogLine::Row(_) => r.chosen.is_none(),
        LogLine::Summary(_) => r.constraint.is_none(),
        _ => true,
    }
}

/// True when the line names something that this very report knows.
pub(super) fn names(open: &Open, line: &LogLine) -> bool {
    let r = &open.report;
    match line {
        LogLine::Killed { killed, .. } => r.victim_pid() == Some(killed.pid) || r.task(killed.pid).is_some(),
        LogLine::Choose { chosen, .. } => r.task(chosen.pid).is_some(),
        LogLine::Summary(s) => r.task(s.pid).is_some(),
        LogLine::Exiting(pid) => r.victim_pid() == Some(*pid) || r.task(*pid).is_some(),
        LogLine::Cpu { comm, .. } | LogLine::Cpuset { comm, .. } => {
            r.invoker.as_ref().is_some_and(|i| i.comm == *comm && i.pid.is_none())
        }
        _ => false,
    }
}
