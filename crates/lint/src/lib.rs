//! Lint: finds problems in kubelet configuration and pod resources before anything runs.
//!
//! A rule is a pure function over a loaded scenario. Each has a section in `docs/lint.md` (why it matters, how to fix
//! it, its source) and scenarios under `scenarios/lint/` that trigger only this rule and show the consequences in a
//! run.
//!
//! ```
//! use oomsim_lint::{Evidence, lint};
//! use oomsim_scenario::{NoFiles, load};
//!
//! // A map that is given replaces all defaults, so nothing is evicted for memory.
//! let text = "[node]\nmemory = \"8Gi\"\n[kubelet]\nevictionHard = { \"nodefs.available\" = \"10%\" }\n";
//! let loaded = load(text, "node.toml", &NoFiles, &[]).expect("a scenario");
//! let findings = lint(&loaded, Evidence::SCENARIO);
//! assert!(findings.iter().any(|finding| finding.code == "OOM001"));
//! ```

mod facts;
mod reserve;
mod rules;

pub use reserve::Reserve;

use facts::LintInput;
use oomsim_core::units::Bytes;
use oomsim_scenario::{Diagnostic, LoadedScenario, Location, Severity};
use std::fmt;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing; often chosen on purpose.
    Note,
    /// Will cause trouble sooner or later.
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

/// A problem that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code of the rule, `OOM001`.
    pub code: &'static str,
    /// Its severity.
    pub level: Level,
    /// What is wrong here, with the numbers; no full stop.
    pub message: String,
    /// How to fix it.
    pub help: String,
    /// Where the cause is in a file or option.
    pub at: Option<Location>,
}

impl Finding {
    /// The rule that found it.
    pub fn rule(&self) -> &'static Rule {
        // Every finding carries the code of a rule in the table; a test checks this.
        rule(self.code).unwrap_or(&RULES[0])
    }

    /// The finding as a diagnostic, which shows the line it refers to.
    pub fn diagnostic(&self) -> Diagnostic {
        let severity = match self.level {
            Level::Note => Severity::Note,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        };
        let said = Diagnostic::without_place(severity, self.message.clone()).help(self.help.clone());
        Diagnostic { code: self.code, at: self.at.clone(), ..said }
    }
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
    /// Its page: why it matters, how to fix it, its source. Markdown.
    page: &'static str,
    /// Adds findings about a scenario.
    check: fn(&LintInput<'_>, &mut Vec<Finding>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

impl Rule {
    /// Its page, which is also its section of `docs/lint.md`: why it matters, how to fix it, its source. Markdown.
    pub fn page(&self) -> &'static str {
        self.page.trim_ascii_end()
    }

    /// The heading of its section as the fragment of a URL.
    pub fn anchor(&self) -> String {
        format!("{}-{}", self.code.to_lowercase(), self.name)
    }
}

/// Every rule, in the order of the codes.
pub const RULES: &[Rule] = rules::ALL;

/// The rule with this code or name; case does not matter.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code.eq_ignore_ascii_case(name) || rule.name == name)
}

/// Which facts are known, and measurements that no file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How much memory the node has.
    pub memory: bool,
    /// The node's own programs, its swap and its sysctls.
    pub system: bool,
    /// How the kubelet is configured.
    pub kubelet: bool,
    /// Highest measured memory use of the kubelet and the container runtime.
    pub kube_daemons: Option<Bytes>,
    /// Highest measured memory use of the node's other daemons.
    pub system_daemons: Option<Bytes>,
}

impl Evidence {
    /// Everything is known: what a scenario does not state has its default.
    pub const SCENARIO: Evidence =
        Evidence { memory: true, system: true, kubelet: true, kube_daemons: None, system_daemons: None };
}

/// Applies every rule; findings are sorted by place, then by code.
pub fn lint(scenario: &LoadedScenario, known: Evidence) -> Vec<Finding> {
    let facts = LintInput::of(scenario, known);
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
