//! Stored results: nothing is lost, nothing of others is written over, and what was damaged is never taken for right.

mod common;

use common::{command, err, oomsim, out, repository};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// A folder with a quick scenario, and a study of it for each seed of the axis.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write(
            "node.toml",
            "duration = \"1m\"\nnode.memory = \"1Gi\"\nkubelet = {}\n[[host]]\nname = \"h\"\nworkload.leak = { block = \"8Mi\", every = \"1s\" }\n",
        );
        place.study("study", 12);
        place
    }

    fn study(&self, name: &str, repetitions: u32) {
        let text = format!(
            "scenario = \"node.toml\"\nrepetitions = {repetitions}\n[[axis]]\nname = \"m\"\nkey = \"node.memory\"\nvalues = [\"1Gi\", \"2Gi\"]\n"
        );
        self.write(&format!("{name}.toml"), &text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn sweep(&self, study: &str, out: &str, more: &[&str]) -> Output {
        let (study, out) = (self.name(study), self.name(out));
        oomsim([&["sweep", &study, "--out", &out], more].concat())
    }
}

fn refused(output: &Output, said: &str) {
    assert_eq!(output.status.code(), Some(2), "{}{}", out(output), err(output));
    assert!(err(output).contains(said), "{}", err(output));
}

fn right(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}{}", out(output), err(output));
}

#[test]
fn a_damaged_header_costs_no_run() {
    let place = Place::new();
    right(&place.sweep("study.toml", "out", &[]));
    let (journal, csv) = (place.bytes("out/journal"), place.bytes("out/runs.csv"));
    let mut damaged = journal.clone();
    damaged[21] ^= 1 << 1; // "oomsim" is "oomqim"
    std::fs::write(place.path("out/journal"), &damaged).unwrap();
    let output = place.sweep("study.toml", "out", &["--resume"]);
    refused(&output, "its first line is damaged; nothing was changed");
    assert_eq!(place.bytes("out/journal"), damaged);
    // What to do about it is in the message, and works.
    let line = err(&output).lines().last().unwrap().trim().to_owned();
    let rest = journal.iter().position(|byte| *byte == b'\n').unwrap();
    std::fs::write(place.path("out/journal"), [line.as_bytes(), &journal[rest..]].concat()).unwrap();
    right(&place.sweep("study.toml", "out", &["--resume"]));
    assert_eq!((place.bytes("out/journal"), place.bytes("out/runs.csv")), (journal, csv));
}

#[test]
fn rows_of_another_study_are_merged_under_no_header() {
    let place = Place::new();
    place.study("other", 10);
    right(&place.sweep("other.toml", "foreign", &[]));
    let mut foreign = place.bytes("foreign/journal");
    foreign[21] ^= 1 << 1;
    std::fs::write(place.path("foreign/journal"), &foreign).unwrap();
    let merge = |study: &str| {
        oomsim(["sweep", "merge", &place.name(study), &place.name("foreign"), "--out", &place.name("merged")])
    };
    refused(&merge("study.toml"), "is not a journal of this study, or its first line is damaged");
    // With the header of this study, as if the message had been followed for the wrong file.
    let line = err(&merge("study.toml")).lines().last().unwrap().trim().to_owned();
    let rest = foreign.iter().position(|byte| *byte == b'\n').unwrap();
    std::fs::write(place.path("foreign/journal"), [line.as_bytes(), &foreign[rest..]].concat()).unwrap();
    refused(&merge("study.toml"), "this row belongs to another study");
    assert!(!place.path("merged/runs.csv").exists());
}

#[test]
fn files_of_others_stay_as_they_are() {
    let place = Place::new();
    std::fs::create_dir(place.path("out")).unwrap();
    for (name, content) in [("journal", "dear diary\n"), ("lock", "a key\n"), ("runs.csv", "mine\n")] {
        place.write(&format!("out/{name}"), content);
    }
    refused(&place.sweep("study.toml", "out", &["--resume"]), "journal is not a journal of this study");
    std::fs::remove_file(place.path("out/journal")).unwrap();
    refused(&place.sweep("study.toml", "out", &["--resume"]), "runs.csv is a file that oomsim did not write");
    assert_eq!((place.bytes("out/lock"), place.bytes("out/runs.csv")), (b"a key\n".to_vec(), b"mine\n".to_vec()));
    right(&place.sweep("study.toml", "out", &["--resume", "--force"]));
    assert!(place.bytes("out/runs.csv").starts_with(b"run,id,seed,"));
    assert_eq!(place.bytes("out/lock"), b"a key\n");
}

