//! `Mem-Info:` and what follows it when the node is out of memory.

use super::Out;
use super::memcg::anon_lists;
use super::record::WARNING;
use super::style::{HighAtomic, LogStyle};
use crate::node_api::{OomReport, ZoneInfo};
use crate::units::{Bytes, Pages};
use std::fmt::Write;

/// Figures of the node in pages.
struct Node {
    active_anon: u64,
    inactive_anon: u64,
    active_file: u64,
    inactive_file: u64,
    unevictable: u64,
    slab: u64,
    mapped: u64,
    shmem: u64,
    pagetables: u64,
    free: u64,
    page_cache: u64,
}

impl Node {
    fn of(style: &LogStyle, report: &OomReport) -> Node {
        let pages = |b: Bytes| b.to_pages_floor().get();
        let (active_anon, inactive_anon) = anon_lists(style.new_anon, &report.stat);
        let info = &report.mem_info;
        let cache = pages(info.cached).saturating_add(pages(info.shmem));
        let sum = |f: fn(&crate::node_api::TaskRow) -> Pages| {
            report.tasks.iter().fold(0u64, |s, t| s.saturating_add(f(t).get()))
        };
        let pagetables = sum(|t| t.pgtables.to_pages_floor());
        Node {
            active_anon: pages(active_anon),
            inactive_anon: pages(inactive_anon),
            active_file: pages(report.stat.active_file),
            inactive_file: pages(report.stat.inactive_file),
            unevictable: pages(report.stat.unevictable),
            // All kernel memory that is not page tables counts as slab: the model does not divide it further.
            slab: pages(info.kernel).saturating_sub(pagetables),
            // A page mapped by several processes is counted once, which the table cannot tell: the cache bounds it.
            mapped: sum(|t| Pages::new(t.rss_file.get().saturating_add(t.rss_shmem.get()))).min(cache),
            shmem: pages(info.shmem),
            pagetables,
            free: pages(info.free),
            page_cache: cache,
        }
    }
}

pub(super) fn lines(out: &mut Out, style: &LogStyle, report: &OomReport, huge_pages: u64) {
    let node = Node::of(style, report);
    let info = &report.mem_info;
    out.push(WARNING, "Mem-Info:".into());
    out.push(WARNING, overall(style, &node));
    out.push(WARNING, node_line(style, &node));
    for (index, zone) in report.zones.iter().enumerate() {
        out.push(WARNING, zone_line(style, zone));
        out.push(WARNING, lowmem_reserve(&report.zones, index));
    }
    for zone in &report.zones {
        out.push(WARNING, free_list(zone));
    }
    // `hugetlb_show_meminfo_node`. No simulated program maps any of them.
    let pool = format!("hugepages_total={huge_pages} hugepages_free={huge_pages} hugepages_surp=0");
    out.push(WARNING, format!("Node 0 {pool} hugepages_size=2048kB"));
    out.push(WARNING, format!("{} total pagecache pages", node.page_cache));
    out.push(WARNING, "0 pages in swap cache".into());
    // With swap in use the counters would have to be invented.
    if style.mem_info.swap_cache_stats && info.swap_total == Bytes::ZERO {
        out.push(WARNING, "Swap cache stats: add 0, delete 0, find 0/0".into());
    }
    out.push(WARNING, format!("Free swap  = {}kB", info.swap_free.to_kib_floor()));
    out.push(WARNING, format!("Total swap = {}kB", info.swap_total.to_kib_floor()));
    let present: Pages = report.zones.iter().map(|z| z.present).sum();
    let managed: Pages = report.zones.iter().map(|z| z.managed).sum();
    out.push(WARNING, format!("{} pages RAM", present.get()));
    out.push(WARNING, "0 pages HighMem/MovableOnly".into());
    out.push(WARNING, format!("{} pages reserved", present.saturating_sub(managed).get()));
    out.push(WARNING, "0 pages hwpoisoned".into());
}

fn overall(style: &LogStyle, n: &Node) -> String {
    let s = &style.mem_info;
    let mut text = format!(
        "active_anon:{} inactive_anon:{} isolated_anon:0\n active_file:{} inactive_file:{} isolated_file:0\n",
        n.active_anon, n.inactive_anon, n.active_file, n.inactive_file
    );
    let unstable = if s.unstable { " unstable:0" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        " unevictable:{} dirty:0 writeback:0{unstable}\n slab_reclaimable:0 slab_unreclaimable:{}\n mapped:{} shmem:{} pagetables:{}",
        n.unevictable, n.slab, n.mapped, n.shmem, n.pagetables
    );
    text.push_str(if s.sec_pagetables { "\n sec_pagetables:0 bounce:0\n" } else { " bounce:0\n" });
    if s.kernel_misc_reclaimable {
        text.push_str(" kernel_misc_reclaimable:0\n");
    }
    let _ = write!(text, " free:{} free_pcp:0 free_cma:0", n.free);
    text
}

