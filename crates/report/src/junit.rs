//! JUnit XML: a suite per scenario, a test case per expectation, in the form that Jenkins and GitLab read. The name of
//! a case is what is expected, so that it stays the same when lines move.

use crate::check::{AcceptedOutcome, CheckOutcome, CheckedRuns, CheckedScenario};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;

/// The whole document.
///
/// # Errors
/// When it cannot be written.
pub fn render(checked: &[CheckedScenario]) -> Result<String, SerializeError> {
    let mut report = Report::new("oomsim");
    report.set_time(checked.iter().map(|checked| checked.took).sum());
    report.add_test_suites(checked.iter().map(suite));
    Ok(for_jenkins(&report.to_string()?))
}

/// The schema of Jenkins' xUnit plugin (junit-10.xsd) has no `skipped` at `testsuites`, only at each suite.
fn for_jenkins(xml: &str) -> String {
    let Some((head, suites)) = xml.split_once("<testsuites ") else { return xml.to_owned() };
    let (attributes, rest) = suites.split_once('>').unwrap_or((suites, ""));
    let kept: Vec<&str> = attributes.split(' ').filter(|attribute| !attribute.starts_with("skipped=")).collect();
    format!("{head}<testsuites {}>{rest}", kept.join(" "))
}

fn suite(checked: &CheckedScenario) -> TestSuite {
    let file = &checked.file;
    let mut suite = TestSuite::new(file.clone());
    suite.set_time(checked.took);
    match &checked.outcome {
        CheckOutcome::Ran(runs) => {
            cases(&mut suite, file, runs);
            let warnings: Vec<_> = checked.warnings().map(|warning| format!("warning: {warning}")).collect();
            if !warnings.is_empty() {
                suite.set_system_out(warnings.join("\n"));
            }
        }
        CheckOutcome::Invalid { message, .. } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message("the scenario could not be run");
            status.set_description(anstream::adapter::strip_str(message).to_string());
            suite.add_test_case(case(file, THE_SCENARIO_RUNS, status));
        }
        CheckOutcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("another scenario failed before (--fail-fast)");
            suite.add_test_case(case(file, THE_SCENARIO_RUNS, status));
        }
    }
    suite
}

const THE_SCENARIO_RUNS: &str = "the scenario runs";

fn cases(suite: &mut TestSuite, file: &str, runs: &CheckedRuns) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for checked in &runs.expectations {
        let result = &checked.result;
        let mut status = TestCaseStatus::success();
        if !result.holds {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("expected {}, found {}", result.expected, checked.found()));
            let place = format!("{file}:{}", result.line);
            let reproduce = &checked.reproduce;
            status.set_description(format!("{place}\nsource: {}\nreproduce: {reproduce}", result.source));
        }
        // The same may be expected twice.
        let count = seen.entry(&result.expected).or_default();
        *count += 1;
        let name = if *count > 1 { format!("{} ({count})", result.expected) } else { result.expected.clone() };
        suite.add_test_case(case(file, &name, status));
    }
    match &runs.outcome {
        AcceptedOutcome::None => {}
        AcceptedOutcome::Same | AcceptedOutcome::Written { .. } => {
            suite.add_test_case(case(file, THE_OUTCOME, TestCaseStatus::success()));
        }
        AcceptedOutcome::Changed(changed) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(changed.difference.why.clone().unwrap_or_else(|| "the outcome has changed".into()));
            status.set_description(changed.sentences());
            suite.add_test_case(case(file, THE_OUTCOME, status));
        }
    }
    if suite.test_cases.is_empty() {
        suite.add_test_case(case(file, THE_SCENARIO_RUNS, TestCaseStatus::success()));
    }
}

const THE_OUTCOME: &str = "the outcome is the accepted one";

fn case(file: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(file);
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_has_no_count_of_skipped_cases() {
        let xml = render(&[]).unwrap();
        assert!(xml.contains("<testsuites name=\"oomsim\"") && !xml.contains("skipped"), "{xml}");
        let suite = "<testsuites name=\"a\" skipped=\"1\" tests=\"2\">\n<testsuite skipped=\"1\"/></testsuites>";
        assert_eq!(for_jenkins(suite), suite.replacen(" skipped=\"1\"", "", 1));
    }
}
