//! A diagnosis as text.

use super::Diagnosis;
use super::signs::Sign;
use crate::text::wrapped;

/// Most signs of each side.
const MOST: usize = 6;

/// The whole text.
pub fn text(of: &Diagnosis) -> String {
    let name = format!("{}/{}", of.pod, of.container);
    let percent = of.confidence * 100.0;
    let mut text = match of.cause {
        Some(cause) => wrapped(&format!("{name}: {} ({cause}, {percent:.0} % sure)", cause.says()), "", "  "),
        None => wrapped(&format!("{name}: the signs do not decide ({percent:.0} % for the likeliest)"), "", "  "),
    };
    list(&mut text, "FOR IT", &of.evidence_for);
    list(&mut text, "AGAINST IT", &of.evidence_against);
    if of.cause.is_none() || of.likely.len() > 1 {
        text.push_str("\nWHAT ELSE IT COULD BE\n");
        for likely in of.likely.iter().skip(usize::from(of.cause.is_some())) {
            let line = format!("{:.0} %  {}: {}", likely.probability * 100.0, likely.cause, likely.cause.says());
            text.push_str(&wrapped(&line, "  ", "      "));
        }
    }
    for (heading, said) in [("TO CONFIRM IT", &of.advice.confirm), ("WHAT HELPS", &of.advice.fix)] {
        if !said.is_empty() {
            text.push_str(&format!("\n{heading}\n{}", wrapped(said, "  ", "  ")));
        }
    }
    if !of.advice.measure_next.is_empty() {
        text.push_str("\nWHAT TO MEASURE NEXT\n");
        of.advice.measure_next.iter().for_each(|what| text.push_str(&wrapped(what, "  ", "      ")));
    }
    text
}

fn list(text: &mut String, heading: &str, signs: &[Sign]) {
    if signs.is_empty() {
        return;
    }
    text.push_str(&format!("\n{heading}\n"));
    for sign in signs.iter().take(MOST) {
        let figures = if sign.figures.is_empty() { String::new() } else { format!(": {}", sign.figures) };
        text.push_str(&wrapped(&format!("{}{figures}", sign.kind.says()), "  ", "      "));
    }
}
