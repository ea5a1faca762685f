//! What came out for all stories of a file, by family.

use super::Examination;
use super::compare::percentile;
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of one family, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Family {
    /// Stories.
    pub stories: usize,
    /// Stories whose simulated verdict changes under the disturbances.
    pub undecided: usize,
    /// Decided stories with the recorded verdict.
    pub matched: usize,
    /// Decided stories with another one.
    pub mismatched: usize,
    /// Matched stories with every decision in time.
    pub in_time: usize,
    /// Decisions of matched stories.
    pub decisions: usize,
    /// … of which in time.
    pub decisions_in_time: usize,
    /// Passes compared.
    pub passes: usize,
    /// … with the same thresholds met.
    pub same_thresholds: usize,
    /// … with the same conditions.
    pub same_conditions: usize,
    /// Evictions compared.
    pub evictions: usize,
    /// … with the same message, amounts aside.
    pub same_messages: usize,
    /// Error of `memory.available` as the passes saw it: median and 95th percentile, in percent.
    pub seen_available: [f64; 2],
    /// Error of pods' figures as the passes used them.
    pub seen_pods: [f64; 2],
    /// Error of kubepods' usage along the series.
    pub kubepods: [f64; 2],
    /// Error of the node's `memory.available` along the series.
    pub available: [f64; 2],
}

/// All families and their total. Passes and memory are those of decided stories with the recorded verdict: after
/// another death everything differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// By family.
    pub families: BTreeMap<u32, Family>,
    /// All of them.
    pub all: Family,
    /// What was not in time, for people.
    pub late: Vec<String>,
}

/// Gathers examinations.
pub fn summary(list: &[Examination]) -> Summary {
    let mut families: BTreeMap<u32, Vec<&Examination>> = BTreeMap::new();
    for e in list {
        families.entry(e.family).or_default().push(e);
    }
    let late = list.iter().flat_map(|e| e.times.late.iter().map(move |l| format!("{}: {l}", e.id)));
    Summary {
        families: families.into_iter().map(|(n, list)| (n, family(&list))).collect(),
        all: family(&list.iter().collect::<Vec<_>>()),
        late: late.collect(),
    }
}

fn family(list: &[&Examination]) -> Family {
    let mut f = Family { stories: list.len(), ..Family::default() };
    let (mut seen, mut pods, mut kubepods, mut available) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for e in list {
        match (e.flip.is_some(), e.same) {
            (true, _) => f.undecided += 1,
            (false, true) => f.matched += 1,
            (false, false) => f.mismatched += 1,
        }
        if e.flip.is_some() || !e.same {
            continue;
        }
        f.in_time += usize::from(e.times.late.is_empty());
        f.decisions += e.times.decisions;
        f.decisions_in_time += e.times.in_time;
        f.passes += e.saw.passes;
        f.same_thresholds += e.saw.same_thresholds;
        f.same_conditions += e.saw.same_conditions;
        f.evictions += e.saw.evictions;
        f.same_messages += e.saw.same_messages;
        seen.extend(&e.saw.available);
        pods.extend(&e.saw.pods);
        kubepods.extend(&e.memory.kubepods);
        available.extend(&e.memory.available);
    }
    let both = |values: &[f64]| [percentile(values, 0.5), percentile(values, 0.95)];
    (f.seen_available, f.seen_pods) = (both(&seen), both(&pods));
    (f.kubepods, f.available) = (both(&kubepods), both(&available));
    f
}
