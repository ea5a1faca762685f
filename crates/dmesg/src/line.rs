//! One message of the kernel, recognised by its wording (3.10 to 6.12).

use crate::report::{CgroupStats, Chosen, Counter, Invoker, Killed, Reaped, Task, Zone};
use crate::table::{self, Columns};

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
pub(crate) enum Line {
    Invoked(Invoker),
    Cpuset {
        comm: String,
        cpuset: String,
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
    Figure(Figure, u64),
    /// Known parts of the report that carry nothing for us.
    Filler,
    Columns(Columns),
    Row(table::Row),
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
    pub cpuset: Option<String>,
    pub oom_memcg: Option<String>,
    pub task_memcg: Option<String>,
    pub comm: String,
    pub pid: u32,
}

/// A recognised line and whether it is whole (a wrapped line is not).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed {
    pub line: Line,
    pub whole: bool,
}

impl Parsed {
    fn whole(line: Line) -> Parsed {
        Parsed { line, whole: true }
    }

    fn other() -> Parsed {
        Parsed::whole(Line::Other)
    }

    pub fn known(&self) -> bool {
        self.line != Line::Other
    }
}

/// Recognises a message. Cheap for lines that have nothing to do with memory.
pub(crate) fn parse(text: &str) -> Parsed {
    let text = text.trim();
    let Some(&first) = text.as_bytes().first() else {
        return Parsed::other();
    };
    if first == b'[' {
        return bracketed(text);
    }
    if let Some(parsed) = kills(text) {
        return parsed;
    }
    if text.contains("oom-killer") {
        return invoked(text).unwrap_or_else(Parsed::other);
    }
    match first {
        b'0'..=b'9' => page_figure(text),
        b'A'..=b'Z' => capital(text),
        b'a'..=b'z' => small(text),
        _ => None,
    }
    .unwrap_or_else(Parsed::other)
}

fn bracketed(text: &str) -> Parsed {
    let Some((inner, rest)) = text[1..].split_once(']') else {
        return Parsed::other();
    };
    let inner = inner.trim();
    if inner == "pid" {
        return match Columns::parse(rest) {
            Some(columns) => Parsed::whole(Line::Columns(columns)),
            None => Parsed { line: Line::Filler, whole: false },
        };
    }
    let Ok(pid) = inner.parse::<u32>() else {
        return Parsed::other();
    };
    match table::row(pid, rest) {
        Some(row) => {
            let whole = row.looks_whole();
            Parsed { line: Line::Row(row), whole }
        }
        None => Parsed::other(),
    }
}

