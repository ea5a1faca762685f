//! The presets.

use super::{Entries, Preset, Reservation, SizeBy, ThresholdBySize};
use crate::kubelet::config::{CgroupDriver, ENFORCE_KUBE, ENFORCE_PODS, ENFORCE_SYSTEM, ENFORCE_SYSTEM_COMPRESSIBLE};
use crate::units::SimDuration;

/// A row with nothing in it: what kubeadm writes.
const PLAIN: Preset = Preset {
    name: "kubeadm",
    about: "kubeadm: nothing reserved, the kubelet's own thresholds",
    source: "kubernetes pkg/kubelet/eviction/defaults_linux.go (1.32.10); kubeadm sets the systemd cgroup driver since 1.22",
    kubernetes: None,
    kube_reserved: Reservation::None,
    system_reserved: Reservation::None,
    size: SizeBy::MemTotal,
    bounded_by_pods: None,
    max_pods: None,
    eviction_hard: None,
    eviction_soft: &[],
    soft_grace_period: &[],
    by_size: &[],
    max_pod_grace_period: 0,
    pressure_transition_period: None,
    minimum_reclaim: &[],
    enforce: None,
    kube_reserved_cgroup: "",
    system_reserved_cgroup: "",
    cgroup_driver: CgroupDriver::Systemd,
    cgroup_root: "",
    fail_swap_on: None,
};

/// `evictionHard` with this amount of memory and the disk thresholds that most providers write.
macro_rules! eviction_hard {
    ($memory:literal) => {
        Some(&[("memory.available", $memory), ("nodefs.available", "10%"), ("nodefs.inodesFree", "5%")])
    };
}

/// What switches off eviction for disks, and with it, as a map replaces all defaults, eviction for memory.
const NO_DISK_EVICTION: Option<Entries> =
    Some(&[("imagefs.available", "0%"), ("nodefs.available", "0%"), ("nodefs.inodesFree", "0%")]);

const ELEVEN_A_POD: Reservation = Reservation::PerPod { each: 11, base: 255, base_percent: 0, at_most_percent: None };

/// k3s and RKE2, which share the agent.
const K3S: Preset = Preset {
    name: "k3s",
    about: "k3s: nothing reserved, a map of thresholds without memory.available (no memory eviction)",
    source: "k3s-io/k3s pkg/daemons/agent; seen in spatiumddi#1124 with v1.36.4+k3s1",
    eviction_hard: Some(&[("imagefs.available", "5%"), ("nodefs.available", "5%")]),
    minimum_reclaim: &[("imagefs.available", "10%"), ("nodefs.available", "10%")],
    fail_swap_on: Some(false),
    ..PLAIN
};

/// OpenShift's script for what the system gets.
const OPENSHIFT_SIZING: &str = "openshift/machine-config-operator \
                                templates/common/_base/files/kubelet-auto-sizing.yaml (7ff337a4f): 1Gi without \
                                NODE_SIZING_ENABLED; on by default for new workers from 4.21 on (MCO#5390, #5491)";

/// OpenShift nodes that give the system a fixed amount.
const fn openshift_fixed(name: &'static str, about: &'static str, mib: u64) -> Preset {
    Preset { system_reserved: Reservation::Fixed(mib), ..openshift(name, "1.36", false, about) }
}

/// OpenShift workers of a release, with auto-sizing or 1 GiB.
const fn openshift(name: &'static str, kubernetes: &'static str, auto_sizing: bool, about: &'static str) -> Preset {
    Preset {
        name,
        about,
        source: OPENSHIFT_SIZING,
        kubernetes: Some(kubernetes),
        system_reserved: if auto_sizing { Reservation::OpenShift } else { Reservation::Fixed(1024) },
        enforce: Some(&[ENFORCE_PODS, ENFORCE_SYSTEM_COMPRESSIBLE]),
        system_reserved_cgroup: "/system.slice",
        max_pods: Some(250),
        ..PLAIN
    }
}

const DECKHOUSE_GRACE: Entries = &[
    ("imagefs.available", "1m30s"),
    ("imagefs.inodesFree", "1m30s"),
    ("memory.available", "1m30s"),
    ("nodefs.available", "1m30s"),
    ("nodefs.inodesFree", "1m30s"),
];

const AKS_HARDENED_GRACE: Entries =
    &[("memory.available", "30s"), ("nodefs.available", "2m0s"), ("nodefs.inodesFree", "2m0s")];

