//! Screens, tickets, and what the pages of log services let one download.

use super::{Log, clock, json, pretty, stamped, time};

/// Prefixes of tools, languages and editors.
pub fn consoles(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        (
            "kubectl logs --prefix --timestamps",
            log.each(|us, t| format!("[pod/kube-system/log-x2v/log] {} {}", time(us), stamped(us, t))),
        ),
        ("docker logs -t", log.each(|us, t| format!("{}000Z {}", time(us).trim_end_matches('Z'), stamped(us, t)))),
        ("dmesg -T in German", log.each(|us, t| format!("[Do Jan  1 {} 2026] {t}", &clock(us, 'T')[11..]))),
        ("dmesg -T in French", log.each(|us, t| format!("[jeu. janv.  1 {} 2026] {t}", &clock(us, 'T')[11..]))),
        ("journalctl in German", log.each(|us, t| format!("Dez 24 {} n1 kernel: {t}", &clock(us, 'T')[11..]))),
        ("journalctl in French", log.each(|us, t| format!("févr. 24 {} n1 kernel: {t}", &clock(us, 'T')[11..]))),
        ("journalctl in Spanish", log.each(|us, t| format!("ene 24 {} n1 kernel: {t}", &clock(us, 'T')[11..]))),
        ("journalctl in Japanese", log.each(|us, t| format!(" 1月 24 {} n1 kernel: {t}", &clock(us, 'T')[11..]))),
        ("journalctl --no-hostname", log.each(|us, t| format!("Jan 01 {} kernel: {t}", &clock(us, 'T')[11..]))),
        ("cat -n", log.numbered(|n, us, t| format!("{:6}\t{}", n + 1, stamped(us, t)))),
        ("less -N", log.numbered(|n, us, t| format!("{:7} {}", n + 1, stamped(us, t)))),
        ("an added file in a diff", log.each(|us, t| format!("+{}", stamped(us, t)))),
        ("a removed syslog in a diff", log.each(|us, t| format!("-Jan  1 {} n1 kernel: {t}", &clock(us, 'T')[11..]))),
        ("pstore", log.each(|us, t| format!("<4>{}", stamped(us, t)))),
        ("syslog-ng", log.each(|us, t| format!("{}+00:00 n1 kernel: {}", clock(us, 'T'), stamped(us, t)))),
        (
            "fluentd",
            log.each(|us, t| format!("{}.000000000 +0000 kern.kmsg: {{\"message\":{}}}", clock(us, ' '), json(t))),
        ),
        (
            "Vector's console",
            log.each(|us, t| {
                format!(
                    "{{\"host\":\"n1\",\"message\":{},\"source_type\":\"file\",\"timestamp\":\"{}\"}}",
                    json(t),
                    time(us)
                )
            }),
        ),
        (
            "a shell with the time before each line (ts)",
            log.each(|us, t| format!("Jan 01 {} {}", &clock(us, 'T')[11..], stamped(us, t))),
        ),
        ("a ticket, wrapped at 80", hard(&log.plain(), 78).lines().map(|l| format!("> {l}\n")).collect()),
        ("a ticket, cut at 80 by the program", hard(&log.plain(), 80)),
        ("a fence of Markdown", format!("Help, my pod died:\n```text\n{}```\n", log.plain())),
        ("a fence in a quote", format!("> ```\n{}> ```\n", log.each(|us, t| format!("> {}", stamped(us, t))))),
        ("HTML with entities", format!("<pre class=\"log\">{}</pre>", entities(&log.plain()))),
        ("a table of Jira", log.each(|us, t| format!("|{}|{t}|", clock(us, ' ')))),
    ]
}

/// Cut at a column, wherever that is.
fn hard(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let chars: Vec<char> = line.chars().collect();
        for piece in chars.chunks(width) {
            out.extend(piece);
            out.push('\n');
        }
    }
    out
}

fn entities(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '[' => "&#91;".into(),
            ']' => "&#x5D;".into(),
            '=' => "&equals;".into(),
            '<' => "&lt;".into(),
            '"' => "&quot;".into(),
            '\'' => "&#39;".into(),
            '&' => "&amp;".into(),
            c => c.to_string(),
        })
        .collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Downloads from the pages of log services.
