//! Texts as programs print them for programmers.

use super::{Log, json, stamped};

/// Lists and strings of programming languages.
pub fn literals(log: &Log) -> Vec<(&'static str, String)> {
    vec![
        ("list of Python", format!("[{}]\n", log.list(single, ", "))),
        ("list of bytes", format!("[{}]\n", log.list(|l| format!("b'{l}\\n'"), ", "))),
        ("tuple of Python", format!("({})\n", log.list(single, ", "))),
        ("a list in Python's log", format!("INFO:root:[{}]\n", log.list(single, ", "))),
        (
            "a dictionary of Python",
            format!("{{'host': 'n1', 'rc': 0, 'ok': True, 'out': [{}]}}\n", log.list(single, ", ")),
        ),
        ("dictionaries", format!("[{}]\n", log.list(|l| format!("{{'time': 1.5, 'msg': '{l}'}}"), ", "))),
        ("a list that was cut", format!("[{}, '[  101.0", log.list(single, ", "))),
        ("bytes", format!("b'{}'\n", log.plain().replace('\n', "\\n"))),
        ("pprint of Python", format!("[{}]\n", log.list(single, ",\n "))),
        ("a string a line", log.each_line(single)),
        ("Node.js", format!("[\n{}\n]\n", log.list(|l| format!("  '{l}'"), ",\n"))),
        ("dbg! of Rust", format!("[\n{}]\n", log.each_line(|l| format!("    \"{l}\",")))),
        ("%q of Go", format!("[{}]\n", log.list(|l| format!("\"{l}\""), " "))),
        ("C", log.each_line(|l| format!("\"{l}\\n\""))),
        ("JavaScript", log.list(|l| format!("  '{l}\\n'"), " +\n")),
        ("Data::Dumper", format!("$VAR1 = [\n{}\n        ];\n", log.list(|l| format!("          '{l}'"), ",\n"))),
        ("YAML", format!("log:\n{}", log.each_line(|l| format!("  - '{}'", l.replace('\'', "''"))))),
        ("cut JSON", format!("[\n{}", log.each_line(|l| format!("  {},", json(l))))),
        ("JSON in JSON", format!("{{\"a\":{}}}\n", json(&format!("{{\"log\":{}}}", json(&log.plain()))))),
        (
            "JSON in JSON's lines",
            log.each_line(|l| {
                format!("{{\"t\":\"2026-01-01\",\"json\":{}}}", json(&format!("{{\"MESSAGE\":{}}}", json(l))))
            }),
        ),
        ("JSON with numbers", format!("{{\n{}\n}}\n", by_number(log))),
        ("JSON by columns", format!("{{\"time\":[\"1\"],\"message\":[{}]}}\n", log.list(json, ","))),
    ]
}

fn single(line: &str) -> String {
    format!("'{line}'")
}

/// Each line under its number.
fn by_number(log: &Log) -> String {
    let lines = log.lines().iter().enumerate().map(|(n, (us, t))| format!(" \"{n}\": {}", json(&stamped(*us, t))));
    lines.collect::<Vec<_>>().join(",\n")
}
