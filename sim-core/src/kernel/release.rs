//! Kernel releases as nodes print them (`uname -r`, `status.nodeInfo.kernelVersion`): version, row, distribution.

use super::capability::Capability;
use super::profile::{Lru, Profile, VERSIONS};
use serde::Serialize;
use std::fmt;

/// Who built a kernel. Its configuration decides about page ageing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Debian 11 and older.
    Debian11,
    /// Debian 12 with its own kernel, 6.1.
    Debian12,
    /// Debian 13, and Debian 12's kernels from backports.
    Debian13,
    /// Ubuntu as it comes, also on EKS, GKE and OKE.
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
    /// Red Hat Enterprise Linux from 9.4 on, its rebuilds, and OpenShift's CoreOS.
    Rhel,
    /// The same up to 9.3.
    RhelTo93,
    /// Flatcar.
    Flatcar,
    /// Google's Container-Optimized OS.
    ContainerOptimizedOs,
    /// Oracle Linux with Oracle's own kernel (UEK).
    OracleUek,
    /// Fedora, also Fedora CoreOS.
    Fedora,
    /// SUSE Linux Enterprise and openSUSE Leap.
    Suse,
    /// VMware's Photon OS.
    Photon,
    /// Alibaba Cloud Linux.
    AlibabaCloudLinux,
    /// Tencent's TencentOS Server.
    TencentOs,
    /// Huawei's EulerOS and HCE, openEuler.
    EulerOs,
    /// Raspberry Pi OS.
    RaspberryPiOs,
    /// Microsoft's kernel of the Windows Subsystem for Linux.
    Wsl,
    /// LinuxKit, the machine of Docker Desktop.
    LinuxKit,
}

/// What is in the names of a distribution's kernels. The first that is found decides: `.el9uek` is no RHEL.
const MARKS: &[(Distribution, &[&str])] = &[
    (Distribution::AmazonLinux2023, &["amzn2023"]),
    (Distribution::AmazonLinux2, &["amzn2"]),
    (Distribution::AksUbuntu, &["-azure"]),
    (Distribution::AzureLinux, &[".azl", ".cm2", ".cm1"]),
    (Distribution::Talos, &["-talos"]),
    (Distribution::Flatcar, &["-flatcar"]),
    (Distribution::OracleUek, &["uek"]),
    (Distribution::Rhel, &[".el8", ".el9", ".el10"]),
    (Distribution::Fedora, &[".fc"]),
    (Distribution::AlibabaCloudLinux, &[".al7", ".al8", ".alnx"]),
    (Distribution::TencentOs, &["tlinux", ".tl3", ".tl4"]),
    (Distribution::EulerOs, &["eulerosv2", ".hce2", ".oe1", ".oe2"]),
    (Distribution::Suse, &["-default"]),
    (Distribution::Photon, &[".ph3", ".ph4", ".ph5"]),
    (Distribution::RaspberryPiOs, &["+rpt-rpi"]),
    (Distribution::Wsl, &["microsoft-standard"]),
    (Distribution::LinuxKit, &["-linuxkit"]),
    (Distribution::Debian13, &["+deb", "+bpo", "-amd64", "-arm64"]),
    (
        Distribution::Ubuntu,
        &[
            "-generic",
            "-aws",
            "-gcp",
            "-gke",
            "-oracle",
            "-ibm",
            "-kvm",
            "-lowlatency",
            "-nvidia",
            "-raspi",
            "-virtual",
            "-intel",
        ],
    ),
];

impl Distribution {
    /// All of them with the words that a scenario uses.
    pub const ALL: [(&str, Distribution); 23] = [
        ("debian-11", Distribution::Debian11),
        ("debian-12", Distribution::Debian12),
        ("debian-13", Distribution::Debian13),
        ("ubuntu", Distribution::Ubuntu),
        ("aks-ubuntu", Distribution::AksUbuntu),
        ("azure-linux", Distribution::AzureLinux),
        ("amazon-linux-2023", Distribution::AmazonLinux2023),
        ("amazon-linux-2", Distribution::AmazonLinux2),
        ("talos", Distribution::Talos),
        ("rhel", Distribution::Rhel),
        ("rhel-9.3", Distribution::RhelTo93),
        ("flatcar", Distribution::Flatcar),
        ("container-optimized-os", Distribution::ContainerOptimizedOs),
        ("oracle-uek", Distribution::OracleUek),
        ("fedora", Distribution::Fedora),
        ("suse", Distribution::Suse),
        ("photon", Distribution::Photon),
        ("alibaba-cloud-linux", Distribution::AlibabaCloudLinux),
        ("tencent-os", Distribution::TencentOs),
        ("euler-os", Distribution::EulerOs),
        ("raspberry-pi-os", Distribution::RaspberryPiOs),
        ("wsl", Distribution::Wsl),
        ("linuxkit", Distribution::LinuxKit),
    ];

