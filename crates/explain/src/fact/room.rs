//! How much room there was.

use oomsim_core::node_api::Name;
use oomsim_core::units::Bytes;
use serde::Serialize;

/// How much room there was. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum RoomFact {
    /// A memory limit was never reached.
    Room {
        /// Whose limit (`container`, `pod`, `kubepods`, `node` …).
        of: &'static str,
        /// Name of the cgroup, if there is one.
        name: Name,
        /// Most that was charged.
        peak: Bytes,
        /// The limit.
        limit: Bytes,
    },
    /// Node working set as `kubectl top` shows it.
    TopNode {
        /// Highest working set of the node.
        working_set: Bytes,
        /// Allocatable.
        allocatable: Bytes,
        /// Working set of the pods at that moment.
        pods: Bytes,
        /// Capacity.
        capacity: Bytes,
    },
    /// The least memory that the node had left.
    NodeRoom {
        /// MemAvailable at its lowest.
        lowest: Bytes,
        /// RAM.
        ram: Bytes,
    },
}
