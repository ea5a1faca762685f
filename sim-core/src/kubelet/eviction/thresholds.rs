//! Eviction thresholds: the text forms of the configuration and what they amount to.

use crate::kubelet::config::{ENFORCE_PODS, KubeletConfig, TextMap};
use crate::kubelet::go::go_int64;
use crate::units::{ParseQuantityError, Quantity, SimDuration, parse_duration};
use std::collections::BTreeMap;
use std::fmt;

/// What a threshold watches. Only the memory signals are ever observed by the model; the others are parsed, so that
/// real configurations can be read and written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvictionSignal {
    /// Pods' working set against the limit of the `kubepods` cgroup.
    AllocatableMemoryAvailable,
    /// Container file system.
    ContainerFsAvailable,
    /// Inodes of the container file system.
    ContainerFsInodesFree,
    /// Image file system.
    ImageFsAvailable,
    /// Inodes of the image file system.
    ImageFsInodesFree,
    /// Node capacity less the node's working set.
    MemoryAvailable,
    /// The kubelet's file system.
    NodeFsAvailable,
    /// Inodes of the kubelet's file system.
    NodeFsInodesFree,
    /// Process ids.
    PidAvailable,
}

impl EvictionSignal {
    /// Every signal.
    pub const ALL: [Self; 9] = [
        Self::AllocatableMemoryAvailable,
        Self::ContainerFsAvailable,
        Self::ContainerFsInodesFree,
        Self::ImageFsAvailable,
        Self::ImageFsInodesFree,
        Self::MemoryAvailable,
        Self::NodeFsAvailable,
        Self::NodeFsInodesFree,
        Self::PidAvailable,
    ];

    /// Its name in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllocatableMemoryAvailable => "allocatableMemory.available",
            Self::ContainerFsAvailable => "containerfs.available",
            Self::ContainerFsInodesFree => "containerfs.inodesFree",
            Self::ImageFsAvailable => "imagefs.available",
            Self::ImageFsInodesFree => "imagefs.inodesFree",
            Self::MemoryAvailable => "memory.available",
            Self::NodeFsAvailable => "nodefs.available",
            Self::NodeFsInodesFree => "nodefs.inodesFree",
            Self::PidAvailable => "pid.available",
        }
    }

    /// True for the two signals that memory eviction acts on.
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::MemoryAvailable | Self::AllocatableMemoryAvailable)
    }

    fn parse(text: &str) -> Result<Self, ThresholdError> {
        let found = Self::ALL.into_iter().find(|s| s.as_str() == text);
        found.ok_or_else(|| ThresholdError::UnsupportedSignal(text.into()))
    }
}

impl fmt::Display for EvictionSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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

/// The thresholds of a configuration (eviction/helpers.go ParseThresholdConfig): hard ones, soft ones, and, if pods
/// are enforced, a copy of every hard `memory.available` for the pods' cgroup.
///
/// # Errors
/// Everything that is wrong, in the order in which the kubelet looks; it stops at the first.
pub fn parse_thresholds(config: &KubeletConfig) -> Result<Vec<Threshold>, Vec<ThresholdError>> {
    let mut errors = Vec::new();
    let mut thresholds = parse_statements(&config.eviction_hard(), &mut errors);
    let mut soft = parse_statements(&config.eviction_soft, &mut errors);
    let graces = parse_graces(&config.eviction_soft_grace_period, &mut errors);
    let reclaims = parse_reclaims(&config.eviction_minimum_reclaim, &mut errors);
    for threshold in &mut soft {
        match graces.get(&threshold.signal) {
            Some(grace) => threshold.grace = *grace,
            None if config.eviction_soft_grace_period.contains_key(threshold.signal.as_str()) => {}
            None => errors.push(ThresholdError::GraceMissing(threshold.signal.to_string())),
        }
    }
    thresholds.append(&mut soft);
    for threshold in &mut thresholds {
        threshold.min_reclaim = reclaims.get(&threshold.signal).cloned();
    }
    if config.enforces(ENFORCE_PODS) {
        let hard = thresholds.iter().filter(|t| t.signal == EvictionSignal::MemoryAvailable && t.is_hard());
        let copies: Vec<_> = hard
            .map(|t| Threshold {
                signal: EvictionSignal::AllocatableMemoryAvailable,
                grace: SimDuration::ZERO,
                ..t.clone()
            })
            .collect();
        thresholds.extend(copies);
    }
    if errors.is_empty() { Ok(thresholds) } else { Err(errors) }
}

