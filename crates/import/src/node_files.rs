//! What a shell on the node prints: `/proc/meminfo` and `free`.

use crate::text::{TextProblem, lines};
use indexmap::IndexMap;
use oomsim_core::units::Bytes;

/// `/proc/meminfo`: amounts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meminfo(pub IndexMap<String, Bytes>);

impl Meminfo {
    /// A line's amount.
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.0.get(name).copied()
    }
}

/// True for lines of `/proc/meminfo`, whichever comes first.
pub fn looks_like_meminfo(text: &str) -> bool {
    text.lines().take(5).any(|line| line.starts_with("MemTotal:") || of_numa_node(line))
}

/// `Node 0 MemTotal: …` of /sys/devices/system/node.
fn of_numa_node(line: &str) -> bool {
    line.starts_with("Node ") && line.contains("MemTotal:")
}

/// Reads `/proc/meminfo`. Lines without `kB` are counts (`HugePages_Total`) and are kept as they are.
///
/// # Errors
/// Every line that is not of the file's form.
pub fn meminfo(text: &str) -> Result<Meminfo, Vec<TextProblem>> {
    if text.lines().any(of_numa_node) {
        let message = "this is the meminfo of one NUMA node: give /proc/meminfo, which has the whole machine";
        return Err(vec![TextProblem::whole(message.into())]);
    }
    let mut found = IndexMap::new();
    let mut problems = Vec::new();
    for (start, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        let amount = line.split_once(':').and_then(|(name, rest)| {
            let mut parts = rest.split_whitespace();
            let value: u64 = parts.next()?.parse().ok()?;
            let bytes = match parts.next() {
                Some("kB") => value.checked_mul(1024)?,
                None => value,
                Some(_) => return None,
            };
            Some((name.trim().to_string(), Bytes::new(bytes)))
        });
        match amount {
            Some((name, bytes)) => drop(found.insert(name, bytes)),
            None => problems.push(TextProblem::line((start, line), "expected `Name: NUMBER kB`".into())),
        }
    }
    for name in ["MemTotal", "MemFree"].into_iter().filter(|name| !found.contains_key(*name)) {
        if problems.is_empty() {
            problems.push(TextProblem::whole(format!("there is no line {name}: give the whole of /proc/meminfo")));
        }
    }
    if problems.is_empty() { Ok(Meminfo(found)) } else { Err(problems) }
}

/// What `free` prints of memory and swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Total memory.
    pub total: Amount,
    /// Not used at all.
    pub free: Amount,
    /// Page cache and reclaimable slab; not printed by old versions.
    pub cache: Option<Amount>,
    /// An estimate of what programs can still get.
    pub available: Option<Amount>,
    /// Total swap.
    pub swap_total: Option<Amount>,
}

/// A number whose unit may be known only from elsewhere: `free` prints KiB, or what `-b`, `-m`, `-g` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// With a unit (`free -h`).
    Bytes(Bytes),
    /// Without one.
    Number(u64),
}

impl Amount {
    /// The amount, where a number counts units of `unit` bytes.
    pub fn bytes(self, unit: u64) -> Bytes {
        match self {
            Amount::Bytes(bytes) => bytes,
            Amount::Number(number) => Bytes::new(number.saturating_mul(unit)),
        }
    }
}

