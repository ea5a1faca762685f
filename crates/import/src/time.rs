//! Instants as files write them.

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};

/// Seconds since 1970: a number of seconds or milliseconds, RFC 3339, or a date and time, which counts as UTC.
pub fn instant(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Some(seconds(number));
    }
    let stamp = text.parse::<Timestamp>().or_else(|_| {
        let civil: DateTime = text.parse()?;
        civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    stamp.ok().map(|stamp| stamp.as_millisecond() as f64 / 1000.0)
}

/// Seconds since 1970 of a number that may be one of milliseconds: seconds of this size are of the year 5138.
pub(crate) fn seconds(number: f64) -> f64 {
    if number.abs() > 1e11 { number / 1000.0 } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_common_form() {
        let at = Some(1_764_100_800.0);
        assert_eq!(instant("1764100800"), at);
        assert_eq!(instant("1764100800000"), at);
        assert_eq!(instant("2025-11-25T20:00:00Z"), at);
        assert_eq!(instant("2025-11-25 20:00:00"), at);
        assert_eq!(instant("yesterday"), None);
    }
}
