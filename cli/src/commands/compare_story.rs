//! `oomsim compare-story`: a recorded whole-node story and its simulation in one chart.

mod real;

use super::import_story::{Recorded, load};
use crate::exit::{Exit, Failure};
use crate::flags::Force;
use crate::output;
use oomsim_conformance::Verdict;
use oomsim_conformance::node::compare::percentile;
use oomsim_conformance::node::decision::{DecidedBy, Decision};
use oomsim_conformance::node::story::Story;
use oomsim_conformance::node::{Examination, StoryRun, examine_run};
use oomsim_report::picture::story::{Happening, Pair, StoryComparison};
use oomsim_report::picture::{Class, DrawError, story_svg};
use oomsim_report::style::{BAD, DIM, GOOD, HEADING, paint};
use std::path::PathBuf;

/// Arguments of `oomsim compare-story`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 the simulation ends as recorded or the run is undecided, 1 it ends differently, 2 no such recording.

Examples:
  oomsim compare-story s1-F04-009
  oomsim compare-story B26
  oomsim compare-story s1-F04-009 --data recordings/stories.jsonl --out picture.png")]
pub struct Args {
    /// Name of the recorded run
    #[arg(value_name = "ID")]
    id: String,
    /// Recorded runs (.jsonl or .jsonl.gz) [default: the built-in ones]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Picture file, .svg or .png [default: ID.svg]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

/// Runs `oomsim compare-story`.
///
/// # Errors
/// When the story cannot be read or the picture cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let recorded = load(args.data.as_deref(), &args.id)?;
    let out = args.out.unwrap_or_else(|| PathBuf::from(format!("{}.svg", file_name(&args.id))));
    let png = match out.extension().and_then(|e| e.to_str()) {
        Some("svg") => false,
        Some("png") if cfg!(feature = "png") => true,
        _ => {
            return Err(Failure::bad_input(format!(
                "{}: the name of the picture must end in .svg or .png",
                out.display()
            )));
        }
    };
    let (verdict, comparison, text) = match recorded {
        Recorded::Node(story) => of_node(&story)?,
        Recorded::Real(story) => real::compare(*story)?,
    };
    let bytes = if png { drawn_as_png(&comparison) } else { story_svg(&comparison).map(String::into_bytes) };
    let written = output::write_file(&out, args.force, &bytes.map_err(Failure::internal)?)?;
    output::print(&format!("{text}picture: {}\n", written.display()))?;
    Ok(if matches!(verdict, Verdict::Mismatched { .. }) { Exit::Failed } else { Exit::Holds })
}

/// A story of the first kind: what became of it, the picture, and the text.
fn of_node(story: &Story) -> Result<(Verdict, StoryComparison, String), Failure> {
    let (examined, run) = examine_run(story).map_err(|why| Failure::bad_input(format!("{}: {why}", story.id)))?;
    let verdict = examined.verdict();
    let text = text(story, &examined, &verdict);
    Ok((verdict, comparison(story, &examined, &run), text))
}

#[cfg(feature = "png")]
fn drawn_as_png(of: &StoryComparison) -> Result<Vec<u8>, DrawError> {
    oomsim_report::picture::story_png(of)
}

#[cfg(not(feature = "png"))]
fn drawn_as_png(of: &StoryComparison) -> Result<Vec<u8>, DrawError> {
    story_svg(of).map(String::into_bytes)
}

/// A story's name as a file's.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The heading, and the decisions side by side.
fn heading(id: &str, note: &str, verdict: &Verdict, recorded: &[String], simulated: &[String]) -> String {
    let (style, word) = match verdict {
        Verdict::Matched => (GOOD, "matched".to_owned()),
        Verdict::Undecided(why) => (DIM, format!("undecided: {why}")),
        Verdict::Mismatched { .. } => (BAD, "mismatched".to_owned()),
    };
    let mut out = format!("{}  {}\n  {note}\n", paint(HEADING, id), paint(style, word));
    let width = recorded.iter().map(|d| d.chars().count()).max().unwrap_or(0).max("no deaths".len());
    out.push_str(&format!("\n  {:<width$}  {}\n", "RECORDED", "SIMULATED"));
    for n in 0..recorded.len().max(simulated.len()).max(1) {
        let cell = |list: &[String]| match list.get(n) {
            Some(decision) => decision.clone(),
            None if n == 0 => "no deaths".into(),
            None => String::new(),
        };
        out.push_str(&format!("  {:<width$}  {}\n", cell(recorded), cell(simulated)));
    }
    out
}

