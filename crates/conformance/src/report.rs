//! What comes out of holding one file of recordings against the model.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The model gives what was recorded.
    Matched,
    /// The recording itself leaves two answers open; decided from the row's inputs before its outcome is read.
    Undecided(String),
    /// The model gives something else, or the row could not be read.
    Mismatched {
        /// What the recording says.
        expected: String,
        /// What the model says.
        got: String,
    },
}

impl Verdict {
    /// Matched when both are equal, otherwise a mismatch in their debug form, `what` in front.
    pub fn compare<T: PartialEq + fmt::Debug>(what: &str, expected: &T, got: &T) -> Verdict {
        if expected == got {
            return Verdict::Matched;
        }
        Verdict::Mismatched { expected: format!("{what} {expected:?}"), got: format!("{what} {got:?}") }
    }

    /// A row that cannot be read.
    pub fn unreadable(why: impl fmt::Display) -> Verdict {
        Verdict::Mismatched { expected: "a row of this kind".into(), got: format!("cannot read it: {why}") }
    }

    /// This verdict, or the next one if this one matched: checks several things of a row in order.
    pub fn and(self, next: impl FnOnce() -> Verdict) -> Verdict {
        match self {
            Verdict::Matched => next(),
            other => other,
        }
    }
}

/// What became of the sizes along the way of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeVerdicts {
    /// By the run with seed 0.
    pub one_run: Verdict,
    /// Where a size that is up to chance need only lie within what 32 seeds give.
    pub draws: Verdict,
}

/// A row that does not match, with what to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Line in the file, from 1.
    pub line: usize,
    /// The row's own name, where it has one.
    pub row: String,
    /// What the recording says.
    pub expected: String,
    /// What the model says.
    pub got: String,
}

/// A row that the recording leaves open, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// Line in the file, from 1.
    pub line: usize,
    /// The row's own name, where it has one.
    pub row: String,
    /// Why two answers are open.
    pub why: String,
}

/// Counts of one way of checking the rows of a file; `total = matched + undecided + mismatched`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Rows checked.
    pub total: usize,
    /// Rows for which the model gives what was recorded.
    pub matched: usize,
    /// Rows that the recording leaves open.
    pub undecided: usize,
    /// Rows for which the model gives something else.
    pub mismatched: usize,
    /// The open rows.
    pub open: Vec<Undecided>,
    /// The rows that do not match.
    pub mismatches: Vec<Mismatch>,
}

impl Tally {
    /// Counts one row.
    pub fn add(&mut self, line: usize, row: &str, verdict: Verdict) {
        self.total += 1;
        match verdict {
            Verdict::Matched => self.matched += 1,
            Verdict::Undecided(why) => {
                self.undecided += 1;
                self.open.push(Undecided { line, row: row.into(), why });
            }
            Verdict::Mismatched { expected, got } => {
                self.mismatched += 1;
                self.mismatches.push(Mismatch { line, row: row.into(), expected, got });
            }
        }
    }
}

/// One file held against the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileReport {
    /// The file's name as given, e.g. `kernel/badness.jsonl`.
    pub file: String,
    /// The rows, each checked once.
    #[serde(flatten)]
    pub rows: Tally,
    /// The same rows' *configuration* run as a simulation, for kinds whose rows check only a printed table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Tally>,
    /// The sizes after each step of an experiment: matched when every one is within the recordings' bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Tally>,
    /// The same where those that are up to chance need only lie within what 32 seeds give.
    #[serde(rename = "sizesWithinDraws", skip_serializing_if = "Option::is_none")]
    pub sizes_within_draws: Option<Tally>,
    /// For experiments that several kernels did: the rows by release.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_kernel: BTreeMap<String, Tally>,
    /// For whole-node stories: what else was compared, by family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stories: Option<crate::node::Summary>,
    /// With files (`--through-files`): how many rows cannot be put so, by reason. They are not in the counts.
    #[serde(rename = "notAsFiles", skip_serializing_if = "BTreeMap::is_empty")]
    pub not_as_files: BTreeMap<&'static str, usize>,
    /// Why the file as a whole could not be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl FileReport {
    /// True when nothing mismatched and the file could be read.
    pub fn holds(&self) -> bool {
        self.error.is_none() && self.rows.mismatched == 0 && self.replay.as_ref().is_none_or(|r| r.mismatched == 0)
    }
}
