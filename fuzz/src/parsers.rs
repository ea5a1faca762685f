//! Every parser of what comes from outside, with inputs to damage. A parser may refuse; what it accepts has to be
//! usable.

use crate::mutate::{Draws, damaged};
use flate2::read::GzDecoder;
use oomsim_conformance::RecordingKind;
use oomsim_core::units::{Bytes, Quantity, parse_duration};
use oomsim_dmesg::{Known, TextOptions, analyse};
use oomsim_import::Evidence;
use oomsim_lesson::Lesson;
use oomsim_planning::axis::AxisValue;
use oomsim_planning::plan::{Axis, Levels, Plan, Setup};
use oomsim_planning::study::{Goal, Study};
use oomsim_scenario::reading::Problems;
use oomsim_scenario::{FileError, Files, Source, load, load_kinds, to_toml};
use oomsim_store::{Contents, Folder, Journal, StoreError, for_each_row};
use oomsim_testkit::{Beside, rendered, repository, toml_files};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A parser with inputs that it accepts.
pub struct Parser {
    /// Its name in reports and of its folders.
    pub name: &'static str,
    corpus: Vec<Vec<u8>>,
    parse: fn(&[u8]) -> Result<(), String>,
}

impl Parser {
    /// Parses an input as it is.
    ///
    /// # Errors
    /// When what was accepted, or the refusal, is not as it must be.
    pub fn parse(&self, input: &[u8]) -> Result<(), String> {
        (self.parse)(input)
    }

    /// The inputs that a search begins with.
    pub fn corpus(&self) -> &[Vec<u8>] {
        &self.corpus
    }

    /// Damages an input, and parses it.
    ///
    /// # Errors
    /// When the parser fails, with what it said.
    pub fn attempt(&self, number: u64) -> Result<(), String> {
        let input = damaged(&mut Draws::of(self.name, number), &self.corpus);
        let parsed = std::panic::catch_unwind(|| (self.parse)(&input));
        let why = match parsed {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(panic) => crate::said(&*panic),
        };
        let file = std::env::temp_dir().join(format!("oomsim-fuzz-{}-{number}", self.name));
        let kept = std::fs::write(&file, &input).map_or(String::new(), |()| format!("; input in {}", file.display()));
        Err(format!("{why}{kept}"))
    }
}

/// All of them.
pub fn all() -> Vec<Parser> {
    let parser = |name, corpus, parse| Parser { name, corpus, parse };
    vec![
        parser("scenario", files("scenarios"), scenario),
        parser("manifest", texts(MANIFESTS), manifest),
        parser("kubelet", [texts(KUBELETS), WRAPPERS.map(folder).concat()].concat(), kubelet),
        parser(
            "import",
            [IMPORTS.map(folder).concat(), WRAPPERS.map(folder).concat(), texts(RECORDED)].concat(),
            import,
        ),
        parser("study", files("studies"), study),
        parser("lesson", folder("docs/learn"), lesson),
        parser("dmesg", [KERNEL_LOGS.map(folder).concat(), texts(KILLS)].concat(), dmesg),
        parser("recording", [texts(RECORDINGS), recordings()].concat(), recording),
        parser("value", texts(VALUES), value),
        parser("journal", vec![journal_bytes()], journal),
    ]
}

const KERNEL_LOGS: [&str; 3] =
    ["crates/dmesg/tests/data/quoted", "crates/dmesg/tests/data/cases", "crates/dmesg/tests/data/formats"];
