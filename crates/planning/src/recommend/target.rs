//! What must not happen, and how often it may.

use crate::measure::{Measures, RunOutcome};

/// What must not happen in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BadEvent {
    /// The OOM killer hits a pod of one of these classes: Guaranteed, Burstable, BestEffort.
    KernelKill([bool; 3]),
    /// The OOM killer runs at the limit of kubepods.
    KubepodsOom,
    /// The OOM killer runs because the node has no memory left.
    NodeOom,
    /// The OOM killer hits a process of the node itself.
    HostKill,
    /// The kubelet evicts a pod.
    Eviction,
    /// A container is started again.
    Restart,
    /// Processes hardly go on for want of memory, the kernel finds none to kill, or it panics.
    Stalled,
}

impl BadEvent {
    /// Names in study files, with what they mean; the classes of a kernel kill are stated apart.
    pub const NAMES: [(&'static str, BadEvent); 7] = [
        ("kernelKill", BadEvent::KernelKill([true; 3])),
        ("kubepodsOom", BadEvent::KubepodsOom),
        ("nodeOom", BadEvent::NodeOom),
        ("hostKill", BadEvent::HostKill),
        ("eviction", BadEvent::Eviction),
        ("restart", BadEvent::Restart),
        ("stalled", BadEvent::Stalled),
    ];

    /// Whether it happened. A run that could not be finished, or whose kubelet did not start, counts as bad.
    pub fn happened(self, m: &Measures) -> bool {
        let killed = [m.killed_guaranteed, m.killed_burstable, m.killed_besteffort];
        let happened = match self {
            BadEvent::KernelKill(classes) => classes.iter().zip(killed).any(|(&counts, n)| counts && n > 0),
            BadEvent::KubepodsOom => m.kubepods_ooms > 0,
            BadEvent::NodeOom => m.global_ooms > 0,
            BadEvent::HostKill => m.killed_host > 0,
            BadEvent::Eviction => m.evictions > 0,
            BadEvent::Restart => m.restarts > 0,
            BadEvent::Stalled => m.stalled,
        };
        happened || !m.error.is_empty() || !m.not_started.is_empty()
    }

    /// Whether a container's death is such an event.
    fn is_death(self, by: RunOutcome) -> bool {
        match self {
            BadEvent::KernelKill(_) => by.is_oom(),
            BadEvent::KubepodsOom => by == RunOutcome::KubepodsOom,
            BadEvent::NodeOom => by == RunOutcome::GlobalOom,
            BadEvent::Eviction => by == RunOutcome::Eviction,
            BadEvent::HostKill | BadEvent::Restart | BadEvent::Stalled => false,
        }
    }

    /// In words: "a kernel kill of a Guaranteed or Burstable pod".
    pub fn in_words(self) -> String {
        match self {
            BadEvent::KernelKill(classes) => {
                let names = ["Guaranteed", "Burstable", "BestEffort"];
                let chosen: Vec<&str> = names.into_iter().zip(classes).filter_map(|(n, on)| on.then_some(n)).collect();
                match chosen.as_slice() {
                    [] | [_, _, _] => "a kernel kill of a pod".into(),
                    some => format!("a kernel kill of a {} pod", some.join(" or ")),
                }
            }
            BadEvent::KubepodsOom => "an OOM kill at the kubepods limit".into(),
            BadEvent::NodeOom => "an OOM kill because the node is out of memory".into(),
            BadEvent::HostKill => "a kernel kill of a host process".into(),
            BadEvent::Eviction => "an eviction".into(),
            BadEvent::Restart => "a container restart".into(),
            BadEvent::Stalled => "a node on which the kernel finds no process to kill".into(),
        }
    }
}

/// How often it may happen.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskTarget {
    /// The failure.
    pub event: BadEvent,
    /// In less than this share of the runs; 0: in none.
    pub below: f64,
    /// Index of the scenario it is about; `None`: each of them.
    pub scenario: Option<usize>,
    /// The pods that it is about; `None`: all.
    pub pods: Option<ChosenPods>,
}

