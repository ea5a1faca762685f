//! Files of strangers: they disclose nothing, act on nothing, and take bounded time and memory.

mod common;

use common::{command, err, oomsim, out, repository};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn case(name: &str) -> String {
    repository().join("cli/tests/breaking").join(name).display().to_string()
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn refused(output: &Output, said: &str) {
    assert_eq!(output.status.code(), Some(2), "{}{}", out(output), err(output));
    assert!(err(output).contains(said) || out(output).contains(said), "{}{}", out(output), err(output));
}

/// Runs it; it has to end by itself.
fn in_time(command: &mut Command) -> Output {
    // Into files: a pipe that is not read would be waited for.
    let mut files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
    let [stdout, stderr] = [&files[0], &files[1]].map(|file| file.try_clone().unwrap());
    let mut child = command.stdout(stdout).stderr(stderr).spawn().expect("the program starts");
    let since = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if since.elapsed() > Duration::from_secs(300) => {
                child.kill().unwrap();
                panic!("it hangs");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let [stdout, stderr] = files.each_mut().map(|file| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).unwrap();
        bytes
    });
    Output { status, stdout, stderr }
}

const SECRET: &str = "root:$6$hush:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\n";

#[test]
fn a_scenario_shows_nothing_from_outside_its_folder() {
    let place = TempDir::new().unwrap();
    let secret = write(place.path(), "secret", SECRET);
    let folder = place.path().join("theirs");
    let node = "node.memory = \"4Gi\"\n";
    let absolute = format!("{node}kubelet.config = {secret:?}\n");
    let mut files = vec![
        write(&folder, "absolute.toml", &absolute),
        write(&folder, "pod.toml", &format!("{node}[[pod]]\nmanifest = {secret:?}\n")),
        write(&folder, "above.toml", &format!("{node}[[pod]]\nmanifest = \"../secret\"\n")),
        write(&folder, "round.toml", &format!("{node}[[pod]]\nmanifest = \"x/../../secret\"\n")),
        write(&folder, "folder.toml", &format!("{node}kubelet.configDir = \"..\"\n")),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.join("inside")).unwrap();
        files.push(write(&folder, "link.toml", &format!("{node}[[pod]]\nmanifest = \"inside\"\n")));
    }
    // Links that are found, not named: a scenario of a folder, and the outcome beside one.
    #[cfg(unix)]
    {
        let trap = folder.join("trap");
        let good = write(&trap, "good.toml", &format!("duration = \"1s\"\n{node}"));
        std::os::unix::fs::symlink(&secret, trap.join("found.toml")).unwrap();
        for (arguments, said) in [
            (vec!["check", trap.to_str().unwrap()], "found.toml is skipped: it leads out of the folder"),
            (vec!["lint", trap.to_str().unwrap()], "found.toml is skipped"),
            (vec!["list", trap.to_str().unwrap()], "found.toml is skipped"),
        ] {
            let output = oomsim(&arguments);
            assert!(!format!("{}{}", out(&output), err(&output)).contains("hush"), "{arguments:?}");
            assert!(err(&output).contains(said), "{arguments:?}: {}", err(&output));
        }
        std::os::unix::fs::symlink(&secret, trap.join("good.outcome")).unwrap();
        let output = oomsim(["check", &good]);
        assert!(!format!("{}{}", out(&output), err(&output)).contains("hush"), "{}", out(&output));
        assert_eq!(output.status.code(), Some(2), "{}{}", out(&output), err(&output));
    }
    let study = format!("scenario = {:?}\nrepetitions = 1\n", files[0]);
    for file in &files {
        for arguments in [vec!["run", file], vec!["check", file], vec!["lint", file], vec!["node", file]] {
            let output = oomsim(&arguments);
            let said = format!("{}{}", out(&output), err(&output));
            assert!(!said.contains("hush") && !said.contains("19000"), "{arguments:?}: {said}");
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        }
    }
    let output =
        oomsim(["sweep", &write(&folder, "study.toml", &study), "--out", &folder.join("out").display().to_string()]);
    assert!(!err(&output).contains("hush") && output.status.code() == Some(2), "{}", err(&output));
    refused(&oomsim(["run", &files[0]]), "--allow-outside");
    // With it, the file is read, and found to be no configuration.
    let allowed = oomsim(["run", &files[2], "--allow-outside"]);
    assert!(!err(&allowed).contains("--allow-outside"), "{}", err(&allowed));
}

