//! JUnit XML: a suite per scenario, a test case per expectation.

use crate::check::{CheckOutcome, CheckedScenario};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The whole document.
///
/// # Errors
/// When it cannot be written.
pub fn render(checked: &[CheckedScenario]) -> Result<String, SerializeError> {
    let mut report = Report::new("oomsim");
    report.add_test_suites(checked.iter().map(suite));
    report.to_string()
}

fn suite(checked: &CheckedScenario) -> TestSuite {
    let file = &checked.file;
    let mut suite = TestSuite::new(file.clone());
    match &checked.outcome {
        CheckOutcome::Ran { results, reproduce, .. } => {
            for result in results {
                let mut status = TestCaseStatus::success();
                if !result.holds {
                    status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(format!("expected {}, found {}", result.expected, result.found));
                    status.set_description(format!("source: {}\nreproduce: {reproduce}", result.source));
                }
                suite.add_test_case(case(file, format!("line {}: {}", result.line, result.expected), status));
            }
            if results.is_empty() {
                suite.add_test_case(case(file, "the scenario runs".into(), TestCaseStatus::success()));
            }
            let warnings: Vec<_> = checked.warnings().map(|warning| format!("warning: {warning}")).collect();
            if !warnings.is_empty() {
                suite.set_system_out(warnings.join("\n"));
            }
        }
        CheckOutcome::Invalid { message, .. } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message("the scenario could not be run");
            status.set_description(message.clone());
            suite.add_test_case(case(file, "the scenario runs".into(), status));
        }
    }
    suite
}

fn case(file: &str, name: String, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(file);
    case
}