/// AKS with node hardening; `system_reserved` depends on the network plugin.
const fn aks_hardened(name: &'static str, about: &'static str, system_base: u64) -> Preset {
    Preset {
        name,
        about,
        source: "Azure/karpenter-provider-azure pkg/providers/instancetype/nodehardening.go (#1818), which mirrors AKS; \
                 preview since 2026-06. The cgroups that are limited are not named there: the systemd slices of the \
                 daemons are assumed",
        kube_reserved: Reservation::PerPod { each: 35, base: 250, base_percent: 2, at_most_percent: Some(25) },
        system_reserved: Reservation::Steps { base: system_base, each: 100, gib: 32 },
        size: SizeBy::NominalOnly,
        max_pods: Some(110),
        eviction_hard: Some(&[("nodefs.available", "10%"), ("nodefs.inodesFree", "5%"), ("pid.available", "2000")]),
        eviction_soft: &[("nodefs.available", "12%"), ("nodefs.inodesFree", "7%")],
        soft_grace_period: AKS_HARDENED_GRACE,
        by_size: &[
            ThresholdBySize { below: (8 << 10) + 1, hard: "250Mi", soft: "500Mi" },
            ThresholdBySize { below: 32 << 10, hard: "375Mi", soft: "750Mi" },
            ThresholdBySize { below: u64::MAX, hard: "512Mi", soft: "1024Mi" },
        ],
        max_pod_grace_period: 60,
        enforce: Some(&[ENFORCE_PODS, ENFORCE_KUBE, ENFORCE_SYSTEM]),
        kube_reserved_cgroup: "/kubereserved.slice",
        system_reserved_cgroup: "/system.slice",
        ..PLAIN
    }
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "aks-1.28",
        about: "Azure AKS up to 1.28: reservation in tiers of the nominal size, eviction at 750Mi",
        source: "learn.microsoft.com/azure/aks/node-resource-reservations; command line quoted by Mihai Albert, \
                 Out-of-memory (OOM) in Kubernetes, part 4: memory=1638Mi of 7 GiB, --enforce-node-allocatable=pods",
        kubernetes: Some("1.28"),
        kube_reserved: Reservation::Tiers,
        size: SizeBy::NominalOnly,
        eviction_hard: eviction_hard!("750Mi"),
        enforce: Some(&[ENFORCE_PODS]),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "aks-1.29",
        about: "Azure AKS from 1.29 on: 20 MiB a pod and 50 MiB, at most 25 % of the nominal size, eviction at 100Mi",
        source: "learn.microsoft.com/azure/aks/node-resource-reservations (which says MB); kubelet flags of a real node \
                 in Azure/AgentBaker: memory=2250Mi with --max-pods=110, so MiB. In early previews it did not take \
                 effect: AKS#4172",
        kubernetes: Some("1.29"),
        kube_reserved: Reservation::PerPod { each: 20, base: 50, base_percent: 0, at_most_percent: Some(25) },
        size: SizeBy::NominalOnly,
        max_pods: Some(110),
        eviction_hard: eviction_hard!("100Mi"),
        enforce: Some(&[ENFORCE_PODS]),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    aks_hardened(
        "aks-hardened",
        "Azure AKS with node hardening (preview): daemons limited to their reservations, soft eviction",
        200,
    ),
    aks_hardened("aks-hardened-cni", "Azure AKS with node hardening and Azure CNI: 100 MiB more for the system", 300),
    Preset {
        name: "gke",
        about: "Google GKE: reservation in tiers of 1000 MiB of the nominal size, eviction at 100Mi",
        source: "cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes, whose GiB are 1000 MiB on real nodes \
                 (2i2c-org/infrastructure instance_capacities.yaml, 2i2c#2121, kubernetes#52650). From 1.37 on also \
                 bounded by 15 MiB a pod and a base that is not published: not modelled",
        kube_reserved: Reservation::GkeTiers { streaming: false },
        size: SizeBy::Nominal,
        bounded_by_pods: Some((37, 15)),
        eviction_hard: eviction_hard!("100Mi"),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "gke-image-streaming",
        about: "Google GKE with image streaming: as gke, and two fifths of the tiers more",
        source: "cloud.google.com/kubernetes-engine/docs/how-to/image-streaming: 10 % of the first 4 GiB, 8, 4, 2.4 and \
                 0.8 % in addition; GiB of 1000 MiB as in gke assumed",
        kube_reserved: Reservation::GkeTiers { streaming: true },
        size: SizeBy::Nominal,
        bounded_by_pods: Some((37, 15)),
        eviction_hard: eviction_hard!("100Mi"),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "gke-on-vmware",
        about: "Google Distributed Cloud on VMware from 1.15 on: 330 MiB and 5 % of the machine",
        source: "cloud.google.com/anthos/clusters/docs/on-prem/1.15/how-to/resources-available-pods (its own example \
                 still adds 680 MiB)",
        kube_reserved: Reservation::BaseAndPercent { base: 330, percent: 5 },
        size: SizeBy::Nominal,
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "eks",
        about: "Amazon EKS (AL2, AL2023): 11 MiB a pod and 255 MiB; maxPods follows from the instance type",
        source: "awslabs/amazon-eks-ami nodeadm/internal/kubelet/config.go (81fec2e8); unchanged in AMI v20260724",
        kube_reserved: ELEVEN_A_POD,
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "eks-2020",
        about: "EKS AMI v20191119 and eksctl of 2020: reservation in tiers",
        source: "awslabs/amazon-eks-ami#387, eksctl#2395",
        kube_reserved: Reservation::Tiers,
        size: SizeBy::Nominal,
        eviction_hard: eviction_hard!("100Mi"),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "bottlerocket",
        about: "Bottlerocket on EKS: as eks, with 110 pods where the instance type is not known",
        source: "bottlerocket#4472; aws/karpenter-provider-aws PR#1960",
        kube_reserved: ELEVEN_A_POD,
        max_pods: Some(110),
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "ack",
        about: "Alibaba Cloud ACK from 1.28 on: 11 MiB a pod and 255 MiB, at most 25 % of the machine",
        source: "alibabacloud.com/help/ack resource reservation policy, from 1.28 on; hard eviction assumed at 100Mi",
        kube_reserved: Reservation::PerPod { each: 11, base: 255, base_percent: 0, at_most_percent: Some(25) },
        size: SizeBy::Nominal,
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    openshift("openshift", "1.36", true, "OpenShift workers with auto-sizing: system-reserved in whole GiB"),
    openshift_fixed("openshift-control-plane", "OpenShift's control plane: 1 GiB system-reserved", 1024),
    openshift_fixed("openshift-two-node-fencing", "OpenShift with two nodes and fencing: 1536 MiB", 1536),
    Preset {
        // `system-reserved-compressible` is a key of 1.32 and later.
        enforce: None,
        system_reserved_cgroup: "",
        ..openshift("openshift-4.18", "1.31", false, "OpenShift up to 4.18 (Kubernetes 1.31): 1 GiB system-reserved")
    },
    openshift("openshift-4.19", "1.32", false, "OpenShift 4.19 (Kubernetes 1.32): 1 GiB system-reserved"),
    openshift("openshift-4.20", "1.33", false, "OpenShift 4.20 (Kubernetes 1.33): 1 GiB system-reserved"),
    openshift("openshift-4.21", "1.34", true, "OpenShift 4.21 (Kubernetes 1.34): auto-sizing on new workers"),
    openshift("openshift-4.22", "1.35", true, "OpenShift 4.22 (Kubernetes 1.35): auto-sizing on new workers"),
    openshift("openshift-5.0", "1.36", true, "OpenShift 5.0 (Kubernetes 1.36): auto-sizing on new workers"),
    K3S,
    Preset {
        name: "rke2",
        about: "RKE2: nothing reserved, a map of thresholds without memory.available (no memory eviction)",
        source: "RKE2 runs k3s's agent (k3s-io/k3s pkg/daemons/agent); command line in rancher/rke2#4200",
        ..K3S
    },
    PLAIN,
    Preset {
        name: "kind",
        about: "kind: no disk eviction, and as a map replaces all defaults no memory eviction; cgroupRoot /kubelet",
        source: "kubernetes-sigs/kind pkg/cluster/internal/kubeadm/config.go (0033147e)",
        eviction_hard: NO_DISK_EVICTION,
        cgroup_root: "/kubelet",
        fail_swap_on: Some(false),
        ..PLAIN
    },
    Preset {
        name: "minikube",
        about: "minikube: no disk eviction, and as a map replaces all defaults no memory eviction",
        source: "kubernetes/minikube pkg/minikube/bootstrapper/bsutil/ktmpl/v1beta4.go (27772aae); the cgroup driver is \
                 that of the container runtime, systemd assumed",
        eviction_hard: NO_DISK_EVICTION,
        fail_swap_on: Some(false),
        ..PLAIN
    },
    Preset {
        name: "kops",
        about: "kOps: nothing reserved, eviction at 100Mi",
        source: "cluster specifications written by kOps, e.g. in kubernetes/kops: evictionHard \
                 memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<10%,\
                 imagefs.inodesFree<5%",
        eviction_hard: Some(&[
            ("imagefs.available", "10%"),
            ("imagefs.inodesFree", "5%"),
            ("memory.available", "100Mi"),
            ("nodefs.available", "10%"),
            ("nodefs.inodesFree", "5%"),
        ]),
        ..PLAIN
    },
    Preset {
        name: "kubespray",
        about: "kubespray workers: 256 MiB for the kubelet, default thresholds",
        source: "kubernetes-sigs/kubespray roles/kubernetes/node/defaults/main.yml (007d3718): kube_memory_reserved \
                 256Mi, no eviction_hard; with an empty kubelet_enforce_node_allocatable the template leaves the field out",
        kube_reserved: Reservation::Fixed(256),
        ..PLAIN
    },
    Preset {
        name: "kubespray-control-plane",
        about: "kubespray's control plane: 512 MiB for the kubelet, default thresholds",
        source: "kubernetes-sigs/kubespray roles/kubernetes/node/defaults/main.yml (007d3718): \
                 kube_master_memory_reserved 512Mi",
        kube_reserved: Reservation::Fixed(512),
        ..PLAIN
    },
    Preset {
        name: "talos",
        about: "Talos workers: 384 MiB for the system, default thresholds",
        source: "siderolabs/talos pkg/machinery/constants (KubeletSystemReservedMemoryWorker), kubelet_spec.go. Its own \
                 userspace OOM controller (since 1.12) is not modelled",
        system_reserved: Reservation::Fixed(384),
        cgroup_driver: CgroupDriver::Cgroupfs,
        fail_swap_on: Some(false),
        ..PLAIN
    },
    Preset {
        name: "talos-control-plane",
        about: "Talos' control plane: 512 MiB for the system, default thresholds",
        source: "siderolabs/talos pkg/machinery/constants (KubeletSystemReservedMemoryControlPlane), kubelet_spec.go. Its \
                 own userspace OOM controller (since 1.12) is not modelled",
        system_reserved: Reservation::Fixed(512),
        cgroup_driver: CgroupDriver::Cgroupfs,
        fail_swap_on: Some(false),
        ..PLAIN
    },
    Preset {
        name: "selectel",
        about: "Selectel and Servercore from 1.27 on: reservation in tiers of the nominal size, eviction at 100Mi",
        source: "docs.selectel.ru and docs.servercore.com, managed Kubernetes: reserved resources of a node",
        kube_reserved: Reservation::Tiers,
        size: SizeBy::Nominal,
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "cozystack",
        about: "Cozystack's tenant clusters: 5 % of the machine, at least 256 MiB and at most 1 GiB",
        source: "cozystack/cozystack packages/apps/kubernetes; default thresholds",
        kube_reserved: Reservation::PercentWithin { percent: 5, least: 256, most: 1024 },
        size: SizeBy::Nominal,
        ..PLAIN
    },
    Preset {
        name: "deckhouse",
        about: "Deckhouse: hard eviction at 1 %, soft eviction at 2 % for 90 s; reservations of its Auto mode not counted",
        source: "deckhouse/deckhouse node-manager, the kubelet configuration that its bootstrap step writes",
        max_pods: Some(110),
        eviction_hard: Some(&[
            ("imagefs.available", "5%"),
            ("imagefs.inodesFree", "5%"),
            ("memory.available", "1%"),
            ("nodefs.available", "5%"),
            ("nodefs.inodesFree", "5%"),
        ]),
        eviction_soft: &[
            ("imagefs.available", "10%"),
            ("imagefs.inodesFree", "10%"),
            ("memory.available", "2%"),
            ("nodefs.available", "10%"),
            ("nodefs.inodesFree", "10%"),
        ],
        soft_grace_period: DECKHOUSE_GRACE,
        max_pod_grace_period: 90,
        pressure_transition_period: Some(SimDuration::from_secs(240)),
        enforce: Some(&[ENFORCE_PODS]),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
];
