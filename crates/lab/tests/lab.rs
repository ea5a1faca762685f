//! The lab shows what the ordinary run does: at any instant, in any order of looking.

use oomsim_core::Simulation;
use oomsim_core::record::Keep;
use oomsim_core::units::SimTime;
use oomsim_lab::{Lab, Pieces, Variation};
use oomsim_report::html::{Instant, Room};
use oomsim_scenario::load_kinds;
use oomsim_testkit::{Beside, repository};

fn lab() -> Lab {
    let mut lab = Lab::default();
    for folder in ["", "manifests"] {
        for entry in std::fs::read_dir(repository().join("scenarios").join(folder)).expect("scenarios") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(repository()).expect("below").to_str().expect("UTF-8").to_owned();
            if let Ok(text) = std::fs::read_to_string(&path) {
                lab.add_file(&name, &text);
            }
        }
    }
    lab
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect("a scenario")
}

fn json(instant: &Option<Instant>) -> String {
    serde_json::to_string(instant).expect("JSON")
}

/// Forwards, backwards, at an event and between: the node is that of a run straight to the instant.
#[test]
fn any_instant_in_any_order_is_that_of_the_straight_run() {
    for path in ["scenarios/oom4-allocatable-fast.toml", "scenarios/oom2-allocatable-slow.toml"] {
        let text = text(path);
        let mut lab = lab();
        let opened = lab.open(path, &text, Variation::default()).expect("a right scenario");
        let kinds = load_kinds(&text, path, &Beside(repository().join("scenarios")), &[]).expect("right");
        let scenario = &kinds[0].scenario;
        let end = scenario.duration.as_secs_f64();
        let death = opened.run.deaths.first().expect("a death").at;
        for at in [0.0, death, end, death - 1e-9, end / 3.0, death + 1e-9, end / 2.0, 7.0, 6.999_999_999] {
            let mut straight = Simulation::new(scenario.clone(), scenario.seed, Keep::Series);
            straight.run_until(SimTime::from_nanos((at * 1e9).round() as u64)).expect("a run");
            let seen = lab.seek(opened.number, at).expect("an instant");
            assert_eq!(
                json(&seen),
                json(&Instant::of(&straight.view(), &mut Room::UNLIMITED.clone())),
                "{path} at {at}"
            );
        }
    }
}

/// A page holds two courses while it opens others: a number is that of its own course, or of none any more.
#[test]
fn numbers_of_courses_are_not_used_again() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let first = lab.open(path, &text(path), Variation::default()).expect("right").number;
    let later: Vec<u32> =
        (0..9).map(|_| lab.open(path, &text(path), Variation::default()).expect("right").number).collect();
    assert!(!later.contains(&first));
    assert!(lab.seek(first, 1.0).is_err(), "the oldest makes room");
    assert!(later[2..].iter().all(|number| lab.seek(*number, 1.0).is_ok()));
}

/// Event by event from the start: as many as the run has, and the last state is that of the end.
#[test]
fn steps_are_the_engines_events() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let opened = lab.open(path, &text(path), Variation::default()).expect("right");
    lab.seek(opened.number, 0.0).expect("the start");
    let mut last = 0.0;
    let mut steps = 0_u64;
    while let Some(instant) = lab.step(opened.number).expect("a course") {
        let shown = serde_json::to_value(&instant).expect("JSON");
        let at = shown["at"].as_f64().expect("a time");
        assert!(at >= last);
        last = at;
        steps += 1;
    }
    let mut run = Simulation::new(
        load_kinds(&text(path), path, &Beside(repository().join("scenarios")), &[]).expect("right")[0].scenario.clone(),
        opened.run.seed.parse().expect("a number"),
        Keep::Outcome,
    );
    run.run_until(SimTime::MAX).expect("a run");
    assert_eq!(steps, run.finish().events);
}

/// What the lab hands out as a file is the same run: with its changes, its settings and its seed.
#[test]
fn a_changed_course_is_a_scenario_of_its_own() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let before = lab.open(path, &text(path), Variation::default()).expect("right");
    let kill = "[[at]]\ntime = \"6.5s\"\nsignal = \"SIGKILL\"\nprocess = \"dotnet\"\n";
    let limit = "[[at]]\ntime = \"3s\"\ncgroup = \"/kubepods\"\nlimit = \"6Gi\"\n";
    let variation = Variation {
        settings: vec!["kubelet.evictionHard={ \"memory.available\" = \"1Gi\" }".into()],
        tables: vec![kill.into(), limit.into()],
        seed: Some(7),
        ..Variation::default()
    };
    let changed = lab.open(path, &text(path), variation).expect("right");
    assert_ne!(changed.run.digest, before.run.digest);
    let killed = changed.run.deaths.first().expect("a death");
    // Its memory is freed a little later.
    assert!((6.5..6.6).contains(&killed.at) && killed.by == "scenario", "{killed:?}");
    let again = Variation { seed: Some(7), ..Variation::default() };
    let reopened = lab.open("changed.toml", &changed.text, again).expect("what is written can be read");
    assert_eq!(reopened.run.digest, changed.run.digest);
}

