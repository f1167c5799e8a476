#!/usr/bin/env python3
"""Measures Koi's relay against a null relay in C, which is the floor under every proxy.

benches/README.md says what is measured, how to run this and how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import harness
from harness import BenchError, Service

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30
IDLE_CONNECTIONS = 10_000
IDLE_SECONDS = 120
# Descriptors a relay may need beside the two of each connection.
SPARE_DESCRIPTORS = 500
WARM_UP_ROUNDS = 50
VALGRIND_START_SECONDS = 60
VALGRIND_LOAD_SECONDS = 180


# --- what is compared ---


@dataclass(frozen=True)
class Contestant:
    name: str
    splice: bool
    # The program's own arguments; None stands for the C null relay's mode.
    ring: str | None = None

    def command(self, tools: Tools, listen: int, server: int) -> list[str]:
        addresses = ["--listen", f"127.0.0.1:{listen}", "--server", f"127.0.0.1:{server}"]
        core = ["--core", str(tools.relay_core)]
        if self.ring is None:
            mode = "splice" if self.splice else "copy"
            return [str(tools.peers["null_relay"]), *addresses, "--mode", mode, *core]
        splice = "on" if self.splice else "off"
        return [str(tools.koi), *addresses, "--ring", self.ring, "--workers", "1", *core,
                "--splice", splice]  # fmt: skip


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("null-copy", splice=False),
        Contestant("null-splice", splice=True),
        Contestant("koi-poll", splice=False, ring="poll"),
        Contestant("koi-poll-splice", splice=True, ring="poll"),
        Contestant("koi-uring", splice=False, ring="uring"),
        Contestant("koi-uring-splice", splice=True, ring="uring"),
    )
}


@dataclass(frozen=True)
class LoadCase:
    """A load of keep-alive connections, each with one request in flight."""

    name: str
    path: str
    body: int
    connections: int
    # Requests per connection of the two callgrind runs whose difference is divided.
    slope: tuple[int, int]

    def floor_of(self, contestant: Contestant) -> str:
        """Small answers are cheapest copied, so that is the floor even for who would splice."""
        return "null-splice" if contestant.splice and self.body >= MEBIBYTE else "null-copy"


LOAD_CASES = {
    "small": LoadCase("small", "/1k", 1024, connections=64, slope=(50, 250)),
    "bulk": LoadCase("bulk", "/1m", MEBIBYTE, connections=8, slope=(5, 25)),
}
CASES = (*LOAD_CASES, "idle")


# --- what is measured ---


@dataclass
class Tools:
    """Everything a measurement needs that does not change between measurements."""

    peers: dict[str, Path]
    koi: Path | None
    logs: Path
    relay_core: int
    load_core: int
    idle_connections: int
    ports: harness.Ports = field(default_factory=harness.Ports)


@dataclass
class LoadResult:
    contestant: str
    case: str
    round: int
    requests: int
    seconds: float
    cpu_seconds: float
    displaced_seconds: float
    user_share: float
    p50_us: float
    p99_us: float
    # Counted by perf where it can; otherwise callgrind fills the table's column later.
    user_instructions: int | None
    kernel_instructions: int | None
    counters: str = ""

    @property
    def cpu_per_request(self) -> float:
        return self.cpu_seconds / self.requests


@dataclass
class Instructions:
    """User instructions per request by callgrind: when turns are full, and one request a turn."""

    full_turns: float | None = None
    single: float | None = None
    problem: str | None = None


@dataclass
class IdleResult:
    contestant: str
    connections: int
    anonymous_bytes_each: float
    resident_bytes_each: float
    counters: str = ""


@contextlib.contextmanager
def stand(
    tools: Tools, contestant: Contestant, wrapper: list[str] | None = None
) -> Iterator[tuple[Service, int]]:
    """A fresh origin and the contestant before it, checked to pass bytes on unchanged."""
    origin_port, port = tools.ports.take(), tools.ports.take()
    origin_command = [tools.peers["origin"], "--listen", f"127.0.0.1:{origin_port}"]
    command = (wrapper or []) + contestant.command(tools, port, origin_port)
    start = VALGRIND_START_SECONDS if wrapper else harness.START_SECONDS
    nudge = partial(harness.connect_briefly, port) if wrapper else lambda: None
    with (
        harness.serving("origin", origin_command, tools.load_core, tools.logs),
        harness.serving(
            contestant.name, command, tools.relay_core, tools.logs,
            start_seconds=start, stop_seconds=start, nudge=nudge,
        ) as relay,  # fmt: skip
    ):
        check_relays(contestant.name, port, origin_port)
        yield relay, port


def check_relays(name: str, port: int, origin_port: int) -> None:
    """Whoever loses or alters a byte is not measured."""
    if fetch(port, "/1m") != fetch(origin_port, "/1m"):
        raise BenchError(f"{name} does not pass on the origin's bytes")


def fetch(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()
    except (OSError, http.client.HTTPException) as failure:
        raise BenchError(f"GET {path} on port {port} failed: {failure!r}") from failure


def exact_load(tools: Tools, case: LoadCase, port: int, requests: int, connections: int) -> None:
    command = [
        tools.peers["load"], "--target", f"127.0.0.1:{port}", "--path", case.path,
        "--connections", str(connections), "--requests", str(requests),
    ]  # fmt: skip
    harness.run_bounded(tools.load_core, command, VALGRIND_LOAD_SECONDS)


def warm_up(tools: Tools, case: LoadCase, port: int) -> None:
    """Lets pools, socket buffers and branch predictors reach the state that lasts."""
    exact_load(tools, case, port, case.connections * WARM_UP_ROUNDS, case.connections)


# --- one load run ---


def measure_load(
    tools: Tools, contestant: Contestant, case: LoadCase, seconds: int, with_perf: bool
) -> LoadResult:
    with stand(tools, contestant) as (relay, port):
        warm_up(tools, case, port)
        perf_output = tools.logs / "perf.csv"
        prefix = harness.perf_prefix(relay.pid, perf_output) if with_perf else []
        before = harness.read_cpu(relay.pid)
        output = run_wrk(tools, case, port, seconds, prefix)
        relay.check_running()
        use = harness.cpu_between(before, harness.read_cpu(relay.pid))
    counts = harness.parse_perf(perf_output.read_text()) if with_perf else {}
    return LoadResult(
        contestant=contestant.name,
        case=case.name,
        round=0,
        cpu_seconds=use.seconds,
        displaced_seconds=use.displaced_seconds,
        user_share=use.user_share,
        user_instructions=counts.get("instructions:u"),
        kernel_instructions=counts.get("instructions:k"),
        counters=counters_of(relay),
        **parse_wrk(output),
    )


def run_wrk(tools: Tools, case: LoadCase, port: int, seconds: int, prefix: list[str]) -> str:
    url = f"http://127.0.0.1:{port}{case.path}"
    connections = f"-c{case.connections}"
    command = [*prefix, "wrk", "-t1", connections, f"-d{seconds}s", "--latency", url]
    return harness.run_bounded(tools.load_core, command, seconds + 30)


def parse_wrk(output: str) -> dict[str, float]:
    """Requests, seconds and percentiles. A single failed request makes the run worthless."""
    for trouble in ("Socket errors", "Non-2xx"):
        if trouble in output:
            raise BenchError(f"wrk met failures:\n{output}")
    done = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    p50, p99 = (re.search(rf"{p}%\s+([\d.]+)(us|ms|s|m)\s", output) for p in (50, 99))
    if not (done and p50 and p99) or int(done[1]) == 0:
        raise BenchError(f"wrk completed no requests or speaks a new dialect:\n{output}")
    return {
        "requests": int(done[1]),
        "seconds": microseconds(done[2], done[3]) / 1e6,
        "p50_us": microseconds(p50[1], p50[2]),
        "p99_us": microseconds(p99[1], p99[2]),
    }


def microseconds(number: str, unit: str) -> float:
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def counters_of(service: Service) -> str:
    """What a stopped process printed after its `listening` line."""
    return re.split(r"^listening.*$", service.output(), flags=re.MULTILINE)[-1].strip()


# --- instructions by callgrind ---


def measure_instructions(tools: Tools, contestant: Contestant, case: LoadCase) -> Instructions:
    """Two loads on each of two numbers of connections.

    valgrind slows the contestant some fifty times, so with many connections every turn of its loop
    finds all of them ready: the least a request can cost. One connection gives the most.
    """
    try:
        return Instructions(
            full_turns=instruction_slope(tools, contestant, case, case.connections),
            single=instruction_slope(tools, contestant, case, 1),
        )
    except BenchError as failure:
        return Instructions(problem=str(failure))


def instruction_slope(
    tools: Tools, contestant: Contestant, case: LoadCase, connections: int
) -> float:
    """Instructions per request: the difference of two runs, so that start and stop cancel out."""
    few, many = (requests * case.connections for requests in case.slope)
    totals = [
        instructions_of(tools, contestant, case, requests, connections) for requests in (few, many)
    ]
    return (totals[1] - totals[0]) / (many - few)


def instructions_of(
    tools: Tools, contestant: Contestant, case: LoadCase, requests: int, connections: int
) -> int:
    output = tools.logs / "callgrind.out"
    output.unlink(missing_ok=True)
    with stand(tools, contestant, harness.callgrind_prefix(output)) as (relay, port):
        exact_load(tools, case, port, requests, connections)
        relay.check_running()
    if not output.exists():
        raise BenchError("callgrind left no output file")
    return harness.parse_callgrind(output)


# --- idle connections ---


def measure_idle(tools: Tools, contestant: Contestant) -> IdleResult:
    with stand(tools, contestant) as (relay, port):
        warm_up(tools, LOAD_CASES["small"], port)
        time.sleep(0.5)
        before = harness.read_memory(relay.pid)
        with idle_crowd(tools, port):
            time.sleep(0.5)
            relay.check_running()
            after = harness.read_memory(relay.pid)
    return IdleResult(
        contestant=contestant.name,
        connections=tools.idle_connections,
        anonymous_bytes_each=(after["RssAnon"] - before["RssAnon"]) / tools.idle_connections,
        resident_bytes_each=(after["VmRSS"] - before["VmRSS"]) / tools.idle_connections,
        counters=counters_of(relay),
    )


@contextlib.contextmanager
def idle_crowd(tools: Tools, port: int) -> Iterator[None]:
    """Holds connections that each made one request, so the contestant has dialled on for all."""
    command = [
        tools.peers["idle"], "--target", f"127.0.0.1:{port}",
        "--connections", str(tools.idle_connections),
    ]  # fmt: skip
    process = subprocess.Popen(
        ["timeout", str(IDLE_SECONDS), *harness.bounded_by_us(tools.load_core, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if not process.stdout.readline().startswith(b"ready"):
            raise BenchError("the idle connections did not all open; the reason is above")
        yield
    finally:
        process.stdin.close()
        process.wait(harness.STOP_SECONDS)


# --- summaries and the table ---


def summarise_load(
    contestant: Contestant,
    case: LoadCase,
    results: list[LoadResult],
    instructions: Instructions | None,
) -> dict[str, str]:
    """One line of the table: medians over the rounds."""
    mine = [r for r in results if (r.contestant, r.case) == (contestant.name, case.name)]
    costs = [1e6 * r.cpu_per_request for r in mine]
    line = {
        "contestant": contestant.name,
        "req/s": f"{statistics.median(r.requests / r.seconds for r in mine):,.0f}",
        "busy": f"{100 * statistics.median(r.cpu_seconds / r.seconds for r in mine):.0f} %",
        "displaced": f"{100 * max(r.displaced_seconds / r.seconds for r in mine):.0f} %",
        "CPU us/req": f"{statistics.median(costs):.1f}",
        "(least-most)": f"({min(costs):.1f}-{max(costs):.1f})",
        "to floor": show(paired_ratio(mine, results, case.floor_of(contestant)), ".3f"),
        "user time": f"{100 * statistics.median(r.user_share for r in mine):.0f} %",
    }
    if case.body >= MEBIBYTE:
        line["CPU s/GiB"] = f"{statistics.median(costs) / 1e6 * GIBIBYTE / case.body:.3f}"
    line |= instruction_columns(mine, instructions)
    line["p50 us"] = f"{statistics.median(r.p50_us for r in mine):,.0f}"
    line["p99 us"] = f"{statistics.median(r.p99_us for r in mine):,.0f}"
    return line


def paired_ratio(mine: list[LoadResult], results: list[LoadResult], floor: str) -> float | None:
    """The median of the ratios within each round, which the machine's moods touch least."""
    floors = {(r.case, r.round): r for r in results if r.contestant == floor}
    pairs = [(r, floors.get((r.case, r.round))) for r in mine]
    ratios = [r.cpu_per_request / base.cpu_per_request for r, base in pairs if base]
    return statistics.median(ratios) if ratios else None


