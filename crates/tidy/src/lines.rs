//! How wide lines are.

use crate::Source;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Lines with more than `most` characters: their numbers and widths. A line may be wider where a text in quotes
/// crosses that column: a message, or a line of a recorded log, is easier to read and to search for in one piece.
pub fn wide_lines(source: &Source, most: usize) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let wide = lines.iter().enumerate().filter(|(_, line)| line.chars().count() > most);
    let mut wide: Vec<(usize, usize)> = wide.map(|(n, line)| (n + 1, line.chars().count())).collect();
    if !wide.is_empty() {
        let mut literals = Vec::new();
        if let Ok(tokens) = source.text.parse() {
            collect(tokens, &mut literals);
        }
        wide.retain(|(line, _)| !literals.iter().any(|literal| literal.crosses(*line, most)));
    }
    wide
}

/// Where a literal begins and ends: line and column.
struct Literal {
    start: (usize, usize),
    end: (usize, usize),
}

impl Literal {
    fn crosses(&self, line: usize, column: usize) -> bool {
        (self.start.0..=self.end.0).contains(&line)
            && (self.start.0 < line || self.start.1 <= column)
            && (self.end.0 > line || self.end.1 >= column)
    }
}

/// All texts but doc comments, which are attributes with a literal for the compiler.
fn collect(tokens: TokenStream, found: &mut Vec<Literal>) {
    let mut after_hash = false;
    for token in tokens {
        match &token {
            TokenTree::Group(group) => {
                let is_doc = |token: TokenTree| matches!(token, TokenTree::Ident(ident) if ident == "doc");
                let attribute = after_hash && group.delimiter() == Delimiter::Bracket;
                if !(attribute && group.stream().into_iter().next().is_some_and(is_doc)) {
                    collect(group.stream(), found);
                }
            }
            TokenTree::Literal(literal) if literal.to_string().contains('"') => {
                let (start, end) = (literal.span().start(), literal.span().end());
                found.push(Literal { start: (start.line, start.column), end: (end.line, end.column) });
            }
            _ => {}
        }
        // `#![…]` has a `!` between.
        after_hash = matches!(&token, TokenTree::Punct(punct)
            if punct.as_char() == '#' || after_hash && punct.as_char() == '!');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_may_cross_the_edge_and_nothing_else() {
        let text = "/// A doc comment that is long\nfn f() { g(\"a text that is long\"); }\n\
                    fn g() {} // a comment that is long\nfn h() { \"x\"; i(1, 2, 3, 4, 5, 6, 7) }\n\
                    #[arg(value = \"a, b, c, d\")]\nfn i() {}\n";
        let source = Source::new("x/src/a.rs", text).unwrap();
        assert_eq!(wide_lines(&source, 20), [(1, 30), (3, 35), (4, 38)]);
    }
}