pub fn downloads(log: &Log) -> Vec<(&'static str, String)> {
    let title = |head: &str, rows: String| format!("{head}\n{rows}");
    let line = |us: u64, t: &str| quoted(&stamped(us, t));
    let mut all = vec![
        (
            "CSV of CloudWatch",
            title("timestamp,message,logStreamName", log.each(|us, t| format!("{},{},n1", ms(us), line(us, t)))),
        ),
        (
            "CSV of CloudWatch, message unstamped",
            title("timestamp,message", log.each(|us, t| format!("{},{}", ms(us), quoted(t)))),
        ),
        (
            "CSV of Logs Insights",
            title(
                "@timestamp,@logStream,@message",
                log.backwards(|us, t| format!("{}.{:03},n1,{}", clock(us, ' '), us / 1000 % 1000, line(us, t))),
            ),
        ),
        (
            "CSV of Kibana",
            title(
                "\"@timestamp\",\"host.name\",message",
                log.backwards(|us, t| format!("\"Jan 1, 2026 @ {}.000\",n1,{}", &clock(us, 'T')[11..], quoted(t))),
            ),
        ),
        (
            "CSV of Azure",
            title(
                "\"TimeGenerated [UTC]\",Computer,Facility,SyslogMessage",
                log.each(|us, t| format!("\"1/1/2026, {} AM\",n1,kern,{}", &clock(us, 'T')[11..], quoted(t))),
            ),
        ),
        (
            "CSV of Datadog, newest first",
            title(
                "Date,Host,Service,Message",
                log.backwards(|us, t| format!("\"{}\",\"n1\",\"kernel\",{}", time(us), line(us, t))),
            ),
        ),
        (
            "CSV of Splunk with all columns",
            title(
                "\"_serial\",\"_time\",source,sourcetype,host,index,\"splunk_server\",\"_raw\"",
                log.numbered(|n, us, t| {
                    format!("\"{n}\",\"{}\",\"/var/log/messages\",syslog,n1,main,idx1,{}", time(us), line(us, t))
                }),
            ),
        ),
    ];
    all.extend(answers(log));
    all
}

/// Milliseconds since 1970.
fn ms(us: u64) -> u64 {
    1_767_225_600_000 + us / 1000
}

/// Answers of services, and what their agents print.
fn answers(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        (
            "XML of Splunk",
            format!(
                "<?xml version='1.0' encoding='UTF-8'?>\n<results preview='0'>\n{}</results>\n",
                log.numbered(|n, us, t| format!(
                    "\t<result offset='{n}'>\n\t\t<field k='_raw'><v xml:space='preserve' trunc='0'>{}</v></field>\n\t</result>",
                    stamped(us, t).replace('&', "&amp;").replace('<', "&lt;")
                ))
            ),
        ),
        ("text of Grafana", log.each(|us, t| format!("{}\t{}\t{t}", ms(us), clock(us, 'T')))),
        (
            "JSON of Grafana",
            pretty(&format!(
                "[{}]",
                log.newest_first(|us, t| format!(
                    "{{\"line\":{},\"timestamp\":\"{}000000\",\"date\":\"{}\",\"fields\":{{\"host\":\"n1\",\"job\":\"kmsg\"}}}}",
                    json(t),
                    ms(us),
                    time(us)
                ))
            )),
        ),
        (
            "API of Datadog",
            format!(
                "{{\"data\":[{}],\"meta\":{{\"page\":{{\"after\":\"x\"}}}}}}",
                log.newest_first(|us, t| format!(
                    "{{\"id\":\"A\",\"type\":\"log\",\"attributes\":{{\"timestamp\":\"{}\",\"host\":\"n1\",\"message\":{},\"attributes\":{{\"level\":\"warn\"}}}}}}",
                    time(us),
                    json(t)
                ))
                .replace('\n', "")
            ),
        ),
        (
            "GCP at depth",
            log.each(|us, t| {
                format!(
                    "{{\"entries\":[{{\"insertId\":\"x\",\"jsonPayload\":{{\"@type\":\"t\",\"record\":{{\"kernel\":{{\"message\":{}}}}}}},\"receiveTimestamp\":\"{}\"}}]}}",
                    json(&stamped(us, t)),
                    time(us)
                )
            }),
        ),
        (
            "OpenTelemetry's debug exporter",
            log.each(|us, t| {
                let head = format!("LogRecord #0\nTimestamp: {} +0000 UTC\nSeverityText: ", clock(us, ' '));
                format!("{head}\nBody: Str({t})\nTrace ID: \nFlags: 0")
            }),
        ),
        (
            "GELF",
            log.each(|us, t| {
                let (text, at) = (json(t), ms(us) / 1000);
                format!("{{\"version\":\"1.1\",\"host\":\"n1\",\"short_message\":{text},\"timestamp\":{at}.0}}")
            }),
        ),
    ]
}
