//! Whether a kubelet with this configuration starts on this node. A value that cannot be read is an error; what can be
//! read and is refused is a warning, and the run shows a node without kubelet.

use super::kubelet_config::KubeletDraft;
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::kernel::{CgroupVersion, KernelConfig};
use oomsim_core::kubelet::eviction::{EvictionSignal, ThresholdError, ThresholdProblem, Thresholds};
use oomsim_core::kubelet::start::StartProblem;
use oomsim_core::kubelet::{KubernetesProfile, ProblemKind, Timing};
use oomsim_core::plan::{KubeletPlan, NodePlan};
use oomsim_core::units::SimTime;
use std::sync::Arc;

/// Below every problem that keeps the kubelet from starting.
const REFUSES: &str = "the kubelet does not start with this";

/// A kubelet as it was read.
pub(crate) struct Given<'a> {
    /// Its configuration, and where the fields are.
    pub draft: KubeletDraft,
    pub profile: KubernetesProfile,
    pub timing: Timing,
    pub first_pass: Option<SimTime>,
    pub passes: Arc<[SimTime]>,
    pub first_relist: Option<SimTime>,
    pub just_started: bool,
    /// Its table, or the whole scenario.
    pub at: &'a Location,
}

impl<'a> Given<'a> {
    /// A kubelet of which nothing is said.
    pub fn without_configuration(at: &'a Location) -> Self {
        let (profile, timing) = (KubernetesProfile::default(), Timing::default());
        let (first_pass, passes, first_relist, just_started) = (None, Arc::from([]), None, false);
        Given { draft: KubeletDraft::default(), profile, timing, first_pass, passes, first_relist, just_started, at }
    }

    /// The place of a field, of a part of it before.
    fn place(&self, field: &str, part: &str) -> &Location {
        let places = &self.draft.places;
        places.get(&format!("{field}.{part}")).or_else(|| places.get(field)).unwrap_or(self.at)
    }
}

/// Starts the kubelet on its node, and reports everything because of which it would not.
pub(crate) fn start_kubelet(p: &Problems, given: &Given<'_>, node: &NodePlan) -> KubeletPlan {
    let (config, profile) = (&given.draft.config, &given.profile);
    // With cgroup v2 the real kubelet has no notifier either (eviction/threshold_notifier_linux.go).
    if config.kernel_memcg_notification && profile.memcg_notifier_v1 && node.kernel.cgroup == CgroupVersion::V1 {
        let message = "the memory threshold notifier is not modelled: the eviction manager only runs periodically";
        p.warn(given.place("kernelMemcgNotification", ""), message);
    }
    let Given { profile, timing, first_pass, first_relist, just_started, .. } = *given;
    let passes = Arc::clone(&given.passes);
    let started = KubeletPlan::new(config.clone(), profile, node);
    let plan = KubeletPlan { timing, first_pass, passes, first_relist, just_started, ..started };
    for problem in plan.start_problems() {
        start_problem(p, given, problem);
    }
    not_a_number(p, given, &plan.readable().thresholds);
    plan
}

fn start_problem(p: &Problems, given: &Given<'_>, problem: &StartProblem) {
    let message = problem.to_string();
    let diagnostic = match problem {
        StartProblem::Config(problem) => {
            let field = match problem.kind {
                // What is missing stands nowhere; what asks for it does.
                ProblemKind::Missing(by) if !given.draft.places.contains_key(problem.field) => by,
                _ => problem.field,
            };
            Diagnostic::warning(given.place(field, ""), message).help(REFUSES)
        }
        StartProblem::Reservation(field, error) => {
            Diagnostic::error(given.place(field, error.name()), error.to_string())
        }
        StartProblem::Threshold(problem) => threshold(given.place(problem.field, &problem.key), problem),
        StartProblem::QosReserved(name, _) => {
            Diagnostic::error(given.place("qosReserved", name), message).help(REFUSES)
        }
        StartProblem::Exceeded(exceeded) => {
            let fields = ["kubeReserved", "systemReserved", "evictionHard"];
            let field = fields.into_iter().find(|field| given.draft.places.contains_key(*field));
            let at = field.map_or(given.at, |field| given.place(field, ""));
            Diagnostic::warning(at, format!("the kubelet does not start: {exceeded}"))
        }
        StartProblem::NotConfigured(missing) => {
            let help = format!("give {}, or take {:?} out", missing.reservation, missing.enforcement);
            let at = given.place("enforceNodeAllocatable", "");
            Diagnostic::warning(at, format!("the kubelet does not start: {missing}")).help(help)
        }
        StartProblem::SwapOn => {
            let at = given.place("failSwapOn", "");
            let help = "set `failSwapOn = false` in [kubelet], or `swap = \"0\"` in [node]";
            Diagnostic::warning(at, "the kubelet does not start: swap is on").help(help)
        }
        // Shown where the sysctl is given.
        StartProblem::Sysctl { .. } => return,
    };
    p.push(diagnostic.keeps_kubelet_down());
}

