//! The machine, or the NUMA nodes that an allocation was bound to, ran out.

use super::{has_kubelet, mib, percent};
use crate::explain::{Candidate, Explanation, survives};
use crate::report::{LoggedOom, MemInfo, Zone};
use crate::text::zone_names;

pub(super) fn advice(report: &LoggedOom, explanation: &Explanation, out: &mut Vec<String>) {
    if let Some(nodes) = report.bound_nodes() {
        bound(report, &nodes, out);
    } else if report.invoker.as_ref().and_then(|i| i.order).is_some_and(|o| o > 0 && fragmented(report, o)) {
        order(report, out);
    } else if let Some(zones) = report.bound_zones() {
        zone(report, &zones, out);
    } else {
        whole(report, out);
        order(report, out);
    }
    largest(report, explanation, out);
    if has_kubelet(report) {
        classes(report, explanation, out);
    }
    if let Some(info) = &report.mem_info {
        unlisted(report, info, out);
        swap(report, info, out);
        cma(report, info, out);
    }
}

fn whole(report: &LoggedOom, out: &mut Vec<String>) {
    let kubelet = "Reserve more for the system (systemReserved, kubeReserved), so that pods get less, or raise evictionHard memory.available, so that the kubelet evicts earlier.";
    let linux = "Give the largest services a limit of their own (MemoryMax= of systemd, --memory of a container), so that they run out before the machine does; add memory or swap; or let systemd-oomd or earlyoom act before the kernel must.";
    if has_kubelet(report) {
        out.push(format!("The node itself ran out of memory: no pod's limit was hit, so no limit of a pod is to blame for the moment of it. {kubelet}"));
    } else {
        out.push(format!("The machine itself ran out of memory, not a cgroup at its limit. {linux}"));
        if report.tasks.is_empty() {
            out.push(format!("If it is a Kubernetes node (this log does not show it): {}", lower(kubelet)));
        }
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_lowercase().chain(chars).collect())
}

/// A memory policy or a cpuset allows some NUMA nodes only.
fn bound(report: &LoggedOom, nodes: &[u32], out: &mut Vec<String>) {
    let list: Vec<String> = nodes.iter().map(u32::to_string).collect();
    let list = list.join(", ");
    let zones = report.mem_info.iter().flat_map(|i| &i.zones).filter(|z| nodes.contains(&z.node));
    let (mut free, mut present) = (0u64, 0u64);
    for zone in zones {
        free = free.saturating_add(zone.get("free").unwrap_or(0));
        present = present.saturating_add(zone.get("present").unwrap_or(0));
    }
    let all = report.mem_info.as_ref().and_then(|i| i.get("free")).map(|p| report.kb(p));
    let rest = all.and_then(|all| all.checked_sub(free)).filter(|rest| *rest > free);
    let rest = rest.map_or(String::new(), |kb| format!("; the other nodes have {} MiB free", kb / 1024));
    let what = if report.constraint.as_deref() == Some("CONSTRAINT_CPUSET") {
        "its cpuset (cpuset.mems) allows no other"
    } else {
        "its memory policy (numactl --membind, mbind, set_mempolicy) allows no other"
    };
    let full = match present {
        // Its zones are not in the log.
        0 => String::new(),
        _ => format!(" ({} of {} MiB free){rest}", free / 1024, present / 1024),
    };
    out.push(format!(
        "Only NUMA node {list} is full{full}. The process that asked may take memory from there alone: {what}."
    ));
    out.push(if report.constraint.as_deref() == Some("CONSTRAINT_CPUSET") {
        "Widen cpuset.mems of its cgroup (AllowedMemoryNodes= of systemd, --cpuset-mems of a container; on Kubernetes the Static policy of the Memory Manager sets it), or spread the processes over the nodes.".into()
    } else {
        "Use --preferred or --interleave in place of --membind, bind to more nodes, or make the process need less than one node has: numastat -p PID shows where its memory lies.".into()
    });
}

