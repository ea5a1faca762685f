//! Identifiers. Each is an index or number of its own kind and cannot be mistaken for another.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The identifier as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

id! {
    /// A process id as the host's kernel numbers it.
    Pid,
    /// A memory cgroup, in order of creation.
    CgroupId,
    /// A pod object, in order of creation; a re-created pod is a new one.
    PodId,
    /// A container of a pod (all its restarts are the same container).
    ContainerId,
    /// A tmpfs volume or a file with cached pages.
    VolumeId
}
