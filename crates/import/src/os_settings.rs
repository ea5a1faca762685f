//! Settings of the operating system that providers keep beside those of the kubelet: swap, huge pages, sysctls.

use crate::objects::path;
use oomsim_core::units::Bytes;
use oomsim_scenario::Source;
use oomsim_scenario::reading::{Value, ValueKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a file says about the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsSettings {
    /// Their file.
    pub source: Arc<Source>,
    /// Size of the swap file.
    pub swap: Option<Bytes>,
    /// Those sysctls that memory depends on, by the kernel's names.
    pub sysctls: BTreeMap<&'static str, i64>,
}

/// Sysctls that a run knows, and AKS' names for them (learn.microsoft.com/azure/aks: custom-node-configuration).
const SYSCTLS: [(&str, &str); 9] = [
    ("vm.swappiness", "vmSwappiness"),
    ("vm.min_free_kbytes", "vmMinFreeKbytes"),
    ("vm.watermark_scale_factor", "vmWatermarkScaleFactor"),
    ("vm.overcommit_memory", "vmOvercommitMemory"),
    ("vm.overcommit_ratio", "vmOvercommitRatio"),
    ("vm.nr_hugepages", "vmNrHugepages"),
    ("vm.panic_on_oom", "vmPanicOnOom"),
    ("vm.oom_kill_allocating_task", "vmOomKillAllocatingTask"),
    ("vm.admin_reserve_kbytes", "vmAdminReserveKbytes"),
];

/// Keys that only AKS' Linux configuration has.
const OF_AKS: [&str; 4] =
    ["swapFileSizeMB", "swapFileSizeMb", "transparentHugePageEnabled", "transparentHugePageDefrag"];

/// The settings in a document: AKS' `linuxOSConfig` alone or in an agent pool, GKE's `linuxConfig` or
/// `linuxNodeConfig`, `machine` of Talos; `None`: it has none.
pub(crate) fn os_settings(document: &Value) -> Option<OsSettings> {
    let places: [&[&str]; 9] = [
        &["linuxOSConfig"],
        &["linuxOsConfig"],
        &["properties", "linuxOSConfig"],
        &["linuxConfig"],
        &["linuxNodeConfig"],
        &["config", "linuxNodeConfig"],
        &["machine"],
        &["spec", "linuxNodeConfig"],
        &["spec", "linuxOSConfig"],
    ];
    let own = OF_AKS.iter().any(|key| document.get(key).is_some());
    let found = if own { Some(document) } else { places.iter().find_map(|keys| path(document, keys)) }?;
    let mut sysctls = BTreeMap::new();
    for list in ["sysctl", "sysctls"].iter().filter_map(|key| path(found, &[key])) {
        for entry in list.entries().unwrap_or_default() {
            let known = SYSCTLS.iter().find(|(name, of_aks)| *name == entry.key || *of_aks == entry.key);
            if let (Some((name, _)), Some(value)) = (known, number(&entry.value)) {
                sysctls.insert(*name, value);
            }
        }
    }
    let pages = ["hugepage_size2m", "hugepageSize2m"].iter();
    let pages = pages.flat_map(|key| ["hugepageConfig", "hugepages"].map(|table| path(found, &[table, key])));
    if let Some(pages) = pages.flatten().find_map(number) {
        sysctls.insert("vm.nr_hugepages", pages);
    }
    let swap = OF_AKS.iter().take(2).find_map(|key| number(path(found, &[key])?));
    let swap = swap.and_then(|mib| u64::try_from(mib).ok()).map(Bytes::mib);
    let settings = OsSettings { source: Arc::clone(&document.at.source), swap, sysctls };
    (own || settings.swap.is_some() || !settings.sysctls.is_empty()).then_some(settings)
}

fn number(value: &Value) -> Option<i64> {
    match &value.kind {
        ValueKind::Int(n) => Some(*n),
        ValueKind::Text(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oomsim_scenario::reading::parse_documents;

    type Found = (Option<Bytes>, Vec<(&'static str, i64)>);

    fn read(text: &str) -> Option<Found> {
        let source = Arc::new(Source::new("x", text));
        let found = os_settings(&parse_documents(&source).expect("a document")[0])?;
        Some((found.swap, found.sysctls.into_iter().collect()))
    }

    /// Files of the providers' documentation, shortened.
    #[test]
    fn swap_huge_pages_and_sysctls_are_found() {
        let aks = r#"{"transparentHugePageEnabled": "madvise", "swapFileSizeMB": 1500, "sysctls": {"netCoreSomaxconn": 163849, "vmSwappiness": 10}}"#;
        assert_eq!(read(aks), Some((Some(Bytes::mib(1500)), vec![("vm.swappiness", 10)])));
        let gke = "kubeletConfig: {}\nlinuxConfig:\n  sysctl: {vm.min_free_kbytes: '65536', net.core.somaxconn: '2048'}\n  hugepageConfig: {hugepage_size2m: 1024}\n";
        assert_eq!(read(gke), Some((None, vec![("vm.min_free_kbytes", 65_536), ("vm.nr_hugepages", 1024)])));
        let talos = "machine: {type: worker, sysctls: {vm.nr_hugepages: \"512\"}}\n";
        assert_eq!(read(talos), Some((None, vec![("vm.nr_hugepages", 512)])));
        assert_eq!(read("linuxOsConfig: null\nname: np\n"), None);
        assert_eq!(read("kind: Pod\n"), None);
    }
}
