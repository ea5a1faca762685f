//! Journals that are cut off, damaged, or of something else.

use super::*;
use crate::sorted::for_each_row;
use oomsim_planning::measure::Measures;
use oomsim_planning::plan::{Plan, Setup};
use oomsim_planning::row;

const RUNS: u64 = 4;

fn plan() -> Plan {
    Plan::new(Setup { points: 1, repetitions: RUNS, ..Setup::default() }).unwrap()
}

fn row(plan: &Plan, run: u64) -> String {
    row::line(plan, &plan.spec(run), &Measures { evictions: run, ..Measures::default() })
}

fn open(folder: &Path, plan: &Plan, resume: bool) -> Result<Journal, StoreError> {
    Journal::open(&Folder::open(folder, false)?, &Contents::of("s", plan), resume)
}

/// Goes on with a journal, and does what is missing.
fn go_on(folder: &Path, plan: &Plan) -> Result<u64, StoreError> {
    let mut journal = open(folder, plan, true)?;
    let missing: Vec<u64> = (0..RUNS).filter(|run| !journal.done().contains(*run)).collect();
    missing.iter().for_each(|run| journal.append(*run, &row(plan, *run)).unwrap());
    Ok(missing.len() as u64)
}

fn rows(folder: &Path, plan: &Plan) -> Vec<String> {
    let mut rows = Vec::new();
    let union = for_each_row(&[folder.join("journal")], &Contents::of("s", plan), |_, row| {
        rows.push(row.to_string());
        Ok::<(), StoreError>(())
    });
    assert!(union.unwrap().missing.is_empty());
    rows
}

/// A folder with a complete journal, the bytes of it, and its rows.
fn complete() -> (tempfile::TempDir, Vec<u8>, Vec<String>) {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    assert_eq!(go_on(dir.path(), &plan).unwrap(), RUNS);
    let bytes = std::fs::read(dir.path().join("journal")).unwrap();
    let rows = rows(dir.path(), &plan);
    assert_eq!(rows, (0..RUNS).map(|run| row(&plan, run)).collect::<Vec<_>>());
    (dir, bytes, rows)
}

#[test]
fn wherever_it_is_cut_off_the_rest_is_done_and_nothing_is_taken_away() {
    let (dir, whole, expected) = complete();
    let (plan, path) = (plan(), dir.path().join("journal"));
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|b| **b == b'\n').count() as u64;
        assert_eq!(go_on(dir.path(), &plan).unwrap(), RUNS - lines.saturating_sub(1), "cut at {length}");
        assert_eq!(rows(dir.path(), &plan), expected, "cut at {length}");
        assert!(std::fs::read(&path).unwrap().starts_with(&whole[..length]), "cut at {length}");
        // It was closed: the next process sees no damage.
        assert_eq!(open(dir.path(), &plan, true).unwrap().damage(), Damage::default(), "cut at {length}");
    }
}

#[test]
fn whatever_bit_is_flipped_the_result_is_right_or_the_command_refuses() {
    let (dir, whole, expected) = complete();
    let (plan, path) = (plan(), dir.path().join("journal"));
    let header = whole.iter().position(|b| *b == b'\n').unwrap();
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).unwrap();
        match go_on(dir.path(), &plan) {
            Ok(again) => {
                assert_eq!(rows(dir.path(), &plan), expected, "bit {bit}");
                assert!(again <= 2, "bit {bit}: {again} runs done again");
                assert!(std::fs::read(&path).unwrap().starts_with(&damaged), "bit {bit}");
            }
            Err(error) => {
                assert!(matches!(error, StoreError::NoHeader { .. }), "bit {bit}: {error}");
                assert!(bit / 8 <= header, "bit {bit}: {error}");
                assert_eq!(std::fs::read(&path).unwrap(), damaged, "bit {bit}: nothing is touched");
                refused += 1;
            }
        }
    }
    // All but those that turn a hexadecimal digit of the header's hash into its capital.
    let capitals = whole[..16].iter().filter(|b| b.is_ascii_lowercase()).count();
    assert_eq!(refused, (header + 1) * 8 - capitals);
}

