//! `--format text`.

use super::{AcceptedOutcome, ChangedOutcome, CheckOutcome, CheckedExpectation, CheckedRuns, CheckedScenario, summary};
use crate::{style, text as run_text};
use oomsim_core::record::expect::ExpectationResult;
use std::fmt::Write;

/// Maximum number of warnings of a scenario that are shown.
const MOST_WARNINGS: usize = 10;

/// A line for each scenario, more for those that fail, and a summary; `studies` files were passed over. With `quiet`
/// only those that fail, and the summary.
pub fn text(checked: &[CheckedScenario], studies: usize, quiet: bool) -> String {
    let shown = checked.iter().filter(|checked| !quiet || checked.fails());
    shown.map(scenario).chain([summary(checked, studies)]).collect()
}

fn scenario(checked: &CheckedScenario) -> String {
    let file = &checked.file;
    match &checked.outcome {
        CheckOutcome::Invalid { message, .. } => format!("{} {file}\n{}\n", style::paint(style::BAD, "ERROR"), message),
        CheckOutcome::Skipped => format!("{}  {file}: not run\n", style::paint(style::DIM, "-   ")),
        CheckOutcome::Ran(runs) => ran(checked, runs),
    }
}

fn ran(checked: &CheckedScenario, runs: &CheckedRuns) -> String {
    let file = &checked.file;
    let warned = warnings(checked);
    let (failed, all) = (runs.failed().count(), runs.expectations.len());
    let written = match &runs.outcome {
        AcceptedOutcome::Written { file } => format!("; outcome written to {file}"),
        AcceptedOutcome::Same => ", the outcome is the accepted one".into(),
        _ => String::new(),
    };
    if runs.holds() {
        let what = if all == 0 { "expects nothing".into() } else { format!("{all} hold") };
        return format!("{}    {file}: {what}{written}{warned}", style::paint(style::GOOD, "ok"));
    }
    let head = style::paint(style::BAD, "FAIL");
    let what = match (failed, runs.changed()) {
        (0, _) => "the outcome has changed".into(),
        (_, None) => format!("{failed} of {all} do not hold"),
        (_, Some(_)) => format!("{failed} of {all} do not hold, and the outcome has changed"),
    };
    let mut text = format!("{head}  {file}: {what}{written}{warned}");
    for failed in runs.failed() {
        let shown = ExpectationResult { found: failed.found(), ..failed.result.clone() };
        let _ = write!(text, "{file}:{}:\n{}", failed.result.line, run_text::expectation(&shown));
    }
    if let Some(outcome) = runs.changed() {
        text.push_str(&changed(outcome));
    }
    for command in runs.commands() {
        let _ = writeln!(text, "        reproduce: {command}");
    }
    if let Some(folder) = &runs.artifacts {
        let _ = writeln!(text, "        files: {folder}");
    }
    text
}

fn changed(outcome: &ChangedOutcome) -> String {
    let mut text = format!("{}:\n", outcome.file);
    for line in outcome.difference.lines() {
        let look = match line.chars().next() {
            Some('-') => style::BAD,
            Some('+') => style::GOOD,
            _ => style::DIM,
        };
        let _ = writeln!(text, "        {}", style::paint(look, line));
    }
    if let Some(why) = &outcome.difference.why {
        let _ = writeln!(text, "        first difference: {why}");
    }
    if let Some(accept) = &outcome.accept {
        let _ = writeln!(text, "        accept the change: {accept}");
    }
    text
}

fn warnings(checked: &CheckedScenario) -> String {
    let count = checked.problems.len();
    let plural = run_text::plural(count as u64, "warning");
    let mut warned = if count > 0 { format!(", {plural}\n") } else { "\n".into() };
    let line = |warning| format!("        {}: {warning}\n", style::paint(style::WARN, "warning"));
    warned.extend(checked.warnings().take(MOST_WARNINGS).map(line));
    if count > MOST_WARNINGS {
        let _ = writeln!(warned, "        … and {} more", count - MOST_WARNINGS);
    }
    warned
}

/// What failed in an expectation, in lines for annotations and tables.
pub(super) fn sentences(failed: &CheckedExpectation) -> String {
    let ExpectationResult { expected, source, .. } = &failed.result;
    let (found, reproduce) = (failed.found(), &failed.reproduce);
    format!("expected: {expected}\nfound: {found}\nsource: {source}\nreproduce: {reproduce}")
}
