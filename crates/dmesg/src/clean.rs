//! A physical line without what terminals, mails and tickets add to it: colours, entities, tags, `=3D`.

use std::borrow::Cow;

/// Remembers what kind of text the lines are from.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    /// `=3D` has been seen: a mail's quoted-printable, in which a line that ends with `=` goes on.
    quoted_printable: bool,
    held: String,
}

impl Cleaner {
    /// The line as the kernel's own text; it may have become several. `None`: it goes on in the next one.
    pub fn line<'a>(&mut self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        if !self.quoted_printable
            && let Some(text) = plain(bytes)
        {
            return Some(Cow::Borrowed(text));
        }
        let mut text = controls(&String::from_utf8_lossy(bytes));
        if text.contains("=3D") {
            self.quoted_printable = true;
        }
        if self.quoted_printable {
            if let Some(begun) = text.strip_suffix('=')
                && self.held.len() < 64 << 10
            {
                self.held.push_str(begun);
                return None;
            }
            text.insert_str(0, &std::mem::take(&mut self.held));
            text = unescape(&text, "=");
        }
        if text.contains('<') {
            text = tags(&text, is_xml(&text));
            text.truncate(text.trim_end_matches('\n').len());
        }
        if text.contains('&') {
            text = entities(&text);
        }
        if text.contains("\\_") || text.contains("\\[") {
            text = markdown(&text);
        }
        Some(Cow::Owned(text))
    }

    /// What is left at the end.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// The line, if it is printable ASCII in which nothing is to be undone.
fn plain(bytes: &[u8]) -> Option<&str> {
    if !bytes.iter().all(|b| (0x20..0x7f).contains(b) && !matches!(b, b'<' | b'&' | b'^' | b'\\')) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let coloured = || text.match_indices('[').any(|(at, _)| colour(&text[at + 1..]).is_some());
    (!text.contains("=3D") && !coloured()).then_some(text)
}

/// Without control sequences (with their ESC, as `^[`, or with the ESC lost), overstrikes, carriage returns, zeros.
fn controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\u{1b}' => sequence(after),
            '\u{9b}' => csi(after).unwrap_or(after),
            '^' if after.starts_with('[') => match csi(after.strip_prefix("[[").unwrap_or("")) {
                Some(tail) => tail,
                None => {
                    out.push(c);
                    after
                }
            },
            '[' => match colour(after) {
                Some(tail) => tail,
                None => {
                    out.push(c);
                    after
                }
            },
            '\u{8}' => {
                out.pop();
                after
            }
            // Between fields of a table.
            '\t' => {
                out.push(c);
                after
            }
            // No-break blanks of web pages.
            '\u{a0}' | '\u{202f}' => {
                out.push(' ');
                after
            }
            '\u{200b}' | '\u{feff}' => after,
            c if c.is_control() => after,
            _ => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// After an ESC: CSI, OSC and other strings, two-character sequences.
fn sequence(after: &str) -> &str {
    if let Some(body) = after.strip_prefix('[') {
        return csi(body).unwrap_or(body);
    }
    if let Some(body) = after.strip_prefix([']', 'P', '^', '_', 'X']) {
        // Ends with BEL or ESC \; without an end nothing more is taken than the start.
        let end = body.find('\u{7}').map(|at| at + 1).into_iter().chain(body.find("\u{1b}\\").map(|at| at + 2)).min();
        return end.map_or(body, |at| &body[at..]);
    }
    if let Some(body) = after.strip_prefix(['(', ')', '*', '+', '#', '%', ' ']) {
        return body.get(1..).unwrap_or("");
    }
    let mut chars = after.chars();
    match chars.next() {
        Some('@'..='~') => chars.as_str(),
        _ => after,
    }
}

/// Parameters and final byte of a control sequence.
fn csi(body: &str) -> Option<&str> {
    let end = body.find(|c: char| !matches!(c, '0'..='?' | ' '..='/'))?;
    matches!(body.as_bytes()[end], b'@'..=b'~').then(|| &body[end + 1..])
}

/// `0;1;39m` after a bracket: a colour whose ESC was lost on the way.
fn colour(after: &str) -> Option<&str> {
    let end = after.bytes().take(20).position(|b| !b.is_ascii_digit() && b != b';')?;
    (end > 0 && after.as_bytes()[end] == b'm').then(|| &after[end + 1..])
}

/// True for a line of XML: it begins and ends with a tag, and closes one.
fn is_xml(text: &str) -> bool {
    let line = text.trim();
    let named = line.strip_prefix('<').is_some_and(|t| t.starts_with(|c: char| c.is_ascii_alphabetic()));
    named && line.ends_with('>') && line.contains("</")
}

