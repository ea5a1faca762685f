//! Go's arithmetic where it differs from Rust's.

/// `int64(f)` as amd64 does it: what does not fit, NaN included, gives the least number.
pub(super) fn go_int64(value: f64) -> i64 {
    // −2^63 fits, 2^63 does not.
    if value >= i64::MIN as f64 && value < -(i64::MIN as f64) { value as i64 } else { i64::MIN }
}
