//! The values an axis of a study takes.

use oomsim_core::engine::{StreamFactory, StreamName};
use oomsim_core::units::{Quantity, SimDuration, format_duration, parse_duration};

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes, written as Kubernetes quantities.
    Bytes,
    /// Nanoseconds, written as Go durations.
    Time,
    /// Whole numbers.
    Integer,
    /// Numbers with a fraction, written with six digits after the point.
    Real,
    /// Words without an order.
    Word,
}

/// One value: what `--set` is given, and where it stands on a scale.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisValue {
    /// As it stands behind `--set key=`.
    pub text: String,
    /// Bytes, nanoseconds or the number itself; `None` for words.
    pub number: Option<f64>,
    /// What the number is.
    pub unit: Unit,
    /// The settings that it stands for, key and value; empty: its text, at the keys of its axis.
    pub sets: Vec<(String, String)>,
}

impl AxisValue {
    /// Understands a value as it is written: an integer, a number, an amount of memory, a duration, or a word.
    pub fn parse(text: &str) -> Self {
        let (unit, number) = if let Ok(n) = text.parse::<i64>() {
            (Unit::Integer, Some(n as f64))
        } else if let Ok(x) = text.parse::<f64>()
            && x.is_finite()
        {
            (Unit::Real, Some(x))
        } else if let Ok(q) = Quantity::parse(text)
            && !text.ends_with('m')
        {
            // "5m" is five minutes here: no setting of a study is a thousandth of a byte.
            (Unit::Bytes, Some(q.value() as f64))
        } else if let Ok(d) = parse_duration(text) {
            (Unit::Time, Some(d.as_nanos() as f64))
        } else {
            (Unit::Word, None)
        };
        AxisValue { text: text.into(), number, unit, sets: Vec::new() }
    }

    /// A number of this unit, rounded to what can be written: whole KiB, microseconds or integers, six decimals.
    pub fn of_number(number: f64, unit: Unit) -> Self {
        let (text, number) = match unit {
            Unit::Bytes => {
                let kib = (number.max(0.0) / 1024.0).round() as u64;
                (oomsim_core::units::Bytes::kib(kib).to_string(), kib as f64 * 1024.0)
            }
            Unit::Time => {
                let us = (number.max(0.0) / 1000.0).round() as u64;
                (format_duration(SimDuration::from_micros(us)), us as f64 * 1000.0)
            }
            Unit::Integer => (format!("{}", number.round() as i64), number.round()),
            Unit::Real | Unit::Word => {
                let text = format!("{number:.6}");
                let number = text.parse().unwrap_or(number);
                (text, number)
            }
        };
        AxisValue { text, number: Some(number), unit, sets: Vec::new() }
    }
}

/// How a range is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scale {
    /// Equal differences.
    #[default]
    Linear,
    /// Equal ratios; both ends are greater than zero.
    Log,
}

/// A range of numbers of one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisRange {
    /// First value.
    pub from: f64,
    /// Last value.
    pub to: f64,
    /// What they are.
    pub unit: Unit,
    /// How it is divided.
    pub scale: Scale,
}

impl AxisRange {
    /// The value at a share (0 to 1) of the way. `libm` gives the same bits on every machine.
    pub fn at(&self, share: f64) -> AxisValue {
        let number = match self.scale {
            Scale::Linear => self.from + (self.to - self.from) * share,
            Scale::Log => self.from * libm::exp(libm::log(self.to / self.from) * share),
        };
        AxisValue::of_number(number, self.unit)
    }

    /// How far a number is along the range, from 0 to 1.
    pub fn share_of(&self, number: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (number - self.from) / (self.to - self.from),
            Scale::Log => libm::log(number / self.from) / libm::log(self.to / self.from),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// `steps` values from one end to the other; a single step is the first value.
    pub fn steps(&self, steps: u32) -> Vec<AxisValue> {
        let last = f64::from(steps.saturating_sub(1).max(1));
        (0..steps).map(|i| self.at(f64::from(i) / last)).collect()
    }
}

/// How points are spread over the ranges that are not divided into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Design {
    /// Each range is cut into as many equal parts as there are points, and each part is used once (M. D. McKay,
    /// R. J. Beckman, W. J. Conover, Technometrics 21, 1979).
    #[default]
    LatinHypercube,
    /// Independent uniform draws.
    Random,
}

