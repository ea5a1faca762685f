//! Reports that got mixed, lines that stand twice, and lines that only look like the kernel's: nothing is guessed.

use oomsim_dmesg::{Analysis, ChoiceVerdict, Known, analyse};

const PLAIN: &str = include_str!("data/cases/07-base-all-right.log");

fn all(log: &str) -> Vec<Analysis> {
    analyse(oomsim_dmesg::read(log.as_bytes()).expect("readable"), Known::default())
}

/// The report of another machine: its process 10 is 77.
fn other() -> String {
    PLAIN
        .replace("pid=10", "pid=77")
        .replace("process 10 (a)", "process 77 (a)")
        .replace("[     10]     0    10", "[     77]     0    77")
}

fn in_turn(one: impl Fn(&str) -> String, two: impl Fn(&str) -> String) -> String {
    let text = |line: &str| line.split_once("] ").expect("a stamp").1.to_string();
    PLAIN.lines().zip(other().lines()).map(|(a, b)| one(&text(a)) + "\n" + &two(&text(b)) + "\n").collect()
}

fn victims(all: &[Analysis]) -> Vec<Vec<u32>> {
    all.iter().map(|a| a.report.killed.iter().map(|k| k.pid).collect()).collect()
}

/// Hosts, callers (CONFIG_PRINTK_CALLER) and files tell reports apart that were printed line by line in turn.
#[test]
fn two_reports_in_turn_are_kept_apart() {
    for log in [
        in_turn(|t| format!("Jan  1 00:01:40 n1 kernel: {t}"), |t| format!("Jan  1 00:01:40 n2 kernel: {t}")),
        in_turn(|t| format!("[  100.000001][ T10] {t}"), |t| format!("[  100.000001][ T77] {t}")),
        in_turn(|t| format!("n1.log:[  100.000001] {t}"), |t| format!("n2.log:[  100.000001] {t}")),
    ] {
        let all = all(&log);
        assert_eq!(victims(&all), [[10], [77]], "{log}");
        assert!(all.iter().all(|a| a.explanation.verdict == ChoiceVerdict::Explained), "{log}");
    }
}

/// Where nothing tells them apart, both deaths are named, and no choice is explained by a table of both.
#[test]
fn what_cannot_be_told_apart_is_not_explained() {
    let all = all(&in_turn(|t| format!("[  100.000001] {t}"), |t| format!("[  100.000001] {t}")));
    let mut victims = victims(&all).concat();
    victims.sort_unstable();
    assert_eq!(victims, [10, 77]);
    for a in &all {
        assert_eq!(a.explanation.verdict, ChoiceVerdict::CannotTell, "{}", a.explanation.why);
    }
    assert!(all.iter().any(|a| a.explanation.why.contains("rows of another report")));
}

/// Two daemons wrote the same log to one file.
#[test]
fn lines_that_stand_twice_count_once() {
    let twice: String = PLAIN.lines().map(|line| format!("{line}\n{line}\n")).collect();
    let all = all(&twice);
    let last = all.last().expect("a report");
    assert_eq!((last.report.tasks.len(), last.report.repeated_rows), (2, 0));
    assert_eq!(last.explanation.candidates[0].points, Some(501_000));
    assert!(victims(&all).concat().iter().all(|pid| *pid == 10));
}

/// What people and programs say of kills is no kill.
#[test]
fn words_about_kills_are_no_kills() {
    for line in [
        "Jan 1 00:01:40 n1 app[33]: user said: Out of memory: Killed process 5 (bash)",
        "I saw \"Killed process 1234 (java)\" in the log yesterday. Why?",
        "pr_err(\"%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB\\n\", message);",
        "grep -i 'killed process' /var/log/messages",
    ] {
        assert!(all(line).is_empty(), "{line}");
    }
    // An event has the kernel's whole line.
    let event = "12m Warning OOMKilling node/n1 Memory cgroup out of memory: Killed process 68061 (stress) total-vm:4195088kB, anon-rss:2884696kB";
    assert_eq!(victims(&all(event)), [[68061]]);
}

/// Four fifths of the machine cannot be swapped: 800,000 of 1,000,000 pages.
#[test]
fn memory_that_cannot_be_swapped_is_said() {
    let locked = all(&PLAIN.replace("unevictable:0", "unevictable:800000"));
    assert!(
        locked[0].advice.iter().any(|a| a.contains("3125 MiB (80 % of RAM) is unevictable")),
        "{:?}",
        locked[0].advice
    );
}