fn text(story: &Story, e: &Examination, verdict: &Verdict) -> String {
    let lines = |list: &[Decision]| list.iter().map(Decision::to_string).collect::<Vec<_>>();
    let mut out = heading(&story.id, &story.note, verdict, &lines(&e.recorded), &lines(&e.simulated));
    let (t, saw) = (&e.times, &e.saw);
    out.push_str(&format!("\n  in time: {} of {} decisions\n", t.in_time, t.decisions));
    out.push_str(&format!(
        "  the manager saw: same thresholds in {} of {} passes, same conditions in {}, same messages {} of {}\n",
        saw.same_thresholds, saw.passes, saw.same_conditions, saw.same_messages, saw.evictions
    ));
    let both = |values: &[f64]| format!("{:.2} % / {:.2} %", percentile(values, 0.5), percentile(values, 0.95));
    let (kubepods, available) = (both(&e.memory.kubepods), both(&e.memory.available));
    out.push_str(&format!("  memory, median / 95th percentile: kubepods usage {kubepods}, available {available}\n"));
    out
}

fn comparison(story: &Story, e: &Examination, run: &StoryRun) -> StoryComparison {
    let facts = &run.history.node;
    let end = story.series.rows.last().map_or(1.0, |r| r.0).clamp(1e-3, 1e7);
    let within = |t: &f64| *t >= 0.0 && *t <= end;
    let rows = || story.series.rows.iter().zip(&run.at_rows).filter(|(r, _)| within(&r.0));
    let samples = || {
        let since = run.history.series.samples.iter().map(|s| (s.at.as_secs_f64() - run.t0, s));
        since.filter(|(t, _)| within(t))
    };
    let available = Pair {
        name: "node available".into(),
        recorded: rows().map(|(r, _)| (r.0, r.available() as f64)).collect(),
        simulated: samples().map(|(t, s)| (t, s.available as f64)).collect(),
        difference: rows().map(|(r, s)| (r.0, (s.available - r.available()) as f64)).collect(),
    };
    let kubepods = Pair {
        name: "kubepods usage".into(),
        recorded: rows().map(|(r, _)| (r.0, r.kubepods() as f64)).collect(),
        simulated: samples().map(|(t, s)| (t, s.kubepods_usage.get() as f64)).collect(),
        difference: rows().map(|(r, s)| (r.0, s.kubepods_usage.get() as f64 - r.kubepods() as f64)).collect(),
    };
    let amount = |b: Option<oomsim_core::units::Bytes>| b.map(|b| b.get() as f64).filter(|v| *v > 0.0);
    let lru = match story.node.lru_gen.as_deref() {
        None | Some("0x0000") => "classic LRU",
        Some(_) => "MGLRU",
    };
    StoryComparison {
        title: format!("{} – {}", story.id, story.note),
        facts: format!("kernel {}, cgroup v{}, {lru}; seconds after T0", story.kernel, story.cgroup_version),
        end,
        capacity: facts.capacity.get() as f64,
        kubepods_limit: amount(facts.kubepods_limit),
        eviction_hard: amount(facts.eviction_hard),
        eviction_soft: amount(facts.eviction_soft),
        pairs: vec![available, kubepods],
        happenings: happenings(&e.recorded, &e.simulated),
    }
}

/// Recorded decisions, each with the first simulated one that is the same; then what was only simulated.
fn happenings(recorded: &[Decision], simulated: &[Decision]) -> Vec<Happening> {
    let mut left: Vec<&Decision> = simulated.iter().collect();
    let mut out = Vec::new();
    for real in recorded {
        let same = left.iter().position(|model| model.same(real)).map(|at| left.remove(at).t);
        out.push(happening(real, Some(real.t), same));
    }
    out.extend(left.into_iter().map(|model| happening(model, None, Some(model.t))));
    out
}

fn happening(of: &Decision, recorded: Option<f64>, simulated: Option<f64>) -> Happening {
    let first = of.killed.iter().next().map_or("", String::as_str);
    let mut parts = first.split('/');
    let (place, comm) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
    let more = if of.killed.len() > 1 { format!(" +{}", of.killed.len() - 1) } else { String::new() };
    let kill = |limit: &str| (Class::Kill, format!("OOM kill {comm}{more} · {limit}"));
    let (class, title) = match &of.by {
        DecidedBy::Eviction => (Class::Evict, format!("Evicted {place}")),
        DecidedBy::Itself => (Class::Change, format!("exit {comm}")),
        DecidedBy::NodeOom => kill("node out of memory"),
        DecidedBy::KubepodsOom => kill("kubepods limit"),
        DecidedBy::QosOom => kill("QoS cgroup's limit"),
        DecidedBy::PodOom => kill("pod's limit"),
        DecidedBy::ContainerOom => kill("container's limit"),
        DecidedBy::CgroupOom => kill("cgroup's limit"),
        DecidedBy::Other(word) => kill(word),
    };
    Happening { class, title, recorded, simulated }
}
