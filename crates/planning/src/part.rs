//! A part of a plan, as it is named on a command line.

use std::fmt;
use std::ops::Range;

/// A part of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The i-th of n parts of nearly equal size, counted from 0.
    Shard(u64, u64),
    /// From the first to before the second.
    Runs(u64, u64),
}

/// Why a text names no part of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartError {
    /// Not of the form `i/n`.
    NotAShard(String),
    /// The i-th of n parts, with i not below n.
    NoSuchShard(u64, u64),
    /// Not of the form `a..b`.
    NotARange(String),
    /// From the first to before the second is nothing.
    NoRuns(u64, u64),
    /// A range that ends after the plan.
    Beyond {
        /// Its first run.
        first: u64,
        /// After its last run.
        end: u64,
        /// The plan's length.
        len: u64,
    },
}

impl fmt::Display for PartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartError::NotAShard(text) => write!(f, "{text:?}: expected i/n, such as 0/8"),
            PartError::NoSuchShard(i, n) => write!(f, "shard {i}/{n}: shards are counted from 0 to n − 1"),
            PartError::NotARange(text) => write!(f, "{text:?}: expected a..b, such as 0..1000"),
            PartError::NoRuns(a, b) => write!(f, "{a}..{b} holds no runs"),
            PartError::Beyond { first, end, len } => write!(f, "runs {first}..{end}: the plan has {len} runs"),
        }
    }
}

impl std::error::Error for PartError {}

impl Part {
    /// Everything.
    pub const ALL: Part = Part::Shard(0, 1);

    /// `i/n`, with i from 0 to n − 1.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn parse_shard(text: &str) -> Result<Self, PartError> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match parsed {
            Some((i, n)) if i < n => Ok(Part::Shard(i, n)),
            Some((i, n)) => Err(PartError::NoSuchShard(i, n)),
            None => Err(PartError::NotAShard(text.into())),
        }
    }

    /// `a..b`: runs a to b − 1.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn parse_runs(text: &str) -> Result<Self, PartError> {
        let parsed = text.split_once("..").and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        match parsed {
            Some((a, b)) if a < b => Ok(Part::Runs(a, b)),
            Some((a, b)) => Err(PartError::NoRuns(a, b)),
            None => Err(PartError::NotARange(text.into())),
        }
    }

    /// The places of a plan of this length.
    ///
    /// # Errors
    /// When a range goes beyond the plan.
    pub fn range(self, len: u64) -> Result<Range<u64>, PartError> {
        match self {
            Part::Shard(i, n) => {
                let cut = |k: u64| (u128::from(len) * u128::from(k) / u128::from(n)) as u64;
                Ok(cut(i)..cut(i + 1))
            }
            Part::Runs(a, b) if b <= len => Ok(a..b),
            Part::Runs(a, b) => Err(PartError::Beyond { first: a, end: b, len }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_plan_once() {
        for (len, n) in [(10u64, 3u64), (3, 7), (1, 1), (1_000_003, 16)] {
            let mut next = 0;
            for i in 0..n {
                let range = Part::Shard(i, n).range(len).unwrap();
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, len);
        }
        assert_eq!(Part::parse_shard("2/8"), Ok(Part::Shard(2, 8)));
        assert_eq!(Part::parse_runs("5..9").unwrap().range(9), Ok(5..9));
        for bad in ["8/8", "1", "a/b", "-1/2", "1/0"] {
            assert!(Part::parse_shard(bad).is_err(), "{bad}");
        }
        assert!(Part::parse_runs("9..5").is_err() && Part::parse_runs("5..9").unwrap().range(8).is_err());
    }
}
