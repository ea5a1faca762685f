//! Settings that make the bad outcome rare enough, and what they cost in allocatable memory.

mod advice;
mod output;
mod search;
mod target;

pub use advice::{MissingKnob, exhausted_knobs, missing_knobs};
pub use output::{kubelet_yaml, pod_patches};
pub(crate) use search::in_mixture;
pub use search::{Confirmed, Recommendation, Runs, SearchResult, SearchSettings, Trial, Unusable, search};
pub use target::{BadEvent, ChosenPods, RiskTarget, percent};
