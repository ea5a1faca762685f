//! Bytes and pages. A conversion that rounds says so in its name.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};

/// Bytes in a page. Every modelled machine is x86-64 with 4 KiB base pages.
pub const PAGE_SIZE: u64 = 4096;

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bytes(u64);

/// An amount of memory in pages of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pages(u64);

impl Bytes {
    /// Zero bytes.
    pub const ZERO: Bytes = Bytes(0);
    /// The largest amount; stands for "no limit" where a limit is expected.
    pub const MAX: Bytes = Bytes(u64::MAX);

    /// `n` bytes.
    pub const fn new(n: u64) -> Self {
        Bytes(n)
    }

    /// `n` KiB.
    pub const fn kib(n: u64) -> Self {
        Bytes(n << 10)
    }

    /// `n` MiB.
    pub const fn mib(n: u64) -> Self {
        Bytes(n << 20)
    }

    /// `n` GiB.
    pub const fn gib(n: u64) -> Self {
        Bytes(n << 30)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole KiB, rounded down.
    pub const fn to_kib_floor(self) -> u64 {
        self.0 >> 10
    }

    /// Pages that lie wholly within this amount.
    pub const fn to_pages_floor(self) -> Pages {
        Pages(self.0 / PAGE_SIZE)
    }

    /// Pages needed to hold this amount.
    pub const fn to_pages_ceil(self) -> Pages {
        Pages(self.0.div_ceil(PAGE_SIZE))
    }

    /// `self - other`, or zero.
    pub const fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }
}

impl Pages {
    /// No page.
    pub const ZERO: Pages = Pages(0);
    /// The largest count; stands for "no limit" where a limit is expected.
    pub const MAX: Pages = Pages(u64::MAX / PAGE_SIZE);

    /// `n` pages.
    pub const fn new(n: u64) -> Self {
        Pages(n)
    }

    /// The number of pages.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The exact number of bytes.
    pub const fn bytes(self) -> Bytes {
        Bytes(self.0 * PAGE_SIZE)
    }

    /// The exact number of KiB.
    pub const fn kib(self) -> u64 {
        self.0 * (PAGE_SIZE >> 10)
    }

    /// `self - other`, or zero.
    pub const fn saturating_sub(self, other: Pages) -> Pages {
        Pages(self.0.saturating_sub(other.0))
    }

    /// True when there is no page.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

macro_rules! arithmetic {
    ($($t:ident $what:literal),*) => {$(
        impl Add for $t {
            type Output = $t;
            fn add(self, o: $t) -> $t {
                $t(self.0.checked_add(o.0).expect(concat!($what, " overflow")))
            }
        }
        impl Sub for $t {
            type Output = $t;
            fn sub(self, o: $t) -> $t {
                $t(self.0.checked_sub(o.0).expect(concat!("negative ", $what)))
            }
        }
        impl Mul<u64> for $t {
            type Output = $t;
            fn mul(self, n: u64) -> $t {
                $t(self.0.checked_mul(n).expect(concat!($what, " overflow")))
            }
        }
        impl AddAssign for $t {
            fn add_assign(&mut self, o: $t) {
                *self = *self + o;
            }
        }
        impl SubAssign for $t {
            fn sub_assign(&mut self, o: $t) {
                *self = *self - o;
            }
        }
        impl Sum for $t {
            fn sum<I: Iterator<Item = $t>>(iter: I) -> $t {
                iter.fold($t(0), Add::add)
            }
        }
    )*};
}
arithmetic!(Bytes "bytes", Pages "pages");

impl fmt::Display for Bytes {
    /// The largest binary unit that divides the amount, as `kubectl` prints it: `750Mi`, `4675304Ki`, `1025`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
            if self.0 != 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0)
    }
}
