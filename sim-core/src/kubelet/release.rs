//! Kubernetes versions as nodes print them (`status.nodeInfo.kubeletVersion`): release, row, whose build it is.

use super::profile::KubernetesProfile;
use std::fmt;

/// Whose build of Kubernetes it is, as far as the version says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KubernetesDistribution {
    /// Amazon EKS, also with Bottlerocket: `v1.33.3-eks-113cf36`.
    Eks,
    /// Google GKE: `v1.30.5-gke.1014003`.
    Gke,
    /// k3s: `v1.36.4+k3s1`.
    K3s,
    /// RKE2: `v1.30.4+rke2r1`.
    Rke2,
    /// Alibaba Cloud ACK: `v1.32.1-aliyun.1`.
    Ack,
    /// OpenShift: `v1.27.6+f67aeb3`.
    OpenShift,
    /// k0s: `v1.31.3+k0s`.
    K0s,
    /// IBM Cloud Kubernetes Service: `v1.30.5+IKS`.
    Iks,
    /// Tencent Kubernetes Engine: `v1.22.5-tke.9`.
    Tke,
    /// VMware Tanzu and vSphere: `v1.35.4+vmware.1`.
    Vmware,
}

impl fmt::Display for KubernetesDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Eks => "Amazon EKS",
            Self::Gke => "Google GKE",
            Self::K3s => "k3s",
            Self::Rke2 => "RKE2",
            Self::Ack => "Alibaba Cloud ACK",
            Self::OpenShift => "OpenShift",
            Self::K0s => "k0s",
            Self::Iks => "IBM Cloud IKS",
            Self::Tke => "Tencent TKE",
            Self::Vmware => "VMware Tanzu",
        })
    }
}

/// A version that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Minor release: 33 for 1.33.3.
    pub minor: u32,
    /// Whose build it is.
    pub distribution: Option<KubernetesDistribution>,
}

impl Release {
    /// Reads `1.28`, `v1.28.3`, `v1.33.3-eks-113cf36`, `Kubernetes v1.33.3`; `None` when it is no version, or older
    /// than every row.
    pub fn parse(text: &str) -> Option<Release> {
        let text = text.trim();
        let text = text.strip_prefix("Kubernetes ").unwrap_or(text);
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (numbers, build) = text.split_at(end);
        let mut numbers = numbers.split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        if numbers.any(|patch| patch.is_err()) || major != 1 || minor < KubernetesProfile::V1_21.minor {
            return None;
        }
        let parts = [build, build.find('+').map_or("", |plus| &build[plus..])];
        Some(Release { minor, distribution: parts.into_iter().find_map(distribution) })
    }

    /// The row that stands for it: its own, or the newest for one that is newer than all.
    pub fn row(self) -> KubernetesProfile {
        let older = KubernetesProfile::ALL.into_iter().rfind(|row| row.minor <= self.minor);
        older.unwrap_or(KubernetesProfile::V1_21)
    }

    /// True when the row is that of the very release.
    pub fn is_exact(self) -> bool {
        self.row().minor == self.minor
    }

    /// The preset of the provider or installer whose build it is, if there is one.
    pub fn preset(self) -> Option<&'static str> {
        Some(match self.distribution? {
            KubernetesDistribution::Eks => "eks",
            KubernetesDistribution::Gke => "gke",
            KubernetesDistribution::K3s => "k3s",
            KubernetesDistribution::Rke2 => "rke2",
            KubernetesDistribution::Ack => "ack",
            KubernetesDistribution::OpenShift => match self.minor {
                ..=31 => "openshift-4.18",
                32 => "openshift-4.19",
                33 => "openshift-4.20",
                34 => "openshift-4.21",
                35 => "openshift-4.22",
                36.. => "openshift-5.0",
            },
            KubernetesDistribution::K0s
            | KubernetesDistribution::Iks
            | KubernetesDistribution::Tke
            | KubernetesDistribution::Vmware => return None,
        })
    }
}