fn invoked(text: &str) -> Option<Parsed> {
    let (comm, rest) = text.split_once(" invoked oom-killer:").or_else(|| {
        // 2.6.32 and a wrapped line.
        text.split_once(" invoked oom-killer")
    })?;
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
    let line = Line::Invoked(Invoker {
        comm: comm.trim().to_string(),
        oom_score_adj: adj.and_then(|a| a.parse().ok()),
        gfp_mask: mask.map(str::to_string),
        order: field("order=").and_then(|o| o.parse().ok()),
        ..Invoker::default()
    });
    Some(Parsed { line, whole: adj.is_some_and(|a| a.parse::<i32>().is_ok()) })
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

/// Everything with "ill process", and the lines around it.
fn kills(text: &str) -> Option<Parsed> {
    if let Some(at) = text.find("Killed process ").filter(|&at| message_end(text, at)) {
        let (pid, rest) = pid_at(&text[at + 15..])?;
        let message = text[..at].trim_end_matches([':', ' ']).to_string();
        let (killed, whole) = killed(pid, rest)?;
        return Some(Parsed { line: Line::Killed { message, killed }, whole });
    }
    if let Some(at) = text.find("Kill process ").filter(|&at| message_end(text, at)) {
        let (pid, rest) = pid_at(&text[at + 13..])?;
        let rest = rest.trim_start();
        let inner = rest.strip_prefix('(')?;
        let (comm, score) = match inner.rfind(") score ") {
            Some(close) => (&inner[..close], leading_number(&inner[close + 8..]).map(|(n, _)| n)),
            None => (inner.trim_end_matches(')'), None),
        };
        let chosen = Chosen { pid, comm: comm.to_string(), score };
        let message = text[..at].trim_end_matches([':', ' ']).to_string();
        return Some(Parsed { line: Line::Choose { message, chosen }, whole: score.is_some() });
    }
    if let Some(rest) = text.strip_prefix("oom-kill:") {
        return Some(summary(rest));
    }
    if let Some(rest) = text.strip_prefix("Tasks in ") {
        return Some(match rest.split_once(" are going to be killed") {
            Some((path, _)) => Parsed::whole(Line::Group(path.to_string())),
            None => Parsed { line: Line::Filler, whole: false },
        });
    }
    if let Some(at) = text.find("OOM victim ") {
        let (pid, rest) = pid_at(&text[at + 11..])?;
        return rest.contains("already exiting").then(|| Parsed::whole(Line::Exiting(pid)));
    }
    if let Some(rest) = text.strip_prefix("oom_reaper: reaped process ") {
        let (pid, rest) = pid_at(rest)?;
        let (comm, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
        return Some(Parsed::whole(Line::Reaped(Reaped { pid, comm: comm.to_string() })));
    }
    if text.starts_with("Kernel panic - not syncing: ") && (text.contains("memory") || text.contains("oom")) {
        return Some(Parsed::whole(Line::Panic(text.to_string())));
    }
    if text.starts_with("Out of memory and no killable processes") {
        return Some(Parsed::whole(Line::NoKillable));
    }
    if text.starts_with("oom_kill_process: ") || text.starts_with("dump_header: ") {
        let (n, rest) = leading_number(text.split_once(": ")?.1)?;
        return rest.contains("callbacks suppressed").then(|| Parsed::whole(Line::Suppressed(n)));
    }
    None
}

/// True when the kernel's own message ends before `at`: nothing, or `…out of memory…: `.
fn message_end(text: &str, at: usize) -> bool {
    let before = &text[..at];
    before.is_empty() || (before.ends_with(": ") && before.to_ascii_lowercase().contains("out of memory") && at < 80)
}

/// What follows `Killed process PID`.
fn killed(pid: u32, rest: &str) -> Option<(Killed, bool)> {
    let rest = rest.trim_start_matches([' ', ',']);
    // 2.6.32: "Killed process 123, UID 48, (httpd) total-vm:…".
    let (mut uid, rest) = match rest.strip_prefix("UID ") {
        Some(r) => {
            let (uid, r) = leading_number(r)?;
            (u32::try_from(uid).ok(), r.trim_start_matches([' ', ',']))
        }
        None => (None, rest),
    };
    let inner = rest.strip_prefix('(')?;
    // A name may contain brackets: the details begin at the first of these words after it.
    let details = [") total-vm:", ") vsz:", "), UID "].iter().filter_map(|m| inner.find(m)).min();
    let close = details.or_else(|| inner.rfind(')'));
    let Some(close) = close else {
        let killed = Killed { pid, uid, comm: inner.to_string(), ..Killed::default() };
        return Some((killed, false));
    };
    let tail = &inner[close + 1..];
    let kb = |key: &str| {
        let (_, after) = tail.split_once(key)?;
        let (n, after) = leading_number(after)?;
        after.starts_with("kB").then_some(n)
    };
    if uid.is_none() {
        let named = tail.split_once("UID ").or_else(|| tail.split_once("UID:"));
        uid = named.and_then(|(_, after)| pid_at(after)).map(|(uid, _)| uid);
    }
    let adj = tail.split_once("oom_score_adj:").map(|(_, after)| after.trim());
    let killed = Killed {
        pid,
        comm: inner[..close].to_string(),
        total_vm_kb: kb("total-vm:").or_else(|| kb("vsz:")),
        anon_rss_kb: kb("anon-rss:"),
        file_rss_kb: kb("file-rss:"),
        shmem_rss_kb: kb("shmem-rss:"),
        uid,
        pgtables_kb: kb("pgtables:"),
        oom_score_adj: adj.and_then(|a| a.split([' ', ',', '`']).next()?.parse().ok()),
    };
    // From 4.5 on the line goes on to shmem-rss, from 5.4 on to oom_score_adj once a UID has begun.
    let begun = tail.contains("UID:");
    let whole = killed.file_rss_kb.is_some() && !tail.ends_with(',') && (!begun || killed.oom_score_adj.is_some());
    Some((killed, whole))
}

fn summary(rest: &str) -> Parsed {
    let mut s = Summary::default();
    // Paths and names may contain commas: a value reaches to the next known key.
    const KEYS: [&str; 10] = [
        "constraint=",
        ",nodemask=",
        ",cpuset=",
        ",mems_allowed=",
        ",oom_memcg=",
        ",global_oom",
        ",task_memcg=",
        ",task=",
        ",pid=",
        ",uid=",
    ];
    let mut whole = false;
    let mut tail = rest;
    for (i, key) in KEYS.iter().enumerate() {
        let Some(at) = tail.find(key) else { continue };
        tail = &tail[at + key.len()..];
        let end = KEYS[i + 1..].iter().filter_map(|k| tail.find(k)).min().unwrap_or(tail.len());
        let value = tail[..end].trim();
        match *key {
            "constraint=" => s.constraint = value.to_string(),
            ",cpuset=" => s.cpuset = Some(value.to_string()),
            ",oom_memcg=" => s.oom_memcg = Some(value.to_string()),
            ",task_memcg=" => s.task_memcg = Some(value.to_string()),
            ",task=" => s.comm = value.to_string(),
            ",pid=" => s.pid = value.parse().unwrap_or(0),
            ",uid=" => whole = leading_number(value).is_some() && s.pid != 0,
            _ => {}
        }
    }
    Parsed { line: Line::Summary(Box::new(s)), whole }
}

fn counter(name: CounterName, rest: &str) -> Parsed {
    let number = |key: &str, unit: &str| {
        let (_, after) = rest.split_once(key)?;
        let (n, after) = leading_number(after)?;
        after.starts_with(unit).then_some(n)
    };
    let (usage, limit, fail) = (number("usage ", "kB"), number("limit ", "kB"), number("failcnt ", ""));
    let whole = usage.is_some() && limit.is_some() && fail.is_some();
    let c = Counter { usage_kb: usage.unwrap_or(0), limit_kb: limit.unwrap_or(0), failcnt: fail.unwrap_or(0) };
    Parsed { line: Line::Counter(name, c), whole }
}

fn page_figure(text: &str) -> Option<Parsed> {
    let (n, rest) = leading_number(text)?;
    let figure = |f| Some(Parsed::whole(Line::Figure(f, n)));
    match rest.trim_start() {
        "total pagecache pages" => figure(Figure::PageCachePages),
        "pages in swap cache" => figure(Figure::SwapCachePages),
        "pages RAM" => figure(Figure::RamPages),
        "pages reserved" => figure(Figure::ReservedPages),
        "pages HighMem/MovableOnly" | "pages cma reserved" | "pages hwpoisoned" | "pages in pagetable cache" => {
            Some(Parsed::whole(Line::Filler))
        }
        _ => None,
    }
}

fn capital(text: &str) -> Option<Parsed> {
    if let Some(rest) = text.strip_prefix("CPU: ") {
        return cpu(rest);
    }
    if let Some(rest) = text.strip_prefix("Task in ") {
        return Some(match rest.split_once(" killed as a result of limit of ") {
            Some((task, oom)) => {
                Parsed::whole(Line::LimitOf { task: Some(task.trim().to_string()), oom: oom.trim().to_string() })
            }
            None => Parsed { line: Line::Filler, whole: false },
        });
    }
    if let Some(oom) = text.strip_prefix("Memory limit reached of cgroup ") {
        return Some(Parsed::whole(Line::LimitOf { task: None, oom: oom.to_string() }));
    }
    if let Some(rest) = text.strip_prefix("Memory cgroup stats for ") {
        return Some(stats(rest));
    }
    if text.starts_with("Tasks state (memory values") || text.starts_with("Swap cache stats:") || text == "Call Trace:"
    {
        return Some(Parsed::whole(Line::Filler));
    }
    if text == "Mem-Info:" || text == "Mem-info:" {
        return Some(Parsed::whole(Line::MemInfo));
    }
    for (prefix, figure) in [("Free swap", Figure::FreeSwapKb), ("Total swap", Figure::TotalSwapKb)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let (n, rest) = leading_number(rest.trim_start_matches([' ', '=']))?;
            return rest.starts_with("kB").then(|| Parsed::whole(Line::Figure(figure, n)));
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
    let rest = rest.trim_start().strip_prefix("Comm: ")?;
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
        line: Line::Cpu { pid, uid, comm: comm.trim().to_string(), release: release.map(|r| r.to_string()) },
    })
}

fn looks_like_release(t: &str) -> bool {
    let mut parts = t.split(['.', '-', '+', '_']);
    let number = |p: Option<&str>| p.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    number(parts.next()) && number(parts.next())
}

/// `PATH:` or `PATH: cache:0KB rss:48KB …`.
fn stats(rest: &str) -> Parsed {
    let (cgroup, tail) = match rest.find(": ").map(|at| (&rest[..at], &rest[at + 2..])) {
        Some(split) => split,
        None => match rest.strip_suffix(':') {
            Some(path) => (path, ""),
            None => (rest, ""),
        },
    };
    let whole = cgroup.len() < rest.len() && (tail.is_empty() || tail.ends_with("KB"));
    let mut values = Vec::new();
    for item in tail.split_whitespace().take(64) {
        let Some((key, value)) = item.rsplit_once(':') else { continue };
        if let Some((n, unit)) = leading_number(value) {
            let factor = if unit == "KB" { 1024 } else { 1 };
            values.push((key.to_string(), n.saturating_mul(factor)));
        }
    }
    let cgroup = cgroup.to_string();
    Parsed { line: Line::Stats(CgroupStats { cgroup, values }), whole }
}

fn node(text: &str) -> Option<Parsed> {
    let (n, rest) = pid_at(&text[5..])?;
    zone(n, rest.trim_start())
}

/// `DMA32 free:2156kB …`; also the node's own line, free lists and huge pages, which are fillers.
fn zone(node: u32, text: &str) -> Option<Parsed> {
    let (name, rest) = text.split_once(' ')?;
    if let Some(zone_name) = name.strip_suffix(':') {
        let free_list = is_zone(zone_name) && rest.contains("kB");
        return free_list.then(|| Parsed::whole(Line::Filler));
    }
    if !is_zone(name) {
        let known = name.starts_with("active_anon:") || name.starts_with("hugepages_total=");
        return known.then(|| Parsed::whole(Line::Filler));
    }
    if rest.starts_with("per-cpu:") {
        return Some(Parsed::whole(Line::Filler));
    }
    let mut kb = Vec::new();
    for item in rest.split_whitespace().take(48) {
        let Some((key, value)) = item.split_once(':') else { continue };
        if let Some((n, unit)) = leading_number(value)
            && unit.eq_ignore_ascii_case("kb")
        {
            kb.push((key.to_string(), n));
        }
    }
    let zone = Zone { node, name: name.to_string(), kb, lowmem_reserve: Vec::new() };
    (!zone.kb.is_empty()).then(|| Parsed::whole(Line::Zone(zone)))
}

fn is_zone(name: &str) -> bool {
    matches!(name, "DMA" | "DMA32" | "Normal" | "HighMem" | "Movable" | "Device")
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
        return Some(Parsed::whole(Line::LowmemReserve(pages)));
    }
    if let Some((comm, rest)) = text.split_once(" cpuset=") {
        let (cpuset, _) = rest.split_once(" mems_allowed=")?;
        return Some(Parsed::whole(Line::Cpuset { comm: comm.to_string(), cpuset: cpuset.to_string() }));
    }
    if let Some((key, value)) = text.split_once(' ')
        && is_stat_key(key)
        && let Ok(value) = value.trim().parse()
    {
        return Some(Parsed::whole(Line::Stat { key: key.to_string(), value }));
    }
    mem_pages(text)
}

