//! `--format text`: a timeline in the words of kubectl and dmesg, which processes died and why, pods, expectations.

use super::RunReport;
use super::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use super::table::Table;
use crate::amount;
use crate::timeline::{EventLine, Excerpt, Tone, long};
use anstyle::Style;
use oomsim_core::engine::Stop;
use oomsim_core::record::expect::ExpectationResult;
use oomsim_core::record::{History, Keep, Record};
use oomsim_core::units::{Bytes, SimTime};
use std::fmt::Write;

/// Maximum number of lines in the timeline; a longer one is abbreviated in the middle.
const MOST_LINES: usize = 120;
/// Maximum number of rows in a table.
const MOST_ROWS: usize = 40;
/// Maximum number of characters shown of what a satisfied expectation found.
const MOST_FOUND: usize = 100;

/// The whole text.
pub fn render(report: &RunReport) -> String {
    let history = &report.history;
    let mut text = String::new();
    head(&mut text, report);
    if report.kept >= Keep::Events {
        timeline(&mut text, history);
        deaths(&mut text, report);
    } else {
        heading(&mut text, "WHO DIED");
        let counts = &history.counts;
        let kills = plural(counts.oom_kills, "OOM kill");
        let evictions = plural(counts.evictions, "eviction");
        let _ =
            writeln!(text, "not recorded: {kills}, {evictions}; --record events shows which processes died and why");
    }
    pods(&mut text, history);
    if let Some(standing) = &report.standing {
        heading(&mut text, "WHO IS AT RISK");
        text.push_str(&crate::at_risk::text(standing));
        let rest = report.reproduce.strip_prefix("oomsim run ");
        if let Some(rest) = rest.filter(|rest| !rest.contains("--until")) {
            let _ = writeln!(text, "{}", paint(DIM, format!("how often each dies: oomsim risk {rest}")));
        }
    }
    expectations(&mut text, report);
    tail(&mut text, history);
    text
}

pub(crate) fn heading(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n{}", paint(HEADING, title));
}

fn head(text: &mut String, report: &RunReport) {
    let history = &report.history;
    let node = &history.node;
    let _ = writeln!(text, "{}  seed {}", paint(HEADING, &history.scenario), history.seed);
    for line in report.description.trim().lines() {
        let _ = writeln!(text, "  {}", line.trim());
    }
    let name = if &*node.name == "node" { "node".into() } else { format!("node {}", node.name) };
    let mut facts = vec![format!("{name}: capacity {}", amount(node.capacity))];
    if node.kubepods_limit.is_some() || node.allocatable != node.capacity {
        facts.push(format!("allocatable {}", amount(node.allocatable)));
    }
    facts.extend(node.kubepods_limit.map(|limit| format!("kubepods limit {}", amount(limit))));
    facts.extend(node.eviction_hard.map(|limit| format!("eviction-hard {}", amount(limit))));
    facts.extend(node.eviction_soft.map(|limit| format!("eviction-soft {}", amount(limit))));
    let _ = writeln!(text, "  {}", facts.join(", "));
    at_start(text, history);
}

/// What held when the run began: pods that had been running before.
fn at_start(text: &mut String, history: &History) {
    let entries = history.entries.iter().take_while(|entry| entry.at == SimTime::ZERO);
    let ages: Vec<_> = entries
        .filter_map(|entry| match &entry.record {
            Record::PodRunsAlready { age, .. } => Some(*age),
            _ => None,
        })
        .collect();
    let Some(oldest) = ages.iter().max() else { return };
    let many = i128::try_from(ages.len()).unwrap_or_default();
    let mut said = format!("at the start: {} running, the oldest for {}", plural(many, "pod"), long(*oldest));
    if let Some(first) = history.series.samples.first() {
        said += &format!(", working set {} of the node", amount(first.working_set));
    }
    let _ = writeln!(text, "  {said}");
}

/// Seconds with milliseconds, for the first column.
fn clock(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

const PLAIN: Style = Style::new();

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => PLAIN,
        Tone::Quiet => DIM,
        Tone::Warn => WARN,
        Tone::Bad => BAD,
    }
}

fn timeline(text: &mut String, history: &History) {
    let Excerpt { first, left_out, last } = crate::timeline::excerpt(history, MOST_LINES);
    if first.is_empty() {
        return;
    }
    heading(text, "TIMELINE");
    let shown: Vec<&(SimTime, EventLine)> = first.iter().chain(&last).collect();
    let width = |pick: fn(&EventLine) -> &String| shown.iter().map(|(_, l)| pick(l).chars().count()).max().unwrap_or(0);
    let (time_width, who, reason) = (clock(history.ended_at).len().max(7), width(|l| &l.who), width(|l| &l.reason));
    for (n, (at, line)) in shown.iter().enumerate() {
        if n == first.len() && left_out > 0 {
            let note = format!("  … {left_out} more events; --out DIR writes all of them to events.jsonl …");
            let _ = writeln!(text, "{}", paint(DIM, note));
        }
        let reason_text = paint(style(line.tone), format!("{:reason$}", line.reason));
        let time = paint(DIM, format!("{:>time_width$}s", clock(*at)));
        let _ = writeln!(text, "{time}  {:who$}  {reason_text}  {}", line.who, line.message);
    }
}

