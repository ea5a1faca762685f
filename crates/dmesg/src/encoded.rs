//! Text that hides a log: base64 in a field, in a mail or like a key, hexadecimal, `%20`. It is not read, and it is no
//! log without a report either; the answer is what it is and how to decode it.

/// What it is, and the command that decodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub what: &'static str,
    pub help: &'static str,
}

/// Base64 alone in a file.
pub(crate) const BASE64: Encoded =
    Encoded { what: "text encoded in base64", help: "decode it: base64 -d FILE | oomsim dmesg -" };
const BASE64_WITHIN: Encoded = Encoded {
    what: "text with a log or a packed file in it that is encoded in base64",
    help: "decode that part: base64 -d PART | oomsim dmesg - (of CloudWatch's subscriptions: jq -r .awslogs.data FILE | \
           base64 -d | oomsim dmesg -)",
};
const BASE64_URL: Encoded = Encoded {
    what: "text encoded in base64 for URLs",
    help: "decode it: tr -- -_ +/ <FILE | base64 -d | oomsim dmesg -",
};
const HEX: Encoded =
    Encoded { what: "text encoded as hexadecimal digits", help: "decode it: xxd -r -p FILE | oomsim dmesg -" };
const DUMP: Encoded = Encoded { what: "a hex dump", help: "undo it: xxd -r FILE | oomsim dmesg -" };
const UU: Encoded =
    Encoded { what: "a uuencoded file", help: "decode it: uudecode -o /dev/stdout FILE | oomsim dmesg -" };
const URL: Encoded = Encoded {
    what: "text encoded for URLs",
    help: "decode it: python3 -c 'import sys, urllib.parse as u; print(u.unquote_plus(sys.stdin.read()))' <FILE | oomsim \
           dmesg -",
};

/// Shortest run of signs that is tried.
const LEAST: usize = 40;
/// Signs of a run that are decoded.
const MOST: usize = 64;
/// Longest part of a line that is looked at.
const MOST_LINE: usize = 4096;

/// What a line of text hides; `None` for a line that is what it seems.
pub(crate) fn encoded(line: &[u8]) -> Option<Encoded> {
    let line = &line[..line.len().min(MOST_LINE)];
    if line.starts_with(b"begin 644 ") || line.starts_with(b"begin-base64 ") {
        return Some(UU);
    }
    if dump(line) {
        return Some(DUMP);
    }
    if line.len() >= LEAST && !line.contains(&b' ') && line.windows(3).filter(|w| *w == b"%20").count() > 3 {
        return Some(URL);
    }
    let sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    let run = line.split(|b| !sign(b)).find(|run| run.len() >= LEAST)?;
    let head = &run[..run.len().min(MOST)];
    if head.iter().all(u8::is_ascii_hexdigit) {
        return hex(head).is_some_and(|bytes| printable(&bytes)).then_some(HEX);
    }
    let bytes = base64(head)?;
    if !(packed(&bytes) || printable(&bytes)) {
        return None;
    }
    let alone = run.len() == line.len();
    let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
    Some(if url {
        BASE64_URL
    } else if alone {
        BASE64
    } else {
        BASE64_WITHIN
    })
}

/// `00000000: 5b20 2020 2020 352e …` of xxd, `00000000  5b 20 20 …  |[  |` of hexdump -C.
fn dump(line: &[u8]) -> bool {
    let Some((offset, rest)) = line.split_at_checked(8) else { return false };
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let digits = rest.iter().take(38).filter(|b| b.is_ascii_hexdigit()).count();
    let only = rest.iter().take(38).all(|b| b.is_ascii_hexdigit() || *b == b' ');
    offset.iter().all(u8::is_ascii_hexdigit) && rest.starts_with(b" ") && only && digits >= 20 && line.len() >= 50
}

/// The beginnings of gzip, zlib, zstd, xz and bzip2.
fn packed(bytes: &[u8]) -> bool {
    let magic: [&[u8]; 7] =
        [b"\x1f\x8b\x08", b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"];
    magic.iter().any(|m| bytes.starts_with(m))
}

/// Words of plain text, as a log has them.
fn printable(bytes: &[u8]) -> bool {
    let text = |b: &u8| (0x20..0x7f).contains(b) || matches!(b, b'\t' | b'\n' | b'\r' | 0x1b);
    bytes.len() >= 20 && bytes.iter().all(text) && bytes.contains(&b' ')
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits.as_chunks::<2>().0.iter().map(|[a, b]| Some(value(*a)? << 4 | value(*b)?)).collect()
}

/// The whole bytes of complete groups of four signs.
fn base64(signs: &[u8]) -> Option<Vec<u8>> {
    let value = |b: u8| {
        Some(match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        })
    };
    let mut out = Vec::with_capacity(MOST);
    for group in signs.split(|b| *b == b'=').next()?.as_chunks::<4>().0 {
        let bits = group.iter().try_fold(0u32, |bits, b| Some(bits << 6 | u32::from(value(*b)?)))?;
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_a_log() {
        // `printf '%s' '[    5.578506] k6p15 invoked oom-killer: gfp_mask=0xcc0' | base64`, and gzip's first bytes.
        let text = "WyAgICA1LjU3ODUwNl0gazZwMTUgaW52b2tlZCBvb20ta2lsbGVyOiBnZnBfbWFzaz0weGNjMA==";
        let gzip = "H4sIAAAAAAAAA51UTW/bMAy951cQOyVA7FmOnQ8DO6zdDgO2Fdh6K4KClujEiCx5kpw2";
        for (line, what) in [
            (text.to_string(), BASE64),
            (format!("{{\"Output\":\"{text}\"}}"), BASE64_WITHIN),
            (format!("  dmesg: {text}"), BASE64_WITHIN),
            (format!("{{\"awslogs\":{{\"data\":\"{gzip}\"}}}}"), BASE64_WITHIN),
            ("H4sIAAAAAAAAA51UTW_bMAy951cQOyVA7FmOnQ8DO6zdDgO2-dh6K4KClujEiCx5kpw2".into(), BASE64_URL),
            ("5b20202020352e3537383530365d206b36703135206f6f6d2d6b696c6c6572".into(), HEX),
            ("00000000: 5b20 2020 2035 2e35 3738 3530 365d 206b  [    5.578506] k".into(), DUMP),
            ("00000000  5b 20 20 20 20 35 2e 35  37 38 35 30 36 5d 20 6b  |[    5.578506] k|".into(), DUMP),
            ("begin 644 dmesg.txt".into(), UU),
            ("%5B%20%20%20%205.578506%5D%20k6p15%20invoked%20oom-killer".into(), URL),
        ] {
            assert_eq!(encoded(line.as_bytes()), Some(what), "{line}");
        }
        for line in [
            // Names of containers, certificates, digests, rows of numbers, and the kernel's own lines.
            "f90b24151029555d49a49d82159ec90c4fec53ba8515bd51a5633d1ff45d8f53",
            "task_memcg=/kubepods/besteffort/pod5f3d2447-f535-4b3d-979c-216d4980cc3f/f90b24151029555d49a49d82159ec90c",
            "MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ",
            "00000000 00000000 00000000",
            "[  100.000009] Node 0 DMA32 free:47104kB boost:0kB min:45056kB low:56320kB high:67584kB",
            "",
        ] {
            assert_eq!(encoded(line.as_bytes()), None, "{line}");
        }
    }
}
