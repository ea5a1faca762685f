//! Eviction thresholds: the text forms of the configuration and what they amount to.

use crate::kubelet::config::{ENFORCE_PODS, KubeletConfig, TextMap};
use crate::kubelet::go::go_int64;
use crate::kubelet::profile::KubernetesProfile;
use crate::node_api::EvictionSignal;
use crate::units::{ParseQuantityError, Quantity, SimDuration, parse_duration};
use std::collections::BTreeMap;
use std::fmt;

impl EvictionSignal {
    /// The signal of that name.
    fn parse(text: &str) -> Result<Self, ThresholdError> {
        let found = Self::ALL.iter().copied().find(|s| s.as_str() == text);
        found.ok_or_else(|| ThresholdError::UnsupportedSignal(text.into()))
    }
}

/// An amount, absolute or relative to the capacity that goes with the signal.
#[derive(Clone, Debug, PartialEq)]
pub enum ThresholdValue {
    /// A quantity.
    Quantity(Quantity),
    /// A fraction of the capacity. The kubelet keeps it as float32, which shows in the result: 10 % of
    /// 16694411264 is 1669441151.
    Percentage(f32),
}

impl ThresholdValue {
    /// The amount for a given capacity (eviction/api GetThresholdQuantity), in the real code's floating point.
    pub fn quantity(&self, capacity: i64) -> Quantity {
        match self {
            ThresholdValue::Quantity(quantity) => quantity.clone(),
            ThresholdValue::Percentage(fraction) => Quantity::bytes(share(*fraction, capacity)),
        }
    }

    /// `NaN%`: Go's comparisons let it pass for a percentage between 0 and 100, and nothing is ever below it.
    pub fn is_nan(&self) -> bool {
        matches!(self, ThresholdValue::Percentage(fraction) if fraction.is_nan())
    }

    /// The same amount in billionths of a byte.
    pub fn nanos(&self, capacity: i64) -> i128 {
        match self {
            ThresholdValue::Quantity(quantity) => quantity.nanos(),
            ThresholdValue::Percentage(fraction) => i128::from(share(*fraction, capacity)) * 1_000_000_000,
        }
    }
}

fn share(fraction: f32, capacity: i64) -> i64 {
    go_int64(capacity as f64 * f64::from(fraction))
}

impl fmt::Display for ThresholdValue {
    /// A quantity's text, or the percentage that float32 makes of it (`15.000001%`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThresholdValue::Quantity(quantity) => quantity.fmt(f),
            ThresholdValue::Percentage(fraction) => write!(f, "{}%", fraction * 100.0),
        }
    }
}

/// A threshold: evict when less than `value` is available for `grace`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// What is watched.
    pub signal: EvictionSignal,
    /// How much must be available.
    pub value: ThresholdValue,
    /// How long it must be met; zero: hard.
    pub grace: SimDuration,
    /// How much more must be available before the threshold counts as resolved.
    pub min_reclaim: Option<ThresholdValue>,
}

impl Threshold {
    /// True when it acts at once, however it was configured.
    pub fn is_hard(&self) -> bool {
        self.grace == SimDuration::ZERO
    }
}

