//! What a runtime's environment variables and arguments say about memory.

use super::{Language, Launch};
use crate::units::Bytes;

/// Variables that a JVM takes options from; a later one wins, and `_JAVA_OPTIONS` wins over the command line.
pub const JAVA_VARIABLES: [&str; 3] = ["JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"];
/// Millionths of a percent in a percent: HotSpot takes percentages with a fraction.
const PPM: u64 = 1_000_000;

/// A collector of HotSpot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collector {
    /// One thread; chosen below 2 CPUs or 1792 MiB.
    Serial,
    /// Several threads, the world stopped.
    Parallel,
    /// The default elsewhere.
    G1,
    /// Concurrent; gives memory back.
    Z,
}

/// `GOGC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gogc {
    /// The heap grows by this percentage of what is live before the next collection.
    Percent(u32),
    /// No collection but by the memory limit.
    Off,
}

/// What variables and arguments say; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-Xmx`, `--max-old-space-size`, `GCHeapHardLimit`, `memory_limit`; the largest amount: no limit.
    pub max_heap: Option<Bytes>,
    /// `-Xms`.
    pub initial_heap: Option<Bytes>,
    /// `-XX:+AlwaysPreTouch`.
    pub pre_touch: bool,
    /// `-XX:MaxRAMPercentage`, `GCHeapHardLimitPercent`, `--max-old-space-size-percentage`, in millionths of a percent.
    pub max_ram_percentage: Option<u64>,
    /// `-XX:MinRAMPercentage`, in millionths of a percent.
    pub min_ram_percentage: Option<u64>,
    /// `-XX:MaxRAM`.
    pub max_ram: Option<Bytes>,
    /// `-XX:-UseContainerSupport`.
    pub ignores_container: bool,
    /// `-XX:+UseSerialGC` and others.
    pub collector: Option<Collector>,
    /// `-XX:+ExitOnOutOfMemoryError`.
    pub exit_on_oom: bool,
    /// `-XX:+CrashOnOutOfMemoryError`.
    pub crash_on_oom: bool,
    /// `-XX:MaxDirectMemorySize`.
    pub max_direct: Option<Bytes>,
    /// `--max-semi-space-size`.
    pub max_semi: Option<Bytes>,
    /// `GOGC`.
    pub gogc: Option<Gogc>,
    /// `GOMEMLIMIT`.
    pub gomemlimit: Option<Bytes>,
}

/// True for a variable that a runtime of this language reads about memory.
pub(super) fn is_variable_of(name: &str, language: Language) -> bool {
    match language {
        Language::Jvm => JAVA_VARIABLES.contains(&name),
        Language::Node => name == "NODE_OPTIONS",
        Language::Go => matches!(name, "GOGC" | "GOMEMLIMIT"),
        Language::DotNet => {
            let plain = name.strip_prefix("DOTNET_").or_else(|| name.strip_prefix("COMPlus_"));
            plain.is_some_and(|plain| plain.starts_with("GC"))
        }
        Language::Python | Language::Php | Language::Native => false,
    }
}

/// True for an argument of this language's runtime about memory.
pub(super) fn is_flag_of(arg: &str, language: Language) -> bool {
    let begins = |with: &[&str]| with.iter().any(|with| arg.starts_with(with));
    match language {
        Language::Jvm => begins(&["-Xmx", "-Xms", "-XX:"]),
        Language::Node => begins(&["--max-old-space-size", "--max_old_space_size", "--max-semi-space-size"]),
        Language::Php => begins(&["memory_limit=", "-dmemory_limit="]),
        Language::Go | Language::DotNet | Language::Python | Language::Native => false,
    }
}

