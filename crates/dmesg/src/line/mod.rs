//! One message, recognised by its wording (kernels 2.6.32 to 7.3, and the other programs that kill).

mod kills;
mod mem_info;
mod memcg;
mod others;

use crate::others::OtherKill;
use crate::report::{CgroupStats, Chosen, Counter, HugePages, Invoker, Killed, OomKind, Reaped, Zone};
use crate::table::{self, Columns};
pub(crate) use kills::of_a_program;
use mem_info::{mem_pages, node, page_figure, zone};
pub(crate) use memcg::is_stat_key;
use memcg::{counter, stats};

/// Which usage line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CounterName {
    Memory,
    Swap,
    MemorySwap,
    Kmem,
}

/// A figure of the `Mem-Info` block that stands on a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    PageCachePages,
    SwapCachePages,
    FreeSwapKb,
    TotalSwapKb,
    RamPages,
    ReservedPages,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LogLine {
    Invoked(Invoker),
    Cpuset {
        comm: String,
        cpuset: String,
        mems_allowed: Option<String>,
    },
    Cpu {
        pid: u32,
        uid: Option<u32>,
        comm: String,
        release: Option<String>,
    },
    /// `Task in A killed as a result of limit of B`, or `Memory limit reached of cgroup B`.
    LimitOf {
        task: Option<String>,
        oom: String,
    },
    Counter(CounterName, Counter),
    Stats(CgroupStats),
    Stat {
        key: String,
        value: u64,
    },
    MemInfo,
    MemPages(Vec<(String, u64)>),
    Zone(Zone),
    LowmemReserve(Vec<u64>),
    /// Free blocks of a zone: size in kB, count.
    FreeList {
        node: u32,
        zone: String,
        blocks: Vec<(u64, u64)>,
    },
    HugePages(HugePages),
    /// A kind of unreclaimable kernel object and what it takes.
    Slab {
        name: String,
        kb: u64,
    },
    /// `memory.min` and `memory.low` of the cgroup (7.0 on).
    Protection {
        min_kb: u64,
        low_kb: u64,
    },
    /// A function of the call trace that shows what ran out; `None`: nothing did, a person asked.
    Trace(Option<OomKind>),
    /// Messages were lost, as many as it says.
    Lost(Option<u64>),
    /// Another program's word about a kill.
    OtherKill(Box<OtherKill>),
    Figure(Figure, u64),
    /// Known parts of the report that carry nothing for us.
    Filler,
    Columns(Columns),
    Row(table::TextRow),
    Summary(Box<Summary>),
    Choose {
        message: String,
        chosen: Chosen,
    },
    Killed {
        message: String,
        killed: Killed,
    },
    Group(String),
    Exiting(u32),
    Reaped(Reaped),
    NoKillable,
    Panic(String),
    Suppressed(u64),
    Other,
}

/// The `oom-kill:` line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub constraint: String,
    pub nodemask: Option<String>,
    pub cpuset: Option<String>,
    pub mems_allowed: Option<String>,
    pub oom_memcg: Option<String>,
    pub task_memcg: Option<String>,
    pub comm: String,
    pub pid: u32,
}

/// A recognised line and whether it is whole (a wrapped line is not).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed {
    pub line: LogLine,
    pub whole: bool,
}

impl Parsed {
    fn whole(line: LogLine) -> Parsed {
        Parsed { line, whole: true }
    }

    fn other() -> Parsed {
        Parsed::whole(LogLine::Other)
    }

    pub fn known(&self) -> bool {
        self.line != LogLine::Other
    }
}

/// Recognises a message. Cheap for lines that have nothing to do with memory.
pub(crate) fn parse(text: &str) -> Parsed {
    let text = text.trim();
    let Some(&first) = text.as_bytes().first() else {
        return Parsed::other();
    };
    if first == b'[' {
        let parsed = bracketed(text);
        let other = (!parsed.known()).then(|| others::other(text)).flatten();
        return other.unwrap_or(parsed);
    }
    if let Some(parsed) = others::other(text) {
        return parsed;
    }
    if let Some(parsed) = kills::kills(text) {
        return parsed;
    }
    if text.contains("+0x") {
        return trace(text).unwrap_or_else(Parsed::other);
    }
    if text.contains("oom-killer") {
        return invoked(text).unwrap_or_else(Parsed::other);
    }
    match first {
        b'0'..=b'9' => page_figure(text),
        b'A'..=b'Z' => capital(text),
        b'a'..=b'z' => small(text),
        b'*' => others::lost(text),
        _ => None,
    }
    .or_else(|| mem_info::slab(text))
    .unwrap_or_else(Parsed::other)
}

