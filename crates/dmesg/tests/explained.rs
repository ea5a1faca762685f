//! The rules explain the recorded choices, and the quoted ones that found no explanation at the time.

mod common;

use oomsim_dmesg::{ChoiceVerdict, Known, LoggedOom, OomKind, explain};

fn quoted(name: &str) -> Vec<LoggedOom> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    oomsim_dmesg::read(&std::fs::read(path).expect("the file")[..]).expect("readable")
}

#[test]
fn every_recorded_choice() {
    let recorded = common::recorded();
    let mut counts = [0usize; 4];
    for (name, log) in common::logs() {
        let reports = oomsim_dmesg::read(log.as_bytes()).expect("readable");
        let expected = recorded.get(&name).map(Vec::as_slice).unwrap_or_default();
        for (report, expected) in reports.iter().filter(|r| !r.kill_only).zip(expected) {
            let known = Known { swap_total_kb: Some(expected.swap_total_kib) };
            let explanation = explain(report, known);
            let at = format!("{name} {}: {}", expected.report_index, explanation.why);
            // Recorded: "oom_kill_allocating_task ignored in memcg OOM; global: the allocator is killed".
            let allocating = expected.file == "global_oom" && expected.oom_kill_allocating_task == 1;
            let verdict = match (expected.no_killable, allocating) {
                (true, _) => ChoiceVerdict::Nobody,
                (_, true) => ChoiceVerdict::AllocatingTask,
                _ => ChoiceVerdict::Explained,
            };
            assert_eq!(explanation.verdict, verdict, "{at}");
            counts[match verdict {
                ChoiceVerdict::Nobody => 0,
                ChoiceVerdict::AllocatingTask => 1,
                _ => 2,
            }] += 1;
            if verdict == ChoiceVerdict::Explained {
                assert_eq!(explanation.expected_pid, expected.chosen_pid, "{at}");
            }
            if report.kind == OomKind::Node {
                // total = (MemTotal + SwapTotal) pages.
                let total = (expected.mem_total_kib + expected.swap_total_kib) / 4;
                assert_eq!(explanation.total_pages, Some(total), "{at}");
            }
        }
        // Without knowing the machine's swap the answers are the same.
        for report in reports.iter().filter(|r| !r.kill_only) {
            let verdict = explain(report, Known::default()).verdict;
            assert!(
                matches!(verdict, ChoiceVerdict::Explained | ChoiceVerdict::Nobody | ChoiceVerdict::AllocatingTask),
                "{name}"
            );
        }
    }
    println!("nobody, allocating task, explained: {counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 364);
}

#[test]
fn the_unexpected_twists_of_5_4() {
    // The article: pids 14300 and 31082 die, the smaller ones, and the author does not know why. All points of the
    // Guaranteed pod are below 1: 43356 + 142 − 997 × 262 = −217716 counts as 1, and the last of the table dies.
    for (name, victim, larger) in [("quoted/p2-twist-1.log", 14300, 15976), ("quoted/p2-twist-2.log", 31082, 30548)] {
        let report = &quoted(name)[0];
        let e = explain(report, Known::default());
        assert_eq!(e.verdict, ChoiceVerdict::Explained, "{}", e.why);
        assert_eq!(e.expected_pid, Some(victim));
        assert_eq!(e.total_pages, Some(262_144));
        assert_eq!(e.rules, "5.3 to 5.8");
        assert!(e.candidates.iter().all(|c| c.points == Some(1)));
        assert!(e.why.contains("among equals it takes the last"), "{}", e.why);
        assert!(e.why.contains(&format!("5.9 on dotnet (pid {larger}) would have died")), "{}", e.why);
        // The same table on 5.9 or later: the big one.
        let mut later = report.clone();
        later.kernel = Some("6.1.0".into());
        let e = explain(&later, Known::default());
        assert_eq!(e.verdict, ChoiceVerdict::OtherRules, "{}", e.why);
        later.chosen = Some(oomsim_dmesg::Chosen { pid: larger, ..oomsim_dmesg::Chosen::default() });
        later.killed.clear();
        assert_eq!(explain(&later, Known::default()).verdict, ChoiceVerdict::Explained);
    }
}

#[test]
fn the_score_of_the_123mi_pod() {
    // 24953 + 62 + 939 × 31 = 54124 points, × 1000 / 31488 = 1718 as printed.
    let e = explain(&quoted("quoted/limit-123mi.log")[0], Known::default());
    assert_eq!((e.verdict, e.score), (ChoiceVerdict::Explained, Some((1718, 1718))));
    let victim = e.candidates.iter().find(|c| c.pid == 32308).expect("row");
    assert_eq!((victim.points, victim.adj_points), (Some(54_124), 939 * 31));
    assert_eq!(e.total_pages, Some(31_488));
}

#[test]
fn excerpts_that_say_too_little_are_not_judged() {
    for name in ["quoted/p4-race.log", "quoted/lesson.log", "public/3.10-k8s-50632.log", "public/5.4-docker-1001.log"] {
        for report in quoted(name) {
            assert_eq!(explain(&report, Known::default()).verdict, ChoiceVerdict::CannotTell, "{name}");
        }
    }
    // cri-o#1975: the limit is missing and the adjustments differ.
    let e = explain(&quoted("public/4.x-crio-1975.log")[0], Known::default());
    assert_eq!(e.verdict, ChoiceVerdict::CannotTell, "{}", e.why);
}

#[test]
fn a_choice_against_the_rules_is_told() {
    let log = common::logs().remove("B2_1101_21_unk_some_6.12.117+deb12-cloud-amd64.log").expect("log");
    let mut report = oomsim_dmesg::read(log.as_bytes()).expect("readable").remove(0);
    // Recorded: k21p11 (pid 357, adj 1000) dies; k21p2 (348) has far fewer points under any rules.
    report.chosen = Some(oomsim_dmesg::Chosen { pid: 348, comm: "k21p2".into(), score: None });
    let e = explain(&report, Known::default());
    assert_eq!((e.verdict, e.expected_pid), (ChoiceVerdict::NotExplained, Some(357)), "{}", e.why);
}

#[test]
fn a_kill_asked_for_by_hand_is_no_shortage() {
    // order=-1 is what SysRq f hands over (drivers/tty/sysrq.c moom_callback).
    let log = common::logs().remove("C_1201_12_6.12.117+deb12-cloud-amd64.log").expect("log");
    let log = log.replace("order=0", "order=-1");
    let analyses = oomsim_dmesg::analyse(oomsim_dmesg::read(log.as_bytes()).expect("readable"), Known::default());
    assert!(analyses[0].report.by_hand());
    assert!(analyses[0].advice[0].contains("SysRq"));
    assert!(oomsim_dmesg::text(&analyses, oomsim_dmesg::TextOptions::default()).contains("asked for by hand"));
    assert!(oomsim_dmesg::scenario(&analyses[0]).expect_err("no shortage").to_string().contains("by hand"));
}
