//! `oomsim runtimes`: what language runtimes make of a memory limit, with the source of each fact.

use crate::exit::{Exit, Failure};
use crate::flags::{self, Format};
use crate::output;
use oomsim_core::node_api::ExitStatus;
use oomsim_core::units::Bytes;
use oomsim_core::workload::runtime::{
    Around, AtLimit, HeapRule, Known, Language, Launch, RUNTIMES, Runtime, RuntimeRow, SeesCgroup,
};
use oomsim_report::style::{DIM, HEADING, paint};
use oomsim_report::table::Table;
use serde_json::{Value, json};

/// Arguments of `oomsim runtimes`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show only this runtime, such as jvm-17, or those of one language, such as jvm [default: all]
    #[arg(value_name = "RUNTIME")]
    runtime: Option<String>,
    /// Memory limit of the container; `none`: it has none
    #[arg(long, default_value = "1Gi", value_name = "AMOUNT")]
    limit: String,
    /// Memory of the node
    #[arg(long, default_value = "16Gi", value_name = "AMOUNT")]
    memory: String,
    /// CPUs of the container
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// Version of cgroups on the node
    #[arg(long, default_value = "v2", value_parser = ["v1", "v2"])]
    cgroup: String,
    /// An environment variable or argument that the runtime reads: JAVA_TOOL_OPTIONS=-Xmx1g, -Xmx1g
    #[arg(long = "with", value_name = "TEXT", allow_hyphen_values = true)]
    with: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A fact in words.
struct Fact {
    name: &'static str,
    value: String,
    sure: String,
    source: &'static str,
}

/// Prints the runtimes.
///
/// # Errors
/// When there is no such runtime, or an amount is none.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    let around = around(args)?;
    let wanted = args.runtime.as_deref().unwrap_or_default();
    let chosen = |row: &&RuntimeRow| {
        wanted.is_empty() || row.name == wanted || row.name.split_once('-').is_some_and(|(l, _)| l == wanted)
    };
    let rows: Vec<&'static RuntimeRow> = RUNTIMES.iter().filter(chosen).collect();
    if rows.is_empty() {
        let names: Vec<&str> = RUNTIMES.iter().map(|row| row.name).collect();
        let message = format!("there is no runtime `{wanted}`\n  help: {}", names.join(", "));
        return Err(Failure::bad_input(message));
    }
    let launch = launch(&args.with);
    let runtimes: Vec<Runtime> = rows.into_iter().map(|row| Runtime::new(row, &launch)).collect();
    output::print(&match args.format {
        Format::Text => text(&runtimes, &around),
        Format::Json => json_text(&runtimes, &around),
    })?;
    Ok(Exit::Holds)
}

fn around(args: &Args) -> Result<Around, Failure> {
    let amount = |option: &str, text: &str| {
        flags::amount(text).map_err(|why| Failure::bad_input(format!("--{option} {text:?}: {why}")))
    };
    let limit = if args.limit == "none" { None } else { Some(amount("limit", &args.limit)?) };
    Ok(Around {
        limit,
        mem_total: amount("memory", &args.memory)?,
        cpus: args.cpus,
        cgroup_v2: args.cgroup == "v2",
        first_process: true,
    })
}

/// `NAME=value` is a variable; whatever begins with a dash an argument.
fn launch(with: &[String]) -> Launch {
    let mut launch = Launch::default();
    for text in with {
        match text.split_once('=').filter(|_| !text.starts_with('-') && !text.starts_with("memory_limit")) {
            Some((name, value)) => drop(launch.env.insert(name.to_owned(), value.to_owned())),
            None => launch.args.push(text.clone()),
        }
    }
    launch
}

fn sees(sees: SeesCgroup) -> &'static str {
    match sees {
        SeesCgroup::No => "no",
        SeesCgroup::V1 => "v1",
        SeesCgroup::V1AndV2 => "v1, v2",
    }
}

/// The first process of a container, and, where that makes a difference, any other.
fn ends(at: AtLimit, language: Language) -> String {
    let code = |first| at.ending(language, first).map(ExitStatus::container_exit_code);
    let how = match at {
        AtLimit::LivesOn => return "lives on".to_owned(),
        AtLimit::Exits(_) => "",
        AtLimit::Aborts => "abort(), ",
        AtLimit::Segfaults => "SIGSEGV, ",
    };
    match (code(true), code(false)) {
        (Some(first), Some(other)) if first != other => {
            format!("{how}exit code {first}, {other} where it is not the container's first process")
        }
        (first, _) => format!("{how}exit code {}", first.unwrap_or_default()),
    }
}

fn at_limit(runtime: &Runtime, around: &Around) -> Option<ExitStatus> {
    runtime.at_limit().ending(runtime.row.language, around.first_process)
}