const KILLS: &[&str] = &["[ 12.5] Out of memory: Killed process 1234 (java) total-vm:4194304kB, anon-rss:2097152kB\n"];
const MANIFESTS: &[&str] = &[
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {a: b}\nspec:\n  priority: 5\n  containers:\n  - name: app\n    resources:\n      requests: {memory: 64Mi}\n      limits: {memory: \"128Mi\"}\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 3\n  template:\n    spec:\n      initContainers: [{name: i, restartPolicy: Always}]\n      containers: [{name: c, resources: {limits: {memory: 1Gi}}}]\n",
    "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}]}",
];
const KUBELETS: &[&str] = &[
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard:\n  memory.available: 5%\nsystemReserved: {memory: 500Mi}\nevictionSoft: {memory.available: 1Gi}\nevictionSoftGracePeriod: {memory.available: 1m30s}\n",
    "{\"kind\":\"KubeletConfiguration\",\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\"failSwapOn\":false,\"memorySwap\":{\"swapBehavior\":\"LimitedSwap\"}}",
];
/// Files of providers and installers with the kubelet's settings in them.
const WRAPPERS: [&str; 2] = ["cli/tests/data/import/providers", "cli/tests/data/import/providers/same"];
const IMPORTS: [&str; 1] = ["cli/tests/data/import"];
/// What a node and its monitoring print.
const RECORDED: &[&str] = &[
    "MemTotal:  7934456 kB\nMemFree: 900 kB\nAnonPages: 2000 kB\nCached: 30 kB\nBuffers: 1 kB\nHugePages_Total: 0\n",
    "               total        used        free      shared  buff/cache   available\nMem:  15Gi  4.2Gi  1.0Gi  200Mi  10Gi  11Gi\nSwap: 0B 0B 0B\n",
    "anon 4096\nfile 8192\nkernel 0\nactive_file 4096\ninactive_file 1\n",
    "NAMESPACE   POD   NAME   CPU(cores)   MEMORY(bytes)\nshop   cart-1   app   2m   225Mi\n",
    "shop   cart-1   2m   225Mi\nshop   cart-2   3m   1Gi\n",
    "sep=,\n\"Time\",\"container_memory_rss{pod=\"\"a\"\"}\",\"b/c\"\n2026-11-26 06:00:00,201 MiB,5\n1764100030,,6\n",
    "time,namespace,pod,container,value\n1764100000,shop,cart,app,100\n1764100030,shop,cart,app,120\n",
    "# TYPE container_memory_rss gauge\ncontainer_memory_rss{pod=\"a\\\"b\",container=\"c\"} 5 1764100000\nnode_memory_MemTotal_bytes 8e9\n# EOF\n",
    "{\"node\":{\"nodeName\":\"n\",\"memory\":{\"workingSetBytes\":1,\"availableBytes\":2},\"systemContainers\":[{\"name\":\"pods\"}]},\"pods\":[]}",
];
const RECORDINGS: &[&str] = &[
    include_str!("../../cli/tests/breaking/restart-1440.jsonl"),
    include_str!("../../cli/tests/breaking/eviction_sync-6600.jsonl"),
    "{\"id\":1,\"text\":\"1.5Gi\",\"ok\":true,\"value\":1610612736}\n",
];
const VALUES: &[&str] = &["1.5Gi", "750Mi", "12e6", "100m", "1h2m3.5s", "90s", "-5", "0.1", "true", "a.b.c=1"];

fn texts(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn files(name: &str) -> Vec<Vec<u8>> {
    toml_files(&repository().join(name)).iter().filter_map(|file| std::fs::read(file).ok()).collect()
}

fn folder(name: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(repository().join(name)).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// A file that a scenario names, and nothing else.
struct Only<'a>(&'a str);

impl Files for Only<'_> {
    fn read(&self, _path: &str) -> Result<String, FileError> {
        Ok(self.0.into())
    }

    fn list(&self, _directory: &str) -> Result<Vec<String>, FileError> {
        Ok(vec!["10-a.conf".into(), "20-b.conf".into()])
    }
}

/// A scenario file, with those of `scenarios/` beside it.
///
/// # Errors
/// When it is refused without a reason, or what was read from it cannot be written and read again.
pub fn scenario(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    check(&text, &Beside(repository().join("scenarios")))
}

/// What is read can be written, and is read again as the same; what is refused says why.
fn check(text: &str, files: &dyn Files) -> Result<(), String> {
    match load_kinds(text, "fuzz.toml", files, &[]) {
        Err(problems) if problems.iter().all(|p| p.render().is_empty()) => Err("refused without a reason".into()),
        Err(_) => Ok(()),
        Ok(kinds) => kinds.iter().try_for_each(|kind| {
            kind.warnings.iter().for_each(|warning| _ = warning.render());
            let written = to_toml(&kind.scenario);
            let again = load_kinds(&written, "written.toml", &Only(""), &[]);
            again.map(drop).map_err(|problems| format!("what was written is refused: {}", rendered(&problems)))
        }),
    }
}

/// A pod's manifest that a scenario names.
///
/// # Errors
/// As [`scenario`].
pub fn manifest(bytes: &[u8]) -> Result<(), String> {
    let node = "node.memory = \"8Gi\"\nkubelet = {}\n[[pod]]\nmanifest = \"pod.yaml\"\n";
    check(node, &Only(&String::from_utf8_lossy(bytes)))
}

/// A configuration of the kubelet that a scenario names.
///
/// # Errors
/// None: it fails by a panic.
pub fn kubelet(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    for key in ["config = \"k.yaml\"", "flags = \"--x=y\"\nconfigDir = \"conf.d\""] {
        let _ = load_kinds(&format!("node.memory = \"8Gi\"\n[kubelet]\n{key}\n"), "fuzz.toml", &Only(&text), &[]);
    }
    Ok(())
}

/// A file of a cluster: refused with a reason, or a scenario of it that is read, or refused with a reason.
///
/// # Errors
/// When something is refused without a reason.
pub fn import(bytes: &[u8]) -> Result<(), String> {
    let source = Arc::new(Source::new("given", String::from_utf8_lossy(bytes).into_owned()));
    let problems = Problems::default();
    let evidence = Evidence::read(&problems, &[source]);
    if problems.into_sorted().iter().any(|problem| problem.render().is_empty()) {
        return Err("refused without a reason".into());
    }
    let options = oomsim_import::Options { node: None, memory: Some(Bytes::gib(8)) };
    let Ok(imported) = oomsim_import::build(&evidence, &options) else { return Ok(()) };
    let (name, text) = &imported.files[0];
    match load(text, name, &imported, &[]) {
        Err(problems) if problems.iter().all(|p| p.render().is_empty()) => Err("refused without a reason".into()),
        _ => Ok(()),
    }
}

/// A study, and a goal.
///
/// # Errors
/// None: it fails by a panic.
pub fn study(bytes: &[u8]) -> Result<(), String> {
    let (text, files) = (String::from_utf8_lossy(bytes), Beside(repository()));
    // Every value of every axis is tried in the scenario, which takes its time.
    if text.len() > 4000 {
        return Ok(());
    }
    if let Ok(study) = Study::read(&text, "studies/fuzz.toml", &files) {
        let last = study.plan.len() - 1;
        [0, last / 2, last].into_iter().for_each(|run| _ = study.plan.spec(run));
    }
    let _ = Goal::read(&text, "studies/fuzz.toml", &files);
    Ok(())
}

/// A lesson.
///
/// # Errors
/// When it is refused without a reason.
pub fn lesson(bytes: &[u8]) -> Result<(), String> {
    match Lesson::read(&String::from_utf8_lossy(bytes), "fuzz.md") {
        Err(problems) if problems.iter().all(|p| p.render().is_empty()) => Err("refused without a reason".into()),
        _ => Ok(()),
    }
}

/// A kernel log.
///
/// # Errors
/// When what was found in it cannot be written as JSON.
pub fn dmesg(bytes: &[u8]) -> Result<(), String> {
    let Ok(reports) = oomsim_dmesg::read(bytes) else { return Ok(()) };
    let analyses = analyse(reports, Known::default());
    let _ = oomsim_dmesg::text(&analyses, TextOptions::default());
    oomsim_dmesg::to_json(&analyses).map_err(|why| why.to_string())?;
    analyses.iter().for_each(|analysis| _ = oomsim_dmesg::scenario(analysis));
    Ok(())
}

/// The kinds of recordings; stories are whole simulations.
fn kinds() -> impl Iterator<Item = &'static RecordingKind> {
    oomsim_conformance::kinds().filter(|kind| kind.stem != oomsim_conformance::node::STEM)
}

