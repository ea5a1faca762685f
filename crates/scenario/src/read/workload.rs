//! `[… .workload.NAME]`: what a program does with memory.

use super::trace::trace;
use crate::diagnostic::Diagnostic;
use crate::reader::{Problems, TableReader};
use crate::scalar::{bytes, duration, integer, one_of, permille, some_bytes, some_duration, text};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::{
    Behavior, Burst, CacheAccess, DotNet, HeapLimit, Jitter, JitterKind, Leak, MapFlags, PageCache, Ramp, Sawtooth,
    Script, ScriptOp, Steady, Then,
};

/// Longest curve or script.
pub(super) const MAX_STEPS: usize = 1_000_000;

/// The names of the behaviours, as in `[pod.container.workload.NAME]`.
pub(crate) const BEHAVIORS: [&str; 9] =
    ["leak", "steady", "ramp", "sawtooth", "pageCache", "burst", "dotnet", "trace", "script"];

/// A table with exactly one behaviour.
pub(crate) fn workload(p: &Problems, value: &Value) -> Option<Behavior> {
    let Some(entries) = value.entries() else {
        p.expected(value, "a table with one behaviour, such as `workload.leak`");
        return None;
    };
    match entries {
        [only] => behavior(p, &only.key, &only.key_at, &only.value),
        [] => {
            p.expected(value, "a table with one behaviour, such as `workload.leak`");
            None
        }
        [_, second, ..] => {
            for entry in entries {
                behavior(p, &entry.key, &entry.key_at, &entry.value);
            }
            p.error(&second.key_at, "a process has one workload; use `[[pod.container.process]]` for another process");
            None
        }
    }
}

fn behavior(p: &Problems, name: &str, at: &crate::Location, value: &Value) -> Option<Behavior> {
    match name {
        "leak" => leak(p, value).map(Behavior::Leak),
        "steady" => steady(p, value),
        "ramp" => ramp(p, value),
        "sawtooth" => sawtooth(p, value),
        "pageCache" => page_cache(p, value),
        "burst" => burst(p, value),
        "dotnet" => dotnet(p, value),
        "trace" => trace(p, value),
        "script" => script(p, value),
        _ => {
            p.unknown(at, "workload", name, BEHAVIORS);
            None
        }
    }
}

fn leak(p: &Problems, value: &Value) -> Option<Leak> {
    let mut t = TableReader::open(p, &tables::LEAK, value)?;
    let leak = leak_keys(&mut t);
    t.finish();
    leak
}

fn leak_keys(t: &mut TableReader<'_>) -> Option<Leak> {
    let block = t.required("block", some_bytes);
    let every = t.required("every", some_duration);
    let (total, touched) = (t.optional("total", some_bytes), t.or("touched", 1000, permille));
    let (touch_rate, jitter) = (t.optional("touchRate", some_bytes), t.optional("jitter", jitter));
    let (first_after, then) = (t.optional("firstAfter", duration), t.or("then", Then::Hold, then));
    Some(Leak { block: block?, every: every?, total, touched_permille: touched, touch_rate, jitter, first_after, then })
}

fn steady(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::STEADY, value)?;
    let (anon, active_file) = (t.required("anon", bytes), t.or("activeFile", Bytes::ZERO, bytes));
    t.finish();
    Some(Behavior::Steady(Steady { anon: anon?, active_file }))
}

fn ramp(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::RAMP, value)?;
    let from = t.or("from", Bytes::ZERO, bytes);
    let (rate, to) = (t.required("rate", some_bytes), t.optional("to", bytes));
    let then = t.or("then", Then::Hold, then);
    if let Some(to) = to.filter(|to| *to < from) {
        p.error(t.at(), format!("`to` ({to}) is less than `from` ({from}): a ramp grows"));
    }
    t.finish();
    Some(Behavior::Ramp(Ramp { from, rate: rate?, to, then }))
}

