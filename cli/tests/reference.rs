//! The reference of the output is generated from the tables that the program itself uses.
//! `UPDATE_EXPECT=1 cargo test -p oomsim --test reference` writes it anew.

use oomsim_core::record::view::{Field, KINDS, PROCESS_FIELDS};
use oomsim_report::csv::COLUMNS;
use oomsim_report::{
    ARTIFACTS, KMSG_ARTIFACTS, METRICS_ARTIFACTS, OBJECT_ARTIFACTS, PARQUET_ARTIFACTS, PNG_ARTIFACTS,
    PROMETHEUS_ARTIFACTS, PROMETHEUS_PNG_ARTIFACTS,
};
use std::path::Path;

fn table(heading: [&str; 2], rows: impl Iterator<Item = (String, String)>) -> String {
    let mut text = format!("| {} | {} |\n|---|---|\n", heading[0], heading[1]);
    text.extend(rows.map(|(name, about)| format!("| `{name}` | {about} |\n")));
    text
}

fn fields(fields: &[Field]) -> String {
    table(["field", "meaning"], fields.iter().map(|field| (field.name.into(), field.doc.into())))
}

fn events() -> String {
    let mut text = String::new();
    for kind in KINDS {
        text.push_str(&format!("\n### {}\n\n{}\n\n{}", kind.name, kind.doc, fields(kind.fields)));
        if kind.has("victim.pid") {
            text.push_str("\nFields of `victim` and of each entry of `killed`:\n\n");
            text.push_str(&fields(PROCESS_FIELDS));
        }
    }
    text
}

fn generated(name: &str) -> String {
    match name {
        "artifacts" => {
            let flags = [
                ("", ARTIFACTS),
                (" (`--png`)", PNG_ARTIFACTS),
                (" (`--parquet`)", PARQUET_ARTIFACTS),
                (" (`--kmsg`)", KMSG_ARTIFACTS),
                (" (`--prometheus`)", PROMETHEUS_ARTIFACTS),
                (" (`--prometheus --png`)", PROMETHEUS_PNG_ARTIFACTS),
                (" (`--metrics`)", METRICS_ARTIFACTS),
                (" (`--objects`)", OBJECT_ARTIFACTS),
            ];
            let rows = flags.iter().flat_map(|(flag, list)| {
                list.iter().map(move |artifact| (artifact.name.into(), format!("{}{flag}", artifact.about)))
            });
            table(["file", "content"], rows)
        }
        "columns" => {
            table(["column", "meaning"], COLUMNS.iter().map(|(name, about)| ((*name).into(), (*about).into())))
        }
        "events" => events(),
        other => panic!("unknown part {other:?}"),
    }
}

/// The text with every generated part replaced.
fn refreshed(text: &str) -> String {
    let (begin, end) = ("<!-- generated: ", "<!-- end -->");
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(begin) {
        let (before, marked) = rest.split_at(at);
        let (marker, after) = marked.split_once('\n').expect("the marker stands alone in its line");
        let name = marker.trim_start_matches(begin).trim_end_matches(" -->");
        let (_, tail) = after.split_once(end).expect("every generated part ends");
        result.push_str(&format!("{before}{marker}\n{}{end}", generated(name)));
        rest = tail;
    }
    result + rest
}

#[test]
fn the_reference_of_the_output_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/output.md");
    let text = std::fs::read_to_string(&path).expect("the reference is there");
    let fresh = refreshed(&text);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &fresh).expect("the reference can be written");
    }
    assert!(
        text == fresh,
        "docs/reference/output.md is not up to date: UPDATE_EXPECT=1 cargo test -p oomsim --test reference"
    );
}
