//! How large a heap may become, and the book that a runtime keeps of it.

use super::{AtLimit, Collector, Flags, Gogc, Grows, HeapRule, Language, Runtime, SeesCgroup, V8Young};
use crate::node_api::ExitStatus;
use crate::units::Bytes;

/// Percentages are in millionths of a percent.
const WHOLE: u128 = 100_000_000;
/// HotSpot's MaxHeapSize before it looks at the machine: 96 MiB, for 64 bits times 1.3 (globals.hpp ScaleForWordSize).
const HOTSPOT_HEAP: u64 = (96 << 20) / 10 * 13;
/// HotSpot's MaxRAM on 64 bits (globals_x86.hpp, globals_aarch64.hpp).
const HOTSPOT_MAX_RAM: Bytes = Bytes::gib(128);
/// HotSpot's InitialRAMPercentage, 1.5625, in millionths of a percent.
const HOTSPOT_INITIAL: u64 = 1_562_500;
/// HotSpot's heaps are whole multiples of this (Serial and G1 with small heaps; measured).
const HOTSPOT_ALIGN: u64 = 2 << 20;
/// A machine with less memory, or with one CPU, gets the Serial collector (os.cpp is_server_class_machine: 2 GB less
/// 256 MB).
const SERVER_MEMORY: Bytes = Bytes::mib(1792);
/// A .NET heap hard limit is never below 20 MB (`max(20 MB, 75 % of the limit)`, docs/SOURCES.md).
const DOTNET_LEAST: Bytes = Bytes::mib(20);

/// Where a process runs, as far as a runtime looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// Memory limit of its container.
    pub limit: Option<Bytes>,
    /// MemTotal of the machine.
    pub mem_total: Bytes,
    /// CPUs that it may use.
    pub cpus: u32,
    /// The machine has cgroup v2.
    pub cgroup_v2: bool,
    /// It is the first process of a PID namespace, as a container's is.
    pub first_process: bool,
}

impl Runtime {
    /// How much memory the runtime believes to have: its container's limit if it sees it, else the machine's.
    pub fn believes(&self, around: &Around) -> Bytes {
        let sees = match self.row.sees_cgroup.value {
            SeesCgroup::No => self.flags.takes_cgroup_v1 && !around.cgroup_v2,
            SeesCgroup::V1 => !around.cgroup_v2,
            SeesCgroup::V1AndV2 => true,
        };
        let limit = around.limit.filter(|_| sees && !self.flags.ignores_container);
        limit.map_or(around.mem_total, |limit| limit.min(around.mem_total))
    }

    /// True when the container has a limit that the runtime does not see, so that its heap is sized off the node.
    pub fn sized_off_the_node(&self, around: &Around) -> bool {
        let by_flag = self.flags.max_heap.is_some() || matches!(self.row.heap.value, HeapRule::Fixed(_));
        let sizes = matches!(self.row.heap.value, HeapRule::HotSpot | HeapRule::V8(_));
        around.limit.is_some_and(|limit| limit < around.mem_total && self.believes(around) > limit) && sizes && !by_flag
    }

    /// The runtime's own limit of its heap; `None`: it has none.
    pub fn heap_limit(&self, around: &Around) -> Option<Bytes> {
        let flags = &self.flags;
        let limit = match self.row.heap.value {
            HeapRule::Unlimited | HeapRule::Goal { .. } => None,
            HeapRule::HotSpot => Some(flags.max_heap.unwrap_or_else(|| hotspot(flags, self.believes(around)))),
            HeapRule::V8(young) => Some(v8(flags, young, self.believes(around))),
            HeapRule::Percent(percent) => {
                // A share that is set is of the machine's memory where no limit is seen; the default one is of a
                // container's limit only (gcconfig GCHeapHardLimitPercent, recorded of 3.1).
                let seen = self.believes(around);
                let set = flags.max_ram_percentage.map(|percent| share(seen, percent));
                let default = share(seen, u64::from(percent) * 1_000_000).max(DOTNET_LEAST);
                flags.max_heap.or(set).or((seen < around.mem_total).then_some(default))
            }
            HeapRule::Fixed(limit) => Some(flags.max_heap.unwrap_or(limit)),
        };
        limit.filter(|limit| *limit < Bytes::MAX)
    }