/// Two short rows of each kind below its name.
fn recordings() -> Vec<Vec<u8>> {
    let folders =
        ["kernel", "kernel2", "kubelet"].map(|folder| repository().join("crates/conformance/data").join(folder));
    let rows = |kind: &RecordingKind| {
        let mut files = folders.iter().map(|folder| folder.join(format!("{}.jsonl.gz", kind.stem)));
        let file = files.find_map(|path| std::fs::File::open(path).ok())?;
        let lines = BufReader::new(GzDecoder::new(file)).lines().map_while(Result::ok);
        let rows: Vec<String> = lines.filter(|line| line.len() < 8000).take(2).collect();
        Some(format!("{}\n{}\n", kind.stem, rows.join("\n")).into_bytes())
    };
    kinds().filter_map(rows).collect()
}

/// Rows below the name of their kind, or of any kind.
///
/// # Errors
/// None: it fails by a panic.
pub fn recording(bytes: &[u8]) -> Result<(), String> {
    let name = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let run = |kind: &RecordingKind, rows| _ = oomsim_conformance::run_file(&format!("{}.jsonl", kind.stem), rows);
    match kinds().find(|kind| kind.stem.as_bytes() == name) {
        Some(kind) => run(kind, bytes.get(name.len() + 1..).unwrap_or_default()),
        None => kinds().for_each(|kind| run(kind, bytes)),
    }
    Ok(())
}

