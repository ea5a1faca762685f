//! Prefixes, wrapping, interleaving, cutting, garbage.

mod common;

use oomsim_dmesg::{Known, LoggedOom, TextOptions, analyse};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::fmt::Write;

/// Everything but where it stood and what stood before it.
fn content(mut r: LoggedOom) -> LoggedOom {
    (r.first_line, r.last_line) = (0, 0);
    r.host = None;
    r.stamp = oomsim_dmesg::Stamp::default();
    r
}

fn read(text: &str) -> Vec<LoggedOom> {
    oomsim_dmesg::read(text.as_bytes()).expect("readable").into_iter().map(content).collect()
}

/// All that a user can ask for must come out, whatever the input was.
fn everything(bytes: &[u8]) -> usize {
    let reports = match oomsim_dmesg::read(bytes) {
        Ok(reports) => reports,
        // Bytes at random are seldom text.
        Err(why) => {
            assert!(matches!(why, oomsim_dmesg::ReadError::NotText { .. }), "{why}");
            return 0;
        }
    };
    let mut each = 0;
    oomsim_dmesg::read_each(bytes, |_| each += 1).expect("readable");
    assert_eq!(each, reports.len());
    for r in &reports {
        let _ = oomsim_dmesg::to_oom_report(r);
    }
    let analyses = analyse(reports, Known::default());
    assert!(!oomsim_dmesg::text(&analyses, TextOptions::default()).is_empty());
    oomsim_dmesg::to_json(&analyses).expect("JSON");
    for a in &analyses {
        // What is written can be run.
        if let Ok(text) = oomsim_dmesg::scenario(a) {
            let read = oomsim_scenario::load(&text, "log.toml", &oomsim_scenario::NoFiles, &[]);
            assert!(read.is_ok(), "{text}");
        }
    }
    analyses.len()
}

/// Stamp and text of the recorded lines.
fn split(log: &str) -> Vec<(u64, String)> {
    // One log has a remark of the recorder's without a stamp.
    log.lines()
        .filter(|l| l.starts_with('['))
        .map(|l| {
            let (stamp, text) = l[1..].split_once("] ").expect("a stamp");
            let (s, us) = stamp.trim().split_once('.').expect("a dot");
            (s.parse::<u64>().expect("s") * 1_000_000 + us.parse::<u64>().expect("us"), text.to_string())
        })
        .collect()
}

/// Several logs with all kinds of reports.
fn sample() -> Vec<(String, String)> {
    let names = [
        "B1_1102_14_plain_6.1.0-50-cloud-amd64.log",
        "B1_1102_11_unk_all_6.1.0-50-cloud-amd64.log",
        "B2_1100_11_plain_6.1.0-50-cloud-amd64.log",
        "B2_1101_29_plain_6.12.117+deb12-cloud-amd64.log",
        "C_1201_12_6.12.117+deb12-cloud-amd64.log",
        "C_1202_2_6.1.0-50-cloud-amd64.log",
        "L2_1191_3_lowered_6.12.117+deb12-cloud-amd64.log",
    ];
    common::logs().into_iter().filter(|(n, _)| names.contains(&n.as_str())).collect()
}

