//! What processes do.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::{Form, KeyGroup, TableSpec, key};

/// `"hold"` or a table.
const THEN: Form = Form::OneOf(&[Form::Words(&["hold"]), Form::Table(&THEN_TABLE)]);

/// `workload`: exactly one behaviour.
pub(crate) static WORKLOAD: TableSpec = TableSpec {
    groups: &[&WORKLOAD_KEYS],
    one_of: &["leak", "steady", "ramp", "sawtooth", "pageCache", "burst", "dotnet", "trace", "script"],
    ..TableSpec::new("workload")
};

/// The behaviours.
pub(crate) static WORKLOAD_KEYS: KeyGroup = KeyGroup {
    name: "workload",
    keys: &[
        key("leak", Form::Table(&LEAK), Absent, "allocates block after block"),
        key("steady", Form::Table(&STEADY), Absent, "holds a constant amount"),
        key("ramp", Form::Table(&RAMP), Absent, "grows linearly"),
        key("sawtooth", Form::Table(&SAWTOOTH), Absent, "grows, frees, and again"),
        key("pageCache", Form::Table(&PAGE_CACHE), Absent, "reads or writes a file through the page cache"),
        key("burst", Form::Table(&BURST), Absent, "now and then holds more for a while"),
        key("dotnet", Form::Table(&DOTNET), Absent, "a leak inside a .NET runtime"),
        key("trace", Form::Table(&TRACE), Absent, "follows a recorded curve"),
        key("script", Form::Array(&Form::Table(&SCRIPT)), Absent, "a list of instructions"),
    ],
};

/// `workload.leak`.
pub(crate) static LEAK: TableSpec = TableSpec { groups: &[&LEAK_KEYS], ..TableSpec::new("workload.leak") };

/// `workload.dotnet`.
pub(crate) static DOTNET: TableSpec =
    TableSpec { groups: &[&LEAK_KEYS, &DOTNET_KEYS], ..TableSpec::new("workload.dotnet") };

/// `workload.steady`.
pub(crate) static STEADY: TableSpec = TableSpec { groups: &[&STEADY_KEYS], ..TableSpec::new("workload.steady") };

/// `workload.ramp`.
pub(crate) static RAMP: TableSpec = TableSpec { groups: &[&RAMP_KEYS], ..TableSpec::new("workload.ramp") };

/// `workload.sawtooth`.
pub(crate) static SAWTOOTH: TableSpec = TableSpec { groups: &[&SAWTOOTH_KEYS], ..TableSpec::new("workload.sawtooth") };

/// `workload.pageCache`.
pub(crate) static PAGE_CACHE: TableSpec =
    TableSpec { groups: &[&PAGE_CACHE_KEYS], ..TableSpec::new("workload.pageCache") };

/// `workload.burst`.
pub(crate) static BURST: TableSpec = TableSpec { groups: &[&BURST_KEYS], ..TableSpec::new("workload.burst") };

/// How much is held, or that it is not known.
const AMOUNT_OR_MARK: Form = Form::OneOf(&[Form::Amount, Form::Words(&["gap", "restart"])]);

/// `workload.trace`.
pub(crate) static TRACE: TableSpec =
    TableSpec { groups: &[&TRACE_KEYS], one_of: &["points", "file"], ..TableSpec::new("workload.trace") };

/// `script`: one instruction.
pub(crate) static SCRIPT: TableSpec = TableSpec {
    groups: &[&SCRIPT_KEYS],
    one_of: &[
        "sleep",
        "until",
        "anon",
        "map",
        "makeWritable",
        "pageOut",
        "kernelMemory",
        "tmpfs",
        "read",
        "mmap",
        "write",
        "unlink",
        "free",
        "mlock",
        "fork",
        "waitChildren",
        "repeatFrom",
        "exit",
    ],
    ..TableSpec::new("script")
};

/// `then`.
pub(crate) static THEN_TABLE: TableSpec = TableSpec { groups: &[&THEN_KEYS], ..TableSpec::new("then") };

/// `jitter`.
pub(crate) static JITTER: TableSpec = TableSpec { groups: &[&JITTER_KEYS], ..TableSpec::new("jitter") };

/// `workload.leak` and `workload.dotnet`.
pub(crate) static LEAK_KEYS: KeyGroup = KeyGroup {
    name: "workload.leak and workload.dotnet",
    keys: &[
        key("block", Form::Amount, Required, "size of a block"),
        key("every", Form::Duration, Required, "interval between blocks"),
        key("total", Form::Amount, Says("unlimited"), "stops allocating at this amount"),
        key("touched", Form::Share, Is("100%"), "part of each block that is touched"),
        key("touchRate", Form::Amount, Says("at once"), "bytes per second at which a block is touched"),
        key("firstAfter", Form::Duration, Says("one interval"), "delay before the first block"),
        key("then", THEN, Is("hold"), "what happens when the total is reached"),
        key("jitter", Form::Table(&JITTER), Absent, "random variation of the interval"),
    ],
};

