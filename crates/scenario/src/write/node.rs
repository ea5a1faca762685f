//! `[node]` and `[kernel]`.

use super::value::Keys;
use oomsim_core::kernel::{CgroupVersion, Disk, KernelConfig, Profile, SwapDevice, Sysctls, Thp};
use oomsim_core::plan::{NodePlan, UserspaceKiller};
use oomsim_core::units::Bytes;
use oomsim_core::workload::Footprint;

/// `[node]`.
pub(super) fn node(node: &NodePlan) -> Keys {
    let d = NodePlan::new(node.kernel.mem_total);
    let mut keys = Keys::default();
    keys.unless("name", &*node.name, &*d.name);
    keys.put("memory", &node.kernel.mem_total);
    keys.some("nominal", node.nominal.as_ref());
    keys.unless("swap", &node.kernel.swap_total, &d.kernel.swap_total);
    keys.unless("cpus", &node.kernel.cpus, &d.kernel.cpus);
    if let Some(disk) = &node.kernel.disk {
        match Disk::KINDS.iter().find(|(_, kind)| kind == disk) {
            Some((name, _)) => keys.put("disk", *name),
            None => {
                let mut figures = Keys::default();
                figures.put("latency", &disk.latency);
                figures.put("bandwidth", &disk.bandwidth);
                figures.unless("page", &disk.page, &Disk::PAGE);
                keys.put("disk", &figures);
            }
        }
    }
    let mut system = Keys::default();
    for (key, amount) in [
        ("anon", node.system_anon),
        ("activeFile", node.system_active_file),
        ("inactiveFile", node.system_inactive_file),
        ("mlockedFile", node.system_mlocked_file),
        ("text", node.kernel.system_text),
        ("kernel", node.kernel.kernel_memory),
        ("committed", node.system_committed),
    ] {
        system.unless(key, &amount, &Bytes::ZERO);
    }
    keys.table("system", system);
    if node.pause != d.pause {
        keys.put("pause", &footprint(&node.pause));
    }
    let mut runtime = Keys::default();
    runtime.unless("sandboxCreate", &node.runtime.sandbox_create, &d.runtime.sandbox_create);
    runtime.unless("containerCreate", &node.runtime.container_create, &d.runtime.container_create);
    runtime.unless("containerRemove", &node.runtime.container_remove, &d.runtime.container_remove);
    runtime.unless("podTeardown", &node.runtime.pod_teardown, &d.runtime.pod_teardown);
    runtime.unless("sharesProcessors", &node.runtime.shares_processors, &d.runtime.shares_processors);
    runtime.unless("perPod", &node.runtime_per_pod, &Bytes::ZERO);
    keys.table("runtime", runtime);
    let mut exit = Keys::default();
    exit.unless("base", &node.exit.base, &d.exit.base);
    exit.unless("perGiB", &node.exit.per_gib, &d.exit.per_gib);
    keys.table("exit", exit);
    for own in &node.killers {
        killer(own, &mut keys);
    }
    keys
}

fn killer(killer: &UserspaceKiller, node: &mut Keys) {
    let mut keys = Keys::default();
    match killer {
        UserspaceKiller::Earlyoom(own) => {
            keys.put("memory", &[own.memory.0, own.memory.1][..]);
            keys.put("swap", &[own.swap.0, own.swap.1][..]);
            keys.some("prefer", own.prefer.as_ref());
            keys.some("avoid", own.avoid.as_ref());
            node.put("earlyoom", &keys);
        }
        UserspaceKiller::SystemdOomd(own) => {
            keys.put("swapUsedLimit", &own.swap_used_limit);
            keys.put("managedOOMSwap", &own.swap);
            keys.put("managedOOMMemoryPressure", &own.pressure);
            keys.put("defaultMemoryPressureLimit", &own.pressure_limit);
            keys.put("defaultMemoryPressureDuration", &own.pressure_duration);
            node.put("systemdOomd", &keys);
        }
        UserspaceKiller::Talos(own) => {
            keys.put("memoryFullAvg10", &own.full_avg10);
            keys.put("timeSinceTrigger", &own.pause);
            node.put("talosOom", &keys);
        }
    }
}

