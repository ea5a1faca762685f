"""``oomsim-dask STUDY --out DIR``."""

import argparse
import sys

from distributed import Client

from .driver import StudyError, run_study, terminal_progress


def main() -> int:
    parser = argparse.ArgumentParser(prog="oomsim-dask", description="Runs an oomsim study on a Dask cluster.")
    parser.add_argument("study", help="study file")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--scheduler", help="address of the scheduler; default: a cluster of local processes")
    parser.add_argument("--binary", default="oomsim", help="the oomsim program here")
    parser.add_argument("--worker-binary", help="the oomsim program on the workers; default: as here")
    parser.add_argument("--batch-seconds", type=float, default=3.0, help="how long a batch should take")
    parser.add_argument("--retries", type=int, default=3, help="how often a batch is tried again")
    args = parser.parse_args()
    try:
        # Workers run what they are sent: neither they nor the dashboard listen beyond this machine.
        local = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
        with Client(args.scheduler) if args.scheduler else Client(**local) as client:
            result = run_study(client, args.study, args.out, binary=args.binary, worker_binary=args.worker_binary,
                               batch_seconds=args.batch_seconds, retries=args.retries,
                               on_progress=terminal_progress())
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{result['runs']} runs, result {result['result']} in {result['folder']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
