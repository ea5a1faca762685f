//! `oomsim sweep` as a process: killed and resumed, shared out, in places where it cannot write.

mod common;

use common::{command, err, oomsim, out, repository};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Success, and what was printed.
fn right(arguments: &[&str]) -> String {
    let output = oomsim(arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", out(&output), err(&output));
    out(&output)
}

/// A study with enough runs to be interrupted, in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        let worker = std::fs::read_to_string(repository().join("studies/worker.toml")).unwrap();
        std::fs::write(place.path("worker.toml"), worker).unwrap();
        let study = r#"
scenario = "worker.toml"
repetitions = 60
[[axis]]
name = "threshold"
key = "kubelet.evictionHard.memory.available"
values = ["100Mi", "500Mi"]
[[axis]]
name = "rate"
key = "pod.leaky.container.app.workload.ramp.rate"
values = ["10Mi", "30Mi", "90Mi"]
"#;
        std::fs::write(place.path("study.toml"), study).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn study(&self) -> String {
        self.name("study.toml")
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.file(name)).expect("UTF-8")
    }

    /// Lines of a journal.
    fn lines(&self, journal: &str) -> usize {
        std::fs::read(self.path(journal)).map_or(0, |b| b.iter().filter(|b| **b == b'\n').count())
    }
}

/// The `result` of JSON output.
fn result_of(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["result"].as_str().unwrap().to_string()
}

#[test]
fn threads_and_kills_do_not_change_a_byte() {
    let place = Place::new();
    right(&["sweep", &place.study(), "--out", &place.name("one"), "--jobs", "1"]);
    right(&["sweep", &place.study(), "--out", &place.name("four"), "--jobs", "4"]);
    // Killed again and again with SIGKILL, a little later each time, until it gets through.
    let killed = place.name("killed");
    let mut kills = 0;
    for round in 0.. {
        let arguments = ["sweep", &place.study(), "--out", &killed, "--resume", "--jobs", "2"];
        let mut child = command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let goal = place.lines("killed/journal") + 15 + 20 * round;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if place.lines("killed/journal") >= goal {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "it hangs");
            std::thread::sleep(Duration::from_millis(1));
        };
        match status {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => kills += 1,
        }
    }
    assert!(kills >= 2, "it was killed {kills} times");
    for name in ["runs.csv", "summary.csv", "outcomes.svg", "survival.svg", "kernel-first.svg", "report.html"] {
        let one = place.file(&format!("one/{name}"));
        assert!(!one.is_empty());
        assert!(one == place.file(&format!("four/{name}")), "{name} depends on the number of threads");
        assert!(one == place.file(&format!("killed/{name}")), "{name} depends on the kills");
    }
    if cfg!(feature = "parquet") {
        assert!(place.file("one/runs.parquet") == place.file("killed/runs.parquet"));
    }
}

#[test]
fn parts_make_the_whole() {
    let place = Place::new();
    let study = place.study();
    let whole = right(&["sweep", &study, "--out", &place.name("whole"), "--format", "json"]);
    let part =
        |name: &str, how: [&str; 2]| right(&["sweep", "run", &study, how[0], how[1], "--out", &place.name(name)]);
    part("parts/a", ["--shard", "0/3"]);
    part("parts/b", ["--shard", "2/3"]);
    let merge = ["sweep", "merge", &study, &place.name("parts"), "--out", &place.name("merged"), "--format", "json"];
    let output = oomsim(merge);
    assert_eq!(output.status.code(), Some(1));
    let missing: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(missing, serde_json::json!({ "missing": 120, "missing_runs": [[120, 240]] }));
    assert!(!place.path("merged/runs.csv").exists());
    // Overlapping parts are fine as long as they say the same.
    part("parts/c", ["--runs", "100..250"]);
    assert_eq!(result_of(&right(&merge)), result_of(&whole));
    assert!(place.file("merged/runs.csv") == place.file("whole/runs.csv"));
    // A row that says something else is not.
    let journal = place.text("parts/c/journal");
    let row = journal.lines().nth(1).unwrap();
    let forged = row[17..].replacen("false", "true", 1);
    let line = format!("{:016x} {forged}\n", xxhash_rust::xxh3::xxh3_64(forged.as_bytes()));
    std::fs::write(place.path("parts/c/journal"), journal + &line).unwrap();
    let output = oomsim(merge);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("has two different results"), "{}", err(&output));
}

#[test]
fn the_plan_lists_commands_that_give_the_rows() {
    let place = Place::new();
    right(&["sweep", &place.study(), "--out", &place.name("out")]);
    let plan = right(&["sweep", "plan", &place.study()]);
    let mut lines = plan.lines();
    assert!(lines.next().unwrap().ends_with("runs 360"));
    let csv = place.text("out/runs.csv");
    for run in [0, 77, 359] {
        let listed = plan.lines().nth(run + 1).unwrap();
        let [number, id, command] = listed.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{listed}") };
        let row = csv.lines().nth(run + 1).unwrap();
        assert!(row.starts_with(&format!("{number},{id},")), "{row}");
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        let output = oomsim([&arguments[..], &["--format", "json"]].concat());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(row.contains(json["digest"].as_str().unwrap()), "{command}: {row}");
    }
}

