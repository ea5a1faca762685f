//! Durations as Kubernetes and Go write them: `10s`, `1m30s`, `250ms`.

use super::SimDuration;
use std::fmt;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDurationError(String);

impl fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected a duration such as \"10s\", \"1m30s\" or \"250ms\"", self.0)
    }
}

impl std::error::Error for ParseDurationError {}

/// Parses a non-negative duration in the syntax of Go's `time.ParseDuration`.
///
/// # Errors
/// When the text is empty, has no unit, an unknown unit, a sign, or exceeds 584 years.
pub fn parse_duration(text: &str) -> Result<SimDuration, ParseDurationError> {
    let err = || ParseDurationError(format!("{text:?} is not a duration"));
    if text == "0" {
        return Ok(SimDuration::ZERO);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err(err());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(err)?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_len);
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(err()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 30 {
            return Err(err());
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| err())? };
        total = total.checked_add(whole.checked_mul(scale).ok_or_else(err)?).ok_or_else(err)?;
        let mut place = scale;
        for digit in fraction.bytes() {
            place /= 10;
            total += place * u128::from(digit - b'0');
        }
        rest = tail;
    }
    u64::try_from(total).map(SimDuration::from_nanos).map_err(|_| err())
}

/// The shortest text that [`parse_duration`] reads back, in the style of Go (`1m30s`, `1.5s`, `0s`).
pub fn format_duration(d: SimDuration) -> String {
    let ns = d.as_nanos();
    if ns == 0 {
        return "0s".into();
    }
    let fraction = |value: u64, scale: u64, unit: &str| {
        if value.is_multiple_of(scale) {
            return format!("{}{unit}", value / scale);
        }
        let digits = scale.ilog10() as usize;
        let text = format!("{}.{:0digits$}", value / scale, value % scale);
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match ns {
        0..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => fraction(ns, 1_000, "µs"),
        1_000_000..1_000_000_000 => fraction(ns, 1_000_000, "ms"),
        _ => {
            let (hours, minutes) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
            let seconds = fraction(ns % 60_000_000_000, 1_000_000_000, "s");
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, m) => format!("{m}m{seconds}"),
                (h, m) => format!("{h}h{m}m{seconds}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_and_writes_them() {
        for (text, ns, canonical) in [
            ("10s", 10_000_000_000, "10s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("250ms", 250_000_000, "250ms"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("0", 0, "0s"),
            ("1.25ms", 1_250_000, "1.25ms"),
        ] {
            let parsed = parse_duration(text).unwrap();
            assert_eq!(parsed.as_nanos(), ns, "{text}");
            assert_eq!(format_duration(parsed), canonical);
        }
        for bad in ["", "5", "-1s", "1x", ".s", "1..2s", "99999999999h", "1 s", "s"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}