fn rule(rule: HeapRule) -> String {
    match rule {
        HeapRule::Unlimited => "none".into(),
        HeapRule::HotSpot => {
            "-Xmx, else MaxRAMPercentage (25 %) of what it sees; MinRAMPercentage (50 %) where that is below 124.8 MiB"
                .into()
        }
        HeapRule::V8(young) => format!(
            "--max-old-space-size, else half of what it sees, 256 MiB to 2 GiB (4 GiB from 15.5 GiB on), and three \
             semi-spaces of 1/{} of it, at most {}",
            young.ratio, young.max_semi
        ),
        HeapRule::Goal { memory_limit: true } => "none; goal: live × (1 + GOGC / 100), up to GOMEMLIMIT".into(),
        HeapRule::Goal { memory_limit: false } => "none; goal: live × (1 + GOGC / 100)".into(),
        HeapRule::Percent(percent) => {
            format!("GCHeapHardLimit, else {percent} % of the container's limit, at least 20 MiB; none without a limit")
        }
        HeapRule::Fixed(limit) => format!("memory_limit, by default {limit}"),
    }
}

fn facts(row: &RuntimeRow) -> Vec<Fact> {
    fn fact<T: Copy>(name: &'static str, known: Known<T>, show: impl FnOnce(T) -> String) -> Fact {
        Fact { name, value: show(known.value), sure: known.sure.to_string(), source: known.source }
    }
    let ends = |at| ends(at, row.language);
    let refused = |at: Option<AtLimit>| at.map_or("left to the program".into(), ends);
    vec![
        fact("sees the container's limit", row.sees_cgroup, |value| sees(value).into()),
        fact("heap limit", row.heap, rule),
        fact("at that limit", row.at_limit, ends),
        fact("gives freed heap back", row.gives_back, |yes| if yes { "yes" } else { "no" }.into()),
        fact("when the kernel refuses", row.refused, refused),
    ]
}

fn amount(bytes: Option<Bytes>) -> String {
    bytes.map_or("none".into(), |bytes| bytes.to_string())
}

fn text(runtimes: &[Runtime], around: &Around) -> String {
    let limit = around.limit.map_or("no limit".into(), |limit| format!("a limit of {limit}"));
    let (version, cpus) = (if around.cgroup_v2 { "v2" } else { "v1" }, around.cpus);
    let title = format!("A container with {limit} on a node with {}, cgroup {version}, {cpus} CPUs", around.mem_total);
    let mut out = format!("{}\n", paint(HEADING, title));
    let mut table = Table::new(&["RUNTIME", "SEES CGROUP", "BELIEVES", "HEAP LIMIT", "AT THAT LIMIT", "COLLECTOR"]);
    for runtime in runtimes {
        let collector = runtime.collector(around).map(|collector| format!("{collector:?}")).unwrap_or_default();
        // What has no rule about the machine's memory believes nothing of it.
        let sizes = !matches!(runtime.row.language, Language::Go | Language::Python | Language::Php | Language::Native);
        table.row(
            vec![
                runtime.row.name.to_owned(),
                sees(runtime.row.sees_cgroup.value).to_owned(),
                if sizes { runtime.believes(around).to_string() } else { "-".into() },
                amount(runtime.heap_limit(around)),
                at_limit(runtime, around)
                    .map_or("lives on".into(), |status| format!("exit code {}", status.container_exit_code())),
                collector,
            ],
            anstyle::Style::new(),
        );
    }
    out.push_str(&table.render(0));
    out.push_str(&format!("\n{}\n", paint(HEADING, "Sources and confidence")));
    for runtime in runtimes {
        out.push_str(&format!("{}\n", paint(HEADING, runtime.row.name)));
        let mut table = Table::new(&["FACT", "VALUE", "SURE", "SOURCE"]);
        for fact in facts(runtime.row) {
            let cells = vec![fact.name.to_owned(), fact.value, fact.sure, fact.source.to_owned()];
            table.row(cells, anstyle::Style::new());
        }
        out.push_str(&table.render(2));
    }
    let about =
        "A scenario names a runtime with `runtime = \"jvm-17\"` on a container; flags come from its env and args.";
    out.push_str(&format!("\n{}\n", paint(DIM, about)));
    out
}

fn json_text(runtimes: &[Runtime], around: &Around) -> String {
    let one = |runtime: &Runtime| -> Value {
        let facts = facts(runtime.row)
            .into_iter()
            .map(|fact| json!({"name": fact.name, "value": fact.value, "sure": fact.sure, "source": fact.source}));
        let code = at_limit(runtime, around).map(ExitStatus::container_exit_code);
        json!({
            "name": runtime.row.name,
            "language": runtime.row.language.as_str(),
            "believes_bytes": runtime.believes(around).get(),
            "heap_limit_bytes": runtime.heap_limit(around).map(Bytes::get),
            "exit_code": code,
            "facts": facts.collect::<Vec<_>>(),
        })
    };
    let object = json!({
        "limit_bytes": around.limit.map(Bytes::get),
        "memory_bytes": around.mem_total.get(),
        "runtimes": runtimes.iter().map(one).collect::<Vec<_>>(),
    });
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}
