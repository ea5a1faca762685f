//! `oomsim lint`: checks kubelet configuration and pod resources for problems.

mod args;
mod places;
mod units;

pub use args::Args;

use self::units::{Unit, units};
use crate::exit::{Exit, Failure};
use crate::output;
use args::Format;
use oomsim_lint::{Rule, lint};
use oomsim_report::findings::{LintReport, Shown, github, json, rules, text};
use oomsim_report::sarif;
use oomsim_scenario::{Diagnostic, LoadedScenario, said_once};
use places::{place, problems};

/// Runs `oomsim lint`.
///
/// # Errors
/// When the result cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if args.list {
        output::print(&rules())?;
        return Ok(Exit::Holds);
    }
    let mut report = LintReport::default();
    for unit in units(&args, &mut report) {
        match unit {
            Ok(unit) => look(&args, &unit, &mut report),
            Err(unusable) => {
                let shown = problems(&unusable);
                report.fail(unusable.failure.to_string(), shown);
            }
        }
    }
    let text = match args.format {
        Format::Text => text(&report),
        Format::Json => json(&report),
        Format::Sarif => sarif::render(&report),
        Format::Github => github(&report),
    };
    if args.format == Format::Text {
        report.warnings.iter().for_each(|problem| output::complain(&problem.diagnostic.render_coloured()));
    }
    report.failures.iter().for_each(|failure| output::complain(failure));
    match args.format {
        Format::Github => output::print_commands(&text)?,
        Format::Text | Format::Json | Format::Sarif => output::print(&text)?,
    }
    Ok(match (report.failures.is_empty(), report.findings.is_empty()) {
        (false, _) => Exit::BadInput,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Holds,
    })
}

/// Applies the rules that are wanted.
fn look(args: &Args, unit: &Unit, report: &mut LintReport) {
    let wanted = |code: &str| {
        let named = |rules: &[&Rule]| rules.iter().any(|rule| rule.code == code);
        (args.only.is_empty() || named(&args.only)) && !named(&args.ignore)
    };
    let found = |kind: &LoadedScenario| {
        let findings = lint(kind, unit.known).into_iter();
        let findings = findings.filter(|finding| wanted(finding.code) && finding.level >= args.level.into());
        findings.map(|finding| finding.diagnostic()).collect()
    };
    let found: Vec<(&str, Vec<_>)> = unit.kinds.iter().map(|kind| (&*kind.scenario.node.name, found(kind))).collect();
    for finding in said_once(&found) {
        report.find(shown(finding, unit).about(&unit.about));
    }
    for warning in unit.kinds.iter().take(1).flat_map(|kind| &kind.warnings) {
        // Generated text, not the user's: containers of manifests have no workload.
        let ours = unit.made && warning.at.as_ref().is_some_and(|at| at.source.name == unit.name);
        // The rules report themselves, in more detail, why the kubelet does not start.
        if !warning.keeps_kubelet_down && !ours {
            report.warn(shown(warning.clone(), unit).about(&unit.about));
        }
    }
}

fn shown(diagnostic: Diagnostic, unit: &Unit) -> Shown {
    let place = diagnostic.at.as_ref().and_then(|at| place(at, &unit.name, &unit.folder));
    Shown::new(diagnostic, place)
}
