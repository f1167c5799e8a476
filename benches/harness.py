"""What the benchmark scripts share: building, isolation, processes, and readings of what they cost.

Nothing here knows which proxies are compared or what the cases are; that is in relay.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("origin", "null_relay", "idle", "load")

START_SECONDS = 10
STOP_SECONDS = 5
BUILD_SECONDS = 1800
COMPILE_SECONDS = 120
WANTED_DESCRIPTORS = 131072

# The ports we hand out lie below the kernel's ephemeral range, which the connections draw from.
FIRST_PORT, LAST_PORT = 20000, 32000


class BenchError(Exception):
    """Something that would make the figures wrong or missing. Ends the script with its text."""


# --- tools and builds ---


def require_tool(name: str, package: str) -> None:
    if shutil.which(name) is None:
        raise BenchError(f"{name} is missing (Debian: apt-get install {package})")


def build_peers() -> dict[str, Path]:
    """Compiles the C peers. They are small, so they are compiled every time and are never stale."""
    require_tool("cc", "gcc")
    target = ROOT / "target" / "bench-peers"
    target.mkdir(parents=True, exist_ok=True)
    built = {}
    for name in PEERS:
        source = ROOT / "benches" / "peers" / f"{name}.c"
        built[name] = target / name
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(built[name]), str(source)]
        if subprocess.run(command, timeout=COMPILE_SECONDS).returncode != 0:
            raise BenchError(f"{source} does not compile")
    return built


def build_cargo_bench(name: str) -> Path:
    """Builds a bench target in release mode and asks cargo itself where the executable is."""
    require_tool("cargo", "cargo")
    command = ["cargo", "build", "--release", "--bench", name, "--message-format=json"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=BUILD_SECONDS
    )
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command)}` failed; its messages are above")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == name and message.get("executable"):
            return Path(message["executable"])
    raise BenchError(f"cargo built no executable for the bench target {name}")


# --- isolation ---


def enter_network_namespace(arguments: Sequence[str]) -> str | None:
    """Runs this script again in a network namespace of its own; returns a reason if it cannot.

    An empty namespace keeps the machine's firewall rules, connection tracking and other traffic out
    of the figures, and lets us choose the congestion control without touching the machine.
    """
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("unshare") is None:
        return "no unshare"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        return "unshare -n is refused"
    os.execvp("unshare", ["unshare", "-n", *arguments])


def prepare_network_namespace() -> None:
    """Brings the loopback up and asks for reno, whose cost is the same on every machine."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with contextlib.suppress(OSError):
        Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text("reno")


def raise_descriptor_limit() -> int:
    """Raises the limit as far as we may and returns it; children inherit it."""
    limit = WANTED_DESCRIPTORS
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    except (ValueError, OSError):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit


