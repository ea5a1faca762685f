#!/usr/bin/env python3
"""A run's own metrics in a real Prometheus, imported from there over TLS: the same curves, the same verdict.

Arguments: oomsim, the Prometheus program, promtool.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from prometheus_server import serving

BEGIN = 1_767_225_600
MINUTES = 20
STEP = 30
KUBELET = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
kubeReserved: { memory: 400Mi }
evictionHard: { memory.available: 100Mi }
evictionSoft: { memory.available: 600Mi }
evictionSoftGracePeriod: { memory.available: 1m30s }
"""
# Of 4096 MiB 450 are the system's and 500 web's: leak, which grows by 4 MiB/s from 200, leaves 600 after 587 s, and is to
# be evicted 90 s later with 2.9 GiB, before it comes to the hard threshold.
SCENARIO = f"""duration = "{MINUTES}m"
[node]
name = "worker"
memory = "4Gi"
system = {{ anon = "300Mi", kernel = "150Mi" }}
[kubelet]
version = "1.32"
config = "kubelet.yaml"
[[pod]]
name = "web"
[[pod.container]]
name = "app"
resources = {{ requests = {{ memory = "512Mi" }}, limits = {{ memory = "1Gi" }} }}
workload.steady = {{ anon = "500Mi" }}
[[pod]]
name = "leak"
[[pod.container]]
name = "app"
resources = {{ requests = {{ memory = "256Mi" }} }}
workload.ramp = {{ from = "200Mi", rate = "4Mi" }}
"""


def call(*words, expected=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != expected:
        sys.exit(f"{words}: exit code {done.returncode}, not {expected}\n{done.stdout}{done.stderr}")
    return done.stdout


def certificates(folder):
    """A private authority, and a certificate of it for localhost."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    call("openssl", "req", "-x509", *key, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2",
         "-subj", "/CN=oomsim test authority")
    call("openssl", "req", *key, "-keyout", folder / "key.pem", "-out", folder / "request.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    call("openssl", "x509", "-req", "-in", folder / "request.pem", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
         "-CAcreateserial", "-days", "2", "-extfile", folder / "names", "-out", folder / "cert.pem")
    web = folder / "web.yml"
    web.write_text(f"tls_server_config: {{ cert_file: {folder / 'cert.pem'}, key_file: {folder / 'key.pem'} }}\n")
    return web


def curves(metrics):
    """Working sets by pod and time."""
    pattern = re.compile(r'container_memory_working_set_bytes{.*pod="(\w+)",container="app"} (\d+) (\d+)')
    found = (pattern.match(line) for line in metrics.read_text().splitlines())
    return {(match[1], int(match[3]) - BEGIN): int(match[2]) for match in found if match}


def verdict(run):
    kinds = ("Evicted", "OomKill")
    return [(event["kind"], event.get("pod"), event["t"]) for event in json.loads(run)["events"] if event["kind"] in kinds]


def main(oomsim, prometheus, promtool):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kubelet.yaml").write_text(KUBELET)
        scenario = folder / "scenario.toml"
        scenario.write_text(SCENARIO)
        run = verdict(call(oomsim, "run", scenario, "--out", folder / "run", "--metrics", "--format", "json"))
        assert [event[:2] for event in run] == [("Evicted", "leak")], run
        # The pods are listed while both are there.
        call(oomsim, "run", scenario, "--until", "9m", "--out", folder / "objects", "--objects")
        call(promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "run/metrics.om", folder / "tsdb")
        web = certificates(folder)
        with serving(prometheus, folder / "tsdb", web) as address:
            ask = [oomsim, "import", folder / "objects/node.json", folder / "objects/pods.json", folder / "kubelet.yaml",
                   "--prometheus", address, "--since", f"{MINUTES}m", "--until", BEGIN + MINUTES * 60, "--out",
                   folder / "imported"]
            # Nothing is asked of a server that none vouches for.
            call(*ask, expected=2)
            print(call(*ask, "--ca-file", folder / "ca.pem"))
        again = verdict(call(oomsim, "run", folder / "imported/scenario.toml", "--out", folder / "again", "--metrics",
                             "--format", "json"))
        before, after = curves(folder / "run/metrics.om"), curves(folder / "again/metrics.om")
    assert [event[:2] for event in again] == [event[:2] for event in run], (run, again)
    # The pods' first sample is the second scrape: the imported run begins there.
    assert abs(again[0][2] + STEP - run[0][2]) <= STEP, (run, again)
    evicted = min(run[0][2], again[0][2] + STEP)
    compared = [((pod, at), value, after.get((pod, at - STEP), 0)) for (pod, at), value in before.items()
                if 2 * STEP <= at < evicted]
    apart = [row for row in compared if abs(row[1] - row[2]) > row[1] / 50]
    assert len(compared) > 30 and not apart, apart
    print(f"{len(compared)} points of {len({key[0] for key in before})} curves are the same, and so is the verdict: {again}")


main(*sys.argv[1:])
