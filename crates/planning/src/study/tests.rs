//! Studies and goals as texts.

use super::{Goal, Study, tables};
use crate::measure::RunOutcome;
use crate::recommend::BadEvent;
use oomsim_core::record::Keep;
use oomsim_scenario::reading::reference_page;
use oomsim_scenario::{Diagnostic, FileError, Files};
use std::collections::BTreeMap;

/// Files in memory.
pub(crate) struct Memory(BTreeMap<&'static str, &'static str>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.0.get(path).map(ToString::to_string).ok_or(FileError::NotFound)
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Err("no such folder".into())
    }
}

const NODE: &str = r#"
duration = "15m"
[node]
memory = "4Gi"
system = { anon = "300Mi", kernel = "100Mi" }
[kubelet]
kubeReserved = { memory = "1Gi" }
evictionHard = { "memory.available" = "100Mi" }
[[pod]]
name = "leak"
[[pod.container]]
name = "app"
workload.ramp = { rate = "20Mi" }
"#;

fn files() -> Memory {
    Memory(BTreeMap::from([("studies/node.toml", NODE), ("studies/other/node2.toml", NODE)]))
}

fn rendered(problems: &[Diagnostic]) -> String {
    problems.iter().map(Diagnostic::render).collect()
}

const STUDY: &str = r#"
scenario = "node.toml"
repetitions = 20
set = { "node.swap" = 0 }
sample = { points = 3 }
measures = ["overshoot_bytes", "outcome"]

[[axis]]
name = "threshold"
key = "kubelet.evictionHard.memory.available"
values = ["100Mi", "750Mi"]

[[axis]]
name = "rate"
key = "pod.leak.container.app.workload.ramp.rate"
from = "5Mi"
to = "80Mi"
scale = "log"
"#;

#[test]
fn a_study_becomes_a_plan_and_runs() {
    let study = Study::read(STUDY, "studies/rates.toml", &files()).unwrap_or_else(|p| panic!("{}", rendered(&p)));
    assert_eq!((study.name.as_str(), study.plan.len(), study.plan.cells()), ("rates", 2 * 3 * 20, 2));
    assert_eq!(study.measures, ["outcome", "overshoot_bytes"]);
    let mut worker = study.scenario.worker(Keep::Series);
    let measures: Vec<_> = (0..study.plan.len()).map(|i| worker(&study.plan.spec(i))).collect();
    assert!(measures.iter().all(|m| m.error.is_empty() && m.digest.len() == 32), "{:?}", measures[0]);
    // Every run ends with the leak's death, by one or the other.
    for m in &measures {
        assert!(
            matches!(m.outcome, RunOutcome::Eviction | RunOutcome::KubepodsOom) && m.victim == "default/leak",
            "{m:?}"
        );
    }
    // The same run, taken alone, is the same.
    let spec = study.plan.spec(77);
    assert_eq!(study.scenario.worker(Keep::Series)(&spec), measures[77]);
    // What is kept of a run beyond the node's own curve changes no measure.
    for i in 0..study.plan.len() {
        assert_eq!(study.scenario.worker(Keep::Node)(&study.plan.spec(i)), measures[i as usize]);
    }
    // A window of 750 MiB at 80 MiB/s at most is 9.4 s of 10 s: nearly always an eviction.
    let evicted = measures[60..].iter().filter(|m| m.outcome == RunOutcome::Eviction).count();
    assert!(evicted >= 55, "{evicted} of 60");
}

/// cm/node_container_manager_linux.go validateNodeAllocatable: 1 GiB reserved and a threshold of 3100 MiB are more than
/// 4 GiB.
#[test]
fn a_kubelet_that_does_not_start_is_an_outcome_of_its_own() {
    let text = STUDY.replace("\"750Mi\"", "\"3100Mi\"");
    let study = Study::read(&text, "studies/rates.toml", &files()).unwrap_or_else(|p| panic!("{}", rendered(&p)));
    // Whatever is kept of a run.
    for keep in [Keep::Outcome, Keep::Node, Keep::Events, Keep::Series] {
        let mut worker = study.scenario.worker(keep);
        let m = worker(&study.plan.spec(60));
        assert_eq!(
            (m.outcome, m.allocatable, m.first_death),
            (RunOutcome::KubeletNotStarted, Some(0), None),
            "{keep:?}"
        );
        assert!(m.not_started.contains("4124Mi reserved") && m.not_started.contains("4Gi"), "{}", m.not_started);
        let m = worker(&study.plan.spec(0));
        assert_eq!((m.outcome == RunOutcome::KubeletNotStarted, m.not_started.as_str()), (false, ""));
    }
    let mut summary = crate::summary::Summary::new(&study.plan);
    let mut worker = study.scenario.worker(Keep::Node);
    for run in [0, 60, 61] {
        let spec = study.plan.spec(run);
        let row = crate::row::parse(&crate::row::line(&study.plan, &spec, &worker(&spec)), 4);
        summary.add(&study.plan, &row.expect("a row"));
    }
    let (starts, refuses) = (&summary.cells[0], &summary.cells[1]);
    assert_eq!((starts.count("outcome", "kubelet_not_started"), &starts.not_started), (0, &None));
    assert_eq!(refuses.count("outcome", "kubelet_not_started"), 2);
    assert!(refuses.not_started.as_ref().is_some_and(|why| why.contains("4124Mi")));
}