/// The hard thresholds alone, as allocatable is computed from them.
///
/// # Errors
/// Everything that is wrong with them.
pub fn parse_hard_thresholds(config: &KubeletConfig) -> Result<Vec<Threshold>, Vec<ThresholdError>> {
    let mut errors = Vec::new();
    let thresholds = parse_statements(&config.eviction_hard(), &mut errors);
    if errors.is_empty() { Ok(thresholds) } else { Err(errors) }
}

/// The pods' working set above which the manager evicts one of them, in bytes: their limit less the largest hard
/// threshold of `allocatableMemory.available`, of which a percentage refers to that limit (eviction/helpers.go
/// makeSignalObservations, thresholdsMet). `None`: no such threshold, as without `pods` in `enforceNodeAllocatable`.
pub fn pods_evicted_above(thresholds: &[Threshold], kubepods_limit: i64) -> Option<i64> {
    let watched = thresholds.iter().filter(|t| t.signal == EvictionSignal::AllocatableMemoryAvailable && t.is_hard());
    let amounts = watched.filter(|t| !t.value.is_nan()).map(|t| t.value.quantity(kubepods_limit).value());
    amounts.max().map(|amount| kubepods_limit.saturating_sub(amount).max(0))
}

fn parse_statements(statements: &TextMap, errors: &mut Vec<ThresholdError>) -> Vec<Threshold> {
    let mut thresholds = Vec::new();
    for (signal, text) in statements {
        match parse_statement(signal, text) {
            Ok(threshold) => thresholds.extend(threshold),
            Err(error) => errors.push(error),
        }
    }
    thresholds
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

fn parse_graces(graces: &TextMap, errors: &mut Vec<ThresholdError>) -> BTreeMap<EvictionSignal, SimDuration> {
    let parse = |(signal, text): (&String, &String)| {
        let signal = EvictionSignal::parse(signal)?;
        let (negative, length) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let duration = if length.contains('d') { None } else { parse_duration(length).ok() };
        match duration {
            None => Err(ThresholdError::Duration(text.clone())),
            Some(d) if negative && d != SimDuration::ZERO => Err(ThresholdError::NegativeGrace(text.clone())),
            Some(d) => Ok((signal, d)),
        }
    };
    collect(graces.iter().map(parse), errors)
}

fn parse_reclaims(reclaims: &TextMap, errors: &mut Vec<ThresholdError>) -> BTreeMap<EvictionSignal, ThresholdValue> {
    let parse = |(name, text): (&String, &String)| {
        let signal = EvictionSignal::parse(name)?;
        let value = match parse_percentage(text)? {
            Some(fraction) if fraction <= 0.0 => {
                return Err(ThresholdError::ReclaimNotPositive(name.clone(), text.clone()));
            }
            Some(fraction) => ThresholdValue::Percentage(fraction),
            None => match Quantity::parse(text).map_err(ThresholdError::Quantity)? {
                quantity if quantity.sign() < 0 => return Err(ThresholdError::NegativeReclaim(name.clone())),
                quantity => ThresholdValue::Quantity(quantity),
            },
        };
        Ok((signal, value))
    };
    collect(reclaims.iter().map(parse), errors)
}

fn collect<V>(
    parsed: impl Iterator<Item = Result<(EvictionSignal, V), ThresholdError>>,
    errors: &mut Vec<ThresholdError>,
) -> BTreeMap<EvictionSignal, V> {
    let mut values = BTreeMap::new();
    for entry in parsed {
        match entry {
            Ok((signal, value)) => drop(values.insert(signal, value)),
            Err(error) => errors.push(error),
        }
    }
    values
}
