//! A run that is forked and changed goes on like the run of a scenario that states the change (`[[at]]`), and a run
//! that goes back to a checkpoint like one that never left it.

use oomsim_core::Simulation;
use oomsim_core::kubelet::{KubeletConfig, KubernetesProfile, ResourceRequirements};
use oomsim_core::node::ChangeError;
use oomsim_core::node_api::{CgroupWrite, Name, Signo};
use oomsim_core::plan::{Change, Clock, Injection, KubeletPlan, NodePlan, ProcessPlan, Scenario};
use oomsim_core::record::{History, Keep, PassVerdict, Record};
use oomsim_core::units::{Bytes, Quantity, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, Ramp, Then};
use oomsim_testkit::random::{case, config};
use oomsim_testkit::read;
use proptest::prelude::*;
use std::sync::Arc;

fn millis(ms: u64) -> SimTime {
    SimTime::from_nanos(ms * 1_000_000)
}

fn finished(mut run: Simulation) -> History {
    run.run_until(SimTime::MAX).expect("within the limits");
    run.finish()
}

/// A kubelet of the default version on a node of 2 GiB that evicts below this much.
fn settings(evict_below_mib: u64) -> Arc<KubeletPlan> {
    let hard = [("memory.available".to_owned(), format!("{evict_below_mib}Mi"))].into();
    let config = KubeletConfig { eviction_hard: Some(hard), ..KubeletConfig::default() };
    let version = KubernetesProfile::of_version("1.32").expect("a row");
    Arc::new(KubeletPlan::new(config, version, &NodePlan::new(Bytes::gib(2))))
}

/// Changes that do something on most nodes.
fn change() -> impl Strategy<Value = Change> {
    let pod = |n: u32| Name::from(format!("default/pod-{n}"));
    prop_oneof![
        (0u32..3, 0u32..4).prop_map(move |(n, replicas)| Change::Scale { workload: pod(n), replicas }),
        (0u32..3, 1u64..20)
            .prop_map(move |(n, s)| { Change::Roll { workload: pod(n), every: SimDuration::from_secs(s) } }),
        (0u32..3, 10u64..300).prop_map(move |(n, mib)| {
            let write = CgroupWrite { max: Some(Bytes::mib(mib)), ..CgroupWrite::default() };
            Change::PodCgroup { pod: pod(n), container: None, write }
        }),
        (0u32..3).prop_map(move |n| Change::PodSignal { pod: pod(n), container: None, signal: Signo::Kill }),
        (0u64..3).prop_map(|value| Change::Sysctl { name: "vm.overcommit_memory".into(), value }),
        (20u64..600).prop_map(|mib| Change::cgroup_limit("/kubepods", Bytes::mib(mib))),
        Just(Change::Signal { process: "system".into(), signal: Signo::Hup }),
        Just(Change::Fork { process: "system".into() }),
        (0u32..3).prop_map(|n| Change::DeletePod { pod: format!("default/pod-{n}").into(), grace_seconds: None }),
        (100u64..900).prop_map(|mib| Change::RestartKubelet(settings(mib))),
        (1u64..90).prop_map(|s| Change::Delay { clock: Clock::EvictionManager, by: SimDuration::from_secs(s) }),
        (1u64..90).prop_map(|s| Change::Delay { clock: Clock::NodeStatus, by: SimDuration::from_secs(s) }),
        (1u64..90, 0u32..3).prop_map(|(s, n)| {
            let clock = Clock::Housekeeping(format!("default/pod-{n}").into());
            Change::Delay { clock, by: SimDuration::from_secs(s) }
        }),
        (1u64..90).prop_map(|mib| {
            let ramp = Ramp { from: Bytes::ZERO, rate: Bytes::mib(mib), to: Some(Bytes::mib(200)), then: Then::Hold };
            Change::Workload { process: "system".into(), behavior: Arc::new(Behavior::Ramp(ramp)) }
        }),
    ]
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn a_fork_that_is_changed_is_the_scenario_that_states_the_change(
        case in case(), seed in 0u64..1000, change in change(), ms in 1u64..80_000,
    ) {
        // No event of the scenario is at an odd nanosecond by itself.
        let at = SimTime::from_nanos(ms * 1_000_000 + 1);
        let mut stated = (*case.scenario).clone();
        stated.injections.push(Injection { at, change: change.clone() });
        stated.injections.sort_by_key(|injection| injection.at);
        let stated = finished(Simulation::new(Arc::new(stated), seed, Keep::Series));
        let mut run = Simulation::new(Arc::clone(&case.scenario), seed, Keep::Series);
        run.run_until(at).unwrap();
        let mut fork = run.checkpoint().resume();
        match fork.apply(&change) {
            // What is not there is a warning in the scenario's run and an error here.
            Err(_) => return Ok(()),
            Ok(()) => run.apply(&change).unwrap(),
        }
        let (forked, run) = (finished(fork), finished(run));
        prop_assert_eq!(&run.entries, &stated.entries);
        prop_assert_eq!(forked.digest, stated.digest);
        prop_assert_eq!(run.digest, stated.digest);
        prop_assert_eq!(run.events, stated.events);
    }

    /// Watching processes adds them and changes nothing else; at the end they hold what the history says.
    #[test]
    fn samples_that_are_streamed_are_those_of_the_series(
        case in case(), seed in 0u64..1000, parts in 1u64..20,
    ) {
        let whole = finished(Simulation::new(Arc::clone(&case.scenario), seed, Keep::Series));
        let mut run = Simulation::new(Arc::clone(&case.scenario), seed, Keep::Series).without_passes();
        run.watch(whole.processes.iter().map(|process| process.pid).collect());
        let mut streamed = Vec::new();
        for part in 1..=parts {
            run.run_until(millis(100_000 * part / parts)).unwrap();
            streamed.extend(run.stream_samples());
            run.drop_records();
        }
        let rest = finished(run);
        prop_assert_eq!(rest.digest, whole.digest);
        streamed.extend(rest.series.samples);
        let held = streamed.last().map(|last| last.processes.iter().map(|p| (p.pid, p.rss)).collect::<Vec<_>>());
        prop_assert_eq!(held.unwrap_or_default(), whole.processes.iter().map(|p| (p.pid, p.rss)).collect::<Vec<_>>());
        streamed.iter_mut().for_each(|sample| sample.processes.clear());
        prop_assert_eq!(streamed, whole.series.samples);
    }

    #[test]
    fn going_back_to_a_checkpoint_loses_and_adds_nothing(case in case(), seed in 0u64..1000, ms in 0u64..80_000) {
        let straight = finished(Simulation::new(Arc::clone(&case.scenario), seed, Keep::Series));
        let mut run = Simulation::new(Arc::clone(&case.scenario), seed, Keep::Series);
        run.run_until(millis(ms)).unwrap();
        let kept = run.checkpoint();
        let looked = run.view();
        prop_assert_eq!(&run.view(), &looked);
        while run.step().is_some() && run.now() < millis(ms + 5_000) {}
        let _ = run.apply(&Change::cgroup_limit("/kubepods", Bytes::mib(30)));
        run.restore(&kept).unwrap();
        prop_assert_eq!(run.view(), looked);
        prop_assert_eq!(finished(run), straight);
    }
}

