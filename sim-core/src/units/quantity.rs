//! Kubernetes quantities (`100Mi`, `1.5Gi`, `12e6`, `500m`) with the real type's arithmetic.
//!
//! The rules are those of `k8s.io/apimachinery/pkg/api/resource` as of Kubernetes 1.32: a value is a 64 bit integer
//! with a decimal scale as long as it fits, else an arbitrary-precision decimal; the two forms round and overflow
//! differently, and an unchanged quantity keeps the text it was written in. All of that is observable in eviction
//! messages and node status, so it is kept here.
//!
//! One deliberate difference: exponents beyond ±[`MAX_EXPONENT`] are refused, where the real type would
//! allocate memory in proportion to the exponent.

use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// Largest magnitude of a decimal exponent that is accepted.
pub const MAX_EXPONENT: i64 = 20_000;
/// Longest text that is accepted.
const MAX_LENGTH: usize = 4096;
/// Digits that always fit the integer form.
const MAX_INT64_FACTORS: i64 = 18;
const NANO: i32 = -9;
const MILLI: i32 = -3;

/// Which family of suffixes a quantity is printed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// `12e6`; also the format of the zero value.
    #[default]
    DecimalExponent,
    /// `12Mi`.
    BinarySI,
    /// `12M`.
    DecimalSI,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::DecimalExponent => "DecimalExponent",
            Format::BinarySI => "BinarySI",
            Format::DecimalSI => "DecimalSI",
        })
    }
}

/// Why a text is not a quantity. The wording is Kubernetes' own, because users search for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseQuantityError {
    /// A character that no quantity contains.
    Format,
    /// No digits, or an exponent that is out of all proportion.
    Numeric,
    /// An unknown suffix.
    Suffix,
}

impl fmt::Display for ParseQuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseQuantityError::Format => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            ParseQuantityError::Numeric => "unable to parse numeric part of quantity",
            ParseQuantityError::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for ParseQuantityError {}

/// The number: `value × 10^scale`, or `unscaled × 10^−scale` (note the sign) in arbitrary precision.
#[derive(Clone, Debug)]
enum Amount {
    Int { value: i64, scale: i32 },
    Dec { unscaled: BigInt, scale: i32 },
}

/// A quantity as Kubernetes computes with it.
///
/// ```
/// use oomsim_core::units::Quantity;
/// let q: Quantity = "1.5Gi".parse().unwrap();
/// assert_eq!((q.value(), q.to_string().as_str()), (1_610_612_736, "1536Mi"));
/// ```
#[derive(Clone, Debug)]
pub struct Quantity {
    amount: Amount,
    format: Format,
    /// The text it was parsed from, where that counts as canonical.
    text: Option<Box<str>>,
}

impl Default for Quantity {
    /// The zero value of the type, as a missing map entry gives it.
    fn default() -> Self {
        Quantity { amount: Amount::Int { value: 0, scale: 0 }, format: Format::default(), text: None }
    }
}

impl PartialEq for Quantity {
    /// Equality of the numbers, whatever their format.
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Amount::Int { value: a, scale: sa }, Amount::Int { value: b, scale: sb }) =
            (&self.amount, &other.amount)
            && sa == sb
        {
            return a.cmp(b);
        }
        let signs = self.sign().cmp(&other.sign());
        if signs != Ordering::Equal || self.is_zero() {
            return signs;
        }
        let ((a, sa), (b, sb)) = (self.to_dec(), other.to_dec());
        let scale = sa.max(sb);
        rescale(&a, sa, scale).cmp(&rescale(&b, sb, scale))
    }
}

impl std::str::FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Quantity::parse(text)
    }
}

impl Quantity {
    /// `value` in the given format (Go: `NewQuantity`).
    pub const fn new(value: i64, format: Format) -> Self {
        Quantity { amount: Amount::Int { value, scale: 0 }, format, text: None }
    }

    /// An amount of bytes in [`Format::BinarySI`].
    pub const fn bytes(value: i64) -> Self {
        Quantity::new(value, Format::BinarySI)
    }

