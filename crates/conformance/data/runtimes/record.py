#!/usr/bin/env python3
"""Records what language runtimes believe their memory limit is, and how a program in them ends that leaks.

    record.py NAME=PROGRAM... > runtimes.jsonl       for instance jvm-17=/usr/bin/java node-20=/usr/bin/node

A name is a runtime's row in `oomsim runtimes`. Needs root, a cgroup v1 memory controller or cgroup v2, for the JVM `javac` (its
classes run on every JVM from 8 on), and for .NET Mono's `mcs` (what it compiles runs on .NET, too). Each program runs in a cgroup
of its own with the limit given.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

MIB = 1 << 20
LIMITS = [100, 200, 256, 400, 512, 1024, 1792, 2048, 4096, 8192, 16384]
V2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
ROOT = pathlib.Path("/sys/fs/cgroup") if V2 else pathlib.Path("/sys/fs/cgroup/memory")
LIMIT_FILE = "memory.max" if V2 else "memory.limit_in_bytes"
MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

BELIEF_JAVA = """
public class Belief {
    public static void main(String[] a) {
        System.out.println(Runtime.getRuntime().maxMemory());
    }
}
"""
LEAK_JAVA = """
import java.util.ArrayList;
public class Leak {
    public static void main(String[] a) throws Exception {
        Thread leak = new Thread(() -> {
            ArrayList<byte[]> all = new ArrayList<>();
            while (true) { byte[] b = new byte[1 << 20]; java.util.Arrays.fill(b, (byte) 1); all.add(b); }
        });
        leak.start();
        // Another thread finds the process alive after the leaking one is gone.
        leak.join();
        Thread.sleep(500);
        System.out.println("alive");
    }
}
"""
# By reflection, as the compiler's own library does not have the method.
BELIEF_CS = """
using System;
public class Belief {
    public static void Main() {
        object info = typeof(GC).GetMethod("GetGCMemoryInfo", Type.EmptyTypes).Invoke(null, null);
        Console.WriteLine(info.GetType().GetProperty("TotalAvailableMemoryBytes").GetValue(info, null));
    }
}
"""
LEAK_CS = """
using System.Collections.Generic;
public class Leak {
    public static void Main() {
        var all = new List<byte[]>();
        for (;;) { var b = new byte[1 << 20]; for (int i = 0; i < b.Length; i += 4096) b[i] = 1; all.Add(b); }
    }
}
"""
LEAK_JS = "const all=[]; for(;;) all.push(new Array(131072).fill(all.length+0.5));"
LEAK_GO = """
package main
import ("fmt"; "os"; "runtime"; "strings")
func rss() string {
    status, _ := os.ReadFile("/proc/self/status")
    for _, line := range strings.Split(string(status), "\\n") {
        if strings.HasPrefix(line, "VmRSS") { return strings.Fields(line)[1] }
    }
    return ""
}
func main() {
    // 64 MiB stay live; garbage is made until 40 collections are over.
    live := make([]byte, 64<<20)
    for i := range live { live[i] = 1 }
    var m runtime.MemStats
    var peak uint64
    for m.NumGC < 40 {
        garbage := make([]byte, 1<<20)
        for i := range garbage { garbage[i] = 1 }
        runtime.ReadMemStats(&m)
        if m.HeapAlloc > peak { peak = m.HeapAlloc }
    }
    fmt.Println(peak, rss(), live[5])
}
"""
LEAK_PY = "all=[]\nwhile True: all.append(bytearray(b'x')*(1<<20))"
LEAK_PHP = "$a=[]; while(true) $a[]=str_repeat('x', 1<<20);"


def run(command, limit_mib, env=None, rlimit_as=None, first=False):
    """Exit code (128 + signal) and output of a command in a cgroup with this limit; `first`: as the first process of a PID
    namespace, as a container's is."""
    if first:
        command = ["unshare", "--fork", "--pid", "--mount-proc", *command]
    cgroup = ROOT / f"oomsim-record-{os.getpid()}"
    cgroup.mkdir(exist_ok=True)
    (cgroup / LIMIT_FILE).write_text(str(limit_mib * MIB) if limit_mib else ("max" if V2 else "-1"))

    def enter():
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        if rlimit_as:
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (rlimit_as, rlimit_as))

    done = subprocess.run(command, preexec_fn=enter, env={**os.environ, **(env or {})}, capture_output=True, text=True,
                          timeout=600, cwd=tempfile.gettempdir())
    try:
        (cgroup / ("memory.reclaim" if V2 else "memory.force_empty")).write_text("1G" if V2 else "0")
    except BlockingIOError:
        pass  # There was less than that to reclaim.
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return code, done.stdout.strip()


def row(**fields):
    print(json.dumps(fields), flush=True)


def belief(name, limit, options, heap, **more):
    row(kind="belief", runtime=name, cgroup="v2" if V2 else "v1", cpus=os.cpu_count(), machine_bytes=MACHINE,
        limit_mib=limit, options=options, heap_bytes=heap, **more)


def death(name, what, limit, options, code, alive=False, first=False, **more):
    """`what`: the limit that is met: the runtime's (heap), the cgroup's, or the kernel's refusal (ENOMEM)."""
    row(kind="death", runtime=name, cgroup="v2" if V2 else "v1", machine_bytes=MACHINE, what=what, limit_mib=limit,
        options=options, first=first, exit_code=code, lives_on=alive, **more)


