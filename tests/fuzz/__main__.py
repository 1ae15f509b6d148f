"""Makes malformed calls until one does what no call may do.

    python -m tests.fuzz --calls 100000
    python -m tests.fuzz --calls 1000000 --seed 7 --op conv2d_forward
    python -m tests.fuzz --seed 7 --replay 4711

Nine of ten calls are of the kernels, the others of rows of the table of op cases on tensors, with
their backward. What counts as a finding: a signal, an abort, a call that does not come back, an
error of a type that none should have (or one of a kernel that does not begin with the name of an
op), an argument that is only read and has changed, memory touched beside an argument, and a valid
call that afterwards gives other bits. A finding is printed with what repeats it.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.harvest import Call
from tests.fuzz.memory import environment_with_limit

HANG = 10  # seconds
MEMORY = 256  # MB that a child may take beside what it has at its start
FIRST_ROW = 1 << 40  # the number of the first call of a row; below are those of kernels


class Run:
    """Children that make the calls, one after the other, and what they tell."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.calls = folder / "calls"
        self.counter = folder / "counter"
        self.counter.write_bytes(bytes(8))
        with self.counter.open("r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 8)
        self.deaths = 0
        self.findings: dict[str, int] = {}

    def number(self) -> int:
        """The number of the call that is being made."""
        value: int = struct.unpack("q", self.shared)[0]
        return value

    def child(self, *more: str) -> list[str]:
        options = self.options
        return [
            *(sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.child"),
            *(str(options.seed), str(options.memory), str(self.calls), str(self.counter)),
            *more,
        ]

    def tell(self, number: int, name: str, what: str) -> None:
        """Prints a finding, the first of its kind."""
        key = what.split(": ")[0] if " at " in what[:40] else f"{name} {what[:60]}"
        self.findings[key] = self.findings.get(key, 0) + 1
        if self.findings[key] > 1:
            return
        ops = "".join(f" --op {op}" for op in self.options.op)
        print(f"FINDING {name}: {what}")
        print(f"    python -m tests.fuzz --seed {self.options.seed}{ops} --replay {number}")
        text = self.snippet(number)
        print("    " + (text if len(text) < 2000 else text[:2000] + " ..."), flush=True)

    def snippet(self, number: int) -> str:
        """Python that makes the call."""
        command = self.child(str(number), "show", *self.options.op)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr.strip()

    def make(self, first: int, last: int) -> None:
        """Makes the calls from `first` to before `last`, with as many children as it takes."""
        while first < last:
            # A pipe that nobody reads would stop a child with much to say, as sanitizers have.
            with tempfile.TemporaryFile() as errors:
                process = subprocess.Popen(
                    self.child(str(first), str(last), *self.options.op),
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment_with_limit(self.options.memory),
                )
                hung = self._listen(process)
                output, _ = process.communicate()
                errors.seek(0)
                report = errors.read().decode(errors="replace")
            for line in output.splitlines():
                self._hear(line)
            if process.returncode == 0:
                return
            number = self.number()
            if number < first:
                raise SystemExit(f"a child failed before its first call:\n{report}")
            self.deaths += 1
            if hung:
                what = f"does not come back within {HANG * self.options.patience:g} s"
            else:
                code = process.returncode
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                what = f"ends the process: {name}"
                start = report.find("ERROR: AddressSanitizer")
                start = start if start >= 0 else report.find("runtime error:")
                what += "\n" + report[start : start + 2500] if start >= 0 else ""
                if code > 0 and start < 0:
                    what += "\n" + report[-1500:]
            self.tell(number, self.name_of(number), what)
            first = number + 1

    def name_of(self, number: int) -> str:
        return self.snippet(number).split("(")[0]

    def _hear(self, line: bytes) -> None:
        told = json.loads(line)
        if isinstance(told, list):
            self.tell(*told)

    def _listen(self, process: subprocess.Popen[bytes]) -> bool:
        """Hears a child until it ends; kills it if it hangs, and says so."""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        before, since, buffer = -1, time.monotonic(), b""
        started = hung = False
        while process.poll() is None:
            if select.select([process.stdout], [], [], 0.5)[0]:
                buffer += process.stdout.read() or b""
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    started = True
                    self._hear(line)
                    since = time.monotonic()
            if self.number() != before or not started:
                before, since = self.number(), time.monotonic()
            elif time.monotonic() - since > HANG * self.options.patience:
                process.kill()
                hung = True
                break
        os.set_blocking(process.stdout.fileno(), True)  # for what is still to be read
        return hung


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--calls", type=int, default=100_000, help="default 100000")
    parser.add_argument("--seed", type=int, default=0, help="of the calls; default 0")
    parser.add_argument("--op", action="append", default=[], help="only this kernel or row")
    parser.add_argument("--replay", type=int, help="make this one call and show it")
    parser.add_argument("--rows", type=float, default=0.1, help="the part on tensors; default 0.1")
    parser.add_argument(
        "--memory", type=int, default=MEMORY, help=f"MB for a child, 0: any; default {MEMORY}"
    )
    parser.add_argument(
        "--patience", type=float, default=1, help=f"times {HANG} s: a hang; default 1"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run = Run(options, Path(place))
        subprocess.run([sys.executable, "-m", "tests.fuzz.harvest", run.calls], check=True)
        if options.replay is not None:
            print(run.snippet(options.replay), flush=True)
            command = run.child(str(options.replay), str(options.replay + 1), *options.op)
            environment = environment_with_limit(options.memory)
            code = subprocess.run(command, check=False, env=environment).returncode
            print("the child ends with", code if code >= 0 else signal.Signals(-code).name)
            return int(code != 0)
        with run.calls.open("rb") as file:
            gathered: list[Call] = pickle.load(file)
        names = {call.name for call in gathered}
        print(f"{len(gathered)} valid calls of {len(names)} kernels", flush=True)
        start = time.monotonic()
        rows = int(options.calls * options.rows)
        run.make(0, options.calls - rows)
        middle = time.monotonic()
        run.make(FIRST_ROW, FIRST_ROW + rows)
        end = time.monotonic()
    print(
        f"{options.calls - rows} calls of kernels in {middle - start:.0f} s, {rows} of ops on "
        f"tensors in {end - middle:.0f} s, seed {options.seed}: {run.deaths} processes ended, "
        f"{len(run.findings)} kinds of findings"
    )
    return int(bool(run.findings))


if __name__ == "__main__":
    sys.exit(main())