/// The flags of the allocation allow some zones only.
fn zone(report: &LoggedOom, zones: &[&Zone], out: &mut Vec<String>) {
    let sum = |key: &str| zones.iter().filter_map(|zone| zone.get(key)).fold(0, u64::saturating_add) / 1024;
    let all = report.mem_info.as_ref().and_then(|info| info.get("free")).map(|pages| report.kb(pages) / 1024);
    let rest = all.map_or(String::new(), |all| format!("; of all memory {all} MiB are free"));
    out.push(format!(
        "Only {} is full ({} of {} MiB free){rest}. The allocation may take memory from there alone.",
        zone_names(zones),
        sum("free"),
        sum("present")
    ));
    out.push(if zones.iter().any(|zone| zone.name == "Normal") {
        "On 32 bits the kernel itself can use low memory only (the first 896 MiB): use a 64-bit kernel, or make the kernel need less (slabtop shows what it holds).".into()
    } else {
        "It was for a device that reaches low addresses only: the call trace names the driver. More memory does not help; a newer driver, swiotlb= on the kernel's command line or a device with longer addresses does.".into()
    });
}

/// An allocation of several pages in one piece.
fn order(report: &LoggedOom, out: &mut Vec<String>) {
    let Some(order) = report.invoker.as_ref().and_then(|i| i.order).filter(|o| (1..=20).contains(o)) else { return };
    let kb = report.page_size_kb << order;
    if fragmented(report, order) {
        let free = report
            .mem_info
            .as_ref()
            .and_then(|i| i.get("free"))
            .map_or(String::new(), |p| format!("{} are free, but ", mib(report, p)));
        out.push(format!(
            "Memory was fragmented rather than used up: the allocation asked for {kb} kB in one piece (order {order}); {free}no free block is as large. Raise vm.min_free_kbytes, let the kernel compact earlier (vm.compaction_proactiveness, echo 1 > /proc/sys/vm/compact_memory), and look for what needs such blocks (drivers, jumbo frames, huge kernel stacks)."
        ));
    } else if order > 3 {
        out.push(format!(
            "The failed allocation asked for {kb} kB in one piece (order {order}). Above order 3 (costly) the kernel usually lets the allocation fail and kills nothing: the caller insisted."
        ));
    } else {
        out.push(format!(
            "The failed allocation asked for {kb} kB in one piece (order {order}), not for single pages."
        ));
    }
}

/// True when the free lists are there and have no block of this order, although there is free memory above the marks.
fn fragmented(report: &LoggedOom, order: i32) -> bool {
    let Ok(order) = u32::try_from(order) else { return false };
    let Some(info) = &report.mem_info else { return false };
    let nodes = report.bound_nodes();
    let usable = |z: &&crate::report::Zone| z.name != "DMA" && nodes.as_ref().is_none_or(|n| n.contains(&z.node));
    let mut listed = info.zones.iter().filter(usable).filter(|z| !z.free_blocks.is_empty()).peekable();
    let needed = report.page_size_kb << order.min(20);
    listed.peek().is_some()
        && listed.all(|z| {
            let large: u64 = z.free_blocks.iter().filter(|(kb, _)| *kb >= needed).map(|(_, n)| n).sum();
            let above = z.get("free").zip(z.get("min")).is_some_and(|(free, min)| free > min);
            large == 0 && above
        })
}

