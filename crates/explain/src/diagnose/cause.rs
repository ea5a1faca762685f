//! The causes that a diagnosis names.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! causes {
    ($($cause:ident = $word:literal, $says:literal;)+) => {
        /// Why memory is short, or why a container ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Ailment {
            $(#[doc = $says] $cause,)+
        }

        impl Ailment {
            /// All of them.
            pub const ALL: &[Ailment] = &[$(Ailment::$cause,)+];

            /// Its word in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Ailment::$cause => $word,)+
                }
            }

            /// What it is.
            pub const fn says(self) -> &'static str {
                match self {
                    $(Ailment::$cause => $says,)+
                }
            }
        }
    };
}

causes! {
    LimitTooLow = "limit-too-low", "the limit is below what the program really needs";
    Leak = "leak", "a leak: memory grows without end";
    RuntimeSize = "runtime-size",
        "a language runtime is sized so that its heap and what is outside of it exceed the limit";
    Burst = "burst", "a burst between two samples";
    PageCache = "page-cache", "page cache: it can be given up, there is no danger";
    Tmpfs = "tmpfs", "a memory-backed volume: what is written there stays and counts";
    Sidecar = "sidecar", "another container of the pod, a sidecar or init container, that was not accounted for";
    ChildKilled = "child-killed", "a child process is killed while the container goes on";
    NodePressure = "node-pressure", "the victim of a node that is short of memory";
    NodeOvercommit = "node-overcommit", "all pods together reach the limit of the node's pods";
    ReservationTooSmall = "reservation-too-small", "the node's own daemons use more than is reserved for them";
    Swap = "swap", "memory moves to swap: slow, not killed";
    HighStall = "high-stall", "memory.high slows the program down without killing it";
    KilledByOther = "killed-by-other", "killed by something else than the kernel's OOM killer";
    LivenessProbe = "liveness-probe", "the kubelet kills it because its liveness probe fails";
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Ailment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
