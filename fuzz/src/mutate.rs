//! Damaged inputs, each made from its number alone.

use oomsim_core::engine::{Stream, StreamFactory};

/// Numbers at which arithmetic breaks, and words that formats act on.
const WORDS: &[&str] = &[
    "0",
    "-1",
    "1e400",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1e308",
    "NaN",
    "0x10",
    "1Ei",
    "-5Gi",
    "1n",
    "99999999999h",
    "1ns",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{feff}",
    "\"\"\"",
    "'''",
    "]]",
    "[[",
    "{}",
    "[]",
    ":",
    "- ",
    "*a",
    "&a",
    "!!x",
    "<<:",
    "%",
    "\t",
    "\r\n",
    "null",
    "true",
    "~",
    "---\n",
    "ö",
];

/// What is drawn for one try.
pub struct Draws(Stream);

impl Draws {
    /// Those of a try of a target.
    pub fn of(target: &str, number: u64) -> Self {
        Draws(StreamFactory::new(number).stream(target))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound.max(1) as u64) as usize
    }
}

/// One of the inputs, damaged in a few places.
pub fn damaged(draws: &mut Draws, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[draws.below(corpus.len())].clone();
    for _ in 0..=draws.below(6) {
        let at = draws.below(bytes.len() + 1);
        let end = (at + draws.below(40)).min(bytes.len());
        match draws.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << draws.below(8),
            1 => _ = bytes.drain(at..end),
            2 => {
                let word = WORDS[draws.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            3 => {
                // A number or word is replaced by another.
                let word = WORDS[draws.below(WORDS.len())];
                let stop = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                bytes.splice(at..at + stop, word.bytes());
            }
            4 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                // A piece of another input.
                let other = &corpus[draws.below(corpus.len())];
                let from = draws.below(other.len() + 1);
                let to = (from + draws.below(200)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            6 => bytes.truncate(at),
            _ => bytes.extend(vec![bytes.last().copied().unwrap_or(b'['); draws.below(300)]),
        }
    }
    bytes
}
