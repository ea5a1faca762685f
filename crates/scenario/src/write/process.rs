//! Processes, in containers and on the node, and what they do.

use super::node::footprint;
use super::value::{Form, Keys, Permille, list};
use oomsim_core::plan::{HostPlan, ProcessPlan};
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::runtime::{AtLimit, Grows, Runtime};
use oomsim_core::workload::{
    Behavior, CacheAccess, DotNet, Footprint, Gaps, HeapLimit, Jitter, JitterKind, Leak, MapFlags, ScriptOp,
    TermReaction, Then, Trace, TraceAs, TracePoint, Traced,
};
use toml_edit::Value;

/// `[[host]]`.
pub(super) fn host(host: &HostPlan) -> Keys {
    let mut keys = Keys::default();
    keys.put("name", &host.name);
    keys.unless("cgroup", &*host.cgroup, &*HostPlan::default_cgroup(&host.name));
    keys.some("session", host.session_of.as_ref());
    if let Some(peer) = &host.hangs_up_with {
        let mut inner = Keys::default();
        inner.put("process", &peer.process);
        inner.unless("after", &peer.after, &SimDuration::ZERO);
        keys.table("hangsUpWith", inner);
    }
    process(&mut keys, &host.process, &ProcessPlan::idle(&host.name));
    keys
}

/// The keys of a process that differ from those of `base`.
pub(super) fn process(keys: &mut Keys, process: &ProcessPlan, base: &ProcessPlan) {
    keys.unless("comm", &*process.comm, &*base.comm);
    keys.unless("uid", &process.uid, &base.uid);
    keys.unless("startAfter", &process.at, &base.at);
    keys.some("pid", process.pid.as_ref());
    keys.some("oomScoreAdj", process.oom_score_adj.as_ref());
    keys.unless("waitsForChildren", &process.waits_for_children, &false);
    if process.footprint != Footprint::default() {
        keys.put("footprint", &footprint(&process.footprint));
    }
    keys.unless("env", &process.launch.env, &base.launch.env);
    if process.launch.args != base.launch.args {
        keys.put("args", &process.launch.args);
    }
    if let Some(own) = &process.runtime {
        keys.value("runtime", runtime(own));
    }
    if process.term != base.term {
        keys.value("onTerm", on_term(process.term));
    }
    if !process.behavior.is_idle() {
        let (name, value) = behavior(&process.behavior);
        keys.dotted("workload", name, value);
    }
}

fn on_term(term: TermReaction) -> Value {
    match term {
        TermReaction::Default => "dies".into(),
        TermReaction::Ignore => "ignores".into(),
        TermReaction::Exits { after, code } => {
            let mut keys = Keys::default();
            keys.put("exitsAfter", &after);
            keys.unless("exitCode", &code, &TermReaction::TERMINATED);
            keys.form()
        }
    }
}

/// A name, or a table with what differs from the runtime as it comes.
fn runtime(runtime: &Runtime) -> Value {
    let mut keys = Keys::default();
    keys.unless("outside", &runtime.outside, &Bytes::ZERO);
    match runtime.grows {
        Grows::Heap => {}
        Grows::Direct => keys.put("grows", "direct"),
        Grows::Native => keys.put("grows", "native"),
    }
    keys.some("garbage", runtime.garbage.as_ref());
    match runtime.at_limit {
        None => {}
        Some(AtLimit::LivesOn) => keys.put("onOutOfMemory", "livesOn"),
        Some(AtLimit::Segfaults) => keys.put("onOutOfMemory", "segfaults"),
        Some(AtLimit::Aborts) => keys.put("onOutOfMemory", "aborts"),
        Some(AtLimit::Exits(code)) => keys.value("onOutOfMemory", one("exit", &code)),
    }
    if keys.is_empty() {
        return runtime.row.name.into();
    }
    keys.put("name", runtime.row.name);
    keys.form()
}

/// `{ key = value }`.
fn one(key: &str, value: &(impl Form + ?Sized)) -> Value {
    let mut keys = Keys::default();
    keys.put(key, value);
    keys.form()
}

pub(super) fn behavior(behavior: &Behavior) -> (&'static str, Value) {
    let mut keys = Keys::default();
    let name = match behavior {
        Behavior::Leak(own) => {
            leak(&mut keys, own);
            "leak"
        }
        Behavior::DotNet(own) => {
            dotnet(&mut keys, own);
            "dotnet"
        }
        Behavior::Steady(steady) => {
            keys.put("anon", &steady.anon);
            keys.unless("activeFile", &steady.active_file, &Bytes::ZERO);
            "steady"
        }
        Behavior::Ramp(ramp) => {
            keys.unless("from", &ramp.from, &Bytes::ZERO);
            keys.put("rate", &ramp.rate);
            keys.some("to", ramp.to.as_ref());
            then(&mut keys, ramp.then);
            "ramp"
        }
        Behavior::Sawtooth(sawtooth) => {
            keys.unless("low", &sawtooth.low, &Bytes::ZERO);
            keys.put("high", &sawtooth.high);
            keys.put("rise", &sawtooth.rise);
            keys.some("times", sawtooth.times.as_ref());
            "sawtooth"
        }
        Behavior::PageCache(cache) => {
            keys.unless("anon", &cache.anon, &Bytes::ZERO);
            keys.put("file", &cache.file);
            keys.put("rate", &cache.rate);
            keys.unless("access", access(cache.access), access(CacheAccess::Read));
            keys.unless("passes", &cache.passes, &1);
            "pageCache"
        }
        Behavior::Burst(burst) => {
            keys.unless("base", &burst.base, &Bytes::ZERO);
            keys.put("burst", &burst.burst);
            keys.put("every", &burst.every);
            keys.put("hold", &burst.hold);
            jitter(&mut keys, burst.jitter);
            "burst"
        }
        Behavior::Trace(own) => {
            trace(&mut keys, own);
            "trace"
        }
        Behavior::Script(script) => return ("script", list(script.ops.iter().map(instruction))),
    };
    (name, keys.form())
}

