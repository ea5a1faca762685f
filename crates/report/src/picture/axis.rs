//! Round tick marks for time and memory.

/// Tick steps of a time axis in seconds.
fn time_steps() -> impl Iterator<Item = f64> {
    let small = (-6..=0).flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(power)));
    let minute = 60.0;
    let hour = 3600.0;
    let large = [
        10.0,
        15.0,
        30.0,
        minute,
        2.0 * minute,
        5.0 * minute,
        10.0 * minute,
        15.0 * minute,
        30.0 * minute,
        hour,
        2.0 * hour,
        3.0 * hour,
        6.0 * hour,
        12.0 * hour,
        24.0 * hour,
        48.0 * hour,
        168.0 * hour,
        720.0 * hour,
        8760.0 * hour,
    ];
    small.chain(large)
}

/// Times of at most `most` ticks up to `end` seconds.
pub fn time_ticks(end: f64, most: usize) -> Vec<f64> {
    let step = time_steps().find(|step| end / step <= most as f64).unwrap_or(end.max(1.0));
    let count = (end / step + 1e-9).floor() as usize;
    (0..=count).map(|n| n as f64 * step).collect()
}

/// A time for the axis and for labels: `250ms`, `12.5s`, `4m30s`, `2h`.
pub fn time_text(seconds: f64) -> String {
    let trimmed = |value: f64, digits: usize| {
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    if seconds == 0.0 {
        return "0".into();
    }
    if seconds < 1e-3 {
        return format!("{}µs", trimmed(seconds * 1e6, 0));
    }
    if seconds < 1.0 {
        return format!("{}ms", trimmed(seconds * 1e3, 2));
    }
    if seconds < 59.995 {
        return format!("{}s", trimmed(seconds, 2));
    }
    let whole = seconds.round() as u64;
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    let parts = [(h, "h"), (m, "m"), (s, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

/// Amounts of at most `most` ticks from `low` to `high` bytes, in binary steps.
pub fn memory_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let steps = (0..=50).map(|power| 2_f64.powi(power));
    let step = steps.into_iter().find(|step| (high - low) / step <= most as f64).unwrap_or(high.max(1.0));
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// An amount of memory for the axis and for labels: `750Mi`, `4.5Gi`.
pub fn memory_text(bytes: f64) -> String {
    let (sign, size) = (if bytes < 0.0 { "-" } else { "" }, bytes.abs());
    if size == 0.0 {
        return "0".into();
    }
    let (value, unit) = match size {
        s if s >= 2_f64.powi(40) => (s / 2_f64.powi(40), "Ti"),
        s if s >= 2_f64.powi(30) => (s / 2_f64.powi(30), "Gi"),
        s if s >= 2_f64.powi(20) => (s / 2_f64.powi(20), "Mi"),
        s if s >= 2_f64.powi(10) => (s / 2_f64.powi(10), "Ki"),
        s => (s, ""),
    };
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{sign}{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(time_ticks(290.0, 10), [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0, 270.0]);
        assert_eq!(time_ticks(0.1, 6), [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]);
        assert_eq!(time_ticks(86400.0, 10).len(), 9);
        assert_eq!(time_ticks(0.0, 10), [0.0]);
        let gib = 2_f64.powi(30);
        assert_eq!(memory_ticks(0.0, 6.8 * gib, 8), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|n| n * gib));
        assert_eq!(memory_ticks(-1.5 * gib, 1.2 * gib, 4), [-1.0, 0.0, 1.0].map(|n| n * gib));
    }

    #[test]
    fn texts_are_short() {
        for (seconds, text) in [
            (0.0, "0"),
            (0.02, "20ms"),
            (90.0, "1m30s"),
            (12.5, "12.5s"),
            (270.0, "4m30s"),
            (7200.0, "2h"),
            (5e-6, "5µs"),
        ] {
            assert_eq!(time_text(seconds), text);
        }
        let mib = 2_f64.powi(20);
        for (bytes, text) in [(750.0 * mib, "750Mi"), (4608.0 * mib, "4.5Gi"), (-10.0 * mib, "-10Mi"), (0.0, "0")] {
            assert_eq!(memory_text(bytes), text);
        }
    }
}