#[test]
fn folders_that_cannot_be_used_are_refused() {
    let place = Place::new();
    let (study, out) = (place.study(), place.name("out"));
    right(&["sweep", "run", &study, "--runs", "0..5", "--out", &out]);
    let refused = |arguments: &[&str], says: &[&str]| {
        let output = oomsim(arguments);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        says.iter().for_each(|part| assert!(said.contains(part), "{part:?} not in {said}"));
    };
    refused(&["sweep", &study, "--out", &out], &["already contains 5 runs", "--resume"]);
    let other = std::fs::read_to_string(place.path("study.toml")).unwrap().replace("60", "61");
    std::fs::write(place.path("other.toml"), other).unwrap();
    let said = ["belongs to another study", "runs 360", "runs 366"];
    refused(&["sweep", &place.name("other.toml"), "--out", &out, "--resume"], &said);
    refused(&["sweep", &study, "--out", &place.name("study.toml")], &["study.toml"]);
    refused(&["sweep", "run", &study, "--runs", "0..361", "--out", &out, "--resume"], &["the plan has 360 runs"]);
    refused(&["sweep", &place.name("none.toml")], &["none.toml cannot be read"]);
    // While one writes, another may not.
    let mut child = command(["sweep", &study, "--out", &out, "--resume", "--jobs", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while place.lines("out/journal") < 12 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    refused(&["sweep", &study, "--out", &out, "--resume"], &["another process is writing"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_the_sweep_goes_on_later() {
    // The limit on the size of files stands for a full disk: its signal is caught, so that writing fails with EFBIG.
    let place = Place::new();
    let script = format!(
        "ulimit -f 40; exec {} sweep {} --out {} --resume",
        env!("CARGO_BIN_EXE_oomsim"),
        place.study(),
        place.name("out")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("cannot write"), "{}", err(&output));
    assert!(place.lines("out/journal") > 10);
    right(&["sweep", &place.study(), "--out", &place.name("out"), "--resume"]);
    right(&["sweep", &place.study(), "--out", &place.name("other")]);
    assert!(place.file("out/runs.csv") == place.file("other/runs.csv"));
}

#[test]
fn wrappers_of_other_engines_give_the_same_result() {
    let place = Place::new();
    let whole = right(&["sweep", &place.study(), "--out", &place.name("whole"), "--format", "json"]);
    type Variables = fn(u32) -> Vec<(&'static str, String)>;
    let engines: [(&str, Variables); 3] = [
        ("contrib/kubernetes/shard.sh", |i| vec![("JOB_COMPLETION_INDEX", i.to_string()), ("SHARDS", "3".into())]),
        ("contrib/slurm/sweep.sbatch", |i| {
            vec![
                ("SLURM_ARRAY_TASK_ID", (i + 1).to_string()),
                ("SLURM_ARRAY_TASK_MIN", "1".into()),
                ("SLURM_ARRAY_TASK_COUNT", "3".into()),
                ("SLURM_CPUS_PER_TASK", "1".into()),
            ]
        }),
        ("contrib/parallel/shard.sh", |i| vec![("PARALLEL_SEQ", (i + 1).to_string()), ("SHARDS", "3".into())]),
    ];
    for (n, (script, variables)) in engines.into_iter().enumerate() {
        let out = place.name(&format!("engine-{n}"));
        for shard in 0..3 {
            let status = Command::new("sh")
                .arg(repository().join(script))
                .envs(variables(shard))
                .envs([("STUDY", place.study()), ("OUT", out.clone())])
                .env("OOMSIM", env!("CARGO_BIN_EXE_oomsim"))
                .output()
                .unwrap();
            assert!(status.status.success(), "{script} {shard}: {}", err(&status));
        }
        let merged = place.name(&format!("merged-{n}"));
        let json = right(&["sweep", "merge", &place.study(), &out, "--out", &merged, "--format", "json"]);
        assert_eq!(result_of(&json), result_of(&whole), "{script}");
        // Without its variables a wrapper says which one is missing.
        let output = Command::new("sh").arg(repository().join(script)).env("STUDY", "x").output().unwrap();
        assert!(!output.status.success() && !output.stderr.is_empty());
    }
}

/// 8 GiB with nothing reserved but the threshold: with more than 8 GiB of it the kubelet does not start
/// (cm/node_container_manager validateNodeAllocatable). Such runs are an outcome of their own, and no line of the
/// picture of those who live.
#[test]
fn a_kubelet_that_does_not_start_is_no_survival() {
    let place = Place::new();
    let node = "duration = \"1m\"\nnode.memory = \"8Gi\"\n[kubelet]\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"c\"\n\
                workload.steady = { anon = \"1Mi\" }\n";
    let axis = "[[axis]]\nname = \"hard\"\nkey = \"kubelet.evictionHard.memory.available\"\nvalues = [\"100Mi\", \"8193Mi\"]\n";
    std::fs::write(place.name("node.toml"), node).unwrap();
    std::fs::write(place.name("study.toml"), format!("scenario = \"node.toml\"\nrepetitions = 3\n{axis}")).unwrap();
    let said = right(&["sweep", &place.name("study.toml"), "--out", &place.name("out")]);
    let row = said.lines().find(|line| line.starts_with("8193Mi")).expect("a row for each threshold");
    assert!(row.contains("100 %") && said.contains("hard = 8193Mi: the kubelet does not start"), "{said}");
    let picture = String::from_utf8(place.file("out/survival.svg")).unwrap();
    assert!(picture.contains("excluding 1 in which the kubelet does not start"), "{picture}");
    assert!(picture.contains("100Mi") && !picture.contains("8193Mi"), "{picture}");
}