fn leaking() -> Arc<Scenario> {
    read(
        "duration = \"120s\"\n[node]\nmemory = \"2Gi\"\n[kubelet]\nversion = \"1.32\"\nfirstPass = \"5s\"\n\
         evictionHard = { \"memory.available\" = \"600Mi\" }\nevictionSoft = { \"memory.available\" = \"1Gi\" }\n\
         evictionSoftGracePeriod = { \"memory.available\" = \"90s\" }\n\
         [[pod]]\nname = \"leak\"\ncontainer = [{ name = \"c\", workload.ramp = { rate = \"20Mi\" } }]\n",
    )
    .scenario
}

#[test]
fn every_pass_says_why_it_acts_or_does_not() {
    let run = finished(Simulation::new(leaking(), 1, Keep::Series));
    let evicted = run.entries.iter().find(|e| matches!(e.record, Record::Evicted { .. })).expect("600 MiB are left").at;
    let verdicts: Vec<&PassVerdict> = run.passes.iter().map(|pass| &pass.verdict).collect();
    assert_eq!(verdicts[0], &PassVerdict::NothingMet);
    let soft = run.passes.iter().find(|pass| !pass.met.is_empty()).expect("1 GiB is passed before 600 MiB");
    // The soft threshold's 90 s count from the pass that first saw it.
    let PassVerdict::GracePeriod { until } = soft.verdict else { panic!("{:?}", soft.verdict) };
    assert_eq!(until.since(soft.at).as_secs(), 90);
    let acting = run.passes.iter().find(|pass| pass.evicted().is_some()).expect("it evicts");
    assert_eq!((acting.evicted().map(|pod| &**pod), acting.at), (Some("default/leak"), evicted));
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let mut run = Simulation::new(leaking(), 1, Keep::Events);
    run.run_until(SimTime::from_secs(10)).unwrap();
    let entries = run.entries().len();
    let gone = run.apply(&Change::DeletePod { pod: "default/nobody".into(), grace_seconds: None });
    assert_eq!(gone, Err(ChangeError::NoSuchPod("default/nobody".into())));
    assert_eq!(gone.unwrap_err().to_string(), "there is no pod default/nobody");
    let limit = Change::cgroup_limit("/nowhere", Bytes::mib(1));
    assert_eq!(run.apply(&limit), Err(ChangeError::NoSuchCgroup("/nowhere".into())));
    assert_eq!(run.entries().len(), entries);
    let mut other = Simulation::new(leaking(), 2, Keep::Events);
    assert!(other.restore(&run.checkpoint()).is_err(), "another seed is another run");
}