    /// By what a release such as `6.1.134-152.225.amzn2023.x86_64` ends in.
    fn of_release(release: &str, version: (u32, u32)) -> Option<Distribution> {
        let marked = |(_, marks): &&(_, &[&str])| marks.iter().any(|mark| release.contains(mark));
        match MARKS.iter().find(marked).map(|(distribution, _)| *distribution) {
            Some(Distribution::Debian13) if version < (6, 1) => Some(Distribution::Debian11),
            Some(Distribution::Debian13) if version == (6, 1) => Some(Distribution::Debian12),
            Some(Distribution::Rhel) if version < (5, 14) || build(release) < RHEL_9_4 => Some(Distribution::RhelTo93),
            None if is_container_optimized(release) => Some(Distribution::ContainerOptimizedOs),
            found => found,
        }
    }

    /// Page ageing as the distribution builds it, with the source; `None`: not known, the version's row holds.
    pub fn lru(self, version: (u32, u32)) -> Option<(Lru, &'static str)> {
        Some(match self {
            Distribution::Debian11 => (Lru::Classic, "5.10 has no other"),
            Distribution::Debian12 => (Lru::Classic, "recordings of Debian's 6.1.176"),
            Distribution::Debian13 => (Lru::Mglru, "recordings of Debian's 6.12.117, 6.18.15, 7.3.4"),
            Distribution::Ubuntu if version >= (6, 5) => {
                (Lru::Mglru, "launchpad.net bug 2023629: on from 23.10 (6.5) on")
            }
            Distribution::Ubuntu => (Lru::Classic, "launchpad.net bug 2023629: off before 23.10 (6.5)"),
            Distribution::AksUbuntu | Distribution::AzureLinux => (Lru::Mglru, "Azure/AKS#5854, 2026-07-09"),
            Distribution::AmazonLinux2023 => (Lru::Classic, "amazonlinux/amazon-linux-2023#660, 2025-07"),
            Distribution::Talos => (Lru::Mglru, "siderolabs/pkgs#756, Talos 1.5"),
            Distribution::Fedora => (Lru::Mglru, "launchpad.net bug 2023629 names Fedora's default"),
            Distribution::Suse => (Lru::Classic, "forums.opensuse.org 191804: Leap 16.0 leaves it off, 2026-02"),
            Distribution::RaspberryPiOs => (Lru::Mglru, "raspberrypi/linux#5414: off in 32-bit kernels only"),
            Distribution::Rhel => (Lru::Mglru, "openshift/machine-config-operator#4466: lru_gen 0x0007 on RHEL 9.4"),
            Distribution::RhelTo93 => (Lru::Classic, "openshift/machine-config-operator#4425: 9.4 brought MGLRU"),
            Distribution::Flatcar
            | Distribution::AmazonLinux2
            | Distribution::ContainerOptimizedOs
            | Distribution::OracleUek
            | Distribution::Photon
            | Distribution::AlibabaCloudLinux
            | Distribution::TencentOs
            | Distribution::EulerOs
            | Distribution::Wsl
            | Distribution::LinuxKit => return None,
        })
    }

    /// Gives the profile of a version the page ageing of this distribution. Kernels before 6.1 have no other than the
    /// classic one, except Red Hat's 5.14, which has the memory management of later kernels.
    pub fn configure(self, profile: &mut Profile, version: (u32, u32)) {
        let backported = self == Distribution::Rhel && version >= (5, 14);
        if let (Some((lru, _)), true) = (self.lru(version), backported || version >= (6, 1)) {
            profile.lru = lru;
        }
    }

