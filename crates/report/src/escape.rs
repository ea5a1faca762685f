//! What comes from files – names, descriptions, sources, comms, names of files – on its way out: nothing of it is taken
//! for a command by a terminal, a CI runner, a spreadsheet or a shell. XML is escaped by the libraries that write it.

use std::borrow::Cow;

/// A character that a terminal acts on instead of showing it, or that changes the order in which others are shown.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn push(out: &mut String, c: char) {
    // As JSON writes it, so that JSON stays JSON.
    if acts(c) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
}

/// One line for a terminal: characters that act are shown as `\u001b`.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut out, c));
    out.into()
}

/// A whole output for a terminal, with the colours of [`crate::style`] and of diagnostics: only these, ends of
/// lines and tabs act.
pub fn output(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !acts(c) || c == '\n' || c == '\t';
    if text.chars().all(plain) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = colour(rest).unwrap_or(c.len_utf8());
        if length > 1 && c == '\u{1b}' {
            out.push_str(&rest[..length]);
        } else if plain(c) {
            out.push(c);
        } else {
            push(&mut out, c);
        }
        rest = &rest[length..];
    }
    out.into()
}

/// The length of the colour or weight that a text begins with: `ESC [ numbers m`, and of the numbers none that hides,
/// swaps or blinks.
fn colour(text: &str) -> Option<usize> {
    let text = text.strip_prefix("\u{1b}[")?;
    let length = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
    let (numbers, rest) = text.split_at(length);
    let known = |n: &str| matches!(n.parse(), Ok(0u8..=4 | 22..=24 | 30..=37 | 39 | 90..=97));
    (rest.starts_with('m') && (numbers.is_empty() || numbers.split(';').all(known))).then_some(length + 3)
}

/// Whether a text begins with a word for a reader that sees no colours.
fn begins(mut text: &str, word: &str) -> bool {
    word.chars().all(|expected| {
        while let Some(length) = colour(text) {
            text = &text[length..];
        }
        let rest = text.strip_prefix(expected);
        text = rest.unwrap_or(text);
        rest.is_some()
    })
}

/// Whether a text begins as a command that a runner finds anywhere in a line: `##[` and `##vso[` of Azure Pipelines,
/// `##teamcity[`.
fn begins_command(text: &str) -> bool {
    ["##[", "##vso[", "##teamcity["].iter().any(|command| begins(text, command))
}

/// Text of a JSON document: characters that act, other than ends of lines, and commands such as `##[` with JSON's own
/// escapes.
pub fn json(text: &str) -> Cow<'_, str> {
    let acting = |c: char| acts(c) && c != '\n';
    if !text.contains(acting) && !text.contains("##") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => out.push(c),
            '#' if begins_command(&text[at..]) => out.push_str("\\u0023"),
            c => push(&mut out, c),
        }
    }
    out.into()
}

/// Takes the meaning from lines that GitHub's runner would take for commands (`::warning::`), or others (`##[error]`),
/// with their colours and without them: these are taken out on the way to anything but a terminal.
pub fn no_commands(text: &str) -> Cow<'_, str> {
    if !text.contains(':') && !text.contains('#') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut blank) = (text, true);
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if blank && begins(rest, "::") {
            out.push('\\');
        }
        out.push(c);
        if c == '#' && begins_command(rest) {
            out.push('\\');
        }
        blank = c == '\n' || blank && c.is_whitespace();
        rest = &rest[c.len_utf8()..];
    }
    if out.len() == text.len() { text.into() } else { out.into() }
}

/// A field of CSV on one line, which no spreadsheet takes for a formula.
pub fn csv(text: &str) -> String {
    let mut out = String::new();
    oomsim_planning::row::field(&mut out, text);
    out
}

/// A word for a POSIX shell; what a terminal would act on stands as `$'\x1b'` (POSIX.1-2024).
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if word.contains(acts) {
        let mut out = "$'".to_owned();
        for c in word.chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if acts(c) && c.is_ascii() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => push(&mut out, c),
            }
        }
        return out + "'";
    }
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_one_word_and_act_on_no_terminal() {
        for (word, expected) in [
            ("a/b.toml", "a/b.toml"),
            ("it's $(id)", "'it'\\''s $(id)'"),
            ("a\u{1b}[31m'\\\n\u{202e}b", "$'a\\x1b[31m\\'\\\\\\x0a\\u202eb'"),
        ] {
            assert_eq!(shell(word), expected);
        }
    }

    #[test]
    fn a_terminal_gets_colours_and_nothing_else_that_acts() {
        assert_eq!(line("a\u{1b}]0;title\u{7}\u{202e}evil\n"), "a\\u001b]0;title\\u0007\\u202eevil\\u000a");
        assert_eq!(line("größer – 50 %"), "größer – 50 %");
        let ours = "\u{1b}[1m\u{1b}[31mred\u{1b}[0m\tand\n";
        assert_eq!(output(ours), ours);
        for (hostile, shown) in [
            ("\u{1b}]0;pwn\u{7}", "\\u001b]0;pwn\\u0007"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{1b}[8mhidden", "\\u001b[8mhidden"),
            ("\u{1b}[", "\\u001b["),
            ("\u{9b}2J", "\\u009b2J"),
            ("a\rb", "a\\u000db"),
            ("a\u{61c}b", "a\\u061cb"),
        ] {
            assert_eq!(output(hostile), shown);
        }
    }

    #[test]
    fn a_runner_gets_no_commands() {
        let text = "fine :: so\n  ::warning file=x::y\nsee ##[error]z\n";
        assert_eq!(no_commands(text), "fine :: so\n  \\::warning file=x::y\nsee #\\#[error]z\n");
        for (command, shown) in [("a ##vso[task.x]", "a #\\#vso[task.x]"), ("##teamcity[m]", "#\\#teamcity[m]")] {
            assert_eq!(no_commands(command), shown);
            assert_eq!(json(command), shown.replace("#\\#", "\\u0023#"));
        }
        assert!(matches!(no_commands("## heading [x]"), Cow::Borrowed(_)));
        let coloured = "\u{1b}[1m::\u{1b}[0mwarning::x\n \u{1b}[1m:\u{1b}[0m:y #\u{1b}[0m#\u{1b}[31m[z] \u{1b}[8m::\n";
        let shown =
            "\u{1b}[1m\\::\u{1b}[0mwarning::x\n \u{1b}[1m\\:\u{1b}[0m:y #\\\u{1b}[0m#\u{1b}[31m[z] \u{1b}[8m::\n";
        assert_eq!(no_commands(coloured), shown, "a pipe gets it without colours");
        assert!(matches!(no_commands("a: b\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_spreadsheet_gets_no_formulas() {
        assert_eq!(csv("=HYPERLINK(1,2)"), "\"'=HYPERLINK(1,2)\"");
        assert_eq!(csv("@x"), "'@x");
        assert_eq!(csv("-5.25"), "-5.25");
        assert_eq!(csv("a,b\"c"), "\"a,b\"\"c\"");
        assert_eq!(csv("two\nlines"), "two\u{fffd}lines");
    }

    #[test]
    fn a_shell_gets_one_word() {
        assert_eq!(shell("a b.toml"), "'a b.toml'");
        assert_eq!(shell("it's; rm -rf ~"), "'it'\\''s; rm -rf ~'");
        assert_eq!(shell("kubelet.x=1Gi"), "kubelet.x=1Gi");
        assert_eq!(shell(""), "''");
    }
}
