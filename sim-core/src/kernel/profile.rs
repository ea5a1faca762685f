//! Kernel versions as rows of named capabilities. Model code asks for a capability, never for a version.

use super::capability::{Capability, CapabilityError};
use super::release::{numbers, version};
use super::rows::CAPABILITIES;
use serde::Serialize;
use std::sync::OnceLock;

/// How a badness below one is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadnessFloor {
    /// Points of a killable task are at least 1: all tasks of a Guaranteed pod tie.
    One,
    /// Points are signed; the least negative wins.
    Signed,
}

/// Who dies among tasks of equal points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieRule {
    /// The first task scanned keeps its place.
    FirstScanned,
    /// A later task with the same points takes over.
    LastScanned,
}

/// How pages are sorted by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lru {
    /// Active and inactive list.
    Classic,
    /// Multi-generational LRU.
    Mglru,
}

/// What `vm.overcommit_memory = 0` compares a request with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OvercommitGuess {
    /// Free pages, page cache, free swap and reclaimable slab, less reserves.
    Free,
    /// RAM plus swap.
    TotalRam,
}

/// From which of several cgroups below a full one reclaim takes pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiblingReclaim {
    /// From all of them, in proportion.
    Proportional,
    /// From the first that is large enough, until enough is free.
    FirstLargeEnough,
}

/// How MGLRU respects `memory.min` and `memory.low` of a cgroup that uses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// It is passed over while it uses no more than that, and reclaimed as any other else.
    AllOrNothing,
    /// What lies beyond its protection decides how much of it is looked at.
    Proportional,
}

/// What becomes of a full cgroup with MGLRU that reads back from a swap disk what it must write out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapWriteback {
    /// Reclaim waits for the disk.
    Waits,
    /// An OOM kill with swap left.
    Kills,
    /// An OOM kill when `memory.swap.max` has no room for all that is in memory.
    KillsAtSwapMax,
}

/// One kernel as the model sees it. How its log is worded is [`super::log::LogStyle`]'s.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Profile {
    /// `major.minor`.
    pub version: String,
    /// What happens to a badness below one.
    pub badness_floor: BadnessFloor,
    /// Who dies among equals.
    pub tie: TieRule,
    /// Tasks with CAP_SYS_ADMIN on the host are worth 3 % less.
    pub root_bonus: bool,
    /// A child with its own memory and more points may die instead of its parent.
    pub sacrifice_child: bool,
    /// `oom_score` shows (1000 + points × 1000 / total) × 2 / 3 instead of points × 1000 / total.
    pub oom_score_signed: bool,
    /// Page ageing out of the box.
    pub lru: Lru,
    /// Cgroup v1's memory controller is built in.
    pub memcg_v1: bool,
    /// `memory.oom.group` exists (v2).
    pub oom_group: bool,
    /// `memory.events` has `oom_group_kill`.
    pub oom_group_kill_event: bool,
    /// A task over `memory.high` sleeps in proportion to the overage.
    pub high_throttle: bool,
    /// The rss counters the OOM killer reads are per-CPU and run behind.
    pub rss_counters_batched: bool,
    /// What mode 0 of overcommit compares with.
    pub overcommit_guess: OvercommitGuess,
    /// Pages charged to a memory cgroup at a time.
    pub charge_batch: u32,
    /// For how many cgroups a processor keeps pages that are charged in advance.
    pub charge_stocks: u32,
    /// How many freed pages a CPU's lists keep.
    pub pcp_high: PcpHigh,
    /// Milliseconds from the first allocation that finds free memory at the min watermark to the OOM killer.
    pub node_oom_stall_ms: u32,
    /// `memory.stat` runs behind by up to 31 pages per counter and CPU.
    pub memory_stat_lags: bool,
    /// The file `memory.reclaim` exists.
    pub memory_reclaim: bool,
    /// MGLRU: a file page that is mapped once is young.
    pub mapped_once_is_young: bool,
    /// From which siblings MGLRU takes pages.
    pub sibling_reclaim: SiblingReclaim,
    /// KiB that the kernel reads beyond what is asked for.
    pub readahead_kib: u32,
    /// Files on ext4 are cached in folios of up to 2 MiB, which go as a whole.
    pub file_folios: bool,
    /// How MGLRU respects protection.
    pub mglru_protection: Protection,
    /// MGLRU stops within a cgroup as soon as enough is free.
    pub reclaim_stops_at_goal: bool,
    /// `memory.reclaim` asks for a quarter of what is still to do at a time.
    pub reclaim_in_quarters: bool,
    /// What MGLRU does about pages under writeback to a swap disk.
    pub swap_writeback: SwapWriteback,
    /// Fewest pages of hot text with which a full cgroup hangs; 0: it is killed.
    pub hang_hot_pages: u32,
    /// Most pages of hot text left when the OOM killer runs.
    pub text_left_pages: u32,
    /// In how many of 100 OOMs of a cgroup on several processors a second process dies beside the first.
    pub second_kill_percent: u32,
    /// A victim of the OOM killer counts as gone when its private memory is free, while its shared memory is not yet.
    pub victim_gone_before_shared: bool,
    /// In how many of 100 limits lowered below the usage, on several processors, one process more dies.
    pub lowered_kill_percent: u32,
    /// On v2, `failcnt` of an OOM report is `max` of memory.events instead of the counter's own.
    pub failcnt_is_max_events: bool,
    /// Of 1000 parts of stalled time of one task, those that `full` counts.
    pub psi_full_permille: u32,
    /// A tmpfs can be mounted with `noswap`.
    pub tmpfs_noswap: bool,
}

