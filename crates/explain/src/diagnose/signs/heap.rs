//! What a language runtime believes it may take.

use super::{Noted, SignKind};
use crate::diagnose::observed::Observed;
use oomsim_core::units::Quantity;

/// A heap above this share of the limit leaves too little for what is outside of it.
const HEAP_TOO_LARGE: f64 = 0.8;
/// Go's limit is for all that its runtime manages, so that less is outside of it.
const GO_TOO_LARGE: f64 = 0.92;

/// What a setting of a runtime gives to its memory, as a share of the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct HeapShare {
    /// Share of the limit.
    pub share: f64,
    /// The setting.
    pub word: String,
    /// It leaves too little for the rest.
    pub too_large: bool,
}

/// What the settings of a container's runtime come to; `None`: no such setting, or no limit, is known.
pub fn heap_share(observed: &Observed) -> Option<HeapShare> {
    let limit = observed.limit()?.get() as f64;
    let settings = &observed.facts()?.settings;
    let words = || settings.iter().flat_map(|text| text.split_whitespace()).map(|word| word.trim_matches(['"', '\'']));
    let heap = words().filter_map(|word| Some((heap_of(word, limit)?, word))).next_back();
    let (share, word) = heap?;
    let beside: f64 = words().filter_map(|word| outside_of(word, limit)).sum();
    let most = if word.starts_with("GOMEMLIMIT") { GO_TOO_LARGE } else { HEAP_TOO_LARGE };
    // With much set for what is outside of the heap, both together are compared with the whole limit.
    let too_large = share > most || beside > 0.1 && share + beside > 1.0;
    Some(HeapShare { share, word: word.to_owned(), too_large })
}

/// `512m`, `2g`, `1073741824`: sizes of the JVM's options.
fn jvm_size(text: &str) -> Option<f64> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1_048_576.0,
        "g" => 1_073_741_824.0,
        "t" => 1_099_511_627_776.0,
        _ => return None,
    };
    digits.parse::<f64>().ok().map(|n| n * unit)
}

fn after<'a>(word: &'a str, options: &[&str]) -> Option<&'a str> {
    options.iter().find_map(|option| word.strip_prefix(option))
}

/// Memory outside of a JVM's heap for which an option allows this share of the limit.
fn outside_of(word: &str, limit: f64) -> Option<f64> {
    let options = ["-XX:MaxDirectMemorySize=", "-XX:MaxMetaspaceSize=", "-XX:ReservedCodeCacheSize="];
    Some(jvm_size(after(word, &options)?)? / limit)
}

fn heap_of(word: &str, limit: f64) -> Option<f64> {
    if let Some(percent) = after(word, &["-XX:MaxRAMPercentage=", "--max-old-space-size-percentage="]) {
        return Some(percent.parse::<f64>().ok()? / 100.0);
    }
    if let Some(fraction) = word.strip_prefix("-XX:MaxRAMFraction=") {
        return Some(1.0 / fraction.parse::<f64>().ok().filter(|n| *n >= 1.0)?);
    }
    if let Some(size) = after(word, &["-Xmx", "-XX:MaxHeapSize="]) {
        return Some(jvm_size(size)? / limit);
    }
    if let Some(size) = after(word, &["--max-old-space-size=", "--max_old_space_size="]) {
        return Some(size.parse::<f64>().ok()? * 1_048_576.0 / limit);
    }
    if let Some(size) = word.strip_prefix("GOMEMLIMIT=") {
        return Some(Quantity::parse(size.trim_end_matches('B')).ok()?.value() as f64 / limit);
    }
    let hexadecimal = |text: &str| i64::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(|n| n as f64);
    if let Some(percent) = after(word, &["DOTNET_GCHeapHardLimitPercent=", "COMPlus_GCHeapHardLimitPercent="]) {
        return Some(hexadecimal(percent)? / 100.0);
    }
    Some(hexadecimal(after(word, &["DOTNET_GCHeapHardLimit=", "COMPlus_GCHeapHardLimit="])?)? / limit)
}

pub(super) fn runtime(observed: &Observed, to: &mut Noted) {
    match heap_share(observed) {
        Some(HeapShare { share, word, too_large }) => {
            if !too_large && super::status::aborted(observed) {
                return;
            }
            let figures = format!("{word} is {:.0} % of the limit", share * 100.0);
            to.has(if too_large { SignKind::HeapTooLarge } else { SignKind::HeapFits }, figures);
        }
        // That it is a runtime is known by its end.
        None if super::status::aborted(observed) => {}
        None if observed.facts().is_some_and(|c| c.spec_known) => to.has(SignKind::NoRuntimeSetting, ""),
        None => {}
    }
}