/// Where `points` points lie on one range, as shares from 0 to 1. Every axis draws from a stream of its own name.
pub fn shares(design: Design, points: u32, seed: u64, axis: &str) -> Vec<f64> {
    let mut draws = StreamFactory::new(seed).stream(StreamName::from("study/axis/").then(axis));
    let mut unit = || (draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    match design {
        Design::Random => (0..points).map(|_| unit()).collect(),
        Design::LatinHypercube => {
            let inside: Vec<f64> = (0..points).map(|_| unit()).collect();
            let mut parts: Vec<u32> = (0..points).collect();
            // Fisher and Yates.
            for i in (1..parts.len()).rev() {
                parts.swap(i, draws.below(i as u64 + 1) as usize);
            }
            parts.iter().zip(inside).map(|(&part, x)| (f64::from(part) + x) / f64::from(points)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_understood_as_written() {
        for (text, unit, number) in [
            ("750Mi", Unit::Bytes, Some(786_432_000.0)),
            ("100M", Unit::Bytes, Some(1e8)),
            ("10s", Unit::Time, Some(1e10)),
            ("5m", Unit::Time, Some(3e11)),
            ("42", Unit::Integer, Some(42.0)),
            ("0.5", Unit::Real, Some(0.5)),
            ("v2", Unit::Word, None),
            ("10%", Unit::Word, None),
            ("inf", Unit::Word, None),
        ] {
            let value = AxisValue::parse(text);
            assert_eq!((value.unit, value.number), (unit, number), "{text}");
        }
    }

    #[test]
    fn steps_by_hand() {
        let texts = |r: AxisRange, n| r.steps(n).into_iter().map(|v| v.text).collect::<Vec<_>>();
        let mib = f64::from(1 << 20);
        let bytes = AxisRange { from: mib, to: 16.0 * mib, unit: Unit::Bytes, scale: Scale::Log };
        assert_eq!(texts(bytes, 5), ["1Mi", "2Mi", "4Mi", "8Mi", "16Mi"]);
        assert_eq!(texts(AxisRange { scale: Scale::Linear, ..bytes }, 4), ["1Mi", "6Mi", "11Mi", "16Mi"]);
        assert_eq!(texts(bytes, 1), ["1Mi"]);
        let time = AxisRange { from: 1e8, to: 3e8, unit: Unit::Time, scale: Scale::Linear };
        assert_eq!(texts(time, 3), ["100ms", "200ms", "300ms"]);
        let down = AxisRange { from: 3.0, to: 1.0, unit: Unit::Integer, scale: Scale::Linear };
        assert_eq!(texts(down, 3), ["3", "2", "1"]);
        assert_eq!(texts(AxisRange { unit: Unit::Real, ..down }, 5)[1], "2.500000");
    }

    #[test]
    fn a_latin_hypercube_uses_every_part_once() {
        let places = shares(Design::LatinHypercube, 50, 1, "rate");
        let mut parts: Vec<u32> = places.iter().map(|x| (x * 50.0) as u32).collect();
        assert_ne!(parts, (0..50).collect::<Vec<_>>());
        parts.sort_unstable();
        assert_eq!(parts, (0..50).collect::<Vec<_>>());
        assert_eq!(places, shares(Design::LatinHypercube, 50, 1, "rate"));
        assert_ne!(places, shares(Design::LatinHypercube, 50, 1, "threshold"));
        assert!(shares(Design::Random, 50, 1, "rate").iter().all(|x| (0.0..1.0).contains(x)));
    }
}
