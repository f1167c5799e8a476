#!/usr/bin/env python3
"""Counts what reading a head costs, beside httparse: user instructions per head, by callgrind.

benches/README.md says what is measured, how to run this and how to read the table.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
from harness import BenchError

FEWER, MORE = 1000, 3000
VALGRIND_SECONDS = 300

# Heads, and the number of fields in each.
HEADS = {"curl": 3, "browser": 15, "server": 9}
WORKS = ("httparse", "koi", "prepare", "encode")


def instructions(program: Path, work: str, head: str, times: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(program),
                   "--work", work, "--head", head, "--times", str(times)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=VALGRIND_SECONDS)
        if done.returncode != 0:
            raise BenchError(f"{work} {head}: {done.stderr}")
        if done.stdout.strip() != str(HEADS[head]):
            raise BenchError(f"{work} found {done.stdout.strip()} fields in {head}")
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
        if total is None:
            raise BenchError(f"{work} {head}: callgrind wrote no total")
        return int(total[1])


def measure(program: Path, work: str, head: str) -> float:
    fewer, more = (instructions(program, work, head, times) for times in (FEWER, MORE))
    return (more - fewer) / (MORE - FEWER)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, help="an executable that is already built")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    harness.require_tool("valgrind", "valgrind")
    program = arguments.program or harness.build_cargo_bench("h1")
    figures = {}
    print(f"{'head':8}" + "".join(f"{work:>10}" for work in WORKS) + "   koi to httparse")
    for head in HEADS:
        row = {work: measure(program, work, head) for work in WORKS}
        figures[head] = row
        ratio = row["koi"] / row["httparse"]
        verdict = "ok" if ratio <= 1 else "MISSED"
        print(f"{head:8}" + "".join(f"{row[work]:10.0f}" for work in WORKS) + f"   {ratio:.2f} {verdict}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    return 1 if any(row["koi"] > row["httparse"] for row in figures.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"h1.py: {error}")