fn sawtooth(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::SAWTOOTH, value)?;
    let low = t.or("low", Bytes::ZERO, bytes);
    let (high, rise) = (t.required("high", some_bytes), t.required("rise", some_duration));
    let times = t.optional("times", integer(1, 1 << 31));
    if let Some(high) = high.filter(|high| *high <= low) {
        p.error(t.at(), format!("`high` ({high}) is not more than `low` ({low})"));
    }
    t.finish();
    Some(Behavior::Sawtooth(Sawtooth { low, high: high?, rise: rise?, times }))
}

fn page_cache(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::PAGE_CACHE, value)?;
    let anon = t.or("anon", Bytes::ZERO, bytes);
    let (file, rate) = (t.required("file", some_bytes), t.required("rate", some_bytes));
    let access = t.or("access", CacheAccess::Read, access);
    let passes = t.or("passes", 1, integer(1, 1 << 31));
    t.finish();
    Some(Behavior::PageCache(PageCache { anon, file: file?, rate: rate?, access, passes }))
}

fn burst(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::BURST, value)?;
    let base = t.or("base", Bytes::ZERO, bytes);
    let size = t.required("burst", some_bytes);
    let (every, hold) = (t.required("every", some_duration), t.required("hold", some_duration));
    let jitter = t.optional("jitter", jitter);
    if let (Some(every), Some(hold)) = (every, hold)
        && hold >= every
    {
        p.error(t.at(), format!("`hold` ({hold}) must be shorter than `every` ({every})"));
    }
    t.finish();
    Some(Behavior::Burst(Burst { base, burst: size?, every: every?, hold: hold?, jitter }))
}

fn dotnet(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::DOTNET, value)?;
    let leak = leak_keys(&mut t);
    let percent = t.optional("heapHardLimitPercent", integer(1, 100));
    let absolute = t.optional("heapHardLimit", some_bytes);
    if percent.is_some() && absolute.is_some() {
        p.error(t.at(), "`heapHardLimit` and `heapHardLimitPercent` exclude each other");
    }
    let heap_limit = absolute.map_or(HeapLimit::Percent(percent.unwrap_or(75)), HeapLimit::Absolute);
    let heap_base = t.or("heapBase", Bytes::ZERO, bytes);
    t.finish();
    Some(Behavior::DotNet(DotNet { leak: leak?, heap_limit, heap_base }))
}

fn script(p: &Problems, value: &Value) -> Option<Behavior> {
    let items = value.items().filter(|items| !items.is_empty() && items.len() <= MAX_STEPS);
    let Some(items) = items else {
        p.expected(value, "an array of instructions, such as `script = [{ anon = \"100Mi\" }, { sleep = \"1s\" }]`");
        return None;
    };
    let ops: Vec<Option<ScriptOp>> = items.iter().enumerate().map(|(i, item)| script_op(p, i, item)).collect();
    let script = Behavior::Script(Script { ops: ops.into_iter().collect::<Option<_>>()? });
    for cycle in script.cycles() {
        if cycle.rounds(SimDuration::MAX, Bytes::MAX).is_none() {
            let problem = Diagnostic::error(&items[cycle.closed_by].at, "this loop takes no time and never ends");
            p.push(problem.help("add a `sleep`, or limit the repetitions: `times = 100`"));
        }
    }
    Some(script)
}

