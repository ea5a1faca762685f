//! Explanations of the shipped scenarios, held against the sources (docs/SOURCES.md) and against the run itself.

use oomsim_core::record::{Cause, Choice};
use oomsim_core::units::{Bytes, Pages};
use oomsim_explain::{AfterFact, ChoiceFact, KernelFact, KubeletFact, ProgramFact};
use oomsim_explain::{Candidates, Explanation, Fact, Link, Rule, Run, Unhappened, Who, WhyNot};
use oomsim_explain::{explain, explain_not, json, text};
use oomsim_testkit::{read, read_file, repository, toml_files};
use std::sync::Arc;

fn run(name: &str) -> Run {
    let kind = read_file(&repository().join("scenarios").join(name)).remove(0);
    let seed = kind.scenario.seed;
    Run::new(kind.scenario, seed).expect("the run comes to its end")
}

fn all(run: &Run) -> Vec<Explanation> {
    run.happenings().iter().enumerate().map(|(at, h)| explain(run, at + 1, h)).collect()
}

fn find(links: &[Link], pick: impl Fn(&Fact) -> bool) -> Option<&Link> {
    links.iter().find(|link| pick(&link.fact))
}

fn pid(who: &Who) -> u32 {
    match who {
        Who::Process { pid, .. } => pid.0,
        other => panic!("{other:?} is no process"),
    }
}

/// SOURCES OOM1, "unexpected twists": kernel 5.4 floors at 1, all tie, the last scanned dies; 5.9 and later kill the
/// big one. Tasks by hand: total_pages 262144 → step 262; −997 × 262 = −261214.
#[test]
fn the_two_unexpected_twists() {
    for (name, small, big) in [("a", 14300, 15976), ("b", 31082, 30548)] {
        let old = run(&format!("oom1-twist-{name}-kernel-5.4.toml"));
        let why = explain(&old, 1, &old.happenings()[0]);
        assert_eq!((why.cause, why.choice), (Cause::PodLimit, Some(Choice::Tie)));
        assert_eq!(pid(why.who.as_ref().unwrap()), small);
        let rules: Vec<Rule> = why.choosing.iter().filter_map(|link| link.rule).collect();
        assert!(rules.contains(&Rule::Floor) && rules.contains(&Rule::LastOfEquals), "{rules:?}");
        let not = find(&why.choosing, |fact| matches!(fact, Fact::Choice(ChoiceFact::NotChosen { .. })))
            .expect("the obvious one");
        let Fact::Choice(ChoiceFact::NotChosen { who, why_not, .. }) = &not.fact else { unreachable!() };
        assert_eq!((pid(who), why_not), (big, &WhyNot::Tied { points: 1 }));
        let Some(Candidates::Kernel(table)) = &why.candidates else { panic!("no table") };
        assert_eq!(
            (table.total_pages, table.step, table.floor, table.last_of_equals),
            (Pages::new(262_144), 262, true, true)
        );
        let largest = table.processes.iter().find(|p| pid(&p.who) == big).expect("it is there");
        assert_eq!((largest.adj_points, largest.points), (-261_214, Some(1)));

        let new = run(&format!("oom1-twist-{name}-kernel-6.1.toml"));
        let why = explain(&new, 1, &new.happenings()[0]);
        assert_eq!((why.choice, pid(why.who.as_ref().unwrap())), (Some(Choice::MostPoints), big));
    }
}

/// SOURCES OOM1: the pod's cgroup trips first, because of the pause container.
#[test]
fn the_pause_container_fills_the_pod_first() {
    let run = run("oom1-container-limit.toml");
    let why = explain(&run, 1, &run.happenings()[0]);
    let link = find(&why.chain, |fact| matches!(fact, Fact::Kernel(KernelFact::PauseCounts { .. })))
        .expect("the pause container");
    let Fact::Kernel(KernelFact::PauseCounts { limit, container, rest }) = link.fact else { unreachable!() };
    // The plan's pause process: 4 KiB anonymous, 28 KiB page tables, 24 KiB of kernel memory, and a page of the pod's.
    assert!(rest >= Bytes::kib(56) && rest <= Bytes::kib(64), "{rest}");
    assert_eq!((limit, container + rest, link.rule), (Bytes::gib(1), Bytes::gib(1), Some(Rule::PodCgroup)));
    let had =
        find(&why.chain, |fact| matches!(fact, Fact::Kernel(KernelFact::NodeHad { .. }))).expect("the node had room");
    assert!(matches!(had.fact, Fact::Kernel(KernelFact::NodeHad { available }) if available > Bytes::gib(4)));
}