/// By what stands behind the numbers.
fn distribution(build: &str) -> Option<KubernetesDistribution> {
    let (mark, name) = build.split_at_checked(1)?;
    let hash = name.len() == 7 && name.bytes().all(|b| b.is_ascii_hexdigit());
    Some(match name {
        _ if name.starts_with("eks-") => KubernetesDistribution::Eks,
        _ if name.starts_with("gke.") => KubernetesDistribution::Gke,
        _ if name.starts_with("k3s") => KubernetesDistribution::K3s,
        _ if name.starts_with("rke2") => KubernetesDistribution::Rke2,
        _ if name.starts_with("aliyun") => KubernetesDistribution::Ack,
        _ if name.starts_with("k0s") => KubernetesDistribution::K0s,
        _ if name.starts_with("IKS") => KubernetesDistribution::Iks,
        _ if name.starts_with("tke.") => KubernetesDistribution::Tke,
        _ if name.starts_with("vmware.") => KubernetesDistribution::Vmware,
        _ if mark == "+" && hash => KubernetesDistribution::OpenShift,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::preset::Preset;
    use KubernetesDistribution as D;

    #[test]
    fn versions_as_nodes_print_them() {
        for (text, row, distribution, preset) in [
            ("v1.33.3-eks-113cf36", "1.33", Some(D::Eks), Some("eks")),
            ("v1.29.15-eks-473151a", "1.29", Some(D::Eks), Some("eks")),
            ("v1.30.5-gke.1014003", "1.30", Some(D::Gke), Some("gke")),
            ("v1.31.8-gke.1045000", "1.31", Some(D::Gke), Some("gke")),
            ("v1.36.4+k3s1", "1.36", Some(D::K3s), Some("k3s")),
            ("v1.33.1+k3s1", "1.33", Some(D::K3s), Some("k3s")),
            ("v1.32.0-rc1+k3s1", "1.32", Some(D::K3s), Some("k3s")),
            ("v1.30.4+rke2r1", "1.30", Some(D::Rke2), Some("rke2")),
            ("v1.32.5+rke2r1", "1.32", Some(D::Rke2), Some("rke2")),
            ("v1.32.1-aliyun.1", "1.32", Some(D::Ack), Some("ack")),
            ("v1.34.9+0a1b2c3", "1.34", Some(D::OpenShift), Some("openshift-4.21")),
            ("v1.30.7+5fc7dd8", "1.30", Some(D::OpenShift), Some("openshift-4.18")),
            ("v1.27.6+f67aeb3", "1.27", Some(D::OpenShift), Some("openshift-4.18")),
            ("v1.31.3+k0s", "1.31", Some(D::K0s), None),
            ("v1.30.5+IKS", "1.30", Some(D::Iks), None),
            ("v1.22.5-tke.9", "1.22", Some(D::Tke), None),
            ("v1.35.4+vmware.1", "1.35", Some(D::Vmware), None),
            ("v1.29.9", "1.29", None, None),
            ("Kubernetes v1.33.1", "1.33", None, None),
            ("v1.34.0-beta.0.123+0123456789abcd-dirty", "1.34", None, None),
            ("1.38.0-alpha.1", "1.37", None, None),
            ("1.26", "1.26", None, None),
            ("v1.27.8+4fab27b", "1.27", Some(D::OpenShift), Some("openshift-4.18")),
            ("v1.32.6+1a2b3c4", "1.32", Some(D::OpenShift), Some("openshift-4.19")),
        ] {
            let release = Release::parse(text).unwrap();
            assert_eq!((release.row().version, release.distribution, release.preset()), (row, distribution, preset));
            assert!(preset.is_none_or(|name| Preset::named(name).is_some()), "{text}");
        }
        for bad in ["1.20", "2.0", "next", "1", "1.x", "1.30.x", ""] {
            assert_eq!(Release::parse(bad), None, "{bad}");
        }
    }
}
