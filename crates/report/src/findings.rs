//! What lint has found, as text, JSON and annotations.

use crate::github::annotation;
use crate::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use oomsim_lint::{Level, RULES, Rule, rule};
use oomsim_scenario::{Diagnostic, Location, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A place in a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingPlace {
    /// Path of the file, as it can be opened from here.
    pub file: String,
    /// Line.
    pub line: usize,
    /// Character of the line.
    pub column: usize,
    /// The character behind the last one, if that is on the same line.
    pub end_column: Option<usize>,
}

impl FindingPlace {
    /// A location in a file, which is opened by the path `file` from here.
    pub fn new(at: &Location, file: String) -> FindingPlace {
        let text = at.text();
        let end_column = (!text.is_empty() && !text.contains('\n')).then(|| at.column() + text.chars().count());
        FindingPlace { file, line: at.line(), column: at.column(), end_column }
    }
}

/// A finding, or a problem of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What it is.
    pub diagnostic: Diagnostic,
    /// Where it is, if it is in a file.
    pub place: Option<FindingPlace>,
    /// The file that was looked at; empty if there was none.
    pub file: String,
}

impl Shown {
    /// Something at a place in a file; texts that are no files, such as `--set`, are none.
    pub fn new(diagnostic: Diagnostic, place: Option<FindingPlace>) -> Self {
        Shown { diagnostic, place, file: String::new() }
    }

    /// Sets the file that was checked: the cause may be an option, but annotations need a file.
    #[must_use]
    pub fn about(self, file: &str) -> Self {
        Shown { file: file.to_owned(), ..self }
    }

    /// Where it is, or the beginning of the file that was looked at.
    pub fn place_or_file(&self) -> Option<FindingPlace> {
        let first = || FindingPlace { file: self.file.clone(), line: 1, column: 1, end_column: None };
        self.place.clone().or_else(|| (!self.file.is_empty()).then(first))
    }

    /// The rule; `None` for problems of files.
    pub fn rule(&self) -> Option<&'static Rule> {
        rule(self.diagnostic.code)
    }

    /// What makes two of them the same: code, message and place.
    fn key(&self) -> Key {
        let Diagnostic { code, message, .. } = &self.diagnostic;
        (code, message.clone(), self.place.clone())
    }
}

type Key = (&'static str, String, Option<FindingPlace>);

/// A study, whose scenarios were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    /// The study.
    pub file: String,
    /// The scenarios that it names.
    pub scenarios: Vec<String>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct LintReport {
    /// How many files were looked at.
    pub files: usize,
    /// Which of them are studies.
    pub studies: Vec<Study>,
    /// What the rules found.
    pub findings: Vec<Shown>,
    /// Unknown fields of the files, and what they ask for but the model does not cover.
    pub warnings: Vec<Shown>,
    /// Why files could not be looked at, for people.
    pub failures: Vec<String>,
    /// The same for programs.
    pub errors: Vec<Shown>,
    /// Findings and warnings that are in the lists.
    known: BTreeSet<Key>,
}

impl LintReport {
    /// Adds a finding, unless another kubelet configuration has led to it already.
    pub fn find(&mut self, finding: Shown) {
        if self.known.insert(finding.key()) {
            self.findings.push(finding);
        }
    }

    /// Adds a problem of a file.
    pub fn warn(&mut self, warning: Shown) {
        if self.known.insert(warning.key()) {
            self.warnings.push(warning);
        }
    }

    /// Adds a file that cannot be used: why, for people, and each problem for programs.
    pub fn fail(&mut self, why: String, problems: impl IntoIterator<Item = Shown>) {
        self.errors.extend(problems);
        self.failures.push(why);
    }

    fn counts(&self) -> String {
        let of = |severity: Severity| self.findings.iter().filter(|f| f.diagnostic.severity == severity).count();
        let parts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| match of(severity) {
            0 => None,
            1 => Some(format!("1 {}", severity.as_str())),
            n => Some(format!("{n} {}s", severity.as_str())),
        });
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The rules with their levels.
pub fn rules() -> String {
    let style = |level| match level {
        Level::Error => BAD,
        Level::Warning => WARN,
        Level::Note => DIM,
    };
    let line = |rule: &Rule| {
        let level = paint(style(rule.level), format!("{:8}", rule.level.as_str()));
        format!("{}  {level} {:32}{}\n", paint(HEADING, rule.code), rule.name, rule.summary)
    };
    RULES.iter().map(line).collect()
}

/// For people: each finding with its line.
pub fn text(report: &LintReport) -> String {
    let mut text: String = report.findings.iter().map(|f| f.diagnostic.render_coloured() + "\n").collect();
    for study in &report.studies {
        let looked = format!("{} is a study: looked at {}", study.file, study.scenarios.join(", "));
        text.push_str(&format!("{}\n", paint(DIM, looked)));
    }
    let files = match report.files {
        0 => "the options".to_owned(),
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    };
    match report.findings.first() {
        None if report.failures.is_empty() => text.push_str(&format!("{} in {files}\n", paint(GOOD, "nothing found"))),
        None => {}
        Some(first) => text.push_str(&format!(
            "{} in {files}; `oomsim explain {}` says why it matters, how to fix it and where the rule comes from\n",
            report.counts(),
            first.diagnostic.code,
        )),
    }
    text
}

/// One JSON object.
pub fn json(report: &LintReport) -> String {
    let one = |shown: &Shown| {
        let place = shown.place.as_ref();
        json!({
            "code": shown.rule().map(|rule| rule.code),
            "name": shown.rule().map(|rule| rule.name),
            "level": shown.diagnostic.severity.as_str(),
            "message": shown.diagnostic.message,
            "help": shown.diagnostic.sentences().skip(1).collect::<Vec<_>>(),
            "file": place.map(|place| place.file.clone()),
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
        })
    };
    let study = |study: &Study| json!({ "file": study.file, "scenarios": study.scenarios });
    let all = |list: &[Shown]| list.iter().map(one).collect::<Vec<Value>>();
    let object = json!({
        "files": report.files,
        "studies": report.studies.iter().map(study).collect::<Vec<_>>(),
        "findings": all(&report.findings),
        "warnings": all(&report.warnings),
        "errors": all(&report.errors),
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}

/// GitHub Actions annotations.
pub fn github(report: &LintReport) -> String {
    let all = [&report.errors, &report.findings, &report.warnings];
    let one = |shown: &Shown| {
        let level = match shown.diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let title = shown.rule().map_or_else(|| "file".to_owned(), |rule| format!("{} {}", rule.code, rule.name));
        let (file, line) = shown.place_or_file().map_or((String::new(), 0), |place| (place.file, place.line));
        let message: Vec<_> = shown.diagnostic.sentences().collect();
        annotation(level, &file, line, &title, &message.join("\n"))
    };
    all.into_iter().flatten().map(one).collect()
}
