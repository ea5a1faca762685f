#!/usr/bin/env python3
"""Holds the files of the repository against the JSON Schemas that `oomsim schema` prints.

usage: schema.py OOMSIM

Every scenario, study and goal is valid, every scenario in scenarios/invalid that is wrong by its keys or by the form of a value
is not, and every wrong form in CASES is found at its place.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

from jsonschema import Draft202012Validator

# Wrong by what they say, not by their form: what a schema cannot see. `syntax.toml` and `duplicates.toml` are not TOML, or not
# only wrong by form.
BEYOND_A_SCHEMA = {"duplicates.toml", "kubelet-does-not-start.toml", "kubelet-files.toml", "manifests.toml",
                   "references.toml", "study.toml", "syntax.toml"}

NODE = '[node]\nmemory = "8Gi"\n'
POD = NODE + '[[pod]]\nname = "a"\n[[pod.container]]\nname = "c"\n'
# A text, and the path at which it is wrong.
CASES = [
    (NODE + 'memroy = "8Gi"', "node"),
    ("seed = -1\n" + NODE, "seed"),
    ("nodes = 0\n" + NODE, "nodes"),
    ('duration = "5 minutes"\n' + NODE, "duration"),
    ('[node]\nmemory = "8GB"', "node.memory"),
    ('[node]\nmemory = true', "node.memory"),
    (NODE + "cpus = 5000", "node.cpus"),
    (NODE + '[kernel]\ncgroup = "v3"', "kernel.cgroup"),
    (NODE + '[kernel]\nsysctl = { "vm.swapiness" = 60 }', "kernel.sysctl"),
    (NODE + '[kernel]\nlru = "old"', "kernel.lru"),
    (NODE + "[kubelet]\nfailSwapOn = 1", "kubelet.failSwapOn"),
    (NODE + '[kubelet]\npreset = "eka"', "kubelet.preset"),
    (NODE + '[kubelet.timing]\nresyncPeriod = "soon"', "kubelet.timing.resyncPeriod"),
    (POD + 'onTerm = "never"', "pod.0.container.0.onTerm"),
    (POD + "workload = {}", "pod.0.container.0.workload"),
    (POD + 'workload.leak = { block = "1Mi" }', "pod.0.container.0.workload.leak"),
    (POD + 'workload.leak = { block = "1Mi", every = "1s", touched = "120 percent" }', "pod.0.container.0.workload.leak.touched"),
    (POD + 'workload.script = [{ sleep = "1s", anon = "1Mi" }]', "pod.0.container.0.workload.script.0"),
    (POD + 'workload.script = [{ sleep = "1s", touched = "5%" }]', "pod.0.container.0.workload.script.0"),
    (NODE + '[[at]]\ntime = "1s"', "at.0"),
    (NODE + '[[at]]\ntime = "1s"\nsignal = "SIGUSR1"\nprocess = "a"', "at.0.signal"),
    (NODE + '[[expect]]\nevent = "OomKill"', "expect.0"),
    (NODE + '[[expect]]\nsource = "x"\nevent = "OomKil"', "expect.0.event"),
    (NODE + '[[expect]]\nsource = "x"\ntotal = "evictions"\ncount = 0\npeak = "1Gi"', "expect.0"),
]


def main() -> int:
    oomsim = sys.argv[1]
    validators = {}
    for kind in ("scenario", "study", "goal"):
        schema = json.loads(subprocess.run([oomsim, "schema", kind], check=True, capture_output=True).stdout)
        Draft202012Validator.check_schema(schema)
        validators[kind] = Draft202012Validator(schema)
    root = pathlib.Path(__file__).resolve().parent.parent
    wrong, counts = [], {"scenario": 0, "study": 0, "goal": 0}
    for path in sorted([*root.glob("scenarios/**/*.toml"), *root.glob("studies/**/*.toml")]):
        name = str(path.relative_to(root))
        try:
            data = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as why:
            if path.name not in BEYOND_A_SCHEMA:
                wrong.append(f"{name}: {why}")
            continue
        kind = {str: "study", list: "goal"}.get(type(data.get("scenario")), "scenario")
        errors = sorted(validators[kind].iter_errors(data), key=lambda error: error.json_path)
        if "invalid" in path.parts:
            if not errors and path.name not in BEYOND_A_SCHEMA:
                wrong.append(f"{name} is valid")
            continue
        counts[kind] += 1
        wrong += [f"{name}: {error.json_path}: {error.message}" for error in errors]
    for text, place in CASES:
        found = {".".join(map(str, error.absolute_path)) for error in validators["scenario"].iter_errors(tomllib.loads(text))}
        if not any(path == place or path.startswith(f"{place}.") for path in found):
            wrong.append(f"found {sorted(found)}, expected {place} in\n{text}")
    print("\n".join(wrong) or f"valid: {counts}; {len(CASES)} wrong forms found")
    return bool(wrong) or min(counts.values()) == 0


if __name__ == "__main__":
    sys.exit(main())
