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