/// A scenario whose every text is hostile, through every output.
#[test]
fn nothing_hostile_gets_out() {
    let place = TempDir::new().unwrap();
    let (scenario, folder) = (case("esc.toml"), place.path().join("out").display().to_string());
    let mut outputs: Vec<(String, Vec<u8>)> = Vec::new();
    for arguments in [
        vec!["run", &scenario, "--out", &folder, "--prometheus", "--metrics"],
        vec!["run", &scenario, "--format", "json"],
        vec!["check", &scenario],
        vec!["check", &scenario, "--format", "json"],
        vec!["check", &scenario, "--format", "junit"],
        vec!["check", &scenario, "--format", "github"],
        vec!["list", &scenario],
        vec!["node", &scenario],
        vec!["why", &scenario, "--all"],
        vec!["risk", &scenario, "--seeds", "2"],
        vec!["compare", &scenario, "--set-b", "node.memory=2Gi"],
        vec!["lint", &scenario],
        vec!["lint", &scenario, "--format", "sarif"],
        vec!["lint", &scenario, "--format", "github"],
    ] {
        // As on a terminal, with colours, and as in a pipe.
        for colours in ["1", "0"] {
            let output = command(&arguments).env("CLICOLOR_FORCE", colours).output().unwrap();
            assert!(output.status.code() < Some(3), "{arguments:?}: {}", err(&output));
            outputs.push((arguments.join(" "), output.stdout));
            outputs.push((format!("errors of {}", arguments.join(" ")), output.stderr));
        }
    }
    for (what, bytes) in &outputs {
        let text = String::from_utf8(bytes.clone()).unwrap();
        for acting in ["\u{1b}]", "\u{1b}[31mRED", "\u{7}", "\u{1}", "\u{202e}", "\u{1b}[31m\n"] {
            assert!(!text.contains(acting), "{what}: {acting:?} in {text}");
        }
        let command = |line: &&str| line.trim_start().starts_with("::warning file=x") || line.contains("##[");
        assert_eq!(text.lines().find(command), None, "{what}");
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{path:?}");
        match path.extension().and_then(|e| e.to_str()) {
            Some("svg") => {
                assert!(!text.contains("<script>") && text.matches("</svg>").count() == 1, "{path:?}: {text}");
            }
            Some("csv") => {
                let formula = |cell: &str| cell.trim_matches('"').starts_with(['=', '@']);
                assert!(!text.lines().flat_map(|line| line.split(',')).any(formula), "{path:?}: {text}");
            }
            _ => {}
        }
    }
}

/// What a terminal, a CI runner or a page would act on.
fn acts(text: &str) -> bool {
    text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{61c}'])
        || text.lines().any(|line| line.trim_start().starts_with("::warning file=x"))
}

/// A kernel log is a stranger's file, too: the name of a process is whatever its program wants.
#[test]
fn a_hostile_kernel_log_acts_on_nothing() {
    let place = TempDir::new().unwrap();
    let log = include_str!("../../crates/dmesg/tests/data/cases/07-base-all-right.log");
    let comm = "a\u{9b}2J\u{202e}\u{1b}]0;pwn\u{7}";
    let logs = [
        "[ 12.5] Out of memory: Killed process 1234 (ja\u{1b}[31mva\u{1b}]0;pwn\u{7}) total-vm:4194304kB, anon-rss:2097152kB\n".into(),
        log.replace("(a)", &format!("({comm})"))
            .replace("  0 a\n", &format!("  0 {comm}\n"))
            .replace("task=a,", &format!("task={comm},")),
        log.replace("/system.slice/a.service", "/x\u{202e}\u{9b}/</script>\\n::warning file=x::y"),
        log.lines().map(|l| format!("Jan  1 00:00:00 n\u{202e}\u{9b}1 kernel: {l}\n")).collect(),
        "n\u{202e}1 earlyoom[9]: sending SIGTERM to process 83 \"ta\u{9b}il\u{202e}\": badness 1, VmRSS 5 MiB\n".into(),
    ];
    for log in logs {
        let file = write(place.path(), "kernel.log", &log);
        for more in [&["--all"][..], &["--format", "json"], &["--scenario", &format!("{file}.toml"), "--force"]] {
            let output = oomsim([&["dmesg", &file][..], more].concat());
            assert!(output.status.code() < Some(3), "{}", err(&output));
            assert!(!acts(&out(&output)) && !acts(&err(&output)), "{more:?}: {}{}", out(&output), err(&output));
        }
        let made = std::fs::read_to_string(format!("{file}.toml")).unwrap_or_default();
        assert!(!acts(&made), "{made}");
    }
}

