//! Values of flags that several commands take.

use clap::ValueEnum;
use oomsim_core::units::{SimDuration, parse_duration};

/// A duration such as `90s` or `1m30s`.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<SimDuration, String> {
    parse_duration(text).map_err(|why| why.to_string())
}

/// What most commands can print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}
