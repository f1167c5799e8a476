#!/usr/bin/env python3
"""Counts what choosing a rule costs: user instructions per request, by callgrind.

benches/README.md says what is measured, how to run this and how to read the table.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import harness
from harness import BenchError

FEWER, MORE = 1000, 3000
VALGRIND_SECONDS = 300

# Instructions per request that must not be exceeded: kind and number of rules.
BARS = {("host", 11): 600, ("host", 1000): 900}


@dataclass(frozen=True)
class Case:
    kind: str
    rules: int
    match: str

    def arguments(self, times: int) -> list[str]:
        return ["--kind", self.kind, "--rules", str(self.rules), "--match", self.match,
                "--times", str(times)]  # fmt: skip

    def expected(self) -> str:
        return {"first": "Some(0)", "last": f"Some({self.rules - 1})", "none": "None"}[self.match]


@dataclass(frozen=True)
class Result:
    case: Case
    instructions: float


def cases(kinds: list[str]) -> list[Case]:
    return [
        Case(kind, rules, match)
        for kind in kinds
        for rules in (11, 100, 1000)
        for match in ("first", "last", "none")
    ]


def instructions(program: Path, case: Case, times: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                   str(program), *case.arguments(times)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=VALGRIND_SECONDS)
        if done.returncode != 0:
            raise BenchError(f"{case}: {done.stderr}")
        if done.stdout.strip() != case.expected():
            raise BenchError(f"{case} found {done.stdout.strip()}, not {case.expected()}")
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
        if total is None:
            raise BenchError(f"{case}: callgrind wrote no total")
        return int(total[1])


def measure(program: Path, case: Case) -> Result:
    fewer, more = (instructions(program, case, times) for times in (FEWER, MORE))
    return Result(case, (more - fewer) / (MORE - FEWER))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default="host,case,named,path", help="which rules")
    parser.add_argument("--program", type=Path, help="an executable that is already built")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    harness.require_tool("valgrind", "valgrind")
    program = arguments.program or harness.build_cargo_bench("rules")
    results = []
    print(f"{'rules':>6}  {'kind':6} {'match':6} {'instr/request':>13}")
    for case in cases(arguments.kinds.split(",")):
        result = measure(program, case)
        results.append(result)
        bar = BARS.get((case.kind, case.rules))
        verdict = "" if bar is None else f"  bar {bar}: {'ok' if result.instructions <= bar else 'MISSED'}"
        print(f"{case.rules:6}  {case.kind:6} {case.match:6} {result.instructions:13.0f}{verdict}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    missed = any(r.instructions > BARS.get((r.case.kind, r.case.rules), r.instructions) for r in results)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"rules.py: {error}")