#[test]
fn a_view_shows_cgroups_processes_and_what_the_kubelet_believes() {
    let mut run = Simulation::new(leaking(), 1, Keep::Events);
    run.run_until(SimTime::from_secs(31)).unwrap();
    let view = run.view();
    let kubepods = view.cgroup("/kubepods").expect("the kubelet made it");
    assert_eq!(kubepods.of.as_str(), "kubepods");
    // 20 MiB/s for 30 s, and the page tables of 600 MiB; the container starts a second after its pod.
    let pages = |mib: u64| Bytes::mib(mib);
    assert!((pages(590)..pages(610)).contains(&kubepods.stat.usage), "{:?}", kubepods.stat);
    let leak = view.processes.iter().find(|p| &*p.comm == "c").expect("it lives");
    assert!((pages(590)..pages(605)).contains(&leak.rss) && leak.badness() > Some(0), "{leak:?}");
    assert_eq!(leak.oom_score_adj, 1000);
    let kubelet = view.kubelet.as_ref().expect("it runs");
    let belief = &kubelet.pods[0];
    // cAdvisor's figure is old: what it believes is what the pod held then.
    let (seen, taken) = (belief.working_set.expect("known"), belief.taken_at.expect("known"));
    assert!(taken < view.at && seen < belief.working_set_now, "{belief:?}");
    let held_then = 20.0 * (taken.as_secs_f64() - 1.0);
    assert!((seen.get() as f64 / 1048576.0 - held_then).abs() < 25.0, "{belief:?}: {held_then}");
}

/// When the first pod is evicted.
fn evicted_at(run: Simulation) -> Option<f64> {
    let evicted = |entry: &&oomsim_core::record::Entry| matches!(entry.record, Record::Evicted { .. });
    finished(run).entries.iter().find(evicted).map(|entry| entry.at.as_secs_f64())
}

#[test]
fn a_kubelet_that_restarts_acts_by_its_new_settings() {
    let mut run = Simulation::new(leaking(), 1, Keep::Events);
    run.run_until(SimTime::from_secs(20)).unwrap();
    let (before, view) = (run.checkpoint(), run.view());
    // 2 GiB less 600 MiB are 1448 MiB, which the pod reaches 72 s after its start, at a second.
    let as_it_is = evicted_at(before.resume()).expect("the threshold is crossed");
    assert!((73.0..84.0).contains(&as_it_is), "{as_it_is}");
    // Below 1.5 GiB available: crossed at 27 s.
    let mut sooner = before.resume();
    sooner.apply(&Change::RestartKubelet(settings(1536))).unwrap();
    assert_eq!(sooner.view().kubelet.map(|kubelet| kubelet.pods[0].taken_at), Some(Some(SimTime::from_secs(20))));
    let sooner = evicted_at(sooner).expect("the threshold is crossed");
    assert!((26.0..38.0).contains(&sooner), "{sooner}");
    // Half of the memory is set aside: the pods' limit is what is left.
    let reserved = [("memory".to_owned(), "1Gi".to_owned())].into();
    let config = KubeletConfig { kube_reserved: reserved, ..KubeletConfig::default() };
    let plan = KubeletPlan::new(config, KubernetesProfile::default(), &NodePlan::new(Bytes::gib(2)));
    let mut less = before.resume();
    less.apply(&Change::RestartKubelet(Arc::new(plan.clone()))).unwrap();
    let limit = |view: &oomsim_core::node::NodeView| view.cgroup("/kubepods").and_then(|cgroup| cgroup.limit);
    assert_eq!((limit(&view), limit(&less.view())), (Some(Bytes::gib(2)), Some(Bytes::gib(1))));
    // Settings that it does not start with, and other cgroups, change nothing.
    let entries = less.entries().len();
    let mut elsewhere = KubeletConfig { cgroup_root: "/kubelet".into(), ..KubeletConfig::default() };
    let plan = |config| Arc::new(KubeletPlan::new(config, KubernetesProfile::default(), &NodePlan::new(Bytes::gib(2))));
    assert_eq!(less.apply(&Change::RestartKubelet(plan(elsewhere.clone()))), Err(ChangeError::OtherCgroups));
    elsewhere.kube_reserved = [("memory".to_owned(), "much".to_owned())].into();
    let refused = less.apply(&Change::RestartKubelet(plan(elsewhere)));
    assert!(matches!(refused, Err(ChangeError::KubeletNotStarted(_))), "{refused:?}");
    assert_eq!(less.entries().len(), entries);
}