impl Flags {
    /// What a runtime of this language reads from its environment and arguments. What it does not know it ignores.
    pub fn of(language: Language, launch: &Launch) -> Flags {
        let mut flags = Flags::default();
        let variable = |name: &str| launch.env.get(name).map(String::as_str).unwrap_or_default();
        match language {
            Language::Jvm => {
                // The launcher puts JDK_JAVA_OPTIONS before its arguments; JAVA_TOOL_OPTIONS comes before both, and
                // _JAVA_OPTIONS after (arguments.cpp parse_options_environment_variable order).
                let (tool, jdk) = (variable("JAVA_TOOL_OPTIONS"), variable("JDK_JAVA_OPTIONS"));
                let words = tool.split_whitespace().chain(jdk.split_whitespace());
                let words = words.chain(launch.args.iter().map(String::as_str));
                words.chain(variable("_JAVA_OPTIONS").split_whitespace()).for_each(|word| flags.java(word));
            }
            Language::Node => {
                let options = variable("NODE_OPTIONS").split_whitespace();
                options.chain(launch.args.iter().map(String::as_str)).for_each(|word| flags.node(word));
            }
            Language::Go => {
                flags.gogc = match variable("GOGC") {
                    "off" => Some(Gogc::Off),
                    percent => percent.parse().ok().map(Gogc::Percent),
                };
                flags.gomemlimit = go_bytes(variable("GOMEMLIMIT"));
            }
            Language::DotNet => {
                let knob = |name: &str| {
                    let of = |prefix: &str| launch.env.get(&format!("{prefix}{name}"));
                    hexadecimal(of("DOTNET_").or_else(|| of("COMPlus_"))?)
                };
                flags.max_heap = knob("GCHeapHardLimit").map(Bytes::new);
                flags.max_ram_percentage = knob("GCHeapHardLimitPercent").map(|percent| percent.min(100) * PPM);
            }
            Language::Php => launch.args.iter().for_each(|word| flags.php(word)),
            Language::Python | Language::Native => {}
        }
        flags
    }

    /// One option of `java`.
    fn java(&mut self, word: &str) {
        if let Some(size) = word.strip_prefix("-Xmx") {
            self.max_heap = bytes(size).or(self.max_heap);
        } else if let Some(size) = word.strip_prefix("-Xms") {
            self.initial_heap = bytes(size).or(self.initial_heap);
        } else if let Some(option) = word.strip_prefix("-XX:") {
            let on = !option.starts_with('-');
            let option = option.trim_start_matches(['+', '-']);
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "MaxHeapSize" => self.max_heap = bytes(value).or(self.max_heap),
                "InitialHeapSize" => self.initial_heap = bytes(value).or(self.initial_heap),
                "MaxRAMPercentage" => self.max_ram_percentage = ppm(value).or(self.max_ram_percentage),
                "MinRAMPercentage" => self.min_ram_percentage = ppm(value).or(self.min_ram_percentage),
                "MaxRAM" => self.max_ram = bytes(value).or(self.max_ram),
                "MaxDirectMemorySize" => self.max_direct = bytes(value).or(self.max_direct),
                "UseContainerSupport" => self.ignores_container = !on,
                "AlwaysPreTouch" => self.pre_touch = on,
                "ExitOnOutOfMemoryError" => self.exit_on_oom = on,
                "CrashOnOutOfMemoryError" => self.crash_on_oom = on,
                "UseSerialGC" if on => self.collector = Some(Collector::Serial),
                "UseParallelGC" if on => self.collector = Some(Collector::Parallel),
                "UseG1GC" if on => self.collector = Some(Collector::G1),
                "UseZGC" if on => self.collector = Some(Collector::Z),
                _ => {}
            }
        }
    }

    /// One option of `node`; dashes and underscores are the same to V8.
    fn node(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else { return };
        let mib = || value.parse().ok().filter(|mib| *mib < 1 << 40).map(Bytes::mib);
        match name.replace('_', "-").as_str() {
            "--max-old-space-size" => self.max_heap = mib().or(self.max_heap),
            "--max-old-space-size-percentage" => self.max_ram_percentage = ppm(value).or(self.max_ram_percentage),
            "--max-semi-space-size" => self.max_semi = mib().or(self.max_semi),
            _ => {}
        }
    }

    /// One argument of `php`.
    fn php(&mut self, word: &str) {
        let value = word.strip_prefix("-d").unwrap_or(word).strip_prefix("memory_limit=");
        self.max_heap = match value {
            Some("-1") => Some(Bytes::MAX),
            Some(value) => bytes(value).or(self.max_heap),
            None => self.max_heap,
        };
    }
}