/// A page in which names are shown has no more scripts than one without any.
#[test]
fn a_hostile_scenario_adds_no_script_to_its_page() {
    let place = TempDir::new().unwrap();
    let page = |scenario: &str, name: &str| {
        let file = place.path().join(name).display().to_string();
        let output = oomsim(["report", scenario, "--out", &file]);
        assert!(output.status.code() < Some(2), "{}", err(&output));
        assert!(!acts(&out(&output)) && !acts(&err(&output)), "{}", err(&output));
        std::fs::read_to_string(file).unwrap()
    };
    let harmless = write(place.path(), "harmless.toml", "duration = \"30s\"\nnode.memory = \"1Gi\"\nkubelet = {}\n");
    let (hostile, harmless) = (page(&case("esc.toml"), "a.html"), page(&harmless, "b.html"));
    for tag in ["<script", "</script", "<svg", "<x>"] {
        assert_eq!(hostile.matches(tag).count(), harmless.matches(tag).count(), "{tag}");
    }
    assert!(!hostile.contains(['\u{7}', '\u{202e}', '\u{1}']));
}

/// What a cluster says of itself comes to the files of an import, and to a diagnosis.
#[test]
fn what_an_import_writes_acts_on_nothing() {
    let data = |name: &str| std::fs::read_to_string(repository().join("cli/tests/data/import").join(name)).unwrap();
    let [node, pods] = ["node.json", "pods.json"].map(|name| serde_json::from_str::<serde_json::Value>(&data(name)));
    let (node, pods) = (node.unwrap(), pods.unwrap());
    for text in
        ["\u{1b}[31mRED", "\u{9b}2J", "\u{202e}x", "\n::warning file=x::y", "\n##vso[task.setvariable]x", "\u{61c}"]
    {
        let place = TempDir::new().unwrap();
        let (mut node, mut pods) = (node.clone(), pods.clone());
        for key in ["kernelVersion", "osImage", "kubeletVersion"] {
            let version = node["status"]["nodeInfo"][key].as_str().unwrap_or_default().to_owned();
            node["status"]["nodeInfo"][key] = (version + text).into();
        }
        for pod in pods["items"].as_array_mut().unwrap() {
            pod["metadata"]["labels"]["app"] = text.into();
            pod["metadata"]["annotations"]["note"] = text.into();
            pod["spec"]["containers"][0]["command"] = [format!("/bin/{text}")].to_vec().into();
        }
        // The reader takes no control character that JSON does not write as an escape.
        let json = |value: &serde_json::Value| value.to_string().replace('\u{9b}', "\\u009b");
        let node = write(place.path(), "node.json", &json(&node));
        let good = write(place.path(), "pods.json", &json(&pods));
        pods["items"][0]["spec"]["containers"][0]["name"] = format!("c{text}").into();
        let bad = write(place.path(), "bad.json", &json(&pods));
        let folder = place.path().join("out dir");
        for arguments in [
            vec!["import", &node, &good, "--out", folder.to_str().unwrap()],
            vec!["diagnose", &bad],
            vec!["lint", &bad, "--format", "github"],
        ] {
            let output = command(&arguments).env("CLICOLOR_FORCE", "1").output().unwrap();
            let most = if arguments[0] == "import" { Some(0) } else { Some(2) };
            assert!(output.status.code() <= most, "{arguments:?}: {}", err(&output));
            let shown = format!("{}{}", out(&output), err(&output));
            let acts = shown.contains("\u{1b}[31mRED") || acts(&anstream::adapter::strip_str(&shown).to_string());
            assert!(!acts && !shown.contains("##vso["), "{arguments:?}: {shown:?}");
        }
        for entry in walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file())
        {
            let made = std::fs::read_to_string(entry.path()).unwrap();
            assert!(!acts(&made) && !made.contains("##vso["), "{:?}: {made}", entry.path());
        }
    }
}

