//! The same report in every form in which logs reach a person is the same report.
//!
//! `tests/data/formats` has the form of tools that were run: journalctl of systemd 252, dmesg of util-linux 2.38, gzip,
//! xz, zstd, bzip2. The others are written here as the tools' documentation shows them.

use oomsim_dmesg::{ChoiceVerdict, Known, LoggedOom, analyse};
use std::fmt::Write;

const PLAIN: &str = include_str!("data/cases/07-base-all-right.log");

fn folder() -> String {
    format!("{}/tests/data/formats", env!("CARGO_MANIFEST_DIR"))
}

/// Everything but where it stood and what stood before it.
fn content(mut r: LoggedOom) -> LoggedOom {
    (r.first_line, r.last_line) = (0, 0);
    r.host = None;
    r.stamp = oomsim_dmesg::Stamp::default();
    r
}

fn read(bytes: &[u8]) -> Vec<LoggedOom> {
    oomsim_dmesg::read(bytes).expect("readable").into_iter().map(content).collect()
}

/// Stamp in microseconds, and text.
fn lines() -> Vec<(u64, String)> {
    PLAIN
        .lines()
        .map(|line| {
            let (stamp, text) = line[1..].split_once("] ").expect("a stamp");
            let (s, us) = stamp.trim().split_once('.').expect("a dot");
            (s.parse::<u64>().expect("s") * 1_000_000 + us.parse::<u64>().expect("us"), text.to_string())
        })
        .collect()
}

