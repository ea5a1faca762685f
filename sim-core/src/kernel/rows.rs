//! Each capability's value by version, with where the fact comes from. An entry holds from its version until the next
//! one. A change of which the commit is known stands at the version with that commit, whether that has a row or not.

use super::capability::{Capability, CapabilityRow, Confidence, Consequence};
use super::profile::{BadnessFloor, Lru, OvercommitGuess, PcpHigh, Protection, SiblingReclaim, SwapWriteback, TieRule};

const fn recorded(value: &'static str, source: &'static str) -> CapabilityRow {
    CapabilityRow { value, source, confidence: Confidence::Recorded }
}
const fn source(value: &'static str, source: &'static str) -> CapabilityRow {
    CapabilityRow { value, source, confidence: Confidence::Source }
}
const fn inferred(value: &'static str, source: &'static str) -> CapabilityRow {
    CapabilityRow { value, source, confidence: Confidence::Inferred }
}

const BOOL: &[&str] = &["true", "false"];

macro_rules! flag {
    ($name:literal, $field:ident, $decides:ident, $doc:literal, $rows:expr) => {
        Capability {
            name: $name,
            doc: $doc,
            decides: Consequence::$decides,
            values: BOOL,
            changes: $rows,
            get: |p| p.$field.to_string(),
            apply: |p, v| {
                p.$field = v.parse().ok()?;
                Some(())
            },
        }
    };
}

macro_rules! choice {
    (
        $name:literal, $field:ident, $decides:ident, $doc:literal,
        { $($word:literal => $enum:ident::$variant:ident),+ }, $rows:expr
    ) => {
        Capability {
            name: $name,
            doc: $doc,
            decides: Consequence::$decides,
            values: &[$($word),+],
            changes: $rows,
            get: |p| match p.$field {
                $($enum::$variant => $word.to_string(),)+
            },
            apply: |p, v| {
                p.$field = match v {
                    $($word => $enum::$variant,)+
                    _ => return None,
                };
                Some(())
            },
        }
    };
}

macro_rules! number {
    ($name:literal, $field:ident, $decides:ident, $doc:literal, $most:literal, $rows:expr) => {
        Capability {
            name: $name,
            doc: $doc,
            decides: Consequence::$decides,
            values: &[],
            changes: $rows,
            get: |p| p.$field.to_string(),
            apply: |p, v| {
                p.$field = v.parse().ok().filter(|n| *n <= $most)?;
                Some(())
            },
        }
    };
}

const LOG_415: &str = "log of a 4.15 node: stress killed at a 123 Mi pod limit";
const LOG_54: &str = "log of 5.4.0-1059-azure: dotnet killed at a 1 GiB limit";
const REC_61: &str = "recordings of 6.1.176";
const REC_510: &str = "recordings of 5.10.262";
const REC_612: &str = "recordings of 6.12.117";
const REC_618: &str = "recordings of 6.18.15";
const REC_73: &str = "recordings of 7.3.4";