/// How many freed pages a CPU's lists keep before they go back to the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PcpHigh {
    /// Six batches of 63 pages.
    SixBatches,
    /// The zone's low watermark, shared by the CPUs.
    LowWatermark,
    /// The same when memory is short; before, more and more with what is freed, up to an eighth of the zone.
    AutoTuned,
}

/// The versions with a row, oldest first.
pub const VERSIONS: [&str; 13] =
    ["4.15", "4.19", "5.4", "5.10", "5.15", "6.1", "6.6", "6.8", "6.12", "6.18", "7.0", "7.2", "7.3"];

/// The version that a scenario has which names none: the longterm kernel that most node images ship.
pub const DEFAULT_VERSION: &str = "6.12";

impl Profile {
    /// The kernel of a version, `6.12`: a row of [`VERSIONS`], or between two of them what is known of it. `None`: it
    /// is no version, or older than all rows.
    pub fn named(text: &str) -> Option<Profile> {
        // Every setting of a sweep asks for the same row.
        static ROWS: [OnceLock<Profile>; VERSIONS.len()] = [const { OnceLock::new() }; VERSIONS.len()];
        if let Some(place) = VERSIONS.iter().position(|v| *v == text) {
            return Some(ROWS[place].get_or_init(|| Profile::from_row(VERSIONS[place])).clone());
        }
        let (major, minor) = version(text).filter(|found| Some(*found) >= version(VERSIONS[0]))?;
        Some(Profile::from_row(&format!("{major}.{minor}")))
    }

    fn from_row(version: &str) -> Profile {
        let mut profile = Profile::newest();
        profile.version = version.into();
        let at = self::version(version).unwrap_or_else(|| numbers(VERSIONS[0]));
        CAPABILITIES.iter().for_each(|capability| capability.set_row(&mut profile, at));
        profile
    }

    /// All rows, and all versions at which a capability changes, oldest first.
    pub fn known_versions() -> Vec<&'static str> {
        let mut all: Vec<_> = CAPABILITIES.iter().flat_map(Capability::change_points).chain(VERSIONS).collect();
        all.sort_by_key(|text| version(text));
        all.dedup();
        all
    }

    /// All rows, oldest first.
    pub fn all() -> impl Iterator<Item = Profile> {
        VERSIONS.iter().filter_map(|v| Profile::named(v))
    }

    /// The capabilities with documentation, legal values, and the source of each row's value.
    pub fn capabilities() -> &'static [Capability] {
        CAPABILITIES
    }

    /// Overrides one capability by name (distributions backport changes). Values are the words of
    /// [`Capability::values`], `true`/`false`, or a number.
    ///
    /// # Errors
    /// When the name or the value is not known; the message has the legal ones and the nearest.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), CapabilityError> {
        Capability::named(name)?.set(self, value)
    }

    /// The value of one capability as [`Profile::set`] takes it.
    ///
    /// # Errors
    /// When the name is not known.
    pub fn get(&self, name: &str) -> Result<String, CapabilityError> {
        Ok((Capability::named(name)?.get)(self))
    }

    /// The values every field has before its row is applied.
    fn newest() -> Profile {
        Profile {
            version: String::new(),
            badness_floor: BadnessFloor::Signed,
            tie: TieRule::LastScanned,
            root_bonus: false,
            sacrifice_child: false,
            oom_score_signed: true,
            lru: Lru::Mglru,
            memcg_v1: true,
            oom_group: true,
            oom_group_kill_event: true,
            high_throttle: true,
            rss_counters_batched: true,
            overcommit_guess: OvercommitGuess::TotalRam,
            charge_batch: 64,
            charge_stocks: 7,
            pcp_high: PcpHigh::LowWatermark,
            node_oom_stall_ms: 0,
            memory_stat_lags: false,
            memory_reclaim: true,
            mapped_once_is_young: false,
            sibling_reclaim: SiblingReclaim::FirstLargeEnough,
            readahead_kib: 128,
            file_folios: false,
            mglru_protection: Protection::AllOrNothing,
            reclaim_stops_at_goal: false,
            reclaim_in_quarters: true,
            swap_writeback: SwapWriteback::KillsAtSwapMax,
            hang_hot_pages: 0,
            text_left_pages: 0,
            second_kill_percent: 0,
            victim_gone_before_shared: false,
            lowered_kill_percent: 0,
            failcnt_is_max_events: true,
            psi_full_permille: 1000,
            tmpfs_noswap: true,
        }
    }
}

impl Default for Profile {
    /// The row of [`DEFAULT_VERSION`].
    fn default() -> Self {
        Profile::named(DEFAULT_VERSION).unwrap_or_else(Profile::newest)
    }
}
