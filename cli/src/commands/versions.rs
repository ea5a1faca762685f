//! `oomsim kernels` and `oomsim kubernetes`: what differs between versions, with the source of each fact.

use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::output;
use oomsim_core::kernel::Profile;
use oomsim_core::kubelet::KubernetesProfile;
use oomsim_report::style::{DIM, HEADING, paint};
use oomsim_report::table::Table;
use serde_json::{Value, json};

/// Arguments of `oomsim kernels` and `oomsim kubernetes`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show only this capability [default: all]
    #[arg(value_name = "CAPABILITY")]
    capability: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A capability in every version.
struct Fact {
    name: &'static str,
    doc: String,
    /// What a run shows otherwise when it is wrong.
    decides: String,
    /// Value, source and sureness by version.
    rows: Vec<VersionFact>,
}

#[derive(PartialEq)]
struct VersionFact {
    value: String,
    source: String,
    sure: String,
}

impl Fact {
    fn differs(&self) -> bool {
        self.rows.windows(2).any(|pair| pair[0].value != pair[1].value)
    }

    /// Its name, its oldest value, and from which version on it has which other ones.
    fn cells(&self, versions: &[&str]) -> Vec<String> {
        let oldest = self.rows.first().map_or_else(String::new, |row| row.value.clone());
        let pairs = self.rows.windows(2).zip(versions.iter().skip(1));
        let changes: Vec<_> = pairs
            .filter(|(pair, _)| pair[0].value != pair[1].value)
            .map(|(pair, version)| format!("{version}: {}", pair[1].value))
            .collect();
        let changes = (!changes.is_empty()).then(|| changes.join(", "));
        [self.name.to_owned(), oldest].into_iter().chain(changes).collect()
    }
}

/// Prints the kernel profiles.
///
/// # Errors
/// When there is no such capability.
pub fn kernels(args: Args) -> Result<Exit, Failure> {
    let versions = Profile::known_versions();
    let facts = Profile::capabilities().iter().map(|capability| Fact {
        name: capability.name,
        doc: capability.doc.to_owned(),
        decides: capability.decides.to_string(),
        rows: versions
            .iter()
            .map(|version| capability.row(version))
            .map(|row| VersionFact {
                value: row.value.to_owned(),
                source: row.source.to_owned(),
                sure: row.confidence.to_string(),
            })
            .collect(),
    });
    let about = "A scenario can override a capability by name: kernel.badness_floor = \"one\". A version that is not \
                 listed has the values of the nearest older one.";
    show(&args, "kernel", &versions, facts.collect(), about)
}

/// Prints the Kubernetes profiles.
///
/// # Errors
/// When there is no such capability.
pub fn kubernetes(args: Args) -> Result<Exit, Failure> {
    let rows = KubernetesProfile::ALL;
    let versions = rows.map(|row| row.version);
    let facts = KubernetesProfile::FACTS.iter().map(|fact| Fact {
        name: fact.name,
        doc: fact.doc.trim().trim_end_matches('.').to_owned(),
        decides: fact.verdict.to_string(),
        rows: rows
            .iter()
            .filter_map(|row| {
                let (sure, source) = fact.evidence(row.minor);
                Some(VersionFact { value: row.get(fact.name)?, source: source.to_owned(), sure: sure.to_string() })
            })
            .collect(),
    });
    let about = "A scenario can override a capability by name: kubelet.oom_group_default = false. A newer release has the \
                 values of the newest one listed.";
    show(&args, "Kubernetes", &versions, facts.collect(), about)
}

fn show(args: &Args, what: &str, versions: &[&str], mut facts: Vec<Fact>, about: &str) -> Result<Exit, Failure> {
    if let Some(wanted) = &args.capability {
        let plain = wanted.replace('-', "_");
        let names: Vec<_> = facts.iter().map(|fact| fact.name).collect();
        facts.retain(|fact| fact.name == plain);
        if facts.is_empty() {
            let message = format!("there is no {what} capability `{wanted}`\n  help: {}", names.join(", "));
            return Err(Failure::bad_input(message));
        }
    }
    output::print(&match args.format {
        Format::Text => text(versions, &facts, about),
        Format::Json => json_text(versions, &facts),
    })?;
    Ok(Exit::Holds)
}

fn text(versions: &[&str], facts: &[Fact], about: &str) -> String {
    let mut out = String::new();
    for (title, differs) in [("Differs between versions", true), ("The same in all versions", false)] {
        let since = versions.first().map_or_else(String::new, |oldest| format!("SINCE {oldest}"));
        let headings = ["CAPABILITY", if differs { &*since } else { "VALUE" }, "CHANGES"];
        let mut table = Table::new(&headings[..if differs { 3 } else { 2 }]);
        for fact in facts.iter().filter(|fact| fact.differs() == differs) {
            table.row(fact.cells(versions), anstyle::Style::new());
        }
        if !table.is_empty() {
            out.push_str(&format!("{}\n{}\n", paint(HEADING, title), table.render(2)));
        }
    }
    out.push_str(&format!("{}\n", paint(HEADING, "Sources and confidence")));
    for fact in facts {
        let Fact { doc, decides, .. } = fact;
        out.push_str(&format!("{}: {doc}; decides {decides}\n", paint(HEADING, fact.name)));
        let mut table = Table::new(&["VERSION", "VALUE", "SURE", "SOURCE"]);
        let mut first = 0;
        for n in 0..fact.rows.len() {
            // Neighbours that say the same share a line.
            if fact.rows.get(n + 1).is_some_and(|next| *next == fact.rows[n]) {
                continue;
            }
            let row = &fact.rows[n];
            let span = match versions.get(first).zip(versions.get(n)) {
                Some((from, to)) if first < n => format!("{from} to {to}"),
                Some((from, _)) => (*from).to_owned(),
                None => String::new(),
            };
            table.row(vec![span, row.value.clone(), row.sure.clone(), row.source.clone()], anstyle::Style::new());
            first = n + 1;
        }
        out.push_str(&table.render(2));
        out.push('\n');
    }
    out.push_str(&format!("{}\n", paint(DIM, about)));
    out
}

fn json_text(versions: &[&str], facts: &[Fact]) -> String {
    let row = |(version, row): (&&str, &VersionFact)| {
        let VersionFact { value, source, sure } = row;
        json!({"version": version, "value": value, "source": source, "sure": sure})
    };
    let one = |fact: &Fact| -> Value {
        json!({
            "name": fact.name,
            "doc": fact.doc,
            "decides": fact.decides,
            "differs": fact.differs(),
            "rows": versions.iter().zip(&fact.rows).map(row).collect::<Vec<_>>(),
        })
    };
    let object = json!({"versions": versions, "capabilities": facts.iter().map(one).collect::<Vec<_>>()});
    format!("{}\n", serde_json::to_string_pretty(&object).unwrap_or_default())
}
