//! The page about kernel logs shows what the program says.

/// Blocks of one kind in the page's order.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let start = format!("```{kind}\n");
    page.split(&start).skip(1).map(|rest| rest.split("\n```").next().unwrap_or("")).collect()
}

#[test]
fn the_situations_come_out_as_shown() {
    let page = include_str!("../../../docs/dmesg.md");
    let (logs, texts) = (blocks(page, "log"), blocks(page, "text"));
    assert_eq!((logs.len(), texts.len()), (10, 10));
    for (log, shown) in logs.iter().zip(texts) {
        let log = format!("{log}\n");
        let text = oomsim_dmesg::explain_log(log.as_bytes(), oomsim_dmesg::Known::default()).expect("readable");
        assert_eq!(text.trim_end(), shown);
    }
}