/// `workload.dotnet`.
pub(crate) static DOTNET_KEYS: KeyGroup = KeyGroup {
    name: "workload.dotnet",
    keys: &[
        key(
            "heapHardLimitPercent",
            Form::Integer { min: 1, max: 100 },
            Is("75"),
            "percentage of the container's limit, at least 20 MB; no heap limit without a container limit",
        ),
        key("heapHardLimit", Form::Amount, Absent, "absolute limit instead"),
        key("heapBase", Form::Amount, Is("0"), "heap in use before the first block"),
    ],
};

/// `workload.steady`.
pub(crate) static STEADY_KEYS: KeyGroup = KeyGroup {
    name: "workload.steady",
    keys: &[
        key("anon", Form::Amount, Required, "anonymous memory, touched at the start"),
        key(
            "activeFile",
            Form::Amount,
            Is("0"),
            "page cache in use, which counts in the working set and can be reclaimed",
        ),
    ],
};

/// `workload.ramp`.
pub(crate) static RAMP_KEYS: KeyGroup = KeyGroup {
    name: "workload.ramp",
    keys: &[
        key("from", Form::Amount, Is("0"), "memory at the start"),
        key("rate", Form::Amount, Required, "bytes per second"),
        key("to", Form::Amount, Says("unlimited"), "stops growing at this amount"),
        key("then", THEN, Is("hold"), "what happens at the end"),
    ],
};

/// `workload.sawtooth`.
pub(crate) static SAWTOOTH_KEYS: KeyGroup = KeyGroup {
    name: "workload.sawtooth",
    keys: &[
        key("low", Form::Amount, Is("0"), "lowest amount"),
        key("high", Form::Amount, Required, "when this amount is reached, memory is freed down to `low`"),
        key("rise", Form::Duration, Required, "time from low to high"),
        key("times", Form::Integer { min: 1, max: 1 << 31 }, Says("for ever"), "number of repetitions"),
    ],
};

/// `workload.pageCache`.
pub(crate) static PAGE_CACHE_KEYS: KeyGroup = KeyGroup {
    name: "workload.pageCache",
    keys: &[
        key("anon", Form::Amount, Is("0"), "anonymous memory"),
        key("file", Form::Amount, Required, "size of the file"),
        key("rate", Form::Amount, Required, "bytes per second"),
        key("access", Form::Words(&["read", "mmap", "write"]), Is("read"), "how the file is used"),
        key("passes", Form::Integer { min: 1, max: 1 << 31 }, Is("1"), "how often the whole file is used"),
    ],
};

/// `workload.burst`.
pub(crate) static BURST_KEYS: KeyGroup = KeyGroup {
    name: "workload.burst",
    keys: &[
        key("base", Form::Amount, Is("0"), "memory between bursts"),
        key("burst", Form::Amount, Required, "additional memory during a burst"),
        key("every", Form::Duration, Required, "from the start of one burst to the next"),
        key("hold", Form::Duration, Required, "length of a burst; shorter than `every`"),
        key("jitter", Form::Table(&JITTER), Absent, "random variation of the interval"),
    ],
};

/// `workload.trace`.
pub(crate) static TRACE_KEYS: KeyGroup = KeyGroup {
    name: "workload.trace",
    keys: &[
        key(
            "points",
            Form::Array(&Form::OneOf(&[
                Form::Tuple(&[Form::Duration, AMOUNT_OR_MARK]),
                Form::Tuple(&[Form::Duration, Form::Amount, Form::Amount]),
            ])),
            Absent,
            "`[[\"0s\", \"10Mi\"], [\"5s\", \"20Mi\"]]`: time since the process began, memory from then on; a third \
             element is page cache in use beside it. `gap`: nothing was recorded until the next point; `restart`: the \
             process ends, and the next one goes on from here",
        ),
        key(
            "file",
            Form::Path,
            Absent,
            "the points from a file: the heading `seconds,bytes` or `seconds,bytes,activeFile`, then a point a line; \
             `gap`, `NaN` or no number is a gap, `restart` a restart",
        ),
        key("linear", Form::Boolean, Is("true"), "straight lines between the points; false: steps"),
        key(
            "as",
            Form::Words(&["anon", "file", "shmem"]),
            Is("anon"),
            "kind of memory: anonymous, page cache that can be reclaimed, or files in memory that cannot; the latter two \
             follow the curve in steps",
        ),
        key(
            "activeFile",
            Form::OneOf(&[Form::Amount, Form::Share]),
            Absent,
            "this part of each amount, such as `30%` or `40Mi`, is page cache in use, which counts in the working set and \
             can be reclaimed; the rest is of the kind of `as`",
        ),
        key(
            "gaps",
            Form::Words(&["hold", "interpolate", "restart"]),
            Is("hold"),
            "in a gap the process holds what it has, goes straight on to the next point, or ends and starts anew, to hold \
             nothing until the next point",
        ),
        key("gapAfter", Form::Duration, Absent, "points further apart than this have a gap between them"),
        key("scale", Form::Integer { min: 1, max: 100_000 }, Is("100"), "all amounts in percent of those given"),
        key("shift", Form::Duration, Is("0s"), "all times later by this"),
        key("repeats", Form::Boolean, Is("false"), "the curve begins again at its last point"),
        key("then", THEN, Is("hold"), "what happens after the last point"),
    ],
};