    /// The heap of a JVM at its start: `-Xms`, else InitialRAMPercentage of what it believes to have, but not more than
    /// its limit. `None`: it is no JVM.
    fn initial_heap(&self, around: &Around) -> Option<Bytes> {
        let flags = &self.flags;
        let believed = flags.max_ram.unwrap_or(self.believes(around));
        let by_share = share(believed, flags.initial_ram_percentage.unwrap_or(HOTSPOT_INITIAL));
        let most = self.heap_limit(around).filter(|_| self.row.language == Language::Jvm)?;
        Some(flags.initial_heap.unwrap_or(by_share).min(most))
    }

    /// The collector of a JVM; `None`: it is none.
    pub fn collector(&self, around: &Around) -> Option<Collector> {
        let server = around.cpus >= 2 && self.believes(around) >= SERVER_MEMORY;
        let own = if server { Collector::G1 } else { Collector::Serial };
        (self.row.language == Language::Jvm).then_some(self.flags.collector.unwrap_or(own))
    }

    /// How far the heap grows between two collections, in percent of what is live.
    fn garbage(&self) -> u64 {
        let by_rule = match (self.row.heap.value, self.flags.gogc) {
            (HeapRule::Goal { .. }, Some(Gogc::Percent(percent))) => u64::from(percent),
            (HeapRule::Goal { .. }, None) => 100,
            _ => 0,
        };
        self.garbage.map_or(by_rule, u64::from)
    }
}

/// HotSpot's MaxHeapSize (arguments.cpp set_heap_size).
fn hotspot(flags: &Flags, believed: Bytes) -> Bytes {
    // MaxRAM, if it is given, stands in place of the memory; its default bounds what nothing else is said of.
    let sized = flags.max_ram_percentage.or(flags.min_ram_percentage).or(flags.initial_ram_percentage).is_some();
    let memory = flags.max_ram.unwrap_or(if sized { believed } else { believed.min(HOTSPOT_MAX_RAM) });
    let least = share(memory, flags.min_ram_percentage.unwrap_or(50_000_000)).get();
    let most = share(memory, flags.max_ram_percentage.unwrap_or(25_000_000)).get();
    let heap = if least < HOTSPOT_HEAP { least } else { most.max(HOTSPOT_HEAP) };
    Bytes::new(heap.div_ceil(HOTSPOT_ALIGN) * HOTSPOT_ALIGN)
}

/// V8's heap_size_limit (heap.cc Heap::HeapSizeFromPhysicalMemory, YoungGenerationSizeFromOldGenerationSize; the ratios
/// as measured).
fn v8(flags: &Flags, young: V8Young, believed: Bytes) -> Bytes {
    const LEAST: u64 = 256 << 20;
    let most = if believed.get() + (512 << 20) >= 16 << 30 { 4 << 30 } else { 2 << 30 };
    let old = (believed.get() / 2).min(most).max(LEAST);
    let ratio = if old <= LEAST { young.low_ratio } else { young.ratio };
    let semi = (old / ratio).max(1 << 20).next_power_of_two().min(young.max_semi.get());
    let semi = flags.max_semi.map_or(semi, Bytes::get);
    let by_share = flags.max_ram_percentage.map(|percent| share(believed, percent));
    // nodejs.org/api/cli.html: the percentage takes precedence over the size.
    let old = by_share.or(flags.max_heap).map_or(old, Bytes::get);
    Bytes::new(old.saturating_add(semi.saturating_mul(3)))
}

/// A part in millionths of a percent.
fn share(of: Bytes, percent: u64) -> Bytes {
    let part = u128::from(of.get()) * u128::from(percent) / WHOLE;
    Bytes::new(u64::try_from(part).unwrap_or(u64::MAX))
}