/// Why a threshold, grace period or minimum reclaim is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThresholdError {
    /// No such signal.
    UnsupportedSignal(String),
    /// Not a quantity.
    Quantity(ParseQuantityError),
    /// Not a percentage.
    Percentage(String),
    /// Below 0 %.
    PercentageBelowZero(String, String),
    /// Above 100 %.
    PercentageAboveHundred(String, String),
    /// Zero or negative.
    NotPositive(String, String),
    /// A soft threshold without grace period.
    GraceMissing(String),
    /// Not a duration.
    Duration(String),
    /// A negative grace period.
    NegativeGrace(String),
    /// A minimum reclaim of 0 % or less.
    ReclaimNotPositive(String, String),
    /// A negative minimum reclaim.
    NegativeReclaim(String),
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedSignal(signal) => write!(f, "unsupported eviction signal {signal}"),
            Self::Quantity(error) => error.fmt(f),
            Self::Percentage(text) => write!(f, "{text:?} is not a percentage"),
            Self::PercentageBelowZero(signal, text) => write!(f, "{signal}: {text} is below 0%"),
            Self::PercentageAboveHundred(signal, text) => write!(f, "{signal}: {text} is above 100%"),
            Self::NotPositive(signal, text) => write!(f, "{signal}: {text} must be positive"),
            Self::GraceMissing(signal) => write!(f, "{signal}: a soft threshold needs a grace period"),
            Self::Duration(text) => write!(f, "{text:?} is not a duration (for example 1m30s)"),
            Self::NegativeGrace(text) => write!(f, "grace period {text} must not be negative"),
            Self::ReclaimNotPositive(signal, text) => write!(f, "{signal}: minimum reclaim {text} must be positive"),
            Self::NegativeReclaim(signal) => write!(f, "{signal}: minimum reclaim must not be negative"),
        }
    }
}

impl std::error::Error for ThresholdError {}

/// A threshold, grace period or minimum reclaim that the kubelet refuses, and where it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdProblem {
    /// `evictionHard`, `evictionSoft`, `evictionSoftGracePeriod` or `evictionMinimumReclaim`.
    pub field: &'static str,
    /// The key in that map: a signal, if it is one.
    pub key: String,
    /// What is wrong.
    pub error: ThresholdError,
}

impl fmt::Display for ThresholdProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The thresholds of a configuration, each with its minimum reclaim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// `evictionHard`.
    pub hard: Vec<Threshold>,
    /// `evictionSoft`.
    pub soft: Vec<Threshold>,
    /// With `pods` in `enforceNodeAllocatable`: every `memory.available` that acts at once, for the pods' cgroup.
    pub of_pods: Vec<Threshold>,
}

impl Thresholds {
    /// Reads the thresholds of a configuration (eviction/helpers.go ParseThresholdConfig): what can be read, and what
    /// is wrong with the rest in the order in which the kubelet looks; it stops at the first.
    pub(in crate::kubelet) fn parse(
        config: &KubeletConfig,
        profile: &KubernetesProfile,
    ) -> (Self, Vec<ThresholdProblem>) {
        let mut problems = Vec::new();
        let mut hard = parse_map("evictionHard", &config.eviction_hard(profile), parse_statement, &mut problems);
        let mut soft = parse_map("evictionSoft", &config.eviction_soft, parse_statement, &mut problems);
        let graces = &config.eviction_soft_grace_period;
        let read = parse_map("evictionSoftGracePeriod", graces, parse_grace, &mut problems);
        let read_graces: BTreeMap<EvictionSignal, SimDuration> = read.into_iter().collect();
        let reclaims = &config.eviction_minimum_reclaim;
        let read = parse_map("evictionMinimumReclaim", reclaims, parse_reclaim, &mut problems);
        let reclaims: BTreeMap<EvictionSignal, ThresholdValue> = read.into_iter().collect();
        soft.retain_mut(|threshold| {
            let key = threshold.signal.as_str();
            if !graces.contains_key(key) {
                let error = ThresholdError::GraceMissing(key.to_owned());
                problems.push(ThresholdProblem { field: "evictionSoft", key: key.to_owned(), error });
            }
            read_graces.get(&threshold.signal).is_some_and(|grace| {
                threshold.grace = *grace;
                true
            })
        });
        for threshold in hard.iter_mut().chain(&mut soft) {
            threshold.min_reclaim = reclaims.get(&threshold.signal).cloned();
        }
        let mut of_pods = Vec::new();
        if config.enforces(ENFORCE_PODS) {
            let on_node = |t: &&Threshold| t.signal == EvictionSignal::MemoryAvailable && t.is_hard();
            of_pods.extend(hard.iter().chain(&soft).filter(on_node).map(|threshold| Threshold {
                signal: EvictionSignal::AllocatableMemoryAvailable,
                grace: SimDuration::ZERO,
                ..threshold.clone()
            }));
        }
        (Thresholds { hard, soft, of_pods }, problems)
    }

