//! Memory over time on its way: what is made of it sees one sample after the other, so that nothing holds them all.

use crate::WriteError;
use oomsim_core::record::Sample;

/// Something that is made of the samples of a run: a table, a picture.
pub trait Samples: Send {
    /// The next sample.
    ///
    /// # Errors
    /// When writing fails.
    fn take(&mut self, sample: &Sample) -> Result<(), WriteError>;

    /// There are no more.
    ///
    /// # Errors
    /// When it cannot be drawn or written.
    fn finish(self: Box<Self>) -> Result<(), WriteError>;
}
