//! What the kernel found when memory ran out.

use super::{secs, who};
use crate::fact::KernelFact;
use crate::text::{amount, signed};
use oomsim_core::units::Bytes;

pub(super) fn sentence(fact: &KernelFact) -> String {
    match fact {
        KernelFact::LimitFull { cgroup, usage, limit, by } => format!(
            "{} touched one more page, and it did not fit: {} of {} were charged to the cgroup {cgroup}.",
            who(by),
            amount(*usage),
            amount(*limit)
        ),
        KernelFact::LimitLowered { cgroup, usage, limit } => format!(
            "The limit of the cgroup {cgroup} was lowered to {} while {} were charged to it. On cgroup v2 the kernel then frees what it \
             can, and kills until the rest fits.",
            amount(*limit),
            amount(*usage)
        ),
        KernelFact::LimitOfPods { limit } => {
            format!("That is the limit for all pods of the node together, {}.", amount(*limit))
        }
        KernelFact::PauseCounts { limit, container, rest } => format!(
            "The full cgroup is the pod's, not the container's, although both have the limit {}: the pod's also holds {} \
             that the container's does not (the pause process and kernel memory), so it was full when the container was at {}.",
            amount(*limit),
            amount(*rest),
            amount(*container)
        ),
        KernelFact::CacheFreed { before, left, over } => format!(
            "Page cache had been given up first: {} of it {} before, {} now.",
            amount(*before),
            secs(*over),
            amount(*left)
        ),
        KernelFact::Contents { anon, shmem, kernel, file, swap_free } => {
            let swap = match swap_free {
                None => "there is no swap for it".to_owned(),
                Some(free) => format!("{} of swap are free", amount(*free)),
            };
            let shmem = if *shmem == Bytes::ZERO { String::new() } else { format!(", {} tmpfs", amount(*shmem)) };
            let cache = if *file == Bytes::ZERO { "no".to_owned() } else { format!("only {} of", amount(*file)) };
            format!(
                "Nothing more could be freed: of what was charged, {} are memory of processes{shmem} ({swap}), {} kernel memory, \
                 and {cache} page cache.",
                amount(*anon),
                amount(*kernel)
            )
        }
        KernelFact::NodeHad { available } => {
            format!("The node itself still had {} available; that does not help.", amount(*available))
        }
        KernelFact::NodeFull { free, kept_back, by } => format!(
            "{} touched one more page, and the node had none to give: {} were free, and the kernel keeps {} back for itself.",
            who(by),
            amount(*free),
            amount(*kept_back)
        ),
        KernelFact::FigureMisleads { available, mem_available, free, kernel, threshold } => {
            let threshold = threshold.map_or_else(String::new, |t| {
                let side = if *available >= t.get().cast_signed() { "above" } else { "below" };
                format!(", {side} its hard threshold of {}", amount(t))
            });
            format!(
                "By the kubelet's way of counting {} were still available{threshold}. By the kernel's, {} were (MemAvailable; \
                 MemFree {}): the kubelet counts neither {} of kernel memory nor what the kernel keeps back.",
                signed(*available),
                amount(*mem_available),
                amount(*free),
                amount(*kernel)
            )
        }
    }
}
