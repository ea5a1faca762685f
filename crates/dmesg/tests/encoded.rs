//! What is not text, or not the log itself: unpacked, or refused with the command that decodes it.

mod forms;

use forms::read;
use std::io::Write as _;

const PLAIN: &str = include_str!("data/cases/07-base-all-right.log");
const GROUP: &str = include_str!("data/cases/32-group-kill-without-its-announcement.log");

#[test]
fn zlib_is_unpacked() {
    for level in [flate2::Compression::none(), flate2::Compression::fast(), flate2::Compression::best()] {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(PLAIN.as_bytes()).expect("memory");
        let packed = encoder.finish().expect("memory");
        assert_eq!(read(&packed), read(PLAIN.as_bytes()));
    }
}

/// The chosen process is named a second time within its group; neither stamps nor hosts are needed to see it.
#[test]
fn a_group_without_its_announcement_in_any_form() {
    let plain = read(GROUP.as_bytes());
    assert_eq!((plain.len(), plain[0].killed.len()), (1, 2));
    for prefix in ["", "Jan  1 00:01:40 n1 kernel: ", "[Thu Jan  1 00:01:40 2026] ", "2026-01-01T00:01:40Z "] {
        let text = GROUP.lines().map(|l| format!("{prefix}{}\n", l.split_once("] ").expect("a stamp").1));
        assert_eq!(read(text.collect::<String>().as_bytes()), plain, "{prefix:?}");
    }
}

/// `printf '%s\n' TEXT | base64`, `gzip`, `xxd`, `uuencode` of this line, by the tools themselves.
#[test]
fn encoded_texts_are_refused_with_the_way_on() {
    let text = "WyAgICA1LjU3ODUwNl0gazZwMTUgaW52b2tlZCBvb20ta2lsbGVyOiBnZnBfbWFzaz0weGNjMA==";
    let head = "From: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n";
    for (input, command) in [
        (format!("{text}\n"), "base64 -d FILE"),
        (format!("{head}{text}\n"), "base64 -d FILE"),
        (format!("{{\"InstanceId\":\"i-0\",\"Output\":\"{text}\"}}"), "base64 -d PART"),
        (r#"{"awslogs":{"data":"H4sIAAAAAAAA/51UTW/bMAy951cQOyVA7FmOnQ8DO6zdDg=="}}"#.into(), "jq -r .awslogs.data"),
        (format!("kind: Secret\ndata:\n  dmesg: {text}\n"), "base64 -d PART"),
        (format!("data:text/plain;base64,{text}\n"), "base64 -d PART"),
        ("5b20202020352e3537383530365d206b36703135206f6f6d2d6b696c6c6572\n".into(), "xxd -r -p FILE"),
        ("00000000: 5b20 2020 2035 2e35 3738 3530 365d 206b  [    5.578506] k\n".into(), "xxd -r FILE"),
        ("begin 644 dmesg.txt\nM6R`@(\"`U+C4W.#4P-ET@:S9P,34@:6YV;VME9\"!O;VT-\n`\nend\n".into(), "uudecode"),
        ("%5B%20%20%20%205.578506%5D%20k6p15%20invoked%20oom-killer%3A\n".into(), "urllib.parse"),
    ] {
        let why = oomsim_dmesg::read(input.as_bytes()).expect_err(&input);
        assert!(why.help().contains(command), "{input}: {why}: {}", why.help());
    }
    // Where the log itself was read, what else stands in it is of no interest.
    assert_eq!(read(format!("{text}\n{PLAIN}").as_bytes()), read(PLAIN.as_bytes()));
    assert!(read(b"Jan  1 00:01:40 n1 systemd[1]: Started Session 3 of user core.\n").is_empty());
}
