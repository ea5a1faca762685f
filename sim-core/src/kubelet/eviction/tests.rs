//! Rules of the manager one by one. The recordings cover them together; here each stands alone with its source, which
//! is the real code (1.32: eviction_manager.go synchronize, helpers.go rankMemoryPressure, evictionMessage) unless a
//! test says otherwise.

use super::*;
use crate::kubelet::{ContainerSpec, KubeletConfig, KubernetesProfile, MEMORY, PodSpec};
use crate::units::{Quantity, SimDuration, SimTime};
use proptest::prelude::*;
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn map(entries: &[(&str, &str)]) -> crate::kubelet::TextMap {
    entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn pod(name: &str, request: &str, priority: Option<i32>) -> PodSpec {
    let mut container = ContainerSpec::new("c");
    if !request.is_empty() {
        container.resources.requests.insert(MEMORY.into(), Quantity::parse(request).unwrap());
    }
    PodSpec { name: name.into(), containers: Arc::new(vec![container]), priority, ..PodSpec::default() }
}

fn used(mib: u64) -> PodStats {
    let working_set = Some(mib * MIB);
    PodStats { working_set, containers: vec![ContainerStats { name: "c".into(), working_set }] }
}

fn candidate<'a>(pod: &'a PodSpec, stats: Option<&PodStats>) -> Candidate<&'a PodSpec> {
    Candidate { pod, facts: EvictionFacts::of(pod, &KubernetesProfile::V1_32), usage: stats.map(PodStats::usage) }
}

struct Node {
    manager: Manager,
    pods: Vec<(PodSpec, Option<PodStats>)>,
}

impl Node {
    fn new(config: &KubeletConfig) -> Self {
        let manager = Manager::new(config, &thresholds(config).unwrap(), &KubernetesProfile::V1_32);
        Node { manager, pods: vec![(pod("a", "", None), Some(used(100)))] }
    }

    /// A pass with this much available on a node of 1000 MiB, figures taken at that moment.
    fn pass(&mut self, at: u64, available_mib: u64) -> Pass {
        self.pass_with(at, at, available_mib, Lead::MostFrequent)
    }

    fn pass_with(&mut self, at: u64, taken: u64, available_mib: u64, lead: Lead) -> Pass {
        let figures = MemoryFigures::from_limit(1000 * MIB, (1000 - available_mib) * MIB, SimTime::from_secs(taken));
        let summary = Summary { node: Some(figures), pods: None };
        let pods = &self.pods;
        let candidates = || pods.iter().map(|(pod, stats)| candidate(pod, stats.as_ref()));
        let stats = |pod: &PodSpec| pods.iter().find(|(p, _)| p == pod)?.1.clone();
        self.manager.synchronize(SimTime::from_secs(at), Some(summary), lead, candidates, stats)
    }
}

fn thresholds(config: &KubeletConfig) -> Result<Thresholds, Vec<ThresholdError>> {
    match Thresholds::parse(config, &KubernetesProfile::V1_32) {
        (thresholds, problems) if problems.is_empty() => Ok(thresholds),
        (_, problems) => Err(problems.into_iter().map(|problem| problem.error).collect()),
    }
}

fn hard(value: &str) -> KubeletConfig {
    KubeletConfig { eviction_hard: Some(map(&[("memory.available", value)])), ..KubeletConfig::default() }
}

#[test]
fn a_threshold_is_met_strictly_below_and_percentages_are_float32() {
    let mut node = Node::new(&hard("100Mi"));
    assert_eq!(node.pass(0, 100), Pass::default());
    assert!(node.pass(10, 99).evicted.is_some());
    // Recorded: 10 % of 16694411264 is 1669441151, one less than exact arithmetic cut off.
    assert_eq!(ThresholdValue::Percentage(0.1).quantity(16_694_411_264).value(), 1_669_441_151);
}

#[test]
fn a_failed_summary_changes_nothing() {
    let mut node = Node::new(&hard("100Mi"));
    node.pass(0, 50);
    let before = format!("{:?}", node.manager);
    let pass = node.manager.synchronize(SimTime::from_secs(400), None, Lead::MostFrequent, Vec::new, |_| None);
    assert_eq!((pass, format!("{:?}", node.manager)), (Pass::default(), before));
}

#[test]
fn a_soft_threshold_shows_pressure_at_once_and_evicts_after_its_grace_period() {
    let mut config = hard("10Mi");
    config.eviction_soft = map(&[("memory.available", "200Mi")]);
    config.eviction_soft_grace_period = map(&[("memory.available", "30s")]);
    config.eviction_max_pod_grace_period = 20;
    let mut node = Node::new(&config);
    node.pods[0].0.termination_grace_period_seconds = Some(15);
    assert_eq!(node.pass(0, 150).memory_pressure_changed, Some(true));
    assert!(node.pass(29, 150).evicted.is_none());
    // min(evictionMaxPodGracePeriod 20, the pod's 15).
    assert_eq!(node.pass(30, 150).evicted.unwrap().1.grace_period_override, 15);
    // Not met for one pass: the grace period starts again.
    node.pass(40, 250);
    assert!(node.pass(50, 150).evicted.is_none());
}