fn largest(report: &LoggedOom, explanation: &Explanation, out: &mut Vec<String>) {
    let Some(big) = explanation.candidates.iter().max_by_key(|c| c.rss).filter(|c| c.rss > 0) else { return };
    let ram = report.mem_info.as_ref().and_then(|i| i.ram_pages?.checked_sub(i.reserved_pages?));
    let share =
        |pages: u64| ram.filter(|r| *r > 0).map_or(String::new(), |r| format!(", {} % of RAM", percent(pages, r)));
    let victim = report.killed.first();
    let victims = victim.and_then(|k| Some(k.rss_kb()? / report.page_size_kb));
    let in_its_place = victim.filter(|killed| big.chosen && !big.killed && killed.pid != big.pid);
    if let Some(killed) = in_its_place {
        out.push(format!(
            "The largest process was the one chosen, {} (pid {}){}, and lives: {} (pid {}) was killed in its place.",
            big.comm,
            big.pid,
            share(big.rss),
            killed.comm,
            killed.pid
        ));
    } else if big.chosen || big.killed {
        out.push(format!("The largest process was the one killed: {} (pid {}){}.", big.comm, big.pid, share(big.rss)));
    } else if let (Some(k), Some(rss)) = (victim, victims.filter(|rss| *rss >= big.rss)) {
        out.push(format!("The largest process was the one killed: {} (pid {}){}.", k.comm, k.pid, share(rss)));
    } else if survives(report, big.pid, big.rss) && !report.rows_lost() {
        out.push(format!(
            "The largest process, {} (pid {}){}, was not the one killed: its oom_score_adj is {}. Killing small ones frees little, so more may follow; look at this one first.",
            big.comm,
            big.pid,
            share(big.rss),
            big.oom_score_adj
        ));
    } else {
        out.push(format!("The largest process in the table is {} (pid {}){}.", big.comm, big.pid, share(big.rss)));
    }
    if big.oom_score_adj == 0 && has_kubelet(report) {
        out.push(format!(
            "An oom_score_adj of 0 is usual for processes outside of pods: if {} is one, the kubelet cannot evict it.",
            big.comm
        ));
    }
}

/// Resident memory by what oom_score_adj says about the owner.
fn classes(report: &LoggedOom, explanation: &Explanation, out: &mut Vec<String>) {
    let sum = |f: &dyn Fn(i32) -> bool| -> u64 {
        let of = explanation.candidates.iter().filter(|c: &&Candidate| f(c.oom_score_adj));
        of.fold(0u64, |s, c| s.saturating_add(c.rss))
    };
    let best_effort = sum(&|a| a == 1000);
    let burstable = sum(&|a| (2..1000).contains(&a));
    let guaranteed = sum(&|a| (-998..=-997).contains(&a));
    let rest = sum(&|a| a < 2 && !(-998..=-997).contains(&a));
    if best_effort + burstable + guaranteed > 0 {
        out.push(format!(
            "Resident memory by oom_score_adj: BestEffort pods (1000) {}, Burstable pods (2 to 999) {}, Guaranteed pods (−997) {}, everything else {}.",
            mib(report, best_effort),
            mib(report, burstable),
            mib(report, guaranteed),
            mib(report, rest)
        ));
    }
}

/// Figures that together make up the memory of the node, huge pages aside.
const LISTED: [&str; 11] = [
    "active_anon",
    "inactive_anon",
    "isolated_anon",
    "active_file",
    "inactive_file",
    "isolated_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "pagetables",
    "free",
];

