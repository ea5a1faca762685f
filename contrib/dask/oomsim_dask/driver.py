"""Hands out ranges of a study's plan to the workers of a cluster and puts the parts together."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

import cloudpickle
from distributed import Client, as_completed

PART = re.compile(r"^(\d+)-(\d+)$")


class StudyError(RuntimeError):
    """The study is wrong, or a batch failed for good."""


def oomsim(binary: str, *arguments: str, cwd: str | None = None, accept: tuple[int, ...] = (0,)) -> str:
    """Runs the program and returns what it prints."""
    done = subprocess.run([binary, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode not in accept:
        raise StudyError(f"{binary} {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def batch(files: dict[str, bytes], study: str, binary: str, first: int, end: int) -> tuple[bytes, float]:
    """One task: runs ``first`` to ``end - 1`` on a worker; returns their journal and the seconds it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oomsim-") as folder:
        for name, content in files.items():
            path = Path(folder, "study", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        oomsim(binary, "sweep", "run", study, "--runs", f"{first}..{end}", "--out", f"{folder}/part", "--jobs", "1",
               cwd=f"{folder}/study")
        return Path(folder, "part", "journal").read_bytes(), time.monotonic() - began


def files_of(study: Path, plan: dict) -> tuple[dict[str, bytes], str]:
    """The study's files by their path below a common folder, and the study's own path among them."""
    scenario = Path(plan["scenario"]).resolve()
    paths = [study.resolve(), scenario]
    paths += [Path(os.path.normpath(scenario.parent / name)) for name in plan["files"]]
    common = Path(os.path.commonpath([str(path.parent) for path in paths]))
    return {str(path.relative_to(common)): path.read_bytes() for path in paths}, str(paths[0].relative_to(common))


def gaps(parts: Path, runs: int) -> list[tuple[int, int]]:
    """The ranges of the plan that no finished part covers."""
    names = [PART.match(entry.name) for entry in parts.iterdir() if (entry / "journal").is_file()]
    covered = sorted((int(m[1]), int(m[2])) for m in names if m)
    missing, at = [], 0
    for first, end in covered:
        if first > at:
            missing.append((at, first))
        at = max(at, end)
    return missing + ([(at, runs)] if at < runs else [])


class Batches:
    """Cuts the missing ranges into batches of about ``seconds`` each, as fast as the workers turn out to be."""

    def __init__(self, missing: list[tuple[int, int]], seconds: float) -> None:
        self.missing = missing
        self.seconds = seconds
        self.rate: float | None = None

    def learn(self, runs: int, seconds: float) -> None:
        rate = runs / max(seconds, 1e-3)
        self.rate = rate if self.rate is None else 0.7 * self.rate + 0.3 * rate

    def next(self) -> tuple[int, int] | None:
        if not self.missing:
            return None
        size = 16 if self.rate is None else max(1, int(self.rate * self.seconds))
        first, end = self.missing[0]
        cut = min(first + size, end)
        self.missing[0:1] = [(cut, end)] if cut < end else []
        return first, cut


def keep(parts: Path, first: int, end: int, journal: bytes) -> None:
    """A part appears whole or not at all."""
    final = parts / f"{first}-{end}"
    draft = Path(tempfile.mkdtemp(prefix=".part-", dir=parts))
    (draft / "journal").write_bytes(journal)
    if final.exists():
        (final / "journal").replace(draft / "journal.old")
        (draft / "journal").replace(final / "journal")
    else:
        draft.rename(final)


def run_study(
    client: Client,
    study: str | os.PathLike,
    out: str | os.PathLike,
    *,
    binary: str = "oomsim",
    worker_binary: str | None = None,
    batch_seconds: float = 3.0,
    retries: int = 3,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Runs a study on a cluster and writes the results to ``out``; returns what ``oomsim sweep merge`` says.

    ``binary`` is the program here, ``worker_binary`` on the workers. Parts that are in ``out`` already are kept, so that
    an interrupted study goes on where it was. A worker that is lost costs the batches it was running.
    """
    # The workers need the program, but not this package: the task is sent as it is. (A function of a module would be
    # sent as its name; an inner one is sent whole.)
    cloudpickle.register_pickle_by_value(sys.modules[__package__])

    def task(*arguments):
        return batch(*arguments)

    study, out = Path(study), Path(out)
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    plan = json.loads(oomsim(binary, "sweep", "plan", str(study), "--count", "--format", "json"))
    files, name = files_of(study, plan)
    runs = plan["runs"]
    batches = Batches(gaps(parts, runs), batch_seconds)
    done = runs - sum(end - first for first, end in batches.missing)
    tries: dict[tuple[int, int], int] = {}
    waiting: dict[object, tuple[int, int]] = {}
    finished = as_completed([], with_results=False)

    def submit(first: int, end: int) -> None:
        attempt = tries.get((first, end), 0)
        key = f"oomsim-{plan['plan']}-{first}-{end}-{attempt}"
        future = client.submit(task, files, name, worker_binary or binary, first, end, key=key, pure=False)
        waiting[future] = (first, end)
        finished.add(future)

    def fill() -> None:
        # Two batches per thread, so that no worker waits for the driver; the cluster may grow and shrink.
        wanted = 2 * max(1, sum(client.nthreads().values()))
        while len(waiting) < wanted and (part := batches.next()):
            submit(*part)

    fill()
    for future in finished:
        first, end = waiting.pop(future)
        try:
            journal, seconds = future.result()
        except Exception as error:  # whatever a worker raises, the scheduler's KilledWorker included
            tries[first, end] = tries.get((first, end), 0) + 1
            if tries[first, end] > retries:
                raise StudyError(f"runs {first}..{end} failed {tries[first, end]} times: {error}") from error
            submit(first, end)
            continue
        keep(parts, first, end, journal)
        batches.learn(end - first, seconds)
        done += end - first
        if on_progress:
            on_progress(done, runs)
        fill()
    merged = oomsim(binary, "sweep", "merge", str(study), str(parts), "--out", str(out), "--format", "json",
                    accept=(0, 1))
    result = json.loads(merged)
    if result.get("missing"):
        raise StudyError(f"{result['missing']} runs are missing: {result['missing_runs'][:10]}")
    return result


def terminal_progress() -> Callable[[int, int], None] | None:
    """Prints rate and time left on a terminal."""
    if not sys.stderr.isatty():
        return None
    began, start = time.monotonic(), None

    def show(done: int, runs: int) -> None:
        nonlocal start
        start = done if start is None else start
        rate = (done - start) / max(time.monotonic() - began, 1e-3)
        left = f", {(runs - done) / rate:.0f} s left" if rate > 0 else ""
        end = "\n" if done == runs else ""
        print(f"\r{done} of {runs} runs, {rate:.0f} per second{left}\x1b[K", end=end, file=sys.stderr, flush=True)

    return show
