//! Reports as programs print texts for programmers, as tables and dumps: read as the plain report, or refused with the
//! command that decodes them. The forms are those of Python 3.11, Node.js 18, Rust 1.95, Go 1.22, Perl's Data::Dumper,
//! PyYAML and the AWS command line, by their documentation.

use oomsim_dmesg::LoggedOom;
use std::fmt::Write;
use std::io::Write as _;

const PLAIN: &str = include_str!("data/cases/07-base-all-right.log");
const GROUP: &str = include_str!("data/cases/32-group-kill-without-its-announcement.log");

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

/// Texts of the lines, without their stamps.
fn texts() -> Vec<&'static str> {
    PLAIN.lines().map(|line| line.split_once("] ").expect("a stamp").1).collect()
}

fn each(form: impl Fn(&str) -> String) -> String {
    PLAIN.lines().map(|line| form(line) + "\n").collect()
}

fn list(quoted: impl Fn(&str) -> String, between: &str) -> String {
    PLAIN.lines().map(quoted).collect::<Vec<_>>().join(between)
}

fn single(line: &str) -> String {
    format!("'{line}'")
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

/// Lists and strings of programming languages.
fn literals() -> Vec<(&'static str, String)> {
    vec![
        ("list of Python", format!("[{}]\n", list(single, ", "))),
        ("list of bytes", format!("[{}]\n", list(|l| format!("b'{l}\\n'"), ", "))),
        ("tuple of Python", format!("({})\n", list(single, ", "))),
        ("a list in Python's log", format!("INFO:root:[{}]\n", list(single, ", "))),
        ("a dictionary of Python", format!("{{'host': 'n1', 'rc': 0, 'ok': True, 'out': [{}]}}\n", list(single, ", "))),
        ("dictionaries", format!("[{}]\n", list(|l| format!("{{'time': 1.5, 'msg': '{l}'}}"), ", "))),
        ("a list that was cut", format!("[{}, '[  101.0", list(single, ", "))),
        ("bytes", format!("b'{}'\n", PLAIN.replace('\n', "\\n"))),
        ("pprint of Python", format!("[{}]\n", list(single, ",\n "))),
        ("a string a line", each(single)),
        ("Node.js", format!("[\n{}\n]\n", list(|l| format!("  '{l}'"), ",\n"))),
        ("dbg! of Rust", format!("[\n{}]\n", each(|l| format!("    \"{l}\",")))),
        ("%q of Go", format!("[{}]\n", list(|l| format!("\"{l}\""), " "))),
        ("C", each(|l| format!("\"{l}\\n\""))),
        ("JavaScript", list(|l| format!("  '{l}\\n'"), " +\n")),
        ("Data::Dumper", format!("$VAR1 = [\n{}\n        ];\n", list(|l| format!("          '{l}'"), ",\n"))),
        ("YAML", format!("log:\n{}", each(|l| format!("  - '{}'", l.replace('\'', "''"))))),
        ("cut JSON", format!("[\n{}", each(|l| format!("  {},", json(l))))),
        ("JSON in JSON", format!("{{\"a\":{}}}\n", json(&format!("{{\"log\":{}}}", json(PLAIN))))),
        (
            "JSON in JSON's lines",
            each(|l| format!("{{\"t\":\"2026-01-01\",\"json\":{}}}", json(&format!("{{\"MESSAGE\":{}}}", json(l))))),
        ),
        ("JSON with numbers", format!("{{\n{}\n}}\n", numbered())),
        ("JSON by columns", format!("{{\"time\":[\"1\"],\"message\":[{}]}}\n", list(json, ","))),
    ]
}

fn numbered() -> String {
    let lines = PLAIN.lines().enumerate().map(|(n, l)| format!(" \"{n}\": {}", json(l)));
    lines.collect::<Vec<_>>().join(",\n")
}

/// Tables, pages and mails.
fn tables() -> Vec<(&'static str, String)> {
    vec![
        ("grep -n", PLAIN.lines().zip(100..).fold(String::new(), |s, (l, n)| s + &format!("{n}:{l}\n"))),
        ("compose, without stamps", texts().iter().fold(String::new(), |s, t| s + &format!("l_1 | {t}\n"))),
        ("logcli", texts().iter().fold(String::new(), |s, t| s + &format!("2026-01-01T00:01:40Z {{}} {t}\n"))),
        (
            "fields without quotes",
            texts().iter().fold(String::new(), |s, t| s + &format!("2026-01-01T00:01:40Z;{t}\n")),
        ),
        ("aws logs", each(|l| format!("EVENTS\t1768413660000\t{l}\t1768413660001"))),
        ("TSV with quotes", each(|l| format!("\"2026-01-01T00:01:40Z\"\t\"{}\"", l.replace('"', "\"\"")))),
        ("cells of a page", each(|l| format!("<tr><td>2026-01-01T00:01:40Z</td><td>{l}</td></tr>"))),
        ("paragraphs on one line", list(|l| format!("<p>{l}</p>"), "")),
        ("XML", each(|l| format!("  <entry time=\"1\"><message>{l}</message></entry>"))),
        ("a mail, quoted, wrapped at 78", wrapped(76).lines().map(|l| format!("> {l}\n")).collect()),
        ("a mail, quoted twice", wrapped(74).lines().map(|l| format!("> > {l}\n")).collect()),
        ("gcloud logging read", texts().iter().fold(String::new(), |s, t| s + &entry_of_gcloud(t))),
    ]
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

fn wrapped(width: usize) -> String {
    let mut out = String::new();
    for line in PLAIN.lines() {
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

#[test]
fn printed_texts_are_the_same_report() {
    let plain = read(PLAIN.as_bytes());
    let mut wrong = String::new();
    for (name, text) in literals().into_iter().chain(tables()) {
        let read = read(text.as_bytes());
        if read != plain {
            let (a, b) = (format!("{plain:#?}"), format!("{read:#?}"));
            let differ = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            let begin: Vec<&str> = text.lines().take(3).map(|l| l.get(..150).unwrap_or(l)).collect();
            let _ = writeln!(wrong, "{name}: {differ:?}\n{}", begin.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn zlib_is_unpacked() {
    for level in [flate2::Compression::none(), flate2::Compression::fast(), flate2::Compression::best()] {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(PLAIN.as_bytes()).expect("memory");
        let packed = encoder.finish().expect("memory");
        assert_eq!(read(&packed), read(PLAIN.as_bytes()));
    }
}

/// The chosen process is named a second time within its group; neither stamps nor hosts are needed to see it.
#[test]
fn a_group_without_its_announcement_in_any_form() {
    let plain = read(GROUP.as_bytes());
    assert_eq!((plain.len(), plain[0].killed.len()), (1, 2));
    for prefix in ["", "Jan  1 00:01:40 n1 kernel: ", "[Thu Jan  1 00:01:40 2026] ", "2026-01-01T00:01:40Z "] {
        let text = GROUP.lines().map(|l| format!("{prefix}{}\n", l.split_once("] ").expect("a stamp").1));
        assert_eq!(read(text.collect::<String>().as_bytes()), plain, "{prefix:?}");
    }
}

/// `printf '%s\n' TEXT | base64`, `gzip`, `xxd`, `uuencode` of this line, by the tools themselves.
#[test]
fn encoded_texts_are_refused_with_the_way_on() {
    let text = "WyAgICA1LjU3ODUwNl0gazZwMTUgaW52b2tlZCBvb20ta2lsbGVyOiBnZnBfbWFzaz0weGNjMA==";
    let head = "From: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n";
    for (input, command) in [
        (format!("{text}\n"), "base64 -d FILE"),
        (format!("{head}{text}\n"), "base64 -d FILE"),
        (format!("{{\"InstanceId\":\"i-0\",\"Output\":\"{text}\"}}"), "base64 -d PART"),
        (r#"{"awslogs":{"data":"H4sIAAAAAAAA/51UTW/bMAy951cQOyVA7FmOnQ8DO6zdDg=="}}"#.into(), "jq -r .awslogs.data"),
        (format!("kind: Secret\ndata:\n  dmesg: {text}\n"), "base64 -d PART"),
        (format!("data:text/plain;base64,{text}\n"), "base64 -d PART"),
        ("5b20202020352e3537383530365d206b36703135206f6f6d2d6b696c6c6572\n".into(), "xxd -r -p FILE"),
        ("00000000: 5b20 2020 2035 2e35 3738 3530 365d 206b  [    5.578506] k\n".into(), "xxd -r FILE"),
        ("begin 644 dmesg.txt\nM6R`@(\"`U+C4W.#4P-ET@:S9P,34@:6YV;VME9\"!O;VT-\n`\nend\n".into(), "uudecode"),
        ("%5B%20%20%20%205.578506%5D%20k6p15%20invoked%20oom-killer%3A\n".into(), "urllib.parse"),
    ] {
        let why = oomsim_dmesg::read(input.as_bytes()).expect_err(&input);
        assert!(why.help().contains(command), "{input}: {why}: {}", why.help());
    }
    // Where the log itself was read, what else stands in it is of no interest.
    assert_eq!(read(format!("{text}\n{PLAIN}").as_bytes()), read(PLAIN.as_bytes()));
    assert!(read(b"Jan  1 00:01:40 n1 systemd[1]: Started Session 3 of user core.\n").is_empty());
}
