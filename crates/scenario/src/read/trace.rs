//! `workload.trace`: a recorded curve, split, scaled and moved, with its gaps and restarts.

use super::workload::{MAX_STEPS, then};
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, duration, integer, one_of, permille, some_duration};
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::{Behavior, Gaps, Then, Trace, TraceAs, TracePoint, Traced};

/// What stands in place of an amount where nothing was recorded.
pub(super) const GAP: &str = "gap";
/// What stands in place of an amount where the recorded process was restarted.
pub(super) const RESTART: &str = "restart";

pub(super) fn trace(p: &Problems, value: &Value) -> Option<Behavior> {
    let mut t = TableReader::open(p, &tables::TRACE, value)?;
    // A file that could be read stands as `points` already.
    let points = if t.get("file").is_some() { None } else { t.required("points", points) };
    let linear = t.or("linear", true, boolean);
    let kinds = [("anon", TraceAs::Anon), ("file", TraceAs::File), ("shmem", TraceAs::Shmem)];
    let memory = t.or("as", TraceAs::Anon, one_of("memory", &kinds));
    let part = t.optional("activeFile", part);
    let choices = [("hold", Gaps::Hold), ("interpolate", Gaps::Interpolate), ("restart", Gaps::Restart)];
    let gaps = t.or("gaps", Gaps::Hold, one_of("choice", &choices));
    let gap_after = t.optional("gapAfter", some_duration);
    let (scale, shift) = (t.or("scale", 100, integer(1, 100_000)), t.or("shift", SimDuration::ZERO, duration));
    let repeats = t.or("repeats", false, boolean);
    let then = t.or("then", Then::Hold, then);
    let has_cache =
        |point: &TracePoint| matches!(point.what, Traced::Holds { active_file, .. } if active_file > Bytes::ZERO);
    if part.is_some() && points.iter().flatten().any(has_cache) {
        p.error(t.at(), "`activeFile` splits amounts; these points say themselves what is page cache");
    }
    if repeats && points.as_ref().is_some_and(|points| points.last().is_none_or(|last| last.at == SimDuration::ZERO)) {
        p.error(t.at(), "a curve that `repeats` has to take time: its last point is at 0s");
    }
    t.finish();
    let points = points.map(|points| with_gaps(points, gap_after));
    let points = points?.into_iter().map(|point| moved(point, part, scale, shift)).collect();
    Some(Behavior::Trace(Trace { points, linear, memory, gaps, repeats, then }))
}

/// Which part of an amount is page cache in use.
#[derive(Clone, Copy)]
enum Part {
    Permille(u16),
    Bytes(Bytes),
}

/// `"30%"`, `0.3`, or an amount.
fn part(p: &Problems, value: &Value) -> Option<Part> {
    match &value.kind {
        ValueKind::Number(_) => permille(p, value).map(Part::Permille),
        ValueKind::Text(text) if text.ends_with('%') => permille(p, value).map(Part::Permille),
        _ => bytes(p, value).map(Part::Bytes),
    }
}

/// A point whose amounts are split, in percent of what they were, and later.
fn moved(point: TracePoint, part: Option<Part>, percent: u64, later: SimDuration) -> TracePoint {
    let times = |bytes: Bytes, of: u64, whole: u128| {
        let scaled = u128::from(bytes.get()) * u128::from(of) / whole;
        Bytes::new(u64::try_from(scaled).unwrap_or(u64::MAX))
    };
    let what = match point.what {
        Traced::Holds { amount, active_file } => {
            let active_file = match part {
                Some(Part::Permille(permille)) => times(amount, permille.into(), 1000),
                Some(Part::Bytes(bytes)) => bytes.min(amount),
                None => active_file,
            };
            let rest = if part.is_some() { amount.saturating_sub(active_file) } else { amount };
            Traced::Holds { amount: times(rest, percent, 100), active_file: times(active_file, percent, 100) }
        }
        mark => mark,
    };
    TracePoint { at: point.at + later, what }
}

/// Points that are further apart than this have a gap between them.
fn with_gaps(points: Vec<TracePoint>, after: Option<SimDuration>) -> Vec<TracePoint> {
    let Some(after) = after else { return points };
    let mut all: Vec<TracePoint> = Vec::with_capacity(points.len());
    for point in points {
        let last = all.last().filter(|last| matches!(last.what, Traced::Holds { .. }));
        if let Some(last) = last.filter(|last| point.at.saturating_sub(last.at) > after) {
            all.push(TracePoint { at: last.at, what: Traced::Gap });
        }
        all.push(point);
    }
    all
}

/// `[["0s", "10Mi"], ["5s", "20Mi", "4Mi"], ["9s", "gap"], ["20s", "restart"]]`, times not falling.
fn points(p: &Problems, value: &Value) -> Option<Vec<TracePoint>> {
    let items = value.items().filter(|items| !items.is_empty() && items.len() <= MAX_STEPS);
    let Some(items) = items else {
        p.expected(value, "an array of 1 to 1000000 points `[\"TIME\", \"ANON\"]`");
        return None;
    };
    let mut points: Vec<TracePoint> = Vec::with_capacity(items.len());
    let mut sound = true;
    for item in items {
        let Some(point) = point(p, item) else {
            sound = false;
            continue;
        };
        if let Some(last) = points.last().filter(|last| last.at > point.at) {
            let at = item.items().and_then(<[_]>::first).map_or(&item.at, |first| &first.at);
            p.error(at, format!("points must be in order of time: {} comes after {}", point.at, last.at));
            sound = false;
        }
        points.push(point);
    }
    if sound && !points.iter().any(|point| matches!(point.what, Traced::Holds { .. })) {
        p.error(&value.at, "no point of this curve says how much is held");
        sound = false;
    }
    sound.then_some(points)
}

fn point(p: &Problems, item: &Value) -> Option<TracePoint> {
    let Some([at, amounts @ ..]) = item.items().filter(|items| matches!(items.len(), 2 | 3)) else {
        p.expected(item, "a point `[\"TIME\", \"ANON\"]`, such as `[\"5s\", \"20Mi\"]`");
        return None;
    };
    let at = duration(p, at);
    let what = match amounts {
        [mark] if mark.as_text() == Some(GAP) => Traced::Gap,
        [mark] if mark.as_text() == Some(RESTART) => Traced::Restart,
        [amount, active_file @ ..] => {
            let active_file = active_file.first().map_or(Some(Bytes::ZERO), |value| bytes(p, value));
            Traced::Holds { amount: bytes(p, amount)?, active_file: active_file? }
        }
        [] => return None,
    };
    Some(TracePoint { at: at?, what })
}
