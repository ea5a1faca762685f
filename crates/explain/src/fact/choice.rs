//! Why this one and not another.

use super::Who;
use oomsim_core::node_api::{Name, QosClass};
use oomsim_core::units::Bytes;
use serde::Serialize;

/// Why a process or pod that seems the obvious one was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum WhyNot {
    /// It is larger, but `oom_score_adj` outweighs it.
    Adjusted {
        /// Its points.
        points: i64,
        /// Those of the victim.
        victim_points: i64,
        /// Its `oom_score_adj`.
        oom_score_adj: i16,
        /// That of the victim.
        victim_adj: i16,
        /// What one step of `oom_score_adj` is worth, in pages.
        step: i64,
    },
    /// Its points are equal, and it is looked at earlier or later.
    Tied {
        /// The points of both.
        points: i64,
    },
    /// It can never be killed (`oom_score_adj` −1000).
    Protected,
    /// It is outside of the cgroup whose limit was full.
    OutsideTheLimit,
    /// It is within its request, the victim is not.
    WithinRequest {
        /// Its request.
        request: Bytes,
    },
    /// Both are above their requests or both within, the victim by more.
    LessAbove {
        /// Its use above its request, as the kubelet saw it.
        by: i64,
        /// The victim's.
        victim_by: i64,
    },
    /// It has a higher priority.
    Priority {
        /// Its priority.
        priority: i32,
        /// The victim's.
        victim_priority: i32,
    },
    /// The kubelet's figure of it was old and smaller.
    OldFigure {
        /// What the kubelet believed.
        seen: Bytes,
        /// How old that was, in seconds.
        age_s: f64,
        /// What it really used.
        now: Bytes,
    },
    /// The kubelet had no figure of the victim yet: such pods go first.
    NoFigureOfVictim,
    /// It is critical.
    Critical,
    /// It is no pod: the kubelet can only evict pods.
    NoPod,
}

/// Why this one and not another. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum ChoiceFact {
    /// Why another was not chosen.
    NotChosen {
        /// Who.
        who: Who,
        /// What it held.
        holds: Bytes,
        /// Why not.
        #[serde(flatten)]
        why_not: WhyNot,
    },
    /// The victim had more points than any other.
    MostPoints {
        /// Its points.
        points: i64,
        /// How many processes could have been chosen.
        of: u64,
    },
    /// Where the victim's `oom_score_adj` comes from.
    Score {
        /// The victim.
        who: Who,
        /// Its `oom_score_adj`.
        oom_score_adj: i16,
        /// Class of its pod; `None`: it is in none.
        qos: Option<QosClass>,
        /// What its container requests.
        request: Bytes,
        /// Memory of the node.
        ram: Bytes,
        /// The process has set it itself.
        own: bool,
    },
    /// Others died with the victim.
    Group {
        /// The cgroup.
        cgroup: Name,
        /// They.
        also: Vec<Who>,
    },
    /// A rule decided between equals.
    Equals {
        /// The points of all of them.
        points: i64,
        /// How many.
        count: u64,
    },
    /// The order of the kernel's list decided between equals.
    OrderDecides {
        /// The last one of the list dies, not the first.
        last: bool,
    },
    /// A child died for the chosen process.
    ChildDied {
        /// The chosen process.
        chosen: Who,
    },
    /// `vm.oom_kill_allocating_task`.
    Allocating,
}
