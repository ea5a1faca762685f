//! What the kubelet saw and decided.

use super::{instant, some_instant};
use oomsim_core::node_api::{EvictionSignal, Name};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use serde::Serialize;

/// A threshold and how far it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdState {
    /// What it watches.
    pub signal: EvictionSignal,
    /// Hard thresholds act at once.
    pub hard: bool,
    /// The threshold.
    pub quantity: Bytes,
    /// What was available.
    pub available: i64,
}

impl ThresholdState {
    /// Less is available than the threshold asks for.
    pub fn met(&self) -> bool {
        i64::try_from(self.quantity.get()).is_ok_and(|quantity| self.available < quantity)
    }
}

/// What the kubelet saw and decided. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum KubeletFact {
    /// The eviction manager's last look.
    LastPass {
        /// Its thresholds.
        thresholds: Vec<ThresholdState>,
        /// Whether it evicted a pod.
        evicted: Option<Name>,
        /// Met thresholds waited for their grace period until then.
        #[serde(serialize_with = "some_instant")]
        waits_until: Option<SimTime>,
    },
    /// The eviction manager's next look.
    NextPass {
        /// How long after what is explained.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        after: SimDuration,
        /// False: it would have been then.
        happened: bool,
    },
    /// All looks before.
    PassesBefore {
        /// How many.
        count: u64,
        /// In how many a threshold was met.
        met: u64,
        /// The least distance to a threshold.
        nearest: Option<ThresholdState>,
    },
    /// The least that was available of what a threshold watches.
    Nearest {
        /// The threshold then.
        threshold: ThresholdState,
    },
    /// A threshold is met.
    ThresholdMet {
        /// It.
        threshold: ThresholdState,
        /// Capacity, or the limit of kubepods.
        of: Bytes,
        /// Working set.
        working_set: i64,
    },
    /// The threshold is a soft one.
    SoftThreshold {
        /// It has to be met for this long.
        #[serde(serialize_with = "super::seconds", rename = "graceSeconds")]
        grace: SimDuration,
    },
    /// The kubelet's figure of a pod.
    PodFigure {
        /// The pod.
        pod: Name,
        /// What it believed; `None`: it had no figure.
        seen: Option<Bytes>,
        /// How old that was.
        age_s: Option<f64>,
        /// What the pod really used.
        now: Bytes,
    },
    /// A pod can never be evicted.
    NeverEvicted,
    /// No kubelet watches memory.
    NoThreshold,
    /// Another pod went first in each of the passes.
    OthersFirst {
        /// They, with how often.
        pods: Vec<Name>,
    },
    /// A container did not answer its probes.
    ProbesFailed {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How often in a row.
        times: u64,
        /// The first time.
        #[serde(serialize_with = "instant")]
        since: SimTime,
        /// What the kubelet says of the last one.
        message: Name,
    },
    /// The kubelet stops a container for that.
    StoppedForProbe {
        /// What the kubelet says.
        message: Name,
        /// From SIGTERM to the end of the process.
        #[serde(serialize_with = "super::seconds", rename = "seconds")]
        after: SimDuration,
    },
}