/// SOURCES OOM2: the figure of the pod was 10 to 15 s old, the others fresh; the message shows a fraction.
#[test]
fn the_stale_figure_of_a_pod() {
    let run = run("oom2-stale-figure.toml");
    let why = explain(&run, 1, &run.happenings()[0]);
    assert_eq!(why.cause, Cause::PodsAboveAllocatable);
    let figure =
        find(&why.choosing, |fact| matches!(fact, Fact::Kubelet(KubeletFact::PodFigure { .. }))).expect("its figure");
    let Fact::Kubelet(KubeletFact::PodFigure { seen: Some(seen), age_s: Some(age), now, .. }) = figure.fact else {
        panic!("{figure:?}")
    };
    assert!((5.0..=15.0).contains(&age) && seen < Bytes::mib(100) && now > Bytes::gib(4), "{age} {seen} {now}");
    assert!(text::explanation(&why).contains("The eviction message shows the old figure"));
}

/// SOURCES OOM3: evicted pods and killed processes are innocent, the leak is never chosen by the kernel.
#[test]
fn the_odd_victims_of_a_leak_on_the_node() {
    let run = run("oom3-host-leak.toml");
    let all = all(&run);
    let evicted: Vec<&Explanation> = all.iter().filter(|why| why.cause == Cause::NodePressure).collect();
    assert_eq!(evicted.len(), 2);
    assert!(evicted.iter().all(|why| why.innocent), "node-exporter had not grown");
    for kill in all.iter().filter(|why| why.cause == Cause::NodeMemory) {
        assert!(kill.innocent, "{}", text::title(kill));
        let not = find(&kill.choosing, |fact| matches!(fact, Fact::Choice(ChoiceFact::NotChosen { .. })))
            .expect("why not the leak");
        let Fact::Choice(ChoiceFact::NotChosen {
            who,
            why_not: WhyNot::Adjusted { oom_score_adj, victim_adj, .. },
            ..
        }) = &not.fact
        else {
            panic!("{not:?}")
        };
        assert!(matches!(who, Who::Process { comm, .. } if &**comm == "dotnet"));
        assert_eq!((*oom_score_adj, *victim_adj), (0, 1000));
    }
    // The leak dies with its session, after its leader, and the kernel did not choose it.
    let leak = all.iter().find(|why| why.cause == Cause::SessionEnded).expect("the leak's end");
    let sshd = find(&leak.chain, |fact| match fact {
        Fact::Program(ProgramFact::Ended { who: Who::Process { comm, .. }, .. }) => &**comm == "sshd",
        _ => false,
    });
    assert!(sshd.is_some(), "its leader");
    // ... which had ended because the kernel had killed the other end of its connection.
    let peer = find(&leak.chain, |fact| matches!(fact, Fact::After(AfterFact::Next { cause: Cause::NodeMemory, .. })));
    assert!(peer.is_some_and(|link| link.at < sshd.and_then(|link| link.at)), "{leak:?}");
    assert!(find(&leak.choosing, |fact| matches!(fact, Fact::Choice(ChoiceFact::NotChosen { .. }))).is_some());
    // The second eviction: no container had been started, so that it could not be stopped.
    let late = all.iter().find(|why| why.cause == Cause::ContainerGone).expect("NotFound");
    assert!(
        find(&late.chain, |fact| matches!(fact, Fact::After(AfterFact::StopFailed { never_started: true, .. })))
            .is_some()
    );
}

