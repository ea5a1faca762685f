//! The named capabilities of a kernel, as data: documentation, legal values, and each version's value with the
//! source of the fact and how sure it is.

use super::profile::{BadnessFloor, Lru, OvercommitGuess, PcpHigh, Profile, TieRule, VERSIONS};
use std::fmt;

/// How well a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// Seen in a recording or log of that kernel.
    Recorded,
    /// From the source code of that version or the commit that changed it.
    Source,
    /// Follows from the neighbouring versions.
    Inferred,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Confidence::Recorded => "recorded",
            Confidence::Source => "source",
            Confidence::Inferred => "inferred",
        })
    }
}

/// One version's value of a capability.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The value, as [`Profile::set`] takes it.
    pub value: &'static str,
    /// Where the fact comes from.
    pub source: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A capability.
#[derive(Clone, Copy)]
pub struct Capability {
    /// Its name in scenarios and tables.
    pub name: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
    /// The legal words; empty for a number.
    pub values: &'static [&'static str],
    /// Values by version, in the order of [`VERSIONS`].
    pub rows: [Row; VERSIONS.len()],
    pub(super) get: fn(&Profile) -> String,
    apply: fn(&mut Profile, &str) -> Option<()>,
}

/// A capability or value that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapabilityError {
    /// No capability has this name; the legal names, nearest first.
    Name {
        /// What was asked for.
        given: String,
        /// The legal names, nearest first.
        legal: Vec<&'static str>,
    },
    /// The capability does not take this value.
    Value {
        /// Which capability.
        name: &'static str,
        /// What was given.
        given: String,
        /// The legal words; empty when a positive number is expected.
        legal: &'static [&'static str],
    },
}

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapabilityError::Name { given, legal } => {
                let nearest = legal.first().unwrap_or(&"");
                write!(f, "no kernel capability {given:?}; did you mean {nearest:?}? legal: {}", legal.join(", "))
            }
            CapabilityError::Value { name, given, legal: [] } => {
                write!(f, "{name} = {given:?}: expected a number from 1 to 65536")
            }
            CapabilityError::Value { name, given, legal } => {
                write!(f, "{name} = {given:?}: expected one of {}", legal.join(", "))
            }
        }
    }
}

impl std::error::Error for CapabilityError {}

impl Capability {
    /// The capability of this name (`-` and `_` are the same).
    ///
    /// # Errors
    /// When there is none; the message has the legal names, nearest first.
    pub fn named(name: &str) -> Result<&'static Capability, CapabilityError> {
        let plain = name.replace('-', "_");
        CAPABILITIES.iter().find(|c| c.name == plain).ok_or_else(|| {
            let mut legal: Vec<_> = CAPABILITIES.iter().map(|c| c.name).collect();
            legal.sort_by_key(|n| (distance(n, &plain), *n));
            CapabilityError::Name { given: name.into(), legal }
        })
    }

    /// Sets this capability.
    ///
    /// # Errors
    /// When the value is not legal.
    pub fn set(&self, profile: &mut Profile, value: &str) -> Result<(), CapabilityError> {
        let value = value.trim().trim_matches('"');
        (self.apply)(profile, value).ok_or_else(|| CapabilityError::Value {
            name: self.name,
            given: value.into(),
            legal: self.values,
        })
    }
}

/// Edit distance, for suggestions.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

const fn recorded(value: &'static str, source: &'static str) -> Row {
    Row { value, source, confidence: Confidence::Recorded }
}
const fn source(value: &'static str, source: &'static str) -> Row {
    Row { value, source, confidence: Confidence::Source }
}
const fn inferred(value: &'static str, source: &'static str) -> Row {
    Row { value, source, confidence: Confidence::Inferred }
}

const BOOL: &[&str] = &["true", "false"];

macro_rules! flag {
    ($name:literal, $field:ident, $doc:literal, $rows:expr) => {
        Capability {
            name: $name,
            doc: $doc,
            values: BOOL,
            rows: $rows,
            get: |p| p.$field.to_string(),
            apply: |p, v| {
                p.$field = v.parse().ok()?;
                Some(())
            },
        }
    };
}

