//! Stamps, hosts and tags of syslog, the journal and container runtimes.

use super::{Prefixed, after_blank, kmsg, seconds};

pub(super) fn number_or_date<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    if kmsg(p, text) {
        return;
    }
    let Some((token, rest)) = text.split_once(' ') else {
        return;
    };
    // A stamp whose first bracket was not copied: `5193605.506728] text`.
    if let Some(us) = token.strip_suffix(']').and_then(seconds) {
        p.uptime_us = p.uptime_us.or(Some(us));
        p.marked = true;
        p.text = rest;
        return;
    }
    if machine(p, token, rest) {
        return;
    }
    let b = token.as_bytes();
    let iso_date = b.len() >= 10
        && b[4] == b'-'
        && b[7] == b'-'
        && b[..4].iter().all(u8::is_ascii_digit)
        && b[10..].iter().all(|b| b.is_ascii_digit() || b":.,+-TtZz".contains(b));
    if iso_date && b.len() > 10 && token.get(10..).is_some_and(|t| t.contains(':')) {
        // 2022-01-16T21:33:51.123456+00:00
        p.wall = p.wall.or(Some(token.trim_end_matches(':')));
        host_and_tag(p, rest);
    } else if iso_date && b.len() == 10 {
        // 2022-01-16 21:33:51 [UTC]
        let Some((time, rest)) = rest.split_once(' ') else { return };
        if clock(time) {
            p.wall = p.wall.or(Some(&text[..11 + time.len()]));
            host_and_tag(p, zone_name(rest));
        }
    } else if clock(token) {
        p.wall = p.wall.or(Some(token));
        host_and_tag(p, rest);
    } else if b.len() >= 12 && token.contains('.') && !p.marked {
        // journalctl -o short-unix: 1642368831.895293
        if seconds(token).is_some() {
            p.wall = p.wall.or(Some(token));
            host_and_tag(p, rest);
        }
    }
}

/// `21:33:51`, with a fraction or not.
fn clock(token: &str) -> bool {
    let b = token.trim_end_matches(':').as_bytes();
    b.len() >= 8
        && b[2] == b':'
        && b[5] == b':'
        && [0, 1, 3, 4, 6, 7].iter().all(|&i| b[i].is_ascii_digit())
        && b[8..].iter().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b',' | b'+' | b'-' | b'Z' | b':'))
}

fn zone_name(rest: &str) -> &str {
    match rest.split_once(' ') {
        Some((zone, after))
            if (2..=5).contains(&zone.len())
                && zone.bytes().all(|b| b.is_ascii_uppercase() || b == b'+' || b.is_ascii_digit()) =>
        {
            after
        }
        _ => rest,
    }
}

/// `Jan 16 21:33:51 host kernel: `, `Sat Apr 27 22:56:09 2019`, `Sun 2022-01-16 21:33:51 UTC host kernel: `.
pub(super) fn date_by_name<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(name) = text.get(..3) else { return };
    let Some(rest) = text[3..].strip_prefix(' ') else { return };
    if DAYS.contains(&name) {
        let next = rest.trim_start();
        if next.starts_with(|c: char| c.is_ascii_digit()) || next.get(..3).is_some_and(|m| MONTHS.contains(&m)) {
            p.text = rest;
        }
        return;
    }
    if !MONTHS.contains(&name) {
        return;
    }
    let rest = rest.trim_start();
    let Some((day, rest)) = rest.split_once(' ') else { return };
    let day = day.trim_end_matches(',');
    if day.len() > 2 || !day.bytes().all(|b| b.is_ascii_digit()) {
        return;
    }
    let mut rest = rest.trim_start();
    let year = |s: &str| s.len() == 4 && s.bytes().all(|b| b.is_ascii_digit());
    // "Jan 16 2022 21:33:51" and "Jun 25, 2021 @ 12:42:13.029".
    if let Some((y, after)) = rest.split_once(' ')
        && year(y.trim_end_matches(','))
    {
        rest = after.strip_prefix("@ ").unwrap_or(after);
    }
    let (time, mut after) = rest.split_once(' ').unwrap_or((rest, ""));
    if !clock(time) {
        return;
    }
    if let Some((y, tail)) = after.split_once(' ')
        && year(y)
    {
        after = tail;
    }
    let used = text.len() - after.len();
    p.wall = p.wall.or(Some(text[..used].trim_end()));
    host_and_tag(p, after);
}

