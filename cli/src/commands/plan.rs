//! `oomsim plan`: finds settings that keep the risk of a failure below a target.

mod nothing;

use crate::exit::{Exit, Failure};
use crate::flags::{Force, Format};
use crate::load::{self, Beside};
use crate::progress::{Progress, duration};
use crate::{output, reserve};
use anstyle::Style;
use oomsim_core::plan::Controller;
use oomsim_import::Measured;
use oomsim_planning::axis::{AxisValue, Unit};
use oomsim_planning::plan::{Axis, Levels, Plan};
use oomsim_planning::recommend::{
    Confirmed, Recommendation, RiskTarget, SearchResult, Trial, Unusable, kubelet_yaml, percent, pod_patches,
};
use oomsim_planning::row::field;
use oomsim_planning::stats::{Z95, wilson};
use oomsim_planning::study::{AsItIs, Goal};
use oomsim_report::picture::study::{Band, Diagram, Heat, Join, Scale, diagram};
use oomsim_report::picture::{DrawError, memory_text};
use oomsim_report::style::{BAD, DIM, GOOD, HEADING, WARN, paint};
use oomsim_report::table::Table;
use oomsim_store::Pool;
use ordered_float::OrderedFloat;
use serde_json::json;
use std::path::PathBuf;

/// Settings that the table on the terminal shows.
const MAX_ROWS: usize = 40;

const EXAMPLES: &str = "\
Examples:
  oomsim plan studies/worker-goal.toml --out out/plan
  oomsim plan studies/worker-goal.toml --format json

A goal file names scenarios, failures with the risk you accept (`[[target]]`), and the settings that may change \
(`[[knob]]`). The recommendation is the setting with the most allocatable memory that meets all targets – with \
prices (`[[instance]]`) the cheapest –, confirmed on seeds that the search has not used. Exit code 1: no setting \
meets the targets.";

/// Arguments of `oomsim plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Goal file
    #[arg(value_name = "GOAL")]
    goal: PathBuf,
    /// Folder to write kubelet.yaml, pod patches, trials.csv and the picture to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Number of runs in parallel [default: one per processor]
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Measured memory of the kubelet and the container runtime: an amount, or a file (/stats/summary, series)
    #[arg(long, value_name = "QUANTITY|FILE", value_parser = reserve::daemons)]
    kube_daemons: Option<Measured>,
    /// Measured memory of the node's other daemons: an amount, or a file
    #[arg(long, value_name = "QUANTITY|FILE", value_parser = reserve::daemons)]
    system_daemons: Option<Measured>,
    /// Show what this preset reserves beside the reservation there is
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Everything that is printed or written.
struct PlanReport<'a> {
    goal: &'a Goal,
    plan: &'a Plan,
    found: &'a Recommendation,
    /// The scenarios as they are.
    now: AsItIs,
    /// The recommendation as files: name and content.
    files: Vec<(String, String)>,
    /// Is the reserve of the first scenario enough: for people and as JSON.
    reserve: Option<(String, serde_json::Value)>,
}