fn threshold(at: &Location, problem: &ThresholdProblem) -> Diagnostic {
    let diagnostic = match &problem.error {
        ThresholdError::GraceMissing(_) => Diagnostic::warning(at, problem.to_string()),
        ThresholdError::UnsupportedSignal(name) => {
            let meant = nearest(name, EvictionSignal::ALL.iter().map(|signal| signal.as_str()));
            let label = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`?"));
            Diagnostic::error(at, problem.to_string()).label(label)
        }
        _ => Diagnostic::error(at, problem.to_string()),
    };
    diagnostic.help(REFUSES)
}

/// Go's comparisons with NaN are false, so the kubelet takes it.
fn not_a_number(p: &Problems, given: &Given<'_>, thresholds: &Thresholds) {
    let fields = [("evictionHard", &thresholds.hard), ("evictionSoft", &thresholds.soft)];
    for (field, threshold) in fields.iter().flat_map(|(field, list)| list.iter().map(move |t| (field, t))) {
        let key = threshold.signal.as_str();
        if threshold.value.is_nan() {
            let message = format!("{key}: NaN is not a number, but the kubelet silently accepts it");
            let help = match *field {
                "evictionHard" => "no pod is ever evicted for it, and allocatable is meaningless: set a quantity",
                _ => "no pod is ever evicted for it: set a quantity or a percentage",
            };
            p.push(Diagnostic::warning(given.place(field, key), message).help(help));
        }
    }
}

/// A kubelet sets `vm.overcommit_memory` to 1 and `vm.panic_on_oom` to 0 when it starts, or refuses other values with
/// `protectKernelDefaults` (cm/container_manager_linux.go setupKernelTunables). A value that the scenario gives is
/// kept, with a warning.
pub(crate) fn kernel_tunables(
    p: &Problems,
    given: &Given<'_>,
    kernel: &mut KernelConfig,
    sysctls: &[(String, Location)],
) {
    let place = |name: &str| sysctls.iter().rfind(|(given, _)| given == name).map(|(_, at)| at);
    let protect = given.draft.config.protect_kernel_defaults;
    let values = [
        ("vm.overcommit_memory", 1, i64::from(kernel.sysctl.overcommit_memory)),
        ("vm.panic_on_oom", 0, i64::from(kernel.sysctl.panic_on_oom)),
    ];
    for (name, wanted, found) in values {
        match place(name) {
            _ if found == wanted => {}
            Some(at) if protect => {
                let message = format!("the kubelet does not start: {name} is {found}, expected {wanted}");
                p.push(
                    Diagnostic::warning(at, message)
                        .help("with `protectKernelDefaults` it refuses to start instead of setting it")
                        .keeps_kubelet_down(),
                );
            }
            // A value that is not legal has been reported.
            Some(_) if p.errors() > 0 => {}
            Some(at) => p.warn(
                at,
                format!("a kubelet sets {name} to {wanted} when it starts; in this scenario it stays {found}"),
            ),
            None => {
                let set = kernel.sysctl.set(name, wanted);
                debug_assert!(set.is_ok(), "{name}: the table of sysctls knows both names and takes these values");
            }
        }
    }
}
