//! What mails, tables and web pages make of a log.

use super::{Log, stamped, time};

/// Exports as CSV, and what mails and web pages make of a text.
pub fn copied(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        (
            "CSV of Splunk",
            String::from("\"_raw\",\"_time\"\n")
                + &log.each(|us, t| format!("\"{}\",\"{}\"", stamped(us, t).replace('"', "\"\""), time(us))),
        ),
        (
            "CSV, quoted where needed",
            String::from("time,message\n")
                + &log.each(|us, t| {
                    if t.contains(',') { format!("{},\"{t}\"", time(us)) } else { format!("{},{t}", time(us)) }
                }),
        ),
        (
            "CSV, newest first",
            String::from("\"time\",\"message\"\n") + &log.backwards(|us, t| format!("\"{}\",\"{t}\"", time(us))),
        ),
        ("CSV with semicolons", log.each(|us, t| format!("\"{}\";\"{}\"", time(us), stamped(us, t)))),
        ("CSV, one field", format!("\"n1\",\"{}\"\n", log.plain())),
        ("HTML", format!("<html><body><pre>{}</pre>", log.plain().replace('<', "&lt;").replace('(', "&#40;"))),
        ("HTML with br", log.plain().replace('\n', "<br/>")),
        ("quoted-printable", quoted_printable(&log.plain())),
        ("a mail wrapped at 72", wrapped(&log.plain(), 72)),
        ("a wrapped syslog", wrapped(&log.each(|us, t| format!("Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))), 78)),
        ("Windows", log.plain().replace('\n', "\r\n")),
        ("with a mark", format!("\u{feff}{}", log.plain())),
    ]
}

/// Tables, pages and mails.
pub fn tables(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        ("grep -n", log.numbered(|n, us, t| format!("{}:{}", n + 100, stamped(us, t)))),
        ("compose, without stamps", log.each(|_, t| format!("l_1 | {t}"))),
        ("logcli", log.each(|_, t| format!("2026-01-01T00:01:40Z {{}} {t}"))),
        ("fields without quotes", log.each(|_, t| format!("2026-01-01T00:01:40Z;{t}"))),
        ("aws logs", log.each_line(|l| format!("EVENTS\t1768413660000\t{l}\t1768413660001"))),
        ("TSV with quotes", log.each_line(|l| format!("\"2026-01-01T00:01:40Z\"\t\"{}\"", l.replace('"', "\"\"")))),
        ("cells of a page", log.each_line(|l| format!("<tr><td>2026-01-01T00:01:40Z</td><td>{l}</td></tr>"))),
        ("paragraphs on one line", log.list(|l| format!("<p>{l}</p>"), "")),
        ("XML", log.each_line(|l| format!("  <entry time=\"1\"><message>{l}</message></entry>"))),
        ("a mail, quoted, wrapped at 78", wrapped_kept(&log.plain(), 76).lines().map(|l| format!("> {l}\n")).collect()),
        ("a mail, quoted twice", wrapped_kept(&log.plain(), 74).lines().map(|l| format!("> > {l}\n")).collect()),
        ("gcloud logging read", log.each(|_, t| entry_of_gcloud(t))),
    ]
}

/// Wrapped between words, as mail programs do it: a longer word stays whole.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line;
        while rest.len() > width {
            let Some(at) = rest[..=width].rfind(' ').filter(|at| *at > 0).or_else(|| rest.find(' ')) else { break };
            out.push_str(rest[..at].trim_end());
            out.push('\n');
            rest = rest[at..].trim_start();
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

/// A mail's encoding: `=` as `=3D`, lines of 76 characters at most, broken with `=`.
fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        for c in line.chars() {
            let piece = if c == '=' { "=3D".to_string() } else { c.to_string() };
            if column + piece.len() > 75 {
                out.push_str("=\n");
                column = 0;
            }
            column += piece.len();
            out.push_str(&piece);
        }
        out.push('\n');
    }
    out
}

/// gcloud's own form is YAML.
fn entry_of_gcloud(text: &str) -> String {
    let plain = !text.contains(": ") && !text.ends_with(':') && !text.starts_with('[') && !text.contains('#');
    let text = if plain { text.to_string() } else { format!("'{text}'") };
    format!(
        "---\ninsertId: x1\njsonPayload:\n  MESSAGE: {text}\n  _HOSTNAME: n1\n  _TRANSPORT: kernel\n\
         logName: projects/p/logs/kernel\ntimestamp: '2026-01-01T00:01:40Z'\n"
    )
}

/// As [`wrapped`], with the blanks between columns kept.
fn wrapped_kept(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            if column > 0 && column + 1 + word.len() > width {
                out.push('\n');
                column = 0;
            } else if column > 0 || word.is_empty() {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += word.len();
        }
        out.push('\n');
    }
    out
}