/// Memory that no process of the table holds.
fn unlisted(report: &LoggedOom, info: &MemInfo, out: &mut Vec<String>) {
    let Some(ram) = info.ram_pages.zip(info.reserved_pages).and_then(|(r, s)| r.checked_sub(s)).filter(|r| *r > 0)
    else {
        return;
    };
    let get = |key: &str| info.get(key).unwrap_or(0);
    let zones =
        |key: &str| info.zones.iter().filter_map(|z| z.get(key)).fold(0u64, u64::saturating_add) / report.page_size_kb;
    let huge = info.huge_pages.iter().fold(0u64, |s, h| s.saturating_add(h.total.saturating_mul(h.size_kb)))
        / report.page_size_kb;
    let huge_free = info.huge_pages.iter().fold(0u64, |s, h| s.saturating_add(h.free.saturating_mul(h.size_kb)))
        / report.page_size_kb;
    let mut slabs: Vec<&(String, u64)> = info.slabs.iter().collect();
    slabs.sort_by_key(|(_, kb)| std::cmp::Reverse(*kb));
    let slabs: Vec<String> = slabs.iter().take(3).map(|(name, kb)| format!("{name} {} MiB", kb / 1024)).collect();
    let slabs = if slabs.is_empty() { String::new() } else { format!("; most of it in {}", slabs.join(", ")) };
    let mut say = |pages: u64, least: u64, text: String| {
        if pages > ram / least {
            out.push(format!("{} ({} % of RAM) {text}", mib(report, pages), percent(pages, ram)));
        }
    };
    say(
        get("slab_unreclaimable"),
        4,
        format!("is kernel memory that cannot be dropped (slab): no process's size shows it{slabs}. See slabtop."),
    );
    say(get("shmem"), 4, "is shared memory or files in memory-backed volumes (tmpfs, /dev/shm, emptyDir medium: Memory): it stays when a process dies. See df -t tmpfs.".into());
    say(
        huge,
        10,
        format!(
            "is set aside as huge pages, {} of them unused: nothing else can use them. Lower vm.nr_hugepages if they are not needed.",
            mib(report, huge_free)
        ),
    );
    let locked = "is locked in memory (mlock): it cannot be swapped or moved.";
    if info.zones.iter().any(|zone| zone.get("mlocked").is_some()) {
        say(zones("mlocked"), 4, locked.into());
    } else {
        say(get("unevictable"), 4, format!("is unevictable. Most likely it {locked}"));
    }
    say(
        zones("zspages"),
        10,
        "is compressed swap that lies in RAM (zram or zswap): swapping there frees less than it seems.".into(),
    );
    say(
        get("pagetables"),
        10,
        "is page tables: many processes that map the same large memory (a database without huge pages).".into(),
    );
    say(get("dirty") + get("writeback"), 5, "is written file pages that the disk has not taken yet.".into());
    let complete = ["active_anon", "slab_unreclaimable", "free"].iter().all(|k| info.get(k).is_some());
    let known = LISTED.iter().fold(huge, |s, k| s.saturating_add(get(k)));
    if complete {
        say(
            ram.saturating_sub(known),
            3,
            if info.total_swap_kb > info.free_swap_kb {
                "is in none of the figures: compressed swap (zram, zswap), pages of drivers (GPU, network), a balloon of the hypervisor, or vmalloc.".into()
            } else {
                "is in none of the figures: pages of drivers (GPU, network), a balloon of the hypervisor, or vmalloc."
                    .into()
            },
        );
    }
}

/// Swap that was there and not used.
fn swap(report: &LoggedOom, info: &MemInfo, out: &mut Vec<String>) {
    let (Some(free), Some(total)) = (info.free_swap_kb, info.total_swap_kb) else { return };
    if total > 0 && free == total {
        out.push(format!(
            "Swap was there and wholly free ({} MiB): see vm.swappiness (0 never swaps before the kill), memory.swap.max of the cgroups (the kubelet sets 0 with swapBehavior NoSwap), and memory locked by mlock. Memory that cannot be swapped (kernel, tmpfs without swap, huge pages) does not get there at all.",
            total / 1024
        ));
    } else if total > 0 && free > total / 2 && report.bound_nodes().is_none() {
        out.push(format!("Swap was not used up: {} of {} MiB were free.", free / 1024, total / 1024));
    }
}

/// Free memory that only movable pages may use.
fn cma(report: &LoggedOom, info: &MemInfo, out: &mut Vec<String>) {
    let (Some(free), Some(cma)) = (info.get("free"), info.get("free_cma")) else { return };
    if cma > 1024 && cma > free / 2 {
        out.push(format!(
            "Of {} free, {} belong to CMA, which kernel allocations and locked pages cannot use: make the area smaller (cma= on the kernel's command line).",
            mib(report, free),
            mib(report, cma)
        ));
    }
}
