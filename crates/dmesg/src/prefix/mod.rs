//! What stands before the kernel's own text: stamps of dmesg, journal and syslog, `/dev/kmsg` fields, quote marks.

mod syslog;
#[cfg(test)]
mod tests;

pub(crate) use syslog::container_line;
use syslog::{date_by_name, kernel_tag, number_or_date, tag};

/// A line without its prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefixed<'a> {
    /// Microseconds since boot.
    pub uptime_us: Option<u64>,
    /// Wall clock as written.
    pub wall: Option<&'a str>,
    /// Host name.
    pub host: Option<&'a str>,
    /// `T123` or `C0` of CONFIG_PRINTK_CALLER.
    pub caller: Option<&'a str>,
    /// A record of `/dev/kmsg`: control characters stand as `\xNN`.
    pub kmsg: bool,
    /// What tells the sources of a collected log apart, when the prefix names no host.
    pub source: Option<String>,
    /// True when there was any prefix that marks the beginning of a message.
    pub marked: bool,
    /// The message, its own leading blanks kept.
    pub text: &'a str,
}

/// Takes the prefix off.
pub(crate) fn strip(line: &str) -> Prefixed<'_> {
    let mut p = Prefixed { text: line, ..Prefixed::default() };
    // Each round takes one field; more than a dozen is no log line.
    for _ in 0..12 {
        let before = p.text.len();
        peel(&mut p);
        if p.text.len() == before {
            break;
        }
    }
    p.text = p.text.trim_end_matches(['`', '\r', '\n']).trim_end();
    // The right border of a table.
    if line.trim_start().starts_with('|') {
        p.text = p.text.trim_end_matches(['|', ' ']);
    }
    p
}

fn peel(p: &mut Prefixed<'_>) {
    let text = p.text;
    let trimmed = text.trim_start();
    let Some(&first) = trimmed.as_bytes().first() else {
        return;
    };
    match first {
        b'[' => bracket(p, trimmed),
        b'<' => priority(p, trimmed),
        b'0'..=b'9' => number_or_date(p, trimmed),
        b'>' | b'`' | b'|' => p.text = &trimmed[1..],
        b'-' | b'*' | b'#' if trimmed[1..].starts_with(' ') => p.text = &trimmed[2..],
        // Arrows and the byte-order mark.
        0x80.. => {
            if let Some(rest) = trimmed.strip_prefix(['→', '\u{feff}', '•', '│']) {
                p.text = rest;
            }
        }
        b'A'..=b'Z' => date_by_name(p, trimmed),
        b'a'..=b'z' => tag(p, trimmed),
        b'\'' | b'"' if stamped(&trimmed[1..]) => p.text = &trimmed[1..],
        _ => {}
    }
    if p.text.len() == text.len() && !p.marked {
        file(p, trimmed);
    }
}

/// `/var/log/kern.log:`, `kern.log.1:1234:`, `kern.log-` of grep, `n1: ` of tools that run a command on many machines,
/// when a stamp follows.
fn file<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    let end = text.bytes().take(256).position(|b| matches!(b, b' ' | b'[')).unwrap_or(text.len().min(256));
    for (at, sign) in text.bytes().enumerate().take(end).skip(1).filter(|(_, b)| matches!(b, b':' | b'-')) {
        let rest = &text[at + 1..];
        let number = rest.bytes().take_while(u8::is_ascii_digit).count();
        let numbered = number > 0 && rest.as_bytes().get(number) == Some(&sign);
        let rest = after_blank(if numbered { &rest[number + 1..] } else { rest });
        if stamped(rest) {
            // The number of a line is no name.
            let name = &text[..at];
            p.source = (!name.bytes().all(|b| b.is_ascii_digit())).then(|| name.to_string());
            p.text = rest;
            return;
        }
    }
}

/// True when a text begins with the stamp of a log.
fn stamped(text: &str) -> bool {
    let mut p = Prefixed { text, ..Prefixed::default() };
    match text.as_bytes().first() {
        Some(b'[') => bracket(&mut p, text),
        Some(b'<') => priority(&mut p, text),
        Some(b'0'..=b'9') => number_or_date(&mut p, text),
        Some(b'A'..=b'Z') => date_by_name(&mut p, text),
        _ => {}
    }
    p.marked
}