/// SOURCES OOM4: the kubelet looked before and saw nothing wrong; the limit is 5573943296 bytes.
#[test]
fn the_kernel_is_faster_than_the_next_look() {
    let run = run("oom4-allocatable-fast.toml");
    let why = explain(&run, 1, &run.happenings()[0]);
    assert_eq!(why.cause, Cause::KubepodsLimit);
    let pods = find(&why.chain, |fact| matches!(fact, Fact::Kernel(KernelFact::LimitOfPods { .. })))
        .expect("the limit of pods");
    assert_eq!(pods.fact, Fact::Kernel(KernelFact::LimitOfPods { limit: Bytes::new(5_573_943_296) }));
    let last =
        find(&why.chain, |fact| matches!(fact, Fact::Kubelet(KubeletFact::LastPass { .. }))).expect("the last look");
    let Fact::Kubelet(KubeletFact::LastPass { thresholds, evicted, .. }) = &last.fact else { unreachable!() };
    // Both signals are watched, and neither threshold was met.
    assert_eq!((thresholds.len(), thresholds.iter().any(|t| t.met()), evicted), (2, false, &None));
    assert!(find(&why.chain, |fact| matches!(fact, Fact::Kubelet(KubeletFact::NextPass { .. }))).is_some());
    // SOURCES OOM4: 22 s later the kubelet's stop of the same pod got NotFound.
    let late = find(&why.after, |fact| matches!(fact, Fact::After(AfterFact::StopComesLate { .. }))).expect("NotFound");
    assert_eq!((late.rule, late.at > Some(why.at)), (Some(Rule::StopIsLate), true));
    assert!(text::sentence(&late.fact).contains("NotFound"));
    // It was not evicted: its restartPolicy is why it is over.
    let over = find(&why.after, |fact| matches!(fact, Fact::After(AfterFact::Phase { .. }))).expect("its phase");
    assert_eq!(over.rule, Some(Rule::RestartPolicy));
}

/// SOURCES OOM5: 75 % of 2000 MiB, exit code 139, reason Error.
#[test]
fn the_runtime_refuses_first() {
    let run = run("oom5-dotnet-limit.toml");
    let why = explain(&run, 1, &run.happenings()[0]);
    let refused = find(&why.chain, |fact| matches!(fact, Fact::Program(ProgramFact::RuntimeRefused { .. })))
        .expect("the refusal");
    let Fact::Program(ProgramFact::RuntimeRefused { limit, container_limit, .. }) = refused.fact else {
        unreachable!()
    };
    assert_eq!((limit, container_limit), (Bytes::mib(1500), Some(Bytes::mib(2000))));
    let ended = find(&why.after, |fact| matches!(fact, Fact::After(AfterFact::Terminated { .. }))).expect("its end");
    assert!(matches!(&ended.fact, Fact::After(AfterFact::Terminated { exit_code: 139, .. })));
    assert!(text::explanation(&why).contains("reported as an error"));
}

/// SOURCES, the test node: stable at 127 %, no eviction, no kill.
#[test]
fn kubectl_top_at_127_percent() {
    let run = run("top-node-127-percent.toml");
    let evicted = explain_not(&run, Unhappened::Evicted, None);
    let shown = text::not_happened(Unhappened::Evicted, None, &evicted);
    assert!(shown.contains("shows 127 % of the allocatable"), "{shown}");
    let nearest: Vec<_> =
        evicted.iter().filter(|link| matches!(link.fact, Fact::Kubelet(KubeletFact::Nearest { .. }))).collect();
    assert_eq!(nearest.len(), 2, "of the node and of the pods");
    assert!(!explain_not(&run, Unhappened::Killed, None).is_empty());
}

/// What did happen is not explained away.
#[test]
fn what_happened_is_not_explained_as_not_happened() {
    let run = run("oom1-container-limit.toml");
    assert!(explain_not(&run, Unhappened::Killed, None).is_empty());
    assert!(!explain_not(&run, Unhappened::Evicted, None).is_empty());
}