#[test]
fn every_command_with_out_asks_before_it_writes_over_a_file() {
    let place = Place::new();
    let goal = "[[scenario]]\nfile = \"node.toml\"\n[[target]]\nevent = \"nodeOom\"\nbelow = \"50%\"\n[[knob]]\nname = \"hard\"\nkey = \"kubelet.evictionHard.memory.available\"\nvalues = [\"100Mi\", \"200Mi\"]\n";
    place.write("goal.toml", goal);
    let (node, goal, folder) = (place.name("node.toml"), place.name("goal.toml"), place.name("out"));
    let (man, picture) = (place.name("man"), place.name("picture.svg"));
    let race = ["race", &node, "--runs", "10", "--rate", "100Mi", "--out", &folder];
    let commands: [(&str, &[&str]); 5] = [
        ("out/events.jsonl", &["run", &node, "--out", &folder]),
        ("out/trials.csv", &["plan", &goal, "--out", &folder]),
        ("out/race.csv", &race),
        ("man/oomsim.1", &["man", "--out", &man]),
        ("picture.svg", &["compare-story", "s1-F04-009", "--out", &picture]),
    ];
    for (file, arguments) in commands {
        std::fs::create_dir_all(place.path(file).parent().unwrap()).unwrap();
        place.write(file, "mine");
        let output = oomsim(arguments);
        refused(&output, "it is not written over");
        assert!(err(&output).contains(Path::new(file).file_name().unwrap().to_str().unwrap()), "{}", err(&output));
        assert_eq!(place.bytes(file), b"mine", "{arguments:?}");
        let output = oomsim([arguments, &["--force"]].concat());
        assert!(output.status.code() < Some(2), "{arguments:?}: {}", err(&output));
        assert_ne!(place.bytes(file), b"mine", "{arguments:?}");
        // What it wrote itself is written over: the folder has a list, other files are the same.
        let output = oomsim(arguments);
        assert!(output.status.code() < Some(2), "{arguments:?}: {}", err(&output));
    }
}

