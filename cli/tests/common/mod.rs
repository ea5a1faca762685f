//! The program as a process, for the tests of its commands.
#![allow(dead_code, reason = "each test uses a part")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A leak that is evicted with some seeds and killed by the kernel with others: it is above the threshold at 6.7 s and
/// at the limit at 11.7 s, and the kubelet looks every 10 s.
pub const RACE: &str = r#"
duration = "30s"
[node]
name = "worker"
memory = "1Gi"
[kernel]
version = "6.1"
[kubelet]
version = "1.32"
kubeReserved = { memory = "324Mi" }
evictionHard = { "memory.available" = "300Mi" }
[[pod]]
name = "leak"
restartPolicy = "Never"
[[pod.container]]
name = "app"
onTerm = "dies"
workload.leak = { block = "6Mi", every = "100ms", jitter = { spread = "10ms" } }
"#;

/// The program with these arguments, without an input and with its usual colours.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomsim"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn oomsim<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    command(args).output().expect("the program starts")
}

/// Runs it in a folder.
pub fn oomsim_in<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Output {
    command(args).current_dir(folder).output().expect("the program starts")
}

/// What it printed.
pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What it complained about.
pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