/// Runs `oomsim plan`.
///
/// # Errors
/// When the goal is wrong or a file cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let folder = output::folder(args.out.as_deref(), args.force)?;
    let name = args.goal.display().to_string();
    let text = load::named_toml(&args.goal, "a goal")?;
    let goal = Goal::read(&text, &name, &Beside::study(&args.goal)).map_err(|problems| load::rendered(&problems))?;
    output::warn(&goal.warnings);
    let reserve = reserve_of(&goal, &args)?;
    let pool = Pool::new(args.jobs.map_or(0, usize::from)).map_err(Failure::internal)?;
    let plan = &goal.plans[0];
    let progress = Progress::new("settings");
    let (mut settings, mut runs) = (0, 0);
    let found = goal.search(&pool, &mut |trial: &Trial| {
        settings += 1;
        runs += trial.counts.iter().map(|c| c.1).max().unwrap_or(0);
        progress.at(settings, plan.cells(), settings);
    });
    output::complain(&format!(
        "{settings} of {} settings tried in {}, about {runs} runs",
        plan.cells(),
        duration(progress.elapsed().as_secs_f64())
    ));
    drop(progress);
    let files = match &found.found {
        SearchResult::Setting(best) => files(&goal, plan, best)?,
        SearchResult::Nothing { .. } => Vec::new(),
    };
    let now = goal.as_it_is(&pool);
    let report = PlanReport { goal: &goal, plan, found: &found, now, files, reserve };
    if let Some(folder) = folder {
        folder.write("trials.csv", report.csv().as_bytes())?;
        folder.write("risk.svg", report.picture().map_err(Failure::internal)?.as_bytes())?;
        for (name, content) in &report.files {
            folder.write(name, content.as_bytes())?;
        }
    }
    match args.format {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print(&format!("{:#}\n", report.json()))?,
    }
    Ok(match found.found {
        SearchResult::Setting(_) => Exit::Holds,
        SearchResult::Nothing { .. } => Exit::Failed,
    })
}

/// Whether the reserve of the first scenario is enough.
fn reserve_of(goal: &Goal, args: &Args) -> Result<Option<(String, serde_json::Value)>, Failure> {
    let loaded = goal.scenarios[0].1.scenario(&[]).map_err(|problems| load::rendered(&problems))?;
    let daemons = reserve::Daemons { kube: args.kube_daemons, system: args.system_daemons };
    let formula = match &args.preset {
        Some(name) => Some((name.as_str(), reserve::by_formula(&loaded, name)?)),
        None => None,
    };
    let figures = reserve::of(&loaded, &daemons);
    Ok(figures.map(|r| (reserve::text(&r, &daemons, formula), reserve::json(&r, &daemons, formula))))
}

/// The recommendation as files.
fn files(goal: &Goal, plan: &Plan, best: &Confirmed) -> Result<Vec<(String, String)>, Failure> {
    let values = best.trial.values(plan);
    let with = goal.with_setting(0, best.trial.setting).map_err(|problems| load::rendered(&problems))?.scenario;
    let before = goal.scenarios[0].1.scenario(&[]).map_err(|problems| load::rendered(&problems))?.scenario;
    let mut files = Vec::new();
    if let (Some(with), Some(before)) = (&with.kubelet, &before.kubelet)
        && let Some(yaml) = kubelet_yaml(plan.axes(), &values, &with.config, &before.config, &before.profile)
    {
        files.push(("kubelet.yaml".to_string(), yaml));
    }
    let bare = |name: &str| with.pods.iter().any(|p| &*p.spec.name == name && p.controller == Controller::None);
    // A knob of many pods is a patch for each.
    let settings = goal.scenarios[0].1.expanded(&plan.spec(best.trial.setting).overrides);
    let settings = settings.map_err(|problems| load::rendered(&problems))?;
    let (axes, named): (Vec<Axis>, Vec<AxisValue>) = settings
        .iter()
        .filter_map(|setting| setting.rsplit_once('='))
        .map(|(key, value)| {
            let axis = Axis { name: key.into(), keys: vec![key.into()], levels: Levels::Grid(Vec::new()) };
            (axis, AxisValue::parse(value))
        })
        .unzip();
    let patches = pod_patches(&axes, &named.iter().collect::<Vec<_>>(), bare);
    files.extend(patches.into_iter().map(|(pod, patch)| (format!("{pod}.patch.yaml"), patch)));
    Ok(files)
}