def instruction_columns(
    mine: list[LoadResult], instructions: Instructions | None
) -> dict[str, str]:
    if instructions is not None:
        return {
            "user instr/req": show(instructions.full_turns, ",.0f"),
            "(1 conn)": show(instructions.single, ",.0f"),
            "kernel instr/req": "n/a",
        }
    return {
        "user instr/req": show(median_per_request(mine, "user_instructions"), ",.0f"),
        "kernel instr/req": show(median_per_request(mine, "kernel_instructions"), ",.0f"),
    }


def median_per_request(mine: list[LoadResult], event: str) -> float | None:
    counted = [r for r in mine if getattr(r, event) is not None]
    if not counted:
        return None
    return statistics.median(getattr(r, event) / r.requests for r in counted)


def show(number: float | None, form: str) -> str:
    return "n/a" if number is None else format(number, form)


def print_table(title: str, lines: list[dict[str, str]]) -> None:
    print(f"\n{title}")
    names = list(lines[0])
    widths = {name: max(len(name), *(len(line[name]) for line in lines)) for name in names}
    for line in [dict(zip(names, names)), *lines]:
        cells = [line[names[0]].ljust(widths[names[0]])]
        cells += [line[name].rjust(widths[name]) for name in names[1:]]
        print("  " + "  ".join(cells))


