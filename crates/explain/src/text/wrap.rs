//! Lines that fit on a terminal.

/// Longest line in characters.
const WIDTH: usize = 110;

/// A text in lines, the first with `first` in front, the others with `rest`. Words longer than a line stay whole; a
/// control character, which only a name from a file can have, is no part of a line.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let text = text.replace(char::is_control, "\u{fffd}");
    let mut out = String::from(first);
    let mut used = first.chars().count();
    let mut begun = false;
    for word in text.split(' ') {
        let width = word.chars().count();
        if begun && used + 1 + width > WIDTH {
            out.push('\n');
            out.push_str(rest);
            used = rest.chars().count();
            begun = false;
        }
        if begun {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
        begun = true;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_at_blanks() {
        let text = wrapped(&"word ".repeat(40), "> ", "  ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().filter(|w| *w == "word").count(), 40);
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
    }
}
