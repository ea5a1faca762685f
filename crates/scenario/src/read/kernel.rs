//! `[kernel]`: version, capabilities, sysctls.

use crate::diagnostic::Diagnostic;
use crate::names::{nearest, quoted_list};
use crate::reader::{Problems, TableReader};
use crate::scalar::{integer, one_of, text};
use crate::source::{Location, Places};
use crate::tables;
use crate::value::{Entry, Value, ValueKind};
use oomsim_core::kernel::{
    Capability, CgroupVersion, Distribution, KernelConfig, Profile, Release, SYSCTLS, SwapDevice, SysctlError, Thp,
    VERSIONS,
};
use std::collections::BTreeSet;

/// That of a scenario that names none ([`oomsim_core::kernel::DEFAULT_VERSION`]).
const DEFAULT_RELEASE: (u32, u32) = (6, 12);

/// Reads `[kernel]` into a configuration that has its memory already.
pub(crate) fn kernel(p: &Problems, value: &Value, config: &mut KernelConfig, places: &mut Places) {
    let Some(mut t) = TableReader::open(p, &tables::KERNEL, value) else { return };
    let release = t.optional("version", release);
    config.profile = release.as_ref().map_or_else(Profile::default, Release::profile);
    if let Some(distribution) = t.optional("distribution", one_of("distribution", &Distribution::ALL)) {
        let version = release.as_ref().map_or(DEFAULT_RELEASE, |release| release.version);
        distribution.configure(&mut config.profile, version);
    }
    let cgroups = [("v1", CgroupVersion::V1), ("v2", CgroupVersion::V2)];
    config.cgroup = t.or("cgroup", CgroupVersion::V2, one_of("cgroup version", &cgroups));
    let pages = [("always", Thp::Always), ("madvise", Thp::Madvise), ("never", Thp::Never)];
    config.thp = t.or("thp", Thp::Never, one_of("setting of transparent huge pages", &pages));
    let devices = [("disk", SwapDevice::Disk), ("zram", SwapDevice::Zram)];
    config.swap_device = t.or("swapDevice", SwapDevice::Disk, one_of("swap device", &devices));
    if let Some(sysctls) = t.get("sysctl") {
        set_sysctls(p, sysctls, config, places);
    }
    for capability in Profile::capabilities() {
        if let Some(value) = t.get(capability.name) {
            set_capability(p, capability, value, &mut config.profile);
        }
    }
    if config.cgroup == CgroupVersion::V1 && !config.profile.memcg_v1 {
        p.warn(t.at(), format!("kernel {} is usually built without cgroup v1", config.profile.version));
    }
    t.finish();
}

/// A release as `uname -r` prints it, or `6.12`; the row of a version that has none is the nearest older one.
fn release(p: &Problems, value: &Value) -> Option<Release> {
    let given = match &value.kind {
        ValueKind::Number(number) => number.clone(),
        _ => text(p, value)?,
    };
    let Some(release) = Release::parse(&given) else {
        let help = format!("rows: {}; a version between two of them has what is known of it", quoted_list(VERSIONS));
        p.push(Diagnostic::error(&value.at, format!("unknown kernel version {given:?}")).help(help));
        return None;
    };
    if !release.is_exact() {
        p.push(no_row(&release, value));
    }
    if let Some(distribution) = release.distribution.filter(|d| d.backports(release.version)) {
        let message = format!(
            "Red Hat's kernels ({distribution}) have changes of later ones: capabilities may be those of a later one"
        );
        p.push(
            Diagnostic::warning(&value.at, message).help("set them by name where they are known (`oomsim kernels`)"),
        );
    }
    Some(release)
}

