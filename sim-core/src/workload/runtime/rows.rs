//! The runtimes as rows of facts, each with its source and how sure it is.

use crate::node_api::{ExitStatus, Signo};
use crate::units::{Bytes, Sure};

/// A fact with where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<T> {
    /// The fact.
    pub value: T,
    /// Documentation page, source file, or recording.
    pub source: &'static str,
    /// How sure it is.
    pub sure: Sure,
}

/// A language with a runtime of its own, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Java and others on HotSpot.
    Jvm,
    /// JavaScript on V8.
    Node,
    /// Go.
    Go,
    /// C# and others on .NET.
    DotNet,
    /// CPython.
    Python,
    /// PHP.
    Php,
    /// C, C++, Rust: malloc and nothing else.
    Native,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 7] = [
        Language::Jvm,
        Language::Node,
        Language::Go,
        Language::DotNet,
        Language::Python,
        Language::Php,
        Language::Native,
    ];

    /// As its makers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::Jvm => "JVM",
            Language::Node => "Node.js",
            Language::Go => "Go",
            Language::DotNet => ".NET",
            Language::Python => "Python",
            Language::Php => "PHP",
            Language::Native => "native",
        }
    }

    /// Programs that run it.
    pub(super) const fn commands(self) -> &'static [&'static str] {
        match self {
            Language::Jvm => &["java"],
            Language::Node => &["node", "nodejs", "npm", "yarn"],
            Language::DotNet => &["dotnet"],
            Language::Python => &["python", "python3", "gunicorn", "uvicorn", "celery"],
            Language::Php => &["php", "php-fpm"],
            Language::Go | Language::Native => &[],
        }
    }

    /// The newest row.
    pub fn newest(self) -> &'static RuntimeRow {
        let newest = RUNTIMES.iter().rfind(|row| row.language == self);
        // Every language has a row; a test says so.
        newest.unwrap_or(&RUNTIMES[0])
    }
}

/// Which memory limit of a container a runtime sees when it sizes its heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeesCgroup {
    /// None: it takes the machine's memory.
    No,
    /// That of cgroup v1 only.
    V1,
    /// That of both versions.
    V1AndV2,
}

/// How V8 sizes its young generation from the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V8Young {
    /// Old generation ÷ semi-space, up to 256 MiB of old generation.
    pub low_ratio: u64,
    /// The same above.
    pub ratio: u64,
    /// A semi-space is never larger.
    pub max_semi: Bytes,
}

/// How a runtime limits its heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapRule {
    /// Not at all.
    Unlimited,
    /// HotSpot: `-Xmx`, or a percentage of the memory that it sees.
    HotSpot,
    /// V8: `--max-old-space-size`, or half of the memory that it sees, from 256 MiB to 2 GiB (4 GiB from 15.5 GiB on),
    /// and a young generation.
    V8(V8Young),
    /// Go: a goal for the next collection (`GOGC`), and a soft limit (`GOMEMLIMIT`).
    Goal {
        /// `GOMEMLIMIT` is read.
        memory_limit: bool,
    },
    /// .NET: 75 % of the container's limit, at least 20 MiB; none without a container limit.
    Percent(u8),
    /// PHP: `memory_limit`.
    Fixed(Bytes),
}

/// What a runtime does when an allocation does not fit into its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtLimit {
    /// An error that the program survives: the thread or request ends, the process lives on, half dead.
    LivesOn,
    /// The process exits with this code.
    Exits(u8),
    /// It calls `abort()`: exit code 134, in the first process of a PID namespace another.
    Aborts,
    /// It touches memory that it does not have: SIGSEGV, exit code 139.
    Segfaults,
}

impl AtLimit {
    /// How the process ends; `None`: it lives on.
    ///
    /// The kernel drops a SIGABRT that the first process of a PID namespace, such as a container's, raises on itself
    /// (kernel/signal.c, `SIGNAL_UNKILLABLE`). The C library's `abort()` then executes an instruction that faults,
    /// and a fault kills that process, too: 139 instead of 134. HotSpot catches the fault, and ends with 127.
    /// Recorded: conformance/data/runtimes.
    pub fn ending(self, language: Language, first_process: bool) -> Option<ExitStatus> {
        match (self, language) {
            (AtLimit::LivesOn, _) => None,
            (AtLimit::Exits(code), _) => Some(ExitStatus::Code(code.into())),
            (AtLimit::Aborts, Language::Jvm) if first_process => Some(ExitStatus::Code(127)),
            (AtLimit::Aborts, _) if !first_process => Some(ExitStatus::Signal(Signo::Abrt)),
            (AtLimit::Aborts | AtLimit::Segfaults, _) => Some(ExitStatus::Signal(Signo::Segv)),
        }
    }
}

