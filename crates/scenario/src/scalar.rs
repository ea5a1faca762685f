//! Single values: texts, numbers, amounts of memory, durations.

use super::diagnostic::Diagnostic;
use super::names::{nearest, quoted_list};
use super::reader::Problems;
use super::value::{Value, ValueKind};
use oomsim_core::node_api::Name;
use oomsim_core::units::{Bytes, Quantity, SimDuration, SimTime, parse_duration};

/// Longest name.
const MAX_NAME: usize = 253;
/// Larger amounts are slips, and would leave no room for arithmetic.
const MAX_BYTES: i64 = 1 << 56;
/// Longest duration of a scenario in nanoseconds: ten years. Longer ones are slips, and would leave no room for
/// arithmetic.
pub const MAX_TIME: u64 = 3650 * 86_400 * 1_000_000_000;

/// Any text.
pub fn text(p: &Problems, value: &Value) -> Option<String> {
    value.as_text().map(str::to_string).or_else(|| {
        p.expected(value, "a string");
        None
    })
}

/// A text for people, without control characters but the ends of its lines.
pub fn prose(p: &Problems, value: &Value) -> Option<String> {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    text(p, value).map(|text| text.chars().map(shown).collect())
}

/// A text for people on one line.
pub(crate) fn sentence(p: &Problems, value: &Value) -> Option<String> {
    prose(p, value).map(|text| text.trim_end().replace(['\n', '\t'], " "))
}

/// A name: not empty, no control characters, no blanks at its ends.
pub fn name(p: &Problems, value: &Value) -> Option<Name> {
    let text = text(p, value)?;
    let fine = !text.is_empty() && text.len() <= MAX_NAME && text.trim() == text && !text.chars().any(char::is_control);
    if !fine {
        p.expected(value, "a name of 1 to 253 characters without control characters");
    }
    fine.then(|| shown(text).into())
}

