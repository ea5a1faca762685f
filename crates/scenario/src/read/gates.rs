//! Feature gates that change a capability. A kubelet does not start with one that its release does not have, nor with
//! the other value of one that is locked (component-base/featuregate: `unrecognized feature gate`, `cannot set feature
//! gate`). Gates that do not concern memory are passed over.

use crate::diagnostic::Diagnostic;
use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::kubelet::KubernetesProfile;

struct Gate {
    name: &'static str,
    /// First minor release that has it.
    since: u32,
    /// From which minor release on it is locked, and to what.
    locked: Option<(u32, bool)>,
    set: fn(&mut KubernetesProfile, bool),
}

const fn gate(name: &'static str, since: u32, set: fn(&mut KubernetesProfile, bool)) -> Gate {
    Gate { name, since, locked: None, set }
}

const fn locked(name: &'static str, since: u32, locked: (u32, bool), set: fn(&mut KubernetesProfile, bool)) -> Gate {
    Gate { name, since, locked: Some(locked), set }
}

/// From the enhancements' texts and features/kube_features.go of 1.28 to 1.36: a gate of a feature that is generally
/// available is locked.
const GATES: &[Gate] = &[
    // KEP-2570: alpha 1.22, beta and on 1.37.
    gate("MemoryQoS", 22, |p, on| p.memory_qos = on),
    // KEP-2400: alpha 1.22, stable 1.34.
    locked("NodeSwap", 22, (34, true), |p, on| p.node_swap = on),
    // KEP-2837: alpha 1.32, beta 1.34, stable 1.37.
    locked("PodLevelResources", 32, (37, true), |p, on| p.pod_level_resources = on),
    // KEP-1287: alpha 1.27, beta 1.33, stable 1.35.
    locked("InPlacePodVerticalScaling", 27, (35, true), |p, on| p.in_place_resize = on),
    // KEP-753: alpha 1.28, beta 1.29, stable 1.33.
    locked("SidecarContainers", 28, (33, true), |p, on| p.sidecar_containers = on),
    gate("QOSReserved", 11, |p, on| p.qos_reserved = on),
    gate("PodLevelResourcesFixKubeletQOSClass", 36, |p, on| p.empty_pod_resources_count = !on),
    // KEP-4603: alpha 1.33.
    gate("ReduceDefaultCrashLoopBackOffDecay", 33, |p, on| p.reduced_crash_loop_back_off = on),
    // KEP-4603: alpha 1.32, beta 1.35.
    gate("KubeletCrashLoopBackOffMax", 32, |p, on| p.crash_loop_back_off_max = on),
    // KEP-3386: alpha 1.26.
    gate("EventedPLEG", 26, |p, on| p.evented_pleg = on),
    // kubernetes#122890: 1.32, locked off in 1.35.
    locked("AllowOverwriteTerminationGracePeriodSeconds", 32, (35, false), |p, on| p.soft_grace_capped_by_pod = !on),
];

/// Applies the gates that are given, the last word last.
pub(super) fn apply(p: &Problems, gates: &[(String, bool, Location)], profile: &mut KubernetesProfile) {
    for (name, on, at) in gates {
        let Some(gate) = GATES.iter().find(|gate| gate.name == name) else { continue };
        let version = profile.version;
        let refused = match gate.locked {
            _ if profile.minor < gate.since => Some(format!("Kubernetes {version} has no feature gate `{name}`")),
            Some((since, to)) if profile.minor >= since && *on != to => {
                Some(format!("Kubernetes {version} has locked the feature gate `{name}` to {to}"))
            }
            _ => None,
        };
        match refused {
            None => (gate.set)(profile, *on),
            Some(message) => p.push(
                Diagnostic::warning(at, message)
                    .help("the kubelet does not start with it; here the gate is passed over"),
            ),
        }
    }
}