/// ` mem_cgroup_out_of_memory+0x134/0x150`, or `[<ffffffff811f6b5e>] mem_cgroup_oom_synchronize+0x…` of old kernels.
fn trace(text: &str) -> Option<Parsed> {
    let before = text.split_once("+0x")?.0;
    let function = before.rsplit([' ', ']', '?', '(']).next()?;
    let function = function.split('.').next().unwrap_or(function);
    let shows = match function {
        "mem_cgroup_out_of_memory"
        | "mem_cgroup_oom_synchronize"
        | "mem_cgroup_handle_oom"
        | "try_charge"
        | "try_charge_memcg"
        | "mem_cgroup_try_charge"
        | "__mem_cgroup_try_charge"
        | "__mem_cgroup_charge" => Some(OomKind::Cgroup),
        "__alloc_pages_slowpath" | "__alloc_pages_may_oom" => Some(OomKind::Node),
        "moom_callback" | "sysrq_handle_moom" => None,
        _ => return None,
    };
    Some(Parsed::whole(LogLine::Trace(shows)))
}

fn bracketed(text: &str) -> Parsed {
    let Some((inner, rest)) = text[1..].split_once(']') else {
        return Parsed::other();
    };
    let inner = inner.trim();
    // "[<ffffffff811f6b5e>] mem_cgroup_oom_synchronize+0x275/0x340" of kernels before 4.10.
    if inner.starts_with('<') {
        return trace(text).unwrap_or_else(Parsed::other);
    }
    if inner == "pid" {
        return match Columns::parse(rest) {
            Some(columns) => Parsed::whole(LogLine::Columns(columns)),
            None => Parsed { line: LogLine::Filler, whole: false },
        };
    }
    let Ok(pid) = inner.parse::<u32>() else {
        return Parsed::other();
    };
    match table::row(pid, rest) {
        Some(row) => {
            let whole = row.looks_whole();
            Parsed { line: LogLine::Row(row), whole }
        }
        None => Parsed::other(),
    }
}

fn invoked(text: &str) -> Option<Parsed> {
    let (comm, rest) = text.split_once(" invoked oom-killer:").or_else(|| {
        // 2.6.32 and a wrapped line.
        text.split_once(" invoked oom-killer")
    })?;
    // TASK_COMM_LEN is 16 with the final zero: what is longer has a prefix in it.
    if comm.trim().len() > 15 {
        return None;
    }
    let field = |name: &str| {
        let (_, after) = rest.split_once(name)?;
        let end = after.find([',', ' ']).unwrap_or(after.len());
        Some(&after[..end])
    };
    let adj = field("oom_score_adj=").or_else(|| field("oom_adj="));
    let mask = rest.split_once("gfp_mask=").map(|(_, after)| match after.find(')') {
        // `0xcc0(GFP_KERNEL)` may not contain a comma before the bracket closes.
        Some(close) if !after[..close].contains([',', ' ']) => &after[..=close],
        _ => &after[..after.find([',', ' ']).unwrap_or(after.len())],
    });
    let line = LogLine::Invoked(Invoker {
        comm: comm.trim().to_string(),
        oom_score_adj: adj.and_then(signed),
        gfp_mask: mask.map(str::to_string),
        order: field("order=").and_then(signed),
        nodemask: field("nodemask=").filter(|n| *n != "(null)").map(str::to_string),
        ..Invoker::default()
    });
    Some(Parsed { line, whole: adj.is_some_and(|a| signed(a).is_some()) })
}

/// A number at the start, with or without a sign.
fn signed(s: &str) -> Option<i32> {
    let digits = s.strip_prefix('-').unwrap_or(s);
    let (n, _) = leading_number(digits)?;
    let n = i32::try_from(n).ok()?;
    Some(if digits.len() < s.len() { -n } else { n })
}

/// Digits at the start.
fn leading_number(s: &str) -> Option<(u64, &str)> {
    let end = s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    Some((s[..end].parse().ok()?, &s[end..]))
}

fn pid_at(s: &str) -> Option<(u32, &str)> {
    let (n, rest) = leading_number(s)?;
    Some((u32::try_from(n).ok()?, rest))
}

