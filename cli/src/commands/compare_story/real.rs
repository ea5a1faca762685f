//! A story of a whole real node: what agrees, part by part, and its curves.

use super::heading;
use crate::exit::Failure;
use oomsim_conformance::Verdict;
use oomsim_conformance::realnode::{
    DRAWS, Decision, DecisionKind, Examined, OtherDraws, Run, Story, examine, recorded, simulated,
};
use oomsim_report::picture::Class;
use oomsim_report::picture::story::{Happening, Pair, StoryComparison};

/// What became of it, the picture, and the text.
pub(super) fn compare(story: Story) -> Result<(Verdict, StoryComparison, String), Failure> {
    let id = story.id.clone();
    let examined = examine(story).map_err(|why| Failure::bad_input(format!("{id}: {why}")))?;
    let verdict = examined.verdict();
    let Examined { story, run, others } = &examined;
    let real = recorded(story);
    let model = simulated(&run.history, story.t0());
    let lines = |list: &[Decision]| list.iter().map(Decision::to_string).collect::<Vec<_>>();
    let text = heading(&story.id, &story.note, &verdict, &lines(&real), &lines(&model))
        + "\n"
        + &parts(run)
        + &draws(run, others);
    Ok((verdict, comparison(story, run, (&real, &model)), text))
}

/// What agrees and what differs first.
fn parts(run: &Run) -> String {
    let mut text = String::new();
    for (name, difference) in run.compared.parts() {
        text += &match difference {
            None => format!("  {name}: as recorded\n"),
            Some((expected, got)) => {
                format!("  {name}: differ first in\n    recorded   {expected}\n    simulated  {got}\n")
            }
        };
    }
    text
}

/// In how many of the draws it comes out as recorded, and what the others differ in.
fn draws(run: &Run, others: &[OtherDraws]) -> String {
    let mut text = format!("\n  {} of {DRAWS} draws come out as recorded\n", run.matching);
    for other in others {
        let (expected, got) = &other.example;
        let differ = if other.draws == 1 { "differs" } else { "differ" };
        let (draws, part) = (other.draws, other.part);
        text += &format!("  {draws} {differ} in {part}, such as\n    recorded   {expected}\n    simulated  {got}\n");
    }
    text
}

fn comparison(story: &Story, run: &Run, (real, model): (&[Decision], &[Decision])) -> StoryComparison {
    let t0 = story.t0();
    let amounts = |column: usize| -> Vec<(f64, f64)> {
        let number = |row: &[serde_json::Value], n: usize| row.get(n).and_then(serde_json::Value::as_f64);
        let points = story.series.iter().filter_map(|row| Some((number(row, 0)?, number(row, column)?)));
        points.filter(|(t, bytes)| *t >= 0.0 && *bytes >= 0.0).collect()
    };
    let samples = |of: fn(&oomsim_core::record::Sample) -> f64| -> Vec<(f64, f64)> {
        let samples = run.history.series.samples.iter();
        samples.map(|sample| (sample.at.as_secs_f64() - t0, of(sample))).filter(|(t, _)| *t >= 0.0).collect()
    };
    let pair = |name: &str, recorded: Vec<(f64, f64)>, simulated: Vec<(f64, f64)>| {
        let at = |t: f64| simulated.iter().rev().find(|(since, _)| *since <= t).map(|(_, bytes)| *bytes);
        let difference = recorded.iter().filter_map(|(t, bytes)| Some((*t, at(*t)? - bytes))).collect();
        Pair { name: name.into(), recorded, simulated, difference }
    };
    let facts = &run.history.node;
    let amount = |of: fn(&oomsim_core::record::NodeFacts) -> Option<oomsim_core::units::Bytes>| {
        of(facts).map(|bytes| bytes.get() as f64).filter(|bytes| *bytes > 0.0)
    };
    StoryComparison {
        title: format!("{} – {}", story.id, story.note),
        facts: "a real kubelet, containerd and kernel; seconds after T0".into(),
        end: story.inputs.duration.clamp(1e-3, 1e7),
        capacity: story.node.mem_total as f64,
        kubepods_limit: amount(|facts| facts.kubepods_limit),
        eviction_hard: amount(|facts| facts.eviction_hard),
        eviction_soft: amount(|facts| facts.eviction_soft),
        pairs: vec![
            pair("node available", amounts(1), samples(|sample| sample.available as f64)),
            pair("kubepods usage", amounts(4), samples(|sample| sample.kubepods_usage.get() as f64)),
        ],
        happenings: happenings(real, model),
    }
}

/// Recorded decisions, each with the first simulated one that is the same; then what was only simulated.
fn happenings(real: &[Decision], model: &[Decision]) -> Vec<Happening> {
    let happening = |of: &Decision, recorded, simulated| {
        let (class, what) = match of.kind {
            DecisionKind::Oom => (Class::Kill, "OOM kill"),
            DecisionKind::Evicted => (Class::Evict, "Evicted"),
        };
        Happening { class, title: format!("{what} {}", of.who), recorded, simulated }
    };
    let mut left: Vec<&Decision> = model.iter().collect();
    let mut out = Vec::new();
    for decision in real {
        let same = left.iter().position(|other| other.kind == decision.kind && other.who == decision.who);
        let same = same.map(|place| left.remove(place).t);
        out.push(happening(decision, Some(decision.t), same));
    }
    out.extend(left.into_iter().map(|decision| happening(decision, None, Some(decision.t))));
    out
}