def jvm(name, java, work):
    for source, text in [("Belief", BELIEF_JAVA), ("Leak", LEAK_JAVA)]:
        (work / f"{source}.java").write_text(text)
        subprocess.run(["javac", "--release", "8", "-nowarn", "-d", work, work / f"{source}.java"], check=True,
                       capture_output=True)

    def flags(limit, *options):
        """MaxHeapSize and the collector, as the JVM has worked them out."""
        _, out = run([java, *options, "-XX:+PrintFlagsFinal", "-version"], limit)
        values = {line.split()[1]: line.split()[3] for line in out.splitlines() if len(line.split()) > 3}
        used = [c for c in ["Serial", "Parallel", "G1", "Z"] if values.get(f"Use{c}GC") == "true"]
        return int(values["MaxHeapSize"]), used[0] if used else None

    for limit in LIMITS:
        for options in [[], ["-XX:MaxRAMPercentage=75"]]:
            heap, collector = flags(limit, *options)
            belief(name, limit, options, heap, collector=collector)
    options = ["-XX:ActiveProcessorCount=1"]
    heap, collector = flags(512, *options)
    belief(name, 512, options, heap, collector=collector)
    leak = [java, "-cp", work]
    for options, what in [([], "heap"), (["-XX:+ExitOnOutOfMemoryError"], "heap"),
                          (["-XX:+CrashOnOutOfMemoryError"], "heap")]:
        small = ["-Xmx64m", *options]
        for first in [False, True]:
            code, out = run([*leak, *small, "Leak"], 512, first=first)
            death(name, what, 512, small, code, out == "alive", first)
    code, _ = run([*leak, "-Xmx512m", "Leak"], 128)
    death(name, "cgroup", 128, ["-Xmx512m"], code)


def node(name, program, _work):
    print_limit = "console.log(v8.getHeapStatistics().heap_size_limit)"
    for limit in LIMITS:
        belief(name, limit, [], int(run([program, "-p", "v8.getHeapStatistics().heap_size_limit"], limit)[1]))
    options = ["--max-old-space-size=300"]
    belief(name, 512, options, int(run([program, *options, "-e", print_limit], 512)[1]))
    for first in [False, True]:
        code, _ = run([program, "--max-old-space-size=64", "-e", LEAK_JS], 512, first=first)
        death(name, "heap", 512, ["--max-old-space-size=64"], code, first=first)
    code, _ = run([program, "--max-old-space-size=1024", "-e", LEAK_JS], 200)
    death(name, "cgroup", 200, ["--max-old-space-size=1024"], code)


def go(name, program, work):
    (work / "leak.go").write_text(LEAK_GO)
    subprocess.run([program, "build", "-o", work / "leak", work / "leak.go"], check=True, capture_output=True)
    for env in [{}, {"GOGC": "50"}, {"GOGC": "200"}, {"GOMEMLIMIT": "96MiB"}, {"GOGC": "off", "GOMEMLIMIT": "96MiB"}]:
        _, out = run([work / "leak"], 1024, env)
        peak, rss, _ = out.split()
        row(kind="peak", runtime=name, live_bytes=64 * MIB, env=env, heap_peak_bytes=int(peak), rss_kb=int(rss))
    code, _ = run([work / "leak"], 80)
    death(name, "cgroup", 80, [], code)


def python(name, program, _work):
    code, _ = run([program, "-c", LEAK_PY], 100)
    death(name, "cgroup", 100, [], code)
    code, _ = run([program, "-c", LEAK_PY], 512, rlimit_as=200 * MIB)
    death(name, "ENOMEM", 512, [], code)


def dotnet(name, program, work):
    for source, text in [("Belief", BELIEF_CS), ("Leak", LEAK_CS)]:
        (work / f"{source}.cs").write_text(text)
        subprocess.run(["mcs", f"-out:{work / source}.dll", work / f"{source}.cs"], check=True, capture_output=True)
    framework = {"name": "Microsoft.NETCore.App", "version": name.removeprefix("dotnet-") + ".0"}
    config = work / "config.json"
    config.write_text(json.dumps({"runtimeOptions": {"framework": framework}}))
    start = [program, "exec", "--runtimeconfig", config]
    plain = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    settings = [{}, {"COMPlus_GCHeapHardLimit": "0x8000000"}, {"COMPlus_GCHeapHardLimitPercent": "32"}]
    for limit in LIMITS:
        for env in settings:
            _, out = run([*start, work / "Belief.dll"], limit, {**plain, **env})
            belief(name, limit, [], int(out), env=env)
    for first in [False, True]:
        code, _ = run([*start, work / "Leak.dll"], 512, {**plain, **settings[1]}, first=first)
        death(name, "heap", 512, [], code, first=first, env=settings[1])
    large = {"COMPlus_GCHeapHardLimit": "0x20000000"}
    code, _ = run([*start, work / "Leak.dll"], 200, {**plain, **large})
    death(name, "cgroup", 200, [], code, env=large)


def php(name, program, _work):
    code, _ = run([program, "-n", "-d", "memory_limit=64M", "-r", LEAK_PHP], 512)
    death(name, "heap", 512, ["-d", "memory_limit=64M"], code)
    _, out = run([program, "-n", "-r", "echo ini_get('memory_limit');"], 512)
    belief(name, 512, [], 128 * MIB if out == "128M" else out)


KINDS = {"jvm": jvm, "node": node, "go": go, "dotnet": dotnet, "python": python, "php": php}

for argument in sys.argv[1:]:
    name, program = argument.split("=", 1)
    with tempfile.TemporaryDirectory() as work:
        KINDS[name.split("-")[0]](name, program, pathlib.Path(work))