/// The cluster's files may come from anybody with the right to name a pod.
#[test]
fn hostile_names_of_a_cluster_are_refused_or_escaped() {
    let data = |name: &str| std::fs::read_to_string(repository().join("cli/tests/data/import").join(name)).unwrap();
    for name in
        ["../../../evil", "x\\u001b]0;pwn\\u0007", "x\\u202e\\u009b2J", "x\\n::warning file=x::y", "</script><script>"]
    {
        let place = TempDir::new().unwrap();
        let pods = write(place.path(), "in/pods.json", &data("pods.json").replace("cart-7c9f6d5b4-xk2lp", name));
        let node = write(place.path(), "in/node.json", &data("node.json"));
        let folder = place.path().join("a/b/out");
        let output = oomsim(["import", &node, &pods, "--out", &folder.display().to_string()]);
        assert!(output.status.code() < Some(3), "{name}: {}", err(&output));
        assert!(!acts(&out(&output)) && !acts(&err(&output)), "{name}: {}{}", out(&output), err(&output));
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(next).into_iter().flatten().map(|e| e.unwrap().path()) {
                assert!(!acts(&path.display().to_string()), "{path:?}");
                if path.is_dir() {
                    folders.push(path);
                } else {
                    assert!(!acts(&std::fs::read_to_string(&path).unwrap()), "{path:?}");
                }
            }
        }
        let outside = ["evil", "a/evil", "a/b/evil"].map(|p| place.path().join(p));
        assert!(!outside.iter().any(|p| p.exists()), "{name}");
    }
}

#[test]
#[cfg(unix)]
fn names_of_files_are_escaped() {
    let place = TempDir::new().unwrap();
    let node = "duration = \"1s\"\nnode.memory = \"1Gi\"\n[[expect]]\nsource = \"none\"\nevent = \"OomKill\"\n";
    let name = "a\u{1b}[31mRED\u{1b}]0;pwn\u{7}\n::warning file=x::y.toml";
    let file = write(place.path(), name, node);
    // Its name in messages, in front of a line and without one.
    let wrong = write(place.path(), &format!("below/{name}"), "name = \"x\"\n");
    for arguments in
        [["run", &wrong], ["lint", &wrong], ["dmesg", &wrong], ["run", &format!("{file}.no")], ["list", &file]]
    {
        let output = command(arguments).env("CLICOLOR_FORCE", "1").output().unwrap();
        let text = format!("{}{}", out(&output), err(&output));
        assert!(!text.contains("\u{1b}[31mRED") && !text.contains("\u{1b}]"), "{arguments:?}: {text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::warning file=x")), "{text}");
    }
    for format in ["text", "json", "junit", "github"] {
        let mut check = command(["check", &place.path().display().to_string(), "--format", format]);
        let output = check.env("CLICOLOR_FORCE", "1").output().unwrap();
        let text = format!("{}{}", out(&output), err(&output));
        assert!(!text.contains("\u{1b}]") && !text.contains("\u{1b}[31mRED"), "{format}: {text:?}");
        assert!(!text.contains('\u{7}'), "{format}: {text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::warning file=x")), "{format}: {text}");
    }
}

