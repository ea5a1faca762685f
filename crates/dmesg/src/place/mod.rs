//! What a cgroup path stands for: the kubelet's layout with both drivers, the runtimes' names, other schedulers,
//! virtual machines, systemd's units.

mod systems;

pub use systems::System;

use serde::Serialize;

/// Quality of service, as the path tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Qos {
    /// Below `kubepods` itself.
    Guaranteed,
    /// Below `burstable`.
    Burstable,
    /// Below `besteffort`.
    BestEffort,
}

/// Whose cgroup it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CgroupPlace {
    /// The root: the node itself.
    Node,
    /// `kubepods`: all pods together.
    Pods,
    /// `kubepods/burstable` or `kubepods/besteffort`: all pods of a class.
    QosClass {
        /// Which.
        qos: Qos,
    },
    /// A pod.
    Pod {
        /// `metadata.uid`.
        uid: String,
        /// Its class.
        qos: Qos,
    },
    /// A container of a pod (or its pause container: the path does not tell).
    Container {
        /// `metadata.uid` of the pod.
        pod_uid: String,
        /// Class of the pod.
        qos: Qos,
        /// The runtime's container id.
        id: String,
        /// `containerd`, `cri-o`, `docker` …, when the name says it.
        runtime: Option<&'static str>,
    },
    /// A container that no kubelet started.
    PlainContainer {
        /// The runtime's container id.
        id: String,
        /// The runtime, when the name says it.
        runtime: Option<&'static str>,
    },
    /// A job, task, container or virtual machine of another system than Kubernetes.
    Job {
        /// Which system.
        system: System,
        /// Its own name for it.
        name: String,
    },
    /// A unit or slice of systemd.
    Unit {
        /// `kubelet.service`, `system.slice`, …
        name: String,
    },
    /// Something else.
    Other {
        /// The path.
        path: String,
    },
}

/// Names the owner of a cgroup path.
pub fn place(path: &str) -> CgroupPlace {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        return CgroupPlace::Node;
    }
    // The innermost: a kubelet inside a container has its own tree below the outer one.
    if let Some(at) = parts.iter().rposition(|p| is_kubepods(p)) {
        return below_kubepods(&parts[at..]).unwrap_or_else(|| CgroupPlace::Other { path: path.to_string() });
    }
    if let Some(part) = parts.iter().rev().find(|p| is_slice_of_pods(p)) {
        let split: Vec<&str> = std::iter::once("kubepods").chain(part.split(':').step_by(2)).collect();
        return below_kubepods(&split).unwrap_or_else(|| CgroupPlace::Other { path: path.to_string() });
    }
    if let Some((system, name)) = systems::system(&parts) {
        return CgroupPlace::Job { system, name };
    }
    // Podman and systemd in a container have cgroups of their own below the container's.
    if let Some((id, runtime)) = parts.iter().rev().find_map(|p| container(p)) {
        return CgroupPlace::PlainContainer { id, runtime: runtime.or_else(|| by_folder(&parts)) };
    }
    let unit = parts.iter().rev().find(|p| [".service", ".slice", ".scope"].iter().any(|s| p.ends_with(s)));
    match unit {
        Some(name) => CgroupPlace::Unit { name: (*name).to_string() },
        None => CgroupPlace::Other { path: path.to_string() },
    }
}

/// `kubepods`, `kubepods.slice`, and kind's `kubelet-kubepods.slice`.
fn is_kubepods(part: &str) -> bool {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    name == "kubepods" || (part.ends_with(".slice") && name.ends_with("-kubepods"))
}

/// `/docker/ID`, `/libpod_parent/…`: cgroups of the runtimes with the cgroupfs driver.
fn by_folder(parts: &[&str]) -> Option<&'static str> {
    parts.iter().find_map(|p| match *p {
        "docker" => Some("docker"),
        "libpod_parent" => Some("podman"),
        "default" | "k8s.io" | "moby" => Some("containerd"),
        "buildkit" => Some("buildkit"),
        "kata_overhead" => Some("kata"),
        _ => None,
    })
}

/// `kubepods-burstable-podUID.slice:cri-containerd:ID`: a runtime with another driver than the kubelet's.
fn is_slice_of_pods(part: &str) -> bool {
    part.split_once(".slice:").is_some_and(|(slice, rest)| slice.contains("kubepods") && rest.contains(':'))
}

fn below_kubepods(parts: &[&str]) -> Option<CgroupPlace> {
    let mut qos = Qos::Guaranteed;
    let mut pod = None;
    for part in &parts[1..] {
        // systemd repeats the parents in the name: kubepods-burstable-podUID.slice.
        let name = match part.strip_suffix(".slice") {
            Some(slice) => slice.rsplit_once("kubepods-").map_or(slice, |(_, tail)| tail),
            None => part,
        };
        let (class, rest) = match name.split_once('-') {
            Some((class @ ("burstable" | "besteffort"), rest)) => (class, rest),
            _ => (name, name),
        };
        match class {
            "burstable" => qos = Qos::Burstable,
            "besteffort" => qos = Qos::BestEffort,
            _ => {}
        }
        if let Some(uid) = rest.strip_prefix("pod").filter(|u| !u.is_empty() && pod.is_none()) {
            pod = Some(uid.replace('_', "-"));
        } else if let Some(pod_uid) = &pod {
            let (id, runtime) = container(part).unwrap_or_else(|| ((*part).to_string(), None));
            return Some(CgroupPlace::Container { pod_uid: pod_uid.clone(), qos, id, runtime });
        }
    }
    match (pod, qos) {
        (Some(uid), qos) => Some(CgroupPlace::Pod { uid, qos }),
        (None, Qos::Guaranteed) if parts.len() == 1 => Some(CgroupPlace::Pods),
        (None, Qos::Guaranteed) => None,
        (None, qos) => Some(CgroupPlace::QosClass { qos }),
    }
}

