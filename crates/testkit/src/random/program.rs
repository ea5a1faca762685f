//! Random behaviours, of which none does more than a run can bear.

use super::plan::Choices;
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::runtime::{AtLimit, Grows, Launch, RUNTIMES, Runtime};
use oomsim_core::workload::{
    Behavior, Burst, CacheAccess, DotNet, Gaps, HeapLimit, Jitter, JitterKind, Leak, MapFlags, PageCache, Ramp,
    Sawtooth, Script, ScriptOp, Steady, Then, Trace, TraceAs, TracePoint, Traced,
};

/// One of all behaviours.
pub(crate) fn behavior(c: &mut Choices) -> Behavior {
    match c.below(10) {
        0 => Behavior::IDLE,
        1 => Behavior::Steady(Steady { anon: c.bytes(), active_file: c.some(Choices::bytes).unwrap_or_default() }),
        2 => {
            let from = c.some(Choices::bytes).unwrap_or_default();
            Behavior::Ramp(Ramp { from, rate: c.bytes(), to: c.some(|c| from + c.bytes()), then: then(c) })
        }
        3 => Behavior::Leak(leak(c)),
        4 => {
            let heap_limit =
                if c.boolean() { HeapLimit::Percent(1 + c.below(100) as u8) } else { HeapLimit::Absolute(c.bytes()) };
            Behavior::DotNet(DotNet {
                leak: leak(c),
                heap_limit,
                heap_base: c.some(Choices::bytes).unwrap_or_default(),
            })
        }
        5 => {
            let low = c.some(Choices::bytes).unwrap_or_default();
            let (high, rise) = (low + c.bytes(), seconds(c));
            Behavior::Sawtooth(Sawtooth { low, high, rise, times: c.some(|c| 1 + c.below(9) as u32) })
        }
        6 => Behavior::PageCache(PageCache {
            anon: c.some(Choices::bytes).unwrap_or_default(),
            file: c.bytes(),
            rate: c.bytes(),
            access: access(c),
            passes: 1 + c.below(3) as u32,
        }),
        7 => {
            let hold = seconds(c);
            let every = hold + seconds(c);
            let base = c.some(Choices::bytes).unwrap_or_default();
            Behavior::Burst(Burst { base, burst: c.bytes(), every, hold, jitter: c.some(jitter) })
        }
        8 => {
            let mut at = SimDuration::ZERO;
            let points = (0..1 + c.below(5)).map(|n| {
                at = at + c.duration();
                let what = match n > 0 && c.below(5) == 0 {
                    true => Traced::Gap,
                    false => held(c),
                };
                TracePoint { at, what }
            });
            let points = points.collect();
            let gaps = c.of(&[Gaps::Hold, Gaps::Interpolate]);
            let memory = c.of(&[TraceAs::Anon, TraceAs::File, TraceAs::Shmem]);
            Behavior::Trace(Trace { points, linear: c.boolean(), memory, gaps, repeats: false, then: then(c) })
        }
        _ => Behavior::Script(Script { ops: script(c) }),
    }
}

/// Variables and arguments that a runtime reads, and others.
pub(crate) fn launch(c: &mut Choices) -> Launch {
    let variables = [("JAVA_TOOL_OPTIONS", "-Xmx64m"), ("GOGC", "50"), ("GOMEMLIMIT", "20MiB"), ("OTHER", "\"x\" = ü")];
    let env = (0..c.below(3)).map(|_| c.of(&variables)).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let env = env.collect();
    let args = (0..c.below(3)).map(|_| c.of(&["java", "-Xmx8m", "--max-old-space-size=64", "-XX:+UseZGC"]).to_owned());
    Launch { env, args: args.collect() }
}

/// One of all runtimes.
pub(crate) fn runtime(c: &mut Choices, launch: &Launch) -> Runtime {
    let row = c.of(&RUNTIMES.iter().collect::<Vec<_>>());
    let ends = [AtLimit::LivesOn, AtLimit::Aborts, AtLimit::Segfaults, AtLimit::Exits(3)];
    Runtime {
        outside: c.some(Choices::bytes).unwrap_or_default(),
        grows: c.of(&[Grows::Heap, Grows::Direct, Grows::Native]),
        garbage: c.some(|c| c.below(1001) as u16),
        at_limit: c.some(|c| c.of(&ends)),
        ..Runtime::new(row, launch)
    }
}

