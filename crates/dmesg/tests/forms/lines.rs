//! Forms whose lines have a prefix.

use super::{Log, json, stamped, time};

/// Forms whose lines have a prefix.
pub fn prefixed(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        ("CRI", log.each(|us, t| format!("{} stdout F {}", time(us), stamped(us, t)))),
        (
            "CRI with partial lines",
            log.each(|us, t| {
                let text = stamped(us, t);
                let (a, b) = text.split_at(text.len() / 2);
                format!("{} stdout P {a}\n{} stdout F {b}", time(us), time(us))
            }),
        ),
        ("kubectl --prefix", log.each(|us, t| format!("[pod/kube-system/log-x2v/log] {}", stamped(us, t)))),
        ("kubectl --timestamps", log.each(|us, t| format!("{} {}", time(us), stamped(us, t)))),
        ("docker compose", log.each(|us, t| format!("app-1  | {}", stamped(us, t)))),
        ("stern", log.each(|us, t| format!("log-x2v log {}", stamped(us, t)))),
        ("stern, message alone", log.each(|_, t| format!("log-x2v log {t}"))),
        ("aws logs tail", log.each(|us, t| format!("{} i-0123456789abcdef {}", time(us), stamped(us, t)))),
        ("logcli", log.each(|us, t| format!("{} {{host=\"n1\", job=\"kmsg\"}} {t}", time(us)))),
        ("logfmt", log.each(|us, t| format!("ts={} level=info msg={}", time(us), json(t)))),
        (
            "fluent-bit",
            log.each(|us, t| {
                format!("[0] kmsg: [[1767225700.0, {{}}], {{\"priority\"=>4, \"sec\"=>{us}, \"msg\"=>{}}}]", json(t))
            }),
        ),
        ("grep -H", log.each(|us, t| format!("kern.log:{}", stamped(us, t)))),
        ("grep -n", log.each(|us, t| format!("1234:{}", stamped(us, t)))),
        (
            "grep -Hn",
            log.numbered(|n, us, t| format!("/var/log/kern.log.1:{n}:Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))),
        ),
        (
            "zgrep -A",
            log.numbered(|n, _, t| {
                format!("kern.log.2.gz{}Jan  1 00:01:40 n1 kernel: {t}", if n == 0 { ':' } else { '-' })
            }),
        ),
        ("journalctl -r", log.backwards(|_, t| format!("Jan 01 00:01:40 n1 kernel: {t}"))),
        ("logcli -o raw", log.backwards(|_, t| t.to_string())),
        ("a table of a wiki", log.each(|us, t| format!("| {} | {t} |", time(us)))),
        ("Markdown", log.each(|us, t| stamped(us, t).replace('_', "\\_").replace('[', "\\[").replace(']', "\\]"))),
        ("line ends of old Macs", log.plain().replace('\n', "\r")),
        (
            "ansible's debug",
            format!(
                "ok: [n1] => {{\n  \"out.stdout_lines\": [\n{}\n  ]\n}}\n",
                log.each(|us, t| format!("    {},", json(&stamped(us, t))))
            ),
        ),
        ("repr of Python", format!("'{}'", log.plain().replace('\n', "\\n"))),
        (
            "two syslog headers",
            log.each(|us, t| format!("Jan  1 00:01:41 relay Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))),
        ),
        ("busybox", log.each(|us, t| format!("Thu Jan  1 00:01:40 2026 kern.warn kernel: {}", stamped(us, t)))),
        ("RFC 5424", log.each(|us, t| format!("<4>1 {} n1 kernel - - [meta sequenceId=\"1\"] {t}", time(us)))),
        ("netconsole", log.each(|us, t| format!("6.1.0,4,1034,{us},-;{t}"))),
        ("quoted mail", log.each(|us, t| format!("> > {}", stamped(us, t)))),
        ("code of a wiki", log.each(|us, t| format!("    {}", stamped(us, t)))),
        ("serial console", log.each(|us, t| format!("\u{1b}[0m{}\r", stamped(us, t)))),
        ("cat -v", log.each(|us, t| format!("^[[32m{}^[[0m", stamped(us, t)))),
        ("TSV", log.each(|us, t| format!("{}\tn1\t{t}", time(us)))),
        ("bare", log.each(|_, t| t.to_string())),
    ]
}