#[test]
fn a_clock_that_is_delayed_strikes_later() {
    let mut run = Simulation::new(leaking(), 1, Keep::Series);
    run.run_until(SimTime::from_secs(20)).unwrap();
    let mut late = run.checkpoint().resume();
    late.apply(&Change::Delay { clock: Clock::EvictionManager, by: SimDuration::from_secs(7) }).unwrap();
    let times = |run| finished(run).passes.iter().map(|pass| pass.at).collect::<Vec<_>>();
    let (run, late) = (times(run), times(late));
    let next = run.iter().find(|&&at| at >= SimTime::from_secs(20)).expect("a pass every ten seconds");
    assert_eq!(late[0], *next + SimDuration::from_secs(7));
    assert_eq!(late[1].since(late[0]), run[1].since(run[0]), "the next one is on time again: {late:?}");
}

fn limits(request: &str, limit: &str) -> ResourceRequirements {
    let list = |amount: &str| [("memory".to_owned(), Quantity::parse(amount).expect("an amount"))].into();
    ResourceRequirements { requests: list(request), limits: list(limit) }
}

#[test]
fn a_container_is_resized_in_place() {
    let scenario = read(
        "duration = \"60s\"\n[node]\nmemory = \"2Gi\"\n[kubelet]\nversion = \"1.35\"\n\
         [[pod]]\nname = \"web\"\n\
         container = [{ name = \"c\", workload.ramp = { rate = \"20Mi\", to = \"400Mi\" },\n\
         resources = { requests = { memory = \"100Mi\" }, limits = { memory = \"300Mi\" } } }]\n",
    );
    let mut run = Simulation::new(scenario.scenario, 1, Keep::Events);
    run.run_until(SimTime::from_secs(10)).unwrap();
    let before = run.checkpoint();
    // 400 MiB do not fit into 300.
    assert!(finished(run).counts.oom_kills > 0);
    let mut larger = before.resume();
    let change = |resources| Change::PodResources { pod: "default/web".into(), container: "c".into(), resources };
    larger.apply(&change(limits("200Mi", "500Mi"))).unwrap();
    let of_pod: Vec<_> = larger.view().cgroups.iter().filter(|c| c.path.contains("/pod")).map(|c| c.limit).collect();
    assert_eq!(of_pod, [Some(Bytes::mib(500)), None, Some(Bytes::mib(500))], "pod, sandbox, container");
    assert_eq!(finished(larger).counts.oom_kills, 0);
    // The pod stays Burstable, and only what is there can be changed.
    let mut other = before.resume();
    assert_eq!(
        other.apply(&change(limits("300Mi", "300Mi"))),
        Ok(()),
        "without a request for cpu it is not Guaranteed"
    );
    let nothing = other.apply(&change(ResourceRequirements::default()));
    assert_eq!(nothing, Err(ChangeError::OtherQosClass("default/web".into())));
    let missing = Change::PodResources {
        pod: "default/web".into(),
        container: "d".into(),
        resources: ResourceRequirements::default(),
    };
    assert_eq!(other.apply(&missing), Err(ChangeError::NoSuchContainer("d".into())));
}

#[test]
fn a_program_does_something_else() {
    let mut run = Simulation::new(leaking(), 1, Keep::Events);
    run.run_until(SimTime::from_secs(21)).unwrap();
    let held = |run: &Simulation| run.view().processes.iter().find(|p| &*p.comm == "c").map(|p| p.rss);
    let before = held(&run).expect("it lives");
    let behavior = Arc::clone(&ProcessPlan::idle(&"c".into()).behavior);
    run.apply(&Change::Workload { process: "c".into(), behavior }).unwrap();
    run.run_until(SimTime::from_secs(100)).unwrap();
    assert_eq!(held(&run), Some(before), "what grew stays as it was");
}
