//! A distribution in constant memory: counts in buckets whose width is 1/64 of their value.

use std::collections::BTreeMap;

/// Bits of the mantissa that tell buckets apart.
const PRECISION: u32 = 6;

/// Counts of non-negative integers (bytes, nanoseconds). Quantiles are right to within 1/64 of the value; smallest and
/// largest are exact. Whatever the order in which values come, the result is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: BTreeMap<u16, u64>,
    count: u64,
    sum: u128,
    range: Option<(u64, u64)>,
}

/// Values below 64 have a bucket each; above, exponent and six bits of mantissa name the bucket.
fn bucket_of(value: u64) -> u16 {
    let bits = 64 - value.leading_zeros();
    if bits <= PRECISION {
        return value as u16;
    }
    let shift = bits - 1 - PRECISION;
    ((shift as u16 + 1) << PRECISION) + ((value >> shift) as u16 & ((1 << PRECISION) - 1))
}

/// Smallest value of a bucket.
fn floor_of(bucket: u16) -> u64 {
    let exponent = bucket >> PRECISION;
    let mantissa = u64::from(bucket & ((1 << PRECISION) - 1));
    if exponent == 0 { mantissa } else { ((1 << PRECISION) + mantissa) << (exponent - 1) }
}

/// Largest value of a bucket.
fn ceiling_of(bucket: u16) -> u64 {
    let exponent = bucket >> PRECISION;
    floor_of(bucket) + if exponent == 0 { 0 } else { (1 << (exponent - 1)) - 1 }
}

impl Distribution {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        *self.buckets.entry(bucket_of(value)).or_default() += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.range = Some(self.range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Smallest and largest value.
    pub fn range(&self) -> Option<(u64, u64)> {
        self.range
    }

    /// Arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The value below which `parts` of a thousand lie (nearest rank, middle of its bucket).
    pub fn quantile(&self, permille: u64) -> Option<u64> {
        let (low, high) = self.range?;
        let rank = (u128::from(self.count) * u128::from(permille)).div_ceil(1000).clamp(1, u128::from(self.count));
        let mut seen = 0u128;
        for (&bucket, &count) in &self.buckets {
            seen += u128::from(count);
            if seen >= rank {
                let (floor, ceiling) = (floor_of(bucket), ceiling_of(bucket));
                return Some((floor + (ceiling - floor) / 2).clamp(low, high));
            }
        }
        Some(high)
    }

    /// Steps of the cumulated counts: (upper end of the bucket, values up to there), for survival curves.
    pub fn cumulated(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets.iter().scan(0, |seen, (&bucket, &count)| {
            *seen += count;
            Some((ceiling_of(bucket), *seen))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_values_are_exact() {
        let mut d = Distribution::default();
        (1..=10).for_each(|v| d.add(v));
        assert_eq!((d.quantile(500), d.quantile(0), d.quantile(1000)), (Some(5), Some(1), Some(10)));
        assert_eq!((d.mean(), d.range(), d.count()), (Some(5.5), Some((1, 10)), 10));
        assert_eq!(Distribution::default().quantile(500), None);
        assert_eq!(d.cumulated().last(), Some((10, 10)));
    }

    proptest! {
        #[test]
        fn buckets_are_narrow_and_in_order(value: u64) {
            let bucket = bucket_of(value);
            let (floor, ceiling) = (floor_of(bucket), ceiling_of(bucket));
            prop_assert!(floor <= value && value <= ceiling);
            prop_assert!(ceiling - floor <= value / 64);
            prop_assert!(bucket == 0 || ceiling_of(bucket - 1) + 1 == floor);
        }
    }
}
