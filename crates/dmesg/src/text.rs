//! An analysed log for people.

use crate::advice::qos_name;
use crate::analysis::Analysis;
use crate::explain::{Candidate, ChoiceVerdict};
use crate::place::CgroupPlace;
use crate::report::{Counter, LoggedOom, OomKind, Zone};
use oomsim_core::units::Bytes;
use std::fmt::Write;

/// How much to print.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Rows of the table of candidates; the chosen one is always shown.
    pub candidates: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions { candidates: 10 }
    }
}

/// The sentence for a log without reports.
pub const NOTHING_FOUND: &str = "no OOM report found";

/// All analyses as text. Writing to a String cannot fail, so results of `write!` are dropped here.
pub fn text(analyses: &[Analysis], options: TextOptions) -> String {
    if analyses.is_empty() {
        return format!("{NOTHING_FOUND}\n");
    }
    let all = analyses.iter().enumerate().map(|(i, a)| report_text(a, i + 1, Some(analyses.len()), options));
    all.collect::<Vec<_>>().join("\n")
}

/// One analysis as text, the report with this number, of this many where that is known.
pub fn report_text(analysis: &Analysis, number: usize, of: Option<usize>, options: TextOptions) -> String {
    let mut out = String::new();
    one(&mut out, analysis, number, of, options);
    shown(&out)
}

/// True for what a terminal acts on, or does not show: control characters, what turns the direction of text, blanks
/// without width.
pub(crate) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text that a terminal shows as it is: what is hidden is escaped. Lines end where they did.
pub(crate) fn shown(text: &str) -> String {
    let acts = |c: char| hidden(c) && c != '\n';
    if !text.contains(acts) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !acts(c) => out.push(c),
            c if u32::from(c) < 0x100 => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out
}

fn field(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {name:<10} {value}");
}

fn one(out: &mut String, a: &Analysis, number: usize, of: Option<usize>, options: TextOptions) {
    let r = &a.report;
    let mut head = format!("OOM {number}{}", of.map_or(String::new(), |of| format!(" of {of}")));
    if let Some(wall) = &r.stamp.wall {
        let _ = write!(head, " · {wall}");
    }
    if let Some(us) = r.stamp.uptime_us {
        let _ = write!(head, " · {}.{:06} s after boot", us / 1_000_000, us % 1_000_000);
    }
    if let Some(host) = &r.host {
        let _ = write!(head, " · {host}");
    }
    if let Some(kernel) = &r.kernel {
        let _ = write!(head, " · Linux {kernel}");
    }
    let _ = writeln!(out, "{head} · lines {}–{}", r.first_line, r.last_line);
    field(out, "What", &what(r, a.place.as_ref()));
    limits(out, r);
    if let Some(invoker) = &r.invoker {
        field(out, "Asked by", &asked_by(r, invoker));
    }
    killed(out, a);
    if let Some(n) = r.suppressed_before {
        field(out, "Before it", &format!("{n} more reports that the kernel did not print"));
    }
    table(out, a, options);
    field(out, "Why", &format!("{}{}", mark(a.explanation.verdict), a.explanation.why));
    let missing = r.missing();
    if !missing.is_empty() {
        field(out, "Missing", &missing.join("; "));
    }
    for (i, advice) in a.advice.iter().enumerate() {
        field(out, if i == 0 { "What to do" } else { "" }, advice);
    }
}

fn mark(verdict: ChoiceVerdict) -> &'static str {
    match verdict {
        ChoiceVerdict::Explained
        | ChoiceVerdict::OtherRules
        | ChoiceVerdict::Nobody
        | ChoiceVerdict::Panic
        | ChoiceVerdict::AllocatingTask => "",
        ChoiceVerdict::NotExplained => "NOT EXPLAINED. ",
        ChoiceVerdict::CannotTell => "Cannot be checked. ",
    }
}

fn what(r: &LoggedOom, place: Option<&CgroupPlace>) -> String {
    let constraint = match r.constraint.as_deref() {
        Some("CONSTRAINT_CPUSET") => " (the part that its cpuset allows)",
        Some("CONSTRAINT_MEMORY_POLICY") => " (the part that its memory policy allows)",
        _ => "",
    };
    match r.kind {
        _ if r.by_hand() => "the OOM killer was asked for by hand (SysRq f)".into(),
        OomKind::Node => match r.bound_nodes() {
            Some(nodes) => {
                let list: Vec<String> = nodes.iter().map(u32::to_string).collect();
                format!("NUMA node {} ran out of memory{constraint}", list.join(", "))
            }
            None => match r.bound_zones() {
                Some(zones) => format!("{} ran out of memory", zone_names(&zones)),
                None => format!("the node ran out of memory{constraint}"),
            },
        },
        OomKind::Unknown => "out of memory; the log does not say whether the node or a cgroup".into(),
        OomKind::Cgroup => {
            let Some(path) = &r.oom_memcg else {
                return "a cgroup's memory limit was reached; the lines that name it are missing".into();
            };
            let who = place.map_or(String::new(), words);
            format!("a memory limit was reached: {who}\n             cgroup {path}")
        }
    }
}

