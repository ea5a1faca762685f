//! `oomsim check` over seeds, against accepted outcomes, and in the forms that CI systems read.

mod common;

use common::{err, oomsim, oomsim_in, out};
use std::path::Path;
use tempfile::TempDir;

/// 64 MiB are full with the seventh block of 10 MiB, about seven seconds after the container's start.
const LEAK: &str = r#"
name = "leak"
duration = "20s"
node.memory = "4Gi"
[kernel]
version = "6.1"
cgroup = "v2"
[kubelet]
version = "1.32"
[[pod]]
name = "web"
[[pod.container]]
name = "app"
resources.limits = { memory = "64Mi" }
workload.leak = { block = "10Mi", every = "1s" }
[[expect]]
source = "by hand: seven blocks of 10 MiB"
event = "OomKill"
pod = "web"
between = ["5s", "10s"]
count = 1
"#;

/// The container is full some eight seconds after the run began, and the kubelet sees its end at its next relist, up to
/// a second later: on about half of the seeds before this instant.
const RACE: &str = r#"
[[expect]]
source = "kubelet 1.32 pleg/generic.go: a relist once a second"
event = "ContainerTerminated"
between = ["0s", "8.5s"]
"#;

fn place(text: &str) -> TempDir {
    let place = TempDir::new().expect("a folder");
    std::fs::write(place.path().join("leak.toml"), text).expect("a file");
    place
}

fn check(place: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = oomsim_in(place, ["check", "."].iter().chain(args));
    (output.status.code(), format!("{}{}", out(&output), err(&output)))
}

