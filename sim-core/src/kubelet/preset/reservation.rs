//! Formulas of reservations.

use crate::units::Bytes;

/// How a reservation follows from the size of a machine. Amounts are whole MiB, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Nothing is given.
    None,
    /// Always this many MiB.
    Fixed(u64),
    /// [`tiers`] of the size.
    Tiers,
    /// [`gke_tiers`] of the size; below 1 GiB 255 MiB.
    GkeTiers {
        /// Two fifths more of each tier, for image streaming.
        streaming: bool,
    },
    /// This many MiB for each of `maxPods`, and some more.
    PerPod {
        /// MiB for each pod.
        each: u64,
        /// MiB on top of that,
        base: u64,
        /// but at least this share of the size instead, in percent.
        base_percent: u64,
        /// In all never more than this share of the size, in percent.
        at_most_percent: Option<u64>,
    },
    /// This many MiB and a share of the size.
    BaseAndPercent {
        /// MiB.
        base: u64,
        /// Percent.
        percent: u64,
    },
    /// A share of the size within bounds.
    PercentWithin {
        /// Percent.
        percent: u64,
        /// MiB at least.
        least: u64,
        /// MiB at most.
        most: u64,
    },
    /// This many MiB, and more for each whole step of the size.
    Steps {
        /// MiB.
        base: u64,
        /// MiB for each step.
        each: u64,
        /// GiB of a step.
        gib: u64,
    },
    /// OpenShift's script: whole GiB in, whole GiB out.
    OpenShift,
}

impl Reservation {
    /// Whether the amount depends on `maxPods`.
    pub fn needs_max_pods(self) -> bool {
        matches!(self, Reservation::PerPod { .. })
    }

    /// The amount on a machine of this size.
    pub fn amount(self, size: Bytes, max_pods: u64) -> Option<Bytes> {
        let mib = size.get() >> 20;
        let percent = |percent: u64| ((u128::from(size.get()) * u128::from(percent) / 100) >> 20) as u64;
        let amount = match self {
            Reservation::None => return None,
            Reservation::Fixed(fixed) => fixed,
            Reservation::Tiers => tiers(size).get() >> 20,
            Reservation::GkeTiers { .. } if mib < 1024 => 255,
            Reservation::GkeTiers { streaming: false } => gke_tiers(mib),
            Reservation::GkeTiers { streaming: true } => gke_tiers(mib) * 7 / 5,
            Reservation::PerPod { each, base, base_percent, at_most_percent } => {
                let wanted = max_pods.saturating_mul(each).saturating_add(base.max(percent(base_percent)));
                at_most_percent.map_or(wanted, |share| wanted.min(percent(share)))
            }
            Reservation::BaseAndPercent { base, percent: share } => base + percent(share),
            Reservation::PercentWithin { percent: share, least, most } => percent(share).clamp(least, most),
            Reservation::Steps { base, each, gib } => base + each * (mib / (gib << 10)),
            Reservation::OpenShift => openshift_gib(size) << 10,
        };
        Some(Bytes::mib(amount.min(u64::MAX >> 20)))
    }
}

fn in_tiers(size: u64, tiers: [(u64, u128); 5]) -> u64 {
    let mut rest = size;
    let mut hundredths: u128 = 0;
    for (width, percent) in tiers {
        let part = rest.min(width);
        hundredths += u128::from(part) * percent;
        rest -= part;
    }
    (hundredths / 100) as u64
}

/// 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112 and 2 % of the rest: GKE's
/// rule as its documentation states it and AKS and others took it over.
pub fn tiers(memory: Bytes) -> Bytes {
    const GIB: u64 = 1 << 30;
    Bytes::new(in_tiers(memory.get(), [(4 * GIB, 25), (4 * GIB, 20), (8 * GIB, 10), (112 * GIB, 6), (u64::MAX, 2)]))
}

/// The same in MiB with tiers of 1000 MiB: what GKE's nodes really reserve.
pub fn gke_tiers(mib: u64) -> u64 {
    in_tiers(mib, [(4000, 25), (4000, 20), (8000, 10), (112_000, 6), (u64::MAX, 2)])
}

/// OpenShift's `system-reserved` in GiB: 1 up to 8 GiB, then 6 % of the next 120 and 2 % above, rounded to whole GiB.
/// Above 128 GiB the script adds the 6 % of 112 GiB only, and 2 % of what lies beyond these.
fn openshift_gib(mem_total: Bytes) -> u64 {
    let total = mem_total.get() >> 30; // `free -g` rounds down.
    let above = total.saturating_sub(8);
    let hundredths = 100 + if above > 120 { 672 + (above - 112) * 2 } else { above * 6 };
    (hundredths + 50) / 100
}
