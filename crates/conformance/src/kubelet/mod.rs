//! Recordings of the real kubelet's code (Kubernetes 1.32.10), checked through the functions that a simulated node
//! uses.

mod allocatable;
mod cgroups;
mod eviction_sync;
mod input;
mod qos;
mod quantity;
mod rank;
mod restart;

pub use eviction_sync::check_every_draw;

use crate::RecordingKind;
use serde_json::Value;

fn id(row: &Value) -> String {
    row["id"].to_string()
}

macro_rules! kinds {
    ($($stem:ident: $what:literal),* $(,)?) => {
        /// The kinds of kubelet recordings.
        pub const KINDS: &[RecordingKind] = &[
            $(RecordingKind {
                stem: stringify!($stem),
                what: $what,
                id,
                check: $stem::check,
                replay: None,
                sizes: None,
            }),*
        ];
    };
}

kinds! {
    allocatable: "reservations, thresholds, allocatable, cgroups of the node, validation",
    cgroups: "paths and limits of pods and containers, QoS cgroups",
    quantity: "quantities: parsing, values, canonical text, arithmetic",
    qos: "QoS class, oom_score_adj, request and limit sums, critical pods",
    rank: "eviction order, message and annotations",
    restart: "restart back-off and exit status",
    eviction_sync: "the eviction manager, pass by pass",
}