/// A runtime as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuntimeRow {
    /// Name in scenarios: language, and the release from which it holds.
    pub name: &'static str,
    /// The language.
    pub language: Language,
    /// Which limit of its container it sees.
    pub sees_cgroup: Known<SeesCgroup>,
    /// How large its heap may become.
    pub heap: Known<HeapRule>,
    /// What it does there.
    pub at_limit: Known<AtLimit>,
    /// Freed heap goes back to the kernel.
    pub gives_back: Known<bool>,
    /// What it does when the kernel refuses it memory (ENOMEM); `None`: it is left to the program.
    pub refused: Known<Option<AtLimit>>,
}

impl RuntimeRow {
    /// The row of this name.
    pub fn named(name: &str) -> Option<&'static RuntimeRow> {
        RUNTIMES.iter().find(|row| row.name == name)
    }
}

const fn recorded<T>(value: T, source: &'static str) -> Known<T> {
    Known { value, source, sure: Sure::Recorded }
}

const fn documented<T>(value: T, source: &'static str) -> Known<T> {
    Known { value, source, sure: Sure::Documented }
}

const fn source<T>(value: T, source: &'static str) -> Known<T> {
    Known { value, source, sure: Sure::Source }
}

const fn inferred<T>(value: T, source: &'static str) -> Known<T> {
    Known { value, source, sure: Sure::Inferred }
}

const RECORDED: &str = "conformance/data/runtimes";

const NET_GC: &str = "learn.microsoft.com, .NET runtime configuration: garbage collector, heap limit";

const fn jvm(name: &'static str, sees_cgroup: Known<SeesCgroup>, measured: bool) -> RuntimeRow {
    let heap = match measured {
        true => recorded(HeapRule::HotSpot, RECORDED),
        false => inferred(HeapRule::HotSpot, "arguments.cpp set_heap_size; recordings of 11 to 25 agree with it"),
    };
    RuntimeRow {
        name,
        language: Language::Jvm,
        sees_cgroup,
        heap,
        at_limit: match measured {
            true => recorded(AtLimit::LivesOn, RECORDED),
            false => documented(AtLimit::LivesOn, "java command, -XX:+ExitOnOutOfMemoryError (8u92)"),
        },
        gives_back: documented(
            false,
            "JEP 346: G1 returns memory at a full collection only; Serial and Parallel likewise. ZGC: JEP 351",
        ),
        refused: source(
            Some(AtLimit::Exits(1)),
            "os_linux.cpp: a failed commit of memory ends in vm_exit_out_of_memory, exit code 1",
        ),
    }
}

const fn node(name: &'static str, sees_cgroup: Known<SeesCgroup>, young: Known<V8Young>) -> RuntimeRow {
    let measured = matches!(young.sure, Sure::Recorded);
    RuntimeRow {
        name,
        language: Language::Node,
        sees_cgroup,
        heap: Known { value: HeapRule::V8(young.value), source: young.source, sure: young.sure },
        at_limit: match measured {
            true => recorded(AtLimit::Aborts, RECORDED),
            false => inferred(AtLimit::Aborts, "recordings of 20 to 24: `Reached heap limit`, abort"),
        },
        gives_back: documented(true, "V8 unmaps the pages that a collection leaves empty (v8.dev/blog/trash-talk)"),
        refused: inferred(Some(AtLimit::Aborts), "V8 FatalProcessOutOfMemory aborts when it gets no pages"),
    }
}

const fn go(name: &'static str, heap: Known<HeapRule>) -> RuntimeRow {
    RuntimeRow {
        name,
        language: Language::Go,
        sees_cgroup: documented(SeesCgroup::No, "go.dev/doc/gc-guide: no release sets GOMEMLIMIT by itself (go#75164)"),
        heap,
        at_limit: documented(AtLimit::LivesOn, "go.dev/doc/gc-guide: the memory limit is soft"),
        gives_back: documented(true, "go.dev/doc/gc-guide: the scavenger returns pages in the background"),
        refused: documented(
            Some(AtLimit::Exits(2)),
            "runtime: out of memory: cannot allocate, a fatal error, exit code 2",
        ),
    }
}

const fn dotnet(name: &'static str, sees_cgroup: Known<SeesCgroup>, measured: bool) -> RuntimeRow {
    RuntimeRow {
        name,
        language: Language::DotNet,
        sees_cgroup,
        heap: match measured {
            true => recorded(HeapRule::Percent(75), RECORDED),
            false => documented(HeapRule::Percent(75), NET_GC),
        },
        at_limit: match measured {
            true => recorded(AtLimit::Aborts, RECORDED),
            false => {
                documented(AtLimit::Aborts, "Mihai Albert, part 2 and 4: exit code 139, reason Error, in every run")
            }
        },
        gives_back: documented(true, "learn.microsoft.com, .NET runtime configuration: GCRetainVM is off"),
        refused: inferred(Some(AtLimit::Aborts), "an OutOfMemoryException that is not handled aborts"),
    }
}