fn leak(keys: &mut Keys, leak: &Leak) {
    keys.put("block", &leak.block);
    keys.put("every", &leak.every);
    keys.some("total", leak.total.as_ref());
    if leak.touched_permille != 1000 {
        keys.put("touched", &Permille(leak.touched_permille));
    }
    keys.some("touchRate", leak.touch_rate.as_ref());
    keys.some("firstAfter", leak.first_after.as_ref());
    then(keys, leak.then);
    jitter(keys, leak.jitter);
}

fn dotnet(keys: &mut Keys, dotnet: &DotNet) {
    leak(keys, &dotnet.leak);
    match dotnet.heap_limit {
        HeapLimit::Percent(percent) => keys.put("heapHardLimitPercent", &percent),
        HeapLimit::Absolute(bytes) => keys.put("heapHardLimit", &bytes),
    }
    keys.unless("heapBase", &dotnet.heap_base, &Bytes::ZERO);
}

fn trace(keys: &mut Keys, trace: &Trace) {
    let point = |point: &TracePoint| match &point.what {
        Traced::Gap => list([point.at.form(), "gap".into()]),
        Traced::Restart => list([point.at.form(), "restart".into()]),
        Traced::Holds { amount, active_file: Bytes::ZERO } => list([point.at.form(), amount.form()]),
        Traced::Holds { amount, active_file } => list([point.at.form(), amount.form(), active_file.form()]),
    };
    keys.value("points", list(trace.points.iter().map(point)));
    keys.unless("linear", &trace.linear, &true);
    match trace.memory {
        TraceAs::Anon => {}
        TraceAs::File => keys.put("as", "file"),
        TraceAs::Shmem => keys.put("as", "shmem"),
    }
    match trace.gaps {
        Gaps::Hold => {}
        Gaps::Interpolate => keys.put("gaps", "interpolate"),
        Gaps::Restart => keys.put("gaps", "restart"),
    }
    keys.unless("repeats", &trace.repeats, &false);
    then(keys, trace.then);
}

fn then(keys: &mut Keys, then: Then) {
    if let Then::Exit(code) = then {
        keys.value("then", one("exit", &code));
    }
}

fn jitter(keys: &mut Keys, jitter: Option<Jitter>) {
    let Some(jitter) = jitter else { return };
    let mut inner = Keys::default();
    let kind = match jitter.kind {
        JitterKind::Uniform => "uniform",
        JitterKind::Triangular => "triangular",
        JitterKind::Exponential => "exponential",
    };
    inner.put("kind", kind);
    inner.put("spread", &jitter.spread);
    keys.table("jitter", inner);
}

fn access(access: CacheAccess) -> &'static str {
    match access {
        CacheAccess::Read => "read",
        CacheAccess::Mmap => "mmap",
        CacheAccess::Write => "write",
    }
}

fn instruction(op: &ScriptOp) -> Value {
    let mut keys = Keys::default();
    match op {
        ScriptOp::Sleep(d) => keys.put("sleep", d),
        ScriptOp::Until(d) => keys.put("until", d),
        ScriptOp::Anon { bytes, touched_permille, takes } => {
            keys.put("anon", bytes);
            if *touched_permille != 1000 {
                keys.put("touched", &Permille(*touched_permille));
            }
            keys.unless("takes", takes, &SimDuration::ZERO);
        }
        ScriptOp::Map { bytes, flags: MapFlags { shared, no_reserve, read_only } } => {
            keys.put("map", bytes);
            for (name, on) in [("shared", shared), ("noReserve", no_reserve), ("readOnly", read_only)] {
                keys.unless(name, on, &false);
            }
        }
        ScriptOp::MakeWritable(bytes) => keys.put("makeWritable", bytes),
        ScriptOp::PageOut(bytes) => keys.put("pageOut", bytes),
        ScriptOp::KernelMemory(bytes) => keys.put("kernelMemory", bytes),
        ScriptOp::Tmpfs { volume, bytes } => {
            keys.put("tmpfs", bytes);
            keys.put("volume", volume);
        }
        ScriptOp::File { file, offset, bytes, access: how } => {
            keys.put(access(*how), bytes);
            keys.unless("offset", offset, &Bytes::ZERO);
            keys.put("file", file);
        }
        ScriptOp::Unlink(file) => keys.put("unlink", file),
        ScriptOp::Free(bytes) => match bytes {
            Some(bytes) => keys.put("free", bytes),
            None => keys.put("free", "all"),
        },
        ScriptOp::Mlock => keys.put("mlock", &true),
        ScriptOp::Fork => keys.put("fork", &true),
        ScriptOp::WaitChildren => keys.put("waitChildren", &true),
        ScriptOp::Repeat { to, times } => {
            keys.put("repeatFrom", to);
            keys.some("times", times.as_ref());
        }
        ScriptOp::Exit(code) => keys.put("exit", code),
    }
    keys.form()
}