# --- the run ---


@dataclass
class Findings:
    loads: list[LoadResult] = field(default_factory=list)
    idles: list[IdleResult] = field(default_factory=list)
    # By contestant and case; empty when perf counts or nobody asked.
    instructions: dict[tuple[str, str], Instructions] = field(default_factory=dict)


def run_rounds(tools: Tools, options: argparse.Namespace, findings: Findings) -> None:
    """Interleaves the contestants, and rotates their order so that nobody is always first."""
    for round_number in range(options.rounds):
        shift = round_number % len(options.contestants)
        order = options.contestants[shift:] + options.contestants[:shift]
        for case in load_cases(options):
            for contestant in order:
                result = measure_load(
                    tools, contestant, case, options.seconds, options.instructions == "perf"
                )
                result.round = round_number
                findings.loads.append(result)
                progress(
                    f"round {round_number + 1}/{options.rounds} {case.name} {contestant.name}: "
                    f"{1e6 * result.cpu_per_request:.1f} us/req"
                )


def run_callgrind(tools: Tools, options: argparse.Namespace, findings: Findings) -> None:
    for case in load_cases(options):
        for contestant in options.contestants:
            found = measure_instructions(tools, contestant, case)
            findings.instructions[contestant.name, case.name] = found
            progress(
                f"callgrind {case.name} {contestant.name}: "
                f"{found.problem or show(found.full_turns, ',.0f')}"
            )


