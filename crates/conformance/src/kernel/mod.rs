//! Recordings of real kernels, checked through the functions that the simulated kernel uses.

mod badness;
mod global;
mod memcg;
mod overcommit;
mod reclaim;
mod replay;
mod resize;
mod row;
mod sim;
mod timing;

pub(crate) use badness::pages_behind;
pub(crate) use overcommit::{BESIDES_DATA, compare_run as compare_request};
pub(crate) use replay::{near_tie, rivals};
pub(crate) use row::{Configured, MOST, Proc, RecordedOom, nullable, parse, profile};
pub(crate) use sim::{Sim, WORKER, machine};

/// What the functions make of a row: where the recording itself leaves two answers open, no run decides either.
pub(crate) fn open_by_functions(stem: &str, row: &Value) -> Option<Verdict> {
    let kind = KINDS.iter().find(|kind| kind.stem == stem)?;
    Some((kind.check)(row)).filter(|verdict| matches!(verdict, Verdict::Undecided(_)))
}

use crate::{RecordingKind, Verdict};
use serde_json::Value;

/// Case, with the number of the report or request in it.
fn id(row: &Value) -> String {
    let case = row["case"].as_str().unwrap_or_default();
    match (row["report_index"].as_u64(), row["seq"].as_u64(), row["name"].as_str()) {
        (Some(n), ..) | (None, Some(n), _) => format!("{case}#{n}"),
        (None, None, Some(name)) => format!("{case}#{name}"),
        _ => case.to_owned(),
    }
}

/// The kinds of kernel recordings.
pub const KINDS: &[RecordingKind] = &[
    RecordingKind {
        stem: "badness",
        what: "oom_score of a process",
        id,
        check: badness::check,
        replay: None,
        sizes: None,
    },
    RecordingKind {
        stem: "memcg_oom_v1",
        what: "cgroup v1 OOM: victim, killed processes, events",
        id,
        check: memcg::check,
        replay: Some(replay::memcg),
        sizes: None,
    },
    RecordingKind {
        stem: "memcg_oom_v2",
        what: "cgroup v2 OOM: victim, killed processes, events",
        id,
        check: memcg::check,
        replay: Some(replay::memcg),
        sizes: None,
    },
    RecordingKind {
        stem: "global_oom",
        what: "node OOM: victim, watermarks",
        id,
        check: global::check,
        replay: Some(replay::global),
        sizes: None,
    },
    RecordingKind {
        stem: "overcommit",
        what: "overcommit: granted or refused, Committed_AS, CommitLimit",
        id,
        check: overcommit::check,
        replay: None,
        sizes: None,
    },
    RecordingKind {
        stem: "reclaim",
        what: "reclaim in a cgroup, simulated: what goes first, at which size the kill comes",
        id,
        check: reclaim::check,
        replay: None,
        sizes: None,
    },
    RecordingKind {
        stem: "resize",
        what: "a limit lowered below the usage, simulated: result, victims, survivors",
        id,
        check: resize::check,
        replay: None,
        sizes: None,
    },
    RecordingKind {
        stem: "timing",
        what: "order of events around a kill, simulated: who dies, who goes on",
        id,
        check: timing::check,
        replay: None,
        sizes: None,
    },
];
