//! The lines of a recording, each of bounded length: a file of a few megabytes may unpack to one line without end.

use std::io::{self, BufRead, Read};

/// Longest line of a recording, bytes; the longest of those that come with the program has 87,367.
pub const MAX_LINE: u64 = 4 << 20;

/// The lines of a recording; ends after the first that cannot be read.
pub fn lines(reader: impl BufRead) -> impl Iterator<Item = io::Result<String>> {
    bounded(reader, MAX_LINE)
}

fn bounded(mut reader: impl BufRead, most: u64) -> impl Iterator<Item = io::Result<String>> {
    let mut ended = false;
    std::iter::from_fn(move || {
        let mut line = String::new();
        if ended {
            return None;
        }
        let read = Read::take(&mut reader, most + 1).read_line(&mut line);
        let read = read.and_then(|length| match length as u64 > most {
            true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is longer than {most} bytes"))),
            false => Ok(length),
        });
        ended = !matches!(read, Ok(1..));
        match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(why) => Some(Err(why)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_not_kept() {
        let all =
            |text: &str| bounded(text.as_bytes(), 8).map(|line| line.map_err(|e| e.to_string())).collect::<Vec<_>>();
        assert_eq!(
            all("a\n\n1234567\nlast"),
            [Ok("a\n".into()), Ok("\n".into()), Ok("1234567\n".into()), Ok("last".into())]
        );
        assert_eq!(all("a\n123456789\nb\n"), [Ok("a\n".into()), Err("it is longer than 8 bytes".to_owned())]);
        let endless = bounded(io::BufReader::new(io::repeat(b'x')), 1 << 20).collect::<Vec<_>>();
        assert!(matches!(endless.as_slice(), [Err(_)]));
    }
}
