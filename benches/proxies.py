#!/usr/bin/env python3
"""Measures Koi beside HAProxy, nginx and h2o at one job, interleaved, and prints the table.

The job (performance.md): eleven host rules, the matching one last, X-Forwarded-For, keep-alive on both
sides. The proxy has one thread on its own core; load and origin share another one. benches/README.md
says how to run this and how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import harness
from harness import BenchError

HOSTS = [f"host{number:02}.example.net" for number in range(1, 12)]
HOST = HOSTS[-1]
GIBIBYTE = 1 << 30
VALGRIND_SECONDS = 300
START_SECONDS = 15
VALGRIND_START_SECONDS = 90
# Open connections, and thereby descriptors, of the largest case.
CONNECTIONS_MAX = 4000


@dataclass(frozen=True)
class Case:
    """A load: what is asked for, over how many connections, and what is divided by what."""

    letter: str
    title: str
    path: str
    connections: int
    tls: bool = False
    # A connection for each request.
    fresh: bool = False
    reuse: str = "safe"
    splice: bool = False
    # `stick on src`, for HAProxy and Koi.
    tables: bool = False
    # A log line for each request, by UDP to a socket that is there and that nobody reads.
    logs: bool = False
    # Requests of the two callgrind runs whose difference is divided; None: not counted.
    slope: tuple[int, int] | None = (2000, 8000)
    body: int = 1024


CASES = {
    case.letter: case
    for case in (
        Case("A", "h1 in the clear, 64 keep-alive connections, 1 KiB", "/1k", 64),
        Case("At", "the same, with a stick table (HAProxy and Koi)", "/1k", 64, tables=True),
        Case("H", "the same as A, with a log line for each request (HAProxy and Koi)", "/1k", 64,
             logs=True),
        Case("B", "A over TLS 1.3 (AES-128-GCM)", "/1k", 64, tls=True),
        Case("D", "full TLS 1.3 handshake (P-256) and one request", "/1k", 16, tls=True, fresh=True,
             slope=(200, 600)),
        Case("E", "a connection per request, in the clear", "/1k", 16, fresh=True,
             slope=(500, 2000)),
        Case("Ea", "the same, http-reuse always", "/1k", 16, fresh=True, reuse="always",
             slope=(500, 2000)),
        Case("F", "1 MiB bodies, copied", "/1m", 8, slope=None, body=1 << 20),
        Case("Fs", "1 MiB bodies, spliced", "/1m", 8, slope=None, body=1 << 20, splice=True),
    )
}  # fmt: skip


# --- contestants: a configuration each, for the same job ---


@dataclass(frozen=True)
class Stand:
    """Where everything is."""

    folder: Path
    port: int
    origin: int
    # Where log lines go.
    sink: int
    case: Case

    @property
    def certificate(self) -> Path:
        return self.folder / "bench.pem"


def haproxy_configuration(stand: Stand) -> str:
    """Read by HAProxy and by Koi alike."""
    case = stand.case
    ssl_words = f" ssl crt {stand.certificate} alpn http/1.1" if case.tls else ""
    lines = [
        "global",
        "  nbthread 1",
        f"  maxconn {CONNECTIONS_MAX}",
        "  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256",
        "  ssl-default-bind-curves prime256v1",
        "  ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets",
        "  tune.ssl.cachesize 0",
        *([f"  log 127.0.0.1:{stand.sink} local0"] if case.logs else []),
        "defaults",
        *(["  log global", "  option httplog"] if case.logs else []),
        "  mode http",
        "  timeout connect 5s",
        "  timeout client 30s",
        "  timeout server 30s",
        f"  http-reuse {case.reuse}",
        *(["  option splice-auto"] if case.splice else []),
        "frontend web",
        f"  bind 127.0.0.1:{stand.port}{ssl_words}",
        "  option forwardfor if-none",
        *(f"  use_backend b{n} if {{ hdr(host) -i {host} }}" for n, host in enumerate(HOSTS)),
    ]
    for number in range(len(HOSTS)):
        lines += [f"backend b{number}", f"  server s 127.0.0.1:{stand.origin}"]
        if case.tables:
            lines += ["  stick-table type ip size 50k expire 30m", "  stick on src"]
    return "\n".join(lines) + "\n"


def nginx_configuration(stand: Stand) -> str:
    listen = f"127.0.0.1:{stand.port}" + (" ssl" if stand.case.tls else "") + " backlog=4096"
    keep = "keepalive 64;"
    tls = f"""
  ssl_certificate {stand.certificate}; ssl_certificate_key {stand.certificate};
  ssl_protocols TLSv1.3; ssl_session_cache off; ssl_session_tickets off; ssl_ecdh_curve prime256v1;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
