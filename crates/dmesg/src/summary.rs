//! Many reports of one log in a few lines: by cgroup, victim and hour.

use crate::analysis::Analysis;
use crate::others::{Killer, OtherKill};
use crate::place::CgroupPlace;
use crate::report::{LoggedOom, OomKind, Stamp};
use crate::text::{NOTHING_FOUND, shown, words};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Different keys that are counted by name; the rest is counted together.
const MOST_KEYS: usize = 10_000;
/// Kills by other programs that are kept.
const MOST_OTHERS: usize = 1000;
/// Lines of each part of the text.
const MOST_LINES: usize = 10;

/// Counts by name, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    fn add(&mut self, key: String) {
        let key = if self.0.len() >= MOST_KEYS && !self.0.contains_key(&key) { "others".to_string() } else { key };
        *self.0.entry(key).or_default() += 1;
    }

    /// Names and counts, the most frequent first.
    pub fn most(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self.0.iter().map(|(k, n)| (k.as_str(), *n)).collect();
        all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        all
    }
}

/// What a log has in all, in memory that does not grow with its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Reports of the kernel.
    pub reports: u64,
    /// Processes killed.
    pub killed: u64,
    /// Reports that the kernel says it did not print.
    pub suppressed: u64,
    /// Reports by what ran out.
    pub by_cgroup: Counts,
    /// Kills by the name of the process.
    pub by_victim: Counts,
    /// Reports by hour.
    pub by_hour: Counts,
    /// Reports by host, where the log names one.
    pub by_host: Counts,
    /// What other programs say of kills: those at the beginning.
    #[serde(skip)]
    pub others: Vec<OtherKill>,
    /// How many there are in all, by who says it.
    #[serde(skip)]
    pub others_by: BTreeMap<Killer, u64>,
}

impl Summary {
    /// Counts a report.
    pub fn add(&mut self, analysis: &Analysis) {
        let r = &analysis.report;
        self.reports += 1;
        self.killed += r.killed.len() as u64;
        self.suppressed += r.suppressed_before.unwrap_or(0);
        self.by_cgroup.add(what(r, analysis.place.as_ref()));
        for killed in &r.killed {
            self.by_victim.add(killed.comm.clone());
        }
        if let Some(hour) = hour(&r.stamp) {
            self.by_hour.add(hour);
        }
        if let Some(host) = &r.host {
            self.by_host.add(host.clone());
        }
    }

    /// Counts what another program says.
    pub fn add_other(&mut self, other: OtherKill) {
        *self.others_by.entry(other.by).or_default() += 1;
        if self.others.len() < MOST_OTHERS {
            self.others.push(other);
        }
    }

    /// The counts as text.
    pub fn text(&self) -> String {
        let mut out = format!("{} OOM reports, {} processes killed", self.reports, self.killed);
        if self.suppressed > 0 {
            let _ = write!(out, ", {} more reports that the kernel did not print", self.suppressed);
        }
        out.push('\n');
        for (title, counts) in [
            ("by what ran out", &self.by_cgroup),
            ("by victim", &self.by_victim),
            ("by hour", &self.by_hour),
            ("by host", &self.by_host),
        ] {
            let mut most = counts.most();
            if most.is_empty() || (title == "by host" && most.len() < 2) {
                continue;
            }
            let all = most.len();
            most.truncate(MOST_LINES);
            if title == "by hour" {
                most.sort_by_key(|(hour, _)| *hour);
            }
            let _ = writeln!(out, "\n  {title}");
            for (name, n) in most {
                let _ = writeln!(out, "  {n:>8}  {name}");
            }
            if all > MOST_LINES {
                let _ = writeln!(out, "            … and {} more", all - MOST_LINES);
            }
        }
        shown(&out)
    }

    /// What is said of a log without a report of the kernel.
    pub fn nothing_text(&self) -> String {
        let others = self.others_text();
        if others.is_empty() {
            format!("{NOTHING_FOUND}\n")
        } else {
            format!("{NOTHING_FOUND}: the kernel killed nothing in this log\n\n{others}")
        }
    }

