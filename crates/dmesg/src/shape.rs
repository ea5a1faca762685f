//! Prefixes that no rule knows: learnt from lines whose message is certain, used on the lines around them.

use crate::line::{LogLine, Parsed, of_a_program, parse};
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// Longest prefix that is looked into.
const MOST_PREFIX: usize = 400;
/// Prefixes that are remembered, the latest first.
const MOST_SHAPES: usize = 6;

/// Wordings that begin a message, so that what stands before them is a prefix.
static ANCHORS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = [
        "Memory cgroup out of memory",
        "Out of memory",
        "Killed process ",
        "Kill process ",
        "oom-kill:constraint=",
        "Tasks in /",
        "Task in /",
        "Memory cgroup stats for ",
        "Memory limit reached of cgroup ",
        "memory: usage ",
        "memory+swap: usage ",
        "swap: usage ",
        "kmem: usage ",
        "Mem-Info:",
        "Mem-info:",
        "active_anon:",
        "active_file:",
        "unevictable:",
        "slab_reclaimable:",
        "mapped:",
        "Node 0 ",
        "Node 1 ",
        "Free swap ",
        "Total swap ",
        "CPU: ",
        "oom_reaper: reaped process ",
        "OOM victim ",
        "Kernel panic - not syncing",
        "lowmem_reserve[]:",
        "** ",
    ];
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok()
});

/// Where a message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub start: usize,
    /// The end, when the message stood in quotes.
    pub end: usize,
}

/// Finds a message behind a prefix of any kind by its wording alone.
pub(crate) fn anchored(line: &str) -> Option<(Cut, Parsed)> {
    let mut at = 0;
    while at < line.len().min(MOST_PREFIX) {
        let (found, candidate) = next(line, at)?;
        let cut = Cut { start: found, end: quoted_end(line, found) };
        let parsed = parse(&line[cut.start..cut.end]);
        // `inactive_anon:` holds `active_anon:`, which is no message.
        let within = line[..cut.start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !within && strong(&parsed, &line[..cut.start]) {
            return Some((cut, parsed));
        }
        at = candidate + 1;
        while !line.is_char_boundary(at) {
            at += 1;
        }
    }
    None
}

/// The next place at or after `at` where a message may begin, and the place of the wording that says so.
fn next(line: &str, at: usize) -> Option<(usize, usize)> {
    let by_word = ANCHORS.as_ref().and_then(|a| a.find(&line[at..])).map(|m| (m.start() + at, m.start() + at));
    let bracket = line[at..]
        .find('[')
        .map(|i| i + at)
        .filter(|i| line[i + 1..].trim_start().starts_with(|c: char| c.is_ascii_digit() || c == 'p'))
        .map(|i| (i, i));
    let invoked = line[at..].find(" invoked oom-killer").map(|i| (name_start(line, i + at), i + at));
    let figure = [" pages RAM", " pages reserved", " total pagecache pages", " pages HighMem", " pages in swap cache"]
        .iter()
        .find_map(|w| line[at..].find(w))
        .map(|i| (number_start(line, i + at), i + at));
    [by_word, bracket, invoked, figure].into_iter().flatten().min_by_key(|(_, candidate)| *candidate)
}

fn number_start(line: &str, end: usize) -> usize {
    line[..end].trim_end_matches(|c: char| c.is_ascii_digit()).len()
}

/// Where the name of a process that ends at `end` begins: after the last separator of a prefix, else its last word.
fn name_start(line: &str, end: usize) -> usize {
    let before = &line[..end];
    let least = end.saturating_sub(16);
    let separators = ["] ", ": ", "\"", "\\n", "| ", "} ", ", ", "\t", ">", ";", "Str("];
    let after = separators.iter().filter_map(|s| before.rfind(s).map(|i| i + s.len())).filter(|i| *i >= least).max();
    after.or_else(|| before.rfind(' ').map(|i| i + 1)).unwrap_or(0)
}

/// The end of the message at `start`: of the line, or of the string that it stands in.
pub(crate) fn quoted_end(line: &str, start: usize) -> usize {
    let open = |q: char| line[..start].chars().filter(|c| *c == q).count() % 2 == 1;
    let mut end = line.len();
    for quote in ['"', '\''] {
        if open(quote) {
            end = line[start..].rfind(quote).map_or(end, |i| end.min(i + start));
        }
    }
    // `Body: Str(…)` of OpenTelemetry's debug exporter.
    if line[..start].ends_with('(') {
        end = line[start..end].rfind(')').map_or(end, |i| i + start);
    }
    let text = line[start..end].trim_end_matches([' ', '|', '`']);
    let text = text.strip_suffix("\\n").unwrap_or(text);
    start + text.len()
}

/// True when the wording alone shows that the message begins here.
fn strong(parsed: &Parsed, before: &str) -> bool {
    match &parsed.line {
        LogLine::Row(row) => row.looks_whole(),
        // `Killed process 1 (x)` in another program's words is no line of the kernel.
        LogLine::Killed { message, killed } => {
            killed.total_vm_kb.is_some() || !(message.is_empty() || of_a_program(before))
        }
        // A line of a zone has the same words as the lines of the whole: a piece of it may begin with one.
        LogLine::Cpu { .. } | LogLine::MemPages(_) => parsed.whole,
        LogLine::Stat { .. } | LogLine::Filler | LogLine::Other | LogLine::Cpuset { .. } => false,
        _ => true,
    }
}

/// The prefixes learnt so far.
#[derive(Debug, Default)]
pub(crate) struct Shapes(Vec<Vec<u8>>);

impl Shapes {
    /// Remembers how the prefix looks; texts without a sign of their format stand without quotes (YAML, logfmt).
    pub fn learn(&mut self, prefix: &str) {
        if let Some(bare) = prefix.strip_suffix(['"', '\'']) {
            self.learn(bare);
        }
        if prefix.trim().is_empty() {
            return;
        }
        let shape = classes(prefix);
        if let Some(at) = self.0.iter().position(|s| *s == shape) {
            let shape = self.0.remove(at);
            self.0.insert(0, shape);
            return;
        }
        self.0.insert(0, shape);
        self.0.truncate(MOST_SHAPES);
    }

    /// Where the message of a line with one of these prefixes begins.
    pub fn cut(&self, line: &str) -> Option<usize> {
        self.0.iter().find_map(|shape| matched(shape, line))
    }
}

/// Runs of letters and digits as `w`, of blanks as a blank, other characters as they are.
fn classes(text: &str) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for b in text.bytes() {
        let class = class(b);
        if !(matches!(class, b'w' | b' ') && out.last() == Some(&class)) {
            out.push(class);
        }
    }
    out
}

