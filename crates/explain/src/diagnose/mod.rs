//! What a memory curve, a pod's status, a kernel log and events are a sign of.
//!
//! Each [`SignKind`] that is seen speaks for some causes and against others, with a weight (a log-likelihood, stated
//! in one table in `signs/mod.rs`). The sums give a probability for each cause; where none is likely enough the
//! diagnosis says what to measure next instead. How often the probabilities are right is measured on simulated
//! containers of every cause (`tests/diagnose.rs`; the table is in docs/diagnose.md).

mod advice;
mod cause;
mod curves;
mod from_run;
mod given;
mod log;
mod observed;
mod pod;
mod shape;
mod signs;
mod text;

pub use advice::{Advice, advice};
pub use cause::Ailment;
pub use from_run::{observe, observed_pods};
pub use given::{BadLog, Given};
pub use observed::{ContainerFacts, End, EventFact, KernelKill, KillScope, MemoryCurve, Observed, PodFacts};
pub use shape::{Form, Shape, shape};
pub use signs::{Sign, SignKind, signs};
pub use text::text;

use serde::Serialize;

/// A sum of weights is divided by this before it becomes a probability: signs are not independent of each other. It
/// fits one set of simulated containers best; how often the confidence is right is counted on another (see
/// docs/diagnose.md).
pub const TEMPERATURE: f64 = 0.8;
/// The least sum of weights with which a cause is named.
const LEAST_SUM: f64 = 2.2;
/// Below this probability no cause is named.
const LEAST: f64 = 0.6;

/// A cause with its probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Likely {
    /// The cause.
    pub cause: Ailment,
    /// How likely it is.
    pub probability: f64,
}

/// A diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The cause; `None`: the signs do not decide.
    pub cause: Option<Ailment>,
    /// How likely the likeliest cause is, from 0 to 1.
    pub confidence: f64,
    /// The likeliest causes, the first first.
    pub likely: Vec<Likely>,
    /// Signs for the likeliest cause.
    pub evidence_for: Vec<Sign>,
    /// Signs against it.
    pub evidence_against: Vec<Sign>,
    /// What to do: for the cause, or what to measure next.
    pub advice: Advice,
}

/// How much a sign speaks for a cause.
fn weight(sign: &Sign, cause: Ailment) -> f64 {
    sign.kind.weights().iter().find(|(of, _)| *of == cause).map_or(0.0, |(_, weight)| *weight)
}

/// All signs' weights for a cause.
fn sum(seen: &[Sign], cause: Ailment) -> f64 {
    seen.iter().map(|sign| weight(sign, cause)).sum()
}

/// Every cause with its probability by the signs seen, the likeliest first.
pub fn probabilities(seen: &[Sign], temperature: f64) -> Vec<Likely> {
    let scores: Vec<(Ailment, f64)> =
        Ailment::ALL.iter().map(|&cause| (cause, sum(seen, cause) / temperature)).collect();
    let most = scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.iter().map(|(_, score)| (score - most).exp()).sum();
    let mut likely: Vec<Likely> =
        scores.iter().map(|&(cause, score)| Likely { cause, probability: (score - most).exp() / total }).collect();
    likely.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    likely
}

/// Diagnoses a container.
pub fn diagnose(observed: &Observed) -> Diagnosis {
    let seen = signs(observed);
    let likely = probabilities(&seen, TEMPERATURE);
    let first = likely[0];
    let decided = first.probability >= LEAST && sum(&seen, first.cause) > LEAST_SUM;
    let side = |above: bool| {
        let mut of: Vec<&Sign> = seen.iter().filter(|sign| (weight(sign, first.cause) > 0.0) == above).collect();
        of.retain(|sign| weight(sign, first.cause) != 0.0);
        of.sort_by(|a, b| weight(b, first.cause).abs().total_cmp(&weight(a, first.cause).abs()));
        of.into_iter().cloned().collect::<Vec<_>>()
    };
    let cause = decided.then_some(first.cause);
    Diagnosis {
        pod: observed.pod.name.clone(),
        container: observed.container.clone(),
        cause,
        confidence: first.probability,
        evidence_for: side(true),
        evidence_against: side(false),
        advice: advice(observed, cause, &likely),
        likely: likely.into_iter().take_while(|l| l.probability > 0.01).take(4).collect(),
    }
}
