//! Stories of a whole real node with kubelet 1.36.2, carried in `data/realnode`. `docs/ACCURACY.md` names every story
//! that does not match, with its reason.

use flate2::read::GzDecoder;
use oomsim_conformance::run_file;
use std::fs::File;
use std::io::BufReader;

#[test]
fn stories_of_a_real_node_match_or_are_explained() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let file = File::open(format!("{root}/crates/conformance/data/realnode/realnode.jsonl.gz")).expect("carried");
    let report = run_file("realnode.jsonl", BufReader::new(GzDecoder::new(file)));
    for m in &report.rows.mismatches {
        println!("{}: expected {}\n     got {}", m.row, m.expected, m.got);
    }
    for open in &report.rows.open {
        println!("{} undecided: {}", open.row, open.why);
    }
    let t = &report.rows;
    println!("{} stories, {} matched, {} undecided, {} mismatched", t.total, t.matched, t.undecided, t.mismatched);
    assert_eq!(report.error, None);
    let page = std::fs::read_to_string(format!("{root}/docs/ACCURACY.md")).expect("the page is there");
    let figures = format!("| {} | {} | {} | {} |", t.total, t.matched, t.undecided, t.mismatched);
    assert!(page.contains(&figures), "the page has the figures {figures}");
    let unnamed = t.mismatches.iter().map(|m| &m.row).filter(|id| !page.contains(&format!("**{id}**")));
    assert_eq!(unnamed.collect::<Vec<_>>(), Vec::<&String>::new(), "the page says why a story does not match");
}
