//! Kernel releases as nodes print them (`uname -r`, `status.nodeInfo.kernelVersion`): version, row, distribution.

use super::capability::Capability;
use super::profile::{Lru, Profile, VERSIONS};
use serde::Serialize;
use std::fmt;

/// Who built a kernel. Its configuration decides about page ageing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Debian 12 with its own kernel, 6.1.
    Debian12,
    /// Debian 13, and Debian 12's kernels from backports.
    Debian13,
    /// Ubuntu as it comes, also on EKS and GKE.
    Ubuntu,
    /// Ubuntu of AKS.
    AksUbuntu,
    /// Azure Linux 3, before that CBL-Mariner.
    AzureLinux,
    /// Amazon Linux 2023.
    AmazonLinux2023,
    /// Amazon Linux 2.
    AmazonLinux2,
    /// Talos Linux from 1.5 on.
    Talos,
    /// Red Hat Enterprise Linux and OpenShift's CoreOS.
    Rhel,
    /// Flatcar.
    Flatcar,
}

impl Distribution {
    /// All of them with the words that a scenario uses.
    pub const ALL: [(&str, Distribution); 10] = [
        ("debian-12", Distribution::Debian12),
        ("debian-13", Distribution::Debian13),
        ("ubuntu", Distribution::Ubuntu),
        ("aks-ubuntu", Distribution::AksUbuntu),
        ("azure-linux", Distribution::AzureLinux),
        ("amazon-linux-2023", Distribution::AmazonLinux2023),
        ("amazon-linux-2", Distribution::AmazonLinux2),
        ("talos", Distribution::Talos),
        ("rhel", Distribution::Rhel),
        ("flatcar", Distribution::Flatcar),
    ];

    /// By the end of a release such as `6.1.134-152.225.amzn2023.x86_64`.
    fn of_release(release: &str, version: (u32, u32)) -> Option<Distribution> {
        let has = |word: &str| release.contains(word);
        let debian = has("+deb") || has("-cloud-amd64") || has("-cloud-arm64") || has("+bpo");
        Some(match () {
            () if has("amzn2023") => Distribution::AmazonLinux2023,
            () if has("amzn2") => Distribution::AmazonLinux2,
            () if has("-azure") => Distribution::AksUbuntu,
            () if has(".azl") || has(".cm2") || has(".cm1") => Distribution::AzureLinux,
            () if has("-talos") => Distribution::Talos,
            () if has("-flatcar") => Distribution::Flatcar,
            () if has(".el8") || has(".el9") || has(".el10") => Distribution::Rhel,
            () if debian || has("-amd64") || has("-arm64") => match version <= (6, 1) {
                true => Distribution::Debian12,
                false => Distribution::Debian13,
            },
            () if ["-generic", "-aws", "-gcp", "-gke", "-oracle"].iter().any(|w| has(w)) => Distribution::Ubuntu,
            () => return None,
        })
    }

    /// Page ageing as the distribution builds it, with the source; `None`: not known, the version's row holds.
    pub fn lru(self) -> Option<(Lru, &'static str)> {
        Some(match self {
            Distribution::Debian12 => (Lru::Classic, "recordings of Debian's 6.1.176"),
            Distribution::Debian13 => (Lru::Mglru, "recordings of Debian's 6.12.117, 6.18.15, 7.3.4"),
            Distribution::AksUbuntu | Distribution::AzureLinux => (Lru::Mglru, "Azure/AKS#5854, 2026-07-09"),
            Distribution::AmazonLinux2023 => (Lru::Classic, "amazonlinux/amazon-linux-2023#660, 2025-07"),
            Distribution::Talos => (Lru::Mglru, "siderolabs/pkgs#756, Talos 1.5"),
            Distribution::Ubuntu | Distribution::Rhel | Distribution::Flatcar | Distribution::AmazonLinux2 => {
                return None;
            }
        })
    }

    /// Gives a profile the page ageing of this distribution; kernels before 6.1 have no other than the classic one.
    pub fn configure(self, profile: &mut Profile) {
        let may = version(&profile.version).is_some_and(|v| v >= (6, 1));
        if let (Some((lru, _)), true) = (self.lru(), may) {
            profile.lru = lru;
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Distribution::ALL.iter().find(|(_, d)| d == self).map_or("", |(name, _)| name))
    }
}