    /// True where kernels of a version differ from it by much that was taken from later ones.
    pub fn backports(self, version: (u32, u32)) -> bool {
        matches!(self, Distribution::Rhel | Distribution::RhelTo93) && version < (6, 0)
    }
}

/// Red Hat's 5.14 of RHEL 9.4 is 5.14.0-427.
const RHEL_9_4: u64 = 427;

/// The number behind the first hyphen; 6.12 of RHEL 10 counts from 1 again.
fn build(release: &str) -> u64 {
    if version(release) > Some((5, 14)) {
        return u64::MAX;
    }
    let number = release.split('-').nth(1).and_then(|rest| rest.split('.').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// Container-Optimized OS prints a version and a plus, `6.1.123+`, and no other distribution's nodes do.
fn is_container_optimized(release: &str) -> bool {
    let numbers = release.trim().strip_suffix('+').map(|version| version.split('.').collect::<Vec<_>>());
    numbers.is_some_and(|n| n.len() == 3 && n.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())))
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

    /// The version's capabilities with what the distribution changes.
    pub fn profile(&self) -> Profile {
        let (major, minor) = self.version;
        // A version that is newer than all rows is taken for the newest of them, in every respect.
        let own = if self.is_newer() { self.row.to_owned() } else { format!("{major}.{minor}") };
        let mut profile = Profile::named(&own).unwrap_or_default();
        if let Some(distribution) = self.distribution {
            distribution.configure(&mut profile, self.version);
        }
        profile
    }

    /// The row after it.
    fn newer(&self) -> Option<&'static str> {
        VERSIONS.into_iter().find(|row| version(row).is_some_and(|row| row > self.version))
    }

    /// True when it is newer than all rows.
    pub fn is_newer(&self) -> bool {
        !self.is_exact() && self.newer().is_none()
    }

    /// For a version between two rows: what changes up to the newer one, it is not known when; `None` for a version
    /// that is newer than all rows.
    pub fn may_differ(&self) -> Option<Vec<&'static Capability>> {
        let (major, minor) = self.version;
        let (own, newer) = (format!("{major}.{minor}"), self.newer()?);
        Some(Profile::capabilities().iter().filter(|c| c.changes_somewhere((&own, newer))).collect())
    }
}

/// True for a version that has a row.
pub(super) fn is_row(text: &str) -> bool {
    VERSIONS.contains(&text)
}

/// Major and minor of a version in the tables, which is nothing else: `6.10`.
pub(super) fn numbers(text: &str) -> (u32, u32) {
    let digits = |number: (u32, u32), byte: u8| match byte {
        b'.' => (number.1, 0),
        digit => (number.0, number.1 * 10 + u32::from(digit - b'0')),
    };
    text.bytes().fold((0, 0), digits)
}

