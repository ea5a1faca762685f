//! The book: its lessons hold, its commands print what it says, its pages are all in the contents, its links lead
//! somewhere.

mod common;

use common::{err, oomsim_in, out, repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every Markdown page below docs/.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn every_lesson_holds() {
    let checked = oomsim_in(&repository(), ["check", "docs/learn", "--allow-outside"]);
    assert!(checked.status.success(), "{}{}", out(&checked), err(&checked));
    let chapters = pages().into_iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("learn")));
    let lessons = chapters.filter(|page| text(page).contains("\n```toml,lab\n")).count();
    assert!(lessons >= 12 && out(&checked).contains(&format!("{lessons} of {lessons}")), "{}", out(&checked));
}

/// A line of the book against a line of the program; `…` stands for any text.
fn fits(line: &str, printed: &str) -> bool {
    let mut parts = line.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = part;
    }
    rest.is_empty() || (line.contains('…') && last.is_empty())
}

/// What a page says that a command prints, held against what it prints: a line `…` stands for any number of lines.
fn differs(expected: &[&str], printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let (mut at, mut anywhere) = (0, false);
    for line in expected {
        if *line == "…" {
            anywhere = true;
            continue;
        }
        let within = if anywhere { lines.len() } else { (at + 1).min(lines.len()) };
        let Some(found) = (at..within).find(|&n| fits(line, lines[n])) else {
            return Some(format!("the book says\n  {line}\nand the program printed\n{printed}"));
        };
        (at, anywhere) = (found + 1, false);
    }
    (!anywhere && at < lines.len()).then(|| format!("the program goes on after the book:\n{}", lines[at..].join("\n")))
}

#[test]
fn every_command_of_the_lessons_prints_what_the_book_says() {
    let mut commands = 0;
    for page in pages().iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("learn"))) {
        let text = text(page);
        for block in text.split("\n```console\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            for one in format!("\n{block}").split("\n$ ").skip(1) {
                let (command, expected) = one.split_once('\n').unwrap_or((one, ""));
                let Some(args) = command.strip_prefix("oomsim ") else { panic!("{}: {command}", page.display()) };
                let ran = oomsim_in(&repository(), args.split_whitespace());
                assert!(ran.status.success(), "{}: {command}: {}", page.display(), err(&ran));
                let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
                if let Some(why) = differs(&expected, &out(&ran)) {
                    panic!("{}: {command}: {why}", page.display());
                }
                commands += 1;
            }
        }
    }
    assert!(commands >= 3, "{commands}");
}

/// The targets of the links of a page, without those into the web.
fn links(text: &str) -> Vec<String> {
    let plain: String = text.split("```").step_by(2).collect();
    let targets = plain.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).map(str::to_owned);
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    let more = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "web/README.md"].map(|name| root.join(name));
    let mut broken = Vec::new();
    for page in pages().into_iter().chain(more) {
        for link in links(&text(&page)) {
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            let there = target.exists()
                && (place.is_empty()
                    || target.extension().is_none_or(|extension| extension != "md")
                    || text(&target).lines().any(|line| line.starts_with('#') && anchor(line) == place)
                    || text(&target).contains(&format!("<a id=\"{place}\">")));
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_contents_have_every_page() {
    let docs = repository().join("docs");
    let contents = text(&docs.join("SUMMARY.md"));
    let listed: BTreeSet<String> = links(&contents).into_iter().collect();
    let pages = pages();
    let all = pages.iter().filter_map(|page| page.strip_prefix(&docs).ok()?.to_str());
    let missing: Vec<&str> = all.filter(|page| *page != "SUMMARY.md" && !listed.contains(*page)).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {}", missing.join(", "));
}
