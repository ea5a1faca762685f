//! The machine and its kernel.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::kubelet::KUBELET;
use super::{Form, KeyGroup, TableSpec, key};
use oomsim_core::kernel::Profile;
use std::sync::LazyLock;

/// Largest fleet.
pub(crate) const MAX_NODES: i64 = 100_000;

/// `[node]`.
pub(crate) static NODE: TableSpec = TableSpec { groups: &[&NODE_KEYS], ..TableSpec::new("[node]") };

/// `[[node]]`.
pub(crate) static NODE_KIND: TableSpec =
    TableSpec { groups: &[&NODE_KEYS, &NODE_KIND_KEYS], required: &["name"], ..TableSpec::new("[[node]]") };

/// `node.disk`.
pub(crate) static NODE_DISK: TableSpec =
    TableSpec { groups: &[&NODE_DISK_KEYS], required: &["latency", "bandwidth"], ..TableSpec::new("[node.disk]") };

/// `[node.system]`.
pub(crate) static NODE_SYSTEM: TableSpec =
    TableSpec { groups: &[&NODE_SYSTEM_KEYS], ..TableSpec::new("[node.system]") };

/// `[node.runtime]`.
pub(crate) static NODE_RUNTIME: TableSpec =
    TableSpec { groups: &[&NODE_RUNTIME_KEYS], ..TableSpec::new("[node.runtime]") };

/// `[node.exit]`.
pub(crate) static NODE_EXIT: TableSpec = TableSpec { groups: &[&NODE_EXIT_KEYS], ..TableSpec::new("[node.exit]") };

/// `[node.earlyoom]`.
pub(crate) static EARLYOOM: TableSpec = TableSpec { groups: &[&EARLYOOM_KEYS], ..TableSpec::new("[node.earlyoom]") };

/// `[node.systemdOomd]`.
pub(crate) static SYSTEMD_OOMD: TableSpec =
    TableSpec { groups: &[&SYSTEMD_OOMD_KEYS], ..TableSpec::new("[node.systemdOomd]") };

/// `[node.talosOom]`.
pub(crate) static TALOS_OOM: TableSpec = TableSpec { groups: &[&TALOS_OOM_KEYS], ..TableSpec::new("[node.talosOom]") };

/// `footprint`.
pub(crate) static FOOTPRINT: TableSpec = TableSpec { groups: &[&FOOTPRINT_KEYS], ..TableSpec::new("footprint") };

/// `[kernel]`.
pub(crate) static KERNEL: TableSpec =
    TableSpec { groups: &[&KERNEL_KEYS], capabilities: Some(kernel_capabilities), ..TableSpec::new("[kernel]") };

/// `[node]`, `[[node]]`.
pub(crate) static NODE_KEYS: KeyGroup = KeyGroup {
    name: "[node], [[node]]",
    keys: &[
        key("name", Form::Name, Is("node"), "node name"),
        key("memory", Form::Amount, Required, "MemTotal of `/proc/meminfo` (32Mi to 64Ti), not the nominal size"),
        key(
            "nominal",
            Form::Amount,
            Absent,
            "the memory size in the provider's catalogue, which some presets base reservations on",
        ),
        key("swap", Form::Amount, Is("0"), "SwapTotal"),
        key(
            "cpus",
            Form::Integer { min: 1, max: 4096 },
            Is("2"),
            "number of processors, which determines per-CPU counters",
        ),
        key(
            "disk",
            Form::OneOf(&[Form::Words(&["nvme", "ssd", "hdd", "network"]), Form::Table(&NODE_DISK)]),
            Says("it takes no time"),
            "what lies under files and swap: with it, reclaim, reading back and swapping take time, and programs wait",
        ),
        key("system", Form::Table(&NODE_SYSTEM), Absent, "memory used by the operating system"),
        key("pause", Form::Table(&FOOTPRINT), Says("that of the real one"), "memory used by a pod's pause process"),
        key(
            "runtime",
            Form::Table(&NODE_RUNTIME),
            Absent,
            "delays of the container runtime, and its memory for each pod",
        ),
        key("exit", Form::Table(&NODE_EXIT), Absent, "how long a dying process keeps its memory"),
        key("earlyoom", Form::Table(&EARLYOOM), Absent, "earlyoom runs on the node"),
        key("systemdOomd", Form::Table(&SYSTEMD_OOMD), Absent, "systemd-oomd runs on the node"),
        key("talosOom", Form::Table(&TALOS_OOM), Absent, "the OOM controller of Talos Linux 1.12 runs on the node"),
    ],
};