fn seconds(c: &mut Choices) -> SimDuration {
    SimDuration::from_secs(1 + c.below(100))
}

fn then(c: &mut Choices) -> Then {
    c.some(|c| Then::Exit(c.below(256) as i32)).unwrap_or_default()
}

fn jitter(c: &mut Choices) -> Jitter {
    Jitter { kind: c.of(&[JitterKind::Uniform, JitterKind::Triangular, JitterKind::Exponential]), spread: c.duration() }
}

fn access(c: &mut Choices) -> CacheAccess {
    c.of(&[CacheAccess::Read, CacheAccess::Mmap, CacheAccess::Write])
}

fn leak(c: &mut Choices) -> Leak {
    Leak {
        block: c.bytes(),
        every: c.duration(),
        total: c.some(Choices::bytes),
        touched_permille: c.some(|c| c.below(1001) as u16).unwrap_or(1000),
        touch_rate: c.some(Choices::bytes),
        jitter: c.some(jitter),
        first_after: c.some(Choices::duration),
        then: then(c),
    }
}

fn held(c: &mut Choices) -> Traced {
    Traced::Holds { amount: c.bytes(), active_file: c.some(Choices::bytes).unwrap_or_default() }
}

/// The curve of a container's first process may have restarts.
pub(super) fn restarted(c: &mut Choices, behavior: Behavior) -> Behavior {
    let Behavior::Trace(mut trace) = behavior else { return behavior };
    if c.boolean() {
        let at = trace.points.last().map_or(SimDuration::ZERO, |last| last.at);
        trace.points.push(TracePoint { at, what: Traced::Restart });
        trace.points.push(TracePoint { at, what: held(c) });
        trace.gaps = c.of(&[Gaps::Hold, Gaps::Interpolate, Gaps::Restart]);
    }
    Behavior::Trace(trace)
}

fn script(c: &mut Choices) -> Vec<ScriptOp> {
    let mut ops: Vec<ScriptOp> = (0..1 + c.below(12)).map(|_| instruction(c)).collect();
    if c.seldom() {
        ops.push(ScriptOp::Sleep(seconds(c)));
        let times = c.some(|c| 1 + c.below(9) as u32);
        // Files that are read for ever are more than a scenario may read.
        let reads = ops.iter().any(|op| matches!(op, ScriptOp::File { .. }));
        ops.push(ScriptOp::Repeat { to: c.below(ops.len() as u64) as usize, times: times.or(reads.then_some(2)) });
    }
    ops
}

fn instruction(c: &mut Choices) -> ScriptOp {
    match c.below(14) {
        0 => ScriptOp::Sleep(c.duration()),
        1 => ScriptOp::Until(c.duration()),
        2 => ScriptOp::Anon {
            bytes: c.bytes(),
            touched_permille: c.some(|c| c.below(1001) as u16).unwrap_or(1000),
            takes: c.some(Choices::duration).unwrap_or_default(),
        },
        3 => ScriptOp::File {
            file: c.text(),
            offset: c.some(Choices::bytes).unwrap_or_default(),
            bytes: c.bytes(),
            access: access(c),
        },
        4 => ScriptOp::Unlink(c.text()),
        5 => ScriptOp::Free(c.some(Choices::bytes)),
        6 => ScriptOp::Mlock,
        7 => ScriptOp::Exit(c.below(256) as i32),
        8 => ScriptOp::Map {
            bytes: c.bytes(),
            flags: MapFlags { shared: c.boolean(), no_reserve: c.boolean(), read_only: c.boolean() },
        },
        9 => ScriptOp::MakeWritable(c.bytes()),
        10 => ScriptOp::PageOut(c.bytes()),
        11 => ScriptOp::KernelMemory(c.bytes()),
        12 => ScriptOp::WaitChildren,
        _ => ScriptOp::Free(Some(Bytes::ZERO)),
    }
}