/// `512m`, `2G`, `1048576`: as HotSpot and PHP read sizes.
fn bytes(text: &str) -> Option<Bytes> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift).map(Bytes::new)
}

/// `512MiB`: Go takes binary units only.
fn go_bytes(text: &str) -> Option<Bytes> {
    let number = text.strip_suffix('B').unwrap_or(text);
    let (number, shift) = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40)]
        .iter()
        .find_map(|(unit, shift)| Some((number.strip_suffix(unit)?, *shift)))
        .unwrap_or((number, 0));
    number.parse::<u64>().ok()?.checked_mul(1 << shift).map(Bytes::new)
}

/// Numbers of .NET's variables are hexadecimal, with `0x` or without.
fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x").trim_start_matches("0X"), 16).ok()
}

/// `75.0` in millionths of a percent.
fn ppm(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let percent = whole.parse::<u64>().ok().filter(|percent| *percent <= 100)?;
    Some((percent * PPM + digits.parse::<u64>().ok()?).min(100 * PPM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(language: Language, env: &[(&str, &str)], args: &[&str]) -> Flags {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Flags::of(language, &Launch { env, args: args.iter().map(|arg| (*arg).to_owned()).collect() })
    }

    /// docs.oracle.com, the java command: "Using the JDK_JAVA_OPTIONS Launcher Environment Variable"; JVM TI
    /// specification for JAVA_TOOL_OPTIONS.
    #[test]
    fn later_java_options_win() {
        let env = [("JAVA_TOOL_OPTIONS", "-Xmx1g -XX:+ExitOnOutOfMemoryError"), ("JDK_JAVA_OPTIONS", "-Xmx2g")];
        assert_eq!(read(Language::Jvm, &env, &[]).max_heap, Some(Bytes::gib(2)));
        let flags = read(Language::Jvm, &env, &["java", "-Xmx512m", "-jar", "app.jar"]);
        assert_eq!((flags.max_heap, flags.exit_on_oom), (Some(Bytes::mib(512)), true));
        let flags = read(Language::Jvm, &[], &["-XX:MaxRAMPercentage=62.5", "-XX:-UseContainerSupport", "-XX:+UseZGC"]);
        assert_eq!(flags.max_ram_percentage, Some(62_500_000));
        assert_eq!((flags.ignores_container, flags.collector), (true, Some(Collector::Z)));
    }

    /// nodejs.org/api/cli.html; go.dev/doc/gc-guide; learn.microsoft.com (values of variables are hexadecimal, dotnet
    /// runtime#77961: 0x21999999 is 537.6 MiB); php.net memory_limit.
    #[test]
    fn other_languages() {
        let node = read(Language::Node, &[("NODE_OPTIONS", "--max_old_space_size=300")], &["node", "server.js"]);
        assert_eq!(node.max_heap, Some(Bytes::mib(300)));
        let go = read(Language::Go, &[("GOMEMLIMIT", "900MiB"), ("GOGC", "off")], &[]);
        assert_eq!((go.gomemlimit, go.gogc), (Some(Bytes::mib(900)), Some(Gogc::Off)));
        let env = [("DOTNET_GCHeapHardLimit", "0x21999999"), ("COMPlus_GCHeapHardLimitPercent", "32")];
        let net = read(Language::DotNet, &env, &[]);
        assert_eq!((net.max_heap, net.max_ram_percentage), (Some(Bytes::new(0x2199_9999)), Some(50 * PPM)));
        assert_eq!(read(Language::Php, &[], &["php", "-d", "memory_limit=-1"]).max_heap, Some(Bytes::MAX));
    }

    #[test]
    fn what_a_runtime_does_not_understand_it_ignores() {
        let flags =
            read(Language::Jvm, &[("JAVA_TOOL_OPTIONS", "-Xmx12q -XX: -XX:MaxRAMPercentage=x -Xmx")], &["-XX:+"]);
        assert_eq!(flags, Flags::default());
        assert_eq!(read(Language::Go, &[("GOMEMLIMIT", "1GB"), ("GOGC", "fast")], &[]), Flags::default());
    }
}
