//! What would have prevented something.

mod common;
mod cures;
mod knobs;
