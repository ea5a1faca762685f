//! What a runtime's environment variables and arguments say about memory.

use super::words::split;
use super::{Language, Launch, RuntimeRow};
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
    /// `-XX:InitialRAMPercentage`, in millionths of a percent.
    pub initial_ram_percentage: Option<u64>,
    /// `-XX:MaxRAM`.
    pub max_ram: Option<Bytes>,
    /// `-XX:-UseContainerSupport`.
    pub ignores_container: bool,
    /// `-XX:+UseCGroupMemoryLimitForHeap`, before there was `UseContainerSupport`.
    pub takes_cgroup_v1: bool,
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
        Language::Jvm => begins(&["-Xmx", "-Xms", "-mx", "-ms", "-XX:"]),
        Language::Node => {
            let arg = arg.replace('_', "-");
            arg.starts_with("--max-old-space-size") || arg.starts_with("--max-semi-space-size")
        }
        Language::Php => begins(&["memory_limit=", "-dmemory_limit="]),
        Language::Go | Language::DotNet | Language::Python | Language::Native => false,
    }
}

impl Flags {
    /// What a runtime reads from its environment and arguments. What it does not know is ignored.
    pub fn of(row: &RuntimeRow, launch: &Launch) -> Flags {
        let (mut flags, language) = (Flags::default(), row.language);
        let words = launch.words();
        let variable = |name: &str| launch.env.get(name).map(String::as_str).unwrap_or_default();
        match language {
            Language::Jvm => {
                // The launcher puts JDK_JAVA_OPTIONS before its arguments; JAVA_TOOL_OPTIONS comes before both, and
                // _JAVA_OPTIONS after (arguments.cpp parse_options_environment_variable order).
                // The launcher of Java 8 knows no JDK_JAVA_OPTIONS (JDK-8170832, 9).
                let jdk = if row.name.starts_with("jvm-8") { "" } else { variable("JDK_JAVA_OPTIONS") };
                let before = split(variable("JAVA_TOOL_OPTIONS")).into_iter().chain(split(jdk));
                before.chain(words).chain(split(variable("_JAVA_OPTIONS"))).for_each(|word| flags.java(&word));
            }
            Language::Node => {
                split(variable("NODE_OPTIONS")).into_iter().chain(words).for_each(|word| flags.node(&word));
            }
            Language::Go => {
                flags.gogc = match variable("GOGC") {
                    "off" => Some(Gogc::Off),
                    // runtime/mgc.go readGOGC: below 0 is the same as off.
                    percent => percent.parse().ok().map(|n: i32| u32::try_from(n).map_or(Gogc::Off, Gogc::Percent)),
                };
                flags.gomemlimit = go_bytes(variable("GOMEMLIMIT"));
            }
            Language::DotNet => {
                let knob = |name: &str| {
                    let of = |prefix: &str| launch.env.get(&format!("{prefix}{name}"));
                    hexadecimal(of("DOTNET_").or_else(|| of("COMPlus_"))?)
                };
                // gc.cpp: 0 is not set, and a percentage counts above 0 and below 100.
                flags.max_heap = knob("GCHeapHardLimit").filter(|limit| *limit > 0).map(Bytes::new);
                let percent = knob("GCHeapHardLimitPercent").filter(|percent| (1..100).contains(percent));
                flags.max_ram_percentage = percent.map(|percent| percent * PPM);
            }
            Language::Php => words.iter().for_each(|word| flags.php(word)),
            Language::Python | Language::Native => {}
        }
        flags
    }

    /// One option of `java`.
    fn java(&mut self, word: &str) {
        // The launcher takes -mx and -ms for -Xmx and -Xms.
        if let Some(size) = word.strip_prefix("-Xmx").or_else(|| word.strip_prefix("-mx")) {
            self.max_heap = bytes(size).or(self.max_heap);
        } else if let Some(size) = word.strip_prefix("-Xms").or_else(|| word.strip_prefix("-ms")) {
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
                "InitialRAMPercentage" => self.initial_ram_percentage = ppm(value).or(self.initial_ram_percentage),
                // arguments.cpp convert_fraction_to_percentage.
                "MaxRAMFraction" => self.max_ram_percentage = fraction(value).or(self.max_ram_percentage),
                "MinRAMFraction" => self.min_ram_percentage = fraction(value).or(self.min_ram_percentage),
                "InitialRAMFraction" => self.initial_ram_percentage = fraction(value).or(self.initial_ram_percentage),
                "UseCGroupMemoryLimitForHeap" => self.takes_cgroup_v1 = on,
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
            // V8 takes 0 for what it works out itself.
            "--max-old-space-size" => self.max_heap = mib().filter(|size| *size > Bytes::ZERO).or(self.max_heap),
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

/// `512MiB`: Go takes binary units only, with their B (runtime/string.go parseByteCount).
fn go_bytes(text: &str) -> Option<Bytes> {
    let (number, shift) = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)]
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    number.parse::<u64>().ok()?.checked_mul(1 << shift).map(Bytes::new)
}

/// Numbers of .NET's variables are hexadecimal, with `0x` or without.
fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x").trim_start_matches("0X"), 16).ok()
}