/// Pods that a selector chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenPods {
    /// The selector, such as `namespace=shop`.
    pub selector: String,
    /// Every pod of the scenarios, as `namespace/name`, and whether it is chosen.
    pub pods: Vec<(String, bool)>,
}

impl ChosenPods {
    /// Whether a pod of a run is one of them. Replicas and successors have something behind the name of their plan: the
    /// plan with the longest name that fits is theirs.
    fn has(&self, pod: &str) -> bool {
        let is = |name: &str| pod.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let plan = self.pods.iter().filter(|(name, _)| is(name)).max_by_key(|(name, _)| name.len());
        plan.is_some_and(|(_, chosen)| *chosen)
    }
}

impl RiskTarget {
    /// Whether what must not happen has happened, to the pods that the target is about.
    pub fn happened(&self, m: &Measures) -> bool {
        let Some(pods) = &self.pods else { return self.event.happened(m) };
        let hit = m.pod_deaths.iter().any(|(pod, by)| pods.has(pod) && self.event.is_death(*by));
        hit || !m.error.is_empty() || !m.not_started.is_empty()
    }

    /// In words: "a kernel kill of a pod in less than 0.1 % of the runs".
    pub fn in_words(&self, scenarios: &[String]) -> String {
        let where_ = match self.scenario.and_then(|i| scenarios.get(i)) {
            Some(name) if scenarios.len() > 1 => format!(" of {name}"),
            _ => String::new(),
        };
        let of_pods = self.pods.as_ref().map_or_else(String::new, |pods| format!(" ({})", pods.selector));
        let event = format!("{}{of_pods}", self.event.in_words());
        match self.below {
            0.0 => format!("{event} in none of the runs{where_}"),
            share => format!("{event} in less than {} of the runs{where_}", percent(share)),
        }
    }
}

/// A share as people write it: `0.1 %`.
pub fn percent(share: f64) -> String {
    let p = share * 100.0;
    let digits = if p == 0.0 || p >= 10.0 { 1 } else { 1 - (p.log10().floor() as i32) };
    let text = format!("{p:.*}", digits.clamp(0, 6) as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_belongs_to_the_plan_with_the_longest_name() {
        let pods = vec![("a/web".to_string(), true), ("a/web-admin".to_string(), false)];
        let chosen = ChosenPods { selector: "web".into(), pods };
        for (pod, expected) in
            [("a/web", true), ("a/web-2", true), ("a/web-admin", false), ("a/web-admin-2", false), ("a/website", false)]
        {
            assert_eq!(chosen.has(pod), expected, "{pod}");
        }
    }

    #[test]
    fn targets_in_words() {
        let names = ["bad-day".to_string(), "normal-day".to_string()];
        let kernel = BadEvent::KernelKill([true, true, false]);
        let target = RiskTarget { event: kernel, below: 0.001, scenario: Some(0), pods: None };
        assert_eq!(
            target.in_words(&names),
            "a kernel kill of a Guaranteed or Burstable pod in less than 0.1 % of the runs of bad-day"
        );
        let target = RiskTarget { event: BadEvent::NodeOom, below: 0.0, scenario: None, pods: None };
        assert_eq!(target.in_words(&names), "an OOM kill because the node is out of memory in none of the runs");
    }

    #[test]
    fn shares_are_written_with_two_digits() {
        for (share, text) in
            [(0.001, "0.1 %"), (0.4, "40 %"), (0.0123, "1.2 %"), (0.00005, "0.005 %"), (0.0, "0 %"), (1.0, "100 %")]
        {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn classes_are_told_apart() {
        let m = Measures { killed_besteffort: 2, ..Measures::default() };
        assert!(!BadEvent::KernelKill([true, true, false]).happened(&m));
        assert!(BadEvent::KernelKill([false, false, true]).happened(&m));
        assert!(BadEvent::Eviction.happened(&Measures::of_error("x")));
        assert!(BadEvent::Eviction.happened(&Measures { not_started: "swap is on".into(), ..Measures::default() }));
    }
}