/// `{ anon = …, file = … }`.
pub(super) fn footprint(footprint: &Footprint) -> Keys {
    let mut keys = Keys::default();
    for (key, amount) in [
        ("anon", footprint.anon),
        ("file", footprint.file),
        ("text", footprint.text),
        ("pageTables", footprint.page_tables),
        ("virtual", footprint.virtual_size),
        ("kernel", footprint.kernel),
    ] {
        keys.unless(key, &amount, &Bytes::ZERO);
    }
    keys
}

/// `[kernel]`: the row, and the capabilities that differ from it.
pub(super) fn kernel(kernel: &KernelConfig, with_kubelet: bool) -> Keys {
    let mut keys = Keys::default();
    let newest = Profile::default();
    let row = Profile::named(&kernel.profile.version).unwrap_or_else(|| newest.clone());
    keys.unless("version", &*kernel.profile.version, &*newest.version);
    if kernel.cgroup == CgroupVersion::V1 {
        keys.put("cgroup", "v1");
    }
    match kernel.thp {
        Thp::Never => {}
        Thp::Always => keys.put("thp", "always"),
        Thp::Madvise => keys.put("thp", "madvise"),
    }
    if kernel.swap_device == SwapDevice::Zram {
        keys.put("swapDevice", "zram");
    }
    keys.table("sysctl", sysctls(&kernel.sysctl, with_kubelet));
    for capability in Profile::capabilities() {
        let value = |profile: &Profile| profile.get(capability.name).unwrap_or_default();
        if value(&kernel.profile) != value(&row) {
            keys.value(capability.name, capability_value(&value(&kernel.profile)));
        }
    }
    keys
}

/// A boolean, a number or a word.
pub(super) fn capability_value(text: &str) -> toml_edit::Value {
    match (text.parse::<bool>(), text.parse::<i64>()) {
        (Ok(b), _) => b.into(),
        (_, Ok(n)) => n.into(),
        _ => text.into(),
    }
}

/// Sysctls that differ from what a machine has; a kubelet sets `vm.overcommit_memory` to 1 unless one is given.
fn sysctls(sysctl: &Sysctls, with_kubelet: bool) -> Keys {
    let d = Sysctls { overcommit_memory: with_kubelet.into(), ..Sysctls::default() };
    let mut keys = Keys::default();
    keys.unless("vm.overcommit_memory", &sysctl.overcommit_memory, &d.overcommit_memory);
    if sysctl.overcommit_kbytes != d.overcommit_kbytes {
        keys.put("vm.overcommit_kbytes", &sysctl.overcommit_kbytes);
    } else {
        keys.unless("vm.overcommit_ratio", &sysctl.overcommit_ratio, &d.overcommit_ratio);
    }
    keys.some("vm.admin_reserve_kbytes", sysctl.admin_reserve_kbytes.as_ref());
    keys.some("vm.user_reserve_kbytes", sysctl.user_reserve_kbytes.as_ref());
    keys.some("vm.min_free_kbytes", sysctl.min_free_kbytes.as_ref());
    keys.unless("vm.watermark_scale_factor", &sysctl.watermark_scale_factor, &d.watermark_scale_factor);
    keys.unless("vm.nr_hugepages", &sysctl.nr_hugepages, &d.nr_hugepages);
    keys.unless("vm.swappiness", &sysctl.swappiness, &d.swappiness);
    let flag = |b: bool| u8::from(b);
    keys.unless(
        "vm.oom_kill_allocating_task",
        &flag(sysctl.oom_kill_allocating_task),
        &flag(d.oom_kill_allocating_task),
    );
    keys.unless("vm.panic_on_oom", &sysctl.panic_on_oom, &d.panic_on_oom);
    keys.unless("vm.oom_dump_tasks", &flag(sysctl.oom_dump_tasks), &flag(d.oom_dump_tasks));
    keys
}