/// Reads what `free` prints, also `free -h`.
///
/// # Errors
/// When the line of memory is missing or has other columns.
pub fn free(text: &str) -> Result<Free, Vec<TextProblem>> {
    let heading: Vec<&str> =
        text.lines().find(|line| is_heading(line)).unwrap_or_default().split_whitespace().collect();
    let row = |name: &str| {
        lines(text).find(|(_, line)| line.trim_start().starts_with(name)).map(|(start, line)| {
            let values: Option<Vec<Amount>> = line.split_whitespace().skip(1).map(amount).collect();
            values.ok_or_else(|| {
                vec![TextProblem::line((start, line), "expected amounts such as `16316480` or `15Gi`".into())]
            })
        })
    };
    let memory = row("Mem:").ok_or_else(|| vec![TextProblem::whole("there is no line `Mem:`".into())])??;
    let column = |name: &str| heading.iter().position(|h| *h == name).and_then(|i| memory.get(i).copied());
    let need =
        |name: &str| column(name).ok_or_else(|| vec![TextProblem::whole(format!("there is no column `{name}`"))]);
    let swap = row("Swap:").transpose()?;
    // Before procps 3.3.10, and with `-w`: two columns.
    let both = || match (column("buffers")?, column("cached").or_else(|| column("cache"))?) {
        (Amount::Number(buffers), Amount::Number(cached)) => Some(Amount::Number(buffers.saturating_add(cached))),
        (buffers, cached) => Some(Amount::Bytes(buffers.bytes(1024) + cached.bytes(1024))),
    };
    Ok(Free {
        total: need("total")?,
        free: need("free")?,
        cache: column("buff/cache").or_else(both).or_else(|| column("cache")),
        available: column("available"),
        swap_total: swap.and_then(|values| values.first().copied()),
    })
}

/// True when the text is what `free` prints.
pub fn looks_like_free(text: &str) -> bool {
    // In front may be the command itself, as it was typed.
    text.lines().take(3).any(is_heading) && text.lines().any(|line| line.trim_start().starts_with("Mem:"))
}

fn is_heading(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("total") && words.next() == Some("used") && words.next() == Some("free")
}

/// A number, or one with the binary units of `free -h` (procps: scale_size).
fn amount(text: &str) -> Option<Amount> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic());
    let Some(unit) = unit else { return text.parse().ok().map(Amount::Number) };
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "B" => 1.0,
        "Ki" | "K" => 1024.0,
        "Mi" | "M" => 1_048_576.0,
        "Gi" | "G" => 1_073_741_824.0,
        "Ti" | "T" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok().filter(|n| (0.0..1e6).contains(n))? * factor;
    Some(Amount::Bytes(Bytes::new(bytes as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_and_wrong_lines_are_found() {
        let read = meminfo("MemTotal:  7934456 kB\nMemFree: 9 kB\nHugePages_Total:       3\n").expect("meminfo");
        assert_eq!(read.get("MemTotal"), Some(Bytes::kib(7_934_456)));
        assert_eq!(read.get("HugePages_Total"), Some(Bytes::new(3)));
        assert_eq!(meminfo("MemTotal: 7 kB\nMemFree: 7 MB\n").expect_err("a unit").len(), 1);
        assert!(meminfo("MemFree: 7 kB\n").expect_err("no total")[0].message.contains("MemTotal"));
        assert!(meminfo("MemTotal: 7 kB\n").expect_err("cut off")[0].message.contains("MemFree"));
    }

    #[test]
    fn free_is_read_with_and_without_units() {
        let text = "               total        used        free      shared  buff/cache   available\n\
                    Mem:            15Gi       4.2Gi       1.0Gi       200Mi        10Gi        11Gi\nSwap: 0B 0B 0B\n";
        assert!(looks_like_free(text));
        let read = free(text).expect("free");
        assert_eq!((read.total.bytes(1), read.swap_total), (Bytes::gib(15), Some(Amount::Bytes(Bytes::ZERO))));
        let plain = free("total used free shared buff/cache available\nMem: 16 4 1 0 11 12\n").expect("free -g");
        assert_eq!(plain.available, Some(Amount::Number(12)));
        assert!(free("total used free\nMem: x 1 2\n").is_err());
        // procps before 3.3.10, and `free -w` behind its own command.
        let old = "             total       used       free     shared    buffers     cached\nMem:          7870       7000        870         10        100       3000\n-/+ buffers/cache:       3900       3970\nSwap:            0          0          0\n";
        assert_eq!(free(old).expect("free").cache, Some(Amount::Number(3100)));
        let wide = "$ free -w\n  total used free shared buffers cache available\nMem: 16 4 1 0 2 9 12\n";
        assert!(looks_like_free(wide));
        assert_eq!(free(wide).expect("free").cache, Some(Amount::Number(11)));
    }
}
