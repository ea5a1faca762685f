//! `--format json`: one object.

use super::{AcceptedOutcome, CheckOutcome, CheckedExpectation, CheckedRuns, CheckedScenario, Fault};
use crate::json::expectation;
use oomsim_planning::stats::{Z95, wilson};
use oomsim_scenario::Diagnostic;
use serde_json::{Value, json};

/// One object.
pub fn json_text(checked: &[CheckedScenario]) -> String {
    let object = json!({
        "scenarios": checked.iter().map(scenario).collect::<Vec<_>>(),
        "total": checked.len(),
        "holding": checked.iter().filter(|c| c.holds()).count(),
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}

fn scenario(checked: &CheckedScenario) -> Value {
    let problems = || checked.problems.iter().map(problem).collect::<Vec<_>>();
    match &checked.outcome {
        CheckOutcome::Ran(runs) => json!({
            "file": checked.file,
            "status": if runs.holds() { "holds" } else { "failed" },
            "seed": runs.seed, "seeds": runs.seeds, "digest": runs.digest, "warnings": checked.problems.len(),
            "reproduce": runs.reproduce,
            "problems": problems(),
            "expectations": runs.expectations.iter().map(checked_expectation).collect::<Vec<_>>(),
            "outcome": outcome(runs),
            "artifacts": runs.artifacts,
        }),
        CheckOutcome::Invalid { fault, message } => json!({
            "file": checked.file,
            "status": if *fault == Fault::Input { "invalid" } else { "error" },
            "problems": if checked.problems.is_empty() {
                vec![json!({"message": anstream::adapter::strip_str(message).to_string()})]
            } else {
                problems()
            },
        }),
        CheckOutcome::Skipped => json!({ "file": checked.file, "status": "skipped" }),
    }
}

fn checked_expectation(checked: &CheckedExpectation) -> Value {
    let mut value = expectation(&checked.result);
    if let (Value::Object(object), true) = (&mut value, checked.of > 1) {
        let interval = wilson(checked.holding, checked.of, Z95);
        object.insert("required".into(), checked.result.required.to_string().into());
        object.insert("holding_seeds".into(), checked.holding.into());
        object.insert("share".into(), json!([interval.low, interval.high]));
        object.insert("failing_seed".into(), checked.failing_seed.into());
        object.insert("reproduce".into(), checked.reproduce.clone().into());
    }
    value
}

fn outcome(runs: &CheckedRuns) -> Value {
    match &runs.outcome {
        AcceptedOutcome::None => Value::Null,
        AcceptedOutcome::Same => json!({ "status": "same" }),
        AcceptedOutcome::Written { file } => json!({ "status": "written", "file": file }),
        AcceptedOutcome::Changed(changed) => json!({
            "status": "changed", "file": changed.file, "difference": changed.difference.lines().collect::<Vec<_>>(),
            "first": changed.difference.why, "reproduce": changed.reproduce, "accept": changed.accept,
        }),
    }
}

fn problem(problem: &Diagnostic) -> Value {
    json!({
        "severity": problem.severity.as_str(),
        "message": problem.message,
        "file": problem.at.as_ref().map(|at| at.source.name.clone()),
        "line": problem.at.as_ref().map(|at| at.line()),
        "help": problem.help,
    })
}
