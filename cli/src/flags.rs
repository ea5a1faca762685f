//! Values of flags that several commands take.

use clap::ValueEnum;
use oomsim_core::units::{Bytes, ParseDurationError, ParseQuantityError, Quantity, SimDuration, parse_duration};
use std::fmt;

/// Why the value of a flag is refused.
#[derive(Debug)]
pub enum FlagError {
    /// It is no duration.
    Duration(ParseDurationError),
    /// It is no quantity.
    Quantity(ParseQuantityError),
    /// It is none of what the flag takes.
    Expected(&'static str),
    /// The file that it names is of no use.
    File(String),
    /// It names a rule of lint that does not exist.
    NoSuchRule {
        /// The rule whose name is most similar.
        nearest: Option<&'static str>,
    },
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlagError::Duration(why) => why.fmt(f),
            FlagError::Quantity(why) => why.fmt(f),
            FlagError::Expected(what) => write!(f, "expected {what}"),
            FlagError::File(why) => f.write_str(why),
            FlagError::NoSuchRule { nearest } => {
                f.write_str("there is no such rule")?;
                if let Some(name) = nearest {
                    write!(f, ", did you mean `{name}`?")?;
                }
                f.write_str("; `oomsim lint --list` shows all rules")
            }
        }
    }
}

impl std::error::Error for FlagError {}

/// A duration such as `90s` or `1m30s`.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<SimDuration, FlagError> {
    parse_duration(text).map_err(FlagError::Duration)
}

/// An amount of memory such as `2Gi`.
///
/// # Errors
/// When it is none.
pub fn amount(text: &str) -> Result<Bytes, FlagError> {
    let value = Quantity::parse(text).map_err(FlagError::Quantity)?.value();
    match u64::try_from(value) {
        Ok(bytes @ 1..) => Ok(Bytes::new(bytes)),
        _ => Err(FlagError::Expected("an amount of memory, such as 2Gi")),
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
    /// Overwrite files that oomsim did not write, or that were changed since
    #[arg(long)]
    pub force: bool,
}