#[test]
#[cfg(unix)]
fn folders_are_walked_once_and_to_an_end() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    write(folder, "one.toml", "duration = \"1s\"\nnode.memory = \"1Gi\"\n");
    write(folder, "below/two.toml", "duration = \"1s\"\nnode.memory = \"1Gi\"\n");
    for name in ["a", "b", "c", "d"] {
        std::os::unix::fs::symlink(".", folder.join(name)).unwrap();
        std::os::unix::fs::symlink("..", folder.join("below").join(name)).unwrap();
    }
    std::os::unix::fs::symlink("one.toml", folder.join("again.toml")).unwrap();
    std::os::unix::fs::symlink("nothing", folder.join("dangling.toml")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.toml")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket.toml")).unwrap();
    let output = in_time(&mut command(["check", &folder.display().to_string(), "--format", "json"]));
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scenarios"].as_array().map(Vec::len), Some(2), "{json:#}");
    for skipped in ["pipe.toml is skipped", "socket.toml is skipped", "dangling.toml is skipped"] {
        assert!(err(&output).contains(skipped), "{}", err(&output));
    }
    // A file that a scenario names is no pipe, either.
    let node = write(folder, "e/pipe-user.toml", "node.memory = \"1Gi\"\n[[pod]]\nmanifest = \"pipe.yaml\"\n");
    for pipe in ["a.outcome", "kernel/badness.jsonl"] {
        let pipe = folder.join("beside").join(pipe);
        write(pipe.parent().unwrap(), "a.toml", "node.memory = \"1Gi\"\nduration = \"1s\"\n");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let beside = folder.join("beside").display().to_string();
    let output = in_time(&mut command(["check", &beside]));
    assert!(format!("{}{}", out(&output), err(&output)).contains("a.outcome is no ordinary file"), "{}", err(&output));
    let output = in_time(&mut command(["conformance", &beside]));
    assert!(err(&output).contains("badness.jsonl is skipped: it is no ordinary file"), "{}", err(&output));
    assert!(Command::new("mkfifo").arg(folder.join("e/pipe.yaml")).status().unwrap().success());
    refused(&in_time(&mut command(["run", &node])), "no ordinary file");
}

/// Each table is looked up by its name, not among all others.
#[test]
fn forty_thousand_pods_are_read() {
    let place = TempDir::new().unwrap();
    for kind in ["pod", "host"] {
        let mut text = "duration = \"1s\"\nnode.memory = \"64Gi\"\nkubelet = { maxPods = 100000 }\n".to_owned();
        for n in 0..40_000 {
            let what = if kind == "pod" { "container = [{ name = \"c\" }]" } else { "workload.steady = {}" };
            text.push_str(&format!("[[{kind}]]\nname = \"n{n}\"\n{what}\n"));
        }
        let file = write(place.path(), &format!("{kind}.toml"), &text);
        let output = in_time(&mut command(["node", &file]));
        assert!(output.status.code() < Some(3), "{}", err(&output));
    }
}

/// So are the tables in a pod, expectations and changes from outside.
#[test]
fn tens_of_thousands_of_tables_are_read() {
    let place = TempDir::new().unwrap();
    let head = "duration = \"1s\"\nnode.memory = \"64Gi\"\nkubelet = { maxPods = 100000 }\n";
    let pod = "[[pod]]\nname = \"p\"\n";
    let many = |count: usize, table: &dyn Fn(usize) -> String| (0..count).map(table).collect::<String>();
    let named = |n: usize| format!("[[pod]]\nname = \"p{n}\"\ncontainer = [{{ name = \"c\" }}]\n");
    let expect = |n: usize| format!("[[expect]]\nsource = \"s{n}\"\nfinal = {{ pod = \"p{n}\", count = 1 }}\n");
    let deleted = |n: usize| format!("[[at]]\ntime = \"{n}us\"\ndeletePod = \"p{n}\"\n");
    let container = |n: usize| format!("[[pod.container]]\nname = \"c{n}\"\n");
    let process =
        |n: usize| format!("[[pod.container.process]]\ncomm = \"c{n}\"\nworkload.steady = {{ anon = \"4Ki\" }}\n");
    for (name, text) in [
        ("containers", format!("{pod}{}", many(40_000, &container))),
        ("processes", format!("{pod}{}{}", container(0), many(40_000, &process))),
        ("expectations", many(10_000, &named) + &many(10_000, &expect)),
        ("changes", many(10_000, &named) + &many(10_000, &deleted)),
        ("unknown names", named(0) + &many(40_000, &expect)),
    ] {
        let output = in_time(&mut command(["node", &write(place.path(), "many.toml", &format!("{head}{text}"))]));
        let code = if name == "unknown names" { Some(2) } else { Some(0) };
        assert_eq!(output.status.code(), code, "{name}: {}", err(&output));
    }
}

/// Each problem of a file has its line, which is not counted from the beginning for each.
#[test]
fn a_problem_in_every_line_is_told_in_time() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..60_000).map(|n| format!("x{n},container_memory_working_set_bytes,none\n")).collect();
    let file = write(place.path(), "series.csv", &format!("time,metric,value\n{rows}"));
    let output = in_time(&mut command(["diagnose", &file]));
    refused(&output, "59000 more errors are not listed");
    let pod =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}"#;
    let pods: Vec<String> = (0..5_000).map(|n| pod.replace(r#""p""#, &format!(r#""p{n}""#))).collect();
    // One line, as `kubectl get --raw` gives it.
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, pods.join(","));
    let output = in_time(&mut command(["lint", &write(place.path(), "pods.json", &list), "--format", "json"]));
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
}

