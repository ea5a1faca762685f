//! The text of a file: UTF-8, UTF-16 as PowerShell and spreadsheets write it, either of them packed with gzip.

use flate2::read::MultiGzDecoder;
use std::io::Read;

/// The text that these bytes are; unpacked it may have `most` bytes.
///
/// # Errors
/// What they are instead.
pub fn text(bytes: Vec<u8>, most: u64) -> Result<String, String> {
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) { unpacked(&bytes, most)? } else { bytes };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Without a mark of their order: the first character is one of ASCII.
        [first, 0, ..] if *first != 0 => utf16(&bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(&bytes, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            String::from_utf8(rest.to_vec()).map_err(|_| "it is not UTF-8 text".to_owned())
        }
        _ => String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()),
    }
}

fn unpacked(bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut text);
    read.map_err(|why| format!("it is compressed, and damaged: {why}"))?;
    if text.len() as u64 > most {
        return Err(format!("it is compressed, and unpacked larger than {} MiB", most >> 20));
    }
    Ok(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().copied().map(unit)).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err("it begins as UTF-16, but is cut off or damaged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn texts_are_read_in_every_clothing() {
        let wide = |unit: fn(u16) -> [u8; 2]| "\u{feff}kind: Pöd\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let marked = b"\xef\xbb\xbfkind: P\xc3\xb6d\n".to_vec();
        for bytes in [b"kind: P\xc3\xb6d\n".to_vec(), marked, wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            assert_eq!(text(bytes.clone(), 100).as_deref(), Ok("kind: Pöd\n"));
            assert_eq!(text(gz(&bytes), 100).as_deref(), Ok("kind: Pöd\n"));
            let bare = bytes.strip_prefix(b"\xff\xfe").or_else(|| bytes.strip_prefix(b"\xfe\xff")).unwrap_or(&bytes);
            assert_eq!(text(bare.to_vec(), 100).as_deref(), Ok("kind: Pöd\n"), "without a mark");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        let cut = |bytes: &[u8]| bytes[..bytes.len() - 5].to_vec();
        for (bytes, said) in [
            (vec![0xff, 0xfe, b'a'], "damaged"),
            (vec![0xff, 0xfe, 0x00, 0xd8], "damaged"),
            (vec![b'a', 0xff], "not UTF-8"),
            (cut(&gz(b"some text")), "damaged"),
            (gz(&[b' '; 2 << 20]), "larger than 1 MiB"),
        ] {
            let why = text(bytes, 1 << 20).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}
