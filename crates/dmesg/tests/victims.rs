//! Whatever is lost of a log, or damaged in it: no process is named as the victim that did not die.

mod common;

use oomsim_dmesg::{Known, TextOptions, analyse};
use std::collections::BTreeSet;

struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() % n.max(1)
    }
}

/// Pids of the lines `Killed process`, which are the deaths.
fn died(log: &str) -> BTreeSet<u32> {
    log.lines().filter_map(|l| l.split_once("Killed process ")?.1.split([' ', ',']).next()?.parse().ok()).collect()
}

fn mutated(log: &str, kind: usize, random: &mut Random) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let kept = |keep: &mut dyn FnMut(usize) -> bool| -> String {
        lines.iter().enumerate().filter(|(i, _)| keep(*i)).map(|(_, l)| format!("{l}\n")).collect()
    };
    match kind {
        // Cut at any byte, at its end and at its beginning.
        0 => log[..random.below(log.len())].to_string(),
        1 => log[random.below(log.len())..].to_string(),
        // Lines lost here and there, a piece lost, every long line cut by a pager.
        2 => kept(&mut |_| random.below(10) > 0),
        3 => {
            let (from, many) = (random.below(lines.len()), random.below(lines.len()));
            kept(&mut |i| !(from..from + many).contains(&i))
        }
        4 => {
            let width = 20 + random.below(100);
            lines.iter().map(|l| format!("{}\n", l.get(..width).unwrap_or(l))).collect()
        }
        // Wrapped; lines twice; two lines swapped.
        5 => {
            let width = 30 + random.below(100);
            let chunks = lines.iter().flat_map(|l| l.as_bytes().chunks(width));
            chunks.map(|c| format!("{}\n", String::from_utf8_lossy(c))).collect()
        }
        6 => lines.iter().map(|l| format!("{l}\n").repeat(1 + usize::from(random.below(8) == 0))).collect(),
        7 => {
            let mut lines = lines;
            let (a, b) = (random.below(lines.len()), random.below(lines.len()));
            lines.swap(a, b);
            lines.iter().map(|l| format!("{l}\n")).collect()
        }
        // Damaged bytes in lines that are not about the kill.
        _ => lines
            .iter()
            .map(|l| {
                let mut bytes = l.as_bytes().to_vec();
                if !l.contains("ill process")
                    && !l.contains("oom-kill:")
                    && !l.contains("Killed")
                    && random.below(4) == 0
                    && !bytes.is_empty()
                {
                    let at = random.below(bytes.len());
                    bytes[at] = b' ' + u8::try_from(random.below(95)).unwrap_or(0);
                }
                String::from_utf8_lossy(&bytes).into_owned() + "\n"
            })
            .collect(),
    }
}

#[test]
fn no_process_is_named_that_did_not_die() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, log) in common::logs().into_iter().filter(|(_, log)| log.is_ascii()) {
        let died = died(&log);
        for kind in 0..9 {
            let text = mutated(&log, kind, &mut random);
            let reports = oomsim_dmesg::read(text.as_bytes()).expect("readable");
            for r in &reports {
                let named = r.killed.iter().map(|k| k.pid).chain(r.chosen.as_ref().map(|c| c.pid));
                for pid in named {
                    assert!(died.contains(&pid), "{name} {kind}: {pid} did not die\n{text}");
                }
            }
            let shown = oomsim_dmesg::text(&analyse(reports, Known::default()), TextOptions::default());
            for line in shown.lines().filter(|l| l.contains("was the one killed: ")) {
                let pid = line.split("(pid ").nth(1).and_then(|p| p.split(')').next()).and_then(|p| p.parse().ok());
                assert!(pid.is_some_and(|pid| died.contains(&pid)), "{name} {kind}: {line}\n{text}");
            }
        }
    }
}