/// STORIES 7: the node is out of memory although the kubelet's figure is above its threshold of 100Mi, because neither
/// kernel memory nor the kernel's reserve is in it.
#[test]
fn out_of_memory_above_the_threshold() {
    let scenario = read(
        "duration = \"3m\"\n[node]\nmemory = \"1Gi\"\nsystem = { anon = \"80Mi\", kernel = \"110Mi\" }\n[kernel]\nversion = \"6.1\"\n\
         [kubelet]\nevictionHard = { \"memory.available\" = \"100Mi\" }\nfirstPass = \"1s\"\n\
         [[host]]\nname = \"leak\"\nworkload.ramp = { rate = \"15Mi\" }\n",
    );
    let run = Run::new(scenario.scenario, 1).unwrap();
    let kill = run.happenings().iter().find(|h| h.cause == Cause::NodeMemory).expect("the node is out of memory");
    let why = explain(&run, 1, kill);
    let link = find(&why.chain, |fact| matches!(fact, Fact::Kernel(KernelFact::FigureMisleads { .. })))
        .expect("what the figure hides");
    let Fact::Kernel(KernelFact::FigureMisleads { available, mem_available, threshold, kernel, .. }) = &link.fact
    else {
        unreachable!()
    };
    assert!(*available > 100 << 20 && *mem_available < Bytes::mib(10), "{:?}", link.fact);
    assert_eq!((*threshold, *kernel >= Bytes::mib(110)), (Some(Bytes::mib(100)), true));
}

/// Every explanation of every shipped scenario: the terms add up to the points, the victim has the most of them, the
/// evicted pod is the first of its order, every fact has a sentence, and the JSON has what the text has.
#[test]
fn every_explanation_is_consistent() {
    let (mut kills, mut evictions) = (0, 0);
    for file in toml_files(&repository().join("scenarios")) {
        if file.components().any(|part| part.as_os_str() == "bench" || part.as_os_str() == "lint") {
            continue;
        }
        for kind in read_file(&file) {
            let run = Run::new(Arc::clone(&kind.scenario), kind.scenario.seed).expect("the run comes to its end");
            let mut seen: Vec<(Cause, Option<Choice>)> = Vec::new();
            for (at, happening) in run.happenings().iter().enumerate() {
                // Of what happens again and again the first three.
                let kind = (happening.cause, happening.choice);
                if seen.iter().filter(|of| **of == kind).count() >= 3 {
                    continue;
                }
                seen.push(kind);
                let why = explain(&run, at + 1, happening);
                let whose = format!("{}: {}", file.display(), text::title(&why));
                match &why.candidates {
                    Some(Candidates::Kernel(table)) => {
                        kills += 1;
                        points(&whose, table, why.choice);
                    }
                    Some(Candidates::Kubelet { pods }) => {
                        evictions += 1;
                        let first = pods.iter().find(|pod| !pod.critical).expect("a pod");
                        assert!(first.evicted, "{whose}: {pods:?}");
                    }
                    None => {}
                }
                for link in why.chain.iter().chain(&why.choosing).chain(&why.after) {
                    assert!(text::sentence(&link.fact).len() > 10, "{whose}: {link:?}");
                }
                sense(&whose, &why);
                let object = json::explanation(&why);
                assert_eq!(object["cause"], happening.cause.as_str());
                assert_eq!(object["chain"].as_array().map(Vec::len), Some(why.chain.len()));
            }
        }
    }
    assert!(kills > 20 && evictions > 5, "{kills} kills, {evictions} evictions");
}

/// It begins and ends as a sentence, and no figure in it is empty.
fn sentence_makes_sense(whose: &str, fact: &Fact) {
    let said = text::sentence(fact);
    let begins = said.starts_with(|c: char| c.is_alphanumeric() || c == '/');
    let message = matches!(
        fact,
        Fact::Program(ProgramFact::Message { .. })
            | Fact::After(AfterFact::Rejected { .. })
            | Fact::Kubelet(KubeletFact::ProbesFailed { .. })
    );
    assert!(begins && (message || said.ends_with('.')), "{whose}: {said:?} is no sentence");
    for bad in ["  ", "NaN", "inf", "None", "Some(", " 0.0 s", " in 0 s", " 1 of them were", "()", " ,", "from 0 to 0"]
    {
        // Kubernetes' own messages are as they are.
        assert!(message || !said.contains(bad), "{whose}: {bad:?} in {said:?}");
    }
}