/// The book of a heap: what is in use, what the kernel has been asked for, and what will be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap {
    /// Whose heap it is, for records.
    pub language: Language,
    /// Its own limit.
    pub limit: Option<Bytes>,
    /// How the process ends there; `None`: it lives on.
    pub at_limit: Option<ExitStatus>,
    /// How it ends when the kernel refuses it memory; `None`: it goes on without.
    pub refused: Option<ExitStatus>,
    /// A goal that the heap stays below while what is live does (`GOMEMLIMIT` less what is outside the heap).
    pub goal: Option<Bytes>,
    /// Garbage between two collections, in percent of what is live.
    pub garbage: u64,
    /// Freed heap goes back to the kernel.
    pub gives_back: bool,
    /// In use.
    pub live: Bytes,
    /// The heap never becomes smaller than for this much in use.
    pub kept: Bytes,
    /// Touched at the start: what is kept from the beginning, and what lies outside the heap.
    pub at_start: Bytes,
}

impl Heap {
    /// The heap of a runtime about to start.
    pub fn new(runtime: &Runtime, around: &Around) -> Heap {
        let heap_limit = runtime.heap_limit(around);
        let limit = match runtime.grows {
            Grows::Heap => heap_limit,
            Grows::Direct => runtime.flags.max_direct.or(heap_limit),
            Grows::Native => None,
        };
        let in_heap = runtime.grows == Grows::Heap;
        let flags = &runtime.flags;
        let memory_limit = matches!(runtime.row.heap.value, HeapRule::Goal { memory_limit: true });
        let goal = flags.gomemlimit.filter(|_| in_heap && memory_limit);
        let goal = goal.map(|limit| limit.saturating_sub(runtime.outside));
        let kept = match flags.gogc {
            // Nothing is collected before the heap has filled its limit.
            Some(Gogc::Off) => goal,
            _ => runtime.initial_heap(around).filter(|_| in_heap && flags.pre_touch),
        };
        let kept = kept.unwrap_or_default();
        let ends = |how: AtLimit| how.ending(runtime.row.language, around.first_process);
        Heap {
            language: runtime.row.language,
            limit,
            at_limit: ends(runtime.at_limit()),
            refused: runtime.row.refused.value.and_then(ends),
            goal,
            garbage: if in_heap { runtime.garbage() } else { 0 },
            gives_back: runtime.row.gives_back.value || flags.collector == Some(Collector::Z) || !in_heap,
            live: Bytes::ZERO,
            kept,
            at_start: runtime.outside + kept,
        }
    }

    /// What the kernel has been asked for while this much is live: what is live and the garbage beside it, but not
    /// beyond the goal while what is live stays below it (go.dev/doc/gc-guide: target heap = live × (1 + GOGC / 100)).
    pub fn held(&self, live: Bytes) -> Bytes {
        let live = live.max(self.kept);
        let with_garbage = u128::from(live.get()) * (100 + u128::from(self.garbage)) / 100;
        let with_garbage = Bytes::new(u64::try_from(with_garbage).unwrap_or(u64::MAX));
        self.goal.map_or(with_garbage, |goal| with_garbage.min(goal.max(live)))
    }

    /// More that fits into the runtime's limit.
    pub fn room(&self) -> Bytes {
        self.limit.map_or(Bytes::MAX, |limit| limit.saturating_sub(self.live))
    }

    /// Up to how much in use the heap goes on as it does now; `None`: for ever.
    pub fn next_bend(&self) -> Option<Bytes> {
        if self.live < self.kept {
            return Some(self.kept);
        }
        let goal = self.goal?;
        let reached = u128::from(goal.get()) * 100 / (100 + u128::from(self.garbage));
        let reached = Bytes::new(u64::try_from(reached).unwrap_or(u64::MAX));
        [reached, goal].into_iter().find(|bend| self.live < *bend)
    }

    /// More is in use: how much of it the kernel is asked for.
    pub fn take(&mut self, bytes: Bytes) -> Bytes {
        let before = self.held(self.live);
        self.live += bytes;
        if !self.gives_back {
            self.kept = self.kept.max(self.live);
        }
        self.held(self.live).saturating_sub(before)
    }