fn kb(pages: u64) -> u64 {
    pages.saturating_mul(4)
}

fn node_line(style: &LogStyle, n: &Node) -> String {
    let s = &style.mem_info;
    let blank = if s.thp_blank { " " } else { "" };
    let mut line = format!(
        "Node 0 active_anon:{}kB inactive_anon:{}kB active_file:{}kB inactive_file:{}kB unevictable:{}kB \
         isolated(anon):0kB isolated(file):0kB mapped:{}kB dirty:0kB writeback:0kB shmem:{}kB \
         shmem_thp:{blank}0kB shmem_pmdmapped:{blank}0kB anon_thp:{blank}0kB",
        kb(n.active_anon),
        kb(n.inactive_anon),
        kb(n.active_file),
        kb(n.inactive_file),
        kb(n.unevictable),
        kb(n.mapped),
        kb(n.shmem)
    );
    if s.writeback_tmp {
        line.push_str(" writeback_tmp:0kB");
    }
    if s.unstable {
        line.push_str(" unstable:0kB");
    }
    if s.per_node_kernel {
        let _ = write!(line, " kernel_stack:0kB pagetables:{}kB", kb(n.pagetables));
    }
    if s.sec_pagetables {
        line.push_str(" sec_pagetables:0kB");
    }
    // Reclaim has given up: that is why the killer runs.
    line.push_str(" all_unreclaimable? yes");
    if s.balloon {
        line.push_str(" Balloon:0kB");
    }
    if s.gpu {
        line.push_str(" gpu_active:0kB gpu_reclaim:0kB");
    }
    line
}

/// The zone's line as far as the model knows zones: free, watermarks, sizes.
fn zone_line(style: &LogStyle, z: &ZoneInfo) -> String {
    let s = &style.mem_info;
    let [min, low, high] = z.watermark.map(Pages::kib);
    let boost = if s.boost { "boost:0kB " } else { "" };
    let highatomic = match s.high_atomic {
        HighAtomic::None => "",
        HighAtomic::Reserved => " reserved_highatomic:0KB",
        HighAtomic::WithFree => " reserved_highatomic:0KB free_highatomic:0KB",
        HighAtomic::WithFreeInKb => " reserved_highatomic:0kB free_highatomic:0kB",
    };
    format!(
        "Node 0 {} free:{}kB {boost}min:{min}kB low:{low}kB high:{high}kB{highatomic} present:{}kB managed:{}kB",
        z.name,
        z.free.kib(),
        z.present.kib(),
        z.managed.kib()
    )
}

/// Free blocks of a zone by size (`show_free_areas`). The model has no fragmentation: its free memory lies in the
/// largest blocks there are, orders 0 to 10.
fn free_list(z: &ZoneInfo) -> String {
    const LARGEST: u64 = 10;
    let free = z.free.get();
    let mut line = format!("Node 0 {}:", z.name);
    for order in 0..=LARGEST {
        let blocks = if order == LARGEST { free >> LARGEST } else { (free >> order) & 1 };
        let kinds = if blocks > 0 { " (UM)" } else { "" };
        let _ = write!(line, " {blocks}*{}kB{kinds}", kb(1 << order));
    }
    let _ = write!(line, " = {}kB", z.free.kib());
    line
}

/// `lowmem_reserve[]` of a zone against itself and the others of a five-zone kernel (DMA, DMA32, Normal, Movable,
/// Device). The reserve grows with the pages of the zones above (`setup_per_zone_lowmem_reserve`).
fn lowmem_reserve(zones: &[ZoneInfo], index: usize) -> String {
    const SLOTS: usize = 5;
    let zone = &zones[index];
    let slot = |name: &str| match name {
        "DMA" => 0,
        "DMA32" => 1,
        _ => 2,
    };
    let own = slot(zone.name);
    let managed_up_to = |last: usize| -> u64 {
        zones
            .iter()
            .filter(|z| slot(z.name) > own && slot(z.name) <= last)
            .fold(0, |sum, z| sum.saturating_add(z.managed.get()))
    };
    let all = managed_up_to(SLOTS);
    let mut line = String::from("lowmem_reserve[]:");
    for i in 0..SLOTS {
        let reserve = if i <= own || all == 0 {
            0
        } else {
            let part = u128::from(zone.protection.get()) * u128::from(managed_up_to(i)) / u128::from(all);
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let _ = write!(line, " {reserve}");
    }
    line
}
