//! Texts as programs print them for programmers: lists and bytes of Python (`['…', b'…']`), strings of JavaScript,
//! Rust, C, Perl, YAML, one a line.

use serde_json::Value;

/// Deepest nesting that is looked into.
const MOST_DEPTH: usize = 64;

/// A list, tuple or dictionary of Python (or of Ruby, or strings of Go) behind any prefix, as a value; what has been
/// cut off is closed. `None` when there is no such thing with a text that `known` knows.
pub(crate) fn value(line: &str, known: impl Fn(&str) -> bool) -> Option<Value> {
    let start = ["['", "[b'", "[b\"", "[u'", "('", "(b'", "(b\"", "{'", "[\"", "[{'", "[{\"", "[('", "[['"];
    let begin = start.iter().filter_map(|s| line.find(s)).min()?;
    let mut translation = Translation::default();
    let mut rest = &line[begin..];
    while let Some(c) = rest.chars().next() {
        if let Some((text, after)) = literal(rest) {
            translation.known |= text.lines().any(&known);
            translation.text(&text);
            rest = after;
        } else {
            translation.sign(c, rest)?;
            rest = &rest[c.len_utf8().max(translation.word)..];
            translation.word = 0;
        }
        if translation.open.is_empty() {
            break;
        }
    }
    while let Some(end) = translation.open.pop() {
        translation.close(end);
    }
    translation.known.then(|| serde_json::from_str(&translation.json).ok()).flatten()
}

/// JSON in the making.
#[derive(Default)]
struct Translation {
    json: String,
    /// The brackets that are to be closed.
    open: Vec<char>,
    known: bool,
    /// Bytes of the word that was taken.
    word: usize,
}

impl Translation {
    fn last(&self) -> Option<char> {
        self.json.trim_end().chars().next_back()
    }

    fn text(&mut self, text: &str) {
        if self.last().is_some_and(|c| !"[{,:".contains(c)) {
            self.json.push(',');
        }
        self.json.push_str(&Value::from(text).to_string());
    }

    fn sign(&mut self, c: char, rest: &str) -> Option<()> {
        match c {
            '[' | '(' | '{' => {
                if self.open.len() == MOST_DEPTH {
                    return None;
                }
                self.json.push(if c == '{' { '{' } else { '[' });
                self.open.push(if c == '{' { '}' } else { ']' });
            }
            ']' | ')' | '}' => {
                let end = self.open.pop()?;
                self.close(end);
            }
            '=' if rest.starts_with("=>") => {
                self.json.push(':');
                self.word = 2;
            }
            ',' | ':' | '-' | '.' | '0'..='9' => self.json.push(c),
            _ if c.is_whitespace() => self.json.push(' '),
            _ if c.is_alphabetic() => {
                self.word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                self.json.push_str("null");
            }
            _ => return None,
        }
        Some(())
    }

    /// Without the comma that may stand before the end of a list.
    fn close(&mut self, end: char) {
        let length = self.json.trim_end().trim_end_matches(',').len();
        self.json.truncate(length);
        if self.json.ends_with(':') {
            self.json.push_str("null");
        }
        self.json.push(end);
    }
}

/// The text of a line that is one string, whatever closes it: `  '…',` `"…\n" +` `- '…'` `b'…'`.
pub(crate) fn alone(line: &str) -> Option<String> {
    let text = line.trim().trim_start_matches(['[', '(', '{']);
    let text = text.strip_prefix("- ").unwrap_or(text).trim_start();
    let (text, after) = literal(text)?;
    after.bytes().all(|b| b",;+)]}.\\ ".contains(&b)).then_some(text)
}

/// A quoted text, and what follows it; without its end it goes to the end of the line.
fn literal(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix(['b', 'u', 'r']).filter(|t| t.starts_with(['\'', '"'])).unwrap_or(text);
    let quote = body.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = &body[1..];
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escape(after, &mut bytes),
            // Doubled, as in YAML and CSV.
            c if c == quote && after.starts_with(quote) && !bytes.is_empty() => {
                bytes.push(c as u8);
                &after[1..]
            }
            c if c == quote => return Some((String::from_utf8_lossy(&bytes).into_owned(), after)),
            c => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                after
            }
        };
    }
    Some((String::from_utf8_lossy(&bytes).into_owned(), ""))
}

/// What a backslash stands for; returns what follows it.
fn escape<'a>(after: &'a str, bytes: &mut Vec<u8>) -> &'a str {
    let Some(c) = after.chars().next() else { return after };
    let rest = &after[c.len_utf8()..];
    let plain = match c {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        'e' => 0x1b,
        '0' => 0,
        '\\' | '\'' | '"' => c as u8,
        'x' => match rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                return &rest[2..];
            }
            None => b'x',
        },
        'u' => {
            let code = rest.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
            bytes.extend_from_slice(code.unwrap_or('u').encode_utf8(&mut [0; 4]).as_bytes());
            return if code.is_some() { &rest[4..] } else { rest };
        }
        // Others are the text's own.
        _ => {
            bytes.push(b'\\');
            return after;
        }
    };
    bytes.push(plain);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn oom(text: &str) -> bool {
        text.contains("oom")
    }

    #[test]
    fn lists_of_languages() {
        for (line, expected) in [
            // print(lines) of Python, of bytes, as a tuple, with double quotes round a single one.
            (r#"['a oom', "it's", 'b']"#, json!(["a oom", "it's", "b"])),
            (r#"[b'a oom\n', b'\xc3\xbc']"#, json!(["a oom\n", "ü"])),
            ("('a oom',)", json!(["a oom"])),
            (r#"INFO:root:{'rc': 0, 'ok': True, 'out': ['a oom']}"#, json!({"rc": 0, "ok": null, "out": ["a oom"]})),
            // fmt.Printf("%q") of Go, inspect of Ruby, and a list that was cut.
            (r#"["a oom" "b"]"#, json!(["a oom", "b"])),
            (r#"[{"msg"=>"a oom"}]"#, json!([{"msg": "a oom"}])),
            ("['a oom', 'b", json!(["a oom", "b"])),
        ] {
            assert_eq!(value(line, oom), Some(expected), "{line}");
        }
        for line in ["['a', 'b']", "oom ['", "a oom", "", "x('oom', <y>)"] {
            assert_eq!(value(line, oom), None, "{line}");
        }
    }

    #[test]
    fn strings_of_a_line() {
        for line in ["  'a \"b\"',", "- 'a \"b\"'", r#""a \"b\"" +"#, "(b'a \"b\"')", "['a \"b\"'", "\"a \"\"b\"\"\";"]
        {
            assert_eq!(alone(line).as_deref(), Some("a \"b\""), "{line}");
        }
        assert_eq!(alone(r#""a\n""#).as_deref(), Some("a\n"));
        for line in
            ["'x' invoked oom-killer: gfp_mask=0", "a 'b'", "[    5.1] 'b'", "\"Killing container\" pod=\"a/b\"", ""]
        {
            assert_eq!(alone(line), None, "{line}");
        }
    }
}