#[test]
fn every_tools_prefix() {
    type Form = fn(u64, &str) -> String;
    let forms: [(&str, Form); 12] = [
        ("bare", |_, t| t.to_string()),
        ("dmesg -T", |us, t| format!("[Sat Apr 27 22:56:{:02} 2019] {t}", us / 1_000_000 % 60)),
        ("journalctl", |us, t| format!("Jan 16 21:33:{:02} node-1 kernel: {t}", us / 1_000_000 % 60)),
        ("rsyslog", |us, t| format!("Jan 16 21:33:51 node-1 kernel: [{:5}.{:06}] {t}", us / 1_000_000, us % 1_000_000)),
        ("short-iso", |_, t| format!("2022-01-16T21:33:51+0000 node-1 kernel: {t}")),
        ("RFC 5424", |us, t| {
            format!(
                "<4>1 2022-01-16T21:33:51.8952Z node-1 kernel - - - [{:5}.{:06}] {t}",
                us / 1_000_000,
                us % 1_000_000
            )
        }),
        ("dmesg -r", |us, t| format!("<6>[{:5}.{:06}] {t}", us / 1_000_000, us % 1_000_000)),
        ("dmesg -x", |us, t| format!("kern  :info  : [{:5}.{:06}] {t}", us / 1_000_000, us % 1_000_000)),
        ("caller", |us, t| format!("[{:5}.{:06}] [  T255] {t}", us / 1_000_000, us % 1_000_000)),
        ("kmsg", |us, t| format!("6,1034,{us},-;{}", t.replace('\\', "\\x5c"))),
        ("quoted", |us, t| format!("> [{:5}.{:06}] {t}", us / 1_000_000, us % 1_000_000)),
        ("Windows", |us, t| format!("[{:5}.{:06}] {t}\r", us / 1_000_000, us % 1_000_000)),
    ];
    for (name, log) in sample() {
        let original = read(&log);
        for (form, prefix) in &forms {
            let other: String = split(&log).iter().map(|(us, t)| prefix(*us, t) + "\n").collect();
            assert_eq!(read(&other), original, "{name} as {form}");
        }
        // Records of several lines: journald's indentation, rsyslog's #012, kmsg's \x0a, JSON's \n.
        let lines = split(&log);
        let (mut indented, mut octal, mut hex, mut json) = (String::new(), String::new(), String::new(), String::new());
        for (i, (us, text)) in lines.iter().enumerate() {
            let more = i > 0 && lines[i - 1].0 == *us && text.split(' ').filter(|w| !w.is_empty()).count() <= 3;
            let stamp = format!("[{:5}.{:06}] ", us / 1_000_000, us % 1_000_000);
            if more {
                let _ = write!(indented, "\n               {text}");
                let _ = write!(octal, "#012{text}");
                let _ = write!(hex, "\\x0a{text}");
                let _ = write!(json, "\\n{text}");
            } else {
                let _ = write!(indented, "\n{stamp}{text}");
                let _ = write!(octal, "\nJan 16 21:33:51 node-1 kernel: {stamp}{text}");
                let _ = write!(hex, "\n6,1034,{us},-;{text}");
                let end = if json.is_empty() { "" } else { "\"}\n" };
                let _ = write!(json, "{end}{{\"_TRANSPORT\":\"kernel\",\"MESSAGE\":\"{text}");
            }
        }
        json.push_str("\"}");
        for (form, text) in [("indented", indented), ("octal", octal), ("hex", hex), ("json", json)] {
            assert_eq!(read(&text), original, "{name} {form}");
        }
    }
}

#[test]
fn wrapped_at_any_width() {
    for (name, log) in sample() {
        let original = read(&log);
        for width in 76..180 {
            let mut wrapped = String::new();
            for line in log.lines() {
                let bytes = line.as_bytes();
                for chunk in bytes.chunks(width) {
                    wrapped.push_str(std::str::from_utf8(chunk).expect("ASCII"));
                    wrapped.push('\n');
                }
            }
            let read = read(&wrapped);
            assert_eq!(read.len(), original.len(), "{name} at {width}");
            for (mut a, mut b) in read.into_iter().zip(original.iter().cloned()) {
                // A number cut in two by the very end of a line is whole on either side.
                a.mem_info = None;
                b.mem_info = None;
                if a != b {
                    let (a, b) = (format!("{a:#?}"), format!("{b:#?}"));
                    let differ = a.lines().zip(b.lines()).find(|(a, b)| a != b);
                    panic!("{name} at {width}: {differ:?}");
                }
            }
        }
    }
}

#[test]
fn two_hosts_and_two_tasks_in_one_file() {
    let logs = sample();
    for (name_a, a) in &logs {
        for (name_b, b) in &logs {
            if name_a >= name_b {
                continue;
            }
            for by_caller in [false, true] {
                let line = |who: &str, us: u64, text: &str| {
                    let stamp = format!("[{:5}.{:06}]", us / 1_000_000, us % 1_000_000);
                    if by_caller {
                        format!("{stamp}[ T{who}] {text}\n")
                    } else {
                        format!("Jan 16 21:33:51 node-{who} kernel: {stamp} {text}\n")
                    }
                };
                let (mut xs, mut ys) = (split(a).into_iter(), split(b).into_iter());
                let mut mixed = String::new();
                loop {
                    let (x, y) = (xs.next(), ys.next());
                    if x.is_none() && y.is_none() {
                        break;
                    }
                    x.iter().for_each(|(us, t)| mixed.push_str(&line("1", *us, t)));
                    y.iter().for_each(|(us, t)| mixed.push_str(&line("2", *us, t)));
                }
                let key = |r: &LoggedOom| format!("{r:?}");
                let mut both: Vec<LoggedOom> = read(a).into_iter().chain(read(b)).collect();
                let mut seen = read(&mixed);
                both.sort_by_key(key);
                seen.sort_by_key(key);
                assert_eq!(seen, both, "{name_a} {name_b} callers {by_caller}");
            }
        }
    }
}

