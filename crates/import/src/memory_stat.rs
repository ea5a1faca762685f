//! `memory.stat` and `memory.current` of a cgroup. Neither says whose it is: the file's name does.

use crate::text::{TextProblem, lines};
use oomsim_core::units::Bytes;
use std::collections::BTreeMap;

/// What a cgroup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// Anonymous memory.
    pub anon: Bytes,
    /// Active page cache.
    pub active_file: Bytes,
    /// Inactive page cache, which is no part of the working set.
    pub inactive_file: Bytes,
}

impl MemoryStat {
    /// What the kubelet would call the working set, as far as it is anonymous memory or page cache.
    pub fn working_set(self) -> Bytes {
        self.anon + self.active_file
    }
}

/// Reads a `memory.stat` of either cgroup version.
///
/// # Errors
/// Every line that is not `name number`.
pub fn memory_stat(text: &str) -> Result<MemoryStat, Vec<TextProblem>> {
    let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
    for (start, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        match stat_line(line) {
            Some((name, value)) => drop(found.insert(name, value)),
            None => problems.push(TextProblem::line((start, line), "expected `name NUMBER`".into())),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // With `total_`: cgroup v1, the cgroup with all below it.
    let first = |names: &[&str]| Bytes::new(names.iter().find_map(|name| found.get(name)).copied().unwrap_or(0));
    Ok(MemoryStat {
        anon: first(&["total_rss", "anon", "rss"]),
        active_file: first(&["total_active_file", "active_file"]),
        inactive_file: first(&["total_inactive_file", "inactive_file"]),
    })
}

/// True when the text is a `memory.stat`.
pub fn looks_like_memory_stat(text: &str) -> bool {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let known = |line: &&str| matches!(stat_line(line), Some(("anon" | "file" | "cache" | "rss", _)));
    // A line that is none is named when the file is read.
    lines.iter().take(3).any(known) && lines.iter().filter(|line| stat_line(line).is_none()).count() * 4 < lines.len()
}

/// Reads `memory.current`: one number of bytes.
pub fn memory_current(text: &str) -> Option<Bytes> {
    text.trim().parse::<u64>().ok().filter(|bytes| *bytes < 1 << 63).map(Bytes::new)
}

fn stat_line(line: &str) -> Option<(&str, u64)> {
    let mut words = line.split_whitespace();
    let (name, value) = (words.next()?, words.next()?.parse().ok().filter(|value| *value < 1_u64 << 63)?);
    let plain =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'(' || b == b')');
    (words.next().is_none() && plain).then_some((name, value))
}

/// Whose file it is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupOwner {
    /// A container of the pod that is asked for.
    Container,
    /// The pod that is asked for.
    Pod,
    /// All pods.
    Kubepods,
    /// The node's daemons.
    System,
    /// Another pod, or nothing that the name tells.
    Unknown,
}

/// Whose file this is: the pod's if its name, or its uid as in a cgroup's path, is in the file's name or path.
pub fn owner(file: &str, pod: &str, uid: &str, container: &str) -> CgroupOwner {
    let uid_of_slice = uid.replace('-', "_");
    let of_uid = !uid.is_empty() && (file.contains(uid) || file.contains(&uid_of_slice));
    let name = file.strip_suffix("memory.stat").or(file.strip_suffix("memory.current")).unwrap_or(file);
    if of_uid || !pod.is_empty() && name.contains(pod) {
        let rest = name.replacen(pod, "", 1);
        return if rest.contains(container) { CgroupOwner::Container } else { CgroupOwner::Pod };
    }
    if name.contains("kubepods") && !name.contains("-pod") && !name.contains("/pod") {
        CgroupOwner::Kubepods
    } else if name.contains("system.slice") || name.contains("system-slice") {
        CgroupOwner::System
    } else {
        CgroupOwner::Unknown
    }
}

/// Whether a file's name says whose it is, one of these pods (name and uid) among them.
pub fn says_whose<'a>(file: &str, mut pods: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    let known = |pod, uid| owner(file, pod, uid, "") != CgroupOwner::Unknown;
    known("", "") || pods.any(|(pod, uid)| known(pod, uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stat_is_known_by_its_lines() {
        assert!(looks_like_memory_stat("anon 4096\nfile 8192\nkernel 0\n"));
        assert!(!looks_like_memory_stat("total 4096\n") && !looks_like_memory_stat("anon: 1\n"));
        let v2 = memory_stat("anon 4096\nfile 8192\nactive_file 4096\ninactive_file 1\n").expect("a memory.stat");
        assert_eq!((v2.anon, v2.active_file, v2.inactive_file), (Bytes::kib(4), Bytes::kib(4), Bytes::new(1)));
        let v1 = memory_stat("cache 9\nrss 1\nactive_file 2\ntotal_rss 7\ntotal_active_file 3\n").expect("v1");
        assert_eq!(v1.working_set(), Bytes::new(10));
        assert_eq!(memory_stat("anon 4096\nfile x\n").expect_err("no number")[0].at, 10..16);
        assert_eq!(memory_current(" 4096\n"), Some(Bytes::kib(4)));
        assert_eq!(memory_current("9223372036854775808"), None);
    }

    #[test]
    fn the_name_of_a_file_says_whose_it_is() {
        let of = |file| owner(file, "cart-7c9f6d5b4-xk2lp", "ba3cbf53-0000-4000-8000-000000000000", "app");
        assert_eq!(of("cart-7c9f6d5b4-xk2lp.memory.stat"), CgroupOwner::Pod);
        assert_eq!(of("cart-7c9f6d5b4-xk2lp_app.memory.stat"), CgroupOwner::Container);
        let slice = "kubepods.slice/kubepods-podba3cbf53_0000_4000_8000_000000000000.slice/memory.stat";
        assert_eq!(of(slice), CgroupOwner::Pod);
        assert_eq!(of("/sys/fs/cgroup/kubepods.slice/memory.stat"), CgroupOwner::Kubepods);
        assert_eq!(of("system.slice.memory.stat"), CgroupOwner::System);
        assert_eq!(of("memory.stat"), CgroupOwner::Unknown);
    }
}
