//! What would have prevented it, as text.

use super::outcome::{Fate, Target};
use super::search::{Cure, NoDifference, Prevention};
use super::seeds::Helped;
use crate::text::{clock, wrapped};
use std::fmt::Write;

/// The whole text.
pub fn text(found: &Prevention) -> String {
    let mut text =
        format!("\nWHAT WOULD HAVE PREVENTED IT ({} runs; each change alone, the smallest that helps)\n", found.runs);
    let as_it_is = &found.as_it_is;
    let line = format!(
        "As things are, {} comes to harm in {} of {} runs with other seeds and phases of the kubelet's check.",
        found.target,
        as_it_is.runs - as_it_is.unharmed,
        as_it_is.runs
    );
    text.push_str(&wrapped(&line, "  ", "  "));
    if found.cures.is_empty() {
        text.push_str("  none of the changes that were tried\n");
    }
    for (number, cure) in found.cures.iter().enumerate() {
        text.push_str(&one(number + 1, cure));
    }
    if !found.no_difference.is_empty() {
        text.push_str("\nWHAT MAKES NO DIFFERENCE\n");
        found.no_difference.iter().for_each(|none| text.push_str(&nothing(none)));
    }
    if found.broken_off {
        text.push_str("\nThe search had no runs left; --runs allows more.\n");
    }
    text
}

fn one(number: usize, cure: &Cure) -> String {
    let from = if cure.from.is_empty() { String::new() } else { format!("{} → ", cure.from) };
    let mut text = wrapped(&format!("{}: {from}{}", cure.knob, cure.to.text), &format!("  {number:>2}. "), "      ");
    for line in cure.to.change.to_paste().lines() {
        let _ = writeln!(text, "      {line}");
    }
    text.push_str(&wrapped(&effect(cure), "      ", "      "));
    text
}

/// What a cure does: in how many runs it helps, whether for ever, and what becomes of the others.
pub fn effect(cure: &Cure) -> String {
    let mut parts = vec![helped(&cure.helped)];
    if let Some(less) = &cure.one_step_less {
        parts.push(format!("{} does not help", less.text));
    }
    if let Some(later) = cure.only_later {
        parts.push(format!("buys time only: in a longer run it comes at {} ({})", clock(later.at), later.cause));
    }
    let names = |list: Vec<String>| list.join(", ");
    if !cure.saves.is_empty() {
        parts.push(format!("also saves {}", names(cure.saves.iter().map(Target::to_string).collect())));
    }
    if !cure.harms.is_empty() {
        let harm = |(target, fate): &(Target, Fate)| format!("{target} ({}, {})", fate.cause, clock(fate.at));
        parts.push(format!("but harms {}", names(cure.harms.iter().map(harm).collect())));
    }
    format!("{}.", parts.join("; "))
}

fn helped(helped: &Helped) -> String {
    format!(
        "helps in {} of {} runs with other seeds and phases ({:.0} to {:.0} %)",
        helped.unharmed,
        helped.runs,
        helped.low * 100.0,
        helped.high * 100.0
    )
}

fn nothing(none: &NoDifference) -> String {
    let from = if none.from.is_empty() { String::new() } else { format!(" from {}", none.from) };
    let tried: Vec<String> =
        none.tried.iter().map(|(to, fate)| format!("{to}: {} at {}", fate.cause, clock(fate.at))).collect();
    wrapped(&format!("{}{from} to {}", none.knob, tried.join(", to ")), "  ", "      ")
}