    /// Less is in use: how much of it goes back to the kernel.
    pub fn free(&mut self, bytes: Bytes) -> Bytes {
        let before = self.held(self.live);
        self.live = self.live.saturating_sub(bytes);
        before.saturating_sub(self.held(self.live))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Launch, RuntimeRow};
    use super::*;

    fn runtime(row: &str, args: &[&str], env: &[(&str, &str)]) -> Runtime {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let launch = Launch { env, args: args.iter().map(|arg| (*arg).to_owned()).collect() };
        Runtime::new(RuntimeRow::named(row).unwrap(), &launch)
    }

    fn around(limit: Option<Bytes>, cgroup_v2: bool) -> Around {
        Around { limit, mem_total: Bytes::gib(64), cpus: 4, cgroup_v2, first_process: true }
    }

    /// docs.oracle.com, the java command: MaxRAMPercentage 25, MinRAMPercentage 50 for small machines; JDK-8230305 for
    /// who sees cgroup v2. By hand: a quarter of 2 GiB is 512 MiB, half of 100 MiB 50 MiB, a quarter of the node's
    /// 64 GiB 16 GiB.
    #[test]
    fn a_jvm_takes_a_quarter_of_what_it_sees() {
        for (row, limit, v2, heap) in [
            ("jvm-17", Bytes::gib(2), true, Bytes::mib(512)),
            ("jvm-17", Bytes::mib(100), true, Bytes::mib(50)),
            ("jvm-11", Bytes::gib(2), false, Bytes::mib(512)),
            ("jvm-11", Bytes::gib(2), true, Bytes::gib(16)),
            ("jvm-11.0.16", Bytes::gib(2), true, Bytes::mib(512)),
            ("jvm-8u131", Bytes::gib(2), false, Bytes::gib(16)),
        ] {
            let around = around(Some(limit), v2);
            let jvm = runtime(row, &[], &[]);
            assert_eq!(jvm.heap_limit(&around), Some(heap), "{row} {limit}");
            assert_eq!(jvm.sized_off_the_node(&around), heap == Bytes::gib(16), "{row} {limit}");
        }
        let jvm = runtime("jvm-21", &[], &[("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75.0")]);
        assert_eq!(jvm.heap_limit(&around(Some(Bytes::gib(1)), true)), Some(Bytes::mib(768)));
        assert_eq!(jvm.collector(&around(Some(Bytes::gib(1)), true)), Some(Collector::Serial));
        assert_eq!(jvm.collector(&around(Some(Bytes::gib(2)), true)), Some(Collector::G1));
    }

    /// arguments.cpp set_heap_size, globals_x86.hpp: MaxRAM is 128 GiB by default, which bounds a heap of which nothing
    /// is said; given, it stands in place of the memory. By hand: a quarter of 128 GiB is 32 GiB, of 256 GiB 64 GiB, of
    /// 8 GiB 2 GiB. JDK-8146115 for UseCGroupMemoryLimitForHeap. InitialRAMPercentage 1.5625 of 4 GiB is 64 MiB.
    #[test]
    fn max_ram_stands_in_place_of_the_memory() {
        let large = Around { mem_total: Bytes::gib(256), ..around(None, true) };
        let heap = |args: &[&str], around: &Around| runtime("jvm-21", args, &[]).heap_limit(around);
        assert_eq!(heap(&[], &large), Some(Bytes::gib(32)));
        assert_eq!(heap(&["-XX:MaxRAMPercentage=25"], &large), Some(Bytes::gib(64)));
        assert_eq!(heap(&["-XX:MaxRAM=8g"], &around(Some(Bytes::gib(1)), true)), Some(Bytes::gib(2)));
        let old = runtime("jvm-8u131", &["-XX:+UseCGroupMemoryLimitForHeap", "-XX:MaxRAMFraction=2"], &[]);
        assert_eq!(old.heap_limit(&around(Some(Bytes::gib(2)), false)), Some(Bytes::gib(1)));
        assert_eq!(old.heap_limit(&around(Some(Bytes::gib(2)), true)), Some(Bytes::gib(32)), "not on cgroup v2");
        let touched = Heap::new(&runtime("jvm-17", &["-XX:+AlwaysPreTouch"], &[]), &around(Some(Bytes::gib(4)), true));
        assert_eq!(touched.at_start, Bytes::mib(64));
        let both = &["node", "--max-old-space-size=300", "--max-old-space-size-percentage=50"];
        assert_eq!(
            runtime("node-24", both, &[]).heap_limit(&around(Some(Bytes::gib(2)), true)),
            Some(Bytes::mib(1024 + 96))
        );
    }

