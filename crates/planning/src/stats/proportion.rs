//! A share of runs with its interval.

/// Two-sided 95 % of the normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;

/// A range that holds a share with a stated confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end, at least 0.
    pub low: f64,
    /// Upper end, at most 1.
    pub high: f64,
}

impl Interval {
    /// Whether the interval holds this share.
    pub fn contains(&self, share: f64) -> bool {
        (self.low..=self.high).contains(&share)
    }
}

/// Wilson's score interval for `hits` of `runs` (E. B. Wilson, JASA 22, 1927). Without runs anything is possible.
pub fn wilson(hits: u64, runs: u64, z: f64) -> Interval {
    if runs == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, z2) = (runs as f64, z * z);
    let p = hits as f64 / n;
    let centre = p + z2 / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // The ends are exact at no hits and at all hits; rounding must not move them.
    let low = if hits == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let high = if hits == runs { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Interval { low, high }
}

/// The interval of the difference of two shares, first less second, each `(hits, runs)`: Newcombe's hybrid score method
/// (R. G. Newcombe, Statistics in Medicine 17 (1998) 873–890, method 10).
pub fn newcombe(first: (u64, u64), second: (u64, u64), z: f64) -> Interval {
    let share = |(hits, runs): (u64, u64)| if runs == 0 { 0.5 } else { hits as f64 / runs as f64 };
    let (p1, p2) = (share(first), share(second));
    let (one, two) = (wilson(first.0, first.1, z), wilson(second.0, second.1, z));
    let below = ((p1 - one.low).powi(2) + (two.high - p2).powi(2)).sqrt();
    let above = ((one.high - p1).powi(2) + (p2 - two.low).powi(2)).sqrt();
    Interval { low: (p1 - p2 - below).max(-1.0), high: (p1 - p2 + above).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn wilson_by_hand() {
        // 5 of 10 with z = 2: centre 0.5 + 4/20 = 0.7, half 2·√(0.025 + 4/400) = 2·√0.035, scale 1.4.
        let half = 2.0 * 0.035_f64.sqrt();
        let i = wilson(5, 10, 2.0);
        assert!(close(i.low, (0.7 - half) / 1.4) && close(i.high, (0.7 + half) / 1.4), "{i:?}");
        // 0 of n: the upper end is z²/(n + z²).
        let i = wilson(0, 96, 2.0);
        assert!(i.low == 0.0 && close(i.high, 4.0 / 100.0), "{i:?}");
        let i = wilson(96, 96, 2.0);
        assert!(i.high == 1.0 && close(i.low, 0.96), "{i:?}");
        assert_eq!(wilson(0, 0, Z95), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn newcombe_as_published() {
        // Newcombe 1998 (873–890), table II, method 10: 56/70 − 48/80 and 9/10 − 3/10.
        for (first, second, low, high) in
            [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)]
        {
            let i = newcombe(first, second, Z95);
            assert!((i.low - low).abs() < 5e-5 && (i.high - high).abs() < 5e-5, "{first:?} {second:?}: {i:?}");
        }
    }

    #[test]
    fn wilson_as_published() {
        // R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263 → 0.2553 to 0.3662.
        let i = wilson(81, 263, Z95);
        assert!((i.low - 0.2553).abs() < 5e-5 && (i.high - 0.3662).abs() < 5e-5, "{i:?}");
        // The same table: 15/148 → 0.0624 to 0.1605; 0/20 → 0 to 0.1611; 1/29 → 0.0061 to 0.1718.
        for (hits, runs, low, high) in [(15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)] {
            let i = wilson(hits, runs, Z95);
            assert!((i.low - low).abs() < 5e-5 && (i.high - high).abs() < 5e-5, "{hits}/{runs}: {i:?}");
        }
    }
}
