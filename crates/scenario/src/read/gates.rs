//! Feature gates that change a capability. A kubelet does not start with one that its release does not have, nor with
//! the other value of one that is locked (component-base/featuregate: `unrecognized feature gate`, `cannot set feature
//! gate`). Gates that do not concern memory are passed over.

use crate::diagnostic::Diagnostic;
use crate::names::{is_slip, nearest};
use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::kubelet::KubernetesProfile;

struct Gate {
    name: &'static str,
    /// First minor release that has it.
    since: u32,
    /// First minor release in which it is beta; none: in no known one.
    beta: Option<u32>,
    /// From which minor release on it is locked, and to what.
    locked: Option<(u32, bool)>,
    set: fn(&mut KubernetesProfile, bool),
}

const fn alpha(name: &'static str, since: u32, set: fn(&mut KubernetesProfile, bool)) -> Gate {
    Gate { name, since, beta: None, locked: None, set }
}

const fn beta(name: &'static str, since: u32, beta: u32, set: fn(&mut KubernetesProfile, bool)) -> Gate {
    Gate { beta: Some(beta), ..alpha(name, since, set) }
}

const fn locked(gate: Gate, since: u32, to: bool) -> Gate {
    Gate { locked: Some((since, to)), ..gate }
}

/// From the enhancements' texts and features/kube_features.go of 1.28 to 1.36: a gate of a feature that is generally
/// available is locked.
const GATES: &[Gate] = &[
    // KEP-2570: alpha 1.22, beta and on 1.37.
    beta("MemoryQoS", 22, 37, |p, on| p.memory_qos = on),
    // KEP-2400: alpha 1.22, beta 1.28, stable 1.34.
    locked(beta("NodeSwap", 22, 28, |p, on| p.node_swap = on), 34, true),
    // KEP-2837: alpha 1.32, beta 1.34, stable 1.37.
    locked(beta("PodLevelResources", 32, 34, |p, on| p.pod_level_resources = on), 37, true),
    // KEP-1287: alpha 1.27, beta 1.33, stable 1.35.
    locked(beta("InPlacePodVerticalScaling", 27, 33, |p, on| p.in_place_resize = on), 35, true),
    // KEP-753: alpha 1.28, beta 1.29, stable 1.33.
    locked(beta("SidecarContainers", 28, 29, |p, on| p.sidecar_containers = on), 33, true),
    alpha("QOSReserved", 11, |p, on| p.qos_reserved = on),
    beta("PodLevelResourcesFixKubeletQOSClass", 36, 36, |p, on| p.empty_pod_resources_count = !on),
    // kubernetes#138127: beta and on 1.37.
    beta("HugepageAwareEviction", 37, 37, |p, on| p.hugepage_aware_eviction = on),
    // KEP-4603: alpha 1.33.
    alpha("ReduceDefaultCrashLoopBackOffDecay", 33, |p, on| p.reduced_crash_loop_back_off = on),
    // KEP-4603: alpha 1.32, beta 1.35.
    beta("KubeletCrashLoopBackOffMax", 32, 35, |p, on| p.crash_loop_back_off_max = on),
    // KEP-3386: alpha 1.26.
    alpha("EventedPLEG", 26, |p, on| p.evented_pleg = on),
    // kubernetes#122890: 1.32, locked off in 1.35.
    locked(alpha(OVERWRITES_GRACE, 32, |p, on| p.soft_grace_capped_by_pod = !on), 35, false),
];

/// Brings back an earlier behaviour, so that `AllAlpha` does not switch it on.
const OVERWRITES_GRACE: &str = "AllowOverwriteTerminationGracePeriodSeconds";

/// Applies the gates that are given, the last word last.
pub(super) fn apply(p: &Problems, gates: &[(String, bool, Location)], profile: &mut KubernetesProfile) {
    for (name, on, _) in gates {
        all_of_a_stage(name, *on, gates, profile);
    }
    for (name, on, at) in gates {
        let Some(gate) = GATES.iter().find(|gate| gate.name == name) else {
            slip(p, name, at);
            continue;
        };
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

/// `AllAlpha` and `AllBeta` set the gates of their stage that are not named themselves (component-base/featuregate
/// setUnsetAlphaGates, setUnsetBetaGates).
fn all_of_a_stage(name: &str, on: bool, gates: &[(String, bool, Location)], profile: &mut KubernetesProfile) {
    let minor = profile.minor;
    let is_beta = |gate: &Gate| gate.beta.is_some_and(|since| minor >= since);
    let is_locked = |gate: &Gate| gate.locked.is_some_and(|(since, _)| minor >= since);
    let named = |gate: &Gate| gates.iter().any(|(name, ..)| name == gate.name);
    let of_stage = |gate: &&Gate| match name {
        "AllAlpha" => minor >= gate.since && !is_beta(gate) && gate.name != OVERWRITES_GRACE,
        "AllBeta" => is_beta(gate),
        _ => false,
    };
    for gate in GATES.iter().filter(of_stage).filter(|gate| !is_locked(gate) && !named(gate)) {
        (gate.set)(profile, on);
    }
}

/// A name that is nearly that of a gate which matters here: the kubelet knows no gate of this name.
fn slip(p: &Problems, name: &str, at: &Location) {
    let near = nearest(name, GATES.iter().map(|gate| gate.name));
    let Some(near) = near.filter(|near| is_slip(name, near)) else { return };
    let message = format!("there is no feature gate `{name}`");
    let help = "the kubelet does not start with it; here the gate is passed over";
    p.push(Diagnostic::warning(at, message).label(format!("did you mean `{near}`?")).help(help));
}