    /// All of them, in the order in which the eviction manager has them.
    pub fn iter(&self) -> impl Iterator<Item = &Threshold> {
        self.hard.iter().chain(&self.soft).chain(&self.of_pods)
    }
}

/// Every entry of a map that can be read.
fn parse_map<V>(
    field: &'static str,
    map: &TextMap,
    parse: impl Fn(&str, &str) -> Result<Option<V>, ThresholdError>,
    problems: &mut Vec<ThresholdProblem>,
) -> Vec<V> {
    let mut values = Vec::new();
    for (key, text) in map {
        match parse(key, text) {
            Ok(value) => values.extend(value),
            Err(error) => problems.push(ThresholdProblem { field, key: key.clone(), error }),
        }
    }
    values
}

/// One entry of a threshold map; exactly `0%` or `100%` switches it off.
fn parse_statement(signal: &str, text: &str) -> Result<Option<Threshold>, ThresholdError> {
    let kind = EvictionSignal::parse(signal)?;
    if text == "0%" || text == "100%" {
        return Ok(None);
    }
    let value = match parse_percentage(text)? {
        Some(fraction) if fraction < 0.0 => {
            return Err(ThresholdError::PercentageBelowZero(signal.into(), text.into()));
        }
        Some(fraction) if fraction > 1.0 => {
            return Err(ThresholdError::PercentageAboveHundred(signal.into(), text.into()));
        }
        Some(fraction) => ThresholdValue::Percentage(fraction),
        None => match Quantity::parse(text).map_err(ThresholdError::Quantity)? {
            quantity if quantity.sign() > 0 => ThresholdValue::Quantity(quantity),
            quantity => return Err(ThresholdError::NotPositive(signal.into(), quantity.to_string())),
        },
    };
    Ok(Some(Threshold { signal: kind, value, grace: SimDuration::ZERO, min_reclaim: None }))
}

/// The fraction of a text that ends in `%`, in float32 as in the kubelet.
fn parse_percentage(text: &str) -> Result<Option<f32>, ThresholdError> {
    if !text.ends_with('%') {
        return Ok(None);
    }
    let digits = text.trim_end_matches('%');
    let number: f32 = digits.parse().map_err(|_| ThresholdError::Percentage(digits.into()))?;
    // Go takes `NaN`, as Rust does, but not with a sign (strconv special).
    let overflow = number.is_infinite() && digits.bytes().any(|b| b.is_ascii_digit());
    if overflow || number.is_nan() && digits.starts_with(['+', '-']) {
        return Err(ThresholdError::Percentage(digits.into()));
    }
    Ok(Some(number / 100.0))
}

fn parse_grace(signal: &str, text: &str) -> Result<Option<(EvictionSignal, SimDuration)>, ThresholdError> {
    let signal = EvictionSignal::parse(signal)?;
    let (negative, length) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let duration = if length.contains('d') { None } else { parse_duration(length).ok() };
    match duration {
        None => Err(ThresholdError::Duration(text.into())),
        Some(d) if negative && d != SimDuration::ZERO => Err(ThresholdError::NegativeGrace(text.into())),
        Some(d) => Ok(Some((signal, d))),
    }
}

fn parse_reclaim(name: &str, text: &str) -> Result<Option<(EvictionSignal, ThresholdValue)>, ThresholdError> {
    let signal = EvictionSignal::parse(name)?;
    let value = match parse_percentage(text)? {
        Some(fraction) if fraction <= 0.0 => {
            return Err(ThresholdError::ReclaimNotPositive(name.into(), text.into()));
        }
        Some(fraction) => ThresholdValue::Percentage(fraction),
        None => match Quantity::parse(text).map_err(ThresholdError::Quantity)? {
            quantity if quantity.sign() < 0 => return Err(ThresholdError::NegativeReclaim(name.into())),
            quantity => ThresholdValue::Quantity(quantity),
        },
    };
    Ok(Some((signal, value)))
}
