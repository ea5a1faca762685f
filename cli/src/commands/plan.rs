//! `oomsim plan`: finds settings that keep the risk of a failure below a target.

use crate::exit::{Exit, Failure};
use crate::flags::{Force, Format};
use crate::load::{self, Beside};
use crate::progress::Progress;
use crate::{output, reserve};
use oomsim_core::plan::Controller;
use oomsim_import::Measured;
use oomsim_planning::axis::AxisValue;
use oomsim_planning::plan::{Axis, Levels, Plan};
use oomsim_planning::recommend::{Confirmed, SearchResult, Trial, kubelet_yaml, pod_patches};
use oomsim_planning::study::Goal;
use oomsim_report::plan::PlanReport;
use oomsim_report::text::duration;
use oomsim_store::Pool;
use std::path::PathBuf;

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
    /// Also show what this preset would reserve
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
