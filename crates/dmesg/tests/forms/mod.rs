//! A kernel log in every form in which it reaches a person. Forms of tools that were run are files (`data/formats`);
//! these are written as the tools' documentation shows them.
#![allow(dead_code)]

mod lines;
mod more;
mod printed;
mod services;
mod texts;

use oomsim_dmesg::LoggedOom;

/// Lines with their stamps in microseconds since boot.
pub struct Log(Vec<(u64, String)>);

impl Log {
    /// Takes a log as `dmesg` prints it; what has no stamp is not the kernel's.
    pub fn of(text: &str) -> Log {
        let line = |line: &str| {
            let (stamp, text) = line.strip_prefix('[')?.split_once("] ")?;
            let (s, us) = stamp.trim().split_once('.')?;
            Some((s.parse::<u64>().ok()? * 1_000_000 + us.parse::<u64>().ok()?, text.to_string()))
        };
        Log(text.lines().filter_map(line).collect())
    }

    pub fn lines(&self) -> &[(u64, String)] {
        &self.0
    }

    /// As `dmesg` prints it.
    pub fn plain(&self) -> String {
        self.each(stamped)
    }

    fn each(&self, form: impl Fn(u64, &str) -> String) -> String {
        self.0.iter().map(|(us, text)| form(*us, text) + "\n").collect()
    }

    fn each_line(&self, form: impl Fn(&str) -> String) -> String {
        self.each(|us, text| form(&stamped(us, text)))
    }

    fn list(&self, form: impl Fn(&str) -> String, between: &str) -> String {
        self.0.iter().map(|(us, text)| form(&stamped(*us, text))).collect::<Vec<_>>().join(between)
    }

    /// The lines' forms, joined as elements of an array, the newest first.
    fn newest_first(&self, form: impl Fn(u64, &str) -> String) -> String {
        self.0.iter().rev().map(|(us, text)| form(*us, text)).collect::<Vec<_>>().join(",\n")
    }

    /// The newest line first.
    fn backwards(&self, form: impl Fn(u64, &str) -> String) -> String {
        self.0.iter().rev().map(|(us, text)| form(*us, text) + "\n").collect()
    }

    fn numbered(&self, form: impl Fn(usize, u64, &str) -> String) -> String {
        self.0.iter().enumerate().map(|(n, (us, text))| form(n, *us, text) + "\n").collect()
    }
}

/// All forms of a log, by name.
pub fn all(log: &Log) -> Vec<(&'static str, String)> {
    let mut forms = lines::prefixed(log);
    forms.extend(services::exported(log));
    forms.extend(texts::copied(log));
    forms.extend(texts::tables(log));
    forms.extend(printed::literals(log));
    forms.extend(more::consoles(log));
    forms.extend(more::downloads(log));
    forms
}

/// Everything but where it stood and what stood before it.
pub fn content(mut r: LoggedOom) -> LoggedOom {
    (r.first_line, r.last_line) = (0, 0);
    r.host = None;
    r.stamp = oomsim_dmesg::Stamp::default();
    r.lost.iter_mut().for_each(|lost| lost.line = 0);
    r
}

/// The reports of a log, without their places.
pub fn read(bytes: &[u8]) -> Vec<LoggedOom> {
    oomsim_dmesg::read(bytes).expect("readable").into_iter().map(content).collect()
}

/// The first difference of two readings, as their debug texts show it.
pub fn difference(one: &[LoggedOom], other: &[LoggedOom]) -> String {
    let (a, b) = (format!("{one:#?}"), format!("{other:#?}"));
    let counts = format!("{} and {} reports", one.len(), other.len());
    a.lines().zip(b.lines()).find(|(a, b)| a != b).map_or(counts, |(a, b)| format!("{a:?} became {b:?}"))
}

pub fn stamped(us: u64, text: &str) -> String {
    format!("[{:5}.{:06}] {text}", us / 1_000_000, us % 1_000_000)
}

pub fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

/// The wall clock, of a machine that was started at midnight of a new year.
fn time(us: u64) -> String {
    format!("{}.{:06}Z", clock(us, 'T'), us % 1_000_000)
}

fn clock(us: u64, between: char) -> String {
    let s = us / 1_000_000;
    format!("2026-01-01{between}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn pretty(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}
