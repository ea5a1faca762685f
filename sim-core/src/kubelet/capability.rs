//! Types of capabilities, and what is known about them.

use crate::units::Sure;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How an evicted pod's message names a container that uses more than it requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContainerWording {
    /// `Container c was using U, which exceeds its request of R. `
    ExceedsRequest,
    /// `Container c was using U, request is R, has larger consumption of memory. `
    LargerConsumption,
}

/// Messages of the events `Created` and `Started` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventWording {
    /// `Created container app`, `Started container app`.
    Name,
    /// `Created container: app`, `Started container app`.
    Colon,
    /// `Container created`, `Container started`.
    Nameless,
}

/// What the kubelet does about swap when the configuration does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SwapDefault {
    /// Containers do not swap (`NoSwap`).
    NoSwap,
    /// Burstable containers swap in proportion to their request (`LimitedSwap`).
    LimitedSwap,
    /// No limit is written (`UnlimitedSwap`).
    UnlimitedSwap,
}

/// The request that eviction compares a pod's use with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RankRequest {
    /// The sum over regular containers, or the largest init container or sidecar if that is more.
    ContainersMaxInit,
    /// What the scheduler goes by: sidecars are summed, requests at pod level count.
    PodRequests,
}

/// When a pod worker comes by that could not restart a container for its back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestartWakeup {
    /// Every 10 s and up to half of that more.
    Poll,
    /// At the end of the back-off, but within a minute, and up to half of the wait later.
    Expiry,
}

/// What a run shows otherwise when a capability is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// Which pod is evicted first.
    WhoIsEvicted,
    /// When pods are evicted.
    WhenEvicted,
    /// How long an evicted pod has to stop.
    GracePeriod,
    /// Class, limits and `oom_score_adj`, so whom the kernel kills.
    WhoIsKilled,
    /// memory.min, memory.low and memory.high.
    Protection,
    /// Who may swap how much.
    Swap,
    /// When containers start again.
    Restarts,
    /// Whether the kubelet starts, and what pods may use.
    Start,
    /// Texts of messages and events.
    Texts,
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Consequence::WhoIsEvicted => "which pod is evicted first",
            Consequence::WhenEvicted => "when pods are evicted",
            Consequence::GracePeriod => "how long an evicted pod has to stop",
            Consequence::WhoIsKilled => "whom the kernel kills",
            Consequence::Protection => "memory.min, memory.low and memory.high",
            Consequence::Swap => "who may swap",
            Consequence::Restarts => "when containers start again",
            Consequence::Start => "whether the kubelet starts, and what pods may use",
            Consequence::Texts => "texts",
        })
    }
}

/// From which release on a capability has a value, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// First minor release with it: 28 for 1.28.
    pub since: u32,
    /// How sure it is.
    pub sure: Sure,
    /// Where it comes from.
    pub source: &'static str,
}

/// A capability's name and where its values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Name of the capability, as in overrides.
    pub name: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
    /// What depends on it.
    pub verdict: Consequence,
    /// From release to release, the oldest first.
    pub steps: &'static [Step],
}

/// The newest release whose whole source has been read.
const NEWEST_READ: u32 = 36;

impl Fact {
    /// How the value of a release is known.
    pub fn evidence(&self, minor: u32) -> (Sure, &'static str) {
        let Some(step) = self.steps.iter().rfind(|step| step.since <= minor) else { return (Sure::Inferred, "") };
        let sure = match minor {
            32 => Sure::Recorded,
            // Nothing known of a change, but not read either.
            _ if minor > NEWEST_READ && step.since <= NEWEST_READ => Sure::Inferred,
            _ => step.sure,
        };
        (sure, step.source)
    }
}

/// An override that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownCapability {
    /// No capability has this name.
    Name(String),
    /// The capability cannot have this value.
    Value {
        /// The capability.
        name: &'static str,
        /// The value given.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
}

impl fmt::Display for UnknownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnknownCapability::Name(name) => write!(f, "no capability of the kubelet is called {name:?}"),
            UnknownCapability::Value { name, value, expected } => write!(f, "{name} = {value:?}: expected {expected}"),
        }
    }
}

impl std::error::Error for UnknownCapability {}

/// A type that a capability can have.
pub(super) trait Capability: Sized + Copy {
    const EXPECTED: &'static str;
    fn read(text: &str) -> Option<Self>;
    fn show(self) -> String;
}

impl Capability for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(self) -> String {
        self.to_string()
    }
}

impl Capability for i64 {
    const EXPECTED: &'static str = "a whole number";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(self) -> String {
        self.to_string()
    }
}

macro_rules! worded {
    ($t:ident { $($v:ident),* }, $expected:literal) => {
        impl Capability for $t {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                match text {
                    $(stringify!($v) => Some($t::$v),)*
                    _ => None,
                }
            }
            fn show(self) -> String {
                match self { $($t::$v => stringify!($v),)* }.into()
            }
        }
    };
}
worded!(ContainerWording { ExceedsRequest, LargerConsumption }, "ExceedsRequest or LargerConsumption");
impl EventWording {
    /// Message of a container's event `Created`.
    pub fn created(self, container: &str) -> String {
        match self {
            EventWording::Name => format!("Created container {container}"),
            EventWording::Colon => format!("Created container: {container}"),
            EventWording::Nameless => "Container created".to_owned(),
        }
    }

    /// Message of a container's event `Started`.
    pub fn started(self, container: &str) -> String {
        match self {
            EventWording::Name | EventWording::Colon => format!("Started container {container}"),
            EventWording::Nameless => "Container started".to_owned(),
        }
    }
}

worded!(EventWording { Name, Colon, Nameless }, "Name, Colon or Nameless");
worded!(SwapDefault { NoSwap, LimitedSwap, UnlimitedSwap }, "NoSwap, LimitedSwap or UnlimitedSwap");
worded!(RankRequest { ContainersMaxInit, PodRequests }, "ContainersMaxInit or PodRequests");
worded!(RestartWakeup { Poll, Expiry }, "Poll or Expiry");
