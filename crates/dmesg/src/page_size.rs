//! The size of a page, which no line of a report says outright.

use crate::report::LoggedOom;

/// Sizes that Linux has been built with, in kB.
const SIZES: [u64; 6] = [4, 8, 16, 32, 64, 256];

/// Finds the size in kB.
type Way = fn(&LoggedOom) -> Option<u64>;

/// The size in kB and what shows it; `None`: nothing does, so it is 4.
pub(crate) fn page_size(report: &LoggedOom) -> Option<(u64, &'static str)> {
    let ways: [(Way, &'static str); 5] = [
        (free_lists, "the smallest blocks of the free lists"),
        (kill, "the sizes of the killed process in the table and in the line about its kill"),
        (machine, "the machine's memory in pages and in kB"),
        (free, "free memory in pages and in kB"),
        (release, "the name of the kernel"),
    ];
    ways.iter().find_map(|(way, from)| way(report).map(|kb| (kb, *from)))
}

/// `12*64kB (UM) 10*128kB …`: an order-0 block is a page.
fn free_lists(report: &LoggedOom) -> Option<u64> {
    let zones = &report.mem_info.as_ref()?.zones;
    let smallest = zones.iter().filter_map(|z| z.free_blocks.first()).map(|(kb, _)| *kb).min()?;
    SIZES.contains(&smallest).then_some(smallest)
}

/// `total_vm` in pages and `total-vm:` in kB of the same process.
fn kill(report: &LoggedOom) -> Option<u64> {
    report.killed.iter().find_map(|k| {
        let (pages, kb) = (report.task(k.pid)?.total_vm, k.total_vm_kb?);
        exact(pages, kb)
    })
}

/// `present:` of the zones and `pages RAM`.
fn machine(report: &LoggedOom) -> Option<u64> {
    let info = report.mem_info.as_ref()?;
    let kb = info.zones.iter().filter_map(|z| z.get("present")).fold(0u64, u64::saturating_add);
    exact(info.ram_pages?, kb)
}

/// `free:` of the zones and of the whole, which were read a moment apart.
fn free(report: &LoggedOom) -> Option<u64> {
    let info = report.mem_info.as_ref()?;
    let kb = info.zones.iter().filter_map(|z| z.get("free")).fold(0u64, u64::saturating_add);
    let pages = info.get("free").filter(|p| *p > 64)?;
    SIZES.into_iter().find(|size| {
        let all = pages.saturating_mul(*size);
        all.abs_diff(kb) <= all / 20
    })
}

fn exact(pages: u64, kb: u64) -> Option<u64> {
    SIZES.into_iter().find(|size| pages > 0 && pages.checked_mul(*size) == Some(kb))
}

/// `5.10.0-26-arm64-64k`, `5.14.0-427.el9.aarch64+64k`, `6.6.31+rpt-rpi-2712` (a Raspberry Pi 5 has 16 kB).
fn release(report: &LoggedOom) -> Option<u64> {
    let release = report.kernel.as_deref()?;
    if release.contains("rpi-2712") || release.ends_with("16k") || release.contains("asahi") {
        Some(16)
    } else if release.ends_with("64k") {
        Some(64)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Killed, MemInfo, Task, Zone};

    #[test]
    fn each_way_alone() {
        let info = |zone: Zone| Some(MemInfo { zones: vec![zone], ram_pages: Some(31_744), ..MemInfo::default() });
        let kb = |key: &str, n: u64| vec![(key.to_string(), n)];
        let lists = LoggedOom {
            mem_info: info(Zone { free_blocks: vec![(16, 3), (32, 1)], ..Zone::default() }),
            ..LoggedOom::default()
        };
        assert_eq!(page_size(&lists).map(|p| p.0), Some(16));
        let ram = LoggedOom {
            mem_info: info(Zone { kb: kb("present", 2_031_616), ..Zone::default() }),
            ..LoggedOom::default()
        };
        assert_eq!(page_size(&ram).map(|p| p.0), Some(64));
        let kill = LoggedOom {
            tasks: vec![Task { pid: 20, total_vm: 4120, ..Task::default() }],
            killed: vec![Killed { pid: 20, total_vm_kb: Some(263_680), ..Killed::default() }],
            ..LoggedOom::default()
        };
        assert_eq!(page_size(&kill).map(|p| p.0), Some(64));
        for (name, size) in [("5.10.0-26-arm64-64k", Some(64)), ("6.6.31+rpt-rpi-2712", Some(16)), ("6.1.0", None)] {
            let report = LoggedOom { kernel: Some(name.into()), ..LoggedOom::default() };
            assert_eq!(page_size(&report).map(|p| p.0), size, "{name}");
        }
    }
}
