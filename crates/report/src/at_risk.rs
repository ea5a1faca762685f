//! Who is at risk, in short: for a run in which nothing died. `oomsim risk` has the whole table.

use crate::amount;
use crate::picture::memory_text;
use oomsim_core::units::{SimTime, format_duration};
use oomsim_planning::risk::{ContainerStanding, Standing};
use serde_json::{Value, json};

/// How many of each order are named.
const NAMED: usize = 3;

/// What is named of a standing.
struct Short<'a> {
    /// Containers in the kernel's order.
    kernel: Vec<&'a ContainerStanding>,
    /// Pods in the kubelet's order.
    kubelet: Vec<&'a str>,
    /// The container with the least room to a limit.
    tightest: Option<(&'a ContainerStanding, i64)>,
}

fn short(standing: &Standing) -> Short<'_> {
    let placed = standing.containers.iter().filter(|c| c.kernel_place.is_some());
    let mut pods: Vec<(usize, &str)> =
        standing.containers.iter().filter_map(|c| Some((c.eviction_place?, &*c.pod))).collect();
    pods.sort_unstable();
    pods.dedup();
    Short {
        kernel: placed.take(NAMED).collect(),
        kubelet: pods.into_iter().map(|(_, pod)| pod).take(NAMED).collect(),
        tightest: standing.containers.iter().filter_map(|c| Some((c, c.room()?))).min_by_key(|(_, room)| *room),
    }
}

/// A few lines; the first says when.
pub fn text(standing: &Standing) -> String {
    let Short { kernel, kubelet, tightest } = short(standing);
    let mut text = format!("nothing died; as the node stands at {}:\n", clock(standing.at));
    if let Some(first) = standing.node.rooms.first() {
        let left = memory_text(first.left.max(0) as f64);
        text.push_str(&format!("  reached first   {} ({}), {left} away\n", first.what, amount(first.at)));
    }
    if !kernel.is_empty() {
        let named = kernel.iter().map(|c| format!("{}/{} (oom_score_adj {})", c.pod, c.container, c.oom_score_adj));
        text.push_str(&format!("  by the kernel   {}\n", named.collect::<Vec<_>>().join(", then ")));
    }
    if !kubelet.is_empty() {
        text.push_str(&format!("  by the kubelet  {}\n", kubelet.join(", then ")));
    }
    if let Some((c, room)) = tightest {
        let left = memory_text(room.max(0) as f64);
        let limit = c.limit.map(amount).unwrap_or_default();
        text.push_str(&format!("  least room      {}/{}: {left} to its limit of {limit}\n", c.pod, c.container));
    }
    text
}

fn clock(at: SimTime) -> String {
    format_duration(at.since(SimTime::ZERO))
}

/// The same as an object.
pub(crate) fn value(standing: &Standing) -> Value {
    let Short { kernel, kubelet, tightest } = short(standing);
    let first = standing.node.rooms.first();
    let name = |c: &ContainerStanding| format!("{}/{}", c.pod, c.container);
    json!({
        "at": clock(standing.at),
        "reachedFirst": first.map(|room| json!({ "what": room.what, "at": room.at.get(), "room": room.left })),
        "kernelOrder": kernel.iter().map(|c| name(c)).collect::<Vec<_>>(),
        "evictionOrder": kubelet,
        "leastRoom": tightest.map(|(c, room)| json!({ "container": name(c), "room": room })),
    })
}