    /// Reads a quantity.
    ///
    /// # Errors
    /// See [`ParseQuantityError`].
    pub fn parse(text: &str) -> Result<Self, ParseQuantityError> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(ParseQuantityError::Format);
        }
        if text == "0" {
            let amount = Amount::Int { value: 0, scale: 0 };
            return Ok(Quantity { amount, format: Format::DecimalSI, text: Some(text.into()) });
        }
        let parts = Parts::split(text)?;
        let suffix = Suffix::interpret(parts.suffix).ok_or(ParseQuantityError::Suffix)?;
        if suffix.exponent.unsigned_abs() > MAX_EXPONENT.unsigned_abs() {
            return Err(ParseQuantityError::Numeric);
        }
        match Quantity::parse_int(text, &parts, &suffix)? {
            Some(quantity) => Ok(quantity),
            None => Quantity::parse_dec(&parts, &suffix),
        }
    }

    /// The integer form, when digits and scale surely fit.
    fn parse_int(text: &str, parts: &Parts<'_>, suffix: &Suffix) -> Result<Option<Self>, ParseQuantityError> {
        let (num, denom) = (parts.num.len() as i64, parts.denom.len() as i64);
        let (scale, mantissa, precision) = match suffix.format {
            Format::BinarySI if denom > 0 => return Ok(None),
            // 1Mi has about 6 decimal digits: three tenths of the exponent.
            Format::BinarySI => (0, 1i64 << suffix.exponent, 15 - num - suffix.exponent * 3 / 10 - 1),
            _ => (suffix.exponent, 1, MAX_INT64_FACTORS - num - denom),
        };
        let scale = scale - denom;
        if precision < 0 || scale < i64::from(NANO) {
            return Ok(None);
        }
        let shifted = format!("{}{}", parts.num, parts.denom);
        let digits: i64 = shifted.parse().map_err(|_| ParseQuantityError::Numeric)?;
        let Some(value) = digits.checked_mul(mantissa) else { return Ok(None) };
        let canonical = match suffix.format {
            Format::BinarySI => digits & 7 != 0,
            _ => scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0'),
        };
        let value = if parts.positive { value } else { -value };
        let amount = Amount::Int { value, scale: scale as i32 };
        Ok(Some(Quantity { amount, format: suffix.format, text: canonical.then(|| text.into()) }))
    }

    /// The arbitrary-precision form: rounded away from zero to nano, binary values capped at 2^63 − 1.
    fn parse_dec(parts: &Parts<'_>, suffix: &Suffix) -> Result<Self, ParseQuantityError> {
        let (mut unscaled, mut scale) = decimal(parts.value).ok_or(ParseQuantityError::Numeric)?;
        match suffix.format {
            Format::BinarySI => unscaled <<= suffix.exponent as usize,
            _ => scale -= suffix.exponent as i32,
        }
        let negative = unscaled.sign() == Sign::Minus;
        let mut magnitude = if negative { -unscaled } else { unscaled };
        let mut format = suffix.format;
        if magnitude.sign() != Sign::NoSign {
            (magnitude, scale) = (rescale(&magnitude, scale, -NANO), -NANO);
        }
        if format == Format::BinarySI {
            let one = BigInt::from(10u8).pow(scale.max(0) as u32);
            if magnitude > BigInt::from(i64::MAX) * &one {
                (magnitude, scale) = (BigInt::from(i64::MAX), 0);
            } else if magnitude < one && magnitude.sign() == Sign::Plus {
                format = Format::DecimalSI;
            }
        }
        let unscaled = if negative { -magnitude } else { magnitude };
        Ok(Quantity { amount: Amount::Dec { unscaled, scale }, format, text: None })
    }

    /// The family of suffixes it is printed with.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// −1, 0 or 1.
    pub fn sign(&self) -> i32 {
        match &self.amount {
            Amount::Int { value, .. } => value.signum() as i32,
            Amount::Dec { unscaled, .. } => match unscaled.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    /// True for zero in any form.
    pub fn is_zero(&self) -> bool {
        self.sign() == 0
    }

    /// The whole number, rounded up; overflows as the real one does (`Value()`).
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// Thousandths, rounded up; overflows as the real one does (`MilliValue()`).
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(MILLI)
    }

    /// True when the number is held in arbitrary precision (`0.25Gi`, sums with such). The real type shares such a
    /// number between copies, so that adding to one copy can change another.
    pub const fn is_decimal(&self) -> bool {
        matches!(self.amount, Amount::Dec { .. })
    }

    /// The same number held in arbitrary precision (`AsDec()`).
    pub fn into_decimal(self) -> Quantity {
        let (unscaled, scale) = self.to_dec();
        Quantity { amount: Amount::Dec { unscaled, scale }, ..self }
    }

    /// The exact whole number, when the integer form holds one (`AsInt64()`).
    pub fn as_int64(&self) -> Option<i64> {
        match self.amount {
            Amount::Int { value, scale: 0 } => Some(value),
            Amount::Int { value, scale } if scale > 0 => match positive_scale(value, scale) {
                (result, true) => Some(result),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number in billionths, exact for everything parsed from text, saturating at the ends of `i128`.
    pub fn nanos(&self) -> i128 {
        // Amounts of memory are whole numbers, nearly always.
        if let Amount::Int { value, scale: 0 } = self.amount {
            return i128::from(value) * 1_000_000_000;
        }
        if let Amount::Int { value, scale } = self.amount
            && (NANO..=9).contains(&scale)
        {
            return i128::from(value) * 10i128.pow((scale - NANO) as u32);
        }
        let (unscaled, scale) = self.to_dec();
        let saturated = if unscaled.sign() == Sign::Minus { i128::MIN } else { i128::MAX };
        i128::try_from(rescale(&unscaled, scale, -NANO)).unwrap_or(saturated)
    }

    fn scaled_value(&self, target: i32) -> i64 {
        match &self.amount {
            Amount::Int { value, scale } if *scale < target => negative_scale(*value, target - scale).0,
            Amount::Int { value, scale } => positive_scale(*value, scale - target).0,
            Amount::Dec { unscaled, scale } => scaled_value(unscaled, scale + target),
        }
    }

    /// Rounds away from zero to whole thousandths, as the API server does with every resource quantity.
    pub fn round_up_milli(&mut self) {
        match &mut self.amount {
            Amount::Int { value, scale } if *scale < MILLI => {
                *value = negative_scale(*value, MILLI - *scale).0;
                *scale = MILLI;
                self.text = None;
            }
            Amount::Int { .. } => {}
            Amount::Dec { unscaled, scale } => {
                *unscaled = rescale(unscaled, *scale, -MILLI);
                *scale = -MILLI;
                self.text = None;
            }
        }
    }

    /// `self += other`; a zero takes over the other's format.
    pub fn add(&mut self, other: &Quantity) {
        self.combine(other, false);
    }

    /// `self -= other`; a zero takes over the other's format.
    pub fn sub(&mut self, other: &Quantity) {
        self.combine(other, true);
    }

    fn combine(&mut self, other: &Quantity, subtract: bool) {
        self.text = None;
        if self.is_zero() {
            self.format = other.format;
        }
        if let (Amount::Int { value: a, scale: sa }, Amount::Int { value: b, scale: sb }) =
            (&self.amount, &other.amount)
            && let Some((value, scale)) = int_add((*a, *sa), (if subtract { b.wrapping_neg() } else { *b }, *sb))
        {
            self.amount = Amount::Int { value, scale };
            return;
        }
        let ((a, sa), (b, sb)) = (self.to_dec(), other.to_dec());
        let scale = sa.max(sb);
        let (a, b) = (rescale(&a, sa, scale), rescale(&b, sb, scale));
        self.amount = Amount::Dec { unscaled: if subtract { a - b } else { a + b }, scale };
    }

    /// `unscaled × 10^−scale` of either form.
    fn to_dec(&self) -> (BigInt, i32) {
        match &self.amount {
            Amount::Int { value, scale } => (BigInt::from(*value), -scale),
            Amount::Dec { unscaled, scale } => (unscaled.clone(), *scale),
        }
    }

    /// Writes the canonical text: no fraction, the largest suffix that loses nothing.
    fn write_canonical(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let mut format = self.format;
        if format == Format::BinarySI {
            if *self > Quantity::bytes(-1024) && *self < Quantity::bytes(1024) {
                format = Format::DecimalSI;
            } else if let Amount::Int { value, scale: 0 } = self.amount {
                // The same as below, without arbitrary precision.
                let times = value.trailing_zeros() / 10;
                return write!(f, "{}{}", value >> (10 * times), binary_suffix(times as usize));
            } else {
                let (unscaled, scale) = self.to_dec();
                let whole = rescale(&unscaled, scale, 0);
                if rescale(&whole, 0, scale.max(0)) == rescale(&unscaled, scale, scale.max(0)) {
                    let (number, times) = remove_factors(whole, 1024);
                    return write!(f, "{number}{}", binary_suffix(times));
                }
                format = Format::DecimalSI;
            }
        }
        let (unscaled, scale) = self.to_dec();
        let (mut number, times) = remove_factors(unscaled, 10);
        let mut exponent = times as i32 - scale;
        while exponent % 3 != 0 {
            number *= 10;
            exponent -= 1;
        }
        match (format, exponent) {
            (_, 0) => write!(f, "{number}"),
            (Format::DecimalExponent, _) => write!(f, "{number}e{exponent}"),
            _ => write!(f, "{number}{}", decimal_suffix(exponent)),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => self.write_canonical(f),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a string or a plain number, as in YAML.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as \"128Mi\"")
            }
            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Quantity, E> {
                v.trim().parse().map_err(|e| E::custom(format!("{v:?}: {e}")))
            }
            fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Quantity, E> {
                self.visit_str(&v.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Quantity, E> {
                self.visit_str(&v.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Quantity, E> {
                self.visit_str(&v.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A quantity's text, cut up as the real scanner does it.
struct Parts<'a> {
    positive: bool,
    /// Sign, leading zeros, digits and fraction.
    value: &'a str,
    num: &'a str,
    denom: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, ParseQuantityError> {
        let bytes = text.as_bytes();
        let positive = bytes[0] != b'-';
        let start = usize::from(matches!(bytes[0], b'-' | b'+'));
        let run = |from: usize, wanted: fn(u8) -> bool| bytes[from..].iter().take_while(|b| wanted(**b)).count() + from;
        let digits_from = run(start, |b| b == b'0');
        if digits_from == bytes.len() {
            return Ok(Parts { positive, value: "0", num: "0", denom: "", suffix: "" });
        }
        let mut end = run(digits_from, |b| b.is_ascii_digit());
        let num = if end == digits_from { "0" } else { &text[digits_from..end] };
        let mut denom = "";
        if bytes.get(end) == Some(&b'.') {
            let from = end + 1;
            end = run(from, |b| b.is_ascii_digit());
            denom = &text[from..end];
        }
        let letters = run(end, |b| b"eEinumkKMGTP".contains(&b));
        let sign = letters + usize::from(matches!(bytes.get(letters), Some(b'-' | b'+')));
        if letters < bytes.len() && run(sign, |b| b.is_ascii_digit()) < bytes.len() {
            return Err(ParseQuantityError::Format);
        }
        Ok(Parts { positive, value: &text[..end], num, denom, suffix: &text[end..] })
    }
}

/// What a suffix means: `2^exponent` or `10^exponent`, and the format it implies.
struct Suffix {
    exponent: i64,
    format: Format,
}

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

impl Suffix {
    fn interpret(suffix: &str) -> Option<Suffix> {
        if let Some((_, exponent)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
            return Some(Suffix { exponent: i64::from(*exponent), format: Format::DecimalSI });
        }
        if let Some(index) = BINARY.iter().position(|s| *s == suffix) {
            return Some(Suffix { exponent: 10 * index as i64, format: Format::BinarySI });
        }
        let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
        Some(Suffix { exponent, format: Format::DecimalExponent })
    }
}

/// Beyond the table the real type prints no suffix at all.
fn binary_suffix(times: usize) -> &'static str {
    BINARY.get(times).copied().unwrap_or("")
}

fn decimal_suffix(exponent: i32) -> &'static str {
    DECIMAL.iter().find(|(_, e)| *e == exponent).map_or("", |(s, _)| s)
}

/// `[sign]digits[.digits]` as `unscaled × 10^−scale`; `None` without any digit.
fn decimal(text: &str) -> Option<(BigInt, i32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = whole.chars().chain(fraction.chars()).filter(|c| *c != '+').collect();
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, fraction.len() as i32))
}

/// `x × 10^−from` expressed at scale `to`, rounded away from zero.
fn rescale(x: &BigInt, from: i32, to: i32) -> BigInt {
    let power = BigInt::from(10u8).pow(from.abs_diff(to));
    if to >= from {
        return x * power;
    }
    let (quotient, rest) = (x / &power, x % &power);
    match rest.sign() {
        Sign::NoSign => quotient,
        Sign::Plus => quotient + 1,
        Sign::Minus => quotient - 1,
    }
}

/// Takes out all factors of `factor`; the second value counts them.
fn remove_factors(mut x: BigInt, factor: u32) -> (BigInt, usize) {
    let mut times = 0;
    while x.sign() != Sign::NoSign && (&x % factor).sign() == Sign::NoSign {
        x /= factor;
        times += 1;
    }
    (x, times)
}

/// The low 64 bits of the magnitude with the sign (Go: `big.Int.Int64`).
fn low_int64(x: &BigInt) -> i64 {
    let low = x.magnitude().iter_u64_digits().next().unwrap_or(0) as i64;
    if x.sign() == Sign::Minus { low.wrapping_neg() } else { low }
}

/// `unscaled ÷ 10^dif` rounded towards plus infinity, with the real function's behaviour on overflow: numbers
/// below 2^63 (all negative ones included) are cut to 64 bits *before* the division.
fn scaled_value(unscaled: &BigInt, dif: i32) -> i64 {
    if dif <= 0 {
        // The real code multiplies by int64(math.Pow10(n)), which is the smallest int64 when that does not fit.
        let power = 10i64.checked_pow(dif.unsigned_abs()).unwrap_or(i64::MIN);
        return low_int64(unscaled).wrapping_mul(power);
    }
    if *unscaled < BigInt::from(i64::MAX) && dif < 19 {
        let (low, divisor) = (low_int64(unscaled), 10i64.pow(dif as u32));
        return low / divisor + i64::from(low % divisor != 0);
    }
    let divisor = BigInt::from(10u8).pow(dif as u32);
    let (mut quotient, rest) = (unscaled / &divisor, unscaled % &divisor);
    if rest.sign() == Sign::Minus {
        quotient -= 1;
    }
    low_int64(&quotient).wrapping_add(i64::from(rest.sign() != Sign::NoSign))
}

/// `base × 10^scale` and whether it fits. On overflow the steps 1, 2, 3, 6 and 9 return the wrapped product, all
/// others zero: the real function multiplies those in one go and the others digit by digit.
fn positive_scale(base: i64, scale: i32) -> (i64, bool) {
    let multiply = |a: i64, b: i64| match a {
        i64::MIN => (0, false),
        _ => (a.wrapping_mul(b), a.checked_mul(b).is_some()),
    };
    match scale {
        0 => (base, true),
        1 | 2 | 3 | 6 | 9 => multiply(base, 10i64.pow(scale as u32)),
        _ if base == 0 => (0, true),
        _ => {
            let mut value = base;
            for _ in 0..scale {
                match multiply(value, 10) {
                    (next, true) => value = next,
                    _ => return (0, false),
                }
            }
            (value, true)
        }
    }
}

/// `base ÷ 10^scale` rounded away from zero, and whether that was exact.
fn negative_scale(base: i64, scale: i32) -> (i64, bool) {
    let Some(divisor) = u32::try_from(scale).ok().and_then(|s| 10i64.checked_pow(s)) else {
        return (base.signum(), base == 0);
    };
    let (quotient, rest) = (base / divisor, base % divisor);
    (quotient + rest.signum(), rest == 0)
}

/// Sum of two integer forms; `None` when it leaves 64 bits.
fn int_add((a, sa): (i64, i32), (b, sb): (i64, i32)) -> Option<(i64, i32)> {
    if b == 0 {
        return Some((a, sa));
    }
    if a == 0 {
        return Some((b, sb));
    }
    let scale = sa.min(sb);
    let at_scale = |value: i64, from: i32| match positive_scale(value, from - scale) {
        (result, true) => Some(result),
        _ => None,
    };
    Some((at_scale(a, sa)?.checked_add(at_scale(b, sb)?)?, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the recording `quantity.jsonl` (Kubernetes 1.32.10): text, value, milli, canonical text, after rounding
    /// to milli.
    #[test]
    fn parses_and_prints_as_the_real_type() {
        for (text, value, milli, canonical, api) in [
            ("0.5Gi", 536_870_912, 536_870_912_000, "512Mi", "512Mi"),
            ("1.1Gi", 1_181_116_007, 1_181_116_006_400, "1181116006400m", "1181116006400m"),
            ("0.0001Ki", 1, 103, "102400u", "103m"),
            ("8Ei", i64::MAX, -1000, "9223372036854775807", "9223372036854775807"),
            ("18446744073709551616", 0, 0, "18446744073709551616", "18446744073709551616"),
            ("1E-2", 1, 10, "10e-3", "10e-3"),
            ("5.", 5, 5000, "5.", "5."),
            ("007", 7, 7000, "007", "007"),
            ("+", 0, 0, "0", "0"),
            ("Gi", 0, 0, "0", "0"),
            ("1e1000", 0, 0, "10e999", "10e999"),
            ("-1414Pi", 1_152_921_505, 1_152_921_504_607, "-1414Pi", "-1414Pi"),
            ("8736087236063G", -7_669_454_875_327_465_984, 0, "8736087236063G", "8736087236063G"),
            ("-90.725Ki", -92_901, -92_902_400, "-92902400m", "-92902400m"),
        ] {
            let mut q = Quantity::parse(text).unwrap();
            assert_eq!((q.value(), q.milli_value()), (value, milli), "{text}");
            assert_eq!(q.to_string(), canonical, "{text}");
            q.round_up_milli();
            assert_eq!(q.to_string(), api, "{text}");
        }
    }

    #[test]
    fn refuses_what_the_real_type_refuses() {
        for text in ["", "1kB", "1MiB", "1gi", "1,5Gi", " 1Gi", "100%", "１Gi", "Inf"] {
            assert_eq!(Quantity::parse(text), Err(ParseQuantityError::Format), "{text:?}");
        }
        for text in ["1K", "1e", "--1", "4Gi4", "354mi"] {
            assert_eq!(Quantity::parse(text), Err(ParseQuantityError::Suffix), "{text:?}");
        }
        // Exponents out of all proportion are ours to refuse.
        for text in ["e-10", "1e2147483647", "1e-99999", "12e-9223372036854775808"] {
            assert_eq!(Quantity::parse(text), Err(ParseQuantityError::Numeric), "{text:?}");
        }
    }

    #[test]
    fn sums_keep_or_take_the_format_and_may_leave_64_bits() {
        let mut sum = Quantity::parse("0").unwrap();
        sum.add(&Quantity::parse("1Gi").unwrap());
        sum.add(&Quantity::parse("100m").unwrap());
        assert_eq!(sum.to_string(), "1073741824100m");
        // Beyond 2^63 the binary suffixes still apply: 2^63 − 1 + 1 = 8Ei.
        let mut large = Quantity::bytes(i64::MAX);
        large.add(&Quantity::bytes(1));
        assert_eq!((large.to_string().as_str(), large.as_int64()), ("8Ei", None));
        assert!(large > Quantity::parse("7Ei").unwrap());
        assert_eq!(Quantity::parse("1024Mi").unwrap(), Quantity::parse("1Gi").unwrap());
        assert_eq!(Quantity::parse("1.5").unwrap().nanos(), 1_500_000_000);
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_reads_its_own_text(text in "[-+]?[0-9.]{0,25}(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|e[-+]?[0-9]{1,3})?|\\PC{0,12}") {
            if let Ok(q) = Quantity::parse(&text) {
                let again = Quantity::parse(&q.to_string()).unwrap();
                // Only sums beyond the largest suffix print ambiguously; parsed text does so from 10^21 on.
                if q.nanos().unsigned_abs() < 10u128.pow(30) {
                    proptest::prop_assert_eq!(&again, &q);
                }
                let mut rounded = q.clone();
                rounded.round_up_milli();
                let _ = (q.value(), q.milli_value(), q.as_int64(), rounded.to_string());
                let mut sum = q.clone();
                sum.add(&again);
                sum.sub(&again);
                proptest::prop_assert_eq!(sum, q);
            }
        }
    }
}
