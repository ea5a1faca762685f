//! The files of a run.

use crate::engine::{self, Spooled};
use crate::exit::Failure;
use oomsim_core::node::NodeView;
use oomsim_core::record::{Keep, Sample};
use oomsim_report::samples::{Samples, Scrapes};
use oomsim_report::{Artifact, Made, RunReport, WriteError, picture};
use oomsim_store::{Draft, Folder, io_error};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A file on its way.
type File<'f> = (&'static Artifact, Draft<'f>);

/// Writes what was asked for, each file piece by piece and whole or not at all, several at a time. When one fails,
/// those that are under way are still finished. Memory over time is `spooled`; without that, the run is simulated once
/// more, and what it goes through is written as it passes.
///
/// # Errors
/// When something cannot be drawn or written.
pub fn write(
    folder: &Folder,
    report: &RunReport,
    asked: Keep,
    spooled: Option<Spooled>,
    artifacts: impl Iterator<Item = &'static Artifact>,
) -> Result<Vec<String>, Failure> {
    let possible = |artifact: &&Artifact| match artifact.made {
        Made::OfRun(_) => asked >= Keep::Events,
        Made::OfSamples(_) | Made::OfScrapes(_) => asked == Keep::Series,
    };
    let artifacts: Vec<_> = artifacts.filter(possible).collect();
    let (mut of_run, mut of_samples, mut of_scrapes) = (Vec::new(), Vec::new(), Vec::new());
    for artifact in &artifacts {
        let file = (*artifact, folder.draft(artifact.name)?);
        match artifact.made {
            Made::OfRun(_) => of_run.push(file),
            Made::OfSamples(_) => of_samples.push(file),
            Made::OfScrapes(_) => of_scrapes.push(file),
        }
    }
    let over_time = || {
        rayon::join(
            || engine::guarded(|| sampled(report, spooled, of_samples)),
            || engine::guarded(|| scraped(report, of_scrapes)),
        )
    };
    let (filled, (sampled, scraped)) =
        rayon::join(|| of_run.into_par_iter().map(|file| happened(report, file)).collect::<Vec<_>>(), over_time);
    let mut drafts = filled.into_iter().collect::<Result<Vec<Draft>, Failure>>()?;
    drafts.extend(sampled?);
    drafts.extend(scraped?);
    drafts.into_iter().try_for_each(|draft| draft.finish().map(drop))?;
    Ok(artifacts.iter().map(|artifact| artifact.name.to_owned()).collect())
}

fn failed(path: &Path) -> impl FnOnce(WriteError) -> Failure + use<> {
    let path = path.to_owned();
    move |why| match why {
        WriteError::Io(why) => io_error("write", &path)(why).into(),
        why => Failure::internal(why),
    }
}

/// Fills a file that is made of what happened.
fn happened<'f>(report: &RunReport, (artifact, mut draft): File<'f>) -> Result<Draft<'f>, Failure> {
    if let Made::OfRun(write) = artifact.made {
        let path = draft.path().to_owned();
        engine::guarded(|| write(report, &mut draft).map_err(failed(&path)))?;
        draft.sync()?;
    }
    Ok(draft)
}

/// Fills the files that are made of memory over time.
fn sampled<'f>(
    report: &RunReport,
    spooled: Option<Spooled>,
    mut files: Vec<File<'f>>,
) -> Result<Vec<Draft<'f>>, Failure> {
    let mut makers: Vec<(PathBuf, Box<dyn Samples + '_>)> = Vec::new();
    for (artifact, draft) in &mut files {
        let Made::OfSamples(begin) = artifact.made else { continue };
        let path = draft.path().to_owned();
        let maker = begin(report, draft).map_err(failed(&path))?;
        makers.push((path, maker));
    }
    let wanted = !makers.is_empty();
    let mut give = |samples: &[Sample]| {
        let take = |(path, maker): &mut (PathBuf, Box<dyn Samples + '_>)| {
            engine::guarded(|| samples.iter().try_for_each(|sample| maker.take(sample)).map_err(failed(path)))
        };
        makers.par_iter_mut().try_for_each(take)
    };
    if wanted {
        let watched = picture::watched(&report.history);
        match spooled {
            Some(spooled) if watched.is_empty() => spooled.replay(report.scenario.duration, &mut give)?,
            // Whose curves are of interest is known only now.
            _ => engine::stream_samples(&report.scenario, report.history.seed, watched, &mut give)?,
        }
    }
    let finish =
        |(path, maker): (PathBuf, Box<dyn Samples + '_>)| engine::guarded(|| maker.finish().map_err(failed(&path)));
    makers.into_par_iter().try_for_each(finish)?;
    files.par_iter_mut().try_for_each(|(_, draft)| draft.sync())?;
    Ok(files.into_iter().map(|(_, draft)| draft).collect())
}

/// Fills the files that are made of what a monitoring system scrapes.
fn scraped<'f>(report: &RunReport, mut files: Vec<File<'f>>) -> Result<Vec<Draft<'f>>, Failure> {
    let mut makers: Vec<(PathBuf, Box<dyn Scrapes + '_>)> = Vec::new();
    for (artifact, draft) in &mut files {
        let Made::OfScrapes(begin) = artifact.made else { continue };
        makers.push((draft.path().to_owned(), begin(report, draft)));
    }
    if !makers.is_empty() {
        let give = |node: &NodeView| makers.iter_mut().for_each(|(_, maker)| maker.take(node));
        engine::scrapes(&report.scenario, report.history.seed, give)?;
    }
    makers.into_iter().try_for_each(|(path, maker)| maker.finish().map_err(failed(&path)))?;
    files.iter_mut().try_for_each(|(_, draft)| draft.sync())?;
    Ok(files.into_iter().map(|(_, draft)| draft).collect())
}
