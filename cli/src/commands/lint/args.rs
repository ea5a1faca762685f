//! What `oomsim lint` is asked for.

use crate::flags::FlagError;
use crate::reserve;
use clap::ValueEnum;
use oomsim_import::Measured;
use oomsim_lint::{Level, RULES, Rule, rule};
use oomsim_scenario::reading::nearest;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  oomsim lint scenarios/oom2-allocatable-slow.toml
  oomsim lint studies/shop/kubelet.yaml --capacity 7120616Ki
  oomsim lint studies/shop/kubelet.yaml studies/shop/web.yaml --capacity 16Gi
  oomsim lint studies/shop/kubelet.yaml --capacity 16Gi --format sarif > lint.sarif
  oomsim lint studies/shop/web.yaml --set kubelet.preset=gke --capacity 16Gi --level warning
  oomsim lint studies/shop/web.yaml --kubernetes 1.33 --capacity 16Gi
  oomsim lint --flags \"$(ps -o args= -C kubelet)\" --capacity 16Gi
  oomsim explain OOM006              # why it matters, how to fix it, where it comes from

FILE is a scenario (*.toml; folders are searched for them), a study (its scenarios are checked), a kubelet \
configuration (YAML, or JSON from /configz) or a manifest. Files other than scenarios describe one node: each \
kubelet configuration is checked together with all manifests.

Exit code: 0 no findings, 1 findings, 2 a file cannot be read or is invalid.";

/// Arguments of `oomsim lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenarios, studies, kubelet configurations and manifests
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "flags", "config_dir"])]
    pub files: Vec<PathBuf>,
    /// The kubelet's drop-in directory (its --config-dir)
    #[arg(long, value_name = "FOLDER")]
    pub config_dir: Option<PathBuf>,
    /// The kubelet's command line, as `ps` shows it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub flags: Option<String>,
    /// MemTotal of the node, as `kubectl describe node` shows its capacity (7120616Ki)
    #[arg(long, value_name = "QUANTITY")]
    pub capacity: Option<String>,
    /// Nominal memory size of the machine type (7Gi for a DS2_v2), for presets that base reservations on it
    #[arg(long, value_name = "QUANTITY")]
    pub sku_memory: Option<String>,
    /// Kubernetes version, such as 1.34 or v1.33.3-eks-113cf36 [default: the scenario's, or the newest]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes: Option<String>,
    /// SwapTotal of the node
    #[arg(long, value_name = "QUANTITY")]
    pub swap: Option<String>,
    /// Measured memory use of the kubelet and the container runtime: an amount, or a file (/stats/summary, series)
    #[arg(long, value_name = "QUANTITY|FILE", value_parser = reserve::daemons)]
    pub kube_daemons: Option<Measured>,
    /// Measured memory use of the node's other daemons: an amount, or a file
    #[arg(long, value_name = "QUANTITY|FILE", value_parser = reserve::daemons)]
    pub system_daemons: Option<Measured>,
    /// Set a value of the node, the kubelet or a scenario; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub overrides: Vec<String>,
    /// Skip this rule (code or name); repeatable
    #[arg(long, value_name = "CODE", value_parser = known_rule)]
    pub ignore: Vec<&'static Rule>,
    /// Apply only this rule (code or name); repeatable
    #[arg(long, value_name = "CODE", value_parser = known_rule)]
    pub only: Vec<&'static Rule>,
    /// Lowest severity to report
    #[arg(long, value_enum, default_value_t)]
    pub level: AtLeast,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// List the rules
    #[arg(long)]
    pub list: bool,
}

/// Severities, the lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AtLeast {
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
pub enum Format {
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

fn known_rule(text: &str) -> Result<&'static Rule, FlagError> {
    let names = RULES.iter().flat_map(|rule| [rule.code, rule.name]);
    rule(text).ok_or_else(|| FlagError::NoSuchRule { nearest: nearest(text, names) })
}