fn capital(text: &str) -> Option<Parsed> {
    if let Some(rest) = text.strip_prefix("CPU: ") {
        return cpu(rest);
    }
    // Before 3.10: "Pid: 1234, comm: java Not tainted 2.6.32-358.el6.x86_64 #1".
    if let Some(rest) = text.strip_prefix("Pid: ") {
        let (pid, rest) = pid_at(rest)?;
        return comm_and_release(pid, None, rest.strip_prefix(", comm: ")?);
    }
    if let Some(rest) = text.strip_prefix("Task in ") {
        return Some(match rest.split_once(" killed as a result of limit of ") {
            Some((task, oom)) => {
                Parsed::whole(LogLine::LimitOf { task: Some(task.trim().to_string()), oom: oom.trim().to_string() })
            }
            None => Parsed { line: LogLine::Filler, whole: false },
        });
    }
    if let Some(oom) = text.strip_prefix("Memory limit reached of cgroup ") {
        return Some(Parsed::whole(LogLine::LimitOf { task: None, oom: oom.to_string() }));
    }
    if let Some(rest) = text.strip_prefix("Memory cgroup stats for ") {
        return Some(stats(rest));
    }
    let filler = ["Tasks state (memory values", "Swap cache stats:", "Unreclaimable slab info:"];
    if filler.iter().any(|f| text.starts_with(f)) || text == "Call Trace:" {
        return Some(Parsed::whole(LogLine::Filler));
    }
    if text == "Mem-Info:" || text == "Mem-info:" {
        return Some(Parsed::whole(LogLine::MemInfo));
    }
    for (prefix, figure) in [("Free swap", Figure::FreeSwapKb), ("Total swap", Figure::TotalSwapKb)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let (n, rest) = leading_number(rest.trim_start_matches([' ', '=']))?;
            return rest.starts_with("kB").then(|| Parsed::whole(LogLine::Figure(figure, n)));
        }
    }
    if text.starts_with("Node ") {
        return node(text);
    }
    // Machines with one node and no NUMA: "DMA32 free:…", "Normal free:…".
    zone(0, text)
}

fn cpu(rest: &str) -> Option<Parsed> {
    let (_, rest) = pid_at(rest)?;
    let mut rest = rest.trim_start();
    let mut uid = None;
    if let Some(after) = rest.strip_prefix("UID: ") {
        let (n, after) = pid_at(after)?;
        uid = Some(n);
        rest = after.trim_start();
    }
    // 3.10 before el7: "CPU: 1 PID: 9949 Comm: java Tainted: P  OE ------------   3.10.0-327.13.1.el7.x86_64 #1".
    let (pid, rest) = pid_at(rest.strip_prefix("PID: ")?)?;
    comm_and_release(pid, uid, rest.trim_start().strip_prefix("Comm: ")?)
}

fn comm_and_release(pid: u32, uid: Option<u32>, rest: &str) -> Option<Parsed> {
    let (comm, after) = ["Kdump: loaded", "Not tainted", "Tainted: "]
        .iter()
        .filter_map(|m| rest.find(m))
        .min()
        .map_or((rest, ""), |at| rest.split_at(at));
    let tokens: Vec<&str> = after.split_whitespace().collect();
    let release = tokens
        .iter()
        .position(|t| t.starts_with('#'))
        .and_then(|i| tokens.get(i.checked_sub(1)?))
        .or_else(|| tokens.iter().find(|t| looks_like_release(t)))
        .filter(|t| looks_like_release(t));
    Some(Parsed {
        // The release ends where the build number begins.
        whole: release.is_some() && tokens.iter().any(|t| t.starts_with('#')),
        line: LogLine::Cpu { pid, uid, comm: comm.trim().to_string(), release: release.map(|r| r.to_string()) },
    })
}

fn looks_like_release(t: &str) -> bool {
    let mut parts = t.split(['.', '-', '+', '_']);
    let number = |p: Option<&str>| p.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    number(parts.next()) && number(parts.next())
}

fn small(text: &str) -> Option<Parsed> {
    for (prefix, name) in [
        ("memory: ", CounterName::Memory),
        ("swap: ", CounterName::Swap),
        ("memory+swap: ", CounterName::MemorySwap),
        ("kmem: ", CounterName::Kmem),
    ] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return rest.starts_with("usage").then(|| counter(name, rest));
        }
    }
    if let Some(rest) = text.strip_prefix("lowmem_reserve[]:") {
        let pages = rest.split_whitespace().take(16).map_while(|t| t.parse().ok()).collect();
        return Some(Parsed::whole(LogLine::LowmemReserve(pages)));
    }
    if let Some((comm, rest)) = text.split_once(" cpuset=") {
        let (cpuset, mems) = rest.split_once(" mems_allowed=")?;
        let (comm, cpuset) = (comm.to_string(), cpuset.to_string());
        let mems_allowed = Some(mems.trim().to_string()).filter(|m| !m.is_empty());
        return Some(Parsed::whole(LogLine::Cpuset { comm, cpuset, mems_allowed }));
    }
    if let Some((key, value)) = text.split_once(' ')
        && is_stat_key(key)
        && let Ok(value) = value.trim().parse()
    {
        return Some(Parsed::whole(LogLine::Stat { key: key.to_string(), value }));
    }
    mem_pages(text)
}
