//! Words of Kubernetes that an explanation uses, for a reader who knows Linux.

use super::wrapped;

/// By which texts a word is found, and what it means.
const WORDS: [(&[&str], &str); 10] = [
    (
        &["pod/"],
        "pod: a group of containers that are started together; it and each of its containers has a memory cgroup",
    ),
    (&["kubelet"], "kubelet: the daemon of Kubernetes on each node; every 10 s it compares memory with its thresholds"),
    (
        &["evict"],
        "evict: to end a pod because the node is short of memory; that is the kubelet's doing, not the kernel's",
    ),
    (
        &["memory.available", "llocatableMemory.available"],
        "memory.available: the node's memory less what is in use; allocatableMemory.available: the same of what all pods may use",
    ),
    (
        &["kubepods", "limit of all pods"],
        "kubepods: the cgroup of all pods together; its limit is the node's memory less what is reserved",
    ),
    (
        &["llocatable "],
        "allocatable: what the node promises to pods, its memory less reservations and the eviction threshold",
    ),
    (
        &[" request"],
        "request: memory that is set aside for a container when its pod is placed; it may use more, up to its limit",
    ),
    (&["working set", "working_set"], "working set: memory in use without page cache that has not been used lately"),
    (
        &["BestEffort", "Burstable", "Guaranteed"],
        "class: of a pod, by its requests and limits of CPU and memory: Guaranteed (all there and equal), Burstable (some), BestEffort (none)",
    ),
    (&["pause (", "pause process"], "pause: a tiny process in every pod that only holds its namespaces"),
];

/// The words that a text uses, each once.
pub(super) fn of(text: &str) -> String {
    let used = WORDS.iter().filter(|(signs, _)| signs.iter().any(|sign| text.contains(sign)));
    let lines: String = used.map(|(_, meaning)| wrapped(meaning, "  ", "      ")).collect();
    if lines.is_empty() { lines } else { format!("\nTHE WORDS\n{lines}") }
}
