//! Families of metrics: all points of one family together, and in it all points of one set of labels, as OpenMetrics
//! asks for.

use crate::varint::{folded, put, take, unfolded};
use oomsim_core::units::SimDuration;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

/// A value.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A count, or bytes.
    Number(u64),
    /// Seconds.
    Time(SimDuration),
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Value::Number(n)
    }
}

impl From<SimDuration> for Value {
    fn from(time: SimDuration) -> Self {
        Value::Time(time)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) => n.fmt(f),
            Value::Time(time) => time.as_secs_f64().fmt(f),
        }
    }
}

/// The points of a series, as few bytes as they need: most are like the one before, at the next scrape.
#[derive(Debug, Default)]
struct Points {
    bytes: Vec<u8>,
    /// Number of the last scrape, from 1 on, and what it found.
    last: (u64, u64),
}

impl Points {
    fn push(&mut self, scrape: u64, value: u64) {
        put(&mut self.bytes, scrape - self.last.0);
        put(&mut self.bytes, folded(value.wrapping_sub(self.last.1) as i64));
        self.last = (scrape, value);
    }

    /// Numbers of scrapes with what they found.
    fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (mut rest, mut at) = (&self.bytes[..], (0, 0_u64));
        std::iter::from_fn(move || {
            at.0 += take(&mut rest)?;
            at.1 = at.1.wrapping_add(unfolded(take(&mut rest)?) as u64);
            Some(at)
        })
    }
}

/// A family under way.
#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    /// Values are nanoseconds, and shown as seconds.
    is_time: bool,
    series: BTreeMap<Arc<str>, Points>,
}

impl Family {
    fn value(&self, number: u64) -> Value {
        if self.is_time { Value::Time(SimDuration::from_nanos(number)) } else { Value::Number(number) }
    }
}

/// All families.
#[derive(Debug, Default)]
pub struct Families {
    /// When the scrapes were, in milliseconds.
    scrapes: Vec<u64>,
    families: BTreeMap<&'static str, Family>,
}

impl Families {
    /// Points that are added from now on were taken at this time, in milliseconds.
    pub fn at(&mut self, now: u64) {
        self.scrapes.push(now);
    }

    /// Adds a point.
    pub fn add(
        &mut self,
        name: &'static str,
        kind: &'static str,
        help: &'static str,
        labels: &Arc<str>,
        value: impl Into<Value>,
    ) {
        let (number, is_time) = match value.into() {
            Value::Number(number) => (number, false),
            Value::Time(time) => (time.as_nanos(), true),
        };
        let new = || Family { kind, help, is_time, series: BTreeMap::new() };
        let family = self.families.entry(name).or_insert_with(new);
        let scrape = self.scrapes.len() as u64;
        match family.series.get_mut(labels) {
            Some(points) => points.push(scrape, number),
            None => family.series.entry(Arc::clone(labels)).or_default().push(scrape, number),
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, family) in &self.families {
            // A counter's family has the name without `_total`.
            let base = if family.kind == "counter" { name.trim_end_matches("_total") } else { name };
            writeln!(out, "# TYPE {base} {}", family.kind)?;
            for unit in ["bytes", "seconds"] {
                if base.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')) {
                    writeln!(out, "# UNIT {base} {unit}")?;
                }
            }
            writeln!(out, "# HELP {base} {}", family.help)?;
            for (labels, points) in &family.series {
                for (scrape, number) in points.iter() {
                    let (at, value) = (self.scrapes[scrape as usize - 1], family.value(number));
                    writeln!(out, "{name}{{{labels}}} {value} {}.{:03}", at / 1000, at % 1000)?;
                }
            }
        }
        out.write_all(b"# EOF\n")
    }

    /// Writes those points alone that were added at the last time, in Prometheus' text format (version 0.0.4).
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_last(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, family) in &self.families {
            let now = self.scrapes.len() as u64;
            let mut there = family.series.iter().filter(|(_, points)| points.last.0 == now).peekable();
            if there.peek().is_none() {
                continue;
            }
            let kind = if family.kind == "unknown" { "untyped" } else { family.kind };
            writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", family.help)?;
            for (labels, points) in there {
                writeln!(out, "{name}{{{labels}}} {}", family.value(points.last.1))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_series_stand_together() {
        let mut families = Families::default();
        for now in [1000, 31_500] {
            families.at(now);
            families.add("x_total", "counter", "all x", &"a=\"1\"".into(), now);
            families.add("x_total", "counter", "all x", &"a=\"2\"".into(), 0);
        }
        let mut text = Vec::new();
        families.write(&mut text).unwrap();
        let expected = "# TYPE x counter\n# HELP x all x\nx_total{a=\"1\"} 1000 1.000\nx_total{a=\"1\"} 31500 31.500\n\
                        x_total{a=\"2\"} 0 1.000\nx_total{a=\"2\"} 0 31.500\n# EOF\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        // A series that has ended is not there any more.
        families.at(60_000);
        families.add("x_total", "counter", "all x", &"a=\"2\"".into(), 7);
        let mut text = Vec::new();
        families.write_last(&mut text).unwrap();
        let expected = "# HELP x_total all x\n# TYPE x_total counter\nx_total{a=\"2\"} 7\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
