//! Values of flags that several commands take.

use clap::ValueEnum;
use oomsim_core::units::{Bytes, Quantity, SimDuration, parse_duration};

/// A duration such as `90s` or `1m30s`.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<SimDuration, String> {
    parse_duration(text).map_err(|why| why.to_string())
}

/// An amount of memory such as `2Gi`.
///
/// # Errors
/// When it is none.
pub fn amount(text: &str) -> Result<Bytes, String> {
    let value = Quantity::parse(text).map_err(|why| why.to_string())?.value();
    match u64::try_from(value) {
        Ok(bytes @ 1..) => Ok(Bytes::new(bytes)),
        _ => Err("expected an amount of memory, such as 2Gi".into()),
    }
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

/// Whether files that are there may be replaced.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Force {
    /// Write over files that oomsim did not write, or that were changed since
    #[arg(long)]
    pub force: bool,
}
