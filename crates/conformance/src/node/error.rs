//! Why a recorded story cannot be run.

use super::program::ProgramError;
use oomsim_core::engine::EngineError;
use oomsim_core::units::ParseQuantityError;
use oomsim_scenario::{Diagnostic, NoSuchKey};
use std::{fmt, io};

/// Why a recorded story cannot be found, read or run.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoryError {
    /// A line of the file cannot be read.
    Line {
        /// Its number, from 1.
        number: usize,
        /// Why.
        why: io::Error,
    },
    /// No story of the file has the name.
    NoSuchStory {
        /// The name.
        id: String,
        /// How many stories the file has.
        among: usize,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// A row is no story, or lacks a part.
    NotAStory {
        /// Its name, empty when it has none.
        id: String,
        /// Why.
        why: serde_json::Error,
    },
    /// The story has no measured memory.
    NoSeries,
    /// A program is not understood.
    Program {
        /// `pod/container/process`.
        process: String,
        /// Why.
        why: ProgramError,
    },
    /// A request or limit is no quantity.
    Quantity {
        /// As recorded.
        text: String,
        /// Why.
        why: ParseQuantityError,
    },
    /// A value that is none of those that the recordings have.
    Value {
        /// The field, as the recordings call it.
        field: &'static str,
        /// As recorded.
        value: String,
    },
    /// The reader of scenarios refuses what the story comes to.
    Scenario(Vec<Diagnostic>),
    /// The scenario lacks a key that a comment is for.
    Comment(NoSuchKey),
    /// The run exceeds a limit.
    Run(EngineError),
}

impl fmt::Display for StoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoryError::Line { number, why } => write!(f, "line {number}: {why}"),
            StoryError::NoSuchStory { id, among, nearest } => {
                write!(f, "no story is called {id} among {among}")?;
                nearest.as_ref().map_or(Ok(()), |near| write!(f, "; the nearest is {near}"))
            }
            StoryError::NotAStory { id, why } if id.is_empty() => why.fmt(f),
            StoryError::NotAStory { id, why } => write!(f, "{id}: {why}"),
            StoryError::NoSeries => f.write_str("the story has no series"),
            StoryError::Program { process, why } => write!(f, "{process}: {why}"),
            StoryError::Quantity { text, why } => write!(f, "{text:?}: {why}"),
            StoryError::Value { field, value } => write!(f, "{field} cannot be {value:?}"),
            StoryError::Scenario(problems) => {
                let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
                f.write_str(&messages.join("; "))
            }
            StoryError::Comment(why) => why.fmt(f),
            StoryError::Run(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for StoryError {}

impl From<NoSuchKey> for StoryError {
    fn from(why: NoSuchKey) -> Self {
        StoryError::Comment(why)
    }
}

impl From<EngineError> for StoryError {
    fn from(why: EngineError) -> Self {
        StoryError::Run(why)
    }
}

impl From<Vec<Diagnostic>> for StoryError {
    fn from(problems: Vec<Diagnostic>) -> Self {
        StoryError::Scenario(problems)
    }
}