#[test]
fn figures_that_are_no_newer_evict_nobody_but_keep_the_state() {
    let mut node = Node::new(&hard("100Mi"));
    assert!(node.pass_with(10, 5, 50, Lead::MostFrequent).evicted.is_some());
    let stale = node.pass_with(20, 5, 50, Lead::MostFrequent);
    assert_eq!(stale, Pass::default());
    assert!(node.manager.conditions().memory_pressure);
    assert!(node.pass_with(30, 6, 50, Lead::MostFrequent).evicted.is_some());
}

#[test]
fn pressure_outlives_its_cause_by_the_transition_period() {
    let mut node = Node::new(&hard("100Mi"));
    node.pass(0, 50);
    assert_eq!(node.pass(299, 500).memory_pressure_changed, None);
    assert_eq!(node.pass(300, 500).memory_pressure_changed, Some(false));
    // A period of zero, which no configuration file can give: evictions, but never a condition.
    node.manager.set_transition_period(SimDuration::ZERO);
    let pass = node.pass(310, 50);
    assert!(pass.evicted.is_some() && !node.manager.conditions().memory_pressure);
}

#[test]
fn minimum_reclaim_keeps_a_threshold_met_until_more_is_free() {
    let mut config = hard("100Mi");
    config.eviction_minimum_reclaim = map(&[("memory.available", "50Mi")]);
    let mut node = Node::new(&config);
    // It only acts after a pass in which the threshold itself was met.
    assert_eq!(node.pass(0, 120), Pass::default());
    assert!(node.pass(10, 90).evicted.is_some());
    assert!(node.pass(20, 149).evicted.is_some());
    assert!(node.pass(30, 150).evicted.is_none());
    assert!(node.pass(40, 120).evicted.is_none());
}

#[test]
fn with_hard_and_soft_both_met_the_soft_one_usually_leads() {
    let mut config = hard("100Mi");
    config.eviction_soft = map(&[("memory.available", "200Mi")]);
    config.eviction_soft_grace_period = map(&[("memory.available", "10s")]);
    config.eviction_max_pod_grace_period = 60;
    let leads = |lead| {
        let mut node = Node::new(&config);
        node.pass(0, 150);
        node.pass_with(10, 10, 50, lead).evicted.unwrap().1.grace_period_override
    };
    assert_eq!(leads(Lead::MostFrequent), 60);
    // One of eight start slots makes the hard one lead (helpers.go byEvictionPriority sorts the entries of a Go map:
    // 7/8).
    let hard_leads = (0..8).filter(|slot| leads(Lead::Slot(*slot)) == 1).count();
    assert_eq!(hard_leads, 1);
}

#[test]
fn critical_pods_are_passed_over_and_nothing_happens_if_all_are() {
    let mut node = Node::new(&hard("100Mi"));
    node.pods[0].0.priority = Some(2_000_000_000);
    let pass = node.pass(0, 50);
    assert!(pass.attempting_to_reclaim && pass.evicted.is_none());
    node.pods.push((pod("b", "1Gi", Some(1000)), Some(used(1))));
    assert_eq!(&*node.pass(10, 50).evicted.unwrap().0, "b");
}

#[test]
fn order_is_no_figures_then_above_request_then_priority_then_excess() {
    let stats = [used(200), used(300), used(900)];
    let pods = [
        pod("within", "1Gi", Some(-5)),
        pod("above", "100Mi", Some(10)),
        pod("above-more", "100Mi", Some(10)),
        pod("above-low-priority", "100Mi", None),
        pod("no-figures", "1Gi", Some(1000)),
    ];
    let of = |i: usize, s: Option<&'static PodStats>| (i, s);
    let [a, b, c] = stats.map(|s| &*Box::leak(Box::new(s)));
    let figures = [of(0, Some(c)), of(1, Some(b)), of(2, Some(c)), of(3, Some(a)), of(4, None)];
    let mut candidates: Vec<_> = figures.iter().map(|(i, stats)| candidate(&pods[*i], *stats)).collect();
    rank(&mut candidates);
    let names: Vec<_> = candidates.iter().map(|c| c.pod.name.to_string()).collect();
    assert_eq!(names, ["no-figures", "above-low-priority", "above-more", "above", "within"]);
}