fn stamped(us: u64, text: &str) -> String {
    format!("[{:5}.{:06}] {text}", us / 1_000_000, us % 1_000_000)
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

fn each(form: impl Fn(u64, &str) -> String) -> String {
    lines().iter().map(|(us, text)| form(*us, text) + "\n").collect()
}

/// The lines' forms, joined as elements of an array, the newest first.
fn newest_first(form: impl Fn(u64, &str) -> String) -> String {
    lines().iter().rev().map(|(us, text)| form(*us, text)).collect::<Vec<_>>().join(",\n")
}

/// The newest line first.
fn backwards(form: impl Fn(u64, &str) -> String) -> String {
    lines().iter().rev().map(|(us, text)| form(*us, text) + "\n").collect()
}

fn numbered(form: impl Fn(usize, u64, &str) -> String) -> String {
    lines().iter().enumerate().map(|(n, (us, text))| form(n, *us, text) + "\n").collect()
}

fn time(us: u64) -> String {
    format!("2026-01-01T00:01:{:02}.{:06}Z", us / 1_000_000 % 60, us % 1_000_000)
}

fn pretty(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

/// Forms whose lines have a prefix.
fn prefixed() -> Vec<(&'static str, String)> {
    vec![
        ("CRI", each(|us, t| format!("{} stdout F {}", time(us), stamped(us, t)))),
        (
            "CRI with partial lines",
            each(|us, t| {
                let text = stamped(us, t);
                let (a, b) = text.split_at(text.len() / 2);
                format!("{} stdout P {a}\n{} stdout F {b}", time(us), time(us))
            }),
        ),
        ("kubectl --prefix", each(|us, t| format!("[pod/kube-system/log-x2v/log] {}", stamped(us, t)))),
        ("kubectl --timestamps", each(|us, t| format!("{} {}", time(us), stamped(us, t)))),
        ("docker compose", each(|us, t| format!("app-1  | {}", stamped(us, t)))),
        ("stern", each(|us, t| format!("log-x2v log {}", stamped(us, t)))),
        ("stern, message alone", each(|_, t| format!("log-x2v log {t}"))),
        ("aws logs tail", each(|us, t| format!("{} i-0123456789abcdef {}", time(us), stamped(us, t)))),
        ("logcli", each(|us, t| format!("{} {{host=\"n1\", job=\"kmsg\"}} {t}", time(us)))),
        ("logfmt", each(|us, t| format!("ts={} level=info msg={}", time(us), json(t)))),
        (
            "fluent-bit",
            each(|us, t| {
                format!("[0] kmsg: [[1767225700.0, {{}}], {{\"priority\"=>4, \"sec\"=>{us}, \"msg\"=>{}}}]", json(t))
            }),
        ),
        ("grep -H", each(|us, t| format!("kern.log:{}", stamped(us, t)))),
        ("grep -n", each(|us, t| format!("1234:{}", stamped(us, t)))),
        (
            "grep -Hn",
            numbered(|n, us, t| format!("/var/log/kern.log.1:{n}:Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))),
        ),
        (
            "zgrep -A",
            numbered(|n, _, t| {
                format!("kern.log.2.gz{}Jan  1 00:01:40 n1 kernel: {t}", if n == 0 { ':' } else { '-' })
            }),
        ),
        ("journalctl -r", backwards(|_, t| format!("Jan 01 00:01:40 n1 kernel: {t}"))),
        ("logcli -o raw", backwards(|_, t| t.to_string())),
        ("a table of a wiki", each(|us, t| format!("| {} | {t} |", time(us)))),
        ("Markdown", each(|us, t| stamped(us, t).replace('_', "\\_").replace('[', "\\[").replace(']', "\\]"))),
        ("line ends of old Macs", PLAIN.replace('\n', "\r")),
        (
            "ansible's debug",
            format!(
                "ok: [n1] => {{\n  \"out.stdout_lines\": [\n{}\n  ]\n}}\n",
                each(|us, t| format!("    {},", json(&stamped(us, t))))
            ),
        ),
        ("repr of Python", format!("'{}'", PLAIN.replace('\n', "\\n"))),
        (
            "two syslog headers",
            each(|us, t| format!("Jan  1 00:01:41 relay Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))),
        ),
        ("busybox", each(|us, t| format!("Thu Jan  1 00:01:40 2026 kern.warn kernel: {}", stamped(us, t)))),
        ("RFC 5424", each(|us, t| format!("<4>1 {} n1 kernel - - [meta sequenceId=\"1\"] {t}", time(us)))),
        ("netconsole", each(|us, t| format!("6.1.0,4,1034,{us},-;{t}"))),
        ("quoted mail", each(|us, t| format!("> > {}", stamped(us, t)))),
        ("code of a wiki", each(|us, t| format!("    {}", stamped(us, t)))),
        ("serial console", each(|us, t| format!("\u{1b}[0m{}\r", stamped(us, t)))),
        ("cat -v", each(|us, t| format!("^[[32m{}^[[0m", stamped(us, t)))),
        ("TSV", each(|us, t| format!("{}\tn1\t{t}", time(us)))),
        ("bare", each(|_, t| t.to_string())),
    ]
}

/// Exports of log services.
fn exported() -> Vec<(&'static str, String)> {
    let gcp = |us: u64, t: &str| {
        format!(
            "{{\"jsonPayload\":{{\"MESSAGE\":{},\"_HOSTNAME\":\"n1\",\"_TRANSPORT\":\"kernel\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{us}\"}},\"labels\":[{{\"k\":\"v\"}}],\"resource\":{{\"type\":\"k8s_node\",\"labels\":{{\"node_name\":\"n1\"}}}},\"timestamp\":\"{}\"}}",
            json(t),
            time(us)
        )
    };
    let row = |us: u64, t: &str| format!("[\"{}\",\"n1\",\"kern\",\"warning\",{}]", time(us), json(t));
    let value = |us: u64, t: &str| format!("[\"17672257{:012}\",{}]", us, json(t));
    let hit = |us: u64, t: &str| {
        format!(
            "{{\"_index\":\"k\",\"_source\":{{\"@timestamp\":\"{}\",\"host\":{{\"name\":\"n1\"}},\"message\":{},\"event\":{{\"original\":{}}}}}}}",
            time(us),
            json(t),
            json(&stamped(us, t))
        )
    };
    let event = |us: u64, t: &str| {
        format!("{{\"timestamp\":1767225700000,\"message\":{},\"logStreamName\":\"n1\"}}", json(&stamped(us, t)))
    };
    let more = vec![
        ("GCP lines", each(gcp)),
        ("GCP, newest first", pretty(&format!("[{}]", newest_first(gcp)))),
        ("CloudWatch", pretty(&format!("{{\"events\":[{}],\"nextToken\":\"f\"}}", newest_first(event)))),
        (
            "Loki",
            pretty(&format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{\"host\":\"n1\"}},\"values\":[{}]}}]}}}}",
                newest_first(value)
            )),
        ),
        (
            "Loki in a line",
            format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{\"host\":\"n1\"}},\"values\":[{}]}}]}}}}",
                newest_first(value).replace('\n', "")
            ),
        ),
        (
            "Azure",
            pretty(&format!(
                "{{\"tables\":[{{\"columns\":[{{\"name\":\"TimeGenerated\"}}],\"rows\":[{}]}}]}}",
                newest_first(row)
            )),
        ),
        ("Elastic", pretty(&format!("{{\"hits\":{{\"hits\":[{}]}}}}", newest_first(hit)))),
    ];
    exported_lines().into_iter().chain(more).collect()
}

/// Records as JSON, one a line or in one list.
fn exported_lines() -> Vec<(&'static str, String)> {
    vec![
        (
            "docker json-file",
            each(|us, t| {
                format!(
                    "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{}\"}}",
                    json(&(stamped(us, t) + "\n")),
                    time(us)
                )
            }),
        ),
        (
            "JSON behind a prefix",
            each(|us, t| format!("{} stdout F {{\"MESSAGE\":{},\"_TRANSPORT\":\"kernel\"}}", time(us), json(t))),
        ),
        (
            "Splunk",
            each(|us, t| {
                format!("{{\"preview\":false,\"result\":{{\"_raw\":{},\"host\":\"n1\"}}}}", json(&stamped(us, t)))
            }),
        ),
        (
            "dmesg --json",
            pretty(&format!(
                "{{\"dmesg\":[{}]}}",
                lines()
                    .iter()
                    .map(|(us, t)| format!(
                        "{{\"pri\":4,\"time\":{}.{:06},\"msg\":{}}}",
                        us / 1_000_000,
                        us % 1_000_000,
                        json(t)
                    ))
                    .collect::<Vec<_>>()
                    .join(",")
            )),
        ),
        ("one JSON text", format!("{{\"body\":{}}}", json(PLAIN))),
        ("a console's text", format!("{{\"InstanceId\":\"i-0\",\"Output\":{}}}", json(&PLAIN.replace('\n', "\r\n")))),
        (
            "a list of lines",
            format!("[{}]", lines().iter().map(|(us, t)| json(&stamped(*us, t))).collect::<Vec<_>>().join(",")),
        ),
        (
            "Loki with metadata",
            format!(
                "{{\"data\":{{\"result\":[{{\"stream\":{{}},\"values\":[{}]}}]}}}}",
                newest_first(|us, t| format!("[\"17672257{us:012}\",{},{{\"trace\":\"0\"}}]", json(t)))
            ),
        ),
        (
            "CloudWatch Logs Insights",
            pretty(&format!(
                "{{\"results\":[{}],\"status\":\"Complete\"}}",
                newest_first(|us, t| format!(
                    "[{{\"field\":\"@timestamp\",\"value\":\"{}\"}},{{\"field\":\"@message\",\"value\":{}}}]",
                    time(us),
                    json(t)
                ))
            )),
        ),
    ]
}

/// Exports as CSV, and what mails and web pages make of a text.
fn copied() -> Vec<(&'static str, String)> {
    vec![
        (
            "CSV of Splunk",
            String::from("\"_raw\",\"_time\"\n")
                + &each(|us, t| format!("\"{}\",\"{}\"", stamped(us, t).replace('"', "\"\""), time(us))),
        ),
        (
            "CSV, quoted where needed",
            String::from("time,message\n")
                + &each(
                    |us, t| if t.contains(',') { format!("{},\"{t}\"", time(us)) } else { format!("{},{t}", time(us)) },
                ),
        ),
        (
            "CSV, newest first",
            String::from("\"time\",\"message\"\n") + &backwards(|us, t| format!("\"{}\",\"{t}\"", time(us))),
        ),
        ("CSV with semicolons", each(|us, t| format!("\"{}\";\"{}\"", time(us), stamped(us, t)))),
        ("CSV, one field", format!("\"n1\",\"{PLAIN}\"\n")),
        ("HTML", format!("<html><body><pre>{}</pre>", PLAIN.replace('<', "&lt;").replace('(', "&#40;"))),
        ("HTML with br", PLAIN.replace('\n', "<br/>")),
        ("quoted-printable", quoted_printable(PLAIN)),
        ("a mail wrapped at 72", wrapped(PLAIN, 72)),
        ("a wrapped syslog", wrapped(&each(|us, t| format!("Jan  1 00:01:40 n1 kernel: {}", stamped(us, t))), 78)),
        ("Windows", PLAIN.replace('\n', "\r\n")),
        ("with a mark", format!("\u{feff}{PLAIN}")),
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

#[test]
fn every_form_is_the_same_report() {
    let plain = read(PLAIN.as_bytes());
    assert_eq!(plain.len(), 1);
    let analysed = analyse(plain.clone(), Known::default());
    // By hand: 500,000 + 4,096,000 / 4096 = 501,000 points of 1,048,576 − 48,576 pages.
    assert_eq!(analysed[0].explanation.verdict, ChoiceVerdict::Explained);
    assert_eq!(analysed[0].explanation.total_pages, Some(1_000_000));
    assert_eq!(analysed[0].explanation.candidates[0].points, Some(501_000));
    let mut wrong = String::new();
    for (name, text) in prefixed().into_iter().chain(exported()).chain(copied()) {
        if read(text.as_bytes()) != plain {
            let _ = writeln!(
                wrong,
                "{name}: {:?}\n{}",
                read(text.as_bytes()),
                text.lines().take(3).collect::<Vec<_>>().join("\n")
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn files_of_tools_that_were_run() {
    let plain = read(PLAIN.as_bytes());
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).expect("the file");
        assert_eq!(read(&bytes), plain, "{name}");
        count += 1;
    }
    assert_eq!(count, 36);
}

#[test]
fn utf_16_and_cut_compressed_files() {
    let plain = read(PLAIN.as_bytes());
    let wide: Vec<u8> =
        format!("\u{feff}{}", PLAIN.replace('\n', "\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide), plain);
    let packed = std::fs::read(format!("{}/base.log.gz", folder())).expect("the file");
    let mut found = 0;
    let cut = oomsim_dmesg::read_each(&packed[..packed.len() - 40], |_| found += 1).expect_err("cut");
    assert!(cut.to_string().contains("gzip data is damaged or cut short"), "{cut}");
    // What was there before the cut is still given.
    assert_eq!(found, 1);
}

/// Two hosts in one export: their lines do not mix.
#[test]
fn hosts_of_an_export_are_kept_apart() {
    let other = PLAIN.replace(" a invoked", " x invoked").replace("Killed process 10 (a)", "Killed process 10 (x)");
    let entry = |host: &str, line: &str| {
        format!(
            "{{\"jsonPayload\":{{\"message\":{}}},\"resource\":{{\"labels\":{{\"node_name\":\"{host}\"}}}}}}\n",
            json(line)
        )
    };
    let both: String = PLAIN.lines().zip(other.lines()).map(|(a, b)| entry("n1", a) + &entry("n2", b)).collect();
    let reports = oomsim_dmesg::read(both.as_bytes()).expect("readable");
    let seen: Vec<_> = reports.iter().map(|r| (r.host.as_deref(), r.killed[0].comm.as_str(), r.tasks.len())).collect();
    assert_eq!(seen, [(Some("n1"), "a", 2), (Some("n2"), "x", 2)]);
}