def run_idle(tools: Tools, options: argparse.Namespace, findings: Findings) -> None:
    for contestant in options.contestants:
        result = measure_idle(tools, contestant)
        findings.idles.append(result)
        progress(f"idle {contestant.name}: {result.anonymous_bytes_each:.0f} bytes each")


def load_cases(options: argparse.Namespace) -> list[LoadCase]:
    return [LOAD_CASES[name] for name in options.cases if name in LOAD_CASES]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def print_findings(options: argparse.Namespace, findings: Findings, facts: dict[str, str]) -> None:
    print("\n" + "; ".join(f"{name} {value}" for name, value in facts.items()))
    for case in load_cases(options):
        lines = [
            summarise_load(
                contestant,
                case,
                findings.loads,
                findings.instructions.get((contestant.name, case.name)),
            )
            for contestant in options.contestants
        ]
        title = f"{case.name}: {case.connections} keep-alive connections, {case.body:,} bytes"
        print_table(f"{title}, {options.rounds} rounds of {options.seconds} s", lines)
    if findings.idles:
        print_idle_table(findings.idles)
    print_notes(options, findings)


def print_idle_table(idles: list[IdleResult]) -> None:
    lines = [
        {
            "contestant": idle.contestant,
            "RssAnon bytes/conn": f"{idle.anonymous_bytes_each:,.0f}",
            "VmRSS bytes/conn": f"{idle.resident_bytes_each:,.0f}",
        }
        for idle in idles
    ]
    print_table(f"idle: {idles[0].connections:,} connections after one request each", lines)


def print_notes(options: argparse.Namespace, findings: Findings) -> None:
    """Why a cell says n/a, and what else to know of the figures."""
    kernel_uncounted = any(result.kernel_instructions is None for result in findings.loads)
    print()
    if options.instructions == "callgrind":
        print("User instructions are callgrind's, with full turns and with one request a turn.")
        print("Kernel instructions are n/a: perf does not count here, and callgrind cannot.")
    elif options.instructions == "none":
        print("Instructions are n/a: --instructions none.")
    elif kernel_uncounted:
        print("Kernel instructions are n/a: perf may not count them (perf_event_paranoid?).")
    for (contestant, case), found in findings.instructions.items():
        if found.problem:
            print(f"{contestant}, {case}: instructions n/a: {found.problem}")
    if harness.interrupt_time_is_separate():
        print("warning: CONFIG_IRQ_TIME_ACCOUNTING keeps soft interrupts out of CPU times here")