#[test]
fn unrelated_lines_are_no_report() {
    let kinds = [
        "Jan 16 21:33:51 node systemd[1]: Started Session 3 of user core.",
        "Jan 16 21:33:51 node kubelet[3044]: E0114 kuberuntime_container.go:691] \"Kill container failed\" err=\"rpc error\"",
        "Jan 16 21:33:51 node kernel: [ 8334.895293] IPv6: ADDRCONF(NETDEV_CHANGE): veth1: link becomes ready",
        "[ 8334.895293] audit: type=1325 audit(1583448728.949:176): table=filter family=2 entries=31",
        "java.lang.OutOfMemoryError: Java heap space",
        "	at java.base/java.util.Arrays.copyOf(Arrays.java:3512)",
        "{\"MESSAGE\":\"hello\",\"PRIORITY\":\"6\"}",
        "",
    ];
    // A longer run: OOMSIM_LONG_TESTS=1 reads 100 MB.
    let bytes = if std::env::var_os("OOMSIM_LONG_TESTS").is_some() { 100 << 20 } else { 5 << 20 };
    let mut text = String::with_capacity(bytes + 256);
    for i in 0.. {
        if text.len() >= bytes {
            break;
        }
        let _ = writeln!(text, "{} {i}", kinds[i % kinds.len()]);
    }
    assert_eq!(everything(text.as_bytes()), 0);
    assert!(oomsim_dmesg::text(&[], TextOptions::default()).contains("no OOM report found"));
    // One line without an end.
    let line = vec![b'x'; 5 << 20];
    assert_eq!(everything(&line), 0);
    // A report among it is found.
    text.insert_str(text.len() / 2, "");
    let at = text[..bytes / 2].rfind('\n').expect("a line") + 1;
    text.insert_str(at, &common::logs().remove("C_1201_12_6.12.117+deb12-cloud-amd64.log").expect("log"));
    assert_eq!(everything(text.as_bytes()), 1);
}

#[test]
fn hostile_numbers() {
    for (_, log) in sample() {
        for huge in
            ["18446744073709551615", "9223372036854775807", "99999999999999999999999999", "-9223372036854775808"]
        {
            for old in ["0", "1", "4", "kB", "limit ", "total-vm:"] {
                everything(log.replace(old, &format!("{old}{huge}")).as_bytes());
                everything(log.replace(old, huge).as_bytes());
            }
        }
    }
}

/// Figures of the report behind signs of more than one byte, with which some terminals hide text.
#[test]
fn figures_behind_foreign_signs() {
    for line in ["[  100.000009] 10485\u{202e}76 pages RAM", "\u{fffd} pages HighMem/MovableOnly"] {
        assert_eq!(everything(line.as_bytes()), 0, "{line}");
    }
}

