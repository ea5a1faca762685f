//! Stories of a whole real node with kubelet 1.36.2, carried in `data/realnode`. `docs/ACCURACY.md` says of each what
//! agrees, and names every story that does not match, with its reason; `UPDATE_EXPECT=1` writes the table anew.

use flate2::read::GzDecoder;
use oomsim_conformance::Verdict;
use oomsim_conformance::lines;
use oomsim_conformance::realnode::{CARRIED, DRAWS, Examined, examine_row};
use std::io::BufReader;

fn table(stories: &[Examined]) -> String {
    let mut out =
        "| story | decisions | statuses | events | condition | draws as recorded |\n|---|---|---|---|---|---|"
            .to_owned();
    for examined in stories {
        let id = &examined.story.id;
        let run = &examined.run;
        let cells = run.compared.parts().map(|(_, difference)| if difference.is_none() { "✓" } else { "–" });
        out.push_str(&format!("\n| {id} | {} | {} of {DRAWS} |", cells.join(" | "), run.matching));
    }
    out
}

#[test]
fn stories_of_a_real_node_match_or_are_explained() {
    let rows = lines(BufReader::new(GzDecoder::new(CARRIED))).map(|line| line.expect("a line"));
    let stories: Vec<Examined> = rows
        .map(|line| {
            let row = serde_json::from_str(&line).expect("a row");
            examine_row(&row).unwrap_or_else(|why| panic!("{}: {why}", row["id"]))
        })
        .collect();
    let (mut matched, mut undecided, mut differ) = (0, 0, Vec::new());
    for examined in &stories {
        match examined.verdict() {
            Verdict::Matched => matched += 1,
            Verdict::Undecided(why) => {
                undecided += 1;
                println!("{} undecided: {why}", examined.story.id);
            }
            Verdict::Mismatched { expected, got } => {
                println!("{}: expected {expected}\n     got {got}", examined.story.id);
                for (part, difference) in examined.run.compared.parts() {
                    if let Some((expected, got)) = difference {
                        println!("   {part}\n     recorded  {expected}\n     simulated {got}");
                    }
                }
                differ.push(examined.story.id.as_str());
            }
        }
    }
    println!("{}", table(&stories));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ACCURACY.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let mut new = page.clone();
    let figures = format!("| {} | {matched} | {undecided} | {} |", stories.len(), differ.len());
    let sums = format!("| stories | matched | undecided | mismatched |\n|---|---|---|---|\n{figures}");
    for (heading, expected) in [("| stories | matched |", sums), ("| story | decisions |", table(&stories))] {
        let begin = new.find(heading).unwrap_or_else(|| panic!("the page has no table {heading:?}"));
        let end = new[begin..].find("\n\n").map_or(new.len(), |n| begin + n);
        new.replace_range(begin..end, &expected);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &new).expect("can be written");
    } else {
        assert_eq!(page, new, "UPDATE_EXPECT=1 writes the tables anew");
    }
    let unnamed = differ.iter().filter(|id| !new.contains(&format!("**{id}**")));
    assert_eq!(unnamed.collect::<Vec<_>>(), Vec::<&&str>::new(), "the page says why a story does not match");
}