fn deaths(text: &mut String, report: &RunReport) {
    let history = &report.history;
    let count = crate::deaths::count(history);
    heading(text, "WHO DIED");
    if count == 0 {
        text.push_str("no process died\n");
        return;
    }
    let mut table = Table::new(&["TIME", "PROCESS", "OF", "BY", "WHY"]);
    for death in crate::deaths::deaths(history).take(MOST_ROWS) {
        let at = format!("{}s", clock(death.at));
        table.row(vec![at, death.process(), death.of, death.by.into(), death.why], style(death.tone));
    }
    text.push_str(&table.render(0));
    if count > MOST_ROWS {
        let _ = writeln!(text, "{}", paint(DIM, format!("… and {} more", count - MOST_ROWS)));
    }
    if let Some(rest) = report.reproduce.strip_prefix("oomsim run ") {
        let _ = writeln!(text, "{}", paint(DIM, format!("the whole explanation: oomsim why {rest}")));
    }
}

/// A count with its noun.
pub fn plural(count: impl Into<i128>, what: &str) -> String {
    let count = count.into();
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Seconds in a short form.
pub fn duration(seconds: f64) -> String {
    let s = seconds.clamp(0.0, 1e9).round() as u64;
    match s {
        0..60 if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

fn pods(text: &mut String, history: &History) {
    if history.pods.is_empty() {
        return;
    }
    heading(text, "PODS AT THE END");
    let mut table = Table::new(&["NAMESPACE", "NAME", "QOS", "STATUS", "RESTARTS", "MEMORY"]);
    for pod in history.pods.iter().take(MOST_ROWS) {
        let (namespace, name) = oomsim_core::record::view::split_pod(&pod.pod);
        let style = if pod.status.is_well() { PLAIN } else { WARN };
        let usage = if pod.usage == Bytes::ZERO { "-".into() } else { amount(pod.usage) };
        let cells = vec![
            namespace.into(),
            name.into(),
            pod.qos.to_string(),
            pod.status.to_string(),
            pod.restarts.to_string(),
            usage,
        ];
        table.row(cells, style);
    }
    text.push_str(&table.render(0));
    if history.pods.len() > MOST_ROWS {
        let _ = writeln!(text, "{}", paint(DIM, format!("… and {} more", history.pods.len() - MOST_ROWS)));
    }
}

fn expectations(text: &mut String, report: &RunReport) {
    if let Some(why) = &report.not_judged {
        heading(text, "EXPECTATIONS");
        let _ = writeln!(text, "not checked: {why}");
        return;
    }
    if report.results.is_empty() {
        return;
    }
    heading(text, "EXPECTATIONS");
    for result in &report.results {
        text.push_str(&expectation(result));
    }
}

/// One expectation: one line when it holds, otherwise also what happened instead and the source of the expectation.
pub fn expectation(result: &ExpectationResult) -> String {
    if result.holds {
        let mut found: String = result.found.chars().take(MOST_FOUND).collect();
        if found.len() < result.found.len() {
            found.push('…');
        }
        return format!("{}    {}: {}\n", paint(GOOD, "ok"), result.expected, paint(DIM, found));
    }
    let indent = "        ";
    format!(
        "{}  {}\n{indent}found:  {}\n{indent}source: {}\n",
        paint(BAD, "FAIL"),
        result.expected,
        result.found,
        result.source
    )
}

fn tail(text: &mut String, history: &History) {
    let counts = &history.counts;
    let stop = match history.stop {
        Stop::Time => "duration reached",
        Stop::Idle => "nothing left to simulate",
        Stop::Halted => "kernel panic",
    };
    let _ = writeln!(
        text,
        "\n{}",
        paint(
            DIM,
            format!(
                "{}, {}, {}, {} refused; stopped at {} s ({stop}); digest {}",
                plural(counts.oom_kills, "OOM kill"),
                plural(counts.evictions, "eviction"),
                plural(counts.restarts, "restart"),
                plural(counts.refusals, "allocation"),
                clock(history.ended_at),
                history.digest
            )
        )
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(history: History) -> String {
        let report = crate::testdata::report(history);
        anstream::adapter::strip_str(&render(&report)).to_string()
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(3725.0), "1 h 2 min");
        assert_eq!(duration(75.0), "1 min 15 s");
    }

    /// Read by eye: columns line up, the words are kubectl's and dmesg's, causes come before effects.
    #[test]
    fn the_text_of_a_run() {
        assert_eq!(shown(crate::testdata::oom4()), include_str!("golden/oom4.txt"));
        assert_eq!(shown(crate::testdata::oom2()), include_str!("golden/oom2.txt"));
    }

    #[test]
    fn a_long_timeline_is_cut_in_the_middle() {
        let text = shown(crate::testdata::busy_day());
        assert!(text.contains("more events; --out DIR"), "{text}");
        assert!(text.lines().count() < 300);
    }

    /// 15,440 OOM kills and "no process died" cannot both be true.
    #[test]
    fn what_was_not_recorded_is_not_denied() {
        let mut history = crate::testdata::oom4();
        history.entries.clear();
        (history.counts.oom_kills, history.counts.evictions) = (1, 1);
        let report = crate::RunReport { kept: Keep::Outcome, ..crate::testdata::report(history) };
        let text = anstream::adapter::strip_str(&render(&report)).to_string();
        assert!(!text.contains("no process died") && !text.contains("TIMELINE"), "{text}");
        assert!(text.contains("WHO DIED\nnot recorded: 1 OOM kill, 1 eviction; --record events"), "{text}");
    }
}
