//! `oomsim node`: computes allocatable, the kubepods limit and the thresholds from capacity and reservations.

use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::load::{self, Beside, Options};
use crate::output;
use oomsim_core::kubelet::preset::{PRESETS, Preset};
use oomsim_core::plan::Scenario;
use oomsim_core::units::{Bytes, format_duration};
use oomsim_report::style::{DIM, HEADING, WARN, paint};
use oomsim_scenario::assignment;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  oomsim node --capacity 7120616Ki --kube-reserved 1638Mi --eviction-hard 750Mi
  oomsim node --preset aks-1.28 --sku-memory 7Gi --capacity 7120616Ki
  oomsim node --preset eks --max-pods 29 --capacity 7902724Ki
  oomsim node --capacity 16Gi --config studies/shop/kubelet.yaml
  oomsim node scenarios/oom2-allocatable-slow.toml";

/// Arguments of `oomsim node`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scenario whose node to show
    #[arg(value_name = "SCENARIO", required_unless_present = "capacity")]
    #[arg(conflicts_with_all = ["capacity", "preset", "sku_memory", "max_pods", "config", "config_dir", "flags"])]
    #[arg(conflicts_with_all = ["kube_reserved", "system_reserved", "eviction_hard"])]
    scenario: Option<PathBuf>,
    /// Show only this kind of node
    #[arg(long, value_name = "KIND", requires = "scenario")]
    node: Option<String>,
    /// MemTotal of the node, as `kubectl describe node` shows its capacity (7120616Ki)
    #[arg(long, value_name = "QUANTITY")]
    capacity: Option<String>,
    /// Settings of a provider or installer; other options override them
    #[arg(long, value_name = "NAME", value_parser = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>())]
    preset: Option<String>,
    /// Nominal memory size of the machine type (7Gi for a DS2_v2), which AKS bases reservations on
    #[arg(long, value_name = "QUANTITY")]
    sku_memory: Option<String>,
    /// Maximum number of pods, which EKS, Bottlerocket and AKS (1.29 and newer) base reservations on
    #[arg(long, value_name = "N")]
    max_pods: Option<u32>,
    /// KubeletConfiguration file (YAML, or JSON from /configz)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The kubelet's drop-in directory (its --config-dir)
    #[arg(long, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// The kubelet's command line, as `ps` shows it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    flags: Option<String>,
    /// --kube-reserved=memory=…
    #[arg(long, value_name = "QUANTITY")]
    kube_reserved: Option<String>,
    /// --system-reserved=memory=…
    #[arg(long, value_name = "QUANTITY")]
    system_reserved: Option<String>,
    /// --eviction-hard=memory.available<… (a quantity or a percentage)
    #[arg(long, value_name = "QUANTITY")]
    eviction_hard: Option<String>,
    /// Kubernetes version [default: the newest profile]
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// Set a value; repeatable
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    overrides: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The amounts of a node, in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Amounts {
    capacity: i64,
    kube_reserved: i64,
    system_reserved: i64,
    eviction_hard: Option<i64>,
    eviction_soft: Option<(i64, String)>,
    preset: Option<&'static Preset>,
    /// Reserved huge pages.
    huge_pages: i64,
    allocatable: i64,
    kubepods_limit: i64,
    /// Working set of all pods above which one is evicted; `None`: not watched.
    pods_evicted_above: Option<i64>,
    problems: Vec<String>,
}

const SIGNAL: &str = "memory.available";

/// Runs `oomsim node`.
///
/// # Errors
/// When the scenario or the flags are wrong.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let kinds = match &args.scenario {
        Some(file) => load::scenarios(file, &args.overrides, args.node.as_deref())?,
        None => vec![as_scenario(&args).scenario(&Beside::options(), &args.overrides)?],
    };
    output::warn(kinds.iter().take(1).flat_map(|kind| &kind.warnings));
    let kinds: Vec<_> =
        kinds.iter().map(|kind| (&*kind.scenario, amounts(&kind.scenario, args.preset.as_deref()))).collect();
    let text = match (args.format, &kinds[..]) {
        (Format::Text, kinds) => kinds.iter().map(|(kind, amounts)| text(amounts, kind)).collect::<Vec<_>>().join("\n"),
        (Format::Json, [(_, only)]) => pretty(&only.json()),
        (Format::Json, kinds) => {
            let one = |(kind, amounts): &(&Scenario, Amounts)| {
                let mut object = json!({ "node": &*kind.node.name, "count": kind.nodes });
                if let (Some(object), serde_json::Value::Object(more)) = (object.as_object_mut(), amounts.json()) {
                    object.extend(more);
                }
                object
            };
            pretty(&json!({ "kinds": kinds.iter().map(one).collect::<Vec<_>>() }))
        }
    };
    output::print(&text)?;
    let right = kinds.iter().all(|(_, amounts)| amounts.problems.is_empty());
    Ok(if right { Exit::Holds } else { Exit::BadInput })
}