/// `[[node]]`.
pub(crate) static NODE_KIND_KEYS: KeyGroup = KeyGroup {
    name: "[[node]]",
    keys: &[
        key("count", Form::Integer { min: 1, max: MAX_NODES }, Is("1"), "number of nodes of this kind"),
        key("kubelet", Form::Table(&KUBELET), Absent, "keys of `[kubelet]` that differ for this kind"),
    ],
};

/// `[node.disk]`.
pub(crate) static NODE_DISK_KEYS: KeyGroup = KeyGroup {
    name: "[node.disk]",
    keys: &[
        key("latency", Form::Duration, Required, "from a request to its first byte; one reads 128 KiB of a file ahead"),
        key("bandwidth", Form::Amount, Required, "bytes per second"),
        key("page", Form::Duration, Is("1us"), "what the processor needs for a page that is freed or moved"),
    ],
};

/// `[node.system]`.
pub(crate) static NODE_SYSTEM_KEYS: KeyGroup = KeyGroup {
    name: "[node.system]",
    keys: &[
        key("anon", Form::Amount, Is("0"), "anonymous memory of the system's own processes, in system.slice"),
        key("activeFile", Form::Amount, Is("0"), "active page cache; can be reclaimed"),
        key(
            "inactiveFile",
            Form::Amount,
            Is("0"),
            "inactive page cache; can be reclaimed, not part of the working set",
        ),
        key("mlockedFile", Form::Amount, Is("0"), "locked program text; never reclaimed"),
        key(
            "text",
            Form::Amount,
            Is("0"),
            "program text of the system, kubelet and runtime among it, that they need again and again: with it and a \
             `disk` a node that is full crawls, and up to kernel 6.12 hangs without a kill",
        ),
        key("kernel", Form::Amount, Is("0"), "kernel memory that is not charged to a cgroup"),
        key("committed", Form::Amount, Is("0"), "commit charge in addition to the memory in use"),
    ],
};

/// `[node.runtime]`.
pub(crate) static NODE_RUNTIME_KEYS: KeyGroup = KeyGroup {
    name: "[node.runtime]",
    keys: &[
        key("sandboxCreate", Form::Duration, Is("500ms"), "from the pod's admission to its sandbox"),
        key("containerCreate", Form::Duration, Is("500ms"), "from the sandbox to the first process"),
        key(
            "containerRemove",
            Form::Duration,
            Is("20ms"),
            "from the end of the last process to the return of the kill call",
        ),
        key(
            "podTeardown",
            Form::Duration,
            Is("400ms"),
            "from the end of the last container to the removal of the pod's cgroup",
        ),
        key(
            "sharesProcessors",
            Form::Boolean,
            Is("false"),
            "making a sandbox or a container keeps a processor busy, and those that are made at once share the \
             processors",
        ),
        key(
            "perPod",
            Form::Amount,
            Is("0"),
            "what the runtime and the kubelet hold for each pod in `/system.slice` (shim, containerd, kubelet): 8 to \
             12 MiB with containerd 2.1",
        ),
    ],
};

/// `[node.exit]`.
pub(crate) static NODE_EXIT_KEYS: KeyGroup = KeyGroup {
    name: "[node.exit]",
    keys: &[
        key("base", Form::Duration, Is("10ms"), "time that every process takes to free its memory"),
        key("perGiB", Form::Duration, Is("40ms"), "additional time for each resident GiB"),
    ],
};

const PERCENT: Form = Form::Integer { min: 0, max: 100 };
const TERM_AND_KILL: Form = Form::OneOf(&[PERCENT, Form::Tuple(&[PERCENT, PERCENT])]);

/// `[node.earlyoom]`.
pub(crate) static EARLYOOM_KEYS: KeyGroup = KeyGroup {
    name: "[node.earlyoom]",
    keys: &[
        key(
            "memory",
            TERM_AND_KILL,
            Is("10"),
            "`-m`: percent of MemAvailable + AnonPages that are available when it sends SIGTERM, and SIGKILL (half of it \
             if one number is given)",
        ),
        key("swap", TERM_AND_KILL, Is("10"), "`-s`: the same for free swap; both must be low"),
        key("prefer", Form::Text, Absent, "`--prefer`: processes with this in their name get 300 points more"),
        key("avoid", Form::Text, Absent, "`--avoid`: processes with this in their name get 300 points less"),
    ],
};

