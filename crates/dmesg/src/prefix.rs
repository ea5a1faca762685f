//! What stands before the kernel's own text: stamps of dmesg, journal and syslog, `/dev/kmsg` fields, quote marks.

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
        _ => {}
    }
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

fn number_or_date<'a>(p: &mut Prefixed<'a>, text: &'a str) {
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
    let iso_date = b.len() >= 10 && b[4] == b'-' && b[7] == b'-' && b[..4].iter().all(u8::is_ascii_digit);
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

/// `Jan 16 21:33:51 host kernel: `, `Sat Apr 27 22:56:09 2019`, `Sun 2022-01-16 21:33:51 UTC host kernel: `.
fn date_by_name<'a>(p: &mut Prefixed<'a>, text: &'a str) {
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
fn kernel_tag(text: &str) -> Option<&str> {
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
fn tag<'a>(p: &mut Prefixed<'a>, text: &'a str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Prefixes of the tools, from the texts of docs/SOURCES.md, public issue threads and the tools' own manuals.
    #[test]
    fn every_prefix_leaves_the_message() {
        let message = "dotnet invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-997";
        for prefix in [
            "",
            "[ 8334.895293] ",
            "[Sat Apr 27 22:56:09 2019] ",
            "[Mar 22 14:23:01] ",
            "[11:02:17] ",
            "[2-3219.1870] ",
            "[ 8334.895293,0] ",
            "Jan 16 21:33:51 aks-agentpool-20086390-vmss00003K kernel: [ 8334.895293] ",
            "Jan 16 21:33:51 node kernel: ",
            "Jan 16 21:33:51 node kernel:",
            "Jan 16 21:33:51.895293 node kernel: ",
            "`- Jan 14 18:01:55 node kernel: [ 1432.394489] ",
            "> Nov 30 10:16:57 node kernel: ",
            "2022-01-16T21:33:51+0000 node kernel: ",
            "2022-01-16T21:33:51.895293+00:00 node kernel: [ 8334.895293] ",
            "2022-01-16 21:33:51 node kernel: ",
            "Sun 2022-01-16 21:33:51 UTC node kernel: ",
            "1642368831.895293 node kernel: ",
            "<4>[ 8334.895293] ",
            "<4>Jan 16 21:33:51 node kernel: [ 8334.895293] ",
            "<4>1 2022-01-16T21:33:51.895293+00:00 node kernel - - - ",
            "<4>1 2022-01-16T21:33:51Z node kernel - - - [ 8334.895293] ",
            "4,1034,8334895293,-;",
            "4,1034,8334895293,-,caller=T14300;",
            "[ 8334.895293][T14300] ",
            "[ 8334.895293] [ T14300] ",
            "kern  :warn  : [ 8334.895293] ",
            "kern  :warn  : [Sat Apr 27 22:56:09 2019] ",
            "kern: warning: [2026-01-12T20:27:31.913975631Z]: ",
            "2022-01-16T21:33:51,895293+00:00 ",
            "2023-12-04T10:49:30.127Z In(05) vcpu-5 - Guest: <6>[39291577.009360] ",
            "kernel: ",
            // journalctl -o short-monotonic, dmesg --time-format=delta, CRI, kubectl logs --prefix --timestamps,
            // a relay's header, busybox, netconsole with the release.
            "[  100.000000] n1 kernel: ",
            "[<    0.000001>] ",
            "[  100.000000 <    0.000001>] ",
            "[  +0.000001] ",
            "2026-01-01T00:00:00.123456789Z stdout F [  100.000000] ",
            "[pod/kube-system/logger-x2v/log] 2026-01-01T00:00:00.123456789Z [  100.000000] ",
            "Jan 16 21:33:52 relay Jan 16 21:33:51 node kernel: [ 8334.895293] ",
            "2026-01-01T00:00:00Z relay 2026-01-01T00:00:00Z node kernel: ",
            "Thu Jan  1 00:00:00 2026 kern.warn kernel: [  100.000000] ",
            "<4>1 2026-01-01T00:00:00Z node kernel 12 ID47 [meta sequenceId=\"1\"] ",
            "6.4.0,4,1034,8334895293,-;",
            "# → [Mar 22 14:23:01] ",
        ] {
            let line = format!("{prefix}{message}");
            assert_eq!(strip(&line).text, message, "prefix {prefix:?}");
            assert_eq!(strip(&line).marked, !prefix.is_empty(), "prefix {prefix:?}");
        }
    }

    #[test]
    fn a_row_of_the_table_is_not_a_stamp() {
        for row in ["[25160] 0 25160 256 1 28672 0 -998 pause", "[  pid  ]   uid  tgid total_vm"] {
            assert_eq!(strip(row).text, row);
            assert!(!strip(row).marked);
            let stamped = format!("[   10.656977] {row}");
            assert_eq!(strip(&stamped).text, row);
        }
        assert_eq!(strip("[ 8334.895293] x").uptime_us, Some(8_334_895_293));
        assert_eq!(strip("Jan 16 21:33:51 node kernel: x").host, Some("node"));
        assert_eq!(strip("4,1034,8334895293,-,caller=T14300;x").caller, Some("T14300"));
    }

    #[test]
    fn other_programs_lines_keep_their_tag() {
        let line = "Jan 14 18:02:17 node kubelet[3044]: I0114 Killed process 1 (x)";
        assert_eq!(strip(line).text, "node kubelet[3044]: I0114 Killed process 1 (x)");
    }
}