/// Major and minor, also of `Linux version 6.1.0-37-amd64`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let text = text.trim();
    let text = text.strip_prefix("Linux ").unwrap_or(text);
    let text = text.strip_prefix("version ").unwrap_or(text);
    let mut numbers = text.strip_prefix('v').unwrap_or(text).split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of kernels as public reports of nodes have them.
    #[test]
    fn releases_as_nodes_print_them() {
        use Distribution as D;
        for (text, row, distribution, lru) in [
            ("6.1.134-152.225.amzn2023.x86_64", "6.1", Some(D::AmazonLinux2023), Lru::Classic),
            ("6.12.40-64.114.amzn2023.aarch64", "6.12", Some(D::AmazonLinux2023), Lru::Classic),
            ("5.10.226-214.880.amzn2.x86_64", "5.10", Some(D::AmazonLinux2), Lru::Classic),
            ("5.15.0-1084-azure", "5.15", Some(D::AksUbuntu), Lru::Classic),
            ("6.8.0-1021-azure", "6.8", Some(D::AksUbuntu), Lru::Mglru),
            ("6.8.0-1030-azure-fde", "6.8", Some(D::AksUbuntu), Lru::Mglru),
            ("6.6.85.1-2.azl3", "6.6", Some(D::AzureLinux), Lru::Mglru),
            ("5.15.182.1-1.cm2", "5.15", Some(D::AzureLinux), Lru::Classic),
            ("6.1.82-talos", "6.1", Some(D::Talos), Lru::Mglru),
            ("6.12.28-talos", "6.12", Some(D::Talos), Lru::Mglru),
            ("6.6.54-flatcar", "6.6", Some(D::Flatcar), Lru::Classic),
            ("6.1.0-50-cloud-amd64", "6.1", Some(D::Debian12), Lru::Classic),
            ("6.1.0-37-amd64", "6.1", Some(D::Debian12), Lru::Classic),
            ("6.1.0-37-rt-arm64", "6.1", Some(D::Debian12), Lru::Classic),
            ("5.10.0-28-amd64", "5.10", Some(D::Debian11), Lru::Classic),
            ("6.12.117+deb12-cloud-amd64", "6.12", Some(D::Debian13), Lru::Mglru),
            ("6.12.41+deb13-arm64", "6.12", Some(D::Debian13), Lru::Mglru),
            ("6.12.12-amd64", "6.12", Some(D::Debian13), Lru::Mglru),
            ("5.14.0-427.13.1.el9_4.x86_64", "5.10", Some(D::Rhel), Lru::Mglru),
            ("5.14.0-427.el9", "5.10", Some(D::Rhel), Lru::Mglru),
            ("5.14.0-570.26.1.el9_6.aarch64+64k", "5.10", Some(D::Rhel), Lru::Mglru),
            ("5.14.0-284.11.1.el9_2.x86_64", "5.10", Some(D::RhelTo93), Lru::Classic),
            ("4.18.0-372.73.1.el8_6.x86_64", "4.15", Some(D::RhelTo93), Lru::Classic),
            ("4.18.0-553.el8", "4.15", Some(D::RhelTo93), Lru::Classic),
            ("6.12.0-124.el10", "6.12", Some(D::Rhel), Lru::Mglru),
            ("6.12.0-55.9.1.el10_0.x86_64", "6.12", Some(D::Rhel), Lru::Mglru),
            ("5.15.0-209.161.7.2.el9uek.x86_64", "5.15", Some(D::OracleUek), Lru::Classic),
            ("5.15.0-305.176.4.el9uek", "5.15", Some(D::OracleUek), Lru::Classic),
            ("6.8.5-301.fc40.x86_64", "6.8", Some(D::Fedora), Lru::Mglru),
            ("6.1.123+", "6.1", Some(D::ContainerOptimizedOs), Lru::Classic),
            ("6.6.87+", "6.6", Some(D::ContainerOptimizedOs), Lru::Classic),
            ("5.15.0-1059-gke", "5.15", Some(D::Ubuntu), Lru::Classic),
            ("6.5.0-1020-aws", "6.1", Some(D::Ubuntu), Lru::Mglru),
            ("6.2.0-1018-gcp", "6.1", Some(D::Ubuntu), Lru::Classic),
            ("6.8.0-1029-aws", "6.8", Some(D::Ubuntu), Lru::Mglru),
            ("6.8.0-60-generic", "6.8", Some(D::Ubuntu), Lru::Mglru),
            ("5.15.0-1049-oracle", "5.15", Some(D::Ubuntu), Lru::Classic),
            ("6.8.0-1024-gkeop", "6.8", Some(D::Ubuntu), Lru::Mglru),
            ("6.8.0-1012-nvidia-64k", "6.8", Some(D::Ubuntu), Lru::Mglru),
            ("5.10.134-16.3.al8.x86_64", "5.10", Some(D::AlibabaCloudLinux), Lru::Classic),
            ("5.4.241-1-tlinux4-0017.7", "5.4", Some(D::TencentOs), Lru::Classic),
            ("4.18.0-147.5.1.6.h1017.eulerosv2r9.x86_64", "4.15", Some(D::EulerOs), Lru::Classic),
            ("5.10.0-182.0.0.95.r1941_123.hce2.x86_64", "5.10", Some(D::EulerOs), Lru::Classic),
            ("5.10.0-136.12.0.86.oe2203sp1.x86_64", "5.10", Some(D::EulerOs), Lru::Classic),
            ("5.14.21-150500.55.83-default", "5.10", Some(D::Suse), Lru::Classic),
            ("6.12.0-160000.5-default", "6.12", Some(D::Suse), Lru::Classic),
            ("6.1.90-1.ph5", "6.1", Some(D::Photon), Lru::Classic),
            ("6.6.31+rpt-rpi-v8", "6.6", Some(D::RaspberryPiOs), Lru::Mglru),
            ("5.15.167.4-microsoft-standard-WSL2", "5.15", Some(D::Wsl), Lru::Classic),
            ("6.10.14-linuxkit", "6.8", Some(D::LinuxKit), Lru::Classic),
            ("Linux version 6.8.0-60-generic", "6.8", Some(D::Ubuntu), Lru::Mglru),
            // Bottlerocket and minikube's machine print a bare version.
            ("6.1.134", "6.1", None, Lru::Classic),
            ("5.10.207", "5.10", None, Lru::Classic),
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
        let names = |text: &str| -> Option<Vec<&'static str>> {
            Release::parse(text).unwrap().may_differ().map(|all| all.iter().map(|c| c.name).collect())
        };
        // When MGLRU began to kill with swap left is not known, nor how a text of a few pages hangs.
        assert_eq!(names("6.5"), Some(vec!["swap_writeback", "hang_hot_pages"]));
        assert_eq!(names("5.14"), Some(vec![]));
        assert_eq!(names("8.0"), None);
    }

    /// Changes by commit (the table's sources): 4.17 drops root's bonus, 5.1 child sacrifice, 5.2 the old heuristic,
    /// 5.9 makes badness signed, 5.13 flushes statistics, 5.17 adds an event and repairs `full`, 5.19 adds
    /// memory.reclaim, 6.2 batches counters, 6.4 adds `noswap`, 6.9 quarters, 6.10 partial walks, 6.11 leaves v1 out,
    /// 6.14 reworks MGLRU, 6.16 brings ext4 large folios, 7.0 exact counters.
    #[test]
    fn a_change_of_which_the_commit_is_known_holds_between_rows() {
        for (capability, before, after, value) in [
            ("root_bonus", "4.16", "4.17", "false"),
            ("root_bonus", "4.15", "4.18.0-553.el8", "false"),
            ("sacrifice_child", "5.0", "5.1", "false"),
            ("overcommit_guess", "5.1", "5.2", "total-ram"),
            ("tie", "5.2", "5.3", "last-scanned"),
            ("badness_floor", "5.8", "5.9", "signed"),
            ("oom_score_signed", "5.8", "5.9", "true"),
            ("memory_stat_lags", "5.12", "5.13", "false"),
            ("pcp_high", "5.13", "5.14.0-427.el9", "low-watermark"),
            ("oom_group_kill_event", "5.16", "5.17", "true"),
            ("psi_full_permille", "5.16", "5.17", "1000"),
            ("memory_reclaim", "5.18", "5.19", "true"),
            ("victim_gone_before_shared", "5.19", "6.0", "false"),
            ("rss_counters_batched", "6.1", "6.2.0-1018-gcp", "true"),
            ("rss_counters_batched", "6.1", "6.5.0-1020-aws", "true"),
            ("tmpfs_noswap", "6.3", "6.4", "true"),
            ("pcp_high", "6.6", "6.7", "auto-tuned"),
            ("reclaim_in_quarters", "6.8", "6.9", "true"),
            ("sibling_reclaim", "6.9", "6.10.14-linuxkit", "first-large-enough"),
            ("memcg_v1", "6.10", "6.11.0-1018-azure", "false"),
            ("mapped_once_is_young", "6.13", "6.14.0-1010-aws", "false"),
            ("file_folios", "6.15", "6.16", "true"),
            ("rss_counters_batched", "7.0", "6.19", "true"),
            ("second_kill_percent", "6.19", "7.1", "75"),
        ] {
            let value_of = |text| Release::parse(text).unwrap().profile().get(capability).unwrap();
            assert_eq!(value_of(after), value, "{capability} of {after}");
            assert_ne!(value_of(before), value, "{capability} of {before}");
        }
        // Newer than all rows: the newest.
        assert_eq!(Release::parse("7.9").unwrap().profile().version, "7.3");
        assert_eq!(Release::parse("6.5.0-1020-aws").unwrap().profile().version, "6.5");
    }
}
