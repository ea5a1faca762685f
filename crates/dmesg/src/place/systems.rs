//! Systems other than Kubernetes that make cgroups, by the paths that they make.

use serde::Serialize;

/// A system that runs jobs, containers or virtual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum System {
    /// LXC, Incus, LXD, Proxmox VE.
    Lxc,
    /// libvirt.
    Libvirt,
    /// Virtual machines of Proxmox VE.
    Proxmox,
    /// Amazon ECS.
    Ecs,
    /// HashiCorp Nomad.
    Nomad,
    /// Cloud Foundry (Garden), Concourse.
    CloudFoundry,
    /// Slurm.
    Slurm,
    /// Apache Mesos.
    Mesos,
    /// Hadoop YARN.
    Yarn,
    /// HTCondor.
    HtCondor,
    /// OpenPBS, PBS Professional.
    Pbs,
    /// IBM Spectrum LSF.
    Lsf,
    /// systemd-nspawn.
    Nspawn,
    /// Snap packages.
    Snap,
}

impl System {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            System::Lxc => "LXC",
            System::Libvirt => "libvirt",
            System::Proxmox => "Proxmox VE",
            System::Ecs => "Amazon ECS",
            System::Nomad => "Nomad",
            System::CloudFoundry => "Cloud Foundry",
            System::Slurm => "Slurm",
            System::Mesos => "Mesos",
            System::Yarn => "YARN",
            System::HtCondor => "HTCondor",
            System::Pbs => "PBS",
            System::Lsf => "LSF",
            System::Nspawn => "systemd-nspawn",
            System::Snap => "snap",
        }
    }

    /// Where its memory limit is set.
    pub fn advice(self) -> &'static str {
        match self {
            System::Lxc => {
                "Raise the container's memory: pct set ID --memory MIB (Proxmox VE), lxc config set NAME limits.memory (LXD, Incus), lxc.cgroup2.memory.max (LXC). Files in the container's /tmp or /dev/shm (tmpfs) count too."
            }
            System::Libvirt => {
                "The limit is of the virtual machine's process on the host, not of its own memory: QEMU needs some hundred MiB more than the guest has. Raise or remove hard_limit in <memtune> (virsh memtune NAME --hard-limit)."
            }
            System::Proxmox => {
                "The limit is of the virtual machine's process on the host, not of its own memory: QEMU needs some hundred MiB more than the guest has. Proxmox VE sets none itself: systemctl show ID.scope -p MemoryMax tells it, systemctl set-property ID.scope MemoryMax=infinity takes it off."
            }
            System::Ecs => {
                "Raise memory of the container or of the task in the task definition (memoryReservation is no limit); ECS shows exit code 137 and the reason OutOfMemoryError."
            }
            System::Nomad => "Raise resources.memory of the task (or memory_max, where oversubscription is allowed).",
            System::CloudFoundry => "Raise the app's memory: cf scale APP -m SIZE, or memory in the manifest.",
            System::Slurm => {
                "Ask for more memory with --mem or --mem-per-cpu; Slurm enforces it by ConstrainRAMSpace in cgroup.conf. sacct -j JOB --format=MaxRSS,ReqMem shows what was used."
            }
            System::Mesos => "Raise mem of the task; the memory isolator enforces it.",
            System::Yarn => {
                "Raise the container's memory (yarn.scheduler, spark.executor.memoryOverhead and the like)."
            }
            System::HtCondor => "Raise request_memory of the job.",
            System::Pbs => "Ask for more memory: -l select=1:mem=SIZE.",
            System::Lsf => "Raise the job's memory limit: bsub -M SIZE.",
            System::Nspawn => "Raise MemoryMax= of the machine's unit: systemctl set-property UNIT MemoryMax=SIZE.",
            System::Snap => "Raise the quota: snap set-quota GROUP --memory=SIZE.",
        }
    }
}

/// The system and its name for what runs there.
pub(super) fn system(parts: &[&str]) -> Option<(System, String)> {
    let after = |names: &[&str]| {
        let at = parts.iter().position(|p| names.contains(p))?;
        parts.get(at + 1).map(|name| (*name).to_string())
    };
    let starting = |prefix: &str| parts.iter().find_map(|p| p.strip_prefix(prefix).map(str::to_string));
    lxc(parts)
        .map(|name| (System::Lxc, name))
        .or_else(|| libvirt(parts).map(|name| (System::Libvirt, name)))
        .or_else(|| proxmox(parts).map(|name| (System::Proxmox, name)))
        .or_else(|| slurm(parts).map(|name| (System::Slurm, name)))
        .or_else(|| after(&["ecs", "ecstasks"]).map(|task| (System::Ecs, task)))
        .or_else(|| starting("ecstasks-").map(|task| (System::Ecs, task.trim_end_matches(".slice").to_string())))
        .or_else(|| nomad(parts).map(|name| (System::Nomad, name)))
        .or_else(|| after(&["garden", "good", "bad"]).map(|app| (System::CloudFoundry, app)))
        .or_else(|| after(&["mesos", "mesos_executors.slice"]).map(|task| (System::Mesos, task)))
        .or_else(|| after(&["hadoop-yarn"]).map(|task| (System::Yarn, task)))
        .or_else(|| after(&["htcondor"]).or_else(|| starting("condor_")).map(|job| (System::HtCondor, job)))
        .or_else(|| after(&["pbs_jobs.service", "pbs_jobs", "pbspro"]).map(|job| (System::Pbs, job)))
        .or_else(|| starting("pbspro-").map(|job| (System::Pbs, job.trim_end_matches(".slice").to_string())))
        .or_else(|| after(&["lsf"]).map(|_| (System::Lsf, parts[parts.len() - 1].to_string())))
        .or_else(|| nspawn(parts).map(|name| (System::Nspawn, name)))
        .or_else(|| snap(parts).map(|name| (System::Snap, name)))
}

