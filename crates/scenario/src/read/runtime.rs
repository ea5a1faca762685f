//! `runtime = "jvm-17"`: the language runtime that a process runs in.

use crate::reader::{Problems, TableReader};
use crate::scalar::{bytes, integer, one_of, text};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::units::Bytes;
use oomsim_core::workload::runtime::{AtLimit, Grows, Launch, RUNTIMES, Runtime, RuntimeRow};

/// What `runtime` says, before variables and arguments are known.
pub(super) struct RuntimeKeys {
    row: &'static RuntimeRow,
    outside: Bytes,
    grows: Grows,
    garbage: Option<u16>,
    at_limit: Option<AtLimit>,
}

impl RuntimeKeys {
    /// As given for an earlier table of the same process.
    pub fn of(runtime: &Runtime) -> Self {
        let Runtime { row, outside, grows, garbage, at_limit, .. } = *runtime;
        RuntimeKeys { row, outside, grows, garbage, at_limit }
    }

    /// The runtime of a process that is started like this.
    pub fn with(self, launch: &Launch) -> Runtime {
        let RuntimeKeys { row, outside, grows, garbage, at_limit } = self;
        Runtime { outside, grows, garbage, at_limit, ..Runtime::new(row, launch) }
    }
}

/// A name, or a table with one.
pub(super) fn runtime(p: &Problems, value: &Value) -> Option<RuntimeKeys> {
    if !matches!(value.kind, ValueKind::Table(_)) {
        let (outside, grows, garbage, at_limit) = (Bytes::ZERO, Grows::Heap, None, None);
        return row(p, value).map(|row| RuntimeKeys { row, outside, grows, garbage, at_limit });
    }
    let mut t = TableReader::open(p, &tables::RUNTIME, value)?;
    let row = t.required("name", row);
    let words = [("heap", Grows::Heap), ("direct", Grows::Direct), ("native", Grows::Native)];
    let outside = t.or("outside", Bytes::ZERO, bytes);
    let grows = t.or("grows", Grows::Heap, one_of("memory", &words));
    let garbage = t.optional("garbage", integer(0, 1000));
    let at_limit = t.optional("onOutOfMemory", at_limit);
    t.finish();
    Some(RuntimeKeys { row: row?, outside, grows, garbage, at_limit })
}

fn row(p: &Problems, value: &Value) -> Option<&'static RuntimeRow> {
    let name = text(p, value)?;
    let found = RuntimeRow::named(&name);
    if found.is_none() {
        p.unknown(&value.at, "runtime", &name, RUNTIMES.iter().map(|row| row.name));
    }
    found
}

/// `"livesOn"` or `{ exit = 3 }`.
fn at_limit(p: &Problems, value: &Value) -> Option<AtLimit> {
    if !matches!(value.kind, ValueKind::Table(_)) {
        let words = [("livesOn", AtLimit::LivesOn), ("aborts", AtLimit::Aborts), ("segfaults", AtLimit::Segfaults)];
        return one_of("end", &words)(p, value);
    }
    let mut t = TableReader::open(p, &tables::AT_LIMIT, value)?;
    let code = t.required("exit", integer(0, 255));
    t.finish();
    code.map(AtLimit::Exits)
}