    /// learn.microsoft.com, heap limit: the greater of 20 MB and 75 % of the container's limit; nothing without one.
    #[test]
    fn dotnet_takes_three_quarters() {
        let net = runtime("dotnet-5", &[], &[]);
        assert_eq!(net.heap_limit(&around(Some(Bytes::mib(2000)), true)), Some(Bytes::mib(1500)));
        assert_eq!(net.heap_limit(&around(Some(Bytes::mib(24)), true)), Some(Bytes::mib(20)));
        assert_eq!(net.heap_limit(&around(None, true)), None);
        let old = runtime("dotnet-3.1", &[], &[]);
        assert_eq!(old.heap_limit(&around(Some(Bytes::mib(2000)), true)), None);
        let set = runtime("dotnet-5", &[], &[("DOTNET_GCHeapHardLimit", "40000000")]);
        assert_eq!(set.heap_limit(&around(Some(Bytes::mib(2000)), true)), Some(Bytes::gib(1)));
    }

    /// nodejs.org/api/cli.html: --max-old-space-size in MiB; nodejs/node#47259: 262 MiB with a limit of 256 MiB.
    #[test]
    fn node_takes_half() {
        let v18 = runtime("node-18", &[], &[]);
        assert_eq!(v18.heap_limit(&around(Some(Bytes::mib(256)), false)), Some(Bytes::new(274_726_912)));
        assert_eq!(v18.heap_limit(&around(Some(Bytes::mib(256)), true)), Some(Bytes::mib(4096 + 48)));
        let v24 = runtime("node-24", &["node", "--max-old-space-size-percentage=50"], &[]);
        assert_eq!(v24.heap_limit(&around(Some(Bytes::gib(2)), true)), Some(Bytes::mib(1024 + 96)));
    }

    /// go.dev/doc/gc-guide: target heap memory = live heap × (1 + GOGC / 100); the memory limit caps it, and is soft.
    /// By hand: 60 MiB live hold 120, 90 MiB 180; with GOMEMLIMIT 150 MiB these are 120 and 150; 200 MiB hold 200.
    #[test]
    fn go_doubles_up_to_its_limit() {
        let mib = |heap: &Heap, live| heap.held(Bytes::mib(live)).get() >> 20;
        let plain = Heap::new(&runtime("go-1.19", &[], &[]), &around(None, true));
        assert_eq!([60, 90].map(|live| mib(&plain, live)), [120, 180]);
        let limited = Heap::new(&runtime("go-1.19", &[], &[("GOMEMLIMIT", "150MiB")]), &around(None, true));
        assert_eq!([60, 90, 200].map(|live| mib(&limited, live)), [120, 150, 200]);
        let old = Heap::new(&runtime("go-1.18", &[], &[("GOMEMLIMIT", "150MiB")]), &around(None, true));
        assert_eq!(mib(&old, 90), 180);
    }

    #[test]
    fn what_is_kept_is_filled_again_for_nothing() {
        let mut heap = Heap::new(&runtime("jvm-17", &[], &[]), &around(None, true));
        assert_eq!(heap.take(Bytes::mib(100)), Bytes::mib(100));
        assert_eq!(heap.free(Bytes::mib(80)), Bytes::ZERO);
        assert_eq!(heap.next_bend(), Some(Bytes::mib(100)));
        assert_eq!(heap.take(Bytes::mib(90)), Bytes::mib(10));
        let mut z = Heap::new(&runtime("jvm-17", &["-XX:+UseZGC"], &[]), &around(None, true));
        z.take(Bytes::mib(100));
        assert_eq!(z.free(Bytes::mib(80)), Bytes::mib(80));
    }
}