fn script_op(p: &Problems, index: usize, value: &Value) -> Option<ScriptOp> {
    let mut t = TableReader::open(p, &tables::SCRIPT, value)?;
    let before = p.errors();
    let mut found: Vec<ScriptOp> = Vec::new();
    found.extend(t.optional("sleep", duration).map(ScriptOp::Sleep));
    found.extend(t.optional("until", duration).map(ScriptOp::Until));
    if let Some(bytes) = t.optional("anon", bytes) {
        let touched_permille = t.or("touched", 1000, permille);
        let takes = t.or("takes", SimDuration::ZERO, duration);
        found.push(ScriptOp::Anon { bytes, touched_permille, takes });
    }
    if let Some(bytes) = t.optional("map", bytes) {
        let shared = t.optional("shared", only_true).is_some();
        let no_reserve = t.optional("noReserve", only_true).is_some();
        let read_only = t.optional("readOnly", only_true).is_some();
        let flags = MapFlags { shared, no_reserve, read_only };
        found.push(ScriptOp::Map { bytes, flags });
    }
    found.extend(t.optional("makeWritable", bytes).map(ScriptOp::MakeWritable));
    found.extend(t.optional("pageOut", bytes).map(ScriptOp::PageOut));
    found.extend(t.optional("kernelMemory", bytes).map(ScriptOp::KernelMemory));
    if let Some(bytes) = t.optional("tmpfs", bytes) {
        let volume = t.required("volume", text);
        found.push(ScriptOp::Tmpfs { volume: volume.unwrap_or_default(), bytes });
    }
    for (key, access) in [("read", CacheAccess::Read), ("mmap", CacheAccess::Mmap), ("write", CacheAccess::Write)] {
        if let Some(bytes) = t.optional(key, bytes) {
            let file = t.required("file", text).unwrap_or_default();
            let offset = t.or("offset", Bytes::ZERO, crate::scalar::bytes);
            found.push(ScriptOp::File { file, offset, bytes, access });
        }
    }
    found.extend(t.optional("unlink", text).map(ScriptOp::Unlink));
    found.extend(t.optional("free", amount_or_all).map(ScriptOp::Free));
    found.extend(t.optional("mlock", only_true).map(|()| ScriptOp::Mlock));
    found.extend(t.optional("fork", only_true).map(|()| ScriptOp::Fork));
    found.extend(t.optional("waitChildren", only_true).map(|()| ScriptOp::WaitChildren));
    if let Some(to) = t.optional("repeatFrom", integer::<usize>(0, index as i64)) {
        found.push(ScriptOp::Repeat { to, times: t.optional("times", integer(1, 1 << 31)) });
    }
    found.extend(t.optional("exit", integer(0, 255)).map(ScriptOp::Exit));
    let at = t.at();
    t.finish();
    if found.len() != 1 && p.errors() == before {
        p.error(
            at,
            "an instruction says one thing: `sleep`, `until`, `anon`, `map`, `makeWritable`, `pageOut`, `kernelMemory`, \
                     `tmpfs`, `read`, `mmap`, `write`, `unlink`, `free`, `mlock`, `fork`, `waitChildren`, `repeatFrom` or \
                     `exit`",
        );
    }
    found.pop()
}

fn amount_or_all(p: &Problems, value: &Value) -> Option<Option<Bytes>> {
    if value.as_text() == Some("all") { Some(None) } else { bytes(p, value).map(Some) }
}

fn only_true(p: &Problems, value: &Value) -> Option<()> {
    if matches!(value.kind, ValueKind::Bool(true)) {
        return Some(());
    }
    p.expected(value, "`true`");
    None
}

fn access(p: &Problems, value: &Value) -> Option<CacheAccess> {
    one_of("access", &[("read", CacheAccess::Read), ("mmap", CacheAccess::Mmap), ("write", CacheAccess::Write)])(
        p, value,
    )
}

fn jitter(p: &Problems, value: &Value) -> Option<Jitter> {
    let mut t = TableReader::open(p, &tables::JITTER, value)?;
    let kinds = [
        ("uniform", JitterKind::Uniform),
        ("triangular", JitterKind::Triangular),
        ("exponential", JitterKind::Exponential),
    ];
    let kind = t.or("kind", JitterKind::Uniform, one_of("distribution", &kinds));
    let spread = match kind {
        JitterKind::Exponential => t.optional("spread", duration),
        _ => t.required("spread", duration),
    };
    t.finish();
    Some(Jitter { kind, spread: spread.unwrap_or_default() })
}

/// `"hold"` or `{ exit = 0 }`.
pub(super) fn then(p: &Problems, value: &Value) -> Option<Then> {
    match &value.kind {
        ValueKind::Text(text) if text == "hold" => Some(Then::Hold),
        ValueKind::Table(_) => {
            let mut t = TableReader::open(p, &tables::THEN_TABLE, value)?;
            let code = t.required("exit", integer(0, 255));
            t.finish();
            code.map(Then::Exit)
        }
        _ => {
            p.expected(value, "`\"hold\"` or `{ exit = CODE }`");
            None
        }
    }
}