impl PlanReport<'_> {
    fn scenario_names(&self) -> Vec<String> {
        self.goal.scenarios.iter().map(|(name, _)| name.clone()).collect()
    }

    fn knobs(&self) -> Vec<&str> {
        self.plan.axes().iter().map(|a| a.name.as_str()).collect()
    }

    fn text(&self) -> String {
        let names = self.scenario_names();
        let mut text = format!("{}\n", paint(HEADING, &self.goal.name));
        if !self.goal.description.is_empty() {
            text.push_str(&format!("{}\n", self.goal.description.trim()));
        }
        text.push_str("\nTargets\n");
        self.goal.targets.iter().for_each(|t| text.push_str(&format!("  {}\n", t.in_words(&names))));
        text.push_str(&self.mixture());
        match &self.now.unusable {
            Some(why) => text.push_str(&format!("\nCurrent settings: {}\n", paint(BAD, why))),
            None => {
                text.push_str(&format!(
                    "\nCurrent settings: allocatable {}\n",
                    memory_text(self.now.allocatable as f64)
                ));
                self.target_lines(&mut text, 2, &self.now.counts);
            }
        }
        if let Some((figures, _)) = &self.reserve {
            text.push_str(figures);
        }
        text.push_str(&format!("\n{}", self.table()));
        for knob in &self.found.not_monotone {
            let said = format!("the risk does not fall steadily along {knob}, so all of its values were tried");
            text.push_str(&format!("{}\n", paint(WARN, said)));
        }
        if !self.found.withdrawn.is_empty() {
            let said = format!(
                "{} setting(s) met the targets in the search but not on fresh seeds, and were rejected",
                self.found.withdrawn.len()
            );
            text.push_str(&format!("{}\n", paint(WARN, said)));
        }
        match &self.found.found {
            SearchResult::Setting(best) => self.recommended(&mut text, best),
            SearchResult::Nothing { nearest } => self.nothing(&mut text, &self.found.trials[*nearest]),
        }
        text
    }

    /// In which shares the scenarios count, if not equally.
    fn mixture(&self) -> String {
        let weights = &self.goal.weights;
        if weights.iter().all(|weight| *weight == 1.0) {
            return String::new();
        }
        let sum: f64 = weights.iter().sum();
        let shares = self.goal.scenarios.iter().zip(weights).map(|((n, _), w)| format!("{} {n}", percent(w / sum)));
        format!("  runs without a named scenario are {}\n", shares.collect::<Vec<_>>().join(", "))
    }

    /// The trade-off, in the order of rising price and falling allocatable memory. Of many settings those are shown
    /// that no other beats, and those next to the recommended one.
    fn table(&self) -> String {
        let trials = &self.found.trials;
        let priced = trials.iter().any(|t| t.price.is_some());
        let price = priced.then_some("price");
        let columns = ["allocatable", "risk", "95 % interval", "runs", "verdict"];
        let heading: Vec<&str> = self.knobs().into_iter().chain(price).chain(columns).collect();
        let mut table = Table::new(&heading);
        let near: Vec<u64> = match &self.found.found {
            SearchResult::Setting(best) => self.margins(&best.trial).iter().map(|(_, t)| t.setting).collect(),
            SearchResult::Nothing { .. } => Vec::new(),
        };
        let shown =
            |i: &usize| trials.len() <= MAX_ROWS || self.found.front.contains(i) || near.contains(&trials[*i].setting);
        let rows: Vec<usize> = (0..trials.len()).filter(shown).take(MAX_ROWS).collect();
        for &i in &rows {
            let trial = &trials[i];
            let (share, interval) = trial.risk();
            let runs = trial.counts.iter().map(|c| c.1).max().unwrap_or(0);
            let verdict = match &trial.unusable {
                Some(why) => why.to_string(),
                None if trial.passes() => "meets the targets".into(),
                None if trial.fails() => "misses".into(),
                None => "not proven".into(),
            };
            let run = trial.unusable.is_none();
            let said = |text: String| if run { text } else { "-".into() };
            let front = if self.found.front.contains(&i) { " *" } else { "" };
            let style = if trial.passes() { GOOD } else { Style::new() };
            let price = priced.then(|| trial.price.map_or("-".into(), price_text));
            let cells = trial.values(self.plan).into_iter().map(|v| v.text.clone()).chain(price).chain([
                memory_text(trial.allocatable as f64),
                said(percent(share)),
                said(format!("{} – {}", percent(interval.low), percent(interval.high))),
                runs.to_string(),
                format!("{verdict}{front}"),
            ]);
            table.row(cells.collect(), style);
        }
        let more = trials.len() - rows.len();
        let more = if more > 0 {
            format!("… and {more} settings that are worse than these; all are in trials.csv (--out)\n")
        } else {
            String::new()
        };
        let front = if self.found.front.is_empty() {
            String::new()
        } else {
            let gain = if priced { "a lower price" } else { "more allocatable memory" };
            format!("{}\n", paint(DIM, format!("* no other setting has both {gain} and less risk")))
        };
        format!("{}{more}{front}", table.render(0))
    }

    fn setting(&self, trial: &Trial) -> String {
        let pairs = self.knobs().into_iter().zip(trial.values(self.plan));
        pairs.map(|(name, value)| format!("{name} = {}", value.text)).collect::<Vec<_>>().join(", ")
    }

    fn recommended(&self, text: &mut String, best: &Confirmed) {
        let heading = paint(HEADING, format!("Recommended: {}", self.setting(&best.trial)));
        let price = best.trial.price.map_or(String::new(), |price| format!("  price {}\n", price_text(price)));
        let allocatable = memory_text(best.trial.allocatable as f64);
        text.push_str(&format!("\n{heading}\n{price}  allocatable {allocatable}\n"));
        text.push_str("  on fresh seeds:\n");
        self.target_lines(text, 4, &best.fresh.counts);
        text.push_str("  margins:\n");
        for (name, trial) in self.margins(&best.trial) {
            if let Some(why) = &trial.unusable {
                text.push_str(&format!("    {name}: {why}\n"));
                continue;
            }
            let (share, i) = trial.risk();
            let (low, high) = (percent(i.low), percent(i.high));
            let gain = trial.allocatable - best.trial.allocatable;
            let gain = match gain {
                0 => String::new(),
                _ => format!(", allocatable {}{}", if gain > 0 { "+" } else { "" }, memory_text(gain as f64)),
            };
            text.push_str(&format!("    {name}: risk {} ({low} – {high}){gain}\n", percent(share)));
        }
        for (name, content) in &self.files {
            text.push_str(&format!("\n{}\n{content}", paint(DIM, format!("# {name}"))));
        }
    }

    /// One line per target: how often it was missed.
    fn target_lines(&self, text: &mut String, indent: usize, counts: &[(u64, u64)]) {
        for (target, &(bad, runs)) in self.goal.targets.iter().zip(counts) {
            let i = wilson(bad, runs, Z95);
            text.push_str(&format!(
                "{:indent$}{}: {bad} of {runs} runs ({} – {}, target {})\n",
                "",
                target.event.in_words(),
                percent(i.low),
                percent(i.high),
                bound(target)
            ));
        }
    }

    /// The settings one step away, by what differs.
    fn margins(&self, best: &Trial) -> Vec<(String, &Trial)> {
        let mine = best.values(self.plan);
        let differs = |trial: &Trial| -> Option<String> {
            let theirs = trial.values(self.plan);
            let mut other = self.plan.grid_axes().zip(mine.iter().zip(theirs)).filter(|(_, (a, b))| a.text != b.text);
            let ((axis, values), (a, b)) = other.next()?;
            let place = |v: &str| values.iter().position(|w| w.text == v);
            let near = place(&a.text)?.abs_diff(place(&b.text)?) == 1;
            (near && other.next().is_none()).then(|| format!("{} = {}", axis.name, b.text))
        };
        self.found.trials.iter().filter_map(|trial| Some((differs(trial)?, trial))).collect()
    }

    fn csv(&self) -> String {
        let mut text = String::from("setting");
        self.knobs().iter().for_each(|knob| text.push_str(&format!(",{knob}")));
        let priced = self.found.trials.iter().any(|t| t.price.is_some());
        text.push_str(if priced { ",price" } else { "" });
        text.push_str(",allocatable_bytes,verdict,kubelet_not_started,on_front");
        for n in 0..self.goal.targets.len() {
            text.push_str(&format!(",bad_{n},runs_{n},share_low_{n},share_high_{n}"));
        }
        text.push('\n');
        for (i, trial) in self.found.trials.iter().enumerate() {
            text.push_str(&trial.setting.to_string());
            for value in trial.values(self.plan) {
                text.push(',');
                field(&mut text, &value.text);
            }
            if priced {
                text.push_str(&format!(",{}", trial.price.map_or(String::new(), price_text)));
            }
            let verdict = if let Some(Unusable::KubeletNotStarted(_)) = &trial.unusable {
                "not_started"
            } else if trial.unusable.is_some() {
                "do_not_fit"
            } else if trial.passes() {
                "meets"
            } else if trial.fails() {
                "misses"
            } else {
                "open"
            };
            text.push_str(&format!(",{},{verdict},", trial.allocatable));
            field(&mut text, trial.unusable.as_ref().map_or("", Unusable::why));
            text.push_str(&format!(",{}", self.found.front.contains(&i)));
            for &(bad, runs) in &trial.counts {
                let i = wilson(bad, runs, Z95);
                text.push_str(&format!(",{bad},{runs},{:.6},{:.6}", i.low, i.high));
            }
            text.push('\n');
        }
        text
    }

    /// Risk over two knobs as a heat map; with fewer knobs, or more, over allocatable memory with a line per target.
    fn picture(&self) -> Result<String, DrawError> {
        let grid: Vec<_> = self.plan.grid_axes().filter(|(_, values)| values.len() > 1).collect();
        match grid.as_slice() {
            [(y, rows), (x, columns)] => self.heat((&x.name, columns), (&y.name, rows)).svg(),
            _ => self.curve(),
        }
    }

    /// The worst target's share of bad runs; what was not tried is empty.
    fn heat(&self, x: (&str, &[AxisValue]), y: (&str, &[AxisValue])) -> Heat {
        let texts = |values: &[AxisValue]| values.iter().map(|value| value.text.clone()).collect::<Vec<_>>();
        let mut shares = vec![vec![f64::NAN; x.1.len()]; y.1.len()];
        for trial in self.found.trials.iter().filter(|trial| trial.unusable.is_none()) {
            let values = trial.values(self.plan);
            let at = |all: &[AxisValue]| all.iter().position(|v| values.iter().any(|w| std::ptr::eq(*w, v)));
            if let (Some(column), Some(row)) = (at(x.1), at(y.1)) {
                shares[row][column] = trial.risk().0;
            }
        }
        Heat {
            title: format!("{}: risk by settings", self.goal.name),
            subtitle:
                "share of bad runs of the target that is met worst; – was not tried, or the kubelet does not start"
                    .into(),
            x: (x.0.to_string(), texts(x.1)),
            y: (y.0.to_string(), texts(y.1)),
            shares,
        }
    }

    fn curve(&self) -> Result<String, DrawError> {
        use oomsim_report::picture::PODS;
        let names = self.scenario_names();
        let bands = self.goal.targets.iter().enumerate().take(PODS.len()).map(|(n, target)| {
            let mut points: Vec<(f64, f64, f64, f64)> = self
                .found
                .trials
                .iter()
                .filter(|t| t.counts[n].1 > 0)
                .map(|t| {
                    let (bad, runs) = t.counts[n];
                    let i = wilson(bad, runs, Z95);
                    (t.allocatable as f64, i.low, bad as f64 / runs as f64, i.high)
                })
                .collect();
            points.sort_by_key(|p| OrderedFloat(p.0));
            let name = short_name(target, &names);
            Band { name, color: PODS[n], points, join: Join::Lines, dots: true, dash: 0.0 }
        });
        diagram(&Diagram {
            title: format!("{}: risk against allocatable memory", self.goal.name),
            subtitle: "share of bad runs with 95 % interval, for every setting that was tried".into(),
            x: "allocatable memory".into(),
            unit: Unit::Bytes,
            scale: Scale::Linear,
            ticks: Vec::new(),
            y: "share of bad runs".into(),
            bands: bands.collect(),
            mark: match &self.found.found {
                SearchResult::Setting(best) => Some((best.trial.allocatable as f64, self.setting(&best.trial))),
                SearchResult::Nothing { .. } => None,
            },
        })
    }

    fn json(&self) -> serde_json::Value {
        let names = self.scenario_names();
        let trial = |t: &Trial| {
            let values: serde_json::Map<String, serde_json::Value> = self
                .knobs()
                .into_iter()
                .zip(t.values(self.plan))
                .map(|(k, v)| (k.into(), v.text.clone().into()))
                .collect();
            let targets: Vec<_> = t
                .counts
                .iter()
                .map(|&(bad, runs)| {
                    let i = wilson(bad, runs, Z95);
                    json!({ "bad": bad, "runs": runs, "share_low": i.low, "share_high": i.high })
                })
                .collect();
            json!({ "setting": values, "price": t.price, "allocatable_bytes": t.allocatable,
                "kubelet_not_started": not_started(&t.unusable), "pods_do_not_fit": do_not_fit(&t.unusable),
                "meets": t.passes(), "misses": t.fails(), "targets": targets })
        };
        let targets: Vec<String> = self.goal.targets.iter().map(|t| t.in_words(&names)).collect();
        let recommended = match &self.found.found {
            SearchResult::Setting(best) => {
                let margin = |(what, t): (_, &Trial)| json!({ "change": what, "trial": trial(t) });
                let margins: Vec<_> = self.margins(&best.trial).into_iter().map(margin).collect();
                let files = self.files.iter().map(|(name, content)| (name.clone(), content.clone().into()));
                let files: serde_json::Map<_, _> = files.collect();
                json!({
                "trial": trial(&best.trial), "fresh": trial(&best.fresh),
                "margins": margins,
                "files": files,
                })
            }
            SearchResult::Nothing { .. } => serde_json::Value::Null,
        };
        json!({
            "goal": self.goal.name, "targets": targets, "recommended": recommended,
            "as_it_is": { "allocatable_bytes": self.now.allocatable,
                "kubelet_not_started": not_started(&self.now.unusable),
                "pods_do_not_fit": do_not_fit(&self.now.unusable), "targets": self.now.counts.iter()
                .map(|(bad, runs)| json!({ "bad": bad, "runs": runs })).collect::<Vec<_>>() },
            "reserve": self.reserve.as_ref().map(|(_, json)| json),
            "trials": self.found.trials.iter().map(trial).collect::<Vec<_>>(),
            "front": self.found.front, "not_monotone": self.found.not_monotone,
        })
    }
}

