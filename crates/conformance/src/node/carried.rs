//! Picking a story out of a file.

use super::error::StoryError;
use super::story::Story;
use oomsim_scenario::reading::nearest;
use serde::Deserialize;
use serde_json::Value;
use std::io::BufRead;

/// The recorded stories that come with the program: `stories.jsonl`, compressed with gzip.
pub const CARRIED: &[u8] = include_bytes!("../../data/node/stories.jsonl.gz");

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
}

/// The row of a story of this name, or the names that there are.
///
/// # Errors
/// When a line cannot be read.
pub fn find(jsonl: impl BufRead, id: &str) -> Result<Result<Value, Vec<String>>, StoryError> {
    let mut known = Vec::new();
    for (number, line) in crate::lines(jsonl).enumerate() {
        let line = line.map_err(|why| StoryError::Line { number: number + 1, why })?;
        if line.trim().is_empty() {
            continue;
        }
        // A line that has no name is none of the wanted story's business.
        let Ok(named) = serde_json::from_str::<Named>(&line) else { continue };
        if named.id.eq_ignore_ascii_case(id) {
            return serde_json::from_str(&line).map(Ok).map_err(|why| StoryError::NotAStory { id: named.id, why });
        }
        known.push(named.id);
    }
    Ok(Err(known))
}

/// That no story has this name, with the nearest one that there is.
pub fn unknown(id: &str, known: &[String]) -> StoryError {
    let nearest = nearest(id, known.iter().map(String::as_str)).map(str::to_owned);
    StoryError::NoSuchStory { id: id.to_owned(), among: known.len(), nearest }
}

/// The story of a name.
///
/// # Errors
/// When a line cannot be read, when no story has that name, or what of the story is not understood.
pub fn pick(jsonl: impl BufRead, id: &str) -> Result<Story, StoryError> {
    let row = find(jsonl, id)?.map_err(|known| unknown(id, &known))?;
    Story::deserialize(row).map_err(|why| StoryError::NotAStory { id: id.to_owned(), why })
}
