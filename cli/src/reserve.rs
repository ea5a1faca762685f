//! Is the reserve enough: measurements of daemons on the command line, and the figures that answer.

use crate::exit::Failure;
use crate::flags::{self, FlagError};
use crate::load::plain;
use oomsim_core::kubelet::MEMORY;
use oomsim_core::kubelet::preset::{NodeSize, Preset};
use oomsim_core::units::{Bytes, Quantity};
use oomsim_import::{Evidence as Files, Measured, measured};
use oomsim_lint::{Evidence, Reserve};
use oomsim_report::picture::memory_text;
use oomsim_report::style::{BAD, GOOD, HEADING, WARN, paint};
use oomsim_scenario::reading::Problems;
use oomsim_scenario::{LoadedScenario, Source};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Longest file of measurements that is read.
const MAX_FILE: u64 = 64 << 20;

/// What daemons were measured to hold, as options say it: an amount, or a file with a summary or series.
#[derive(Clone, Debug, Default)]
pub struct Daemons {
    /// The kubelet and the container runtime.
    pub kube: Option<Measured>,
    /// The others.
    pub system: Option<Measured>,
}

/// The value of `--kube-daemons` and `--system-daemons`.
///
/// # Errors
/// When it is neither an amount nor a file that says what daemons hold.
pub fn daemons(text: &str) -> Result<Measured, FlagError> {
    if let Ok(amount) = flags::amount(text) {
        return Ok(Measured::once(amount));
    }
    let path = Path::new(text);
    let failed = |what: &str, why| FlagError::File(format!("{what}: {}", plain(&why)));
    let about = path.metadata().map_err(|why| failed("neither an amount such as 1200Mi nor a file", why))?;
    if !about.is_file() || about.len() > MAX_FILE {
        return Err(FlagError::File(format!("expected an ordinary file of at most {} MiB", MAX_FILE >> 20)));
    }
    let content = std::fs::read_to_string(path).map_err(|why| failed("cannot be read", why))?;
    let problems = Problems::default();
    let files = Files::read(&problems, &[Arc::new(Source::new(text, content))]);
    if let Some(problem) = problems.into_sorted().first() {
        return Err(FlagError::File(problem.to_string()));
    }
    measured(&files).ok_or(FlagError::Expected("/stats/summary or memory series of daemons"))
}

/// What the reserve of a node comes to, with what was measured.
pub fn of(loaded: &LoadedScenario, daemons: &Daemons) -> Option<Reserve> {
    let peak = |measured: &Option<Measured>| measured.map(|m| m.peak);
    let known =
        Evidence { kube_daemons: peak(&daemons.kube), system_daemons: peak(&daemons.system), ..Evidence::SCENARIO };
    Reserve::of(loaded, known)
}

/// What a preset reserves on the same machine.
///
/// # Errors
/// When there is no such preset, or the machine's size for it is not known.
pub fn by_formula(loaded: &LoadedScenario, name: &str) -> Result<Bytes, Failure> {
    let bad = |why: String| Failure::bad_input(format!("--preset {name}: {why}"));
    let preset =
        Preset::named(name).ok_or_else(|| bad("there is no such preset; `oomsim node --help` names them".into()))?;
    let node = &loaded.scenario.node;
    let max_pods = loaded.scenario.kubelet.as_ref().and_then(|kubelet| kubelet.config.max_pods);
    let nominal = node.nominal.or(Some(node.kernel.mem_total));
    let size = NodeSize { nominal, mem_total: node.kernel.mem_total, max_pods };
    let config = preset.config(&size).map_err(|why| bad(why.to_string()))?;
    let memory = |reserved: Option<&String>| {
        let Some(text) = reserved else { return Ok(Bytes::ZERO) };
        let value = Quantity::parse(text).map_err(|why| bad(why.to_string()))?.value();
        u64::try_from(value).map(Bytes::new).map_err(|_| bad("a negative reservation".into()))
    };
    Ok(memory(config.kube_reserved.get(MEMORY))? + memory(config.system_reserved.get(MEMORY))?)
}

fn amount(bytes: i64) -> String {
    memory_text(bytes as f64)
}

/// The figures for people; `formula`: a preset's name and what it reserves.
pub fn text(reserve: &Reserve, daemons: &Daemons, formula: Option<(&str, Bytes)>) -> String {
    let mut text = format!("\n{}\n", paint(HEADING, "Reserve"));
    let mut line = |what: &str, said: String| text.push_str(&format!("  {what:<14}{said}\n"));
    line("reserved", format!("{} in kubeReserved and systemReserved", amount(reserve.reserved)));
    line("used", format!("{} by the node's own programs", amount(reserve.used)));
    for (what, measured) in [("kubelet, runtime", daemons.kube), ("others", daemons.system)] {
        let Some(m) = measured.filter(|m| m.samples > 1) else { continue };
        let growth = m.growth_per_day.map_or_else(String::new, |growth| format!(", growth {} a day", amount(growth)));
        let (median, peak) = (amount(signed(m.median)), amount(signed(m.peak)));
        line("", format!("{what}: median {median}, peak {peak}{growth} ({} samples)", m.samples));
    }
    let (promised, there) = (amount(reserve.allocatable), amount(reserve.there));
    let (style, verdict) = match reserve.short() {
        short if short > 0 => (BAD, format!("{} more than there is", amount(short))),
        0 => (WARN, "just what there is".into()),
        spare => (GOOD, format!("{} less than there is", amount(-spare))),
    };
    line("for pods", format!("{promised} promised (allocatable), {there} there: {}", paint(style, verdict)));
    if reserve.short() > 0 {
        line(
            "set",
            format!("kubeReserved and systemReserved to {} together: used and a tenth", amount(reserve.advice)),
        );
    }
    if let Some((name, bytes)) = formula {
        line("formula", format!("{name} reserves {}", amount(signed(bytes))));
    }
    let kept = format!("the kernel keeps {} that the kubelet does not see", amount(reserve.kernel));
    let hard = match (reserve.hard, reserve.hard_is_late()) {
        (hard, true) => format!("{}; {kept}: {} gives it one check in time", amount(hard), amount(reserve.hard_advice)),
        (hard, false) => format!("{} fits: {kept}", amount(hard)),
    };
    line("evictionHard", hard);
    text
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

/// The figures as JSON.
pub fn json(reserve: &Reserve, daemons: &Daemons, formula: Option<(&str, Bytes)>) -> Value {
    let measured = |m: Option<Measured>| {
        m.map(|m| {
            json!({ "median_bytes": m.median.get(), "peak_bytes": m.peak.get(),
                "growth_bytes_per_day": m.growth_per_day, "samples": m.samples })
        })
    };
    json!({
        "reserved_bytes": reserve.reserved, "used_bytes": reserve.used, "kernel_bytes": reserve.kernel,
        "allocatable_bytes": reserve.allocatable, "there_bytes": reserve.there, "short_bytes": reserve.short(),
        "advice_bytes": reserve.advice, "eviction_hard_bytes": reserve.hard,
        "eviction_hard_advice_bytes": reserve.hard_advice,
        "kube_daemons": measured(daemons.kube), "system_daemons": measured(daemons.system),
        "formula": formula.map(|(name, bytes)| json!({ "preset": name, "reserved_bytes": bytes.get() })),
    })
}
