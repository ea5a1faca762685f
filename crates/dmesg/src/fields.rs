//! Entries of `journalctl -o verbose` and `-o export`: a field a line.

use crate::json::{Entry, is_kernel};

/// Collects the fields of an entry.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    entry: Entry,
    any: bool,
    kernel: bool,
    in_message: bool,
    /// The name of a field stood alone: its length and bytes follow (export of a text with line breaks).
    named: bool,
    /// Bytes of that length that are still to come, and those that have been seen.
    length: usize,
}

impl Fields {
    /// Takes the eight bytes with the length of the text that follows off a line; nothing is left of a line that is
    /// only a part of them (one of them may be a line break).
    pub fn length<'a>(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        let seen = 8 - self.length;
        let here = self.length.min(line.len());
        // No text is longer than 16 MiB: a copy that has lost these bytes goes on with the text.
        if (0..here).any(|i| seen + i >= 3 && line[i] != 0) {
            self.length = 0;
            return Some(line);
        }
        self.length -= here;
        if self.length > 0 {
            self.length -= 1;
            return None;
        }
        Some(&line[here..])
    }

    /// Takes a line; false when it is none of an entry.
    pub fn take(&mut self, line: &str, done: &mut impl FnMut(Entry)) -> bool {
        if let Some((key, value)) = field(line) {
            if key == "__CURSOR" {
                self.finish(done);
            }
            self.set(key, value.to_string());
            return true;
        }
        if !self.any {
            return false;
        }
        if journal(line) {
            (self.named, self.in_message, self.length) = (true, line == "MESSAGE", 8);
            if self.in_message {
                self.entry.message.clear();
            }
            return true;
        }
        if line.is_empty() && !self.named {
            self.finish(done);
            return true;
        }
        // The length's eight bytes, of which the cleaner has left what can be printed, stand before the text.
        if self.named {
            if !self.in_message {
                return true;
            }
            let text = if self.entry.message.is_empty() { line.trim_start_matches(['\u{fffd}']) } else { line };
            if !(self.entry.message.is_empty() && text.len() < 2) {
                self.add(text);
            }
            return true;
        }
        if self.in_message && line.starts_with("     ") {
            self.add(line.trim());
            return true;
        }
        self.finish(done);
        false
    }

    fn add(&mut self, text: &str) {
        if self.entry.message.len() + text.len() < 1 << 20 {
            if !self.entry.message.is_empty() {
                self.entry.message.push('\n');
            }
            self.entry.message.push_str(text);
        }
    }

    fn set(&mut self, key: &str, value: String) {
        if !self.any {
            *self = Fields { any: true, kernel: true, ..Fields::default() };
        }
        (self.in_message, self.named) = (key == "MESSAGE", false);
        match key {
            "MESSAGE" => self.entry.message = value,
            "_HOSTNAME" => self.entry.host = Some(value),
            "_SOURCE_MONOTONIC_TIMESTAMP" => self.entry.uptime_us = value.parse().ok(),
            "SYSLOG_IDENTIFIER" => {
                self.kernel &= is_kernel(&value);
                self.entry.program = Some(value);
            }
            "_TRANSPORT" => self.kernel &= value == "kernel",
            _ => {}
        }
    }

    /// The entry is over.
    pub fn finish(&mut self, done: &mut impl FnMut(Entry)) {
        let Fields { mut entry, any, kernel, .. } = std::mem::take(self);
        if any && !entry.message.is_empty() {
            if kernel {
                entry.program = None;
            }
            done(entry);
        }
    }
}

/// `MESSAGE=text`, indented or not.
fn field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim_start().split_once('=')?;
    journal(key).then_some((key, value))
}

/// True for names of fields as the journal has them.
fn journal(key: &str) -> bool {
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let known = key.starts_with('_')
        || ["MESSAGE", "PRIORITY", "SYSLOG_", "CODE_", "UNIT", "INVOCATION_ID", "JOB_", "TID", "ERRNO", "MESSAGE_ID"]
            .iter()
            .any(|k| key.starts_with(k));
    known && key.len() > 2 && key.bytes().all(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Entry> {
        let mut fields = Fields::default();
        let mut out = Vec::new();
        for line in text.lines() {
            fields.take(line, &mut |e| out.push(e));
        }
        fields.finish(&mut |e| out.push(e));
        out
    }

    #[test]
    fn verbose_and_export() {
        // As systemd 252 prints them.
        let verbose = "Thu 2026-01-01 00:01:40.000000 UTC [s=8;i=1;b=0;m=5f5e100;t=6;x=c]\n    PRIORITY=4\n    _TRANSPORT=kernel\n    MESSAGE=Mem-Info:\n    _HOSTNAME=n1\n    _SOURCE_MONOTONIC_TIMESTAMP=100000000\n\
            Thu 2026-01-01 00:01:40.000001 UTC [s=8;i=2;b=0;m=5f5e101;t=6;x=d]\n    MESSAGE=active_anon:9\n             active_file:8\n    _TRANSPORT=kernel\n";
        let export = "__CURSOR=s=8;i=1\n_TRANSPORT=kernel\n_HOSTNAME=n1\n_SOURCE_MONOTONIC_TIMESTAMP=100000000\nMESSAGE=Mem-Info:\n\n__CURSOR=s=8;i=2\nMESSAGE\n\u{fffd}active_anon:9\nactive_file:8\n_TRANSPORT=kernel\n\n";
        for text in [verbose, export] {
            let read = read(text);
            assert_eq!(read.len(), 2, "{read:?}");
            assert_eq!((read[0].message.as_str(), read[0].host.as_deref()), ("Mem-Info:", Some("n1")));
            assert_eq!(read[0].uptime_us, Some(100_000_000));
            assert_eq!(read[1].message, "active_anon:9\nactive_file:8");
        }
        let other = read("__CURSOR=1\nSYSLOG_IDENTIFIER=systemd-oomd\n_TRANSPORT=journal\nMESSAGE=Killed /a\n");
        assert_eq!(other[0].program.as_deref(), Some("systemd-oomd"));
        // Lengths of 97 (a letter) and of 266 (a line break among its bytes).
        for length in [97u64, 266] {
            let mut fields = Fields { length: 8, ..Fields::default() };
            let bytes = [&length.to_le_bytes()[..], b"anon 9"].concat();
            let left: Vec<&[u8]> = bytes.split(|b| *b == b'\n').filter_map(|l| fields.length(l)).collect();
            assert_eq!(left, [b"anon 9"], "{length}");
        }
        assert!(read("RAX=12\nA=b\nmem=4G\n").is_empty());
    }
}