/// `[node.systemdOomd]`.
pub(crate) static SYSTEMD_OOMD_KEYS: KeyGroup = KeyGroup {
    name: "[node.systemdOomd]",
    keys: &[
        key("swapUsedLimit", PERCENT, Is("90"), "it kills when more of memory and of swap are in use"),
        key("managedOOMSwap", Form::Array(&Form::Path), Says("`[\"/\"]`"), "cgroups below which it kills then"),
        key(
            "managedOOMMemoryPressure",
            Form::Array(&Form::Path),
            Says("none"),
            "cgroups whose memory pressure it watches",
        ),
        key("defaultMemoryPressureLimit", PERCENT, Is("60"), "`full avg10` above which a cgroup is under pressure"),
        key("defaultMemoryPressureDuration", Form::Duration, Is("30s"), "for how long before it kills"),
    ],
};

/// `[node.talosOom]`.
pub(crate) static TALOS_OOM_KEYS: KeyGroup = KeyGroup {
    name: "[node.talosOom]",
    keys: &[
        key(
            "memoryFullAvg10",
            PERCENT,
            Is("12"),
            "`memory_full_avg10` of the node above which it kills while that rises",
        ),
        key("timeSinceTrigger", Form::Duration, Is("500ms"), "least time between two kills"),
    ],
};

/// `footprint`.
pub(crate) static FOOTPRINT_KEYS: KeyGroup = KeyGroup {
    name: "footprint",
    keys: &[
        key("anon", Form::Amount, Is("0"), "anonymous memory, touched"),
        key(
            "file",
            Form::Amount,
            Is("0"),
            "mapped program text that is charged elsewhere: counts in RSS and badness, not in the cgroup",
        ),
        key(
            "text",
            Form::Amount,
            Is("0"),
            "program text that is needed again after every 128 KiB of new memory, charged to the cgroup whose process reads it first: a full cgroup hangs with it up to kernel 6.12, later it is killed",
        ),
        key("pageTables", Form::Amount, Is("0"), "page tables"),
        key("virtual", Form::Amount, Is("0"), "virtual size in addition to the touched memory"),
        key("kernel", Form::Amount, Is("0"), "kernel memory charged to the cgroup"),
    ],
};

/// `[kernel]`.
pub(crate) static KERNEL_KEYS: KeyGroup = KeyGroup {
    name: "[kernel]",
    keys: &[
        key(
            "version",
            Form::Version,
            Is("6.12"),
            "`4.15`, `4.19`, `5.4`, `5.10`, `5.15`, `6.1`, `6.6`, `6.8`, `6.12`, `6.18`, `7.0`, `7.2`, \
             `7.3`, or what `uname -r` prints, such as `6.1.134-152.225.amzn2023.x86_64`; a version in between has \
             what is known of it, with a warning that names what may differ",
        ),
        key(
            "distribution",
            Form::Words(&[
                "debian-11",
                "debian-12",
                "debian-13",
                "ubuntu",
                "aks-ubuntu",
                "azure-linux",
                "amazon-linux-2023",
                "amazon-linux-2",
                "talos",
                "rhel",
                "rhel-9.3",
                "flatcar",
                "container-optimized-os",
                "oracle-uek",
                "fedora",
                "suse",
                "photon",
                "alibaba-cloud-linux",
                "tencent-os",
                "euler-os",
                "raspberry-pi-os",
                "wsl",
                "linuxkit",
            ]),
            Says("by `version`"),
            "who built the kernel, which decides about MGLRU; a release in `version` names it too, and `lru` overrides both",
        ),
        key("cgroup", Form::Words(&["v1", "v2"]), Is("v2"), "cgroup hierarchy"),
        key("thp", Form::Words(&["always", "madvise", "never"]), Is("never"), "transparent huge pages"),
        key(
            "swapDevice",
            Form::Words(&["disk", "zram"]),
            Is("disk"),
            "what swap lies on: MGLRU does not wait for a disk",
        ),
        key(
            "sysctl",
            Form::Sysctls,
            Says("the kernel's"),
            "`{ \"vm.overcommit_memory\" = 1, \"vm.min_free_kbytes\" = 67584 }`",
        ),
    ],
};

/// The capabilities of a kernel, which can be overridden one by one.
pub(crate) fn kernel_capabilities() -> &'static KeyGroup {
    static GROUP: LazyLock<KeyGroup> = LazyLock::new(|| {
        let keys = Profile::capabilities().iter().map(|capability| {
            let form = match capability.values {
                [] => Form::Integer { min: 0, max: 65_536 },
                ["true", "false"] | ["false", "true"] => Form::Boolean,
                words => Form::Words(words),
            };
            key(capability.name, form, Says("by version"), capability.doc)
        });
        KeyGroup { name: "Capabilities of [kernel]", keys: Vec::leak(keys.collect()) }
    });
    &GROUP
}