/// `zone DMA`, `zones DMA, Normal`.
pub(crate) fn zone_names(zones: &[&Zone]) -> String {
    let mut names: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
    names.dedup();
    format!("{} {}", if names.len() == 1 { "zone" } else { "zones" }, names.join(", "))
}

/// Whose cgroup it is, in words.
pub(crate) fn words(place: &CgroupPlace) -> String {
    let short = |id: &str| id.get(..13).unwrap_or(id).to_string();
    match place {
        CgroupPlace::Node => "the root cgroup".into(),
        CgroupPlace::Pods => "all pods of the node together".into(),
        CgroupPlace::QosClass { qos } => format!("all {} pods together", qos_name(*qos)),
        CgroupPlace::Pod { uid, qos } => {
            let fixed = if crate::place::is_static(uid) { "static " } else { "" };
            format!("a {} {fixed}pod, uid {uid}", qos_name(*qos))
        }
        CgroupPlace::Container { pod_uid, qos, id, runtime } => {
            let runtime = runtime.map_or(String::new(), |r| format!("{r} "));
            let qos = qos_name(*qos);
            format!("a container of a {qos} pod, uid {pod_uid}, {runtime}container {}", short(id))
        }
        CgroupPlace::PlainContainer { id, runtime } => match runtime {
            Some("podman") => format!("a Podman container, {}", short(id)),
            Some("docker") => format!("a Docker container, {}", short(id)),
            Some("kata") => format!("the overhead of a Kata sandbox, {}", short(id)),
            Some(runtime) => format!("a container of {runtime} outside of Kubernetes, {}", short(id)),
            None => format!("a container outside of Kubernetes, {}", short(id)),
        },
        CgroupPlace::Job { system, name } => format!("{name} of {}", system.name()),
        CgroupPlace::Unit { name } => format!("{name} of systemd"),
        CgroupPlace::Other { .. } => "a cgroup".into(),
    }
}

fn size(kb: u64) -> String {
    if kb < 1024 {
        return format!("{kb} kB");
    }
    let bytes = Bytes::kib(kb.min(u64::MAX >> 10)).to_string();
    let mib = kb / 1024;
    if bytes.ends_with("Ki") && mib > 0 { format!("{kb} kB ({mib} MiB)") } else { format!("{kb} kB ({bytes})") }
}

fn counter(c: &Counter) -> String {
    if c.unlimited() {
        format!("{} used, no limit", size(c.usage_kb))
    } else {
        format!("{} used of {}, limit met {} times", size(c.usage_kb), size(c.limit_kb), c.failcnt)
    }
}

fn limits(out: &mut String, r: &LoggedOom) {
    if let Some(memory) = &r.memory {
        field(out, "Limit", &counter(memory));
    }
    if let Some(swap) = r.swap.filter(|s| s.usage_kb > 0 || !s.unlimited()) {
        let text = if swap.limit_kb == 0 { "none allowed".into() } else { counter(&swap) };
        field(out, "Swap", &text);
    }
    if let Some(both) = r.memory_swap.filter(|s| !s.unlimited()) {
        field(out, "With swap", &counter(&both));
    }
    let Some(info) = &r.mem_info else { return };
    let mut parts = Vec::new();
    if let (Some(ram), Some(reserved)) = (info.ram_pages, info.reserved_pages) {
        parts.push(format!("RAM {} MiB", r.kb(ram.saturating_sub(reserved)) / 1024));
    }
    for (key, name) in [("free", "free"), ("shmem", "shared"), ("slab_unreclaimable", "kernel")] {
        if let Some(pages) = info.get(key) {
            parts.push(format!("{name} {} MiB", r.kb(pages) / 1024));
        }
    }
    if let (Some(free), Some(total)) = (info.free_swap_kb, info.total_swap_kb) {
        parts.push(if total == 0 {
            "no swap".into()
        } else {
            format!("swap {} of {} MiB free", free / 1024, total / 1024)
        });
    }
    if !parts.is_empty() {
        field(out, "Memory", &parts.join(", "));
    }
}

