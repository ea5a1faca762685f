use super::*;

/// Prefixes of the tools, from the texts of docs/SOURCES.md, public issue threads and the tools' own manuals.
#[test]
fn every_prefix_leaves_the_message() {
    let message = "dotnet invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-997";
    for prefix in [
        "",
        "[ 8334.895293] ",
        "[Sat Apr 27 22:56:09 2019] ",
        "[Mar 22 14:23:01] ",
        "[11:02:17] ",
        "[2-3219.1870] ",
        "[ 8334.895293,0] ",
        "Jan 16 21:33:51 aks-agentpool-20086390-vmss00003K kernel: [ 8334.895293] ",
        "Jan 16 21:33:51 node kernel: ",
        "Jan 16 21:33:51 node kernel:",
        "Jan 16 21:33:51.895293 node kernel: ",
        "`- Jan 14 18:01:55 node kernel: [ 1432.394489] ",
        "> Nov 30 10:16:57 node kernel: ",
        "2022-01-16T21:33:51+0000 node kernel: ",
        "2022-01-16T21:33:51.895293+00:00 node kernel: [ 8334.895293] ",
        "2022-01-16 21:33:51 node kernel: ",
        "Sun 2022-01-16 21:33:51 UTC node kernel: ",
        "1642368831.895293 node kernel: ",
        "<4>[ 8334.895293] ",
        "<4>Jan 16 21:33:51 node kernel: [ 8334.895293] ",
        "<4>1 2022-01-16T21:33:51.895293+00:00 node kernel - - - ",
        "<4>1 2022-01-16T21:33:51Z node kernel - - - [ 8334.895293] ",
        "4,1034,8334895293,-;",
        "4,1034,8334895293,-,caller=T14300;",
        "[ 8334.895293][T14300] ",
        "[ 8334.895293] [ T14300] ",
        "kern  :warn  : [ 8334.895293] ",
        "kern  :warn  : [Sat Apr 27 22:56:09 2019] ",
        "kern: warning: [2026-01-12T20:27:31.913975631Z]: ",
        "2022-01-16T21:33:51,895293+00:00 ",
        "2023-12-04T10:49:30.127Z In(05) vcpu-5 - Guest: <6>[39291577.009360] ",
        "kernel: ",
        // journalctl -o short-monotonic, dmesg --time-format=delta, CRI, kubectl logs --prefix --timestamps,
        // a relay's header, busybox, netconsole with the release.
        "[  100.000000] n1 kernel: ",
        "[<    0.000001>] ",
        "[  100.000000 <    0.000001>] ",
        "[  +0.000001] ",
        "2026-01-01T00:00:00.123456789Z stdout F [  100.000000] ",
        "[pod/kube-system/logger-x2v/log] 2026-01-01T00:00:00.123456789Z [  100.000000] ",
        "Jan 16 21:33:52 relay Jan 16 21:33:51 node kernel: [ 8334.895293] ",
        "2026-01-01T00:00:00Z relay 2026-01-01T00:00:00Z node kernel: ",
        "Thu Jan  1 00:00:00 2026 kern.warn kernel: [  100.000000] ",
        "<4>1 2026-01-01T00:00:00Z node kernel 12 ID47 [meta sequenceId=\"1\"] ",
        "6.4.0,4,1034,8334895293,-;",
        "# → [Mar 22 14:23:01] ",
    ] {
        let line = format!("{prefix}{message}");
        assert_eq!(strip(&line).text, message, "prefix {prefix:?}");
        assert_eq!(strip(&line).marked, !prefix.is_empty(), "prefix {prefix:?}");
    }
}

#[test]
fn a_row_of_the_table_is_not_a_stamp() {
    for row in ["[25160] 0 25160 256 1 28672 0 -998 pause", "[  pid  ]   uid  tgid total_vm"] {
        assert_eq!(strip(row).text, row);
        assert!(!strip(row).marked);
        let stamped = format!("[   10.656977] {row}");
        assert_eq!(strip(&stamped).text, row);
    }
    assert_eq!(strip("[ 8334.895293] x").uptime_us, Some(8_334_895_293));
    assert_eq!(strip("Jan 16 21:33:51 node kernel: x").host, Some("node"));
    assert_eq!(strip("4,1034,8334895293,-,caller=T14300;x").caller, Some("T14300"));
}

#[test]
fn other_programs_lines_keep_their_tag() {
    let line = "Jan 14 18:02:17 node kubelet[3044]: I0114 Killed process 1 (x)";
    assert_eq!(strip(line).text, "node kubelet[3044]: I0114 Killed process 1 (x)");
}
