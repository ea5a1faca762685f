#!/usr/bin/env python3
"""Every query of the dashboard, run in a real Prometheus over the metrics of a run.

Arguments: the Prometheus program, its data folder (blocks made by promtool), the dashboard.
"""

import json
import re
import sys
import urllib.parse
import urllib.request

from prometheus_server import PORT, serving

# What a run may not have: nothing is evicted, waits or ends in every run.
MAY_BE_EMPTY = ("kubelet_evictions", "waiting_reason", "last_terminated_reason", "kube_pod_status_reason", "limit_bytes")
BEGIN = 1_767_225_600


def ask(path, **arguments):
    url = f"http://127.0.0.1:{PORT}{path}?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def check(dashboard):
    failed = 0
    count = ask("/api/v1/query_range", query='count(container_memory_usage_bytes{container!=""})', start=BEGIN,
                end=BEGIN + 600, step=30)
    assert count["data"]["result"], 'container!="" finds nothing'
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$node", ".*")
            answer = ask("/api/v1/query_range", query=query, start=BEGIN, end=BEGIN + 600, step=30)
            result = answer["data"]["result"]
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            missing = [name for name in labels if result and not any(name in series["metric"] for series in result)]
            empty = not result and not any(word in query for word in MAY_BE_EMPTY)
            if answer["status"] != "success" or empty or missing:
                failed += 1
                print(f"FAIL {panel['title']}: {query}: {len(result)} series, without {missing}")
    return failed


def main(prometheus, data, dashboard):
    with serving(prometheus, data), open(dashboard, encoding="utf-8") as file:
        failed = check(json.load(file))
    if failed:
        sys.exit(f"{failed} queries failed")
    print("every query of the dashboard has an answer")


main(*sys.argv[1:])
