//! Lint: what is wrong with a kubelet's configuration or a pod's resources, before anything has run.
//!
//! A rule is a pure function over a loaded scenario. Each has a section in `docs/lint.md` (why, how to mend it, where
//! it comes from) and scenarios under `scenarios/lint/` that trigger it alone and show, when they run, what goes wrong.

mod facts;
mod rules;

pub use facts::Facts;

use sim_core::scenario::{Location, Scenario};
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing; often chosen on purpose.
    Note,
    /// Will hurt sooner or later.
    Warning,
    /// Cannot work: the kubelet does not start, or pods are killed from the beginning.
    Error,
}

impl Level {
    /// `note`, `warning` or `error`: the words of SARIF.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code of the rule, `OOM001`.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong here, with the numbers; no full stop.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// Where it was given.
    pub at: Option<Location>,
}

/// A rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// `OOM001`.
    pub code: &'static str,
    /// Name in words joined by dashes.
    pub name: &'static str,
    /// What it finds, one sentence without a full stop.
    pub summary: &'static str,
    /// The level of most of its findings.
    pub level: Level,
    /// Finds.
    check: fn(&Facts<'_>, &mut Vec<Finding>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// Every rule, in the order of the codes.
pub const RULES: &[Rule] = rules::ALL;

/// The rule of that code or name, in capitals or not.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code.eq_ignore_ascii_case(name) || rule.name == name)
}

/// What is known besides what the files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How much memory the node has.
    pub memory: bool,
    /// What runs on the node besides pods, its swap and its sysctls.
    pub system: bool,
    /// How the kubelet is configured.
    pub kubelet: bool,
}

impl Known {
    /// All of it: a scenario says everything, or means the default.
    pub const SCENARIO: Known = Known { memory: true, system: true, kubelet: true };
}

/// Applies every rule; findings in the order of their places, then of their codes.
pub fn lint(scenario: &Scenario, known: Known) -> Vec<Finding> {
    let facts = Facts::of(scenario, known);
    let mut findings = Vec::new();
    for rule in RULES {
        (rule.check)(&facts, &mut findings);
    }
    let place =
        |finding: &Finding| finding.at.as_ref().map(|at| (at.source.name.clone(), at.span.start)).unwrap_or_default();
    findings.sort_by(|a, b| (place(a), a.code).cmp(&(place(b), b.code)));
    findings.dedup();
    findings
}
