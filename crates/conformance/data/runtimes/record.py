#!/usr/bin/env python3
"""Records what language runtimes believe their memory limit is, and how a program in them ends that leaks.

    record.py NAME=PROGRAM... > runtimes.jsonl       for instance jvm-17=/usr/bin/java node-20=/usr/bin/node

A name is a runtime's row in `oomsim runtimes`. Needs root, a cgroup v1 memory controller or cgroup v2, and for the JVM
`javac` (its classes run on every JVM from 8 on). Each program runs in a cgroup of its own with the limit given.
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


def run(command, limit_mib, env=None, rlimit_as=None):
    """Exit code (128 + signal) and output of a command in a cgroup with this limit."""
    cgroup = ROOT / f"oomsim-record-{os.getpid()}"
    cgroup.mkdir(exist_ok=True)
    (cgroup / LIMIT_FILE).write_text(str(limit_mib * MIB) if limit_mib else ("max" if V2 else "-1"))

    def enter():
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        if rlimit_as:
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (rlimit_as, rlimit_as))

    done = subprocess.run(command, preexec_fn=enter, env={**os.environ, **(env or {})}, capture_output=True, text=True,
                          timeout=120, cwd=tempfile.gettempdir())
    (cgroup / ("memory.reclaim" if V2 else "memory.force_empty")).write_text("1G" if V2 else "0")
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return code, done.stdout.strip()


def row(**fields):
    print(json.dumps(fields), flush=True)


def belief(name, limit, options, heap):
    row(kind="belief", runtime=name, cgroup="v2" if V2 else "v1", cpus=os.cpu_count(), limit_mib=limit,
        options=options, heap_bytes=heap)


def death(name, what, limit, options, code, alive=False):
    """`what`: the limit that is met: the runtime's (heap), the cgroup's, or the kernel's refusal (ENOMEM)."""
    row(kind="death", runtime=name, what=what, limit_mib=limit, options=options, exit_code=code, lives_on=alive)


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
            row(kind="belief", runtime=name, cgroup="v2" if V2 else "v1", cpus=os.cpu_count(), limit_mib=limit,
                options=options, heap_bytes=heap, collector=collector)
    heap, collector = flags(512, "-XX:ActiveProcessorCount=1")
    row(kind="belief", runtime=name, cgroup="v2" if V2 else "v1", cpus=1, limit_mib=512, options=[], heap_bytes=heap,
        collector=collector)
    leak = [java, "-cp", work]
    for options, what in [([], "heap"), (["-XX:+ExitOnOutOfMemoryError"], "heap"),
                          (["-XX:+CrashOnOutOfMemoryError"], "heap")]:
        small = ["-Xmx64m", *options]
        code, out = run([*leak, *small, "Leak"], 512)
        death(name, what, 512, small, code, out == "alive")
    code, _ = run([*leak, "-Xmx512m", "Leak"], 128)
    death(name, "cgroup", 128, ["-Xmx512m"], code)


def node(name, program, _work):
    print_limit = "console.log(v8.getHeapStatistics().heap_size_limit)"
    for limit in LIMITS:
        belief(name, limit, [], int(run([program, "-p", "v8.getHeapStatistics().heap_size_limit"], limit)[1]))
    options = ["--max-old-space-size=300"]
    belief(name, 512, options, int(run([program, *options, "-e", print_limit], 512)[1]))
    code, _ = run([program, "--max-old-space-size=64", "-e", LEAK_JS], 512)
    death(name, "heap", 512, ["--max-old-space-size=64"], code)
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


def php(name, program, _work):
    code, _ = run([program, "-n", "-d", "memory_limit=64M", "-r", LEAK_PHP], 512)
    death(name, "heap", 512, ["-d", "memory_limit=64M"], code)
    _, out = run([program, "-n", "-r", "echo ini_get('memory_limit');"], 512)
    belief(name, 512, [], 128 * MIB if out == "128M" else out)


KINDS = {"jvm": jvm, "node": node, "go": go, "python": python, "php": php}

for argument in sys.argv[1:]:
    name, program = argument.split("=", 1)
    with tempfile.TemporaryDirectory() as work:
        KINDS[name.split("-")[0]](name, program, pathlib.Path(work))