macro_rules! choice {
    ($name:literal, $field:ident, $doc:literal, { $($word:literal => $enum:ident::$variant:ident),+ }, $rows:expr) => {
        Capability {
            name: $name,
            doc: $doc,
            values: &[$($word),+],
            rows: $rows,
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

const LOG_415: &str = "log of a 4.15 node: stress killed at a 123 Mi pod limit";
const LOG_54: &str = "log of 5.4.0-1059-azure: dotnet killed at a 1 GiB limit";
const REC_61: &str = "recordings of 6.1.176";
const REC_612: &str = "recordings of 6.12.117";

/// All capabilities.
pub(super) const CAPABILITIES: &[Capability] = &[
    choice!("badness_floor", badness_floor, "what happens to a badness below one: raised to 1, or kept signed",
    { "one" => BadnessFloor::One, "signed" => BadnessFloor::Signed },
    [
        source("one", "mm/oom_kill.c oom_badness: returns points > 0 ? points : 1"),
        source("one", "mm/oom_kill.c oom_badness: returns points > 0 ? points : 1"),
        recorded("one", LOG_54),
        source("signed", "commit 9066e5cfb73c, 5.9: signed badness"),
        recorded("signed", REC_61),
        recorded("signed", REC_612)
    ]),
    choice!("tie", tie, "who dies among tasks with the same points",
    { "first-scanned" => TieRule::FirstScanned, "last-scanned" => TieRule::LastScanned },
    [
        source("first-scanned", "mm/oom_kill.c oom_evaluate_task: keeps a chosen thread-group leader"),
        source("first-scanned", "mm/oom_kill.c oom_evaluate_task: keeps a chosen thread-group leader"),
        recorded("last-scanned", LOG_54),
        source("last-scanned", "mm/oom_kill.c oom_evaluate_task: only fewer points are passed over"),
        recorded("last-scanned", REC_61),
        recorded("last-scanned", REC_612)
    ]),
    flag!(
        "root_bonus",
        root_bonus,
        "tasks with CAP_SYS_ADMIN on the host get 3 % fewer points",
        [
            source("true", "mm/oom_kill.c oom_badness: has_capability_noaudit(p, CAP_SYS_ADMIN)"),
            source("false", "commit d46078b28889, 4.17: bonus removed"),
            source("false", "commit d46078b28889, 4.17: bonus removed"),
            source("false", "commit d46078b28889, 4.17: bonus removed"),
            recorded("false", REC_61),
            recorded("false", REC_612)
        ]
    ),
    flag!(
        "sacrifice_child",
        sacrifice_child,
        "a child with its own memory and more points may die instead of its parent",
        [
            source("true", "mm/oom_kill.c oom_kill_process; the words 'or sacrifice child' in the 4.15 log"),
            source("true", "mm/oom_kill.c oom_kill_process"),
            source("false", "commit bbbe48029720, 5.1: heuristic removed; the 5.4 log lacks the words"),
            source("false", "commit bbbe48029720, 5.1: heuristic removed"),
            recorded("false", REC_61),
            recorded("false", REC_612)
        ]
    ),
    flag!(
        "oom_score_signed",
        oom_score_signed,
        "/proc/PID/oom_score is (1000 + points × 1000 / total) × 2 / 3 instead of points × 1000 / total",
        [
            source("false", "fs/proc/base.c proc_oom_score"),
            source("false", "fs/proc/base.c proc_oom_score"),
            source("false", "fs/proc/base.c proc_oom_score"),
            source("true", "commit 9066e5cfb73c, 5.9"),
            recorded("true", REC_61),
            recorded("true", REC_612)
        ]
    ),
    choice!("lru", lru, "page ageing out of the box",
    { "classic" => Lru::Classic, "mglru" => Lru::Mglru },
    [
        source("classic", "MGLRU was merged in 6.1"),
        source("classic", "MGLRU was merged in 6.1"),
        source("classic", "MGLRU was merged in 6.1"),
        source("classic", "MGLRU was merged in 6.1"),
        recorded("classic", "recordings of 6.1.176: Debian builds it off"),
        recorded("mglru", "recordings of 6.12.117: lru_gen 0x0007")
    ]),
    flag!(
        "memcg_v1",
        memcg_v1,
        "cgroup v1's memory controller is built in",
        [
            recorded("true", LOG_415),
            inferred("true", "between 4.15 and 5.4"),
            recorded("true", LOG_54),
            inferred("true", "between 5.4 and 6.1"),
            recorded("true", REC_61),
            recorded("false", "recordings of 6.12.117: Debian builds without CONFIG_MEMCG_V1")
        ]
    ),
    flag!(
        "oom_group",
        oom_group,
        "memory.oom.group exists (cgroup v2)",
        [
            source("false", "commit 3d8b38eb81ca, 4.19, added it"),
            source("true", "commit 3d8b38eb81ca, 4.19"),
            source("true", "commit 3d8b38eb81ca, 4.19"),
            source("true", "commit 3d8b38eb81ca, 4.19"),
            recorded("true", REC_61),
            recorded("true", REC_612)
        ]
    ),
    flag!(
        "oom_group_kill_event",
        oom_group_kill_event,
        "memory.events has the counter oom_group_kill",
        [
            source("false", "commit b6bf9abb0aa4, 5.17, added it"),
            source("false", "commit b6bf9abb0aa4, 5.17, added it"),
            source("false", "commit b6bf9abb0aa4, 5.17, added it"),
            source("false", "commit b6bf9abb0aa4, 5.17, added it"),
            recorded("true", REC_61),
            recorded("true", REC_612)
        ]
    ),
    flag!(
        "high_throttle",
        high_throttle,
        "a task over memory.high sleeps in proportion to the overage",
        [
            source("false", "commit 0e4b01df8659, 5.4, added it"),
            source("false", "commit 0e4b01df8659, 5.4, added it"),
            source("true", "commit 0e4b01df8659, 5.4"),
            source("true", "commit 0e4b01df8659, 5.4"),
            inferred("true", "source; delays not compared in the recordings of 6.1.176"),
            recorded("true", REC_612)
        ]
    ),
    flag!(
        "rss_counters_batched",
        rss_counters_batched,
        "the rss counters that the OOM killer reads are per CPU and run behind",
        [
            source("false", "commit f1a7941243c1, 6.2, made them per CPU"),
            source("false", "commit f1a7941243c1, 6.2, made them per CPU"),
            source("false", "commit f1a7941243c1, 6.2, made them per CPU"),
            source("false", "commit f1a7941243c1, 6.2, made them per CPU"),
            recorded("false", REC_61),
            recorded("true", "recordings of 6.12.117: rss_anon a multiple of 32 in 1124 of 1124 table rows")
        ]
    ),
    choice!("overcommit_guess", overcommit_guess, "what vm.overcommit_memory = 0 compares a request with",
    { "free" => OvercommitGuess::Free, "total-ram" => OvercommitGuess::TotalRam },
    [
        source("free", "mm/util.c __vm_enough_memory"),
        source("free", "mm/util.c __vm_enough_memory"),
        source("total-ram", "commit 8c7829b04c52, 5.2"),
        source("total-ram", "commit 8c7829b04c52, 5.2"),
        recorded("total-ram", REC_61),
        recorded("total-ram", REC_612)
    ]),
    Capability {
        name: "charge_batch",
        doc: "pages charged to a memory cgroup at a time; also the step of memory.high's delay",
        values: &[],
        rows: [
            source("32", "mm/memcontrol.c CHARGE_BATCH"),
            source("32", "include/linux/memcontrol.h MEMCG_CHARGE_BATCH"),
            source("32", "include/linux/memcontrol.h MEMCG_CHARGE_BATCH"),
            source("32", "include/linux/memcontrol.h MEMCG_CHARGE_BATCH"),
            source("64", "commit 1813e51eece0, 6.1"),
            source("64", "commit 1813e51eece0, 6.1"),
        ],
        get: |p| p.charge_batch.to_string(),
        apply: |p, v| {
            p.charge_batch = v.parse().ok().filter(|n| (1..=65536).contains(n))?;
            Some(())
        },
    },
    choice!("pcp_high", pcp_high, "how many freed pages a CPU's lists keep: at a node OOM they help nobody",
    { "six-batches" => PcpHigh::SixBatches, "low-watermark" => PcpHigh::LowWatermark },
    [
        source("six-batches", "mm/page_alloc.c pageset_set_batch"),
        source("six-batches", "mm/page_alloc.c pageset_set_batch"),
        source("six-batches", "mm/page_alloc.c pageset_set_batch"),
        source("low-watermark", "mm/page_alloc.c zone_highsize, 5.14"),
        recorded("low-watermark", "story s3-F08-007: 47 MiB freed help nobody, 84 do; the lists keep 54"),
        recorded("low-watermark", "stories F05: 27 of 53 MiB freed stay in the lists")
    ]),
    Capability {
        name: "node_oom_stall_ms",
        doc: "milliseconds of reclaim in vain before a node OOM kills",
        values: &[],
        rows: [
            source("20", "as 6.1 (not recorded)"),
            source("20", "as 6.1 (not recorded)"),
            source("20", "as 6.1 (not recorded)"),
            source("20", "as 6.1 (not recorded)"),
            recorded("20", "stories of 6.1: kill after the block was due, median of 4 node OOMs"),
            recorded("130", "stories of 6.12: kill after the block was due, median of 29 node OOMs (50 to 310)"),
        ],
        get: |p| p.node_oom_stall_ms.to_string(),
        apply: |p, v| {
            p.node_oom_stall_ms = v.parse().ok().filter(|n| *n <= 60_000)?;
            Some(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_sets_a_legal_value_and_reads_back() {
        for capability in CAPABILITIES {
            for (row, version) in capability.rows.iter().zip(VERSIONS) {
                let mut profile = Profile::default();
                capability.set(&mut profile, row.value).unwrap();
                assert_eq!((capability.get)(&profile), row.value, "{} of {version}", capability.name);
                assert_eq!(Profile::named(version).unwrap().get(capability.name).unwrap(), row.value);
                assert!(!row.source.is_empty());
            }
        }
    }

    #[test]
    fn a_wrong_name_or_value_says_what_is_legal() {
        let mut profile = Profile::default();
        let wrong_name = profile.set("badnes_floor", "one").unwrap_err().to_string();
        assert!(wrong_name.contains("did you mean \"badness_floor\""), "{wrong_name}");
        let wrong_value = profile.set("badness-floor", "two").unwrap_err().to_string();
        assert!(wrong_value.contains("one, signed"), "{wrong_value}");
        assert!(profile.set("charge_batch", "0").is_err());
        profile.set("root_bonus", "true").unwrap();
        assert!(profile.root_bonus);
    }
}