/// A text whose characters that change the order in which others are shown, or are not shown, stand as `\u202e`.
fn shown(text: String) -> String {
    let turns =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if !text.contains(turns) {
        return text;
    }
    text.chars().map(|c| if turns(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// A name as Kubernetes allows it (RFC 1123 subdomain).
pub(crate) fn dns_name(p: &Problems, value: &Value) -> Option<Name> {
    let name = name(p, value)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !name.chars().all(legal) || !ends(name.chars().next()) || !ends(name.chars().last()) {
        p.expected(value, "a Kubernetes name: lower-case letters, digits, `-` and `.`, letter or digit at both ends");
        return None;
    }
    Some(name)
}

/// `true` or `false`.
pub(crate) fn boolean(p: &Problems, value: &Value) -> Option<bool> {
    match value.kind {
        ValueKind::Bool(b) => Some(b),
        _ => {
            p.expected(value, "`true` or `false`");
            None
        }
    }
}

/// A whole number within bounds.
pub fn integer<T: TryFrom<i64>>(min: i64, max: i64) -> impl Fn(&Problems, &Value) -> Option<T> {
    let bounds = match (min, max) {
        (i64::MIN, i64::MAX) => String::new(),
        (min, i64::MAX) => format!(" of at least {min}"),
        (min, max) => format!(" from {min} to {max}"),
    };
    move |p, value| match value.kind {
        ValueKind::Int(n) if (min..=max).contains(&n) => T::try_from(n).ok(),
        ValueKind::Int(n) => {
            p.error(&value.at, format!("{n} is out of range: expected a whole number{bounds}"));
            None
        }
        _ => {
            p.expected(value, &format!("a whole number{bounds}"));
            None
        }
    }
}

/// A Kubernetes quantity (`"1638Mi"`, `"1.5Gi"`, `"100M"`) or a whole number of bytes.
pub fn bytes(p: &Problems, value: &Value) -> Option<Bytes> {
    let amount = match &value.kind {
        ValueKind::Int(n) => *n,
        ValueKind::Text(text) => match Quantity::parse(text) {
            Ok(quantity) => quantity.value(),
            Err(_) => {
                bad_quantity(p, value, text);
                return None;
            }
        },
        _ => {
            p.expected(value, "an amount of memory such as \"750Mi\", \"1.5Gi\" or a number of bytes");
            return None;
        }
    };
    if !(0..=MAX_BYTES).contains(&amount) {
        p.error(&value.at, format!("{amount} bytes is out of range: expected 0 to 64Pi"));
        return None;
    }
    Some(Bytes::new(amount.unsigned_abs()))
}

/// As `bytes`, but not zero.
pub fn some_bytes(p: &Problems, value: &Value) -> Option<Bytes> {
    let amount = bytes(p, value)?;
    if amount == Bytes::ZERO {
        p.error(&value.at, "0 bytes is out of range: expected more than 0");
        return None;
    }
    Some(amount)
}

/// Says which suffix was probably meant.
pub(crate) fn bad_quantity(p: &Problems, value: &Value, text: &str) {
    let mut problem = Diagnostic::error(&value.at, format!("{text:?} is not an amount of memory"));
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let meant = match suffix.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" => Some("k"),
        "kib" | "ki" => Some("Ki"),
        "m" | "mb" => Some("M"),
        "mib" | "mi" => Some("Mi"),
        "g" | "gb" => Some("G"),
        "gib" | "gi" => Some("Gi"),
        "t" | "tb" => Some("T"),
        "tib" | "ti" => Some("Ti"),
        _ => None,
    };
    if let Some(meant) = meant.filter(|_| !number.is_empty()) {
        problem = problem.label(format!("did you mean \"{number}{meant}\"?"));
    }
    p.push(
        problem.help("a Kubernetes quantity: a number with Ki, Mi, Gi, Ti (powers of 1024) or k, M, G, T (of 1000)"),
    );
}

/// A duration in Go's form, or a whole number 0.
pub(crate) fn duration(p: &Problems, value: &Value) -> Option<SimDuration> {
    let parsed = match &value.kind {
        ValueKind::Int(0) => Some(SimDuration::ZERO),
        ValueKind::Text(text) => parse_duration(text).ok(),
        _ => None,
    };
    match parsed {
        Some(d) if d.as_nanos() <= MAX_TIME => Some(d),
        Some(_) => {
            p.error(&value.at, "the duration is out of range: expected at most 10 years");
            None
        }
        None => {
            let mut problem = Diagnostic::error(
                &value.at,
                match value.as_text() {
                    Some(text) => format!("{text:?} is not a duration"),
                    None => format!("expected a duration, found {}", value.type_name()),
                },
            );
            if let ValueKind::Int(n) = value.kind {
                problem = problem.label(format!("did you mean \"{n}s\"?"));
            }
            p.push(problem.help("a duration as Go writes it: \"10s\", \"1m30s\", \"250ms\", \"24h\""));
            None
        }
    }
}

/// As [`duration`], but not zero.
pub(crate) fn some_duration(p: &Problems, value: &Value) -> Option<SimDuration> {
    let d = duration(p, value)?;
    if d == SimDuration::ZERO {
        p.error(&value.at, "0s is out of range: expected more than 0");
        return None;
    }
    Some(d)
}

/// An instant: a duration since the scenario began.
pub fn time(p: &Problems, value: &Value) -> Option<SimTime> {
    duration(p, value).map(|d| SimTime::from_nanos(d.as_nanos()))
}

/// A share of a whole in parts per thousand: `"50%"`, `"12.5%"`, `0.5` or `1`.
pub fn permille(p: &Problems, value: &Value) -> Option<u16> {
    let scaled = match &value.kind {
        ValueKind::Int(n @ 0..=1) => Some(*n as u64 * 1000),
        ValueKind::Number(text) => decimal(text, 3),
        ValueKind::Text(text) => text.strip_suffix('%').and_then(|number| decimal(number.trim_end(), 1)),
        _ => None,
    };
    let share = scaled.filter(|n| *n <= 1000).and_then(|n| u16::try_from(n).ok());
    if share.is_none() {
        p.expected(value, "a share from 0 to 1 (\"50%\" or 0.5), at most three decimal places");
    }
    share
}

/// A decimal number times `10^places`; `None` when it is no such number or has more places.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{fraction:0<places$}");
    if digits.len() > 12 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// One of several words.
pub fn one_of<T: Copy>(what: &'static str, words: &[(&'static str, T)]) -> impl Fn(&Problems, &Value) -> Option<T> {
    move |p, value| {
        let given = text(p, value)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let legal = words.iter().map(|(word, _)| *word);
            let mut problem = Diagnostic::error(&value.at, format!("unknown {what} {given:?}"));
            if let Some(name) = nearest(&given, legal.clone()) {
                problem = problem.label(format!("did you mean \"{name}\"?"));
            }
            p.push(problem.help(format!("legal: {}", quoted_list(legal))));
        }
        found
    }
}
