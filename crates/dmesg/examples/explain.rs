//! Explains every OOM report of a kernel log: `cargo run -p oomsim-dmesg --example explain -- FILE`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: explain FILE")?;
    print!("{}", oomsim_dmesg::explain_log(std::fs::File::open(path)?, oomsim_dmesg::Known::default())?);
    Ok(())
}
