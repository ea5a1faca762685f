//! Time, memory and identifiers as types of their own, and the text forms users write them in.

mod duration;
mod ids;
mod memory;
mod quantity;
mod sure;
mod time;

pub use duration::{ParseDurationError, format_duration, parse_duration};
pub use ids::{CgroupId, ContainerId, Pid, PodId, VolumeId};
pub use memory::{Bytes, PAGE_SIZE, Pages};
pub use quantity::{Format, ParseQuantityError, Quantity};
pub use sure::Sure;
pub use time::{SimDuration, SimTime};