def lock_machine() -> TextIO:
    """Keeps other benchmarks off while the returned file stays open: they would use our cores."""
    lock = Path("/tmp/koi-bench.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        raise BenchError("another benchmark is running on this machine") from taken
    return lock


def exit_on_sigterm() -> None:
    """Turns SIGTERM into an ordinary exit, so that the contexts below stop their processes."""
    signal.signal(signal.SIGTERM, lambda *_: exit(143))


def environment() -> dict[str, str]:
    """What a reader needs to compare figures with those of another machine."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {
        "kernel": os.uname().release,
        "cpu": model.group(1) if model else os.uname().machine,
        "cores": str(os.cpu_count()),
        "congestion": congestion,
        "compiler": first_line(["cc", "--version"]),
        "wrk": first_line(["wrk", "-v"]).split(" Copyright")[0],
        "commit": first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    return (done.stdout.strip() or "unknown").splitlines()[0]


def interrupt_time_is_separate() -> bool:
    """Whether this kernel takes soft interrupts out of the run time of the task they interrupt.

    On loopback most of TCP runs as soft interrupts, so such a kernel makes every proxy look cheap.
    """
    done = subprocess.run(["zcat", "/proc/config.gz"], capture_output=True, text=True)
    return "CONFIG_IRQ_TIME_ACCOUNTING=y" in done.stdout


# --- processes ---


def bounded_by_us(core: int, command: Sequence[str | Path]) -> list[str]:
    """The command pinned to a core, and killed by the kernel should this script die unawares."""
    prefix = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core)]
    return prefix + [str(word) for word in command]


class Ports:
    """Hands out ports, each once: a fresh port has no connection in TIME_WAIT."""

    def __init__(self) -> None:
        self._next = FIRST_PORT

    def take(self) -> int:
        while self._next < LAST_PORT:
            port = self._next
            self._next += 1
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
                return port
        raise BenchError("no free port left")


class Service:
    """A process that listens: started and stopped by `serving`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def check_running(self) -> None:
        if not self.is_running():
            status = self._process.returncode
            raise BenchError(
                f"{self.name} ended unasked, status {status}:\n{self.output()[-2000:]}"
            )

    def wait_until_listening(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(r"^listening", self.output(), re.MULTILINE):
            self.check_running()
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{self.name} did not listen within {seconds} s:\n{self.output()[-2000:]}"
                )
            time.sleep(0.01)

    def stop(self, seconds: float, nudge: Callable[[], None]) -> None:
        """Asks the process to stop, nudging it now and then, and makes it stop if it does not."""
        deadline = time.monotonic() + seconds
        if self.is_running():
            self._process.terminate()
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
                return
            nudge()
        self._process.kill()
        self._process.wait()
        print(f"warning: {self.name} did not stop within {seconds} s of SIGTERM", flush=True)


@contextlib.contextmanager
def serving(
    name: str,
    command: Sequence[str | Path],
    core: int,
    logs: Path,
    start_seconds: float = START_SECONDS,
    stop_seconds: float = STOP_SECONDS,
    nudge: Callable[[], None] = lambda: None,
) -> Iterator[Service]:
    """Runs a process that prints a line `listening`, for as long as the context lasts."""
    log = logs / f"{name}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            bounded_by_us(core, command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    service = Service(name, process, log)
    try:
        service.wait_until_listening(start_seconds)
        yield service
    except BenchError:
        time.sleep(0.1)
        service.check_running()  # whose end explains more than what it led to
        raise
    finally:
        service.stop(stop_seconds, nudge)


def connect_briefly(port: int) -> None:
    """A nudge for a program under valgrind, whose threads run one at a time.

    valgrind 3.19 does not know that io_uring_enter blocks, so a worker that sleeps in it keeps the
    thread that would notice SIGTERM from running, until something connects and wakes the worker.
    """
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def run_bounded(core: int, command: Sequence[str | Path], seconds: float) -> str:
    """Runs a command to its end and returns what it printed; any failure is ours too."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            bounded_by_us(core, command), capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"{name} did not end within {seconds:.0f} s") from late
    if done.returncode != 0:
        raise BenchError(f"{name} failed with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


# --- CPU time and memory ---


@dataclass(frozen=True)
class CpuReading:
    """Each thread's run time and wait for the core in nanoseconds; the process's ticks by mode."""

    threads: dict[int, tuple[int, int]]
    user_ticks: int
    kernel_ticks: int


@dataclass(frozen=True)
class CpuUse:
    seconds: float
    # Ready to run while something else had the core. On a core of its own this is next to nothing.
    displaced_seconds: float
    user_share: float


def read_cpu(pid: int) -> CpuReading:
    threads = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            ran, waited, _ = (task / "schedstat").read_text().split()
            threads[int(task.name)] = int(ran), int(waited)
    # The command name may hold blanks; the fields after its bracket start with the third.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return CpuReading(threads, int(fields[11]), int(fields[12]))


def cpu_between(before: CpuReading, after: CpuReading) -> CpuUse:
    """What ran between two readings. Only schedstat is exact; ticks give just the user share."""
    if lost := before.threads.keys() - after.threads.keys():
        print(f"warning: {len(lost)} threads ended during a run; their time is lost", flush=True)
    ran = waited = 0
    for thread, reading in after.threads.items():
        earlier = before.threads.get(thread, (0, 0))
        ran += reading[0] - earlier[0]
        waited += reading[1] - earlier[1]
    user = after.user_ticks - before.user_ticks
    total = user + after.kernel_ticks - before.kernel_ticks
    return CpuUse(ran / 1e9, waited / 1e9, user / total if total else 0.0)


def read_memory(pid: int) -> dict[str, int]:
    """VmRSS and RssAnon in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {
        field: int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024
        for field in ("VmRSS", "RssAnon")
    }


# --- instructions ---

PERF_EVENTS = ("instructions:u", "instructions:k")


def parse_perf(text: str) -> dict[str, int]:
    """The events that perf counted, from `perf stat -x,`; what it could not count is left out."""
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2] in PERF_EVENTS and fields[0].isdigit():
            counts[fields[2]] = int(fields[0])
    return counts


def perf_counts_instructions() -> bool:
    """perf may be absent, forbidden, or on a virtual machine without the processor's counters."""
    if shutil.which("perf") is None:
        return False
    command = ["perf", "stat", "-x,", "-e", ",".join(PERF_EVENTS), "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    return "instructions:u" in parse_perf(done.stderr)


def perf_prefix(pid: int, output: Path) -> list[str]:
    """What to put before a load so that perf counts `pid` for exactly as long as the load lasts."""
    events = ",".join(PERF_EVENTS)
    return ["perf", "stat", "-x,", "-o", str(output), "-e", events, "-p", str(pid), "--"]


def callgrind_prefix(output: Path) -> list[str]:
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"]


def parse_callgrind(output: Path) -> int:
    """All user instructions of a finished run."""
    totals = re.findall(r"^totals: (\d+)", output.read_text(), re.MULTILINE)
    if not totals:
        raise BenchError("callgrind wrote no totals")
    return sum(int(total) for total in totals)