""" if stand.case.tls else ""
    servers = "\n".join(
        f"""  server {{ listen {listen}; server_name {host};
    location / {{ proxy_pass http://origin; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}"""
        if number == 0
        else f"""  server {{ listen {listen.replace(" backlog=4096", "")}; server_name {host};
    location / {{ proxy_pass http://origin; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}"""
        for number, host in enumerate(HOSTS)
    )
    return f"""daemon off; worker_processes 1; pid {stand.folder}/nginx.pid;
error_log {stand.folder}/nginx.error.log error;
worker_rlimit_nofile 16000;
events {{ worker_connections 8000; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 60;
  client_body_temp_path {stand.folder}/n1; proxy_temp_path {stand.folder}/n2;
  fastcgi_temp_path {stand.folder}/n3; uwsgi_temp_path {stand.folder}/n4; scgi_temp_path {stand.folder}/n5;
  upstream origin {{ server 127.0.0.1:{stand.origin}; {keep} keepalive_requests 1000000000; }}{tls}
{servers}
}}
"""


def h2o_configuration(stand: Stand) -> str:
    tls = f"""
  ssl:
    certificate-file: {stand.certificate}
    key-file: {stand.certificate}
    minimum-version: TLSv1.3
    ocsp-update-interval: 0
""" if stand.case.tls else ""
    hosts = "\n".join(
        f"""  "{host}:{stand.port}":
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:{stand.origin}/"
        proxy.preserve-host: ON
        proxy.timeout.keepalive: 30000"""
        for host in HOSTS
    )
    resumption = "ssl-session-resumption:\n  mode: off\n" if stand.case.tls else ""
    return f"""num-threads: 1
max-connections: {CONNECTIONS_MAX}
listen:
  host: 127.0.0.1
  port: {stand.port}{tls}
{resumption}hosts:
{hosts}
"""


@dataclass(frozen=True)
class Contestant:
    name: str
    program: tuple[str, ...]

    def command(self, stand: Stand) -> list[str]:
        path = stand.folder / f"{self.name}.conf"
        if self.name == "nginx":
            path.write_text(nginx_configuration(stand))
            return [*self.program, "-c", str(path), "-p", str(stand.folder)]
        if self.name == "h2o":
            path.write_text(h2o_configuration(stand))
            return [*self.program, "-c", str(path)]
        if self.name == "relay":
            return [
                *self.program, "--listen", f"127.0.0.1:{stand.port}", "--server",
                f"127.0.0.1:{stand.origin}", "--mode", "splice" if stand.case.splice else "copy",
            ]  # fmt: skip
        path.write_text(haproxy_configuration(stand))
        return [*self.program, "-db", "-f", str(path)]

    def takes_part(self, case: Case) -> bool:
        if case.tables or case.logs:
            return self.name in ("koi", "haproxy")
        if self.name == "relay":
            # It dials for each of its clients: no floor where connections are shared.
            return not case.tls and not case.fresh
        if self.name in ("nginx", "h2o"):
            return not case.splice and case.letter != "E"
        return True


def contestants(arguments: argparse.Namespace, relay: Path) -> list[Contestant]:
    found = [Contestant("relay", (str(relay),)), Contestant("koi", (str(arguments.koi),))]
    haproxy = os.environ.get("KOI_HAPROXY", "haproxy").split()
    for name, program in (("haproxy", haproxy), ("nginx", ["nginx"]), ("h2o", ["h2o"])):
        path = shutil.which(program[0]) or shutil.which(program[0], path="/usr/sbin")
        if path is None:
            print(f"{name} is not installed and left out", flush=True)
        else:
            found.append(Contestant(name, (path, *program[1:])))
    wanted = arguments.only.split(",") if arguments.only else None
    return [each for each in found if wanted is None or each.name in wanted]


# --- running them ---


@contextlib.contextmanager
def running(
    contestant: Contestant, stand: Stand, core: int, wrapper: list[str] | None = None
) -> Iterator[int]:
    """The process under measurement, once it answers; its number."""
    command = harness.bounded_by_us(core, [*(wrapper or []), *contestant.command(stand)])
    log = stand.folder / f"{contestant.name}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        limit = VALGRIND_START_SECONDS if wrapper else START_SECONDS
        wait_until_answering(contestant, stand, process, log, limit)
        yield worker_of(contestant, process.pid)
        if process.poll() is not None:
            raise BenchError(f"{contestant.name} ended during the run:\n{tail(log)}")
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60 if wrapper else 5)
        if process.poll() is None:
            process.kill()
            process.wait()


def worker_of(contestant: Contestant, pid: int) -> int:
    """nginx serves in a child."""
    if contestant.name != "nginx":
        return pid
    for _ in range(50):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
    raise BenchError("nginx has no worker")


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def wait_until_answering(
    contestant: Contestant, stand: Stand, process: subprocess.Popen[bytes], log: Path, limit: float
) -> None:
    deadline = time.monotonic() + limit
    while True:
        if process.poll() is not None:
            raise BenchError(f"{contestant.name} did not start:\n{tail(log)}")
        with contextlib.suppress(OSError):
            body = fetch(stand)
            if len(body) == stand.case.body:
                return
            raise BenchError(f"{contestant.name} answers {len(body)} bytes instead of a body")
        if time.monotonic() > deadline:
            raise BenchError(f"{contestant.name} does not answer within {limit} s:\n{tail(log)}")
        time.sleep(0.05)


def fetch(stand: Stand) -> bytes:
    """One request; the body of its answer."""
    plain = socket.create_connection(("127.0.0.1", stand.port), timeout=30)
    with contextlib.closing(plain):
        stream: socket.socket = plain
        if stand.case.tls:
            context = ssl.create_default_context(cafile=str(stand.certificate))
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            stream = context.wrap_socket(plain, server_hostname=HOST)
            if stream.version() != "TLSv1.3":
                raise BenchError(f"{stream.version()} was agreed on")
        stream.sendall(f"GET {stand.case.path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(stream)
        answer.begin()
        if answer.status != 200:
            raise BenchError(f"the answer was {answer.status}")
        return answer.read()


@contextlib.contextmanager
def origin_running(peers: dict[str, Path], port: int, core: int, folder: Path) -> Iterator[None]:
    command = [peers["origin"], "--listen", f"127.0.0.1:{port}"]
    with harness.serving("origin", command, core, folder):
        yield


# --- one measurement ---


@dataclass
class Result:
    contestant: str
    case: str
    round: int
    requests: int
    cpu_us: float
    displaced_us: float
    p99_us: float
    user_instructions: int | None = None
    kernel_instructions: int | None = None


def measure(
    contestant: Contestant, case: Case, tools: Tools, round_number: int
) -> Result:
    with tools.stand(case) as stand, running(contestant, stand, tools.proxy_core) as pid:
        run_wrk(stand, tools, 1)
        prefix: list[str] = []
        counts_file = stand.folder / "perf.csv"
        if tools.perf:
            prefix = harness.perf_prefix(pid, counts_file)
        before = harness.read_cpu(pid)
        done = run_wrk(stand, tools, tools.seconds, prefix)
        use = harness.cpu_between(before, harness.read_cpu(pid))
        counts = harness.parse_perf(counts_file.read_text()) if tools.perf else {}
    requests = int(done["requests"])
    return Result(
        contestant.name, case.letter, round_number, requests, use.seconds / requests * 1e6,
        use.displaced_seconds / requests * 1e6, done["p99_us"],
        each(counts.get("instructions:u"), requests), each(counts.get("instructions:k"), requests),
    )  # fmt: skip


def each(total: int | None, requests: int) -> int | None:
    return None if total is None else total // requests


def run_wrk(
    stand: Stand, tools: Tools, seconds: int, prefix: list[str] | None = None
) -> dict[str, float]:
    case = stand.case
    scheme = "https" if case.tls else "http"
    command = [
        *(prefix or []), "wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--latency",
        "-H", f"Host: {HOST}", *(["-H", "Connection: close"] if case.fresh else []),
        f"{scheme}://127.0.0.1:{stand.port}{case.path}",
    ]  # fmt: skip
    output = harness.run_bounded(tools.load_core, command, seconds + 60)
    if "Non-2xx" in output:
        raise BenchError(f"wrk met failures:\n{output}")
    trouble = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    # wrk takes the end of a connection that it asked to be closed for a read error now and then.
    if trouble and not case.fresh:
        raise BenchError(f"wrk met failures:\n{output}")
    done = re.search(r"(\d+) requests in", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\s", output)
    if not done or not p99 or int(done[1]) == 0:
        raise BenchError(f"wrk completed nothing:\n{output}")
    unit = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[p99[2]]
    return {"requests": int(done[1]), "p99_us": float(p99[1]) * unit}


def count_instructions(contestant: Contestant, case: Case, tools: Tools) -> float:
    """User instructions per request under callgrind: the slope between two exact loads, so that start
    and stop cancel out."""
    few, many = case.slope or (0, 0)
    totals = []
    for requests in (few, many):
        with tools.stand(case) as stand:
            output = stand.folder / "callgrind.out"
            wrapper = harness.callgrind_prefix(output)
            with running(contestant, stand, tools.proxy_core, wrapper):
                exact_load(stand, tools, requests)
            totals.append(harness.parse_callgrind(output))
    return (totals[1] - totals[0]) / (many - few)


def exact_load(stand: Stand, tools: Tools, requests: int) -> None:
    """So many requests; h2load makes them over one connection each where the case wants that."""
    case = stand.case
    scheme = "https" if case.tls else "http"
    connections = min(requests, case.connections)
    batches = [(requests, connections)]
    if case.fresh:
        batches = [(case.connections, case.connections)] * (requests // case.connections)
    for number, clients in batches:
        command = [
            "h2load", "--h1", "-n", str(number), "-c", str(clients), "-t", "1",
            f"--connect-to=127.0.0.1:{stand.port}", f"{scheme}://{HOST}{case.path}",
        ]  # fmt: skip
        output = harness.run_bounded(tools.load_core, command, VALGRIND_SECONDS)
        if f" {number} succeeded" not in output:
            raise BenchError(f"h2load met failures:\n{output}")


# --- the whole ---


@dataclass
class Tools:
    peers: dict[str, Path]
    folder: Path
    seconds: int
    proxy_core: int
    load_core: int
    perf: bool
    ports: harness.Ports

    @contextlib.contextmanager
    def stand(self, case: Case) -> Iterator[Stand]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            # A full queue costs the sender nothing; a port that nobody has costs an ICMP error a line.
            sink.bind(("127.0.0.1", 0))
            ports = (self.ports.take(), self.ports.take(), sink.getsockname()[1])
            stand = Stand(self.folder, *ports, case)
            with origin_running(self.peers, stand.origin, self.load_core, self.folder):
                yield stand


def make_certificate(folder: Path) -> None:
    """A self-signed certificate with a P-256 key, key and chain in one file."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "30", "-subj",
        f"/CN={HOST}", "-addext", "subjectAltName=DNS:*.example.net",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    (folder / "bench.pem").write_text(certificate.read_text() + key.read_text())


def build_koi() -> Path:
    command = ["cargo", "build", "--release", "--bin", "koi", "--message-format=json"]
    done = subprocess.run(
        command, cwd=harness.ROOT, stdout=subprocess.PIPE, text=True,
        timeout=harness.BUILD_SECONDS,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "koi" and message.get("executable"):
            return Path(message["executable"])
    raise BenchError("cargo built no koi")


def print_table(results: list[Result], instructions: dict[tuple[str, str], float]) -> None:
    for letter, case in CASES.items():
        mine = [result for result in results if result.case == letter]
        if not mine:
            continue
        print(f"\n{letter}. {case.title}")
        print(f"{'':10}{'CPU us':>9}{'of koi':>8}{'p99 us':>9}{'user instr.':>13}", end="")
        print(f"{'kernel instr.':>15}{'CPU s/GiB':>11}")
        names = list(dict.fromkeys(result.contestant for result in mine))
        for name in names:
            rows = [result for result in mine if result.contestant == name]
            cpu = statistics.median(row.cpu_us for row in rows)
            ratio = paired_ratio(mine, name)
            user = statistics.median(row.user_instructions or 0 for row in rows)
            user = user or instructions.get((name, letter), 0)
            kernel = statistics.median(row.kernel_instructions or 0 for row in rows)
            gib = cpu / 1e6 / case.body * GIBIBYTE if case.body >= 1 << 20 else None
            print(
                f"{name:10}{cpu:9.1f}{ratio:>8}{statistics.median(r.p99_us for r in rows):9.0f}"
                f"{user or '-':>13}{kernel or '-':>15}{'-' if gib is None else f'{gib:.3f}':>11}"
            )  # fmt: skip


def paired_ratio(results: list[Result], name: str) -> str:
    """Koi's CPU time by this contestant's, in the same round; the median of the rounds."""
    by = {(result.contestant, result.round): result.cpu_us for result in results}
    pairs = [
        by["koi", round_number] / cpu
        for (contestant, round_number), cpu in by.items()
        if contestant == name and ("koi", round_number) in by
    ]
    return f"{statistics.median(pairs):.2f}" if pairs else "-"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help="letters, with commas between")
    parser.add_argument("--only", help="contestants, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--instructions", default="koi", help="whose are counted under callgrind")
    parser.add_argument("--koi", type=Path, help="the program (default: cargo builds it)")
    parser.add_argument("--json", type=Path, help="writes every reading there")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    for tool, package in (("wrk", "wrk"), ("h2load", "nghttp2-client"), ("openssl", "openssl")):
        harness.require_tool(tool, package)
    arguments.koi = arguments.koi or build_koi()
    if os.environ.get("KOI_BENCH_INSIDE") is None:
        os.environ["KOI_BENCH_INSIDE"] = "1"
        again = [sys.executable, *sys.argv, "--koi", str(arguments.koi)]
        if reason := harness.enter_network_namespace(again):
            print(f"no network namespace of our own ({reason}): figures include the machine's rules")
    else:
        harness.prepare_network_namespace()
    harness.exit_on_sigterm()
    harness.raise_descriptor_limit()
    lock = harness.lock_machine()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("two cores are needed: one for the proxy, one for load and origin")
    peers = harness.build_peers()
    cases = [CASES[letter] for letter in arguments.cases.split(",")]
    with tempfile.TemporaryDirectory(prefix="koi-bench-") as folder:
        make_certificate(Path(folder))
        # Servers that drop privileges have to reach their files.
        Path(folder).chmod(0o755)
        tools = Tools(
            peers, Path(folder), arguments.seconds, cores[0], cores[1],
            harness.perf_counts_instructions(), harness.Ports(),
        )  # fmt: skip
        everyone = contestants(arguments, peers["null_relay"])
        results, instructions = [], {}
        for case in cases:
            fit = [each for each in everyone if each.takes_part(case)]
            for round_number in range(arguments.rounds):
                for contestant in fit:
                    result = measure(contestant, case, tools, round_number)
                    results.append(result)
                    print(f"{case.letter} round {round_number} {contestant.name:8}"
                          f" {result.cpu_us:8.1f} us/request", flush=True)
            if case.slope and not tools.perf and shutil.which("valgrind"):
                for contestant in fit:
                    if contestant.name in arguments.instructions.split(","):
                        counted = count_instructions(contestant, case, tools)
                        instructions[contestant.name, case.letter] = round(counted)
    print(json.dumps(harness.environment()))
    for contestant in everyone:
        print(f"{contestant.name}: {' '.join(contestant.program)}")
    print_table(results, instructions)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results]))
    lock.close()


if __name__ == "__main__":
    try:
        main()
    except BenchError as failure:
        sys.exit(f"proxies.py: {failure}")
