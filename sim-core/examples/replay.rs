//! Runs scenario files and prints what happened and which expectations hold.
use std::sync::Arc;
struct Beside(std::path::PathBuf);
impl sim_core::scenario::Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|e| e.to_string())
    }
    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Err("no".into())
    }
}
fn main() {
    let verbose = std::env::args().any(|a| a == "-v");
    for path in std::env::args().skip(1).filter(|a| a != "-v") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let files = Beside(std::path::Path::new(&path).parent().unwrap().to_owned());
        let scenario = match sim_core::scenario::load(&text, &path, &files, &[]) {
            Ok(s) => Arc::new(s),
            Err(problems) => {
                println!("FAIL {path}");
                for p in problems {
                    println!("   {:?} {}", p.at.as_ref().map(|a| a.file_line()), p.message);
                }
                continue;
            }
        };
        let t0 = std::time::Instant::now();
        let history = match sim_core::simulate(&scenario, scenario.seed, sim_core::record::Keep::Series) {
            Ok(h) => h,
            Err(e) => {
                println!("ERROR {path} {e}");
                continue;
            }
        };
        let ms = t0.elapsed().as_micros() as f64 / 1e3;
        if verbose {
            for e in &history.entries {
                let t = format!("{:?}", e.record);
                println!("{:>12} {}", e.at.to_string(), &t[..t.len().min(600)]);
            }
            for p in &history.pods {
                println!("{p:?}");
            }
        }
        let results = sim_core::record::expect::evaluate(&scenario.expectations, &history);
        let bad = results.iter().filter(|r| !r.holds).count();
        println!(
            "{} {path}: {} expectations, {bad} fail, {} events, {ms:.1} ms {:?} {}",
            if bad == 0 { "ok  " } else { "FAIL" },
            results.len(),
            history.events,
            history.counts,
            history.digest
        );
        for r in results.iter().filter(|r| !r.holds) {
            println!("     {r:?}");
        }
        for w in &history.warnings {
            println!("     warning: {w}");
        }
    }
}