/// A learnt prefix may take the whole of a line, as here that of a quoted log.
#[test]
fn nothing_is_left_of_a_line() {
    let (before, stamp) = ("`- Jan 14 18:01:55 node-1 kernel: [ 1432.394506] ", "\n\n`- Jan 14 18:01:55---\n");
    let log = format!(
        "{before}dotnet invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=1000`\n\n\
         {before} oom_kill_process+0xe6/0x120`{stamp} node-1 kernel: [ 1432.394676] Memory cgroup out of memory: Killed \
         process 20341 (dotnet) total-vm:172181696kB, anon-rss:4776416kB, file-rss:25296kB, shmem-rss:0kB, UID:0 \
         pgtables:9620kB oom_score_adj:1000`\n\n"
    );
    assert_eq!(everything(log.as_bytes()), 1);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        everything(&bytes);
    }

    #[test]
    fn words_of_the_kernel_in_any_order(
        words in proptest::collection::vec(prop_oneof![
            Just("invoked oom-killer: "), Just("Killed process 1 (x) total-vm:"), Just("[ 12.5] "), Just("[  1] 2 3 "),
            Just("oom-kill:constraint="), Just("Memory cgroup stats for "), Just("memory: usage "), Just("\n"), Just("\n"),
            Just("Task in "), Just("Jan 16 21:33:51 node kernel: "), Just("6,1,2,-;"), Just("\\x0a"), Just("#012"),
            Just("4kB, "), Just("(é"), Just("2022-é"), Just("[  pid  ] uid name"), Just(") score "), Just("CPU: 1 PID: 2 Comm: "),
        ], 0..200),
    ) {
        everything(words.concat().as_bytes());
    }

    #[test]
    fn lines_lost_and_others_between(log in 0usize..7, seed in any::<u64>(), lose in 1u64..60) {
        let (_, log) = sample().remove(log);
        let mut state = seed | 1;
        let mut next = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state };
        // Losing lines loses only what they said.
        let kept: String = log.lines().filter(|_| next() % 100 >= lose).fold(String::new(), |s, l| s + l + "\n");
        everything(kept.as_bytes());
        let rows = |text: &str| -> usize { read(text).iter().map(|r| r.tasks.len()).sum() };
        let kills = |text: &str| -> u32 { read(text).iter().map(|r| r.killed_lines).sum() };
        prop_assert!(rows(&kept) <= rows(&log));
        let lines = kept.lines().filter(|l| l.contains("Killed process")).count();
        prop_assert_eq!(kills(&kept) as usize, lines);
        // Messages in between change nothing.
        let mut mixed = String::new();
        for line in log.lines() {
            if next() % 3 == 0 {
                mixed.push_str("[   10.656600] usb 1-1: new high-speed USB device number 2\n");
            }
            if next() % 5 == 0 {
                mixed.push_str("Jan 16 21:33:51 node systemd[1]: kubelet.service: A process has been killed.\n");
            }
            mixed.push_str(line);
            mixed.push('\n');
        }
        prop_assert_eq!(read(&mixed), read(&log));
    }
}

/// Alibaba Cloud Linux names the node "host" where others name a cgroup (its own help page on OOM kills).
#[test]
fn limit_of_host_is_the_node() {
    let log = "[ 1.0] test invoked oom-killer: gfp_mask=0x62****(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), nodemask=(null), order=0,\n\
               [ 1.0] Task in /user.slice killed as a result of limit of host\n\
               [ 1.0] Node 0 DMA32 free:155160kB min:152412kB low:190512kB high:228612kB\n";
    let found = read(log);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, oomsim_dmesg::OomKind::Node);
    assert_eq!(found[0].task_memcg.as_deref(), Some("/user.slice"));
}

/// Control characters in a name, paths that no cgroup has, sizes beyond any machine: a scenario is made all the same,
/// of what is left.
#[test]
fn damaged_names_are_mended() {
    let log = common::logs().remove("B1_1102_14_plain_6.1.0-50-cloud-amd64.log").expect("log");
    let report = |text: &str| oomsim_dmesg::read(text.as_bytes()).expect("readable").remove(0);
    let sound = report(&log);
    let oom = sound.oom_memcg.clone().expect("a cgroup");
    let comm = sound.tasks.last().expect("a task").comm.clone();
    let made = |log: &str| {
        let analyses = analyse(oomsim_dmesg::read(log.as_bytes()).expect("readable"), Known::default());
        oomsim_dmesg::scenario(&analyses[0])
    };
    for path in ["/../..", "//a//b", "/a\u{7}b/./c", "/.", "relative"] {
        let text = made(&log.replace(&oom, path)).expect("a scenario");
        oomsim_scenario::load(&text, "log.toml", &oomsim_scenario::NoFiles, &[]).expect("it can be read");
    }
    for name in ["a\u{1}b", "\u{1b}[31mred", "a name that is much too long for a kernel"] {
        let text = made(&log.replace(&comm, name)).expect("a scenario");
        let scenario = oomsim_scenario::load(&text, "log.toml", &oomsim_scenario::NoFiles, &[]).expect("readable");
        assert!(scenario.warnings.is_empty(), "{:?}", scenario.warnings);
    }
}

/// A file without lines is no log: it is given up after 16 MiB of one line, not read for ever.
#[test]
fn what_has_no_lines_is_refused() {
    let why = oomsim_dmesg::read(std::io::repeat(0)).expect_err("no log");
    assert!(why.to_string().contains("line 1 is longer than 16 MiB"), "{why}");
    let line = vec![b'x'; 16 << 20];
    assert!(oomsim_dmesg::read(&line[..]).expect("just fits").is_empty());
}