/// Among the events before each event, and that for each expectation.
#[test]
fn relations_between_thousands_of_events_are_judged_in_time() {
    let place = TempDir::new().unwrap();
    let leak = "workload.leak = { block = \"1Mi\", every = \"100ms\" }, resources.limits.memory = \"16Mi\"";
    let mut text = "duration = \"10s\"\nnode.memory = \"64Gi\"\nkubelet = { maxPods = 1000 }\n".to_owned();
    for n in 0..200 {
        text.push_str(&format!("[[pod]]\nname = \"p{n}\"\ncontainer = [{{ name = \"c\", {leak} }}]\n"));
        text.push_str(&format!(
            "[[expect]]\nsource = \"it leaks\"\nevent = \"ContainerTerminated\"\npod = \"p{n}\"\n\
             after = {{ event = \"OomKill\", pod = \"p{n}\" }}\n"
        ));
    }
    let output = in_time(&mut command(["check", &write(place.path(), "many.toml", &text)]));
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
}

/// Whatever the stack of the process: 64 KiB are the least that Linux starts a program with.
#[test]
#[cfg(target_os = "linux")]
fn nesting_is_limited_and_needs_no_stack() {
    let place = TempDir::new().unwrap();
    let nested = |open: &str, depth: usize, close: &str| open.repeat(depth) + &close.repeat(depth);
    for depth in [100, 127, 1_000, 100_000] {
        for (name, text) in [
            ("deep.yaml", nested("[", depth, "]")),
            ("deep.json", format!("{{\"status\":\"success\",\"data\":{}}}", nested("{\"a\":", depth, "}"))),
            ("deep.jsonl", nested("{\"a\":", depth, "}") + "\n{}\n"),
            ("deep.toml", format!("x = {}", nested("[", depth, "]"))),
            ("keys.toml", format!("x{} = 1", ".x".repeat(depth))),
        ] {
            let file = write(place.path(), name, &text);
            for arguments in ["run", "check", "lint", "diagnose"] {
                let program = env!("CARGO_BIN_EXE_oomsim");
                let script = format!("ulimit -s 64; exec {program} {arguments} {file}");
                let output = in_time(Command::new("sh").args(["-c", &script]));
                assert_eq!(output.status.code(), Some(2), "{arguments} {name} {depth}: {}", err(&output));
            }
        }
    }
}

#[test]
fn what_would_take_hours_or_all_memory_is_refused() {
    refused(&in_time(&mut command(["run", &case("read-loop.toml")])), "at most");
    // An expectation on a curve needs all samples.
    let place = TempDir::new().unwrap();
    let expect = "[[expect]]\nsource = \"100 MiB of 64 GiB\"\nseries = \"node.available\"\nmin = \"60Gi\"\n";
    let text = std::fs::read_to_string(case("samp.toml")).unwrap() + expect;
    let samples = in_time(&mut command(["run", &write(place.path(), "samp.toml", &text), "--memory-limit", "1Gi"]));
    refused(&samples, "10000000 samples of 100 pods take");
    let reports = in_time(&mut command(["run", &case("rbig.toml"), "--memory-limit", "200Mi"]));
    refused(&reports, "this needs more than 200Mi of memory");
    refused(&in_time(&mut command(["run", &case("scenario-92.toml")])), "of files at once: at most 16Ti");
}

#[test]
fn recordings_with_great_times_and_endless_lines_are_errors() {
    let place = TempDir::new().unwrap();
    for (name, kind) in [
        ("restart-1440", "restart"),
        ("restart-4560", "restart"),
        ("eviction_sync-6600", "eviction_sync"),
        ("eviction_sync-6780", "eviction_sync"),
    ] {
        let folder = place.path().join(name);
        let text = std::fs::read_to_string(case(&format!("{name}.jsonl"))).unwrap();
        let output = oomsim(["conformance", &write(&folder, &format!("{kind}.jsonl"), &text)]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}{}", out(&output), err(&output));
        assert!(out(&output).contains("more than a century"), "{name}: {}", out(&output));
    }
    let packed: PathBuf = place.path().join("restart.jsonl.gz");
    let mut gz = flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    (0..64).for_each(|_| std::io::Write::write_all(&mut gz, &blanks).unwrap());
    gz.finish().unwrap();
    let output = oomsim(["conformance", &packed.display().to_string()]);
    assert!(
        format!("{}{}", out(&output), err(&output)).contains("it is longer than 4194304 bytes"),
        "{}",
        err(&output)
    );
}