def write_json(path: Path, findings: Findings, facts: dict[str, str]) -> None:
    instructions = [
        {"contestant": contestant, "case": case, **asdict(found)}
        for (contestant, case), found in findings.instructions.items()
    ]
    document = {
        "environment": facts,
        "loads": [asdict(result) for result in findings.loads],
        "instructions": instructions,
        "idles": [asdict(result) for result in findings.idles],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


# --- the command line ---


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least_one, default=3)
    parser.add_argument("--seconds", type=at_least_one, default=5, help="of each load run")
    parser.add_argument("--cases", type=names_among(CASES), default=list(CASES))
    parser.add_argument(
        "--contestants", type=names_among(CONTESTANTS), default=list(CONTESTANTS),
        help=f"comma-separated, of {', '.join(CONTESTANTS)}",
    )  # fmt: skip
    parser.add_argument(
        "--instructions", choices=("auto", "perf", "callgrind", "none"), default="auto"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every raw result here")
    parser.add_argument("--koi", type=Path, help="this executable instead of building one")
    parser.add_argument("--relay-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--inside-namespace", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.contestants = [CONTESTANTS[name] for name in options.contestants]
    return options


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def names_among(known):
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return parse


def check_machine(options: argparse.Namespace) -> None:
    harness.require_tool("wrk", "wrk")
    for tool in ("taskset", "setpriv"):
        harness.require_tool(tool, "util-linux")
    cores = os.sched_getaffinity(0)
    if not {options.relay_core, options.load_core} <= cores:
        raise BenchError("the relay and its load need a core each; see --relay-core, --load-core")


def choose_instruction_counter(choice: str) -> str:
    if choice == "auto":
        choice = "perf" if harness.perf_counts_instructions() else "callgrind"
    elif choice == "perf" and not harness.perf_counts_instructions():
        raise BenchError("perf stat counts no instructions on this machine")
    if choice == "callgrind":
        harness.require_tool("valgrind", "valgrind")
    return choice


def isolate(options: argparse.Namespace) -> None:
    """Moves into a network namespace. Comes back as the same command, with Koi already built."""
    if options.inside_namespace:
        harness.prepare_network_namespace()
        return
    again = [sys.executable, *sys.argv, "--inside-namespace"]
    if options.koi:
        again += ["--koi", str(options.koi)]
    reason = harness.enter_network_namespace(again)
    progress(f"{reason}: no namespace of our own, measuring on the machine's loopback")


def affordable_crowd(descriptors: int, wanted: bool) -> int:
    """The idle connections, fewer where the limit on descriptors cannot be raised to hold them."""
    crowd = min(IDLE_CONNECTIONS, (descriptors - SPARE_DESCRIPTORS) // 2)
    if wanted and crowd < 1:
        raise BenchError(f"a limit of {descriptors} descriptors is too low")
    if wanted and crowd < IDLE_CONNECTIONS:
        progress(f"only {descriptors} descriptors allowed: {crowd} idle connections")
    return crowd


def measure(options: argparse.Namespace, peers: dict[str, Path], logs: Path) -> None:
    crowd = affordable_crowd(harness.raise_descriptor_limit(), "idle" in options.cases)
    tools = Tools(peers, options.koi, logs, options.relay_core, options.load_core, crowd)
    findings = Findings()
    run_rounds(tools, options, findings)
    if options.instructions == "callgrind":
        run_callgrind(tools, options, findings)
    if "idle" in options.cases:
        run_idle(tools, options, findings)
    facts = harness.environment()
    print_findings(options, findings, facts)
    if options.json:
        write_json(options.json, findings, facts)


def main() -> None:
    options = parse_options()
    check_machine(options)
    options.instructions = choose_instruction_counter(options.instructions)
    if options.koi is None and any(c.ring for c in options.contestants):
        # Before the namespace is entered: cargo may need the network.
        options.koi = harness.build_cargo_bench("relay")
    isolate(options)
    harness.exit_on_sigterm()
    with (
        harness.lock_machine(),
        tempfile.TemporaryDirectory(prefix="koi-bench-") as logs,
    ):
        measure(options, harness.build_peers(), Path(logs))


if __name__ == "__main__":
    try:
        main()
    except BenchError as failure:
        sys.exit(f"relay.py: {failure}")
    except KeyboardInterrupt:
        sys.exit("relay.py: interrupted")