/// `cri-containerd-ID.scope`, `crio-ID`, `docker-ID.scope`, a bare id.
fn container(name: &str) -> Option<(String, Option<&'static str>)> {
    let base = name.strip_suffix(".scope").unwrap_or(name);
    // cri-o's systemd names may carry `crio-conmon-`: the monitor, still of that container.
    for (prefix, runtime) in [
        ("cri-containerd-", "containerd"),
        ("crio-conmon-", "cri-o"),
        ("crio-", "cri-o"),
        ("docker-", "docker"),
        ("libpod-conmon-", "podman"),
        ("libpod-payload-", "podman"),
        ("libpod-", "podman"),
        ("nerdctl-", "containerd"),
        ("kata_", "kata"),
    ] {
        if let Some(id) = base.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some((id.to_string(), Some(runtime)));
        }
    }
    is_id(base).then(|| (base.to_string(), None))
}

impl CgroupPlace {
    /// True when the path shows that a kubelet made it.
    pub fn of_kubelet(&self) -> bool {
        matches!(
            self,
            CgroupPlace::Pods | CgroupPlace::QosClass { .. } | CgroupPlace::Pod { .. } | CgroupPlace::Container { .. }
        )
    }
}

/// True for the uid of a static pod: the hash of its manifest, which is not what the API server shows as its uid.
pub(crate) fn is_static(uid: &str) -> bool {
    uid.len() == 32 && uid.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Container ids are 64 hexadecimal digits; shortened ones have at least 12.
fn is_id(s: &str) -> bool {
    s.len() >= 12 && s.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b27201334a41cd0749d053b18378d7ea65617b8e26277197ea25c974da1a5a8a";
    const UID: &str = "0330b2c1-a15b-4cdd-b5e5-72d4a90bee82";

    fn in_pod(qos: Qos, runtime: Option<&'static str>) -> CgroupPlace {
        CgroupPlace::Container { pod_uid: UID.into(), qos, id: ID.into(), runtime }
    }

    #[test]
    fn both_drivers_and_the_runtimes() {
        let dashed = UID;
        let low = UID.replace('-', "_");
        let slices = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod";
        let cases = [
            (format!("/kubepods/burstable/pod{dashed}/{ID}"), in_pod(Qos::Burstable, None)),
            (format!("/kubepods/besteffort/pod{dashed}/crio-{ID}"), in_pod(Qos::BestEffort, Some("cri-o"))),
            (format!("/kubepods/pod{dashed}"), CgroupPlace::Pod { uid: UID.into(), qos: Qos::Guaranteed }),
            // istio#42734, k/k#86337, gpud#70.
            (format!("{slices}{low}.slice/docker-{ID}.scope"), in_pod(Qos::Burstable, Some("docker"))),
            (format!("/kubepods.slice/kubepods-pod{low}.slice/{ID}"), in_pod(Qos::Guaranteed, None)),
            (
                format!("/lxc.payload.x-lxc{slices}{low}.slice/cri-containerd-{ID}.scope"),
                in_pod(Qos::Burstable, Some("containerd")),
            ),
            (format!("{slices}{low}.slice"), CgroupPlace::Pod { uid: UID.into(), qos: Qos::Burstable }),
            // kind: a node in a container.
            (
                format!(
                    "/docker/{ID}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{low}.slice/cri-containerd-{ID}.scope"
                ),
                in_pod(Qos::BestEffort, Some("containerd")),
            ),
            ("/kubepods".into(), CgroupPlace::Pods),
            ("/kubepods.slice".into(), CgroupPlace::Pods),
            ("/kubepods/burstable".into(), CgroupPlace::QosClass { qos: Qos::Burstable }),
            ("/kubepods.slice/kubepods-besteffort.slice".into(), CgroupPlace::QosClass { qos: Qos::BestEffort }),
            ("/".into(), CgroupPlace::Node),
            ("/podruntime.slice/kubelet.service".into(), CgroupPlace::Unit { name: "kubelet.service".into() }),
            ("/podruntime.slice".into(), CgroupPlace::Unit { name: "podruntime.slice".into() }),
            (
                format!("/system.slice/docker-{ID}.scope"),
                CgroupPlace::PlainContainer { id: ID.into(), runtime: Some("docker") },
            ),
            (format!("/docker/{ID}"), CgroupPlace::PlainContainer { id: ID.into(), runtime: Some("docker") }),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                CgroupPlace::PlainContainer { id: ID.into(), runtime: Some("podman") },
            ),
            (
                format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container"),
                CgroupPlace::PlainContainer { id: ID.into(), runtime: Some("podman") },
            ),
            (
                format!("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"),
                CgroupPlace::PlainContainer { id: ID.into(), runtime: Some("docker") },
            ),
            (format!("/system.slice/kubepods-pod{low}.slice:crio:{ID}"), in_pod(Qos::Guaranteed, None)),
            (
                format!("/system.slice/containerd.service/kubepods-burstable-pod{low}.slice:cri-containerd:{ID}"),
                in_pod(Qos::Burstable, None),
            ),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0123456789abcdef0123456789abcdef.slice"
                    .into(),
                CgroupPlace::Pod { uid: "0123456789abcdef0123456789abcdef".into(), qos: Qos::Burstable },
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope".into(),
                CgroupPlace::Unit { name: "session-3.scope".into() },
            ),
            ("/e".into(), CgroupPlace::Other { path: "/e".into() }),
        ];
        for (path, expected) in cases {
            assert_eq!(place(&path), expected, "{path}");
        }
    }
}
