//! The named capabilities of a kernel, as data: documentation, legal values, and each version's value with the
//! source of the fact and how sure it is.

use super::profile::{Profile, VERSIONS};
use super::release::{is_row, numbers, version};
use super::rows::CAPABILITIES;
use std::fmt;

/// How well a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// Seen in a recording or log of that kernel.
    Recorded,
    /// From the source code of that version or the commit that changed it.
    Source,
    /// Follows from the neighbouring versions.
    Inferred,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Confidence::Recorded => "recorded",
            Confidence::Source => "source",
            Confidence::Inferred => "inferred",
        })
    }
}

/// What a run shows otherwise when a capability is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// Whom the OOM killer chooses.
    WhoIsKilled,
    /// Whether and when it is called.
    WhenKilled,
    /// Which allocations fail.
    Refusals,
    /// What is reclaimed, so also the working set that evictions go by.
    Reclaim,
    /// How long programs wait for memory.
    Waiting,
    /// Figures and texts of reports and files.
    Figures,
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Consequence::WhoIsKilled => "whom the kernel kills",
            Consequence::WhenKilled => "whether and when the kernel kills",
            Consequence::Refusals => "which allocations are refused",
            Consequence::Reclaim => "what is reclaimed, and the working set that evictions go by",
            Consequence::Waiting => "how long programs wait for memory",
            Consequence::Figures => "figures and texts",
        })
    }
}

/// One version's value of a capability.
#[derive(Clone, Copy, Debug)]
pub struct CapabilityRow {
    /// The value, as [`Profile::set`] takes it.
    pub value: &'static str,
    /// Where the fact comes from.
    pub source: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A capability.
#[derive(Clone, Copy)]
pub struct Capability {
    /// Its name in scenarios and tables.
    pub name: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
    /// What hangs on it.
    pub decides: Consequence,
    /// The legal words; empty for a number.
    pub values: &'static [&'static str],
    /// The value from each version on at which it, or what is known of it, changes; the oldest version first.
    pub(super) changes: &'static [(&'static str, CapabilityRow)],
    pub(super) get: fn(&Profile) -> String,
    pub(super) apply: fn(&mut Profile, &str) -> Option<()>,
}

/// A capability or value that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapabilityError {
    /// No capability has this name; the legal names, nearest first.
    Name {
        /// What was asked for.
        given: String,
        /// The legal names, nearest first.
        legal: Vec<&'static str>,
    },
    /// The capability does not take this value.
    Value {
        /// Which capability.
        name: &'static str,
        /// What was given.
        given: String,
        /// The legal words; empty when a positive number is expected.
        legal: &'static [&'static str],
    },
}

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapabilityError::Name { given, legal } => {
                let nearest = legal.first().unwrap_or(&"");
                write!(f, "no kernel capability {given:?}; did you mean {nearest:?}? legal: {}", legal.join(", "))
            }
            CapabilityError::Value { name, given, legal: [] } => {
                write!(f, "{name} = {given:?}: expected a number from 1 to 65536")
            }
            CapabilityError::Value { name, given, legal } => {
                write!(f, "{name} = {given:?}: expected one of {}", legal.join(", "))
            }
        }
    }
}

impl std::error::Error for CapabilityError {}

impl Capability {
    /// The capability of this name (`-` and `_` are the same).
    ///
    /// # Errors
    /// When there is none; the message has the legal names, nearest first.
    pub fn named(name: &str) -> Result<&'static Capability, CapabilityError> {
        let plain = name.replace('-', "_");
        CAPABILITIES.iter().find(|c| c.name == plain).ok_or_else(|| {
            let mut legal: Vec<_> = CAPABILITIES.iter().map(|c| c.name).collect();
            legal.sort_by_key(|n| (distance(n, &plain), *n));
            CapabilityError::Name { given: name.into(), legal }
        })
    }

    /// The value in a version (`6.10`), or in the oldest row. What was recorded of an older version only is inferred
    /// for the later ones.
    pub fn row(&self, text: &str) -> CapabilityRow {
        self.row_of(version(text).unwrap_or_else(|| numbers(VERSIONS[0])))
    }

    /// The same by major and minor.
    pub(super) fn row_of(&self, at: (u32, u32)) -> CapabilityRow {
        let (since, row) = *self.changes.iter().rfind(|(since, _)| numbers(since) <= at).unwrap_or(&self.changes[0]);
        match row.confidence {
            Confidence::Recorded if numbers(since) != at => CapabilityRow { confidence: Confidence::Inferred, ..row },
            _ => row,
        }
    }

    /// The versions at which its value, or what is known of it, changes.
    pub fn change_points(&self) -> impl Iterator<Item = &'static str> {
        self.changes.iter().map(|(since, _)| *since)
    }

    /// True when the value changes between two versions, and it is not known at which: the change was found in the row
    /// of the later one.
    pub(super) fn changes_somewhere(&self, (older, newer): (&str, &str)) -> bool {
        let undated = |(since, _): &&(&str, _)| version(older) < version(since) && version(since) <= version(newer);
        let first = self.changes.iter().filter(undated).find(|(_, row)| row.value != self.row(older).value);
        first.is_some_and(|(since, _)| is_row(since)) && self.row(older).value != self.row(newer).value
    }

    /// Gives a profile a version's value, which is legal: a test sets them all.
    pub(super) fn set_row(&self, profile: &mut Profile, at: (u32, u32)) {
        let _ = (self.apply)(profile, self.row_of(at).value);
    }

    /// Sets this capability.
    ///
    /// # Errors
    /// When the value is not legal.
    pub fn set(&self, profile: &mut Profile, value: &str) -> Result<(), CapabilityError> {
        let value = value.trim().trim_matches('"');
        (self.apply)(profile, value).ok_or_else(|| CapabilityError::Value {
            name: self.name,
            given: value.into(),
            legal: self.values,
        })
    }
}

/// Edit distance, for suggestions.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_sets_a_legal_value_and_reads_back() {
        for capability in CAPABILITIES {
            assert_eq!(capability.changes[0].0, VERSIONS[0], "{}", capability.name);
            assert!(capability.changes.iter().all(|(since, _)| version(since) == Some(numbers(since))));
            let places = capability.changes.iter().map(|(since, _)| numbers(since));
            assert!(places.is_sorted(), "{}", capability.name);
            for version in VERSIONS {
                let row = capability.row(version);
                let mut profile = Profile::default();
                capability.set(&mut profile, row.value).unwrap();
                assert_eq!((capability.get)(&profile), row.value, "{} of {version}", capability.name);
                assert_eq!(Profile::named(version).unwrap().get(capability.name).unwrap(), row.value);
                assert!(!row.source.is_empty());
            }
        }
    }

    #[test]
    fn a_wrong_name_or_value_says_what_is_legal() {
        let mut profile = Profile::default();
        let wrong_name = profile.set("badnes_floor", "one").unwrap_err().to_string();
        assert!(wrong_name.contains("did you mean \"badness_floor\""), "{wrong_name}");
        let wrong_value = profile.set("badness-floor", "two").unwrap_err().to_string();
        assert!(wrong_value.contains("one, signed"), "{wrong_value}");
        assert!(profile.set("charge_batch", "0").is_err());
        profile.set("root_bonus", "true").unwrap();
        assert!(profile.root_bonus);
    }
}
