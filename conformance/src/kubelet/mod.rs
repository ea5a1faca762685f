//! Recordings of the real kubelet's code.

use crate::Kind;

/// The kinds of kubelet recordings.
pub const KINDS: &[Kind] = &[];
