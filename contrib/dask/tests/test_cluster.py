"""A scheduler and two worker processes; one is killed in the middle. The result has to be that of a local run."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from distributed import Client

from oomsim_dask import run_study
from oomsim_dask.driver import Batches, gaps

REPOSITORY = Path(__file__).resolve().parents[3]
STUDY = REPOSITORY / "studies" / "leak-rates.toml"


def binary() -> str:
    if given := os.environ.get("OOMSIM"):
        return given
    for profile in ("release", "debug"):
        path = REPOSITORY / "target" / profile / "oomsim"
        if path.is_file():
            return str(path)
    raise unittest.SkipTest("build oomsim first, or set OOMSIM")


class Cluster(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="oomsim-dask-test-")
        self.addCleanup(self.folder.cleanup)
        self.out = Path(self.folder.name)

    def process(self, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        # The workers have Dask, and nothing of this package.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.out,
                                   env=environment)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def test_a_killed_worker_does_not_change_the_result(self) -> None:
        oomsim = binary()
        local = subprocess.run([oomsim, "sweep", str(STUDY), "--out", str(self.out / "local"), "--format", "json"],
                               check=True, capture_output=True, text=True)
        expected = json.loads(local.stdout)
        address = self.out / "scheduler.json"
        self.process("dask_scheduler", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(address))
        workers = [
            self.process("dask_worker", "--scheduler-file", str(address), "--no-nanny", "--nthreads", "1",
                         "--dashboard-address", ":0")
            for _ in range(2)
        ]
        seen: list[tuple[int, int]] = []

        def on_progress(done: int, runs: int) -> None:
            seen.append((done, runs))
            if done > runs // 4 and workers[0].poll() is None:
                workers[0].send_signal(signal.SIGKILL)
                workers[0].wait()

        with Client(scheduler_file=str(address), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            result = run_study(client, STUDY, self.out / "cluster", binary=oomsim, batch_seconds=0.3,
                               on_progress=on_progress)
        self.assertIsNotNone(workers[0].returncode, "the worker was killed before the end")
        self.assertEqual(seen[-1][0], expected["runs"])
        self.assertGreater(len(seen), 4, "the work came in batches")
        self.assertEqual(result["result"], expected["result"])
        same = [(self.out / where / "runs.csv").read_bytes() for where in ("local", "cluster")]
        self.assertEqual(same[0], same[1])


class Ranges(unittest.TestCase):
    def test_gaps_by_hand(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            parts = Path(folder)
            self.assertEqual(gaps(parts, 10), [(0, 10)])
            for name in ("2-4", "3-6", "8-9", "junk", "5-7.old"):
                (parts / name).mkdir()
                (parts / name / "journal").touch()
            (parts / "0-10").mkdir()  # without a journal: not finished
            self.assertEqual(gaps(parts, 10), [(0, 2), (6, 8), (9, 10)])

    def test_batches_follow_the_speed(self) -> None:
        batches = Batches([(0, 20), (30, 1000)], seconds=2.0)
        self.assertEqual([batches.next(), batches.next()], [(0, 16), (16, 20)])
        batches.learn(100, 1.0)
        self.assertEqual(batches.next(), (30, 230))
        batches.missing.clear()
        self.assertIsNone(batches.next())


if __name__ == "__main__":
    unittest.main()