    /// Kills by other programs as text; nothing when there are none.
    pub fn others_text(&self) -> String {
        let mut out = String::new();
        for (by, n) in &self.others_by {
            let verb = if by.kills() { "killed" } else { "tells of kills by the kernel" };
            let _ = writeln!(out, "{} {verb}, {n} {}", capital(by.name()), if *n == 1 { "time" } else { "times" });
            for other in self.others.iter().filter(|o| o.by == *by).take(MOST_LINES) {
                let pid = other.pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
                let victim = other.victim.as_deref().unwrap_or("?");
                let _ = writeln!(out, "  line {:<6} {victim}{pid}\n              {}", other.line, other.text);
            }
            if *n > MOST_LINES as u64 {
                let _ = writeln!(out, "  … and {} more", n - MOST_LINES as u64);
            }
            let _ = writeln!(out, "  What to do {}", by.advice());
        }
        shown(&out)
    }
}

fn capital(name: &str) -> String {
    let known = ["systemd", "oomd", "earlyoom", "nohang"].iter().any(|n| name.starts_with(n));
    let mut chars = name.chars();
    match chars.next() {
        Some(first) if !known => first.to_uppercase().chain(chars).collect(),
        _ => name.to_string(),
    }
}

fn what(r: &LoggedOom, place: Option<&CgroupPlace>) -> String {
    match (r.kind, place, &r.oom_memcg) {
        (OomKind::Node, ..) => match r.bound_nodes() {
            Some(nodes) => format!("NUMA node {}", nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
            None => "the node".into(),
        },
        (OomKind::Cgroup, Some(place), Some(path)) => format!("{}: {path}", words(place)),
        (OomKind::Cgroup, ..) => "a cgroup that is not named".into(),
        (OomKind::Unknown, ..) => "not said".into(),
    }
}

/// The hour of a stamp: its text up to the hour, else hours since boot.
fn hour(stamp: &Stamp) -> Option<String> {
    if let Some(wall) = &stamp.wall {
        let colon = wall
            .char_indices()
            .find(|(i, c)| *c == ':' && *i >= 2 && wall.as_bytes()[i - 2..*i].iter().all(u8::is_ascii_digit));
        let date = colon.map(|(i, _)| format!("{} h", &wall[..i]));
        // "Sat Apr 27 22:56:09 2019" has its year behind.
        let year = wall.rsplit(' ').next().filter(|y| y.len() == 4 && y.bytes().all(|b| b.is_ascii_digit()));
        return date.map(|d| year.map_or(d.clone(), |y| format!("{d} {y}")));
    }
    let us = stamp.uptime_us?;
    Some(format!("hour {} after boot", us / 3_600_000_000 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_all_kinds_of_stamps() {
        let wall = |w: &str| hour(&Stamp { uptime_us: None, wall: Some(w.into()) });
        assert_eq!(wall("Jan 16 21:33:51").as_deref(), Some("Jan 16 21 h"));
        assert_eq!(wall("2026-01-01T00:01:40.000001+0000").as_deref(), Some("2026-01-01T00 h"));
        assert_eq!(wall("Sat Apr 27 22:56:09 2019").as_deref(), Some("Sat Apr 27 22 h 2019"));
        assert_eq!(wall("1767225700.000000"), None);
        let boot = hour(&Stamp { uptime_us: Some(8_334_895_293), wall: None });
        assert_eq!(boot.as_deref(), Some("hour 3 after boot"));
    }

    #[test]
    fn memory_is_bounded_by_kinds_not_by_reports() {
        let mut counts = Counts::default();
        for i in 0..3 * MOST_KEYS {
            counts.add(format!("/pod{i}"));
        }
        assert_eq!(counts.0.len(), MOST_KEYS + 1);
        assert_eq!(counts.most()[0], ("others", 2 * MOST_KEYS as u64));
    }
}