/// An amount, a time, the value of an axis, a setting `KEY=VALUE`.
///
/// # Errors
/// None: it fails by a panic.
pub fn value(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let _ = (Quantity::parse(&text), parse_duration(&text), AxisValue::parse(&text));
    let _ = load_kinds("node.memory = \"8Gi\"\n", "fuzz.toml", &Only(""), &[text.into_owned()]);
    Ok(())
}

fn plan() -> Option<Plan> {
    let values = ["1Mi", "2Mi"].map(AxisValue::parse).to_vec();
    let axes = vec![Axis { name: "a".into(), keys: vec!["k".into()], levels: Levels::Grid(values) }];
    Plan::new(Setup { axes, points: 1, repetitions: 4, ..Setup::default() }).ok()
}

fn row(plan: &Plan, run: u64) -> String {
    let measures = oomsim_planning::measure::Measures { evictions: run, ..Default::default() };
    oomsim_planning::row::line(plan, &plan.spec(run), &measures)
}

fn write_journal(folder: &Path, plan: &Plan) -> Result<(), StoreError> {
    let mut journal = Journal::open(&Folder::open(folder, false)?, &Contents::of("s", plan), true)?;
    for run in 0..plan.len() {
        if !journal.done().contains(run) {
            journal.append(run, &row(plan, run))?;
        }
    }
    Ok(())
}

/// A folder in memory, if the machine has a place for it: each row is given to the disk, which takes far longer than
/// reading it.
fn quick_folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

fn journal_bytes() -> Vec<u8> {
    let written = quick_folder().ok().zip(plan()).and_then(|(dir, plan)| {
        write_journal(dir.path(), &plan).ok()?;
        std::fs::read(dir.path().join("journal")).ok()
    });
    written.unwrap_or_default()
}

/// A damaged journal is refused and left alone, or completed to the rows that are right.
///
/// # Errors
/// When it was changed, or other rows came out of it.
pub fn journal(bytes: &[u8]) -> Result<(), String> {
    let (dir, plan) = (quick_folder().map_err(|e| e.to_string())?, plan().ok_or("no plan")?);
    let path = dir.path().join("journal");
    std::fs::write(&path, bytes).map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    let opened = write_journal(dir.path(), &plan).and_then(|()| {
        for_each_row(std::slice::from_ref(&path), &Contents::of("s", &plan), |_, row| {
            rows.push(row.to_owned());
            Ok::<(), StoreError>(())
        })
    });
    let now = std::fs::read(&path).map_err(|e| e.to_string())?;
    match opened {
        Ok(_) if rows != (0..plan.len()).map(|run| row(&plan, run)).collect::<Vec<_>>() => Err("other rows".into()),
        Ok(_) if !now.starts_with(bytes) => Err("something was taken away".into()),
        Err(_) if now != bytes => Err("refused, and changed all the same".into()),
        _ => Ok(()),
    }
}
