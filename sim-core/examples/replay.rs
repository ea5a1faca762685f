//! Runs the scenario file given and prints what happened.
fn main() {
    let path = std::env::args().nth(1).expect("a scenario file");
    let text = std::fs::read_to_string(&path).expect("readable");
    let scenario = match sim_core::scenario::load(&text, &path, &sim_core::scenario::NoFiles, &[]) {
        Ok(s) => std::sync::Arc::new(s),
        Err(problems) => {
            for p in problems {
                println!("{p:?}");
            }
            std::process::exit(2)
        }
    };
    let seed = std::env::args().nth(2).map_or(scenario.seed, |s| s.parse().unwrap());
    let history = sim_core::simulate(&scenario, seed, sim_core::record::Keep::Series).expect("limits");
    for e in &history.entries {
        let t = format!("{:?}", e.record);
        println!("{:>12} {}", e.at.to_string(), &t[..t.len().min(400)]);
    }
    println!("{:?} {} events {:?} digest {}", history.stop, history.events, history.counts, history.digest);
    for p in &history.pods {
        println!("{p:?}");
    }
}
