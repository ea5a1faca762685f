//! On how many of several runs a statement has to hold.

use std::fmt;

/// The share of seeds, or of the nodes of a fleet, on which a statement has to hold. In hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredShare(u16);

/// A whole.
const WHOLE: u16 = 10_000;

impl RequiredShare {
    /// On every one of them.
    pub const ALL: RequiredShare = RequiredShare(WHOLE);

    /// `all`, or `≥ 95%` (also `>= 99.5 %`), more than 0 %.
    pub fn parse(text: &str) -> Option<RequiredShare> {
        let text = text.trim();
        if text == "all" {
            return Some(RequiredShare::ALL);
        }
        let number = text.strip_prefix('≥').or_else(|| text.strip_prefix(">="))?.trim().strip_suffix('%')?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
            return None;
        }
        let share = whole.parse::<u16>().ok()? * 100 + format!("{part:0<2}").parse::<u16>().ok()?;
        (1..=WHOLE).contains(&share).then_some(RequiredShare(share))
    }

    /// Whether holding on `holding` of `of` runs is enough.
    pub fn is_met(self, holding: u64, of: u64) -> bool {
        u128::from(holding) * u128::from(WHOLE) >= u128::from(of) * u128::from(self.0)
    }
}

impl Default for RequiredShare {
    fn default() -> Self {
        RequiredShare::ALL
    }
}

impl fmt::Display for RequiredShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match (self.0, part) {
            (WHOLE, _) => f.write_str("all"),
            (_, 0) => write!(f, "≥ {whole}%"),
            (_, part) if part % 10 == 0 => write!(f, "≥ {whole}.{}%", part / 10),
            (_, part) => write!(f, "≥ {whole}.{part:02}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written() {
        for (text, shown) in
            [("all", "all"), ("≥ 95%", "≥ 95%"), (">=99.5 %", "≥ 99.5%"), ("≥100%", "all"), (">= 0.01%", "≥ 0.01%")]
        {
            let share = RequiredShare::parse(text).unwrap();
            assert_eq!(share.to_string(), shown);
            assert_eq!(RequiredShare::parse(shown), Some(share));
        }
        for wrong in ["", "95%", "≥ 95", "≥ 101%", "≥ 0%", "≥ -1%", "≥ 1.234%", "≥ %", "≥ 1e2%", "some"] {
            assert_eq!(RequiredShare::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_share_is_met_exactly_at_its_bound() {
        let share = RequiredShare::parse("≥ 95%").unwrap();
        assert!(share.is_met(38, 40) && !share.is_met(37, 40));
        assert!(RequiredShare::ALL.is_met(40, 40) && !RequiredShare::ALL.is_met(39, 40));
        assert!(share.is_met(u64::MAX, u64::MAX));
    }
}