/// A price with as many digits as it needs.
fn price_text(price: f64) -> String {
    let text = format!("{price:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn bound(target: &RiskTarget) -> String {
    if target.below == 0.0 { "none".into() } else { format!("< {}", percent(target.below)) }
}

fn short_name(target: &RiskTarget, scenarios: &[String]) -> String {
    let scenario = target.scenario.and_then(|i| scenarios.get(i)).filter(|_| scenarios.len() > 1);
    let event = oomsim_planning::recommend::BadEvent::NAMES;
    let same =
        |e: &oomsim_planning::recommend::BadEvent| std::mem::discriminant(e) == std::mem::discriminant(&target.event);
    let name = event.iter().find(|(_, e)| same(e)).map_or("event", |(name, _)| name);
    scenario.map_or(name.to_string(), |s| format!("{name} ({s})"))
}

/// Why the kubelet does not start.
fn not_started(unusable: &Option<Unusable>) -> Option<&str> {
    unusable.as_ref().filter(|unusable| matches!(unusable, Unusable::KubeletNotStarted(_))).map(Unusable::why)
}

/// Why the pods do not fit.
fn do_not_fit(unusable: &Option<Unusable>) -> Option<&str> {
    unusable.as_ref().filter(|unusable| matches!(unusable, Unusable::PodsDoNotFit(_))).map(Unusable::why)
}
