//! Metrics as text: OpenMetrics and the older Prometheus exposition format, with or without time stamps.

use crate::series::{Metric, Points, Series};
use crate::text::{TextProblem, lines};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Reads the memory metrics of a text; others are passed over.
///
/// # Errors
/// Every line that is no sample, and every sample that cannot be used.
pub fn read(text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    let mut curves: IndexMap<(String, BTreeMap<String, String>), Points> = IndexMap::new();
    let mut problems = Vec::new();
    // A scrape has no time stamps: its samples are of one instant, which nothing names.
    let mut untimed = 0.0;
    for (start, whole) in lines(text) {
        let line = whole.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let result = sample(line).and_then(|found| {
            let Some((name, labels)) = found.series else { return Ok(()) };
            let at = found.at_s.unwrap_or(untimed);
            untimed = at;
            curves.entry((name, labels)).or_default().push(at, found.value).map_err(|bad| format!("the sample {bad}"))
        });
        if let Err(why) = result {
            problems.push(TextProblem::line((start, whole), why));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let named = |((name, labels), points): ((String, _), Points)| points.finish(Some(Metric::named(&name)), labels);
    Ok(curves.into_iter().map(named).collect())
}

/// True when the text looks like this format: its first line that is no comment is a sample.
pub fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(1000);
    let is_sample = |line: &str| {
        let known = ["node_", "container_", "machine_", "go_", "process_"].iter().any(|begin| line.starts_with(begin));
        line.starts_with(|c: char| c.is_ascii_lowercase()) && (line.contains('{') || known) && sample(line).is_ok()
    };
    // What else begins with `#` is a comment.
    let first = lines.find(|line| !line.starts_with('#') || line.starts_with("# TYPE ") || line.starts_with("# HELP "));
    first.is_some_and(|line| line.starts_with('#') || is_sample(line))
}

struct Found {
    /// Name and labels, if it is a memory metric.
    series: Option<(String, BTreeMap<String, String>)>,
    value: f64,
    /// Seconds since 1970.
    at_s: Option<f64>,
}

/// `name{label="value",…} value [time]`. OpenMetrics counts time in seconds, the older format in milliseconds: what is
/// larger than any second of this millennium is milliseconds.
fn sample(line: &str) -> Result<Found, String> {
    let expected = || "expected `name{label=\"value\"} value [time]`".to_string();
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).ok_or_else(expected)?;
    let (name, rest) = line.split_at(name_end);
    if name.is_empty() {
        return Err(expected());
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // An exemplar follows behind `#`.
    let mut parts = rest.split('#').next().unwrap_or_default().split_whitespace();
    let value = parts.next().and_then(|text| text.parse::<f64>().ok()).ok_or_else(expected)?;
    let at = parts.next().map(|text| text.parse::<f64>().map_err(|_| expected())).transpose()?;
    let starts = matches!(Metric::named(name), Metric::StartTime | Metric::Restarts);
    let memory = name.starts_with("container_memory_") || name.starts_with("node_memory_") || starts;
    let at_s = at.map(|at| if at.abs() > 1e11 { at / 1000.0 } else { at });
    Ok(Found { series: memory.then(|| (name.to_string(), labels)), value, at_s })
}

/// Labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once('=').ok_or("expected `label=\"value\"`")?;
        let after = after.trim_start().strip_prefix('"').ok_or("a label's value stands in double quotes")?;
        let (value, after) = quoted(after).ok_or("a label's value has no closing quote")?;
        labels.insert(name.trim().to_string(), value);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// A text up to its closing quote, with `\\`, `\"` and `\n` resolved.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let text = "# TYPE container_memory_rss gauge\ncontainer_memory_rss{pod=\"a\\\"b\",container=\"c\"} 5 1764100000\n\
                    container_memory_rss{pod=\"a\\\"b\",container=\"c\"} 6 1764100030000\nup 1\n# EOF\n";
        assert!(looks_like(text));
        let read = read(text).expect("metrics");
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].pod(), read[0].container()), (Some("a\"b"), Some("c")));
        assert_eq!(read[0].points.iter().map(|p| p.at_ms).collect::<Vec<_>>(), [1_764_100_000_000, 1_764_100_030_000]);
    }

    #[test]
    fn what_was_cut_out_of_a_scrape_is_known() {
        assert!(looks_like("# from w1\nnode_memory_MemTotal_bytes 8.1e+09\n"));
        assert!(!looks_like("# a comment\nkind: Pod\n") && !looks_like("# only a comment\n"));
    }

    #[test]
    fn wrong_lines_are_found() {
        let problems = read("container_memory_rss{pod=\"a} 5\nnode_memory_MemFree_bytes x\n").expect_err("wrong");
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[1].at.start, "container_memory_rss{pod=\"a} 5\n".len());
        assert!(!looks_like("NAME   CPU(cores)\n") && !looks_like("total used free\n"));
    }
}