/// A pipe would be waited for, and a device read for ever.
#[test]
#[cfg(target_os = "linux")]
fn what_is_no_ordinary_file_is_not_written_over() {
    let place = Place::new();
    let (node, pipe, device) = (place.name("node.toml"), place.name("pipe.html"), place.name("zero.html"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
    for (file, what) in [(&pipe, "pipe.html is no ordinary file"), (&device, "zero.html is a link")] {
        for arguments in [vec!["report", &node], vec!["compare", &node, "--set-b", "node.memory=2Gi"]] {
            refused(&oomsim([arguments, vec!["--out", file, "--timeout", "100s"]].concat()), what);
        }
    }
}

/// A report is made again and again under the same name; it says itself that it is one.
#[test]
fn a_newer_report_replaces_an_older_one_and_no_other_page() {
    let place = Place::new();
    let (node, page) = (place.name("node.toml"), place.name("page.html"));
    right(&oomsim(["report", &node, "--out", &page]));
    let older = place.bytes("page.html");
    right(&oomsim(["report", &node, "--seed", "2", "--out", &page]));
    assert_ne!(place.bytes("page.html"), older);
    place.write("page.html", "<!doctype html><title>mine</title>");
    refused(&oomsim(["report", &node, "--out", &page]), "it is not written over");
}

#[test]
#[cfg(unix)]
fn links_in_the_folder_are_not_followed() {
    let place = Place::new();
    place.write("precious", "precious");
    std::fs::create_dir(place.path("out")).unwrap();
    for name in ["events.jsonl", "journal", "lock"] {
        std::os::unix::fs::symlink(place.path("precious"), place.path("out").join(name)).unwrap();
    }
    let (node, folder) = (place.name("node.toml"), place.name("out"));
    refused(&oomsim(["run", &node, "--out", &folder]), "events.jsonl is a link");
    refused(&place.sweep("study.toml", "out", &[]), "is a link");
    right(&oomsim(["run", &node, "--out", &folder, "--force"]));
    assert_eq!(place.bytes("precious"), b"precious");
}

/// A model that fails is no outcome: `a living process whose pod is gone`, in 4 of the seeds 1 to 30.
#[test]
fn a_terminating_pod_outlives_its_sandbox() {
    let place = Place::new();
    for case in ["by-hand", "container-index-min", "container-index"] {
        let scenario = std::fs::read_to_string(repository().join(format!("cli/tests/breaking/{case}.toml"))).unwrap();
        place.write(&format!("{case}.toml"), &scenario);
        place.write("study.toml", &format!("scenario = \"{case}.toml\"\nrepetitions = 60\n"));
        let output = place.sweep("study.toml", case, &[]);
        right(&output);
        let csv = String::from_utf8(place.bytes(&format!("{case}/runs.csv"))).unwrap();
        assert!(!csv.contains("panic") && csv.lines().count() == 61, "{csv}");
    }
    // Seed 10: the sandbox of p2 is killed while `i`, which ignores SIGTERM as PID 1, has its grace period.
    let scenario = repository().join("cli/tests/breaking/container-index-min.toml");
    let json = oomsim(["run", &scenario.display().to_string(), "--seed", "10", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let events = json["events"].as_array().unwrap();
    let find = |kind: &str, key: &str, value: &str| {
        events.iter().position(|e| e["kind"] == kind && e[key].as_str().is_some_and(|v| v.contains(value)))
    };
    let (exited, cleaned) = (find("ProcessExited", "comm", "i"), find("PodCleanedUp", "pod", "p2"));
    assert!(cleaned.is_none() || exited.is_some_and(|at| Some(at) < cleaned), "{exited:?} {cleaned:?}");
}

/// The kubelet looks every ten seconds, for ten years.
const YEARS: &str = "duration = \"3650d\"\nsample = \"1d\"\nnode.memory = \"1Gi\"\nkubelet = {}\n[[pod]]\nname = \"p\"\n\
    container = [{ name = \"c\", workload.leak = { block = \"64Mi\", every = \"1s\" } }]\n";

#[test]
fn a_run_that_would_take_years_ends_in_time() {
    let place = Place::new();
    place.write("years.toml", YEARS);
    let output = oomsim(["run", &place.name("years.toml"), "--timeout", "300ms", "--out", &place.name("out")]);
    assert_eq!(output.status.code(), Some(124), "{}{}", out(&output), err(&output));
    assert!(err(&output).contains("the time of --timeout is over"), "{}", err(&output));
    assert_eq!(std::fs::read_dir(place.path("out")).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_says_how_to_continue() {
    let place = Place::new();
    place.study("long", 5000);
    let (study, out) = (place.name("long.toml"), place.name("out"));
    for signal in ["INT", "TERM"] {
        let mut child = command(["sweep", &study, "--out", &out, "--resume"]);
        let child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let lines =
            || std::fs::read(place.path("out/journal")).map_or(0, |b| b.iter().filter(|b| **b == b'\n').count());
        let before = lines();
        while lines() < before + 10 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", err(&output));
        assert!(err(&output).contains("continue with --resume"), "{}", err(&output));
        // The journal is whole: each line has its end.
        assert_eq!(place.bytes("out/journal").last(), Some(&b'\n'));
    }
}

/// True once the process has a handler of its own for SIGINT and SIGTERM.
#[cfg(target_os = "linux")]
fn handles_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
    u64::from_str_radix(caught, 16).is_ok_and(|set| set & 0x4002 == 0x4002)
}

/// Commands that keep nothing end at once, and say what next.
#[test]
#[cfg(target_os = "linux")]
fn other_commands_end_at_once_on_a_signal() {
    let place = Place::new();
    place.write("years.toml", YEARS);
    let study = repository().join("studies/worker-goal.toml").display().to_string();
    for (arguments, said) in [
        (vec!["run".into(), place.name("years.toml")], "nothing was written"),
        (vec!["check".into(), place.name("years.toml")], "no file was changed"),
        (vec!["race".into(), "--runs".into(), "50000".into()], "--runs"),
        (vec!["plan".into(), study], "start it again"),
    ] {
        for signal in ["INT", "TERM"] {
            let mut child = command(&arguments);
            let mut child =
                child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
            while !handles_signals(child.id()) && child.try_wait().unwrap().is_none() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let kill =
                std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{arguments:?}: {}", err(&output));
            assert!(
                err(&output).contains("interrupted") && err(&output).contains(said),
                "{arguments:?}: {}",
                err(&output)
            );
        }
    }
}

/// `ulimit -f` counts blocks of 512 or 1024 bytes; 4 KiB or less have no room for the files of a run.
#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_the_size_of_files_is_told() {
    let place = Place::new();
    let (scenario, folder) = (place.name("node.toml"), place.name("out"));
    let script = format!("ulimit -f 4; exec {} run {scenario} --out {folder}", env!("CARGO_BIN_EXE_oomsim"));
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code > 1), "{:?} {}", output.status, err(&output));
    assert!(err(&output).contains("File too large"), "{}", err(&output));
    let whole =
        |entry: std::io::Result<std::fs::DirEntry>| !entry.unwrap().file_name().to_string_lossy().ends_with(".tmp");
    assert!(std::fs::read_dir(place.path("out")).unwrap().all(whole));
}
