//! `/proc/sys/vm` as far as the model reads it.

use crate::units::{Bytes, Pages};
use std::fmt;

/// The sysctls of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctls {
    /// `vm.overcommit_memory`: 0 guess, 1 always, 2 never.
    pub overcommit_memory: u8,
    /// `vm.overcommit_ratio`, percent.
    pub overcommit_ratio: u64,
    /// `vm.overcommit_kbytes`; replaces the ratio unless 0.
    pub overcommit_kbytes: u64,
    /// `vm.admin_reserve_kbytes`; `None`: min(3 % of memory free at boot, 8 MiB).
    pub admin_reserve_kbytes: Option<u64>,
    /// `vm.user_reserve_kbytes`; `None`: min(3 % of memory free at boot, 128 MiB).
    pub user_reserve_kbytes: Option<u64>,
    /// `vm.min_free_kbytes`; `None`: the kernel's own formula.
    pub min_free_kbytes: Option<u64>,
    /// `vm.watermark_scale_factor`, in 1/10000 of a zone.
    pub watermark_scale_factor: u64,
    /// `vm.nr_hugepages` of 2 MiB.
    pub nr_hugepages: u64,
    /// `vm.swappiness`.
    pub swappiness: u8,
    /// `vm.oom_kill_allocating_task`.
    pub oom_kill_allocating_task: bool,
    /// `vm.panic_on_oom`: 0 never, 1 on a node OOM, 2 always.
    pub panic_on_oom: u8,
    /// `vm.oom_dump_tasks`.
    pub oom_dump_tasks: bool,
}

impl Default for Sysctls {
    fn default() -> Self {
        Sysctls {
            overcommit_memory: 0,
            overcommit_ratio: 50,
            overcommit_kbytes: 0,
            admin_reserve_kbytes: None,
            user_reserve_kbytes: None,
            min_free_kbytes: None,
            watermark_scale_factor: 10,
            nr_hugepages: 0,
            swappiness: 60,
            oom_kill_allocating_task: false,
            panic_on_oom: 0,
            oom_dump_tasks: true,
        }
    }
}

/// Why a sysctl cannot be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SysctlError {
    /// The model has no such sysctl; the ones it has.
    Unknown(String),
    /// The value is out of range.
    Range {
        /// Which sysctl.
        name: &'static str,
        /// What was given.
        value: i64,
        /// Largest legal value.
        max: i64,
    },
}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SysctlError::Unknown(name) => {
                let legal: Vec<_> = NAMES.iter().map(|(n, _)| *n).collect();
                write!(f, "sysctl {name:?} is not modelled; legal: {}", legal.join(", "))
            }
            SysctlError::Range { name, value, max } => write!(f, "{name} = {value}: expected 0 to {max}"),
        }
    }
}

impl std::error::Error for SysctlError {}

/// Names as `sysctl` prints them, with the largest legal value.
pub const NAMES: &[(&str, i64)] = &[
    ("vm.overcommit_memory", 2),
    ("vm.overcommit_ratio", 1_000_000),
    ("vm.overcommit_kbytes", 1 << 40),
    ("vm.admin_reserve_kbytes", 1 << 40),
    ("vm.user_reserve_kbytes", 1 << 40),
    ("vm.min_free_kbytes", 1 << 40),
    ("vm.watermark_scale_factor", 3000),
    ("vm.nr_hugepages", 1 << 30),
    ("vm.swappiness", 200),
    ("vm.oom_kill_allocating_task", 1),
    ("vm.panic_on_oom", 2),
    ("vm.oom_dump_tasks", 1),
];

impl Sysctls {
    /// Sets one by its name, e.g. `vm.overcommit_memory`. Setting the ratio clears kbytes and the other way round.
    ///
    /// # Errors
    /// When the name is not one of [`NAMES`] or the value is out of range.
    pub fn set(&mut self, name: &str, value: i64) -> Result<(), SysctlError> {
        let Some(&(name, max)) = NAMES.iter().find(|(n, _)| *n == name) else {
            return Err(SysctlError::Unknown(name.into()));
        };
        let Some(v) = u64::try_from(value).ok().filter(|_| value <= max) else {
            return Err(SysctlError::Range { name, value, max });
        };
        match name {
            "vm.overcommit_memory" => self.overcommit_memory = v as u8,
            "vm.overcommit_ratio" => (self.overcommit_ratio, self.overcommit_kbytes) = (v, 0),
            "vm.overcommit_kbytes" => (self.overcommit_ratio, self.overcommit_kbytes) = (0, v),
            "vm.admin_reserve_kbytes" => self.admin_reserve_kbytes = Some(v),
            "vm.user_reserve_kbytes" => self.user_reserve_kbytes = Some(v),
            "vm.min_free_kbytes" => self.min_free_kbytes = Some(v),
            "vm.watermark_scale_factor" => self.watermark_scale_factor = v,
            "vm.nr_hugepages" => self.nr_hugepages = v,
            "vm.swappiness" => self.swappiness = v as u8,
            "vm.oom_kill_allocating_task" => self.oom_kill_allocating_task = v == 1,
            "vm.panic_on_oom" => self.panic_on_oom = v as u8,
            "vm.oom_dump_tasks" => self.oom_dump_tasks = v == 1,
            _ => return Err(SysctlError::Unknown(name.into())),
        }
        Ok(())
    }

    /// Memory in the pool of 2 MiB huge pages.
    pub fn hugetlb(&self) -> Pages {
        Bytes::mib(2).to_pages_floor() * self.nr_hugepages
    }

    /// `vm.admin_reserve_kbytes` as in force on a machine with this much memory free at boot
    /// (mm/mmap.c init_admin_reserve).
    pub fn admin_reserve(&self, boot_free: Pages) -> Pages {
        Pages::new(self.admin_reserve_kbytes.unwrap_or((boot_free.kib() / 32).min(1 << 13)) / 4)
    }

    /// `vm.user_reserve_kbytes` as in force (mm/mmap.c init_user_reserve).
    pub fn user_reserve(&self, boot_free: Pages) -> Pages {
        Pages::new(self.user_reserve_kbytes.unwrap_or((boot_free.kib() / 32).min(1 << 17)) / 4)
    }
}