/// All capabilities.
pub(super) const CAPABILITIES: &[Capability] = &[
    choice!("badness_floor", badness_floor, WhoIsKilled, "what happens to a badness below one: raised to 1, or kept signed",
    { "one" => BadnessFloor::One, "signed" => BadnessFloor::Signed },
    &[
        ("4.15", source("one", "mm/oom_kill.c oom_badness: returns points > 0 ? points : 1")),
        ("5.4", recorded("one", LOG_54)),
        ("5.9", source("signed", "commit 9066e5cfb73c, 5.9: signed badness")),
        ("5.10", recorded("signed", "recordings of 5.10.262: 144 of 144 scores; commit 9066e5cfb73c, 5.9")),
        ("6.1", recorded("signed", REC_61)),
        ("6.12", recorded("signed", REC_612)),
        ("6.18", recorded("signed", REC_618)),
        ("7.3", recorded("signed", REC_73)),
    ]),
    choice!("tie", tie, WhoIsKilled, "who dies among tasks with the same points",
    { "first-scanned" => TieRule::FirstScanned, "last-scanned" => TieRule::LastScanned },
    &[
        ("4.15", source("first-scanned", "mm/oom_kill.c oom_evaluate_task: keeps a chosen thread-group leader")),
        ("5.3", inferred("last-scanned", "as 5.4; docs/dmesg.md has the rules by release")),
        ("5.4", recorded("last-scanned", LOG_54)),
        ("5.10", recorded("last-scanned", REC_510)),
        ("5.15", source("last-scanned", "mm/oom_kill.c oom_evaluate_task: only fewer points are passed over")),
        ("6.1", recorded("last-scanned", REC_61)),
        ("6.12", recorded("last-scanned", REC_612)),
        ("6.18", recorded("last-scanned", REC_618)),
        ("7.3", recorded("last-scanned", REC_73)),
    ]),
    flag!(
        "root_bonus",
        root_bonus,
        WhoIsKilled,
        "tasks with CAP_SYS_ADMIN on the host get 3 % fewer points",
        &[
            ("4.15", source("true", "mm/oom_kill.c oom_badness: has_capability_noaudit(p, CAP_SYS_ADMIN)")),
            ("4.17", source("false", "commit d46078b28889, 4.17: bonus removed")),
            ("5.10", recorded("false", REC_510)),
            ("6.1", recorded("false", REC_61)),
            ("6.12", recorded("false", REC_612)),
            ("6.18", recorded("false", REC_618)),
            ("7.3", recorded("false", REC_73)),
        ]
    ),
    flag!(
        "sacrifice_child",
        sacrifice_child,
        WhoIsKilled,
        "a child with its own memory and more points may die instead of its parent",
        &[
            ("4.15", source("true", "mm/oom_kill.c oom_kill_process; the words 'or sacrifice child' in the 4.15 log")),
            ("4.19", source("true", "mm/oom_kill.c oom_kill_process")),
            ("5.1", source("false", "commit bbbe48029720, 5.1: heuristic removed; the 5.4 log lacks the words")),
            ("5.10", recorded("false", REC_510)),
            ("6.1", recorded("false", REC_61)),
            ("6.12", recorded("false", REC_612)),
            ("6.18", recorded("false", REC_618)),
            ("7.3", recorded("false", REC_73)),
        ]
    ),
    flag!(
        "oom_score_signed",
        oom_score_signed,
        Figures,
        "/proc/PID/oom_score is (1000 + points × 1000 / total) × 2 / 3 instead of points × 1000 / total",
        &[
            ("4.15", source("false", "fs/proc/base.c proc_oom_score")),
            ("5.9", source("true", "commit 9066e5cfb73c, 5.9")),
            ("5.10", recorded("true", "recordings of 5.10.262: 144 of 144 scores; commit 9066e5cfb73c, 5.9")),
            ("6.1", recorded("true", REC_61)),
            ("6.12", recorded("true", REC_612)),
            ("6.18", recorded("true", REC_618)),
            ("7.3", recorded("true", REC_73)),
        ]
    ),
    choice!("lru", lru, Reclaim, "page ageing out of the box; see also kernel.distribution",
    { "classic" => Lru::Classic, "mglru" => Lru::Mglru },
    &[
        ("4.15", source("classic", "MGLRU was merged in 6.1")),
        ("5.10", recorded("classic", REC_510)),
        ("6.1", recorded("classic", "recordings of 6.1.176: Debian 12 builds it off")),
        ("6.6", inferred("classic", "off unless the distribution turns it on (mm/Kconfig LRU_GEN_ENABLED)")),
        ("6.12", recorded("mglru", "recordings of 6.12.117: Debian 13 builds it on, lru_gen 0x0007")),
        ("6.18", recorded("mglru", REC_618)),
        ("7.0", source("mglru", "Debian's configuration")),
        ("7.3", recorded("mglru", REC_73)),
    ]),
    flag!(
        "memcg_v1",
        memcg_v1,
        WhenKilled,
        "cgroup v1's memory controller is built in",
        &[
            ("4.15", recorded("true", LOG_415)),
            ("4.19", inferred("true", "between 4.15 and 5.4")),
            ("5.4", recorded("true", LOG_54)),
            ("5.10", recorded("true", REC_510)),
            ("6.1", recorded("true", REC_61)),
            ("6.11", source("false", "init/Kconfig MEMCG_V1, added in 6.11: default n")),
            (
                "6.12",
                recorded(
                    "false",
                    "recordings of 6.12.117: Debian builds without CONFIG_MEMCG_V1, as init/Kconfig says"
                )
            ),
            ("6.18", recorded("false", REC_618)),
            ("7.0", source("false", "init/Kconfig MEMCG_V1: default n")),
            ("7.3", recorded("false", REC_73)),
        ]
    ),
    flag!(
        "oom_group",
        oom_group,
        WhoIsKilled,
        "memory.oom.group exists (cgroup v2)",
        &[
            ("4.15", source("false", "commit 3d8b38eb81ca, 4.19, added it")),
            ("4.19", source("true", "commit 3d8b38eb81ca, 4.19")),
            ("5.10", recorded("true", REC_510)),
            ("6.1", recorded("true", REC_61)),
            ("6.12", recorded("true", REC_612)),
            ("6.18", recorded("true", REC_618)),
            ("7.3", recorded("true", REC_73)),
        ]
    ),
    flag!(
        "oom_group_kill_event",
        oom_group_kill_event,
        Figures,
        "memory.events has the counter oom_group_kill",
        &[
            ("4.15", source("false", "commit b6bf9abb0aa4, 5.17, added it")),
            ("5.10", recorded("false", "recordings of 5.10.262: memory.events has no such line")),
            ("5.17", source("true", "commit b6bf9abb0aa4, 5.17")),
            ("6.1", recorded("true", REC_61)),
            ("6.12", recorded("true", REC_612)),
            ("6.18", recorded("true", REC_618)),
            ("7.3", recorded("true", REC_73)),
        ]
    ),
    flag!(
        "high_throttle",
        high_throttle,
        Waiting,
        "a task over memory.high sleeps in proportion to the overage",
        &[
            ("4.15", source("false", "commit 0e4b01df8659, 5.4, added it")),
            ("5.4", source("true", "commit 0e4b01df8659, 5.4")),
            ("6.1", inferred("true", "source; delays not compared in the recordings of 6.1.176")),
            ("6.12", recorded("true", REC_612)),
            ("6.18", recorded("true", REC_618)),
            ("7.3", recorded("true", REC_73)),
        ]
    ),
    flag!(
        "rss_counters_batched",
        rss_counters_batched,
        WhoIsKilled,
        "the rss counters that the OOM killer reads are per CPU and run behind",
        &[
            ("4.15", source("false", "commit f1a7941243c1, 6.2, made them per CPU")),
            ("5.10", recorded("false", REC_510)),
            ("5.15", source("false", "commit f1a7941243c1, 6.2, made them per CPU")),
            ("6.1", recorded("false", REC_61)),
            ("6.2", source("true", "commit f1a7941243c1, 6.2")),
            ("6.12", recorded("true", "recordings of 6.12.117: rss_anon a multiple of 32 in 1124 of 1124 table rows")),
            ("6.18", recorded("true", "recordings of 6.18.15: 76 of 96 scores exact, the rest lower")),
            ("7.0", source("false", "commit 5898aa8f9a0b, 7.0: oom_badness sums the counters up (get_mm_rss_sum)")),
            ("7.3", recorded("false", "recordings of 7.3.4: 48 of 48 scores exact")),
        ]
    ),
    choice!("overcommit_guess", overcommit_guess, Refusals, "what vm.overcommit_memory = 0 compares a request with",
    { "free" => OvercommitGuess::Free, "total-ram" => OvercommitGuess::TotalRam },
    &[
        ("4.15", source("free", "mm/util.c __vm_enough_memory")),
        ("5.2", source("total-ram", "commit 8c7829b04c52, 5.2")),
        ("5.10", recorded("total-ram", REC_510)),
        ("6.1", recorded("total-ram", REC_61)),
        ("6.12", recorded("total-ram", REC_612)),
        ("6.18", recorded("total-ram", REC_618)),
        ("7.3", recorded("total-ram", REC_73)),
    ]),
    Capability {
        name: "charge_batch",
        doc: "pages charged to a memory cgroup at a time; also the step of memory.high's delay",
        decides: Consequence::WhenKilled,
        values: &[],
        changes: &[
            ("4.15", source("32", "mm/memcontrol.c CHARGE_BATCH")),
            ("4.19", source("32", "include/linux/memcontrol.h MEMCG_CHARGE_BATCH")),
            ("6.1", source("64", "commit 1813e51eece0, 6.1")),
        ],
        get: |p| p.charge_batch.to_string(),
        apply: |p, v| {
            p.charge_batch = v.parse().ok().filter(|n| (1..=65536).contains(n))?;
            Some(())
        },
    },
    number!(
        "charge_stocks",
        charge_stocks,
        Reclaim,
        "for how many cgroups a processor keeps pages that are charged in advance; one cgroup's are left out",
        65536,
        &[
            ("4.15", source("1", "mm/memcontrol.c memcg_stock_pcp; from 6.16 to 7.1 seven, given up at random")),
            ("7.2", source("7", "mm/memcontrol.c NR_MEMCG_STOCK, refill_stock: given up in turn")),
            ("7.3", recorded("7", "recordings protect of 7.3.4: memory.current is up to 192 pages above its parts")),
        ]
    ),
    choice!("pcp_high", pcp_high, WhenKilled, "how many freed pages a CPU's lists keep: at a node OOM no allocation can use them",
    {
        "six-batches" => PcpHigh::SixBatches,
        "low-watermark" => PcpHigh::LowWatermark,
        "auto-tuned" => PcpHigh::AutoTuned
    },
    &[
        ("4.15", source("six-batches", "mm/page_alloc.c pageset_set_batch")),
        ("5.14", source("low-watermark", "mm/page_alloc.c zone_highsize, 5.14")),
        ("6.1", recorded("low-watermark", "story s3-F08-007: 47 MiB freed end no wait, 84 do; the lists keep 54")),
        ("6.7", source("auto-tuned", "mm/page_alloc.c nr_pcp_high, 6.7 (commit 90b41691b988)")),
        ("6.12", recorded("auto-tuned", "stories F05: 27 of 53 MiB freed stay in the lists; recordings node")),
    ]),
    Capability {
        name: "node_oom_stall_ms",
        doc: "milliseconds of reclaim in vain before a node OOM kills",
        decides: Consequence::WhenKilled,
        values: &[],
        changes: &[
            ("4.15", source("20", "as 6.1 (not recorded)")),
            ("6.1", recorded("20", "stories of 6.1: kill after the block was due, median of 4 node OOMs")),
            (
                "6.12",
                recorded("130", "stories of 6.12: kill after the block was due, median of 29 node OOMs (50 to 310)"),
            ),
        ],
        get: |p| p.node_oom_stall_ms.to_string(),
        apply: |p, v| {
            p.node_oom_stall_ms = v.parse().ok().filter(|n| *n <= 60_000)?;
            Some(())
        },
    },
    flag!(
        "memory_stat_lags",
        memory_stat_lags,
        Figures,
        "memory.stat runs behind by up to 31 pages per counter and processor",
        &[
            ("4.15", source("true", "mm/memcontrol.c: flushed per CPU in batches until rstat came in 5.13")),
            ("5.10", recorded("true", "recordings of 5.10.262: `file 0` beside `inactive_file 24`")),
            ("5.13", source("false", "commit 2d146aa3aa84, 5.13: rstat, flushed when it is read")),
            ("6.1", recorded("false", REC_61)),
            ("6.12", recorded("false", REC_612)),
            ("6.18", recorded("false", REC_618)),
            ("7.3", recorded("false", REC_73)),
        ]
    ),
    flag!(
        "memory_reclaim",
        memory_reclaim,
        Reclaim,
        "the file memory.reclaim exists (cgroup v2)",
        &[
            ("4.15", source("false", "commit 94968384dde1, 5.19, added it")),
            ("5.10", recorded("false", "recordings of 5.10.262: ENOENT")),
            ("5.19", source("true", "commit 94968384dde1, 5.19")),
            ("6.1", recorded("true", REC_61)),
            ("6.12", recorded("true", REC_612)),
            ("7.3", recorded("true", REC_73)),
        ]
    ),
    flag!(
        "mapped_once_is_young",
        mapped_once_is_young,
        Reclaim,
        "MGLRU: a file page that is mapped once counts as active; later kernels wait for a second reference",
        &[
            ("4.15", source("true", "no MGLRU before 6.1")),
            ("6.1", source("true", "mm/vmscan.c, mm/workingset.c of 6.1")),
            ("6.12", recorded("true", "node stories of 6.12.117, page cache family")),
            ("6.14", source("false", "mm/vmscan.c lru_gen_set_refs, reworked in 6.14")),
        ]
    ),
    choice!("sibling_reclaim", sibling_reclaim, Reclaim, "MGLRU: from which cgroups below a full one pages are taken",
    { "proportional" => SiblingReclaim::Proportional, "first-large-enough" => SiblingReclaim::FirstLargeEnough },
    &[
        ("4.15", source("proportional", "mm/vmscan.c shrink_node_memcgs: walks all of them")),
        ("6.1", recorded("proportional", "recordings protect of 6.1.176")),
        ("6.10", source("first-large-enough", "mm/vmscan.c: partial walks bail out at the goal from 6.10 on")),
        (
            "6.12",
            recorded(
                "first-large-enough",
                "recordings protect of 6.12.117; mm/vmscan.c: partial walks bail out at the goal",
            ),
        ),
        ("7.3", recorded("first-large-enough", "recordings protect of 7.3.4")),
    ]),
    number!(
        "readahead_kib",
        readahead_kib,
        Reclaim,
        "KiB that are read beyond what a program asks for",
        65536,
        &[
            ("4.15", source("128", "mm/readahead.c VM_READAHEAD_PAGES")),
            ("5.10", recorded("128", REC_510)),
            ("6.1", recorded("128", REC_61)),
            ("6.12", recorded("128", REC_612)),
            ("6.18", recorded("8192", "recordings of 6.18.15: reading 3394 pages charges 5425")),
            ("7.3", recorded("8192", "recordings of 7.3.4: reading 3394 pages charges 5425")),
        ]
    ),
    flag!(
        "file_folios",
        file_folios,
        Reclaim,
        "files on ext4 are cached in folios of up to 2 MiB, which readahead aligns and reclaim takes as a whole",
        &[
            ("4.15", source("false", "no folios before 5.16; ext4 takes large ones from 6.16 on")),
            ("6.12", recorded("false", "recordings memory_reclaim of 6.12.117: batches of 64 pages")),
            ("6.16", source("true", "fs/ext4 takes large folios from 6.16 on")),
            ("6.18", recorded("true", "recordings swap of 6.18.15; mm/readahead.c page_cache_async_ra: aligned_end")),
            ("7.3", recorded("true", "recordings of 7.3.4: windows end at multiples of 1024 pages")),
        ]
    ),
    choice!("mglru_protection", mglru_protection, Reclaim, "MGLRU: how memory.min and memory.low protect what uses more",
    { "all-or-nothing" => Protection::AllOrNothing, "proportional" => Protection::Proportional },
    &[
        ("4.15", source("proportional", "no MGLRU before 6.1; the classic LRU scans what lies beyond")),
        ("6.1", source("all-or-nothing", "mm/vmscan.c lru_gen_shrink_lruvec: mem_cgroup_below_low is passed over")),
        ("6.12", recorded("all-or-nothing", "recordings protect of 6.12.117")),
        ("6.18", source("proportional", "mm/vmscan.c apply_proportional_protection")),
        ("7.3", recorded("proportional", "recordings protect of 7.3.4")),
    ]),
    flag!(
        "reclaim_stops_at_goal",
        reclaim_stops_at_goal,
        Reclaim,
        "MGLRU below a limit: reclaim stops within a cgroup as soon as enough is free",
        &[
            ("4.15", source("false", "mm/vmscan.c should_abort_scan: the root only")),
            ("6.12", source("false", "mm/vmscan.c should_abort_scan of 6.12: the root only")),
            ("7.2", source("true", "mm/vmscan.c should_abort_scan of 7.2: every cgroup")),
            ("7.3", recorded("true", "recordings memory_reclaim of 7.3.4")),
        ]
    ),
    flag!(
        "reclaim_in_quarters",
        reclaim_in_quarters,
        Reclaim,
        "memory.reclaim asks for a quarter of what is still to do at a time, and so frees little more than asked for",
        &[
            ("4.15", source("false", "no memory.reclaim before 5.19; then all at once")),
            ("6.1", recorded("false", "recordings memory_reclaim of 6.1.176: 3172 pages freed of 2408 asked for")),
            ("6.9", source("true", "commit 287d5fedb377, 6.9")),
            ("6.12", recorded("true", "recordings memory_reclaim of 6.12.117")),
            ("7.3", recorded("true", "recordings memory_reclaim of 7.3.4")),
        ]
    ),
    choice!("swap_writeback", swap_writeback, WhenKilled,
    "MGLRU and a swap disk: what becomes of a full cgroup that reads back what must be written out again",
    {
        "waits" => SwapWriteback::Waits,
        "kills" => SwapWriteback::Kills,
        "kills-at-swap-max" => SwapWriteback::KillsAtSwapMax
    },
    &[
        ("4.15", source("waits", "classic LRU: reclaim waits for pages under writeback")),
        ("6.1", recorded("waits", "recordings swap and psi of 6.1.176")),
        ("6.6", inferred("kills", "as 6.12, where MGLRU is on")),
        ("6.12", recorded("kills", "recordings of 6.12.117: OOM with 5480 of 65535 pages of swap in use")),
        ("6.18", recorded("kills-at-swap-max", "recordings swap and psi of 6.18.15")),
        ("7.3", recorded("kills-at-swap-max", "recordings swap and psi of 7.3.4")),
    ]),
    number!(
        "hang_hot_pages",
        hang_hot_pages,
        WhenKilled,
        "fewest pages of text in constant use with which a full cgroup hangs instead of being killed; 0: it is killed",
        65536,
        &[
            ("4.15", inferred("8", "as 5.10; moby#35463 is such a hang on 4.x")),
            ("5.10", recorded("8", "recordings of 5.10.262: stall hangs in 6 of 6 cases, race in 3 of 8")),
            ("6.1", recorded("16", "recordings of 6.1.176: stall hangs in 8 of 9 cases, race in 0 of 8")),
            ("6.6", inferred("8", "as 6.12")),
            ("6.12", recorded("8", "recordings of 6.12.117: stall hangs in 8 of 9 cases, race in 7 of 18")),
            ("6.18", recorded("0", "recordings of 6.18.15: stall is killed in 5 of 6 cases")),
            ("7.3", recorded("0", "recordings of 7.3.4: stall is killed in 6 of 9 cases, race in 8 of 8")),
        ]
    ),
    number!(
        "text_left_pages",
        text_left_pages,
        WhenKilled,
        "most pages of text in use that are left when the OOM killer runs",
        65536,
        &[
            ("4.15", inferred("0", "as 6.1")),
            ("6.1", recorded("0", REC_61)),
            ("6.12", recorded("0", REC_612)),
            (
                "6.18",
                recorded(
                    "100",
                    "recordings of 6.18.15: 0 to 113 pages at the kills of race, 32 to 474 at those of stall"
                )
            ),
            (
                "7.3",
                recorded(
                    "100",
                    "recordings of 7.3.4: 0 to 130 pages at the kills of race, 25 to 147 at those of stall"
                )
            ),
        ]
    ),
    number!(
        "second_kill_percent",
        second_kill_percent,
        WhoIsKilled,
        "in how many of 100 OOMs of a cgroup on several processors another process dies while the first is dying",
        65536,
        &[
            ("4.15", inferred("0", "as 6.1")),
            ("5.10", recorded("0", "recordings timing of 5.10.262: 0 of 6")),
            ("6.1", recorded("0", "recordings of 6.1.176: 1 of 583 cases")),
            ("6.12", recorded("0", "recordings of 6.12.117: 0 of 307 cases")),
            ("6.18", recorded("0", "recordings timing of 6.18.15: 0 of 2")),
            ("7.0", source("75", "commit a72f73c4dd9b: the scan does not see exiting tasks; frequency as 7.3.4")),
            ("7.3", recorded("75", "recordings timing of 7.3.4: 3 of 4")),
        ]
    ),
    flag!(
        "victim_gone_before_shared",
        victim_gone_before_shared,
        WhoIsKilled,
        "out of memory on the whole node: a victim counts as gone before its shared memory is free, and another dies",
        &[
            ("4.15", inferred("true", "as 5.10")),
            (
                "5.10",
                recorded("true", "recording node of 5.10.262: 66068 kB of shared memory and 60 of private, two die")
            ),
            ("6.0", source("false", "commit mm: drop oom code from exit_mmap, 6.0")),
            ("6.1", recorded("false", "recordings node of 6.1.176")),
        ]
    ),
    number!(
        "lowered_kill_percent",
        lowered_kill_percent,
        WhoIsKilled,
        "in how many of 100 limits lowered below the usage, on several processors, one process more than needed dies",
        65536,
        &[
            ("4.15", inferred("27", "as 5.10")),
            ("5.10", recorded("27", "recordings resize of 5.10.262: 3 of 11")),
            ("6.1", recorded("45", "recordings resize of 6.1.176: 5 of 11")),
            ("6.12", recorded("45", "recordings resize of 6.12.117: 5 of 11")),
            ("6.18", recorded("18", "recordings resize of 6.18.15: 2 of 11")),
            ("7.3", recorded("45", "recordings resize of 7.3.4: 5 of 11")),
        ]
    ),
    flag!(
        "failcnt_is_max_events",
        failcnt_is_max_events,
        Figures,
        "failcnt of an OOM report is the cgroup's `max` of memory.events (v2), which counts limits hit below it, too",
        &[
            ("4.15", source("false", "mm/memcontrol.c mem_cgroup_print_oom_meminfo: the counter's own failcnt")),
            ("6.18", source("true", "mm/memcontrol.c mem_cgroup_print_oom_meminfo: memory_events[MEMCG_MAX]")),
        ]
    ),
    number!(
        "psi_full_permille",
        psi_full_permille,
        Figures,
        "of 1000 parts of the time in which a task waits for memory, those in which the `full` line counts",
        1000,
        &[
            ("4.15", inferred("300", "as 5.10; no PSI before 4.20")),
            ("5.10", recorded("300", "recordings of 5.10.262: 90 to 620, as tasks in reclaim counted as productive")),
            ("5.17", source("1000", "commit cb0e52b77487, 5.17: a task in reclaim is not productive")),
            ("6.1", recorded("1000", "recordings of 6.1.176: full = some")),
            ("7.3", recorded("1000", "recordings of 7.3.4: full = some in every cgroup with one task")),
        ]
    ),
    flag!(
        "tmpfs_noswap",
        tmpfs_noswap,
        Reclaim,
        "a tmpfs can be mounted with noswap: its pages stay in memory",
        &[
            ("4.15", source("false", "commit 2c6efe9cf2d7, 6.4, added it")),
            ("6.4", source("true", "commit 2c6efe9cf2d7, 6.4")),
        ]
    ),
];
