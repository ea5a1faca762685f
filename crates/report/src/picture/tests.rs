use super::page::Page;
use super::*;
use crate::testdata;
use oomsim_core::record::{History, Record};

fn runs() -> Vec<(&'static str, History)> {
    vec![
        ("oom2", testdata::oom2()),
        ("oom3", testdata::oom3()),
        ("oom4", testdata::oom4()),
        ("day", testdata::busy_day()),
        ("short", testdata::short_plain()),
    ]
}

fn sketch(history: &History, prometheus: bool) -> Sketch {
    let mut sketch = Sketch::new(history, Content { prometheus });
    history.series.samples.iter().for_each(|sample| sketch.take(sample));
    sketch
}

fn page(history: &History) -> Page<'_> {
    sketch(history, false).page(history).unwrap()
}

/// Set OOMSIM_PICTURES to a folder to look at the pictures of these tests.
#[test]
fn pictures_of_every_kind_of_run() {
    for (name, history) in runs() {
        for prometheus in [false, true] {
            let svg = sketch(&history, prometheus).svg(&history).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains(&*history.scenario), "{name}");
            assert!(svg.len() < 2_000_000, "{name}: {} bytes", svg.len());
            #[cfg(feature = "png")]
            let png = sketch(&history, prometheus).png(&history).unwrap();
            #[cfg(feature = "png")]
            assert!(png.starts_with(b"\x89PNG"), "{name}");
            if let Some(folder) = std::env::var_os("OOMSIM_PICTURES") {
                let file = format!("{name}{}", if prometheus { "-prometheus" } else { "" });
                let folder = std::path::Path::new(&folder);
                std::fs::write(folder.join(format!("{file}.svg")), svg).unwrap();
                #[cfg(feature = "png")]
                std::fs::write(folder.join(format!("{file}.png")), png).unwrap();
            }
        }
    }
}

#[test]
fn no_labels_overlap() {
    for (name, history) in runs() {
        let page = page(&history);
        let (flags, sides) = page.placed();
        for (n, a) in flags.iter().enumerate() {
            for b in flags[n + 1..].iter().filter(|b| b.lane == a.lane) {
                assert!(a.x + a.width <= b.x || b.x + b.width <= a.x, "{name}: {a:?} {b:?}");
            }
            assert!(a.x + a.width <= 1600.0, "{name}: {a:?} leaves the page");
        }
        for side in sides {
            assert!(side.windows(2).all(|pair| pair[1].y - pair[0].y > 14.0), "{name}: {side:?}");
        }
    }
}

/// A pod's name may have 253 characters.
#[test]
fn long_names_end_at_the_edge_of_the_picture() {
    let mut history = testdata::oom2();
    for entry in &mut history.entries {
        if let Record::Evicted { pod, .. } = &mut entry.record {
            *pod = format!("default/{}", "a-long-name-".repeat(20)).into();
        }
    }
    let page = page(&history);
    let (flags, _) = page.placed();
    assert!(flags.iter().any(|flag| flag.detail.ends_with('…')), "{flags:?}");
    assert!(flags.iter().all(|flag| flag.x + 5.0 + font::width(&flag.detail, 12.0, false) <= 1600.0), "{flags:?}");
}

#[test]
fn a_run_without_series_says_so() {
    let mut history = testdata::oom2();
    history.series = Default::default();
    assert_eq!(sketch(&history, false).svg(&history), Err(DrawError::NoSeries));
}

/// docs/reference/output.md: shaded is where the kubelet evicts, not what is above allocatable; without figures
/// nothing is shaded.
#[test]
fn what_is_shaded_is_where_the_kubelet_evicts() {
    let (capacity, limit) = (7_120_616.0 * 1024.0, 5_573_943_296.0);
    let shaded = |above: Option<u64>| {
        let mut history = testdata::oom2();
        history.node.pods_evicted_above = above.map(oomsim_core::units::Bytes::new);
        page(&history).shaded()
    };
    // Above the kubepods limit, from the eviction point to the limit, below the threshold of 750Mi.
    let threshold = (0.0, 786_432_000.0);
    assert_eq!(shaded(Some(5_000_000_000)), [(limit, capacity), (5_000_000_000.0, limit), threshold]);
    assert_eq!(shaded(None), [(limit, capacity), threshold]);
}
