#!/usr/bin/env python3
"""series.parquet and pods.parquet, read by pyarrow, have the figures of series.csv. Argument: the folder of --out."""

import csv
import sys
from pathlib import Path

import pyarrow.parquet as pq


def main(folder):
    with open(folder / "series.csv", newline="") as file:
        rows = list(csv.reader(file))
    names, rows = rows[0], rows[1:]
    series = pq.read_table(folder / "series.parquet")
    columns = series.column_names
    assert columns == names[: len(columns)], columns
    for place, name in enumerate(columns):
        here, there = series.column(name).to_pylist(), [float(row[place]) for row in rows]
        assert all(abs(a - b) < 1e-6 for a, b in zip(here, there, strict=True)), name
    pods = pq.read_table(folder / "pods.parquet")
    found = sorted((t, pod, ws) for t, pod, ws in zip(*(pods.column(name).to_pylist() for name in ("t", "pod", "working_set"))))
    expected = sorted(
        (series.column("t")[n].as_py(), names[place], int(row[place]))
        for n, row in enumerate(rows)
        for place in range(len(columns), len(names))
        if row[place] != ""
    )
    assert found == expected, "pods.parquet differs"
    print(f"{series.num_rows} instants, {pods.num_rows} rows of {len(names) - len(columns)} pods: as in series.csv")


main(Path(sys.argv[1]))