/// OOM4 (SOURCES): the kernel kills dotnet, of the pod alloc-mem-leak, at the limit of kubepods.
#[test]
fn questions_are_answered_by_the_run() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let opened = lab.open(path, &text(path), Variation::default()).expect("right");
    let questions = lab.questions(opened.number, 7.0).expect("questions");
    let right: Vec<&str> = questions.iter().map(|q| q.options[q.answer as usize].as_str()).collect();
    assert_eq!(right, ["alloc-tests/alloc-mem-leak", "the kernel, at the limit of a cgroup"]);
    let end = opened.run.deaths.last().expect("a death").at + 1.0;
    let after = lab.questions(opened.number, end.max(89.0)).expect("questions");
    assert!(after.iter().all(|q| q.options.len() > 1 && (q.answer as usize) < q.options.len()));
}

/// OOM4: a change that is offered is one that helps. Opened with it, the pod is not killed.
#[test]
fn a_cure_can_be_applied_and_helps() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let cures = lab.cures(path, &text(path), &Variation::default(), 0).expect("right");
    assert!(!cures.is_empty());
    for cure in cures.into_iter().take(4) {
        let with = Variation { settings: cure.settings, tables: cure.tables, ..Variation::default() };
        let opened = lab.open(path, &text(path), with).unwrap_or_else(|why| panic!("{}: {why:?}", cure.what));
        let killed = opened.run.deaths.iter().any(|death| death.by == "kernel" && death.of.contains("alloc-mem-leak"));
        assert!(!killed, "{}: {:?}", cure.what, opened.run.deaths);
    }
}

/// OOM4 fixes the phase of the check: the race has all of them, and each piece is the run that a file with this phase
/// gives. `oom4-phase-eviction-wins` (SOURCES): with another phase the kubelet is first.
#[test]
fn the_race_has_every_phase_of_the_check() {
    let path = "scenarios/oom4-allocatable-fast.toml";
    let mut lab = lab();
    let all = Pieces { first: 0, step: 1, of: 20 };
    let race = lab.race(path, &text(path), &Variation::default(), all).expect("right");
    // The eviction manager looks every 10 s: places in the middle of twentieths of it.
    assert_eq!(race.period, Some(10.0));
    let phases: Vec<f64> = race.pieces.iter().filter_map(|piece| piece.phase).collect();
    assert_eq!(phases, (0..20).map(|n| f64::from(250 + 500 * n) / 1000.0).collect::<Vec<_>>());
    for who in ["kernel", "kubelet"] {
        assert!(race.pieces.iter().any(|piece| piece.first == who), "{who}: {race:?}");
    }
    for piece in race.pieces.iter().step_by(3) {
        let settings = vec![format!("kubelet.firstPass=\"{}s\"", piece.phase.expect("a kubelet runs"))];
        let run = lab.open(path, &text(path), Variation { settings, ..Variation::default() }).expect("right").run;
        // A pod that is evicted may outlive what the kernel kills a moment later.
        let death = run.deaths.first().expect("a death");
        match piece.first {
            "kernel" => assert!(run.oom_kills > 0 && death.by == "kernel", "{piece:?} {death:?}"),
            _ => assert!(run.evictions > 0, "{piece:?}"),
        }
        assert!(death.at >= piece.at.expect("it is decided"), "{piece:?} {death:?}");
    }
    let halves =
        [0, 1].map(|first| lab.race(path, &text(path), &Variation::default(), Pieces { first, step: 2, of: 20 }));
    let [even, odd] = halves.map(|half| half.expect("right").pieces);
    let mut both = [even, odd].concat();
    both.sort_by_key(|piece| piece.place);
    assert_eq!(both, race.pieces);
}

/// Where no kubelet runs nothing has a phase: seeds differ instead.
#[test]
fn a_race_without_a_kubelet_is_over_seeds() {
    let text = "node.memory = '2Gi'\n[[host]]\nname = 'leak'\nworkload.leak = { block = '50Mi', every = '500ms' }\n";
    let race =
        lab().race("leak.toml", text, &Variation::default(), Pieces { first: 0, step: 1, of: 3 }).expect("right");
    assert_eq!((race.period, race.pieces.len()), (None, 3));
    assert!(race.pieces.iter().all(|piece| piece.phase.is_none() && piece.first == "kernel"), "{race:?}");
}

/// Places are those of JavaScript's strings, which count in UTF-16.
#[test]
fn problems_have_places_that_an_editor_understands() {
    let text = "# 🙂\n[node]\nmemroy = \"2Gi\"\n";
    let problems = lab().check("x.toml", text);
    let typo = problems.iter().find(|problem| problem.message.contains("memroy")).expect("the typo");
    let units: Vec<u16> = text.encode_utf16().collect();
    let marked = String::from_utf16_lossy(&units[typo.from as usize..typo.to as usize]);
    assert_eq!((typo.severity, typo.line, marked.as_str()), ("error", 3, "memroy"));
    assert!(lab().open("x.toml", text, Variation::default()).is_err());
}
