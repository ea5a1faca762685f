//! What a learner does to the node at an instant.

use oomsim_core::node_api::Signo;
use oomsim_core::plan::Change;
use oomsim_core::units::{Bytes, Quantity, SimTime};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change and when it happens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeAt {
    /// Seconds from the start.
    pub at: f64,
    /// What.
    pub change: WishedChange,
}

/// A change in the page's terms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum WishedChange {
    /// Writes `memory.max` of a cgroup.
    Limit {
        /// Its path.
        cgroup: String,
        /// An amount such as `512Mi`.
        limit: String,
    },
    /// Sends SIGKILL to the first process of this name.
    Kill {
        /// comm.
        process: String,
    },
    /// `kubectl delete pod`.
    DeletePod {
        /// `namespace/name`.
        pod: String,
    },
    /// Sets a sysctl.
    Sysctl {
        /// Such as `vm.overcommit_memory`.
        name: String,
        /// Its value.
        value: u32,
    },
}

impl WishedChange {
    /// The change in the engine's terms.
    ///
    /// # Errors
    /// When an amount cannot be read.
    pub fn change(&self) -> Result<Change, NotAnAmount> {
        Ok(match self {
            WishedChange::Limit { cgroup, limit } => Change::cgroup_limit(cgroup.as_str(), bytes(limit)?),
            WishedChange::Kill { process } => Change::Signal { process: process.as_str().into(), signal: Signo::Kill },
            WishedChange::DeletePod { pod } => Change::DeletePod { pod: pod.as_str().into() },
            WishedChange::Sysctl { name, value } => {
                Change::Sysctl { name: name.as_str().into(), value: u64::from(*value) }
            }
        })
    }
}

/// A text that is no amount of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAmount(String);

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no amount of memory such as 512Mi", self.0)
    }
}

impl std::error::Error for NotAnAmount {}

fn bytes(text: &str) -> Result<Bytes, NotAnAmount> {
    let amount = Quantity::parse(text).ok().and_then(|quantity| u64::try_from(quantity.value()).ok());
    amount.map(Bytes::new).ok_or_else(|| NotAnAmount(text.to_owned()))
}

/// An instant in the engine's terms; what is before the start is the start.
pub fn time(seconds: f64) -> SimTime {
    // Whole nanoseconds up to 104 days are exact in a double.
    SimTime::from_nanos((seconds * 1e9).round().max(0.0) as u64)
}
