//! What would have prevented it, as text.

use super::found::{Cure, NoDifference, NotTried, Prevention};
use super::outcome::{Fate, Target};
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
    if !found.not_tried.is_empty() {
        text.push_str("\nWHAT WAS NOT TRIED\n");
        text.push_str(&not_tried(&found.not_tried));
    }
    if found.broken_off {
        text.push_str("\nThe search had no runs left; --runs allows more.\n");
    }
    text
}

fn one(number: usize, cure: &Cure) -> String {
    let mut text = wrapped(&what(cure), &format!("  {number:>2}. "), "      ");
    for line in cure.to.change.to_paste().lines() {
        let _ = writeln!(text, "      {line}");
    }
    text.push_str(&wrapped(&effect(cure), "      ", "      "));
    text
}

/// What a cure changes, from what to what; of an action, until when.
pub fn what(cure: &Cure) -> String {
    let Cure { knob, from, to, .. } = cure;
    if to.change.at.is_some() {
        return format!("{knob} {} at the latest", to.text);
    }
    let from = if from.is_empty() { String::new() } else { format!("{from} → ") };
    format!("{knob}: {from}{}", to.text)
}

/// What a cure does: in how many runs it helps, whether for ever, and what becomes of the others.
pub fn effect(cure: &Cure) -> String {
    let mut parts = vec![helped(&cure.helped)];
    if let Some(less) = &cure.one_step_less {
        let late = if less.change.at.is_some() { "what is done " } else { "" };
        parts.push(format!("{late}{} does not help", less.text));
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
    if helped.runs == 0 {
        return "not tried with other seeds: no runs were left".into();
    }
    format!(
        "helps in {} of {} runs with other seeds and phases ({:.0} to {:.0} %)",
        helped.unharmed,
        helped.runs,
        helped.low * 100.0,
        helped.high * 100.0
    )
}

fn nothing(none: &NoDifference) -> String {
    let is_action = none.tried.iter().any(|(to, _)| to.starts_with("at "));
    let from = if none.from.is_empty() { String::new() } else { format!(" from {}", none.from) };
    // What comes to the same is said once.
    let same = |a: &(String, Fate), b: &(String, Fate)| a.1 == b.1;
    let tried = none.tried.chunk_by(same).map(|group| {
        let to: Vec<&str> = group.iter().map(|(to, _)| to.as_str()).collect();
        format!("{}: {} at {}", to.join(", "), group[0].1.cause, clock(group[0].1.at))
    });
    let tried: Vec<String> = tried.collect();
    let (word, between) = if is_action { ("even", "; even ") } else { ("to", "; to ") };
    wrapped(&format!("{}{from} {word} {}", none.knob, tried.join(between)), "  ", "      ")
}

/// What could not be tried, by reason.
fn not_tried(all: &[NotTried]) -> String {
    let mut text = String::new();
    let mut said: Vec<&str> = Vec::new();
    for NotTried { why, .. } in all {
        if said.contains(&why.as_str()) {
            continue;
        }
        said.push(why);
        let knobs: Vec<&str> = all.iter().filter(|one| one.why == *why).map(|one| one.knob.as_str()).collect();
        text.push_str(&wrapped(&format!("{}: {why}", knobs.join(", ")), "  ", "      "));
    }
    text
}
