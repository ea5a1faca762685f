//! Memory over time on its way: what is made of it sees one sample, or one scrape, after the other, so that nothing
//! holds them all.

use crate::WriteError;
use oomsim_core::node::NodeView;
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

/// Something that is made of the node as a monitoring system scrapes it, at each of
/// [`scrape_times`](crate::openmetrics::scrape_times).
pub trait Scrapes: Send {
    /// The node at the next of them.
    fn take(&mut self, node: &NodeView);

    /// There are no more.
    ///
    /// # Errors
    /// When writing fails.
    fn finish(self: Box<Self>) -> Result<(), WriteError>;
}