/// `/lxc/101/ns`, `/lxc.payload.web`, `/lxc.payload/web`, `/lxc.monitor.web`; a kubelet in it is found before.
fn lxc(parts: &[&str]) -> Option<String> {
    parts.iter().enumerate().find_map(|(i, part)| match *part {
        "lxc" | "lxc.payload" | "lxc.monitor" => parts.get(i + 1).map(|n| (*n).to_string()),
        _ => part.strip_prefix("lxc.payload.").or_else(|| part.strip_prefix("lxc.monitor.")).map(str::to_string),
    })
}

/// Proxmox VE's `qemu.slice/100.scope`.
fn proxmox(parts: &[&str]) -> Option<String> {
    let at = parts.iter().position(|part| *part == "qemu.slice")?;
    Some(parts.get(at + 1)?.trim_end_matches(".scope").to_string())
}

/// `machine-qemu\x2d1\x2dweb.scope`.
fn libvirt(parts: &[&str]) -> Option<String> {
    parts.iter().enumerate().find_map(|(i, part)| {
        if let Some(name) = part.strip_prefix("machine-qemu") {
            let name = name.trim_end_matches(".scope").replace("\\x2d", "-");
            return Some(name.trim_start_matches('-').to_string());
        }
        let below = i > 0 && parts[i - 1] == "libvirt-qemu";
        below.then(|| part.trim_end_matches(".scope").trim_end_matches(".libvirt-qemu").to_string())
    })
}

/// `/slurm/uid_1000/job_123/step_0/task_0`, `/system.slice/slurmstepd.scope/job_123/step_batch/user/task_0`.
fn slurm(parts: &[&str]) -> Option<String> {
    let job = parts.iter().find_map(|p| p.strip_prefix("job_"))?;
    if !parts.iter().any(|p| p.starts_with("slurm") || p.ends_with("slurmstepd.scope")) {
        return None;
    }
    let step = parts.iter().find_map(|p| p.strip_prefix("step_"));
    Some(step.map_or(format!("job {job}"), |step| format!("job {job}, step {step}")))
}

/// `/nomad/share/ALLOC.task`, `/nomad.slice/share.slice/ALLOC.task.scope`, `/nomad/ALLOC`.
fn nomad(parts: &[&str]) -> Option<String> {
    let at = parts.iter().position(|p| matches!(*p, "nomad" | "nomad.slice"))?;
    let name = parts.get(at + 1..)?.iter().rev().find(|p| !matches!(**p, "share" | "share.slice" | "reserve.slice"))?;
    Some(name.trim_end_matches(".scope").to_string())
}

/// `/machine.slice/systemd-nspawn@web.service`, `/machine.slice/machine-web.scope`.
fn nspawn(parts: &[&str]) -> Option<String> {
    parts.iter().find_map(|p| {
        let name = p.strip_prefix("systemd-nspawn@").or_else(|| p.strip_prefix("machine-"))?;
        (!name.starts_with("libpod")).then(|| name.trim_end_matches(".service").trim_end_matches(".scope").to_string())
    })
}

/// `snap.firefox.firefox-1234.scope`.
fn snap(parts: &[&str]) -> Option<String> {
    parts.iter().find_map(|p| p.strip_prefix("snap.")?.split('.').next().map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{CgroupPlace, place};

    /// Paths as the systems' own documentation and public reports show them.
    #[test]
    fn paths_of_other_systems() {
        for (path, system, name) in [
            ("/lxc/101/ns/system.slice/web.service", System::Lxc, "101"),
            ("/lxc.payload.web/system.slice", System::Lxc, "web"),
            ("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator", System::Libvirt, "1-web"),
            ("/qemu.slice/100.scope", System::Proxmox, "100"),
            ("/ecs/0123456789abcdef/0123456789abcdef0123", System::Ecs, "0123456789abcdef"),
            ("/ecs.slice/ecstasks-0123.slice/docker-0123.scope", System::Ecs, "0123"),
            ("/nomad.slice/share.slice/5a0b1c2d-web.web.scope", System::Nomad, "5a0b1c2d-web.web"),
            ("/system.slice/garden/0123-4567", System::CloudFoundry, "0123-4567"),
            ("/slurm/uid_1000/job_123/step_0/task_0", System::Slurm, "job 123, step 0"),
            ("/system.slice/slurmstepd.scope/job_9/step_batch/user/task_0", System::Slurm, "job 9, step batch"),
            ("/pbspro.slice/pbspro-1234.server.slice", System::Pbs, "1234.server"),
            ("/mesos/0123", System::Mesos, "0123"),
            ("/hadoop-yarn/container_1_1_01_000001", System::Yarn, "container_1_1_01_000001"),
            ("/machine.slice/systemd-nspawn@web.service/payload", System::Nspawn, "web"),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox-1.scope",
                System::Snap,
                "firefox",
            ),
        ] {
            assert_eq!(place(path), CgroupPlace::Job { system, name: name.into() }, "{path}");
        }
    }
}