/// `75.0`, `7.5e1` in millionths of a percent.
fn ppm(text: &str) -> Option<u64> {
    let percent = text.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent))?;
    Some((percent * PPM as f64).round() as u64)
}

/// A part of 1 in millionths of a percent.
fn fraction(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|parts| *parts > 0).map(|parts| 100 * PPM / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(language: Language, env: &[(&str, &str)], args: &[&str]) -> Flags {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Flags::of(language.newest(), &Launch { env, args: args.iter().map(|arg| (*arg).to_owned()).collect() })
    }

    /// The java command: -Xmx with a unit in either case; JVM TI, JAVA_TOOL_OPTIONS: words in quotes; JDK-8170832:
    /// JDK_JAVA_OPTIONS came with 9; arguments.cpp: fractions; go.dev/pkg/runtime: units of GOMEMLIMIT, GOGC below 0;
    /// learn.microsoft.com: hexadecimal; nodejs.org/api/cli.html: dashes and underscores.
    #[test]
    fn values_as_people_write_them() {
        let java = |args: &[&str]| read(Language::Jvm, &[], args);
        for (size, heap) in
            [("1g", 1024), ("1G", 1024), ("512M", 512), ("524288K", 512), ("524288k", 512), ("1T", 1 << 20)]
        {
            assert_eq!(java(&[&format!("-Xmx{size}")]).max_heap, Some(Bytes::mib(heap)), "{size}");
        }
        assert_eq!(java(&["-Xmx536870912"]).max_heap, Some(Bytes::mib(512)));
        assert_eq!(java(&["-mx512m"]).max_heap, Some(Bytes::mib(512)));
        for wrong in ["1.5g", "512MB", "512Mi", "1gb", ""] {
            assert_eq!(java(&[&format!("-Xmx{wrong}")]).max_heap, None, "{wrong}");
        }
        for (percent, ppm) in [("75", 75_000_000), ("75.0", 75_000_000), ("7.5e1", 75_000_000), ("0.5", 500_000)] {
            assert_eq!(java(&[&format!("-XX:MaxRAMPercentage={percent}")]).max_ram_percentage, Some(ppm), "{percent}");
        }
        assert_eq!(java(&["-XX:MaxRAMFraction=3"]).max_ram_percentage, Some(33_333_333));
        assert_eq!(java(&["-XX:MaxRAMPercentage=101"]).max_ram_percentage, None);
        let quoted = [("JAVA_TOOL_OPTIONS", "'-Xmx1g' \"-Xms512m\"")];
        assert_eq!(read(Language::Jvm, &quoted, &[]).max_heap, Some(Bytes::gib(1)));
        let launch = Launch { env: [("JDK_JAVA_OPTIONS".to_owned(), "-Xmx1g".to_owned())].into(), args: Vec::new() };
        let of = |row: &str| Flags::of(RuntimeRow::named(row).unwrap(), &launch).max_heap;
        assert_eq!((of("jvm-8u372"), of("jvm-11")), (None, Some(Bytes::gib(1))));
        for (text, limit) in
            [("750MiB", Some(750)), ("1GiB", Some(1024)), ("1073741824", Some(1024)), ("1048576B", Some(1))]
        {
            assert_eq!(read(Language::Go, &[("GOMEMLIMIT", text)], &[]).gomemlimit, limit.map(Bytes::mib), "{text}");
        }
        for wrong in ["750Mi", "750M", "1e9", "1.5GiB", "off", "-1", "750 MiB"] {
            assert_eq!(read(Language::Go, &[("GOMEMLIMIT", wrong)], &[]).gomemlimit, None, "{wrong}");
        }
        assert_eq!(read(Language::Go, &[("GOGC", "-1")], &[]).gogc, Some(Gogc::Off));
        assert_eq!(read(Language::Go, &[("GOGC", "0")], &[]).gogc, Some(Gogc::Percent(0)));
        for (text, percent) in [("4B", Some(75)), ("0x32", Some(50)), ("64", None), ("0", None), ("80", None)] {
            let net = read(Language::DotNet, &[("DOTNET_GCHeapHardLimitPercent", text)], &[]);
            assert_eq!(net.max_ram_percentage, percent.map(|percent: u64| percent * PPM), "{text}");
        }
        for option in ["--max-old-space-size=300", "--max_old_space_size=300", "--max-old_space-size=300"] {
            assert_eq!(
                read(Language::Node, &[("NODE_OPTIONS", option)], &[]).max_heap,
                Some(Bytes::mib(300)),
                "{option}"
            );
        }
        assert_eq!(read(Language::Node, &[], &["node", "--max-old-space-size=0", "app.js"]).max_heap, None);
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
