//! Why there is no picture.

use std::fmt;

/// Why a picture could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrawError {
    /// The font that is built in could not be loaded.
    NoFont,
    /// The run kept no series.
    NoSeries,
    /// What the drawing library says.
    Backend(String),
    /// What the encoder of PNG says.
    Png(String),
}

impl fmt::Display for DrawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DrawError::NoFont => f.write_str("the built-in font could not be loaded"),
            DrawError::NoSeries => {
                f.write_str("the run kept no series: there is nothing to draw (use --record series)")
            }
            DrawError::Backend(why) => write!(f, "the picture could not be drawn: {why}"),
            DrawError::Png(why) => write!(f, "the PNG could not be written: {why}"),
        }
    }
}

impl std::error::Error for DrawError {}
