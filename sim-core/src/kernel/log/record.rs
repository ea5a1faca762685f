//! One record of the kernel's ring buffer and its renderings.

use crate::units::SimTime;
use std::fmt::Write;

/// `KERN_EMERG`.
pub const EMERG: u8 = 0;
/// `KERN_ERR`.
pub const ERR: u8 = 3;
/// `KERN_WARNING`.
pub const WARNING: u8 = 4;
/// `KERN_INFO`.
pub const INFO: u8 = 6;

/// One call of `printk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// When.
    pub at: SimTime,
    /// Priority, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// Text without a final newline; some messages have several lines.
    pub text: String,
}

impl LogRecord {
    /// `[seconds.micros] text` as `dmesg` prints it: further lines of the record are indented by the stamp's width
    /// (util-linux's `safe_fwrite`).
    pub fn dmesg(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 20);
        self.push_dmesg(&mut out);
        out
    }

    /// Adds the lines of [`dmesg`](Self::dmesg) to a text.
    pub fn push_dmesg(&self, out: &mut String) {
        let (secs, micros) = self.stamp();
        let start = out.len();
        // Writing to a String cannot fail.
        let _ = write!(out, "[{secs:5}.{micros:06}] ");
        let width = out.len() - start;
        let mut lines = self.text.split('\n');
        out.push_str(lines.next().unwrap_or_default());
        for line in lines {
            let _ = write!(out, "\n{:width$}{line}", "");
        }
        out.push('\n');
    }

    /// As the kernel writes it to a console, where every line has the stamp (`record_print_text` of printk).
    pub fn console(&self) -> String {
        let (secs, micros) = self.stamp();
        let mut out = String::with_capacity(self.text.len() + 16);
        for line in self.text.split('\n') {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "[{secs:5}.{micros:06}] {line}");
        }
        out
    }

    /// A record as `/dev/kmsg` gives it: `PRIO,SEQ,USEC,-;text`, with bytes outside of printable ASCII and
    /// backslashes as `\xNN` (Documentation/ABI/testing/dev-kmsg).
    pub fn kmsg(&self, seq: u64) -> String {
        let mut out = String::with_capacity(self.text.len() + 32);
        self.push_kmsg(seq, &mut out);
        out
    }

    /// Adds the record of [`kmsg`](Self::kmsg) to a text.
    pub fn push_kmsg(&self, seq: u64, out: &mut String) {
        let _ = write!(out, "{},{seq},{},-;", self.level, self.at.as_nanos() / 1000);
        let plain = |c: char| (' '..'\x7f').contains(&c) && c != '\\';
        let mut rest = &self.text[..];
        while let Some(at) = rest.find(|c| !plain(c)) {
            let (before, odd) = rest.split_at(at);
            out.push_str(before);
            let length = odd.chars().next().map_or(0, char::len_utf8);
            for byte in &odd.as_bytes()[..length] {
                let _ = write!(out, "\\x{byte:02x}");
            }
            rest = &odd[length..];
        }
        out.push_str(rest);
        out.push('\n');
    }

    fn stamp(&self) -> (u64, u64) {
        let micros = self.at.as_nanos() / 1000;
        (micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_renderings_follow_the_kernels_documented_form() {
        let record =
            LogRecord { at: SimTime::from_nanos(10_656_426_999), level: INFO, text: "anon 1\nfile 2 \\".into() };
        // The stamp's form: the recordings (`[   10.656426] …`); the escapes: the kernel's dev-kmsg description.
        assert_eq!(record.dmesg(), "[   10.656426] anon 1\n               file 2 \\\n");
        assert_eq!(record.console(), "[   10.656426] anon 1\n[   10.656426] file 2 \\\n");
        assert_eq!(record.kmsg(7), "6,7,10656426,-;anon 1\\x0afile 2 \\x5c\n");
    }
}
