//! Explains every OOM report of a kernel log: `cargo run -p oomsim-dmesg --example explain -- FILE`.

use oomsim_dmesg::{Known, TextOptions, analyse, read, text};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: explain FILE")?;
    let reports = read(std::fs::File::open(path)?)?;
    print!("{}", text(&analyse(reports, Known::default()), TextOptions::default()));
    Ok(())
}
