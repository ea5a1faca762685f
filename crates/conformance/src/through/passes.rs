//! How far a machine shows the figures that recorded passes of the eviction manager were fed with.

use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// True for a list or object with something in it.
pub(super) fn has(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty()) || value.as_object().is_some_and(|map| !map.is_empty())
}

fn names<'a>(row: &'a Value, tick: &Value) -> Vec<&'a str> {
    let active = tick["in"]["active"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    active.filter_map(|index| row["pods"][index as usize]["name"].as_str()).collect()
}

/// True where the manager looks at pods, so that their figures matter.
pub(super) fn acts(tick: &Value) -> bool {
    has(&tick["out"]["thresholds_met"])
}

/// How far a machine shows what was fed, and when each pod is there.
pub(super) struct Shown<'a> {
    pub ticks: usize,
    pub why: &'static str,
    /// A threshold looks at the pods' cgroup.
    pub below_pods: bool,
    pub there: BTreeMap<&'a str, Stay>,
}

/// How long a pod is on the node, in ticks.
pub(super) struct Stay {
    pub from: usize,
    /// From here on it is gone.
    pub gone: Option<usize>,
    /// The manager has evicted it.
    pub evicted: bool,
}

impl<'a> Shown<'a> {
    pub fn of(row: &'a Value, ticks: &'a [Value]) -> Shown<'a> {
        let thresholds = || row["thresholds"].as_array().into_iter().flatten();
        let of_pods = |threshold: &&Value| threshold["signal"] == "allocatableMemory.available";
        let below_pods = thresholds().any(|threshold| of_pods(&threshold));
        let share = thresholds().filter(of_pods).any(|threshold| threshold["percentage"].is_number());
        let mut shown = Shown { ticks: 0, why: "", below_pods, there: BTreeMap::new() };
        let (mut last, mut acted) = (None, false);
        for (n, tick) in ticks.iter().enumerate() {
            let why = not_shown(tick, last, below_pods)
                .or_else(|| no_whole_pages(tick, below_pods, share))
                .or_else(|| shown.pods(row, tick, n, acted));
            if let Some(why) = why {
                shown.why = why;
                break;
            }
            (last, acted) = (Some(tick), acted || acts(tick));
            shown.ticks = n + 1;
            if let Some(stay) = tick["out"]["evicted"]["pod"].as_str().and_then(|pod| shown.there.get_mut(pod)) {
                (stay.gone, stay.evicted) = (Some(n + 1), true);
            }
        }
        shown
    }

    /// The pods of a pass; why no machine shows them.
    fn pods(&mut self, row: &'a Value, tick: &Value, n: usize, acted: bool) -> Option<&'static str> {
        if !acts(tick) {
            return None;
        }
        let active = names(row, tick);
        for pod in row["pods"].as_array().into_iter().flatten() {
            let name = pod["name"].as_str().unwrap_or_default();
            if active.contains(&name) {
                let from = if acted { n } else { 0 };
                let stay = self.there.entry(name).or_insert(Stay { from, gone: None, evicted: false });
                if stay.gone.is_some() {
                    return Some("a pod that comes back after it has gone");
                }
                if figures(&tick["in"]["pod_stats"][name]).is_none() {
                    return Some("a pod or container of which the statistics have no figure");
                }
            } else if let Some(stay) = self.there.get_mut(name) {
                stay.gone.get_or_insert(n);
            }
        }
        let of = |name: &&str| figures(&tick["in"]["pod_stats"][*name]).map_or(0, |figures| figures.0);
        let sum = active.iter().map(of).fold(0u64, u64::saturating_add);
        let most = if self.below_pods { held(tick).1.unwrap_or(0) } else { held(tick).0 };
        (sum > most).then_some("pods that hold more than all pods or the node")
    }

    pub fn is_there(&self, name: &str, tick: usize) -> bool {
        self.there.get(name).is_some_and(|stay| stay.from <= tick && stay.gone.is_none_or(|gone| tick < gone))
    }
}

/// What no machine shows of the node at a pass; after `last`.
fn not_shown(tick: &Value, last: Option<&Value>, below_pods: bool) -> Option<&'static str> {
    let (node, pods) = (&tick["in"]["node"], &tick["in"]["pods_cgroup"]);
    let lacks = |of: &Value| of["available"].is_null() || of["working_set"].is_null();
    let observed = has(&tick["out"]["first_observed"]);
    let time = |tick: &Value, name: &str| tick["in"][name]["stat_time"].as_f64();
    let stale = |name: &str| last.is_some_and(|last| time(tick, name) <= time(last, name));
    if tick["in"]["summary_error"] == true || lacks(node) || below_pods && lacks(pods) {
        return Some("a pass without figures of the node");
    }
    if observed && (node["stat_time"].is_null() || stale("node") || below_pods && stale("pods_cgroup")) {
        return Some("figures that are as old as those of the pass before");
    }
    if below_pods && held(tick).1 > Some(held(tick).0) {
        return Some("pods that hold more than all pods or the node");
    }
    (tick["out"]["evicted"]["kill_error"] == true).then_some("a pod that cannot be killed")
}

/// Amounts where a threshold is met that a kernel, which counts pages, does not have.
fn no_whole_pages(tick: &Value, below_pods: bool, share: bool) -> Option<&'static str> {
    let (node, pods) = (&tick["in"]["node"], &tick["in"]["pods_cgroup"]);
    let part = |value: &Value| value.as_u64().unwrap_or(0) % PAGE;
    let limit = part(&pods["available"]) + part(&pods["working_set"]);
    let of_pods = below_pods && (part(&pods["available"]) > 0 || share && limit % PAGE > 0 && met_below_pods(tick));
    (has(&tick["out"]["first_observed"]) && (part(&node["available"]) > 0 || of_pods))
        .then_some("amounts that are no whole number of pages")
}

fn met_below_pods(tick: &Value) -> bool {
    let met = tick["out"]["first_observed"].as_object();
    met.is_some_and(|met| met.keys().any(|threshold| threshold.starts_with("allocatableMemory")))
}

/// Working sets of the node and of all pods, in whole pages.
pub(super) fn held(tick: &Value) -> (u64, Option<u64>) {
    let bytes = |name: &str| tick["in"][name]["working_set"].as_u64().map(|bytes| bytes / PAGE * PAGE);
    (bytes("node").unwrap_or(0), bytes("pods_cgroup"))
}

/// A pod's working set and those of its containers.
pub(super) fn figures(stats: &Value) -> Option<(u64, Vec<(&str, u64)>)> {
    let containers: Option<Vec<(&str, u64)>> = stats["containers"]
        .as_array()?
        .iter()
        .map(|c| Some((c["name"].as_str()?, c["working_set"].as_u64()?)))
        .collect();
    let (whole, containers) = (stats["working_set"].as_u64()?, containers?);
    let sum = containers.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    (sum <= whole).then_some((whole, containers))
}
