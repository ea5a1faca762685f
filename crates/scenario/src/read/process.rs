//! The keys of a process, the same in a container, as its further processes, and on the host.

use super::kubelet_config::{text_map, texts};
use super::runtime::{RuntimeKeys, runtime};
use super::workload::workload;
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, duration, integer, name};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::node_api::Name;
use oomsim_core::plan::{ProcessPlan, kept_comm};
use oomsim_core::units::Bytes;
use oomsim_core::workload::{Footprint, TermReaction};
use std::sync::Arc;

/// Reads the keys of a process from a table that may have others; what is not given stays as in `base`.
pub(crate) fn process_keys(t: &mut TableReader<'_>, base: ProcessPlan) -> ProcessPlan {
    let mut launch = base.launch;
    launch.env.extend(t.or("env", Default::default(), |p, v| text_map(p, "env", v)));
    launch.args = t.or("args", launch.args, texts);
    let runtime = t.optional("runtime", runtime).or_else(|| base.runtime.as_deref().map(RuntimeKeys::of));
    let runtime = runtime.map(|keys| Arc::new(keys.with(&launch)));
    ProcessPlan {
        launch,
        runtime,
        comm: t.or("comm", base.comm, comm),
        uid: t.or("uid", base.uid, integer(0, u32::MAX.into())),
        at: t.or("startAfter", base.at, duration),
        pid: t.optional("pid", integer(2, 4_194_304)).or(base.pid),
        behavior: t.optional("workload", workload).map_or(base.behavior, Arc::new),
        footprint: t.or("footprint", base.footprint, footprint),
        term: t.or("onTerm", base.term, term),
        oom_score_adj: t.optional("oomScoreAdj", integer(-1000, 1000)).or(base.oom_score_adj),
        waits_for_children: t.or("waitsForChildren", base.waits_for_children, boolean),
    }
}

/// A name as the kernel keeps it; a longer one is cut with a warning, as the kernel does it.
fn comm(p: &Problems, value: &Value) -> Option<Name> {
    let given = name(p, value)?;
    let kept = kept_comm(&given);
    if kept != given {
        p.warn(&value.at, format!("the kernel truncates process names to 15 bytes: `{kept}`"));
    }
    Some(kept)
}

/// `{ anon = …, file = …, text = …, pageTables = …, virtual = …, kernel = … }`.
pub(crate) fn footprint(p: &Problems, value: &Value) -> Option<Footprint> {
    let mut t = TableReader::open(p, &tables::FOOTPRINT, value)?;
    let footprint = Footprint {
        anon: t.or("anon", Bytes::ZERO, bytes),
        file: t.or("file", Bytes::ZERO, bytes),
        text: t.or("text", Bytes::ZERO, bytes),
        virtual_size: t.or("virtual", Bytes::ZERO, bytes),
        kernel: t.or("kernel", Bytes::ZERO, bytes),
        page_tables: t.or("pageTables", Bytes::ZERO, bytes),
    };
    t.finish();
    Some(footprint)
}

/// `"dies"`, `"ignores"` or `{ exitsAfter = "2s", exitCode = 0 }`.
fn term(p: &Problems, value: &Value) -> Option<TermReaction> {
    match &value.kind {
        ValueKind::Text(text) if text == "dies" => Some(TermReaction::Default),
        ValueKind::Text(text) if text == "ignores" => Some(TermReaction::Ignore),
        ValueKind::Table(_) => {
            let mut t = TableReader::open(p, &tables::ON_TERM, value)?;
            let after = t.required("exitsAfter", duration);
            let code = t.or("exitCode", TermReaction::TERMINATED, integer(0, 255));
            t.finish();
            after.map(|after| TermReaction::Exits { after, code })
        }
        _ => {
            p.expected(value, "`\"dies\"`, `\"ignores\"` or `{ exitsAfter = \"2s\", exitCode = 0 }`");
            None
        }
    }
}