fn asked_by(r: &LoggedOom, invoker: &crate::report::Invoker) -> String {
    let mut text = invoker.comm.clone();
    if let Some(pid) = invoker.pid {
        let _ = write!(text, " (pid {pid})");
    }
    if let Some(pid) = invoker.pid
        && r.victim_pid().is_some_and(|victim| victim != pid)
    {
        let thread = !r.tasks.is_empty() && r.task(pid).is_none() && !r.rows_lost();
        text.push_str(if thread {
            ", a thread or a process that has gone: the table does not list it"
        } else {
            ", which is not the one that was chosen"
        });
    }
    text
}

fn killed(out: &mut String, a: &Analysis) {
    let r = &a.report;
    if r.no_killable {
        field(out, "Killed", "none: no process may be killed");
    }
    if let Some(chosen) = r.chosen.as_ref().filter(|_| r.killed.is_empty()) {
        // Before 5.1 a child may die in place of the chosen process.
        let sure = if chosen.score.is_none() { "the line about its kill is missing" } else { "who died is missing" };
        field(out, "Chosen", &format!("{} (pid {}); {sure}", chosen.comm, chosen.pid));
    }
    if let Some(panic) = &r.panic {
        field(out, "Then", panic);
    }
    for (i, k) in r.killed.iter().take(20).enumerate() {
        let mut text = format!("{} (pid {})", k.comm, k.pid);
        if let Some(anon) = k.anon_rss_kb {
            let _ = write!(text, ", own memory {}", size(anon));
        }
        if let Some(file) = k.file_rss_kb.filter(|f| *f > 0) {
            let _ = write!(text, ", of files {} MiB", file / 1024);
        }
        if let Some(shmem) = k.shmem_rss_kb.filter(|f| *f > 0) {
            let _ = write!(text, ", shared {} MiB", shmem / 1024);
        }
        if let Some(adj) = k.oom_score_adj {
            let _ = write!(text, ", oom_score_adj {adj}");
        }
        field(out, if i == 0 { "Killed" } else { "" }, &text);
    }
    if r.killed.len() > 20 {
        field(out, "", &format!("and {} more", r.killed.len() - 20));
    }
    if let Some(group) = &r.oom_group {
        field(out, "", &format!("as a group, because memory.oom.group is set on {group}"));
    }
    if r.group_not_announced {
        field(out, "", "at once, as a group: the line that announces it (memory.oom.group) is missing");
    }
    if let Some(path) = &r.task_memcg
        && r.oom_memcg.as_ref() != Some(path)
    {
        let whose = match &a.victim_place {
            None | Some(CgroupPlace::Other { .. }) => String::new(),
            Some(place) => format!("{}\n             ", words(place)),
        };
        field(out, "It was in", &format!("{whose}{path}"));
    }
}

fn table(out: &mut String, a: &Analysis, options: TextOptions) {
    let e = &a.explanation;
    if e.candidates.is_empty() {
        return;
    }
    let total = match e.total_pages {
        Some(pages) => format!("{pages} pages of {} KiB ({})", a.report.page_size_kb, e.total_from),
        None => e.total_from.clone(),
    };
    field(out, "Candidates", "points = resident + swapped + page tables (in pages) + oom_score_adj × (total ÷ 1000)");
    field(out, "", &format!("total: {total}"));
    field(out, "", &format!("rules of Linux {}: {}", e.rules, e.rules_text));
    let _ = writeln!(
        out,
        "  {:>9} {:<16} {:>10} {:>9} {:>6} {:>6} {:>11} {:>11}",
        "pid", "name", "resident", "swapped", "tables", "adj", "adj points", "points"
    );
    let mut shown: Vec<&Candidate> = e.candidates.iter().collect();
    shown.sort_by_key(|c| (std::cmp::Reverse(c.chosen), std::cmp::Reverse(c.points)));
    let all = shown.len();
    shown.truncate(options.candidates.max(1));
    for c in shown {
        let points = c.points.map_or("protected".into(), |p| p.to_string());
        let sign = if c.chosen {
            ">"
        } else if c.killed {
            "+"
        } else {
            " "
        };
        let _ = writeln!(
            out,
            "{sign} {:>9} {:<16} {:>10} {:>9} {:>6} {:>6} {:>11} {:>11}",
            c.pid, c.comm, c.rss, c.swapents, c.pgtables_pages, c.oom_score_adj, c.adj_points, points
        );
    }
    if all > options.candidates.max(1) {
        let _ = writeln!(out, "  … and {} more", all - options.candidates.max(1));
    }
}
