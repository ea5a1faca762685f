//! Bytes to text: compressed files, UTF-16, and files that are no text at all.

use crate::encoded::BASE64;
use crate::error::ReadError;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;
use std::io::{self, BufReader, Cursor, Read};

/// Bytes at the beginning that are looked at.
const HEAD: usize = 8 << 10;
/// Most memory for unpacking xz; its strongest preset needs 65 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;
/// Formats inside of each other that are undone (`log.tar.gz.xz` is no log).
const DEPTH: usize = 3;

/// A file that is no text: how it begins, what it is, what to do.
const NOT_TEXT: [(&[u8], &str, &str); 17] = [
    (
        b"LPKSHHRH",
        "a binary journal file of systemd",
        "make text of it: journalctl --file FILE -k -o short-monotonic | oomsim dmesg -",
    ),
    (b"PK\x03\x04", "a zip archive", "unpack it: unzip -p FILE | oomsim dmesg -"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "unpack it: lz4 -dc FILE | oomsim dmesg -"),
    (b"\x1f\x9d", "a file of compress", "unpack it: zcat FILE | oomsim dmesg -"),
    (b"LZIP", "an lzip file", "unpack it: lzip -dc FILE | oomsim dmesg -"),
    (b"\x89LZO", "an lzop file", "unpack it: lzop -dc FILE | oomsim dmesg -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x -so FILE | oomsim dmesg -"),
    (b"KDUMP   ", "a crash dump of the kernel", "get the log out of it: makedumpfile --dump-dmesg FILE dmesg.txt"),
    (b"makedumpfile", "a crash dump of the kernel", "get the log out of it: makedumpfile -R, then --dump-dmesg"),
    (
        b"\x7fELF",
        "a program or a core dump",
        "give the kernel's log; of a vmcore: makedumpfile --dump-dmesg FILE dmesg.txt",
    ),
    (b"%PDF", "a PDF document", "copy its text into a file, or use pdftotext -layout FILE - | oomsim dmesg -"),
    (b"\x89PNG", "a picture", "the log must be text: ask for the output of dmesg or journalctl -k"),
    (b"\xff\xd8\xff", "a picture", "the log must be text: ask for the output of dmesg or journalctl -k"),
    (b"GIF8", "a picture", "the log must be text: ask for the output of dmesg or journalctl -k"),
    (b"ElfFile\0", "an event log of Windows", "give the kernel's log of the Linux machine"),
    (b"SQLite format 3\0", "an SQLite database", "export the log as text or CSV first"),
    (b"PAR1", "a Parquet file", "export the log as text, JSON or CSV first"),
];

/// The input as UTF-8 text, whatever it is packed in.
///
/// # Errors
/// When the input fails or is no text.
pub(crate) fn open<'a>(input: impl Read + 'a) -> Result<Box<dyn Read + 'a>, ReadError> {
    let mut input: Box<dyn Read + 'a> = Box::new(input);
    for _ in 0..DEPTH {
        let (head, broken) = head(&mut input);
        let format = Packed::of(&head);
        let whole = Cursor::new(head.clone()).chain(Broken(broken)).chain(input);
        let Some(format) = format else {
            return text(&head, whole);
        };
        input = format.open(BufReader::new(Patient(whole)))?;
    }
    let (head, broken) = head(&mut input);
    text(&head.clone(), Cursor::new(head).chain(Broken(broken)).chain(input))
}

/// The first bytes, as many as there are when the input would have to wait, and the error that they end with.
fn head(input: &mut impl Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::with_capacity(HEAD);
    loop {
        match input.by_ref().take((HEAD - head.len()) as u64).read_to_end(&mut head) {
            Ok(_) => return (head, None),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock && head.is_empty() => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return (head, None),
            Err(why) => return (head, Some(why)),
        }
    }
}

/// Waits for an input that has nothing for now: what unpacks cannot.
struct Patient<R>(R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

/// Gives an error where it was met, after what was read before it.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn text<'a>(head: &[u8], whole: impl Read + 'a) -> Result<Box<dyn Read + 'a>, ReadError> {
    if let Some((_, what, help)) = NOT_TEXT.iter().find(|(magic, _, _)| head.starts_with(magic)) {
        return Err(ReadError::NotText { what, help });
    }
    if head.get(257..262) == Some(b"ustar") {
        let help = "unpack it: tar -xOf FILE | oomsim dmesg -, or give the kernel's log in it";
        return Err(ReadError::NotText { what: "a tar archive", help });
    }
    if base64(head) {
        return Err(ReadError::NotText { what: BASE64.what, help: BASE64.help });
    }
    if let Some(encoding) = wide(head) {
        let mut builder = DecodeReaderBytesBuilder::new();
        return Ok(Box::new(builder.encoding(Some(encoding)).build(Patient(whole))));
    }
    if binary(head) {
        let help = "give the kernel's log as text: dmesg, or journalctl -k";
        return Err(ReadError::NotText { what: "no text", help });
    }
    Ok(Box::new(whole))
}

/// Lines of one length, or one long line, of letters of both cases and digits without any blank.
fn base64(head: &[u8]) -> bool {
    let sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let kinds = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let first = lines.next().unwrap_or_default();
    let same = lines.take(2).all(|line| line.len() <= first.len() && line.iter().all(sign));
    first.len() >= 60 && same && first.iter().all(sign) && kinds.iter().all(|kind| first.iter().any(kind))
}

