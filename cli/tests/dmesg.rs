//! `oomsim dmesg`: exit codes, outputs, and the round trip run → kernel.log → dmesg for every scenario.

mod common;

use common::{command, err, out};
use oomsim_core::kernel::log::KernelLog;
use oomsim_core::record::{Keep, Record};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Output, Stdio};

fn fed(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A reader that ends early closes its end.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("an end")
}

const LOG: &str = include_str!("../../crates/dmesg/tests/data/quoted/p2-twist-1.log");

#[test]
fn exit_codes() {
    let found = fed(&["dmesg", "-"], LOG.as_bytes());
    assert_eq!(found.status.code(), Some(0), "{}", err(&found));
    let text = out(&found);
    for part in ["a Guaranteed pod", "dotnet (pid 14300)", "points below 1", "From Linux 5.9 on dotnet (pid 15976)"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let none = fed(&["dmesg", "-"], b"Jan 1 00:00:00 node systemd[1]: Started.\n\xff\xfe\0\n");
    assert_eq!((none.status.code(), out(&none)), (Some(1), "no OOM report found\n".into()));
    let json = fed(&["dmesg", "-", "--format", "json"], b"");
    assert_eq!((json.status.code(), out(&json)), (Some(1), "{\n  \"reports\": []\n}\n".into()));
    for args in [&["dmesg", "there-is-none.log"][..], &["dmesg", "."], &["dmesg", "-", "--swap-total", "x"], &["dmesg"]]
    {
        let output = fed(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

/// `journalctl -kf | oomsim dmesg -`: each report is shown when its last line has come, not when the pipe ends.
#[test]
fn a_pipe_that_stays_open() {
    for (arguments, said) in [
        (&["dmesg", "-"][..], "Killed     dotnet (pid 14300)"),
        (&["dmesg", "-", "--format", "json"], "\"pid\": 14300"),
    ] {
        let mut child =
            command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(LOG.as_bytes()).expect("the program reads");
        // The test hangs here when nothing is shown.
        assert!(lines.any(|line| line.contains(said)), "{arguments:?}");
        let second = "Jan 16 21:40:00 n2 kernel: Out of memory: Killed process 77 (tail) total-vm:1kB, anon-rss:1kB\n";
        input.write_all(second.as_bytes()).expect("the program reads");
        assert!(lines.any(|line| line.contains("tail")), "{arguments:?}");
        drop(input);
        let rest: Vec<String> = lines.collect();
        let whole = if arguments.len() > 2 { "}" } else { "2 OOM reports" };
        assert!(rest.iter().any(|line| line.contains(whole)), "{arguments:?}: {rest:?}");
        assert_eq!(child.wait().expect("an end").code(), Some(0));
    }
}

#[test]
fn json_and_scenario() {
    let json = fed(&["dmesg", "-", "--format", "json"], LOG.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let report = &json["reports"][0];
    assert_eq!(report["report"]["chosen"]["pid"], 14300);
    assert_eq!(report["place"]["kind"], "pod");
    assert_eq!(report["explanation"]["verdict"], "explained");
    assert_eq!(report["explanation"]["candidates"][1]["adj_points"], -997 * 262);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kill.toml");
    let file = file.to_str().expect("UTF-8");
    let written = fed(&["dmesg", "-", "--scenario", file], LOG.as_bytes());
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let holds = fed(&["check", file], b"");
    assert_eq!(holds.status.code(), Some(0), "{}{}", out(&holds), err(&holds));
    for (report, why) in [("2", "the log contains 1"), ("0", "the log contains 1")] {
        let output = fed(&["dmesg", "-", "--scenario", file, "--report", report], LOG.as_bytes());
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(why));
    }
    let cut = LOG.lines().take(3).collect::<Vec<_>>().join("\n");
    let output = fed(&["dmesg", "-", "--scenario", file], cut.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("the table of tasks is missing"), "{}", err(&output));
}

fn case(name: &str) -> String {
    format!("{}/../crates/dmesg/tests/data/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_is_no_log_is_refused_with_what_to_do() {
    for (input, help) in [
        (&b"LPKSHHRH\0\0\0\0"[..], "journalctl --file FILE -k -o short-monotonic"),
        (b"PK\x03\x04\0\0", "unzip -p"),
        (b"\x1f\x8b\x08\0", "gzip data is damaged or cut short"),
    ] {
        let output = fed(&["dmesg", "-"], input);
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()));
        assert!(err(&output).contains(help), "{}", err(&output));
    }
    let packed = fed(&["dmesg", &case("15-gzip.log.gz")], b"");
    assert_eq!(packed.status.code(), Some(0), "{}", err(&packed));
    assert!(out(&packed).contains("a (pid 10) has the most points: 501000"), "{}", out(&packed));
}

#[test]
fn other_killers_are_named_with_the_exit_code_for_no_report() {
    let output = fed(&["dmesg", &case("46-systemd-oomd.log")], b"");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(text.starts_with("no OOM report found") && text.contains("systemd-oomd killed, 1 time"), "{text}");
    let output = fed(&["dmesg", "--format", "json", &case("46-systemd-oomd.log")], b"");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((json["reports"].as_array().map(Vec::len), &json["others"][0]["by"]), (Some(0), &"systemd-oomd".into()));
}

#[test]
fn many_reports_begin_with_a_summary() {
    let many: String = (0..50).map(|i| LOG.replace("14300", &(14_300 + i).to_string())).collect();
    let output = fed(&["dmesg", "-"], many.as_bytes());
    let text = out(&output);
    for part in ["50 OOM reports, 50 processes killed", "50  dotnet", "50  Jan 16 21 h", "--report N"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("Candidates"), "{text}");
    let one = out(&fed(&["dmesg", "-", "--report", "7"], many.as_bytes()));
    assert!(one.contains("dotnet (pid 14306)") && one.matches("Candidates").count() == 1, "{one}");
    let all = out(&fed(&["dmesg", "-", "--all"], many.as_bytes()));
    assert_eq!(all.matches("Candidates").count(), 50);
    let json = fed(&["dmesg", "-", "--format", "json"], many.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json["reports"].as_array().map(Vec::len), &json["summary"]["reports"]), (Some(50), &50.into()));
}

/// The three files of a run with the kernel's log tell of the same kills, and none of them is empty.
#[test]
fn the_written_files_say_the_same() {
    let place = tempfile::TempDir::new().expect("a folder");
    let folder = place.path().join("out");
    let scenario = common::repository().join("scenarios/oom4-allocatable-fast.toml");
    let path = |p: &Path| p.to_str().expect("UTF-8").to_string();
    common::oomsim(["run", &path(&scenario), "--kmsg", "--out", &path(&folder)]);
    let explained = ["kernel.log", "console.log", "kernel.kmsg"].map(|name| {
        let output = common::oomsim(["dmesg", folder.join(name).to_str().expect("UTF-8"), "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let reports = json["reports"].as_array().expect("a list").clone();
        let said = |r: &serde_json::Value| format!("{} {} {}", r["report"]["killed"], r["explanation"], r["missing"]);
        reports.iter().map(said).collect::<Vec<_>>()
    });
    assert!(!explained[0].is_empty());
    assert!(explained.iter().all(|e| *e == explained[0]), "{explained:#?}");
}

/// Every OOM of every scenario is read from the written log with the same victim, points, limit and killed processes.
#[test]
fn round_trip_of_every_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut ooms = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    for path in files {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        // Of several kinds of node the first.
        let kinds = oomsim::load::scenarios(&path, &[], None).unwrap_or_else(|p| panic!("{name}: {p:?}"));
        let scenario = kinds.into_iter().next().expect("a kind of node").scenario;
        let history = oomsim_core::simulate(&scenario, scenario.seed, Keep::Series).expect("a run");
        let reports: Vec<_> = history
            .entries
            .iter()
            .filter_map(|e| match &e.record {
                Record::OomKill { report, .. } => Some(report),
                _ => None,
            })
            .collect();
        let mut log: KernelLog = oomsim_report::kernel_log::log_of(&scenario);
        let records: Vec<_> = reports.iter().flat_map(|r| log.oom(r)).collect();
        let dmesg: String = records.iter().map(|r| r.dmesg()).collect();
        let console: String = records.iter().map(|r| r.console()).collect();
        let kmsg: String = (0..).zip(&records).map(|(seq, r)| r.kmsg(seq)).collect();
        for text in [dmesg, console, kmsg] {
            let swap_total_kb = Some(scenario.node.kernel.swap_total.to_kib_floor());
            let read = oomsim_dmesg::read(text.as_bytes()).expect("readable");
            let analyses = oomsim_dmesg::analyse(read, oomsim_dmesg::Known { swap_total_kb });
            assert_eq!(analyses.len(), reports.len(), "{name}");
            for (a, r) in analyses.iter().zip(&reports) {
                let victim = r.chosen();
                assert_eq!(a.report.victim_pid(), victim.map(|t| t.pid.0), "{name}");
                let killed: std::collections::BTreeSet<u32> = a.report.killed.iter().map(|k| k.pid).collect();
                assert_eq!(killed, r.killed_tasks().map(|task| task.pid.0).collect(), "{name}");
                if a.report.kill_only {
                    continue;
                }
                assert_eq!(a.report.oom_memcg.as_deref(), r.oom_memcg.as_deref(), "{name}");
                assert_eq!(a.explanation.total_pages, Some(r.total_pages.get()), "{name}");
                let points: Vec<_> = a.explanation.candidates.iter().map(|c| (c.pid, c.points)).collect();
                // The kernel does not list the first process.
                let listed = r.tasks.iter().filter(|t| t.pid.0 != 1);
                let expected: Vec<_> = listed.map(|t| (t.pid.0, t.points)).collect();
                assert_eq!(points, expected, "{name}: {}", a.explanation.why);
                assert!(
                    matches!(
                        a.explanation.verdict,
                        oomsim_dmesg::ChoiceVerdict::Explained | oomsim_dmesg::ChoiceVerdict::Nobody
                    ),
                    "{name}: {}",
                    a.explanation.why
                );
            }
        }
        ooms += reports.len();
    }
    println!("{ooms} OOMs");
    assert!(ooms >= 20, "{ooms}");
}
