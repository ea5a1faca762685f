//! How well a fact about a version is known.

use serde::Serialize;
use std::fmt;

/// How sure a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Sure {
    /// Held against recordings of the real code.
    Recorded,
    /// Read in the source code of that release.
    Source,
    /// Stated by documentation, release notes, enhancement proposals, merged changes or logs of that time.
    Documented,
    /// Follows from neighbouring releases.
    Inferred,
}

impl fmt::Display for Sure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Sure::Recorded => "recorded",
            Sure::Source => "source",
            Sure::Documented => "documented",
            Sure::Inferred => "inferred",
        })
    }
}