#[test]
fn an_expectation_holds_on_as_many_seeds_as_it_says() {
    let (code, text) = check(place(LEAK).path(), &["--seeds", "20"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 of 1 scenarios hold (1 expectation, up to 20 seeds)"), "{text}");
    let (code, text) = check(place(&format!("{LEAK}{RACE}")).path(), &["--seeds", "20"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(" of 20 seeds (") && text.contains("%), required: all; seed "), "{text}");
    assert!(text.contains("reproduce: oomsim run leak.toml --seed "), "{text}");
    let (code, text) = check(place(&format!("{LEAK}{RACE}holds = \"≥ 1%\"\n")).path(), &["--seeds", "20"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = check(place(&format!("{LEAK}{RACE}holds = \"95\"\n")).path(), &[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("or a share such as `\"≥ 95%\"`"), "{text}");
}

#[test]
fn an_outcome_that_was_accepted_must_stay() {
    let place = place(LEAK);
    let file = place.path().join("leak.outcome");
    let (code, text) = check(place.path(), &["--bless", "--seeds", "3"]);
    assert_eq!(code, Some(0), "{text}");
    let accepted = std::fs::read_to_string(&file).expect("it was written");
    assert!(accepted.contains("app of pod/web/app, by kernel\n"), "{accepted}");
    assert!(accepted.contains("first death on 3 seeds, from seed 1\n       3  "), "{accepted}");
    assert_eq!(check(place.path(), &[]).0, Some(0));

    // Twice the limit: the first kill comes later, and the expectation of the first file would not notice.
    let text = LEAK.replace("64Mi", "128Mi").replace("\"10s\"", "\"19s\"");
    std::fs::write(place.path().join("leak.toml"), text).expect("a file");
    let (code, text) = check(place.path(), &["--out", "failed"]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "FAIL  leak.toml: the outcome has changed\nleak.outcome:\n",
        "first difference: was \"",
        "limit of 128Mi",
        "accept the change: oomsim check leak.toml --bless\n",
        "files: failed/leak\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(place.path().join("failed/leak/memory.svg").exists());
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), accepted, "a check changes nothing");
    assert_eq!(check(place.path(), &["--bless"]).0, Some(0));
    assert_eq!(check(place.path(), &[]).0, Some(0));
    assert_eq!(check(place.path(), &["--bless", "--set", "node.memory=8Gi"]).0, Some(2));
}

#[test]
fn a_file_of_others_is_not_taken_for_an_outcome() {
    let place = place(LEAK);
    std::fs::write(place.path().join("leak.outcome"), "my notes\n").expect("a file");
    let (code, text) = check(place.path(), &["--bless"]);
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(std::fs::read_to_string(place.path().join("leak.outcome")).expect("it is there"), "my notes\n");
}

#[test]
fn settings_change_every_scenario_and_the_first_failure_may_end_it() {
    let place = place(LEAK);
    for n in 0..20 {
        std::fs::write(place.path().join(format!("more-{n:02}.toml")), LEAK).expect("a file");
    }
    // A limit of 1 GiB is not reached in twenty seconds.
    let set = ["--set", "pod.web.container.app.resources.limits.memory=1Gi", "--jobs", "1"];
    let (code, text) = check(place.path(), &[&set[..], &["--quiet"]].concat());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("0 of 21 scenarios hold, 21 failed"), "{text}");
    let (code, text) = check(place.path(), &[&set[..], &["--quiet", "--fail-fast"]].concat());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("1 failed, 20 not run after the first failure"), "{text}");
    assert_eq!(text.matches(" do not hold").count(), 1, "{text}");
    let (code, text) = check(place.path(), &["--quiet"]);
    assert_eq!((code, text.lines().count()), (Some(0), 1), "{text}");
}

/// `prove` and Jenkins read the plan and the results; the names do not depend on the line.
#[test]
fn names_of_tests_are_stable_in_tap_and_junit() {
    let place = place(&format!("{LEAK}{RACE}"));
    let (_, tap) = check(place.path(), &["--format", "tap"]);
    assert!(tap.starts_with("TAP version 13\n1..2\nok 1 - leak.toml: OomKill pod web"), "{tap}");
    let names = |text: &str| {
        std::fs::write(place.path().join("leak.toml"), text).expect("a file");
        let (_, xml) = check(place.path(), &["--format", "junit"]);
        let cases = xml.split("<testcase name=\"").skip(1).map(|case| case.split('"').next().unwrap_or("").to_owned());
        cases.collect::<Vec<_>>()
    };
    let before = names(&format!("{LEAK}{RACE}"));
    assert_eq!(before.len(), 2);
    assert_eq!(names(&format!("# One line more.\n{LEAK}{RACE}")), before);
}

/// GitHub shows ten annotations of a level and drops the rest.
#[test]
fn no_more_annotations_than_github_shows() {
    let place = place(LEAK);
    for n in 0..14 {
        std::fs::write(place.path().join(format!("more-{n:02}.toml")), LEAK.replace("\"5s\"", "\"9.9s\""))
            .expect("a file");
    }
    let (code, text) = check(place.path(), &["--format", "github", "--summary", "summary.md"]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.matches("::error ").count(), 10, "{text}");
    assert!(
        text.contains("::error title=oomsim check::5 more; the log and the summary of this step have all"),
        "{text}"
    );
    let summary = std::fs::read_to_string(place.path().join("summary.md")).expect("a summary");
    assert_eq!(summary.matches("\n### `more-").count(), 14, "{summary}");
    assert!(summary.contains("| ✅ | `leak.toml` | 1 hold |  |"), "{summary}");
}

/// The scenarios of the repository hold on 40 seeds, or say on how many.
#[test]
fn the_shipped_scenarios_hold_on_several_seeds() {
    let folder = common::repository().join("scenarios");
    let files: Vec<_> =
        ["oom1-backoff.toml", "oom3-host-leak.toml", "oom4-allocatable-fast.toml", "lint/OOM008-minimum-reclaim.toml"]
            .iter()
            .map(|name| folder.join(name).display().to_string())
            .collect();
    let output = oomsim(["check", "--quiet", "--seeds", "40"].iter().map(ToString::to_string).chain(files));
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
}