fn after_blank(s: &str) -> &str {
    s.strip_prefix(' ').unwrap_or(s)
}

/// `[   10.656426] `, `[Sat Apr 27 22:56:09 2019] `, `[ T123] `, `[2026-01-12T20:27:31.9Z]: `.
fn bracket<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    let Some(end) = text.bytes().take(64).position(|b| b == b']') else {
        return;
    };
    let inner = text[1..end].trim();
    let mut rest = &text[end + 1..];
    let bytes = inner.as_bytes();
    let caller =
        bytes.len() > 1 && matches!(bytes[0], b'T' | b'C') && bytes[1..].iter().all(u8::is_ascii_digit) && p.marked;
    if caller {
        p.caller = Some(inner);
    } else if let Some(us) = seconds(inner.split([' ', '<']).next().unwrap_or("")) {
        p.uptime_us = p.uptime_us.or(Some(us));
    } else if inner.contains(':') && inner.bytes().any(|b| b.is_ascii_digit()) && !inner.starts_with('<') {
        p.wall = p.wall.or(Some(inner));
    } else if inner.starts_with(['+', '<']) && seconds(inner[1..].trim_end_matches('>').trim()).is_some() {
        // Relative times of `dmesg -e` and `--time-format=delta`: no use, but a mark.
    } else if inner.starts_with("pod/") && !inner.contains(' ') {
        // kubectl logs --prefix
        p.source = p.source.take().or_else(|| Some(inner.to_string()));
    } else if inner.contains('.') && inner.bytes().all(|b| b.is_ascii_digit() || b" .,-:".contains(&b)) {
        // A vendor's stamp, with the CPU or a generation in it: no clock, but a mark.
    } else {
        return;
    }
    p.marked = true;
    rest = rest.strip_prefix(':').unwrap_or(rest);
    p.text = after_blank(rest);
    // journalctl -o short-monotonic: `[  100.000000] n1 kernel: text`.
    if let Some((host, tail)) = p.text.split_once(' ')
        && !host.is_empty()
        && let Some(text) = kernel_tag(tail)
    {
        p.host = p.host.or(Some(host));
        p.text = text;
    }
}

/// `123.456789` or `123,456789` as microseconds; whole numbers are something else (a pid).
fn seconds(s: &str) -> Option<u64> {
    let (secs, frac) = s.split_once(['.', ','])?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(secs) || !digits(frac) || secs.len() > 12 {
        return None;
    }
    let micros: u64 = frac.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    secs.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

/// `<4>` of `dmesg -r`; `<4>1 2023-…` of RFC 5424.
fn priority<'a>(p: &mut Prefixed<'a>, text: &'a str) {
    let Some(end) = text.bytes().take(5).position(|b| b == b'>') else {
        return;
    };
    if end < 2 || !text[1..end].bytes().all(|b| b.is_ascii_digit()) {
        return;
    }
    p.marked = true;
    let rest = &text[end + 1..];
    p.text = match rest.strip_prefix("1 ") {
        Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => after,
        _ => rest,
    };
}

/// `PRIO,SEQ,USEC,FLAGS[,…];`
fn kmsg<'a>(p: &mut Prefixed<'a>, text: &'a str) -> bool {
    let Some(semicolon) = text.bytes().take(128).position(|b| b == b';') else {
        return false;
    };
    let mut fields = text[..semicolon].split(',').peekable();
    // CONFIG_NETCONSOLE_PREPEND_RELEASE: "6.4.0,4,1034,8334895293,-;text".
    if fields.peek().is_some_and(|f| f.contains('.') && f.starts_with(|c: char| c.is_ascii_digit())) {
        fields.next();
    }
    let mut number = || fields.next().filter(|f| !f.is_empty() && f.len() < 20).and_then(|f| f.parse::<u64>().ok());
    let (Some(_), Some(_), Some(us)) = (number(), number(), number()) else {
        return false;
    };
    for field in fields {
        if let Some(caller) = field.strip_prefix("caller=") {
            p.caller = Some(caller);
        }
    }
    p.uptime_us = Some(us);
    p.kmsg = true;
    p.marked = true;
    p.text = &text[semicolon + 1..];
    true
}