/// After a date: `host kernel: text`, also behind a relay's own header. Without the tag `kernel` the rest stays as it
/// is: another program's line.
fn host_and_tag<'a>(p: &mut Prefixed<'a>, rest: &'a str) {
    p.marked = true;
    p.text = rest;
    if let Some((_, text)) = stream(rest) {
        p.text = text;
        return;
    }
    let mut tail = rest;
    let mut host = None;
    for _ in 0..9 {
        let Some((token, after)) = tail.split_once(' ') else { break };
        if let Some(text) = kernel_tag(tail) {
            p.host = p.host.or(host);
            p.text = text;
            return;
        }
        // busybox names facility and level between: `n1 kern.warn kernel: text`.
        if !token.is_empty() && !FACILITIES.iter().any(|f| token.strip_prefix(f).is_some_and(|l| l.starts_with('.'))) {
            host = Some(token.trim_end_matches(':'));
        }
        tail = after;
    }
    if let Some(text) = rest.trim_start_matches(['|', ' ']).strip_prefix("kernel | ") {
        p.text = text;
        return;
    }
    // A virtual machine's log on its host: "In(05) vcpu-5 - Guest: <6>[…] text".
    if let Some(at) = rest.find(" Guest: ").filter(|&at| at < 64) {
        p.text = &rest[at + 8..];
    }
}

/// `stdout F text` of a container runtime's file; true when the line goes on in the next one (`P`).
fn stream(rest: &str) -> Option<(bool, &str)> {
    let tag = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
    tag.strip_prefix("F ").map(|text| (false, text)).or_else(|| tag.strip_prefix("P ").map(|text| (true, text)))
}

/// A line of a container runtime's file (CRI): its time, whether it goes on in the next line, and its text.
pub(crate) fn container_line(line: &str) -> Option<(&str, bool, &str)> {
    let (time, rest) = line.trim_start().split_once(' ')?;
    let (goes_on, text) = stream(rest)?;
    (time.contains('T') && time.starts_with(|c: char| c.is_ascii_digit())).then_some((time, goes_on, text))
}

/// The text after `kernel: `, `kernel:` or RFC 5424's `kernel - - - `.
pub(super) fn kernel_tag(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("kernel")?;
    if let Some(after) = rest.strip_prefix(':') {
        return Some(after_blank(after));
    }
    if let Some(after) = rest.strip_prefix('[') {
        let (pid, after) = after.split_once("]:")?;
        return pid.bytes().all(|b| b.is_ascii_digit()).then(|| after_blank(after));
    }
    // RFC 5424: PROCID, MSGID, structured data.
    let mut rest = rest.strip_prefix(' ')?;
    for _ in 0..2 {
        let (field, after) = rest.split_once(' ')?;
        if field.len() > 32 || !field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return None;
        }
        rest = after;
    }
    match rest.strip_prefix("- ") {
        Some(text) => Some(text),
        None if rest.starts_with('[') => rest.find("] ").map(|at| &rest[at + 2..]),
        None => None,
    }
}

/// `10.200.70.91: kern: info: …` of talosctl.
fn machine<'a>(p: &mut Prefixed<'a>, token: &'a str, rest: &'a str) -> bool {
    let Some(name) = token.strip_suffix(':') else { return false };
    let is = FACILITIES.iter().any(|f| rest.trim_start().strip_prefix(f).is_some_and(|r| r.starts_with(':')));
    if is {
        p.host = p.host.or(Some(name));
        p.marked = true;
        p.text = rest;
    }
    is
}

const FACILITIES: [&str; 6] = ["kern", "user", "daemon", "syslog", "auth", "authpriv"];

/// `kernel: ` alone, and `kern  :warn  : ` of `dmesg -x`.
pub(super) fn tag<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    if let Some(rest) = kernel_tag(text) {
        p.marked = true;
        p.text = rest;
        return;
    }
    if let Some((token, rest)) = text.split_once(' ')
        && machine(p, token, rest)
    {
        return;
    }
    let Some((facility, rest)) = text.split_once(':') else { return };
    if !FACILITIES.contains(&facility.trim_end()) {
        return;
    }
    let Some((level, rest)) = rest.split_once(':') else { return };
    if level.len() < 10 && level.trim().bytes().all(|b| b.is_ascii_lowercase()) {
        p.marked = true;
        p.text = after_blank(rest);
    }
}