/// The flags as a scenario.
fn as_scenario(args: &Args) -> Options {
    let mut options = Options::default();
    // There is one, also without any of these.
    options.line("kubelet.timing = {}");
    let mut option = |name, path: [&str; 2], value: &Option<String>| {
        if let Some(value) = value {
            options.option(name, value, &assignment(&path, &**value));
        }
    };
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    option("--capacity", ["node", "memory"], &args.capacity);
    option("--sku-memory", ["node", "nominal"], &args.sku_memory);
    option("--preset", ["kubelet", "preset"], &args.preset);
    option("--config", ["kubelet", "config"], &path(&args.config));
    option("--config-dir", ["kubelet", "configDir"], &path(&args.config_dir));
    option("--flags", ["kubelet", "flags"], &args.flags);
    option("--kubernetes", ["kubelet", "version"], &args.kubernetes);
    if let Some(pods) = args.max_pods {
        options.option("--max-pods", &pods.to_string(), &assignment(&["kubelet", "maxPods"], i64::from(pods)));
    }
    let maps = [
        ("--kube-reserved", "kubeReserved", "memory", &args.kube_reserved),
        ("--system-reserved", "systemReserved", "memory", &args.system_reserved),
        ("--eviction-hard", "evictionHard", SIGNAL, &args.eviction_hard),
    ];
    for (name, field, key, value) in maps {
        // Both `750Mi` and the kubelet's own `memory=1638Mi`, `memory.available<750Mi` are understood.
        if let Some(value) = value {
            let bare = value.strip_prefix(key).and_then(|rest| rest.strip_prefix(['=', '<'])).unwrap_or(value);
            options.option(name, value, &assignment(&["kubelet", field, key], bare));
        }
    }
    options
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

fn amounts(scenario: &Scenario, preset: Option<&str>) -> Amounts {
    let preset = preset.and_then(Preset::named);
    let capacity = signed(scenario.node.kernel.mem_total);
    let Some(kubelet) = &scenario.kubelet else {
        return Amounts { preset, capacity, allocatable: capacity, kubepods_limit: capacity, ..Amounts::default() };
    };
    let effective = kubelet.readable();
    Amounts {
        preset,
        capacity,
        kube_reserved: signed(effective.kube_reserved),
        system_reserved: signed(effective.system_reserved),
        eviction_hard: effective.eviction_hard().map(signed),
        eviction_soft: effective.eviction_soft().map(|(amount, grace)| (signed(amount), format_duration(grace))),
        huge_pages: i64::try_from(effective.node.hugepages).unwrap_or(i64::MAX),
        allocatable: signed(effective.allocatable),
        kubepods_limit: signed(effective.kubepods_limit),
        pods_evicted_above: effective.pods_evicted_above.map(signed),
        problems: kubelet.start_problems().iter().map(ToString::to_string).collect(),
    }
}

fn text(amounts: &Amounts, scenario: &Scenario) -> String {
    let mut text = String::new();
    let mut row = |name: &str, bytes: i64, note: &str| {
        let ki = format!("{}Ki", bytes >> 10);
        let mib = format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
        let share = 100.0 * bytes as f64 / amounts.capacity.max(1) as f64;
        text.push_str(
            &format!("{name:22}{ki:>14}{mib:>14}{share:>8.1} %  {}\n", paint(DIM, note)).replace(" \n", "\n"),
        );
    };
    row("capacity", amounts.capacity, "MemTotal");
    row("kube-reserved", amounts.kube_reserved, "");
    row("system-reserved", amounts.system_reserved, "");
    match amounts.eviction_hard {
        Some(bytes) => row("eviction-hard", bytes, "the kubelet evicts when memory.available falls below this"),
        None => row("eviction-hard", 0, "no memory.available threshold: the kubelet never evicts for memory"),
    }
    if let Some((bytes, grace)) = &amounts.eviction_soft {
        row("eviction-soft", *bytes, &format!("… for {grace}"));
    }
    let mut less = "status.allocatable: capacity − reserved − eviction-hard".to_owned();
    if amounts.huge_pages > 0 {
        row(
            "huge pages",
            amounts.huge_pages,
            "reserved for huge pages: a resource of its own, not in allocatable memory",
        );
        less.push_str(" − huge pages");
    }
    row("allocatable", amounts.allocatable, &less);
    let limit = format!("the kernel kills in pods when all pods together reach {} bytes", amounts.kubepods_limit);
    row("kubepods limit", amounts.kubepods_limit, &limit);
    if let Some(bytes) = amounts.pods_evicted_above {
        let less = amounts.kubepods_limit.saturating_sub(bytes);
        let of_what = if amounts.eviction_hard == Some(less) { "" } else { ", the threshold's share of that limit" };
        let less = less >> 10;
        row("pods evicted above", bytes, &format!("working set of all pods: kubepods limit − {less}Ki{of_what}"));
    }
    let name = &*scenario.node.name;
    let title = if name == "node" { "Node".to_owned() } else { format!("Node {name}") };
    let ki = |bytes: i64| format!("{}Ki", bytes >> 10);
    let mut shown = format!("{}\n", paint(HEADING, title));
    if let Some(preset) = amounts.preset {
        shown.push_str(&format!("{}\n{}\n", preset.about, paint(DIM, format!("source: {}", preset.source))));
    }
    // As `kubectl describe node` prints it.
    shown.push_str(&format!(
        "Capacity:\n  memory:  {}\nAllocatable:\n  memory:  {}\n\n",
        ki(amounts.capacity),
        ki(amounts.allocatable)
    ));
    let mut text = format!("{shown}{text}");
    for problem in &amounts.problems {
        text.push_str(&format!("{}\n", paint(WARN, format!("the kubelet does not start: {problem}"))));
    }
    text
}

impl Amounts {
    fn json(&self) -> serde_json::Value {
        json!({
            "preset": self.preset.map(|preset| preset.name),
            "capacity": self.capacity,
            "kubeReserved": self.kube_reserved,
            "systemReserved": self.system_reserved,
            "evictionHard": self.eviction_hard,
            "evictionSoft": self.eviction_soft.as_ref().map(|soft| soft.0),
            "evictionSoftGracePeriod": self.eviction_soft.as_ref().map(|soft| soft.1.clone()),
            "hugePages": self.huge_pages,
            "allocatable": self.allocatable,
            "kubepodsLimit": self.kubepods_limit,
            "podsEvictedAbove": self.pods_evicted_above,
            "problems": self.problems,
        })
    }
}

fn pretty(object: &serde_json::Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(object).unwrap_or_default())
}