/// Keys of `memory.stat` by their beginnings (3.10 to 6.12, v1 and v2).
pub(crate) fn is_stat_key(key: &str) -> bool {
    const WORDS: [&str; 24] = [
        "anon",
        "file",
        "kernel",
        "pagetables",
        "percpu",
        "sock",
        "vmalloc",
        "shmem",
        "swapcached",
        "slab",
        "unevictable",
        "cache",
        "rss",
        "dirty",
        "writeback",
        "swap",
        "zswap",
        "zswapped",
        "hugetlb",
        "oom",
        "oom_kill",
        "mapped_file",
        "rss_huge",
        "vmpressure",
    ];
    const STARTS: [&str; 21] = [
        "pg",
        "workingset_",
        "thp_",
        "numa_",
        "file_",
        "anon_",
        "shmem_",
        "slab_",
        "inactive_",
        "active_",
        "kernel_",
        "sec_pagetables",
        "total_",
        "hierarchical_",
        "swp",
        "zswp",
        "nr_",
        "recent_",
        "zswap",
        "balloon",
        "gpu_",
    ];
    WORDS.contains(&key) || STARTS.iter().any(|s| key.starts_with(s))
}

/// ` active_file:9 inactive_file:6 isolated_file:0`.
fn mem_pages(text: &str) -> Option<Parsed> {
    const FIRST: [&str; 9] = [
        "active_anon:",
        "active_file:",
        "unevictable:",
        "slab_reclaimable:",
        "mapped:",
        "sec_pagetables:",
        "kernel_misc_reclaimable:",
        "free:",
        "kernel_stack:",
    ];
    if !FIRST.iter().any(|f| text.starts_with(f)) {
        return None;
    }
    let mut values = Vec::new();
    for item in text.split_whitespace().take(16) {
        let (key, value) = item.split_once(':')?;
        values.push((key.to_string(), value.parse().ok()?));
    }
    Some(Parsed::whole(Line::MemPages(values)))
}

impl From<table::Row> for Task {
    fn from(row: table::Row) -> Task {
        row.task
    }
}
