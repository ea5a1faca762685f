//! The race between the kubelet's check and the kernel's limit: in closed form, and simulated.

mod contest;
mod odds;

pub(crate) use contest::takeable;
pub use contest::{Alone, Contest, MAX_SECONDS, Point, RaceError, Racer};
pub use odds::{Odds, Race};
