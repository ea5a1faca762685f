//! Lines about the choice and the kills.

use super::{LogLine, Parsed, Summary, leading_number, pid_at, signed};
use crate::report::{Chosen, Killed, Reaped};

/// Everything with "ill process", and the lines around it.
pub(super) fn kills(text: &str) -> Option<Parsed> {
    if text.starts_with("Memory cgroup min protection ") {
        return protection(text);
    }
    if let Some(at) = text.find("Killed process ").filter(|&at| message_end(text, at)) {
        let (pid, rest) = pid_at(&text[at + 15..])?;
        let message = text[..at].trim_end_matches([':', ' ']).to_string();
        let (killed, whole) = killed(pid, rest)?;
        // What a program says about a kill has none of its figures.
        if killed.total_vm_kb.is_none() && of_a_program(&text[..at]) {
            return None;
        }
        return Some(Parsed { line: LogLine::Killed { message, killed }, whole });
    }
    let choose = text.find("Kill process ").or_else(|| text.find("kill process "));
    if let Some(at) = choose.filter(|&at| message_end(text, at)) {
        let (pid, rest) = pid_at(&text[at + 13..])?;
        let rest = rest.trim_start();
        let inner = rest.strip_prefix('(')?;
        let (comm, score) = match inner.rfind(") score ") {
            Some(close) => (&inner[..close], leading_number(&inner[close + 8..]).map(|(n, _)| n)),
            None => (inner.strip_suffix(')').unwrap_or(""), None),
        };
        let chosen = Chosen { pid, comm: comm.to_string(), score };
        let message = text[..at].trim_end_matches([':', ' ']).to_string();
        return Some(Parsed { line: LogLine::Choose { message, chosen }, whole: score.is_some() });
    }
    if let Some(rest) = text.strip_prefix("oom-kill:") {
        return Some(summary(rest));
    }
    if let Some(rest) = text.strip_prefix("Tasks in ") {
        return Some(match rest.split_once(" are going to be killed") {
            Some((path, _)) => Parsed::whole(LogLine::Group(path.to_string())),
            None => Parsed { line: LogLine::Filler, whole: false },
        });
    }
    if let Some(at) = text.find("OOM victim ") {
        let (pid, rest) = pid_at(&text[at + 11..])?;
        return rest.contains("already exiting").then(|| Parsed::whole(LogLine::Exiting(pid)));
    }
    if let Some(rest) = text.strip_prefix("oom_reaper: reaped process ") {
        let (pid, rest) = pid_at(rest)?;
        let (comm, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
        return Some(Parsed::whole(LogLine::Reaped(Reaped { pid, comm: comm.to_string() })));
    }
    if text.starts_with("Kernel panic - not syncing: ") && (text.contains("memory") || text.contains("oom")) {
        return Some(Parsed::whole(LogLine::Panic(text.to_string())));
    }
    if text.starts_with("Out of memory and no killable processes") {
        return Some(Parsed::whole(LogLine::NoKillable));
    }
    if text.starts_with("oom_kill_process: ") || text.starts_with("dump_header: ") {
        let (n, rest) = leading_number(text.split_once(": ")?.1)?;
        return rest.contains("callbacks suppressed").then(|| Parsed::whole(LogLine::Suppressed(n)));
    }
    None
}

/// `Memory cgroup min protection 0kB -- low protection 0kB` (7.0 on).
fn protection(text: &str) -> Option<Parsed> {
    let (min, rest) = leading_number(text.split_once("min protection ")?.1)?;
    let (low, rest) = leading_number(rest.split_once("low protection ")?.1)?;
    rest.starts_with("kB").then(|| Parsed::whole(LogLine::Protection { min_kb: min, low_kb: low }))
}

/// True when the kernel's own message ends before `at`: nothing, or `…out of memory…: `.
fn message_end(text: &str, at: usize) -> bool {
    let before = &text[..at];
    before.is_empty() || (before.ends_with(": ") && before.to_ascii_lowercase().contains("out of memory") && at < 80)
}

/// True for a prefix with another program's tag, `app[33]: `.
pub(crate) fn of_a_program(before: &str) -> bool {
    let tag = |(at, _): (usize, &str)| {
        let name = before[..at].trim_end_matches(|c: char| c.is_ascii_digit());
        let named = name.strip_suffix('[').filter(|_| name.len() < at);
        named.is_some_and(|name| name.ends_with(|c: char| c.is_ascii_alphanumeric()) && !name.ends_with("kernel"))
    };
    before.match_indices("]: ").any(tag)
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
        // The line is cut within the name.
        return Some((Killed { pid, uid, ..Killed::default() }, false));
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
        oom_score_adj: adj.and_then(signed),
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
            // A cut line ends within a value: what follows it shows that it is whole.
            _ if end == tail.len() && *key != ",uid=" => {}
            ",nodemask=" => s.nodemask = Some(value.to_string()).filter(|v| v != "(null)"),
            ",cpuset=" => s.cpuset = Some(value.to_string()),
            ",mems_allowed=" => s.mems_allowed = Some(value.to_string()),
            ",oom_memcg=" => s.oom_memcg = Some(value.to_string()),
            ",task_memcg=" => s.task_memcg = Some(value.to_string()),
            ",task=" => s.comm = value.to_string(),
            ",pid=" => s.pid = value.parse().unwrap_or(0),
            ",uid=" => whole = leading_number(value).is_some() && s.pid != 0,
            _ => {}
        }
    }
    Parsed { line: LogLine::Summary(Box::new(s)), whole }
}
