//! Results of `oomsim check`: scenarios and their expectations, as text, JSON and annotations.

use crate::{github, json, style, text};
use oomsim_core::record::expect::ExpectationResult;
use oomsim_scenario::Diagnostic;
use serde_json::json;

/// Maximum number of warnings of a scenario that are shown as text.
const MOST_WARNINGS: usize = 10;

/// What is to blame when a scenario could not be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The scenario's file.
    Input,
    /// The program or the machine.
    Program,
}

/// Result of checking a scenario.
#[derive(Clone, Debug)]
pub enum CheckOutcome {
    /// It ran.
    Ran {
        /// Results of its expectations.
        results: Vec<ExpectationResult>,
        /// Seed of the run.
        seed: u64,
        /// Digest of the run.
        digest: String,
        /// The command that repeats the run.
        reproduce: String,
    },
    /// It could not be run.
    Invalid {
        /// What is to blame.
        fault: Fault,
        /// Why, as text for the user.
        message: String,
    },
}

/// A scenario and its result.
#[derive(Clone, Debug)]
pub struct CheckedScenario {
    /// The file.
    pub file: String,
    /// Its result.
    pub outcome: CheckOutcome,
    /// Problems of its file, with their places.
    pub problems: Vec<Diagnostic>,
}

impl CheckedScenario {
    /// Whether it ran and all expectations hold.
    pub fn holds(&self) -> bool {
        matches!(&self.outcome, CheckOutcome::Ran { results, .. } if results.iter().all(|result| result.holds))
    }

    /// The warnings about its file, one line each: `kubelet.yaml:3: what is wrong, how to fix it`.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|problem| {
            let place = problem.at.as_ref().map_or_else(String::new, |at| format!("{}: ", at.file_line()));
            let sentences: Vec<_> = problem.sentences().collect();
            format!("{place}{}", sentences.join("; "))
        })
    }
}

/// `--format text`: a line for each scenario, more for those that fail, and a summary; `studies` files were passed
/// over.
pub fn text(checked: &[CheckedScenario], studies: usize) -> String {
    checked.iter().map(text_of).chain([summary(checked, studies)]).collect()
}

/// `--format github`: annotations at the lines of what does not hold, and a summary.
pub fn github(checked: &[CheckedScenario], studies: usize) -> String {
    checked.iter().map(annotations).chain([summary(checked, studies)]).collect()
}

fn text_of(checked: &CheckedScenario) -> String {
    let file = &checked.file;
    match &checked.outcome {
        CheckOutcome::Invalid { message, .. } => format!("{} {file}\n{}\n", style::paint(style::BAD, "ERROR"), message),
        CheckOutcome::Ran { results, reproduce, .. } => {
            let failed: Vec<_> = results.iter().filter(|result| !result.holds).collect();
            let count = checked.problems.len();
            let mut warned =
                if count > 0 { format!(", {}\n", text::plural(count as u64, "warning")) } else { "\n".into() };
            let line = |warning| format!("        {}: {warning}\n", style::paint(style::WARN, "warning"));
            warned.extend(checked.warnings().take(MOST_WARNINGS).map(line));
            if count > MOST_WARNINGS {
                warned.push_str(&format!("        … and {} more\n", count - MOST_WARNINGS));
            }
            if failed.is_empty() {
                let what =
                    if results.is_empty() { "expects nothing".into() } else { format!("{} hold", results.len()) };
                return format!("{}    {file}: {what}{warned}", style::paint(style::GOOD, "ok"));
            }
            let head = style::paint(style::BAD, "FAIL");
            let mut text = format!("{head}  {file}: {} of {} do not hold{warned}", failed.len(), results.len());
            for result in failed {
                text.push_str(&format!("{file}:{}:\n{}", result.line, text::expectation(result)));
            }
            text.push_str(&format!("        reproduce: {reproduce}\n"));
            text
        }
    }
}

fn summary(checked: &[CheckedScenario], studies: usize) -> String {
    let failed = |c: &&CheckedScenario| !c.holds() && matches!(c.outcome, CheckOutcome::Ran { .. });
    let invalid = |c: &&CheckedScenario| matches!(c.outcome, CheckOutcome::Invalid { .. });
    let expectations: usize = checked
        .iter()
        .map(|c| if let CheckOutcome::Ran { results, .. } = &c.outcome { results.len() } else { 0 })
        .sum();
    let holding = checked.iter().filter(|c| c.holds()).count();
    let mut parts = vec![format!("{holding} of {} scenarios hold", checked.len())];
    let failed = checked.iter().filter(failed).count();
    for (what, count) in [("failed", failed), ("could not be run", checked.iter().filter(invalid).count())] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let studies =
        if studies > 0 { format!("; {} skipped", text::plural(studies as u64, "study file")) } else { String::new() };
    format!("{} ({expectations} expectations){studies}\n", parts.join(", "))
}

/// `--format json`: one object.
pub fn json_text(checked: &[CheckedScenario]) -> String {
    let one = |c: &CheckedScenario| match &c.outcome {
        CheckOutcome::Ran { results, seed, digest, reproduce } => json!({
            "file": c.file,
            "status": if c.holds() { "holds" } else { "failed" },
            "seed": seed, "digest": digest, "warnings": c.problems.len(), "reproduce": reproduce,
            "problems": c.problems.iter().map(problem).collect::<Vec<_>>(),
            "expectations": results.iter().map(json::expectation).collect::<Vec<_>>(),
        }),
        CheckOutcome::Invalid { fault, message } => json!({
            "file": c.file,
            "status": if *fault == Fault::Input { "invalid" } else { "error" },
            "problems": if c.problems.is_empty() {
                vec![json!({"message": anstream::adapter::strip_str(message).to_string()})]
            } else {
                c.problems.iter().map(problem).collect()
            },
        }),
    };
    let holding = checked.iter().filter(|c| c.holds()).count();
    let object = json!({
        "scenarios": checked.iter().map(one).collect::<Vec<_>>(),
        "total": checked.len(),
        "holding": holding,
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}

fn problem(problem: &Diagnostic) -> serde_json::Value {
    json!({
        "severity": problem.severity.as_str(),
        "message": problem.message,
        "file": problem.at.as_ref().map(|at| at.source.name.clone()),
        "line": problem.at.as_ref().map(|at| at.line()),
        "help": problem.help,
    })
}

/// An annotation for every problem of the file and every expectation that does not hold.
fn annotations(checked: &CheckedScenario) -> String {
    let file = &checked.file;
    let mut text = String::new();
    for problem in &checked.problems {
        let level = problem.severity.as_str();
        let (place, line) = problem.at.as_ref().map_or((file.clone(), 0), |at| (at.source.name.clone(), at.line()));
        let message = [std::slice::from_ref(&problem.message), &problem.help].concat().join("\n");
        text.push_str(&github::annotation(level, &place, line, "scenario", &message));
    }
    match &checked.outcome {
        CheckOutcome::Invalid { message, .. } if checked.problems.is_empty() => {
            let message = anstream::adapter::strip_str(message).to_string();
            text.push_str(&github::annotation("error", file, 0, "scenario", &message));
        }
        CheckOutcome::Invalid { .. } => {}
        CheckOutcome::Ran { results, reproduce, .. } => {
            for result in results.iter().filter(|result| !result.holds) {
                let message = format!(
                    "expected: {}\nfound: {}\nsource: {}\nreproduce: {reproduce}",
                    result.expected, result.found, result.source
                );
                text.push_str(&github::annotation("error", file, result.line, "expectation", &message));
            }
        }
    }
    text
}