const V8_PLAIN: V8Young = V8Young { low_ratio: 256, ratio: 128, max_semi: Bytes::mib(16) };
const V8_OLD: V8Young = V8Young { low_ratio: 128, ..V8_PLAIN };
const V8_LARGE: V8Young = V8Young { low_ratio: 256, ratio: 32, max_semi: Bytes::mib(64) };

/// Every runtime; of one language the oldest first.
pub const RUNTIMES: &[RuntimeRow] = &[
    jvm("jvm-8u131", documented(SeesCgroup::No, "JDK-8146115: container support came with 8u191 and 10"), false),
    jvm("jvm-8u191", documented(SeesCgroup::V1, "JDK-8146115; cgroup v2 came with 8u372"), false),
    jvm("jvm-8u372", documented(SeesCgroup::V1AndV2, "JDK-8230305, backported to 8u372"), false),
    jvm("jvm-11", documented(SeesCgroup::V1, "adoptium/containers#132: 11.0.13 does not see cgroup v2"), true),
    jvm("jvm-11.0.16", documented(SeesCgroup::V1AndV2, "JDK-8230305, backported to 11.0.16"), false),
    jvm("jvm-17", documented(SeesCgroup::V1AndV2, "JDK-8230305 (15)"), true),
    jvm("jvm-21", documented(SeesCgroup::V1AndV2, "JDK-8230305 (15)"), true),
    jvm("jvm-25", documented(SeesCgroup::V1AndV2, "JDK-8230305 (15)"), true),
    node(
        "node-12",
        documented(SeesCgroup::V1, "nodejs/node#27508"),
        inferred(V8_OLD, "nodejs/node#47259 for 18: 262 MiB with a limit of 256 MiB"),
    ),
    node(
        "node-18",
        documented(SeesCgroup::V1, "nodejs/node#47259: libuv 1.44 does not see cgroup v2"),
        documented(V8_OLD, "nodejs/node#47259: heap_size_limit 274726912 with a limit of 256 MiB"),
    ),
    node("node-20", recorded(SeesCgroup::V1AndV2, RECORDED), recorded(V8_PLAIN, "conformance/data/runtimes")),
    node("node-22", recorded(SeesCgroup::V1AndV2, RECORDED), recorded(V8_PLAIN, "conformance/data/runtimes")),
    node("node-24", recorded(SeesCgroup::V1AndV2, RECORDED), recorded(V8_LARGE, "conformance/data/runtimes")),
    go(
        "go-1.18",
        documented(HeapRule::Goal { memory_limit: false }, "go.dev/doc/gc-guide: GOGC; GOMEMLIMIT came with 1.19"),
    ),
    go("go-1.19", recorded(HeapRule::Goal { memory_limit: true }, RECORDED)),
    dotnet("dotnet-3.1", recorded(SeesCgroup::V1, RECORDED), true),
    dotnet("dotnet-5", documented(SeesCgroup::V1AndV2, "dotnet/runtime#34334: cgroup v2 came with .NET 5"), false),
    RuntimeRow {
        name: "python-3",
        language: Language::Python,
        sees_cgroup: documented(SeesCgroup::No, "docs.python.org, Memory Management: there is no limit of its own"),
        heap: documented(HeapRule::Unlimited, "docs.python.org, Memory Management: there is no limit of its own"),
        at_limit: documented(AtLimit::LivesOn, "it has no limit"),
        gives_back: documented(true, "docs.python.org, The pymalloc allocator: arenas; larger blocks are malloc's"),
        refused: recorded(Some(AtLimit::Exits(1)), RECORDED),
    },
    RuntimeRow {
        name: "php-8",
        language: Language::Php,
        sees_cgroup: documented(SeesCgroup::No, "php.net, memory_limit"),
        heap: recorded(HeapRule::Fixed(Bytes::mib(128)), RECORDED),
        at_limit: recorded(AtLimit::Exits(255), RECORDED),
        gives_back: documented(true, "php.net, Garbage Collection: chunks go back when the request ends"),
        refused: inferred(Some(AtLimit::Exits(255)), "Out of memory is a fatal error like the one at memory_limit"),
    },
    RuntimeRow {
        name: "native",
        language: Language::Native,
        sees_cgroup: documented(SeesCgroup::No, "man 3 malloc"),
        heap: documented(HeapRule::Unlimited, "man 3 malloc"),
        at_limit: documented(AtLimit::LivesOn, "it has no limit"),
        gives_back: documented(true, "man 3 mallopt: blocks of M_MMAP_THRESHOLD (128 KiB) and more"),
        refused: documented(None, "man 3 malloc: NULL, and the program decides"),
    },
];