/// `<br>` and the ends of rows and paragraphs are a line's end, the end of a cell is a blank, other tags of web pages,
/// tickets and XML are nothing.
fn tags(text: &str, xml: bool) -> String {
    const TAGS: [&str; 22] = [
        "html",
        "head",
        "body",
        "details",
        "summary",
        "strong",
        "pre",
        "code",
        "p",
        "div",
        "span",
        "tr",
        "table",
        "tbody",
        "li",
        "ul",
        "blockquote",
        "b",
        "i",
        "tt",
        "font",
        "samp",
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let name = after.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let close = after.find('>').filter(|close| *close < 256);
        let word = &name[..end];
        match close {
            Some(close) if word.eq_ignore_ascii_case("br") => {
                out.push('\n');
                rest = &after[close + 1..];
            }
            Some(close)
                if after.starts_with('/') && ["tr", "p", "div", "li"].iter().any(|t| word.eq_ignore_ascii_case(t)) =>
            {
                out.push('\n');
                rest = &after[close + 1..];
            }
            Some(close) if ["td", "th"].iter().any(|t| word.eq_ignore_ascii_case(t)) => {
                out.push(' ');
                rest = &after[close + 1..];
            }
            Some(close) if TAGS.iter().any(|t| word.eq_ignore_ascii_case(t)) => rest = &after[close + 1..],
            Some(close) if xml && !word.is_empty() && word.bytes().any(|b| b.is_ascii_lowercase()) => {
                out.push(' ');
                rest = &after[close + 1..];
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// `&lt;`, `&#39;`, `&#x27;` and the few others that loggers and web pages write.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let found = after.find(';').filter(|end| *end <= 8).and_then(|end| Some((entity(&after[..end])?, end)));
        match found {
            Some((c, end)) => {
                out.push(c);
                rest = &after[end + 1..];
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// `\_` and `\[` of Markdown; other backslashes are the text's own (`\x2d` of systemd, `\"` of JSON).
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' || !chars.peek().is_some_and(|next| "_[]*()<>#+-.!|`~{}".contains(*next)) {
            out.push(c);
        }
    }
    out
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "lsqb" | "lbrack" => '[',
        "rsqb" | "rbrack" => ']',
        "lpar" => '(',
        "rpar" => ')',
        "equals" => '=',
        "colon" => ':',
        "comma" => ',',
        "period" => '.',
        "lowbar" => '_',
        "sol" => '/',
        "plus" => '+',
        "ast" => '*',
        "vert" => '|',
        "num" => '#',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    })
}

/// `NN` in hexadecimal after each `sign`: `\x1b` of `/dev/kmsg`, `=3D` of mails.
pub(crate) fn unescape(text: &str, sign: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(sign) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let tail = &rest[at + sign.len()..];
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            None => {
                out.extend_from_slice(sign.as_bytes());
                rest = tail;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        Cleaner::default().line(text.as_bytes()).expect("a line").into_owned()
    }

    #[test]
    fn what_tools_add_is_taken_off() {
        let message = "[  100.000000] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0";
        for added in [
            // dmesg --color, journalctl with SYSTEMD_COLORS, cat -v of it, a ticket that lost the ESC.
            "\u{1b}[32m[  100.000000] \u{1b}[0m\u{1b}[33ma invoked oom-killer: \u{1b}[0m\u{1b}[1mgfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\u{1b}[0m",
            "[  100.000000] \u{1b}[0;1;38;5;185m\u{1b}[0;1;39ma invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\u{1b}[0m",
            "^[[32m[  100.000000] ^[[0ma invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "[32m[  100.000000] [0ma invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "[  100.000000] a invoked oom-killer: gfp_mask=3D0xcc0(GFP_KERNEL), order=3D0, oom_score_adj=3D0",
            "<p><code>[  100.000000] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0</code></p>",
            "[  100.000000]&nbsp;a invoked oom&#45;killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "\u{1b}]8;;file:///x\u{7}[  100.000000] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\r",
            "\0\0[  100.000000] x\u{8}a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        ] {
            assert_eq!(cleaned(added), message, "{added:?}");
        }
        for own in ["  <TASK>", "<4>[    1.0] Mem-Info:", "a ^ b [m", "? <ffffffff8163515c> dump_stack", "x = y & z;"] {
            assert_eq!(cleaned(own), own);
        }
        assert_eq!(cleaned("a<br/>b &lt;4&gt;"), "a\nb <4>");
        assert_eq!(cleaned("\\[ 1.0\\] gfp\\_mask=0 a\\x2db"), "[ 1.0] gfp_mask=0 a\\x2db");
    }

    #[test]
    fn a_mails_soft_line_breaks_are_joined() {
        let mut cleaner = Cleaner::default();
        assert!(cleaner.line(b"a invoked oom-killer: gfp_mask=3D0xcc0(GFP_KERNEL), order=3D0, oom_sco=").is_none());
        let line = cleaner.line(b"re_adj=3D0").expect("whole");
        assert_eq!(line, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
    }
}
