//! Lines of the `Mem-Info` block.

use super::{Figure, LogLine, Parsed, leading_number, pid_at};
use crate::report::{HugePages, Zone};

/// `1048576 pages RAM` and the like.
pub(super) fn page_figure(text: &str) -> Option<Parsed> {
    let (n, rest) = leading_number(text)?;
    let figure = |f| Some(Parsed::whole(LogLine::Figure(f, n)));
    match rest.trim_start() {
        "total pagecache pages" => figure(Figure::PageCachePages),
        "pages in swap cache" => figure(Figure::SwapCachePages),
        "pages RAM" => figure(Figure::RamPages),
        "pages reserved" => figure(Figure::ReservedPages),
        "pages HighMem/MovableOnly" | "pages cma reserved" | "pages hwpoisoned" | "pages in pagetable cache" => {
            Some(Parsed::whole(LogLine::Filler))
        }
        _ => None,
    }
}

/// `Node 0 …`.
pub(super) fn node(text: &str) -> Option<Parsed> {
    let (n, rest) = pid_at(&text[5..])?;
    zone(n, rest.trim_start())
}

/// `DMA32 free:2156kB …`; also the node's own line, free lists and huge pages, which are fillers.
pub(super) fn zone(node: u32, text: &str) -> Option<Parsed> {
    let (name, rest) = text.split_once(' ')?;
    if let Some(zone_name) = name.strip_suffix(':') {
        return is_zone(zone_name).then(|| free_list(node, zone_name, rest)).flatten();
    }
    if name.starts_with("hugepages_total=") {
        return huge_pages(node, text);
    }
    // The last word: of the node's own line since 4.8, of a zone's before and after that.
    let whole = text.ends_with("all_unreclaimable? no") || text.ends_with("all_unreclaimable? yes");
    if !is_zone(name) {
        return name.starts_with("active_anon:").then_some(Parsed { line: LogLine::Filler, whole });
    }
    if rest.starts_with("per-cpu:") {
        return Some(Parsed::whole(LogLine::Filler));
    }
    let mut kb = Vec::new();
    for item in rest.split_whitespace().take(48) {
        let Some((key, value)) = item.split_once(':') else { continue };
        if let Some((n, unit)) = leading_number(value)
            && unit.eq_ignore_ascii_case("kb")
        {
            kb.push((key.to_string(), n));
        }
    }
    let zone = Zone { node, name: name.to_string(), kb, ..Zone::default() };
    let whole = whole || zone.get("free_cma").is_some();
    (!zone.kb.is_empty()).then_some(Parsed { line: LogLine::Zone(zone), whole })
}

/// `12*4kB (UM) 10*8kB (U) … = 88832kB`.
fn free_list(node: u32, zone: &str, rest: &str) -> Option<Parsed> {
    let (blocks, _) = rest.split_once('=')?;
    let blocks: Vec<(u64, u64)> = blocks
        .split_whitespace()
        .filter_map(|word| {
            let (count, size) = word.split_once('*')?;
            Some((size.strip_suffix("kB")?.parse().ok()?, count.parse().ok()?))
        })
        .take(32)
        .collect();
    let line = LogLine::FreeList { node, zone: zone.to_string(), blocks };
    Some(Parsed::whole(line))
}

/// `hugepages_total=4 hugepages_free=4 hugepages_surp=0 hugepages_size=2048kB`.
fn huge_pages(node: u32, text: &str) -> Option<Parsed> {
    let of = |key: &str| leading_number(text.split_once(key)?.1).map(|(n, _)| n);
    let (total, free) = (of("hugepages_total=")?, of("hugepages_free=").unwrap_or(0));
    let size_kb = of("hugepages_size=").unwrap_or(2048);
    Some(Parsed::whole(LogLine::HugePages(HugePages { node, total, free, size_kb })))
}

/// A row of `Unreclaimable slab info`: `kmalloc-2k          123KB        456KB`.
pub(super) fn slab(text: &str) -> Option<Parsed> {
    let mut words = text.split_whitespace();
    let (name, used, total) = (words.next()?, words.next()?, words.next()?);
    let kb = |w: &str| w.strip_suffix("KB")?.parse::<u64>().ok();
    let (_, total) = (kb(used)?, kb(total)?);
    words.next().is_none().then(|| Parsed::whole(LogLine::Slab { name: name.to_string(), kb: total }))
}

fn is_zone(name: &str) -> bool {
    matches!(name, "DMA" | "DMA32" | "Normal" | "HighMem" | "Movable" | "Device")
}

/// ` active_file:9 inactive_file:6 isolated_file:0`.
pub(super) fn mem_pages(text: &str) -> Option<Parsed> {
    const FIRST: [&str; 9] = [
        "active_anon:",
        "active_file:",
        "unevictable:",
        "slab_reclaimable:",
        "mapped:",
        "sec_pagetables:",
        "kernel_misc_reclaimable:",
        "free:",
        "kernel_stack:",
    ];
    if !FIRST.iter().any(|f| text.starts_with(f)) {
        return None;
    }
    /// Words of which one ends each of the lines.
    const LAST: [&str; 9] = [
        "isolated_anon:",
        "isolated_file:",
        "writeback:",
        "unstable:",
        "slab_unreclaimable:",
        "pagetables:",
        "bounce:",
        "kernel_misc_reclaimable:",
        "free_cma:",
    ];
    let mut values = Vec::new();
    for item in text.split_whitespace().take(16) {
        let (key, value) = item.split_once(':')?;
        values.push((key.to_string(), value.parse().ok()?));
    }
    let last = text.rsplit(' ').next().unwrap_or("");
    let whole = LAST.iter().any(|word| last.starts_with(word));
    Some(Parsed { line: LogLine::MemPages(values), whole })
}