#[test]
fn the_wording_of_1_21_is_that_of_the_sources() {
    // SOURCES OOM2: the message of a real node with Kubernetes 1.21 and with it the missing threshold sentence.
    let spec = PodSpec { containers: Arc::new(vec![ContainerSpec::new("alloc-mem-2")]), ..PodSpec::default() };
    let working_set = Some(3_682_748 << 10);
    let stats = PodStats { working_set, containers: vec![ContainerStats { name: "alloc-mem-2".into(), working_set }] };
    let thresholds = thresholds(&hard("750Mi")).unwrap();
    let observed = Observations::new(Some(MemoryFigures::from_limit(1000 * MIB, 900 * MIB, SimTime::ZERO)), None);
    let (message, _) = eviction_message(&spec, Some(&stats), thresholds.iter(), &observed, &KubernetesProfile::V1_21);
    assert_eq!(
        message,
        "The node was low on resource: memory. Container alloc-mem-2 was using 3682748Ki, which exceeds its request of 0. "
    );
}

#[test]
fn every_wrong_threshold_is_reported() {
    let mut config = hard("105%");
    config.eviction_soft = map(&[("memory.available", "1Gi"), ("memory.free", "1Gi")]);
    config.eviction_minimum_reclaim = map(&[("memory.available", "0%")]);
    let errors = thresholds(&config).unwrap_err();
    assert_eq!(
        errors,
        [
            ThresholdError::PercentageAboveHundred("memory.available".into(), "105%".into()),
            ThresholdError::UnsupportedSignal("memory.free".into()),
            ThresholdError::ReclaimNotPositive("memory.available".into(), "0%".into()),
            ThresholdError::GraceMissing("memory.available".into()),
        ]
    );
    // Exactly these two texts switch a threshold off; "0.0%" is a threshold of nothing.
    let count = |value: &str| thresholds(&hard(value)).unwrap().iter().count();
    assert_eq!((count("0%"), count("100%"), count("0.0%")), (0, 0, 2));
}

proptest! {
    /// The victim found without sorting is the first of the ranking that is not critical.
    #[test]
    fn the_first_victim_is_the_first_of_the_ranking(
        rows in prop::collection::vec(
            (0u64..4, prop::option::of(-2i32..3), prop::option::of(0u64..4), any::<bool>()),
            0..30,
        )
    ) {
        let pods: Vec<_> = rows.iter().enumerate().map(|(i, (request, priority, _, critical))| {
            let priority = if *critical { Some(2_000_000_000) } else { *priority };
            pod(&format!("p{i}"), &format!("{}Mi", request * 100), priority)
        }).collect();
        let stats: Vec<_> = rows.iter().map(|(_, _, usage, _)| usage.map(|u| used(u * 100))).collect();
        let mut candidates: Vec<_> = pods.iter().zip(&stats)
            .map(|(pod, stats)| candidate(pod, stats.as_ref()))
            .collect();
        let found = first_victim(candidates.iter().copied()).map(|c| c.pod.name.clone());
        rank(&mut candidates);
        let first = candidates.iter().find(|c| !c.facts.critical).map(|c| c.pod.name.clone());
        prop_assert_eq!(found, first);
    }

    /// No text makes the parser panic, and what it accepts prints as something that it reads again.
    #[test]
    fn thresholds_never_panic(value in "[-+]?[0-9.]{0,12}(%|Mi|Gi|e9|)?|\\PC{0,8}", grace in "[-+]?[0-9.]{0,6}(s|m|h|d|)?") {
        let mut config = hard(&value);
        config.eviction_soft = map(&[("memory.available", "1Gi")]);
        config.eviction_soft_grace_period = map(&[("memory.available", &grace)]);
        config.eviction_minimum_reclaim = map(&[("memory.available", &value)]);
        if let Ok(thresholds) = thresholds(&config) {
            let manager = Manager::new(&config, &thresholds, &KubernetesProfile::V1_32);
            let mut node = Node { manager, pods: Vec::new() };
            for at in 0..3 {
                node.pass(at * 10, 500);
            }
        }
    }
}

/// strconv.ParseFloat takes NaN without a sign, and both comparisons of parseThresholdStatement are false for it;
/// infinity is above 100 %.
#[test]
fn not_a_number_passes_for_a_percentage() {
    for text in ["NaN%", "nan%"] {
        let found = thresholds(&hard(text)).unwrap();
        assert!(found.iter().all(|threshold| threshold.value.is_nan()), "{found:?}");
        let mut node = Node::new(&hard(text));
        assert!(node.pass(0, 0).evicted.is_none());
    }
    for text in ["+NaN%", "-nan%", "inf%", "-Inf%", "1e39%", "%", "101%", "-1%"] {
        assert!(thresholds(&hard(text)).is_err(), "{text}");
    }
}
