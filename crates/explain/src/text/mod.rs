//! Explanations as text, for a person who knows Linux but not Kubernetes.

mod facts;
mod table;
mod title;
mod words;
mod wrap;

pub use facts::sentence;
pub use title::{because, headline, listing, title};

use crate::fact::Link;
use crate::why::{Explanation, Unhappened};
use oomsim_core::node_api::Name;
use oomsim_core::record::expect;
use oomsim_core::units::{Bytes, SimTime};
use std::fmt::Write;
pub(crate) use wrap::wrapped;

/// Memory as Kubernetes writes it.
pub(crate) fn amount(bytes: Bytes) -> String {
    expect::amount(i64::try_from(bytes.get()).unwrap_or(i64::MAX))
}

/// Memory that can be negative.
pub(crate) fn signed(bytes: i64) -> String {
    expect::amount(bytes)
}

/// An instant: seconds with milliseconds.
pub(crate) fn clock(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03}s", ms / 1000, ms % 1000)
}

/// The whole explanation.
pub fn explanation(why: &Explanation) -> String {
    let mut text = format!("{}\n{}", title(why), wrapped(&because(why), "  ", "  "));
    section(&mut text, "HOW IT CAME TO THAT", &why.chain);
    if why.candidates.is_some() || !why.choosing.is_empty() {
        section(&mut text, "WHY THIS ONE", &why.choosing);
        if let Some(candidates) = &why.candidates {
            if why.choosing.is_empty() {
                text.push_str("\nWHY THIS ONE\n");
            }
            text.push_str(&table::candidates(candidates));
        }
    }
    section(&mut text, "WHAT FOLLOWED", &why.after);
    let words = words::of(&text);
    text.push_str(&words);
    text.push_str(&rules([&why.chain, &why.choosing, &why.after].into_iter().flatten()));
    text
}

/// Why something did not happen.
pub fn not_happened(what: Unhappened, pod: Option<&Name>, links: &[Link]) -> String {
    let whom = pod.map_or_else(|| "no pod".to_owned(), |pod| format!("{pod} was not"));
    let head = match (what, pod) {
        (Unhappened::Evicted, None) => "Why no pod was evicted".to_owned(),
        (Unhappened::Killed, None) => "Why the kernel killed no process".to_owned(),
        (Unhappened::Evicted, Some(_)) => format!("Why {whom} evicted"),
        (Unhappened::Killed, Some(_)) => format!("Why {whom} killed by the kernel"),
    };
    let mut text = format!("{head}\n");
    section(&mut text, "WHAT HELD", links);
    let words = words::of(&text);
    text.push_str(&words);
    text.push_str(&rules(links.iter()));
    text
}

/// With a capital letter, unless it begins with the name of a process or pod.
fn capital(sentence: &str) -> String {
    match sentence.strip_prefix("what ").or(sentence.strip_prefix("all ")) {
        Some(_) => sentence[..1].to_uppercase() + &sentence[1..],
        None => sentence.to_owned(),
    }
}

fn section(text: &mut String, heading: &str, links: &[Link]) {
    if links.is_empty() {
        return;
    }
    let _ = write!(text, "\n{heading}\n");
    for link in links {
        let at = link.at.map_or_else(String::new, clock);
        let rule = link.rule.map_or_else(String::new, |rule| format!(" [{}]", rule.id()));
        let sentence = format!("{}{rule}", capital(&facts::sentence(&link.fact)));
        text.push_str(&wrapped(&sentence, &format!("  {at:>11}  "), &" ".repeat(15)));
    }
}

/// The rules that were named, once each, with their sources.
fn rules<'a>(links: impl Iterator<Item = &'a Link>) -> String {
    let mut named: Vec<_> = links.filter_map(|link| link.rule).collect();
    named.sort();
    named.dedup();
    if named.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nTHE RULES\n");
    for rule in named {
        let said = format!("[{}] {} ({})", rule.id(), rule.says(), rule.source());
        text.push_str(&wrapped(&said, "  ", "      "));
    }
    text
}
