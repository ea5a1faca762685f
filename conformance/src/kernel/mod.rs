//! Recordings of real kernels.

use crate::Kind;

/// The kinds of kernel recordings.
pub const KINDS: &[Kind] = &[];