/// A kernel release that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Major and minor.
    pub version: (u32, u32),
    /// The row that stands for it: its own or the nearest older one.
    pub row: &'static str,
    /// Who built it, where the text says so.
    pub distribution: Option<Distribution>,
}

impl Release {
    /// Reads `6.12`, `v5.4.0-1059-azure`, `6.1.134-152.225.amzn2023.x86_64`; `None` when it is no version or older than
    /// every row.
    pub fn parse(text: &str) -> Option<Release> {
        let version = version(text)?;
        let row = VERSIONS.iter().rfind(|row| self::version(row).is_some_and(|row| row <= version))?;
        Some(Release { version, row, distribution: Distribution::of_release(text, version) })
    }

    /// True when the row is that of the very version.
    pub fn is_exact(&self) -> bool {
        version(self.row) == Some(self.version)
    }

    /// The row's capabilities with what the distribution changes.
    pub fn profile(&self) -> Profile {
        let mut profile = Profile::named(self.row).unwrap_or_default();
        if let Some(distribution) = self.distribution {
            distribution.configure(&mut profile);
        }
        profile
    }

    /// For a version between two rows: what changes up to the newer one, and so may differ; empty when nothing does or
    /// there is no newer row.
    pub fn may_differ(&self) -> Vec<&'static Capability> {
        let newer = VERSIONS.iter().find(|row| version(row).is_some_and(|row| row > self.version));
        match newer {
            Some(newer) if !self.is_exact() => {
                let changes = |c: &&Capability| c.row(self.row).value != c.row(newer).value;
                Profile::capabilities().iter().filter(changes).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Major and minor.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v').unwrap_or(text.trim()).split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_as_nodes_print_them() {
        for (text, row, distribution, lru) in [
            ("6.1.134-152.225.amzn2023.x86_64", "6.1", Some(Distribution::AmazonLinux2023), Lru::Classic),
            ("6.12.40-64.114.amzn2023.x86_64", "6.12", Some(Distribution::AmazonLinux2023), Lru::Classic),
            ("5.15.0-1084-azure", "5.15", Some(Distribution::AksUbuntu), Lru::Classic),
            ("6.8.0-1021-azure", "6.8", Some(Distribution::AksUbuntu), Lru::Mglru),
            ("6.6.85.1-2.azl3", "6.6", Some(Distribution::AzureLinux), Lru::Mglru),
            ("6.1.82-talos", "6.1", Some(Distribution::Talos), Lru::Mglru),
            ("6.1.0-50-cloud-amd64", "6.1", Some(Distribution::Debian12), Lru::Classic),
            ("6.12.117+deb12-cloud-amd64", "6.12", Some(Distribution::Debian13), Lru::Mglru),
            ("6.12.12-amd64", "6.12", Some(Distribution::Debian13), Lru::Mglru),
            ("5.14.0-427.13.1.el9_4.x86_64", "5.10", Some(Distribution::Rhel), Lru::Classic),
            ("6.1.123+", "6.1", None, Lru::Classic),
            ("7.3.4", "7.3", None, Lru::Mglru),
        ] {
            let release = Release::parse(text).unwrap();
            assert_eq!((release.row, release.distribution), (row, distribution), "{text}");
            assert_eq!(release.profile().lru, lru, "{text}");
        }
        assert_eq!(Release::parse("3.10.0-327.el7"), None);
        assert_eq!(Release::parse("latest"), None);
    }

    #[test]
    fn a_version_between_two_rows_says_what_may_differ() {
        let names = |text| Release::parse(text).unwrap().may_differ().iter().map(|c| c.name).collect::<Vec<_>>();
        // 6.2 made the counters per CPU: 6.5 lies after it, and after every other change up to 6.6.
        assert!(names("6.5").contains(&"rss_counters_batched"));
        assert!(names("6.12").is_empty());
        assert!(names("8.0").is_empty());
    }
}
