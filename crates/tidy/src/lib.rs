//! Reads the sources of the workspace for the rules of the house; the rules themselves are in `tests/tidy.rs`.

mod functions;
mod habits;
mod lines;
mod manifests;
mod rooms;
mod sources;

pub use functions::{Function, functions};
pub use habits::{Habit, Habits, habits};
pub use lines::wide_lines;
pub use manifests::{Dependencies, dependencies};
pub use rooms::{Use, outside, uses};
pub use sources::{Source, Sources};
