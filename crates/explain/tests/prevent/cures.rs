//! Every change that is said to prevent something is made again, as it is printed, and prevents it; one step less does
//! not.

use super::common::{FEW, found, found_with, harmed, pasted};
use oomsim_core::record::happenings;
use oomsim_explain::prevent::{Cure, Prevention, PreventionSettings, Target, text};
use oomsim_scenario::{FileError, Files, NoFiles};
use oomsim_testkit::random::{Case, case, config};
use oomsim_testkit::repository;
use proptest::prelude::*;

fn check(scenario_text: &str, files: &dyn Files, found: &Prevention, seed: u64) -> Result<(), TestCaseError> {
    for cure in &found.cures {
        let Cure { knob, to, one_step_less, .. } = cure;
        let with = pasted(scenario_text, files, &to.change.to_paste());
        prop_assert!(!harmed(&with, seed, &found.target), "{knob} to {} does not help\n{}", to.text, text(found));
        agrees(cure, &text(found))?;
        if let Some(less) = one_step_less {
            let without = pasted(scenario_text, files, &less.change.to_paste());
            prop_assert!(harmed(&without, seed, &found.target), "{knob}: {} helps already\n{}", less.text, text(found));
        }
    }
    for none in &found.no_difference {
        prop_assert!(!none.tried.is_empty(), "{none:?}");
    }
    Ok(())
}

/// The text has what the JSON has: the knob, each line that can be pasted, and in how many runs it helps.
fn agrees(cure: &Cure, shown: &str) -> Result<(), TestCaseError> {
    let object = serde_json::to_value(cure).expect("JSON");
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    prop_assert!(words.contains(&word(&object["knob"])), "{object:#}\n{shown}");
    for pair in object["to"]["change"]["set"].as_array().into_iter().flatten() {
        let option = format!("--set '{}={}'", word(&pair[0]), word(&pair[1]));
        prop_assert!(lines.iter().any(|line| line.contains(&option)), "{option}\n{shown}");
    }
    for line in word(&object["to"]["change"]["at"]).lines() {
        prop_assert!(lines.contains(&line.trim()), "{line}\n{shown}");
    }
    let helped = format!("helps in {} of {} runs", object["helped"]["unharmed"], object["helped"]["runs"]);
    prop_assert!(words.contains(&helped), "{helped}\n{shown}");
    Ok(())
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn cures_are_true_and_minimal(Case { text, .. } in case()) {
        if let Some((found, run)) = found(&text, FEW) {
            check(&text, &NoFiles, &found, run.history().seed)?;
        }
    }
}

/// Lesson, question 5: raising the limit of a leak only moves the kill. Its rate and limit by hand: 10 MiB/s from 0 to
/// 256 MiB take 26 s.
#[test]
fn doubling_the_limit_of_a_leak_is_no_cure() {
    let text_of = "duration = \"2m\"\nnode.memory = \"4Gi\"\n[kubelet]\nfirstPass = \"1s\"\n[[pod]]\nname = \"web\"\n[[pod.container]]\nname = \"app\"\n\
                   resources.limits = { memory = \"256Mi\" }\nworkload.ramp = { rate = \"10Mi\" }\n";
    let (found, run) = found(text_of, PreventionSettings { seeds: 5, ..FEW }).expect("it is killed");
    check(text_of, &NoFiles, &found, run.history().seed).unwrap();
    let limit = found.cures.iter().find(|cure| cure.knob == "limit of web/app").expect("a higher limit");
    // It survives these two minutes with 1.2 GiB or so, and dies in a longer run.
    assert!(limit.only_later.is_some(), "{}", text(&found));
    assert!(found.no_difference.iter().any(|none| none.knob.starts_with("evictionHard")), "{}", text(&found));
    assert_eq!((found.as_it_is.unharmed, found.as_it_is.runs), (0, 5));
}

/// SOURCES OOM3: the leak on the node; an action in time saves the innocent pod, and the latest instant is found.
#[test]
fn an_action_in_time_saves_the_innocent() {
    let path = repository().join("scenarios/oom3-host-leak.toml");
    let scenario_text = std::fs::read_to_string(path).expect("the scenario");
    let (found, run) = found(&scenario_text, PreventionSettings { runs: 1500, seeds: 3 }).expect("a pod is evicted");
    check(&scenario_text, &NoFiles, &found, run.history().seed).unwrap();
    let action = found.cures.iter().find(|cure| cure.knob.contains("kill alloc-mem")).expect("kill the leak in time");
    assert!(action.to.change.at.as_ref().is_some_and(|at| at.contains("SIGKILL")), "{action:?}");
    let first = happenings(run.history())[0].at;
    assert!(action.one_step_less.is_some() || first.as_secs_f64() > 300.0, "{action:?}");
}

/// One file for every name.
struct Manifest(&'static str);

impl Files for Manifest {
    fn read(&self, _path: &str) -> Result<String, FileError> {
        Ok(self.0.to_owned())
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }
}

/// A pod that only its manifest names can be cured, too: `web` grows to 80 MiB, so that a limit a little above that is
/// enough, and its request stays as the manifest has it.
#[test]
fn a_pod_of_a_manifest_has_knobs() {
    let manifest = Manifest(
        "kind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: app, resources: {requests: {memory: 10Mi}, limits: {memory: 60Mi}}}\n\
         ---\nkind: Pod\nmetadata: {name: other}\nspec:\n  containers:\n  - {name: app}\n",
    );
    let text_of = "duration = \"2m\"\nnode.memory = \"4Gi\"\n[kubelet]\nfirstPass = \"1s\"\n[[pod]]\nmanifest = \"pods.yaml\"\n[[pod.container]]\nname = \"app\"\n\
                   workload.ramp = { rate = \"1Mi\", to = \"80Mi\" }\n";
    let (found, run) = found_with(text_of, &manifest, PreventionSettings { seeds: 3, ..FEW }).expect("it is killed");
    assert_eq!(found.target, Target::Process { pod: "default/web".into(), container: "app".into(), process: None });
    check(text_of, &manifest, &found, run.history().seed).unwrap();
    let limit = found.cures.iter().find(|cure| cure.knob == "limit of web/app").expect("a higher limit");
    let shown = limit.to.change.to_paste();
    assert!(shown.starts_with("--set 'pod.web.container.app.resources.limits.memory=\""), "{shown}");
    let mib = |text: &str| text.trim_end_matches("Mi").parse::<u64>().ok();
    assert!(mib(&limit.to.text).is_some_and(|mib| (80..=84).contains(&mib)), "{}", limit.to.text);
    assert!(limit.only_later.is_none() && limit.harms.is_empty(), "{limit:?}");
    let cured = pasted(text_of, &manifest, &shown);
    let request = cured.pods[0].spec.containers[0].resources.requests.get("memory").map(|q| q.value());
    assert_eq!(request, Some(10 << 20));
}
