"""Runs oomsim studies on a Dask cluster.

The contract is that of ``oomsim sweep``: the plan is a deterministic list of runs, a batch is a range of it, and the
union of all batches is the result, no matter which worker ran them and how often.
"""

from .driver import StudyError, run_study

__all__ = ["StudyError", "run_study"]
