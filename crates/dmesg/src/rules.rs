//! Which kernel rules to hold a report against.

use crate::report::LoggedOom;
use oomsim_core::kernel::{BadnessFloor, Profile, TieRule};

/// A way of choosing, as the simulator's profile has it.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Short name.
    pub name: String,
    /// What it is, in words.
    pub text: &'static str,
    /// The simulator's profile with these capabilities.
    pub profile: Profile,
    /// Tasks of user 0 are taken to have CAP_SYS_ADMIN (root on the host has it, root in a container has not).
    pub root_is_admin: bool,
}

struct Release {
    /// First release with these rules.
    since: (u32, u32),
    name: &'static str,
    text: &'static str,
    /// Row of the simulator that stands for them.
    profile: &'static str,
}

/// Newest first. The boundaries are those of the upstream kernel; distributions take changes over earlier.
const RELEASES: [Release; 4] = [
    Release {
        since: (5, 9),
        name: "5.9 and later",
        text: "the task with the most points dies, points may be negative, among equals the last one of the table",
        profile: "6.1",
    },
    Release {
        since: (5, 3),
        name: "5.3 to 5.8",
        text: "points below 1 count as 1, the task with the most points dies, among equals the last one of the table",
        profile: "5.4",
    },
    Release {
        since: (4, 17),
        name: "4.17 to 5.2",
        text: "points below 1 count as 1, the task with the most points dies, among equals the first one of the table",
        profile: "4.19",
    },
    Release {
        since: (0, 0),
        name: "before 4.17",
        text: "points below 1 count as 1, a host administrator's tasks count 3 % less, the task with the most points dies, among equals the first one of the table",
        profile: "4.15",
    },
];

/// `major.minor` of a kernel release.
pub(crate) fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A release that prints as a report is printed, where the log does not name its own: up to 4.14 the table counts page
/// tables in entries (`nr_ptes`, `nr_pmds`), up to 5.0 the score stands beside the choice (mm/oom_kill.c).
pub(crate) fn by_form(report: &LoggedOom) -> Option<&'static str> {
    let entries =
        report.table_columns.iter().any(|column| matches!(column.as_str(), "nr_ptes" | "nr_pmds" | "oom_adj"));
    let score = report.chosen.as_ref().is_some_and(|chosen| chosen.score.is_some());
    match (entries, score) {
        (true, _) => Some("4.14"),
        (false, true) => Some("5.0"),
        (false, false) => None,
    }
}

/// All rule sets, those of the given release first.
pub(crate) fn candidates(release: Option<&str>) -> Vec<Rules> {
    let version = release.and_then(version);
    let own = version.and_then(|v| RELEASES.iter().position(|r| v >= r.since)).unwrap_or(0);
    let order = std::iter::once(own).chain((0..RELEASES.len()).filter(move |i| *i != own));
    let mut all = Vec::new();
    for row in order.map(|i| &RELEASES[i]) {
        let Some(profile) = Profile::named(row.profile) else { continue };
        let bonus = profile.root_bonus;
        let rules =
            |root_is_admin: bool, name: String| Rules { name, text: row.text, profile: profile.clone(), root_is_admin };
        all.push(rules(false, row.name.into()));
        if bonus {
            all.push(rules(true, format!("{} with root as the host's administrator", row.name)));
        }
    }
    all
}

/// The first release whose points count pages (before, thousandths, and before 2.6.36 run times), and the newest whose
/// rules are known.
const KNOWN: [(u32, u32); 2] = [(3, 6), (7, 3)];

impl Rules {
    /// Why nothing can be said by these rules of a release; `None`: they are its own, or the release is not known.
    pub fn unknown(&self, release: Option<&str>) -> Option<String> {
        let release = release?;
        let version = version(release)?;
        if version < KNOWN[0] {
            return Some(format!(
                "Linux {release} counts points by older rules than those known here (from 3.6 on), and its table lacks what they count: the choice cannot be checked."
            ));
        }
        (version > KNOWN[1])
            .then(|| format!("Linux {release} is newer than the rules known here (to 7.3): the choice is not checked."))
    }

    /// True when points below 1 count as 1.
    pub fn floor(&self) -> bool {
        self.profile.badness_floor == BadnessFloor::One
    }

    /// True when the last of equal tasks dies.
    pub fn last_of_equals(&self) -> bool {
        self.profile.tie == TieRule::LastScanned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_releases_own_rules_come_first() {
        // Boundaries: the kernel's history as the reference documentation of this project states it.
        for (release, name) in [
            ("3.10.0-327.4.5.el7.x86_64", "before 4.17"),
            ("4.15.0-46-generic", "before 4.17"),
            ("4.19.34-coreos", "4.17 to 5.2"),
            ("5.4.0-1059-azure", "5.3 to 5.8"),
            ("5.15.0-100-generic", "5.9 and later"),
            ("6.12.117+deb12-cloud-amd64", "5.9 and later"),
        ] {
            assert_eq!(candidates(Some(release))[0].name, name, "{release}");
            assert_eq!(candidates(Some(release)).len(), 5);
        }
        assert_eq!(candidates(None)[0].name, "5.9 and later");
        assert!(candidates(Some("5.4.0"))[0].floor() && candidates(Some("5.4.0"))[0].last_of_equals());
        assert!(!candidates(Some("6.1.0"))[0].floor());
    }
}
