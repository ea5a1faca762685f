//! The examples of `docs/why.md` are what the commands print. `UPDATE_EXPECT=1` writes them anew.

use oomsim_explain::{Run, Unhappened, explain, explain_not, text};
use oomsim_testkit::{read_file, repository};

/// What a command of the page prints, without the list, the words and the rules.
fn printed(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let [_, "why", file, rest @ ..] = words.as_slice() else { panic!("{command} is not `oomsim why FILE …`") };
    let kind = read_file(&repository().join(file)).remove(0);
    let run = Run::new(kind.scenario.clone(), kind.scenario.seed).expect("the run comes to its end");
    let whole = match rest {
        ["--not", "evicted"] => {
            text::not_happened(Unhappened::Evicted, None, &explain_not(&run, Unhappened::Evicted, None))
        }
        ["--event", number] => {
            let number: usize = number.parse().expect("a number");
            text::explanation(&explain(&run, number, &run.happenings()[number - 1]))
        }
        other => panic!("{other:?} in {command}"),
    };
    let shown = whole.split("\nTHE RULES\n").next().unwrap_or_default();
    shown.split("\nTHE WORDS\n").next().unwrap_or_default().trim_end().to_owned()
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let path = repository().join("docs/why.md");
    let page = std::fs::read_to_string(&path).expect("docs/why.md");
    let mut new = String::new();
    let mut lines = page.lines();
    let mut examples = 0;
    while let Some(line) = lines.next() {
        new.push_str(&format!("{line}\n"));
        let Some(command) = line.strip_prefix("$ oomsim why ") else { continue };
        examples += 1;
        new.push_str(&format!("{}\n```\n", printed(&format!("oomsim why {command}"))));
        for old in lines.by_ref() {
            if old == "```" {
                break;
            }
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &new).expect("docs/why.md can be written");
    } else {
        assert!(new == page, "docs/why.md is old: UPDATE_EXPECT=1 cargo test -p oomsim-explain --test page");
    }
    assert!(examples >= 6);
}