/// It has a reason, its sentences are whole, and no figure in them is empty.
fn sense(whose: &str, why: &Explanation) {
    let shown = text::explanation(why);
    assert!(!why.chain.is_empty(), "{whose}: no chain\n{shown}");
    for link in why.chain.iter().chain(&why.choosing).chain(&why.after) {
        let said = text::sentence(&link.fact);
        sentence_makes_sense(whose, &link.fact);
        assert!(link.at.is_none_or(|at| at <= why.at) || why.after.contains(link), "{whose}: {said:?} comes later");
    }
    let because = text::because(why);
    assert!(because.ends_with('.') && !because.contains("  "), "{whose}: {because:?}");
    assert!(shown.contains(&text::headline(why)), "{whose}");
}

proptest::proptest! {
    #![proptest_config(oomsim_testkit::random::config(16))]

    /// Explanations of random scenarios make sense, too.
    #[test]
    fn explanations_of_random_scenarios_make_sense(case in oomsim_testkit::random::case()) {
        let run = Run::new(Arc::clone(&case.scenario), 1).expect("the run comes to its end");
        for (at, happening) in run.happenings().iter().enumerate().take(8) {
            sense(&case.text, &explain(&run, at + 1, happening));
        }
        let pods = run.history().pods.iter().take(3).map(|pod| Some(pod.pod.clone()));
        for pod in pods.chain([None]) {
            for what in [Unhappened::Evicted, Unhappened::Killed] {
                let links = explain_not(&run, what, pod.as_ref());
                links.iter().for_each(|link| sentence_makes_sense(&case.text, &link.fact));
            }
        }
    }
}

/// A container that hangs at its limit does not answer its probe, and the kubelet kills it: no OOM kill. By hand: three
/// failures in a row, 10 s apart, then the grace period of 20 s (kubelet, prober/worker.go and killContainer).
#[test]
fn a_kill_for_a_probe_is_the_kubelets() {
    let run = run("stalls/liveness-restarts-a-hang.toml");
    let at = run.happenings().iter().position(|h| h.cause == Cause::FailedProbe).expect("a kill for a probe");
    let why = explain(&run, at + 1, &run.happenings()[at]);
    let failed =
        find(&why.chain, |fact| matches!(fact, Fact::Kubelet(KubeletFact::ProbesFailed { .. }))).expect("its probes");
    let Fact::Kubelet(KubeletFact::ProbesFailed { times, since, message, .. }) = &failed.fact else { unreachable!() };
    assert_eq!((*times, failed.rule), (3, Some(Rule::Probe)));
    assert!((failed.at.unwrap().since(*since).as_secs_f64() - 20.0).abs() < 0.5, "{since:?} {failed:?}");
    assert!(message.starts_with("Liveness probe failed: Get"), "{message}");
    let stopped = find(&why.chain, |fact| matches!(fact, Fact::Kubelet(KubeletFact::StoppedForProbe { .. })))
        .expect("the kubelet's decision");
    let Fact::Kubelet(KubeletFact::StoppedForProbe { after, .. }) = &stopped.fact else { unreachable!() };
    assert!((20.0..21.0).contains(&after.as_secs_f64()), "{after}");
    let stalled = find(&why.chain, |fact| matches!(fact, Fact::After(AfterFact::Next { cause: Cause::Stalled, .. })));
    assert!(stalled.is_some(), "it hung before: {}", text::explanation(&why));
    assert!(text::explanation(&why).contains("was killed by the kubelet (failed probe)"));
}

fn points(whose: &str, table: &oomsim_explain::KernelTable, choice: Option<Choice>) {
    for p in &table.processes {
        let sum = (p.rss + p.swapents + p.page_tables).get().cast_signed() - p.root_bonus + p.adj_points;
        if let Some(points) = p.points {
            assert_eq!(p.sum, sum, "{whose}: {p:?}");
            assert_eq!(points, if table.floor { sum.max(1) } else { sum }, "{whose}: {p:?}");
        }
    }
    if matches!(choice, Some(Choice::MostPoints | Choice::Tie)) {
        let most = table.processes.iter().filter_map(|p| p.points).max();
        assert_eq!(table.processes.iter().find(|p| p.chosen).and_then(|p| p.points), most, "{whose}");
    }
}

/// Each rule says something and has a source, and no two have one word.
#[test]
fn rules_have_sources() {
    let mut ids: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert!(Rule::ALL.iter().all(|rule| rule.says().len() > 40 && rule.source().len() > 10));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), Rule::ALL.len());
}