fn class(b: u8) -> u8 {
    match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80.. => b'w',
        b' ' | b'\t' => b' ',
        _ => b,
    }
}

fn matched(shape: &[u8], line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut at = 0;
    for (i, want) in shape.iter().enumerate() {
        if bytes.get(at).map(|b| class(*b)) != Some(*want) {
            return None;
        }
        at += 1;
        let last = i + 1 == shape.len();
        // Blanks behind the prefix are the message's own.
        if *want == b'w' || (*want == b' ' && !last) {
            while bytes.get(at).is_some_and(|b| class(*b) == *want) {
                at += 1;
            }
        }
    }
    line.is_char_boundary(at).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_behind_prefixes_without_a_rule() {
        for prefix in [
            "2026-01-01T00:00:00.123456789Z stdout F ",
            "[pod/kube-system/logger-x2v/log] ",
            "app-1  | ",
            "2026-01-01T00:00:00Z {host=\"n1\", job=\"k\"} ",
            "level=info msg=\"",
            "node-a/kern.log:",
            "n1 kernel - ",
        ] {
            let line = format!("{prefix}Mem-Info:{}", if prefix.ends_with('"') { "\"" } else { "" });
            let (cut, parsed) = anchored(&line).expect(prefix);
            assert_eq!((cut.start, parsed.line), (prefix.len(), LogLine::MemInfo));
            let mut shapes = Shapes::default();
            shapes.learn(&line[..cut.start]);
            let other = format!("{prefix} slab 12");
            assert_eq!(shapes.cut(&other), Some(prefix.len()), "{prefix}");
        }
        let event = "12m  Warning  OOMKilling  node/n1  Memory cgroup out of memory: Killed process 68061 (stress) total-vm:4195088kB, anon-rss:2884696kB";
        assert_eq!(anchored(event).expect("an event").0.start, event.find("Memory").expect("the word"));
        let row = "x/y: [     10]     0    10  1000000   500000  4096000        0             0 a";
        assert!(matches!(anchored(row).expect("a row").1.line, LogLine::Row(_)));
        assert_eq!(anchored("inactive_anon:1812233 isolated_anon:0"), None);
        assert_eq!(anchored("kubelet[3044]: I0114 Killed process 1 (x)"), None);
        assert_eq!(anchored("n1 app[33]: user said: Out of memory: Killed process 5 (bash)"), None);
        assert_eq!(anchored("é".repeat(300).as_str()), None);
    }
}
