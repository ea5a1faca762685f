//! The summary in Markdown, as GitHub shows it for a step (`$GITHUB_STEP_SUMMARY`) and GitLab in a note.

use super::{CheckOutcome, CheckedRuns, CheckedScenario, summary};
use std::fmt::Write;

/// GitHub takes a summary of up to 1 MiB for a step; what is longer is cut at a scenario.
const MOST_BYTES: usize = 900 << 10;

/// A table of all scenarios, those that fail first, with the details of each of these below.
pub fn markdown(checked: &[CheckedScenario], studies: usize) -> String {
    let mut text = format!("## oomsim check\n\n{}\n", summary(checked, studies));
    text.push_str("| | scenario | expectations | outcome |\n|---|---|---|---|\n");
    let mut order: Vec<_> = checked.iter().collect();
    order.sort_by_key(|checked| !checked.fails());
    for (n, checked) in order.iter().enumerate() {
        if text.len() > MOST_BYTES / 2 {
            let _ = writeln!(text, "| | … and {} more | | |", order.len() - n);
            break;
        }
        let _ = writeln!(text, "{}", row(checked));
    }
    for checked in order.iter().filter(|checked| checked.fails()) {
        if text.len() > MOST_BYTES {
            break;
        }
        details(&mut text, checked);
    }
    text
}

fn row(checked: &CheckedScenario) -> String {
    let file = code(&checked.file);
    match &checked.outcome {
        CheckOutcome::Ran(runs) => {
            let mark = if runs.holds() { "✅" } else { "❌" };
            let (failed, all) = (runs.failed().count(), runs.expectations.len());
            let held = if failed > 0 { format!("{failed} of {all} do not hold") } else { format!("{all} hold") };
            let outcome = if runs.changed().is_some() { "changed" } else { "" };
            format!("| {mark} | {file} | {held} | {outcome} |")
        }
        CheckOutcome::Invalid { .. } => format!("| ❌ | {file} | could not be run | |"),
        CheckOutcome::Skipped => format!("| ⏭️ | {file} | not run | |"),
    }
}

fn details(text: &mut String, checked: &CheckedScenario) {
    let _ = writeln!(text, "\n### {}\n", code(&checked.file));
    match &checked.outcome {
        CheckOutcome::Ran(runs) => ran(text, runs),
        CheckOutcome::Invalid { message, .. } => {
            let _ = writeln!(text, "{}", block("text", anstream::adapter::strip_str(message).to_string().trim_end()));
        }
        CheckOutcome::Skipped => {}
    }
}

fn ran(text: &mut String, runs: &CheckedRuns) {
    for failed in runs.failed() {
        let _ = writeln!(text, "- line {}: expected {}", failed.result.line, code(&failed.result.expected));
        let _ = writeln!(text, "  - found: {}", code(&failed.found()));
        let _ = writeln!(text, "  - source: {}", code(&failed.result.source));
    }
    if let Some(changed) = runs.changed() {
        let diff: Vec<_> = changed.difference.lines().collect();
        let file = code(&changed.file);
        let _ = writeln!(text, "\nThe outcome is not that of {file}:\n\n{}", block("diff", &diff.join("\n")));
        if let Some(why) = &changed.difference.why {
            let _ = writeln!(text, "First difference: {}\n", code(why));
        }
    }
    let accept = runs.changed().and_then(|changed| changed.accept.as_deref());
    let lines: Vec<String> = runs.commands().into_iter().chain(accept).map(|command| format!("$ {command}")).collect();
    let _ = writeln!(text, "\n{}", block("console", &lines.join("\n")));
    if let Some(folder) = &runs.artifacts {
        let _ = writeln!(text, "Files: {}", code(folder));
    }
}

/// A text as code, whatever is in it: nothing of it becomes Markdown or a cell's border.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    let text = text.replace('|', "\\|").replace(['\n', '\r'], " ");
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2);
    let fence = "`".repeat(longest + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_code() {
        assert_eq!(code("a|b `c` ``d"), "``` a\\|b `c` ``d ```");
        assert_eq!(code("plain\ntext"), "`plain text`");
        assert_eq!(block("text", "```\nx"), "````text\n```\nx\n````\n");
    }
}