/// UTF-16 by its mark, or by the zeros of plain English in it.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs: Vec<_> = head.as_chunks::<2>().0.iter().take(512).collect();
    let most = pairs.len() * 7 / 10;
    let count = |f: fn(&[u8; 2]) -> bool| pairs.iter().filter(|p| f(p)).count();
    if pairs.len() < 8 {
        None
    } else if count(|[low, high]| *high == 0 && *low != 0) > most {
        Some(UTF_16LE)
    } else if count(|[high, low]| *high == 0 && *low != 0) > most {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// More than a twentieth of control characters, or a quarter of what is no UTF-8. A hole of zeros, as a rotated or
/// crashed log has it, is skipped.
fn binary(head: &[u8]) -> bool {
    let text: Vec<u8> = head.iter().copied().filter(|b| *b != 0).collect();
    if text.len() < 64 {
        return false;
    }
    let odd = |b: u8| (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x1b | 0x08 | 0x1e | 0x07)) || b == 0x7f;
    let control = text.iter().filter(|b| odd(**b)).count();
    let invalid: usize = text.utf8_chunks().map(|c| c.invalid().len()).sum();
    let zeros = head.len() - text.len();
    // Zeros all over the place are records of a binary file, a hole is one run.
    let runs = head.windows(2).filter(|w| w[0] == 0 && w[1] != 0).count();
    control * 20 > text.len() || invalid * 4 > text.len() || (zeros > 0 && runs * 20 > head.len())
}

/// Formats that are unpacked here.
#[derive(Clone, Copy)]
enum Packed {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lzma,
    Zlib,
}

impl Packed {
    fn of(head: &[u8]) -> Option<Packed> {
        match head {
            [0x1f, 0x8b, ..] => Some(Packed::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packed::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packed::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packed::Bzip2),
            // The usual properties, a dictionary of whole 64 KiB.
            [0x5d, 0, 0, _, _, ..] => Some(Packed::Lzma),
            // A level of compression, and a sum that fits; `x^` begins texts, too.
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] if !head.is_ascii() => Some(Packed::Zlib),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Packed::Gzip => "gzip",
            Packed::Zstd => "zstd",
            Packed::Xz => "xz",
            Packed::Bzip2 => "bzip2",
            Packed::Lzma => "lzma",
            Packed::Zlib => "zlib",
        }
    }

    fn damaged(self, why: io::Error) -> io::Error {
        if why.kind() == io::ErrorKind::Interrupted {
            return why;
        }
        let text = format!("its {} data is damaged or cut short ({why})", self.name());
        io::Error::new(io::ErrorKind::InvalidData, text)
    }

    fn open<'a>(self, input: impl io::BufRead + 'a) -> Result<Box<dyn Read + 'a>, ReadError> {
        let inner: Box<dyn Read + 'a> = match self {
            Packed::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Packed::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(input)),
            Packed::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
            Packed::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
            Packed::Lzma => {
                let reader = lzma_rust2::LzmaReader::new_mem_limit(input, XZ_MEMORY_KIB, None);
                Box::new(reader.map_err(|why| self.damaged(why))?)
            }
            Packed::Zstd => Box::new(Frames { input: Some(input), frame: None }),
        };
        Ok(Box::new(Unpacking { format: self, inner }))
    }
}

/// Frames of zstd one after the other, as `zstd -c >> file` and log rotation leave them.
struct Frames<R: io::BufRead> {
    input: Option<R>,
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(out)?;
                if n > 0 || out.is_empty() {
                    return Ok(n);
                }
                self.input = self.frame.take().map(|f| f.into_inner());
            }
            let Some(mut input) = self.input.take() else { return Ok(0) };
            if input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(input).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}

/// Says of errors what they are about.
struct Unpacking<'a> {
    format: Packed,
    inner: Box<dyn Read + 'a>,
}

impl Read for Unpacking<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.inner.read(out).map_err(|why| self.format.damaged(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8]) -> Result<String, String> {
        let mut out = Vec::new();
        let mut reader = open(bytes).map_err(|e| format!("{e}: {}", e.help()))?;
        reader.read_to_end(&mut out).map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn utf_16_with_and_without_its_mark() {
        let text = "[  100.000000] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\r\n";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [le.clone(), be.clone(), [&[0xff, 0xfe][..], &le].concat(), [&[0xfe, 0xff][..], &be].concat()] {
            assert_eq!(opened(&bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_text_says_what_to_do() {
        for (bytes, part) in [
            (&b"LPKSHHRH\0\0\0"[..], "journalctl --file FILE -k"),
            (b"PK\x03\x04\0\0", "unzip -p"),
            (b"\x7fELF\x02\x01", "makedumpfile --dump-dmesg"),
            (b"\x1f\x8b\x08\0cut", "gzip data is damaged or cut short"),
            (b"\xfd7zXZ\0cut", "xz data is damaged or cut short"),
            (b"BZh9cut", "bzip2 data is damaged or cut short"),
            (b"\x28\xb5\x2f\xfdcut", "zstd data is damaged or cut short"),
            (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0cut", "lzma data is damaged or cut short"),
            (
                &b"SmFuICAxIDAwOjAwOjAwIG4xIGtlcm5lbDogTWVtLUluZm86CkphbiAgMSAwMDowMDowMCBuMSBr\n".repeat(4),
                "base64 -d FILE",
            ),
        ] {
            assert!(opened(bytes).is_err_and(|why| why.contains(part)), "{part}");
        }
        let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(opened(&noise).is_err_and(|why| why.contains("it is no text")));
        // A log that begins with a hole, as a rotated one has it, is text.
        let hole = [vec![0; 5000], b"Jan  1 00:00:00 n1 kernel: Mem-Info:\n".repeat(9)].concat();
        assert!(opened(&hole).is_ok());
    }
}