#[test]
fn what_to_do_about_a_damaged_header_works() {
    let (dir, whole, expected) = complete();
    let (plan, path) = (plan(), dir.path().join("journal"));
    let mut damaged = whole.clone();
    damaged[30] ^= 4;
    std::fs::write(&path, &damaged).unwrap();
    let message = open(dir.path(), &plan, true).unwrap_err().to_string();
    let line = message.lines().last().unwrap().trim();
    let rest = whole.iter().position(|b| *b == b'\n').unwrap();
    std::fs::write(&path, [line.as_bytes(), &whole[rest..]].concat()).unwrap();
    assert_eq!(go_on(dir.path(), &plan).unwrap(), 0);
    assert_eq!(rows(dir.path(), &plan), expected);
}

#[test]
fn rows_of_another_study_are_refused_whatever_the_header_says() {
    let (dir, whole, _) = complete();
    let (plan, path) = (plan(), dir.path().join("journal"));
    let another = Plan::new(Setup { points: 1, repetitions: RUNS, seed: 7, ..Setup::default() }).unwrap();
    let longer = Plan::new(Setup { points: 1, repetitions: RUNS + 1, ..Setup::default() }).unwrap();
    let header = whole.split_inclusive(|b| *b == b'\n').next().unwrap();
    for foreign in [row(&another, 2), row(&longer, RUNS), "no row at all".into()] {
        let bytes = [header, record(&row(&plan, 0)).as_bytes(), record(&foreign).as_bytes()].concat();
        std::fs::write(&path, &bytes).unwrap();
        let refused = open(dir.path(), &plan, true);
        let Err(StoreError::Foreign { line: 3, .. }) = refused else { panic!("{foreign}: {refused:?}") };
        let merged =
            for_each_row(std::slice::from_ref(&path), &Contents::of("s", &plan), |_, _| Ok::<(), StoreError>(()));
        assert!(matches!(merged, Err(StoreError::Foreign { line: 3, .. })), "{foreign}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_file_of_others_called_journal_is_left_alone() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    for text in ["dear diary\n", "dear diary", "\n", "0"] {
        std::fs::write(dir.path().join("journal"), text).unwrap();
        std::fs::write(dir.path().join("lock"), "a key").unwrap();
        for resume in [false, true] {
            assert!(matches!(open(dir.path(), &plan, resume), Err(StoreError::NoHeader { .. })), "{text:?}");
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("journal")).unwrap(), text);
        assert_eq!(std::fs::read_to_string(dir.path().join("lock")).unwrap(), "a key");
    }
}

#[test]
fn endless_lines_are_damage_and_not_kept_in_memory() {
    let (dir, whole, expected) = complete();
    let (plan, path) = (plan(), dir.path().join("journal"));
    let long = vec![b'x'; 3 << 20];
    for tail in [&b"\n"[..], b""] {
        std::fs::write(&path, [&whole, &long[..], tail].concat()).unwrap();
        assert_eq!(go_on(dir.path(), &plan).unwrap(), 0);
        assert_eq!(rows(dir.path(), &plan), expected);
    }
}

#[test]
fn folders_in_use_or_with_runs_are_refused() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    let mut journal = open(dir.path(), &plan, false).unwrap();
    journal.append(3, &row(&plan, 3)).unwrap();
    assert!(matches!(open(dir.path(), &plan, true), Err(StoreError::Locked(_))));
    drop(journal);
    assert!(matches!(open(dir.path(), &plan, false), Err(StoreError::Exists { runs: 1, .. })));
    let folder = Folder::open(dir.path(), false).unwrap();
    let other = Journal::open(&folder, &Contents::of("other", &plan), true);
    assert!(matches!(other, Err(StoreError::Other { .. })));
    assert_eq!(open(dir.path(), &plan, true).unwrap().done().count(), 1);
}

#[test]
fn a_full_disk_is_an_error_and_keeps_what_was_written() {
    // /dev/full accepts nothing.
    let Ok(full) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full") else { return };
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    let mut journal = open(dir.path(), &plan, false).unwrap();
    journal.append(0, &row(&plan, 0)).unwrap();
    let good = std::mem::replace(&mut journal.file, full);
    let error = journal.append(1, &row(&plan, 1)).unwrap_err().to_string();
    assert!(error.contains("--resume") && error.contains("journal"), "{error}");
    drop((journal, good));
    assert_eq!(open(dir.path(), &plan, true).unwrap().done().count(), 1);
}