#[test]
fn all_problems_of_a_study_come_at_once() {
    let text = r#"
scenario = "node.toml"
repetitons = 5
measures = ["outcom"]
[[axis]]
name = "seed"
key = "node.memory"
values = ["4Gi", "banana"]
[[axis]]
name = "rate"
keys = ["pod.leek.replicas"]
from = 1
to = "5s"
steps = 3
[[axis]]
name = "x"
from = 0
to = 5
scale = "log"
steps = 2
"#;
    let said = rendered(&Study::read(text, "studies/x.toml", &files()).unwrap_err());
    for part in [
        "unknown key `repetitons` in the study",
        "did you mean `repetitions`?",
        "unknown measure \"outcom\"",
        "did you mean \"outcome\"?",
        "`seed` is already a column of the results",
        "`from` (1) and `to` (5s) have different units",
        "`key` or `keys` is missing",
        "a logarithmic scale needs `from` and `to` greater than zero",
        "studies/x.toml:3",
        "the scenario rejects \"banana\" for `seed`",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    let said = rendered(&Study::read("scenario = 'nod.toml'", "studies/x.toml", &files()).unwrap_err());
    assert!(said.contains("the scenario studies/nod.toml cannot be read: no such file"), "{said}");
    let wrong_key = STUDY.replace("ramp.rate", "ramp.rat");
    let said = rendered(&Study::read(&wrong_key, "studies/x.toml", &files()).unwrap_err());
    assert!(said.contains("the scenario rejects \"5Mi\" for `rate`") && said.contains("`rat`"), "{said}");
    assert!(!rendered(&Study::read("= 5", "x", &files()).unwrap_err()).is_empty());
}

#[test]
fn problems_are_where_they_were_written_and_have_no_false_sequels() {
    let set = "set = { \"node.swap\" = 0, \"node.nope\" = 1, \"node.memory\" = \"x\" }";
    let text = STUDY.replace("set = { \"node.swap\" = 0 }", set);
    let problems = Study::read(&text, "studies/x.toml", &files()).unwrap_err();
    let places: Vec<_> = problems.iter().filter_map(|p| p.at.as_ref()).map(|at| (at.file_line(), at.text())).collect();
    // `set` is in the fourth line; the key is unknown, the value is no amount.
    let line = || "studies/x.toml:4".to_string();
    assert_eq!(places, [(line(), "\"node.nope\""), (line(), "\"x\"")], "{}", rendered(&problems));
    for steps in ["0", "1000000"] {
        let text = STUDY.replace("sample = { points = 3 }", "").replace("scale = \"log\"", &format!("steps = {steps}"));
        let said = rendered(&Study::read(&text, "studies/x.toml", &files()).unwrap_err());
        assert!(said.contains(&format!("{steps} is out of range")) && !said.contains("has no `steps`"), "{said}");
    }
    let said = rendered(&Study::read(&STUDY.replace("points = 3", "points = 0"), "s.toml", &files()).unwrap_err());
    assert!(said.contains("0 is out of range") && !said.contains("has no `steps`"), "{said}");
    let text =
        STUDY.replace("key = \"kubelet", "keys = [] #").replace("values = [\"100Mi\", \"750Mi\"]", "values = []");
    let said = rendered(&Study::read(&text, "studies/x.toml", &files()).unwrap_err());
    for part in ["expected an array of scenario keys", "expected an array of values"] {
        assert!(said.lines().any(|l| l.contains(part) && l.ends_with("found an empty array")), "{part}: {said}");
    }
    let said = rendered(&Study::read(&STUDY.replace("80Mi", "80Qi"), "studies/x.toml", &files()).unwrap_err());
    assert!(!said.contains("--set"), "{said}");
    let said = rendered(&Study::read(&STUDY.replace("750Mi", "75 oMi"), "studies/x.toml", &files()).unwrap_err());
    assert!(said.contains("rejects \"75 oMi\"") && !said.contains("--set"), "{said}");
}

#[test]
fn a_range_needs_steps_or_a_sample() {
    let without = STUDY.replace("sample = { points = 3 }", "");
    let said = rendered(&Study::read(&without, "studies/x.toml", &files()).unwrap_err());
    assert!(said.contains("`rate` has no `steps`, and the study has no `sample`"), "{said}");
    let useless = STUDY.replace("scale = \"log\"", "steps = 4");
    let said = rendered(&Study::read(&useless, "studies/x.toml", &files()).unwrap_err());
    assert!(said.contains("`sample` needs an axis with `from` and `to`"), "{said}");
}

#[test]
fn the_hash_covers_the_scenario_and_nothing_of_where_it_is() {
    let one = Study::read(STUDY, "studies/a.toml", &files()).unwrap();
    let moved = STUDY.replace("\"node.toml\"", "\"other/node2.toml\"");
    let two = Study::read(&moved, "studies/b.toml", &files()).unwrap();
    assert_eq!(one.plan.spec(5).id, two.plan.spec(5).id);
    let files = Memory(BTreeMap::from([(
        "studies/node.toml",
        "duration = \"1m\"\nnode.memory = \"1Gi\"\npod = [{ name = 'leak', container = [{ name = 'app', workload.ramp.rate = '1Mi' }] }]",
    )]));
    let three = Study::read(STUDY, "studies/a.toml", &files).unwrap_or_else(|p| panic!("{}", rendered(&p)));
    assert_ne!(one.plan.spec(5).id, three.plan.spec(5).id);
}

const GOAL: &str = r#"
runs = 500
[[scenario]]
file = "node.toml"
[[target]]
event = "kernelKill"
qos = ["Guaranteed", "Burstable"]
below = "0.1%"
[[target]]
event = "nodeOom"
below = 0
scenario = "node"
[[knob]]
name = "evictionHard"
key = "kubelet.evictionHard.memory.available"
from = "100Mi"
to = "1Gi"
steps = 8
"#;

#[test]
fn a_goal_is_read() {
    let goal = Goal::read(GOAL, "studies/goal.toml", &files()).unwrap_or_else(|p| panic!("{}", rendered(&p)));
    assert_eq!((goal.name.as_str(), goal.runs, goal.confirm, goal.alpha), ("goal", 500, 500, 0.01));
    assert_eq!(goal.targets[0].event, BadEvent::KernelKill([true, true, false]));
    assert!((goal.targets[0].below - 0.001).abs() < 1e-15);
    assert_eq!((goal.targets[1].below, goal.targets[1].scenario), (0.0, Some(0)));
    assert_eq!(goal.plans[0].cells(), 8);
}

#[test]
fn wrong_goals_say_why() {
    let text = GOAL.replace("nodeOom", "nodeOm").replace("\"0.1%\"", "\"120%\"").replace("\"node\"", "\"nod\"");
    let said = rendered(&Goal::read(&text.replace("steps = 8", ""), "studies/goal.toml", &files()).unwrap_err());
    for part in ["did you mean \"nodeOom\"?", "expected a share", "no scenario is called \"nod\"", "`steps` is missing"]
    {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    // A scenario that cannot be read has problems of its own, and its name is known all the same.
    let broken = text.replace("file = \"", "name = \"node\"\nfile = \"missing-");
    let said =
        rendered(&Goal::read(&broken.replace("\"nod\"", "\"node\""), "studies/goal.toml", &files()).unwrap_err());
    assert!(said.contains("missing-") && !said.contains("no scenario is called"), "{said}");
    let said = rendered(&Goal::read(&broken, "studies/goal.toml", &files()).unwrap_err());
    assert!(said.contains("did you mean `node`?"), "{said}");
    let said = rendered(&Goal::read("", "g.toml", &files()).unwrap_err());
    for part in ["at least one `[[knob]]`", "at least one `[[scenario]]`", "at least one `[[target]]`"] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
}

/// `UPDATE_EXPECT=1` writes the page.
#[test]
fn the_reference_of_studies_and_goals_is_made_of_the_tables() {
    const PAGE: &str = include_str!("../../../../docs/reference/study.md");
    let page = reference_page(PAGE, &[&tables::STUDY, &tables::GOAL]);
    expect_test::expect_file!["../../../../docs/reference/study.md"].assert_eq(&page);
    for group in [
        "the study",
        "sample",
        "[[axis]], [[knob]]",
        "[[knob]]",
        "the goal",
        "[[instance]]",
        "[[scenario]]",
        "[[target]]",
    ] {
        assert!(PAGE.contains(&format!("<!-- keys: {group} -->\n")), "{group}");
    }
}
