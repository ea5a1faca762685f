//! Memory in a report: of the cgroup at its limit, of the machine and its zones.

use serde::Serialize;

/// A usage line of the cgroup, in kB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// Usage.
    pub usage_kb: u64,
    /// Limit.
    pub limit_kb: u64,
    /// Fail count.
    pub failcnt: u64,
}

impl Counter {
    /// True when the limit is the kernel's "no limit" (`PAGE_COUNTER_MAX`, or older `RES_COUNTER_MAX`).
    pub fn unlimited(&self) -> bool {
        self.limit_kb >= 9_007_199_254_740_988 / 2
    }
}

/// Statistics of a cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CgroupStats {
    /// Path.
    pub cgroup: String,
    /// Keys with values in bytes (or counts) in printed order. From `cache:12KB …` lines converted to bytes.
    pub values: Vec<(String, u64)>,
}

/// A zone of the `Mem-Info` block, in kB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// NUMA node.
    pub node: u32,
    /// `DMA`, `DMA32`, `Normal` …
    pub name: String,
    /// Keys with values in kB in printed order (`free`, `min`, `low`, `high`, `present`, `managed` …).
    pub kb: Vec<(String, u64)>,
    /// `lowmem_reserve[]` in pages.
    pub lowmem_reserve: Vec<u64>,
    /// Free blocks, from the line `Node 0 Normal: 12*4kB (UM) 10*8kB …`: size in kB and how many, smallest first.
    pub free_blocks: Vec<(u64, u64)>,
}

impl Zone {
    /// A figure of the zone in kB.
    pub fn get(&self, key: &str) -> Option<u64> {
        self.kb.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }
}

/// The zones that an allocation may use, where that is not all of them, from the lowest on (mm/page_alloc.c,
/// include/linux/gfp.h): flags for devices allow the lowest; on 32 bits only user memory may be in HighMem.
fn zones_of(gfp: &str, zones: &[Zone]) -> Option<&'static [&'static str]> {
    let flag = |name: &str| gfp.split(['(', '|', ')']).any(|flag| flag == name);
    if flag("GFP_DMA") || flag("__GFP_DMA") {
        Some(&["DMA"])
    } else if flag("GFP_DMA32") || flag("__GFP_DMA32") {
        Some(&["DMA", "DMA32"])
    } else if gfp.contains('(') && !gfp.contains("HIGH") && zones.iter().any(|zone| zone.name == "HighMem") {
        Some(&["DMA", "DMA32", "Normal"])
    } else {
        None
    }
}

/// The zones that ran out while others have memory, by the flags of the allocation; `None`: it might have used all.
pub(super) fn full_zones<'z>(gfp: &str, zones: &'z [Zone]) -> Option<Vec<&'z Zone>> {
    let names = zones_of(gfp, zones)?;
    let (own, others): (Vec<&Zone>, Vec<&Zone>) = zones.iter().partition(|zone| names.contains(&zone.name.as_str()));
    let sum = |zones: &[&Zone], key: &str| zones.iter().filter_map(|zone| zone.get(key)).fold(0, u64::saturating_add);
    let full = !own.is_empty() && sum(&own, "free") <= sum(&own, "low");
    (full && sum(&others, "free") > sum(&others, "high")).then_some(own)
}

/// Huge pages of a node, from `Node 0 hugepages_total=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HugePages {
    /// NUMA node.
    pub node: u32,
    /// Pages set aside.
    pub total: u64,
    /// Of them not in use.
    pub free: u64,
    /// Size of one in kB.
    pub size_kb: u64,
}

/// The `Mem-Info` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemInfo {
    /// Overall counts in pages (`active_anon`, `free`, …) in printed order.
    pub pages: Vec<(String, u64)>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Total page cache pages.
    pub pagecache_pages: Option<u64>,
    /// Pages in swap cache.
    pub swapcache_pages: Option<u64>,
    /// Free swap.
    pub free_swap_kb: Option<u64>,
    /// Total swap.
    pub total_swap_kb: Option<u64>,
    /// Pages of RAM.
    pub ram_pages: Option<u64>,
    /// Pages that the kernel keeps to itself.
    pub reserved_pages: Option<u64>,
    /// Huge pages by node and size.
    pub huge_pages: Vec<HugePages>,
    /// Largest users of `Unreclaimable slab info` in kB, as printed.
    pub slabs: Vec<(String, u64)>,
}

impl MemInfo {
    /// A count of the overall block, in pages.
    pub fn get(&self, key: &str) -> Option<u64> {
        self.pages.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }
}