/// What is taken for a version without a row, and which verdicts may differ for that.
fn no_row(release: &Release, value: &Value) -> Diagnostic {
    let ((major, minor), row) = (release.version, release.row);
    let Some(unknown) = release.may_differ() else {
        let message = format!("kernel {major}.{minor} is newer than every row: {row} is used");
        return Diagnostic::warning(&value.at, message)
            .help("what changed since is not known: whom the kernel kills, and when, may differ");
    };
    let message = format!(
        "kernel {major}.{minor} has no row: {row} is used, with what is known to have changed up to {major}.{minor}"
    );
    let verdicts: BTreeSet<_> = unknown.iter().map(|capability| capability.decides).collect();
    let verdicts: Vec<_> = verdicts.iter().map(ToString::to_string).collect();
    let names: Vec<_> = unknown.iter().map(|capability| capability.name).collect();
    Diagnostic::warning(&value.at, message).help(match &*names {
        [] => "no verdict is known to differ".to_owned(),
        _ => format!(
            "it may differ {}: when these changed is not known: {} (`oomsim kernels`)",
            verdicts.join("; "),
            names.join(", ")
        ),
    })
}

fn set_capability(p: &Problems, capability: &Capability, value: &Value, profile: &mut Profile) {
    let given = match &value.kind {
        ValueKind::Bool(b) => b.to_string(),
        ValueKind::Int(n) => n.to_string(),
        ValueKind::Text(text) => text.clone(),
        _ => return p.expected(value, "a word, a number or a boolean"),
    };
    if capability.set(profile, &given).is_err() {
        let mut problem = Diagnostic::error(&value.at, format!("`{}` cannot be {given:?}", capability.name));
        if let Some(meant) = nearest(&given, capability.values.iter().copied()) {
            problem = problem.label(format!("did you mean {meant:?}?"));
        }
        let legal = match capability.values {
            [] => "expected a number from 1 to 65536".to_string(),
            words => format!("legal: {}", quoted_list(words.iter().copied())),
        };
        p.push(problem.help(format!("{}: {legal}", capability.doc)));
    }
}

/// `{ "vm.overcommit_memory" = 1 }`, or the same as nested tables (`vm.overcommit_memory = 1`).
fn set_sysctls(p: &Problems, value: &Value, config: &mut KernelConfig, places: &mut Places) {
    each_sysctl(p, value, &mut |at, name, number| {
        places.insert(format!("kernel.sysctl.{name}"), at.value.at.clone());
        if let Err(error) = config.sysctl.set(name, number) {
            report(p, at, name, &error);
        }
    });
}

/// Calls back with every sysctl of a table.
pub(crate) fn each_sysctl(p: &Problems, value: &Value, each: &mut dyn FnMut(&Entry, &str, i64)) {
    let Some(entries) = value.entries() else {
        return p.expected(value, "a table such as `{ \"vm.overcommit_memory\" = 1 }`");
    };
    for entry in entries {
        if let (Some(inner), false) = (entry.value.entries(), entry.key.contains('.')) {
            for leaf in inner {
                one_sysctl(p, leaf, &format!("{}.{}", entry.key, leaf.key), each);
            }
        } else {
            one_sysctl(p, entry, &entry.key, each);
        }
    }
}

/// The sysctls that `[kernel]` gives, with their places.
pub(crate) fn given_sysctls(kernel: Option<&Value>) -> Vec<(String, Location)> {
    let mut given = Vec::new();
    if let Some(sysctls) = kernel.and_then(|kernel| kernel.get("sysctl")) {
        each_sysctl(&Problems::default(), sysctls, &mut |entry, name, _| {
            given.push((name.into(), entry.key_at.clone()))
        });
    }
    given
}

fn one_sysctl(p: &Problems, entry: &Entry, name: &str, each: &mut dyn FnMut(&Entry, &str, i64)) {
    if let Some(number) = integer(i64::MIN, i64::MAX)(p, &entry.value) {
        each(entry, name, number);
    }
}

/// Reports a sysctl that does not exist or cannot have that value.
pub(crate) fn report(p: &Problems, at: &Entry, name: &str, error: &SysctlError) {
    match error {
        SysctlError::Unknown(_) => p.unknown(&at.key_at, "sysctl", name, SYSCTLS.iter().map(|(name, _)| *name)),
        SysctlError::Range { .. } => p.error(&at.value.at, error.to_string()),
    }
}