/// `script`.
pub(crate) static SCRIPT_KEYS: KeyGroup = KeyGroup {
    name: "script",
    keys: &[
        key("sleep", Form::Duration, Absent, "waits"),
        key("until", Form::Time, Absent, "waits until this time of the scenario"),
        key("anon", Form::Amount, Absent, "maps this much memory and touches part of it"),
        key("touched", Form::Share, Absent, "with `anon`: the part that is touched; default 100%").with(&["anon"]),
        key("takes", Form::Duration, Absent, "with `anon`: how long touching takes; default 0s").with(&["anon"]),
        key(
            "map",
            Form::Amount,
            Absent,
            "maps this much memory and touches none of it, which counts in Committed_AS alone",
        ),
        key("shared", Form::True, Absent, "with `map`: MAP_SHARED").with(&["map"]),
        key(
            "noReserve",
            Form::True,
            Absent,
            "with `map`: MAP_NORESERVE, which counts only where `vm.overcommit_memory` is 2",
        )
        .with(&["map"]),
        key(
            "readOnly",
            Form::True,
            Absent,
            "with `map`: without PROT_WRITE; private memory that cannot be written does not count",
        )
        .with(&["map"]),
        key(
            "makeWritable",
            Form::Amount,
            Absent,
            "makes so much private memory of a `map` with `readOnly` writable: it counts from now on",
        ),
        key(
            "pageOut",
            Form::Amount,
            Absent,
            "moves this much of its anonymous memory to swap, as far as there is room",
        ),
        key(
            "kernelMemory",
            Form::Amount,
            Absent,
            "takes kernel memory that is charged to its cgroup and goes with it: socket buffers, pipes, slab; it counts \
             in no process's points",
        ),
        key("tmpfs", Form::Amount, Absent, "appends to a file in a memory volume"),
        key("volume", Form::Text, Absent, "with `tmpfs`: the volume; required").with(&["tmpfs"]),
        key("read", Form::Amount, Absent, "reads part of a file"),
        key("mmap", Form::Amount, Absent, "maps and touches part of a file"),
        key("write", Form::Amount, Absent, "writes part of a file"),
        key(
            "file",
            Form::Text,
            Absent,
            "with `read`, `mmap`, `write`: name of the file; the same name means the same cached pages",
        )
        .with(&["read", "mmap", "write"]),
        key("offset", Form::Amount, Absent, "with `read`, `mmap`, `write`: first byte; default 0")
            .with(&["read", "mmap", "write"]),
        key("unlink", Form::Text, Absent, "removes a file and its pages"),
        key(
            "free",
            Form::OneOf(&[Form::Amount, Form::Words(&["all"])]),
            Absent,
            "frees anonymous memory, oldest first",
        ),
        key("mlock", Form::True, Absent, "locks its memory"),
        key("fork", Form::True, Absent, "forks a child that shares its memory, copy on write, and idles"),
        key(
            "waitChildren",
            Form::True,
            Absent,
            "the first process of a container: waits until its other processes have ended, as `wait` of a shell does",
        ),
        key(
            "repeatFrom",
            Form::Integer { min: 0, max: i64::MAX },
            Absent,
            "continues at this instruction, counted from 0",
        ),
        key(
            "times",
            Form::Integer { min: 1, max: 1 << 31 },
            Absent,
            "with `repeatFrom`: total number of repetitions; default unlimited. A loop without `times` \
             must take time, or memory that it does not free",
        )
        .with(&["repeatFrom"]),
        key("exit", Form::Integer { min: 0, max: 255 }, Absent, "exits with this code"),
    ],
};

/// `then`.
pub(crate) static THEN_KEYS: KeyGroup = KeyGroup {
    name: "then",
    keys: &[key("exit", Form::Integer { min: 0, max: 255 }, Required, "exits with this code")],
};

/// `jitter`.
pub(crate) static JITTER_KEYS: KeyGroup = KeyGroup {
    name: "jitter",
    keys: &[
        key(
            "kind",
            Form::Words(&["uniform", "triangular", "exponential"]),
            Is("uniform"),
            "distribution; for exponential, the nominal interval is the mean",
        ),
        key("spread", Form::Duration, Says("required unless exponential"), "half of the width"),
    ],
};
