//! `oomsim lint`: checks kubelet configuration and pod resources for problems.

mod units;

use self::units::{Unit, units};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::render::findings::{Report, Shown, github, json, rules, text};
use crate::render::sarif;
use clap::ValueEnum;
use oomsim_core::units::{Bytes, ParseQuantityError, Quantity};
use oomsim_lint::{Level, RULES, Rule, lint, rule};
use oomsim_scenario::reading::nearest;
use oomsim_scenario::{LoadedScenario, said_once};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  oomsim lint scenarios/oom2-allocatable-slow.toml
  oomsim lint studies/shop/kubelet.yaml --capacity 7120616Ki
  oomsim lint studies/shop/kubelet.yaml studies/shop/web.yaml --capacity 16Gi --format sarif > lint.sarif
  oomsim lint studies/shop/web.yaml --set kubelet.preset=gke --capacity 16Gi --level warning
  oomsim lint --flags \"$(ps -o args= -C kubelet)\" --capacity 16Gi
  oomsim explain OOM006                        # why it matters, how to fix it, where it comes from

FILE is a scenario (*.toml; folders are searched for them), a study (its scenarios are checked), a kubelet configuration
(YAML, or JSON from /configz) or a manifest. Files other than scenarios describe one node: each kubelet configuration is
checked together with all manifests.
Exit code: 0 no findings, 1 findings, 2 a file cannot be read or is invalid.";

/// Arguments of `oomsim lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenarios, studies, kubelet configurations and manifests
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "flags", "config_dir"])]
    files: Vec<PathBuf>,
    /// The kubelet's drop-in directory (its --config-dir)
    #[arg(long, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// The kubelet's command line, as `ps` shows it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    flags: Option<String>,
    /// MemTotal of the node, as `kubectl describe node` shows its capacity (7120616Ki)
    #[arg(long, value_name = "QUANTITY")]
    capacity: Option<String>,
    /// Nominal memory size of the machine type (7Gi for a DS2_v2), for presets that base reservations on it
    #[arg(long, value_name = "QUANTITY")]
    sku_memory: Option<String>,
    /// SwapTotal of the node
    #[arg(long, value_name = "QUANTITY")]
    swap: Option<String>,
    /// Measured memory use of the kubelet and the container runtime
    #[arg(long, value_name = "QUANTITY", value_parser = bytes)]
    kube_daemons: Option<Bytes>,
    /// Measured memory use of the node's other daemons
    #[arg(long, value_name = "QUANTITY", value_parser = bytes)]
    system_daemons: Option<Bytes>,
    /// Set a value of the node, the kubelet or a scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Skip this rule (code or name); repeatable
    #[arg(long, value_name = "CODE", value_parser = known_rule)]
    ignore: Vec<&'static Rule>,
    /// Apply only this rule (code or name); repeatable
    #[arg(long, value_name = "CODE", value_parser = known_rule)]
    only: Vec<&'static Rule>,
    /// Lowest severity to report
    #[arg(long, value_enum, default_value_t)]
    level: AtLeast,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// List the rules
    #[arg(long)]
    list: bool,
}

/// Severities, the lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AtLeast {
    /// Everything
    #[default]
    Note,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
}

impl From<AtLeast> for Level {
    fn from(least: AtLeast) -> Level {
        match least {
            AtLeast::Note => Level::Note,
            AtLeast::Warning => Level::Warning,
            AtLeast::Error => Level::Error,
        }
    }
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Findings with the lines they refer to
    #[default]
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// GitHub Actions annotations
    Github,
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let quantity: Quantity = text.parse().map_err(|why: ParseQuantityError| why.to_string())?;
    u64::try_from(quantity.value()).map(Bytes::new).map_err(|_| "an amount of memory cannot be negative".to_owned())
}

fn known_rule(text: &str) -> Result<&'static Rule, String> {
    rule(text).ok_or_else(|| {
        let names = RULES.iter().flat_map(|rule| [rule.code, rule.name]);
        let near = nearest(text, names).map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
        format!("there is no such rule{near}; `oomsim lint --list` shows all rules")
    })
}

/// Runs `oomsim lint`.
///
/// # Errors
/// When the result cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    if args.list {
        output::print(&rules())?;
        return Ok(Exit::Holds);
    }
    let mut report = Report::default();
    for unit in units(&args, &mut report) {
        match unit {
            Ok(unit) => look(&args, &unit, &mut report),
            Err(unusable) => report.fail(unusable),
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
    report.failures.iter().for_each(|failure| output::complain(&failure.to_string()));
    output::print(&text)?;
    Ok(match (report.failures.is_empty(), report.findings.is_empty()) {
        (false, _) => Exit::BadInput,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Holds,
    })
}

/// Applies the rules that are wanted.
fn look(args: &Args, unit: &Unit, report: &mut Report) {
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
        report.find(Shown::new(finding, &unit.name, &unit.folder).about(&unit.about));
    }
    for warning in unit.kinds.iter().take(1).flat_map(|kind| &kind.warnings) {
        // The rules report this themselves, in more detail.
        let start = [&warning.message].into_iter().chain(&warning.help).any(|t| t.contains("kubelet does not start"));
        // Generated text, not the user's: containers of manifests have no workload.
        let ours = unit.made && warning.at.as_ref().is_some_and(|at| at.source.name == unit.name);
        if !start && !ours {
            report.warn(Shown::new(warning.clone(), &unit.name, &unit.folder).about(&unit.about));
        }
    }
}
