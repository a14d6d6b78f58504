"""A server's processes: started on one core, measured as a whole, ended one by one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PSS = re.compile(r"^Pss: +(\d+)", re.MULTILINE)
STOP_S = 15.0
IDLE_S = 15.0
"""How long to wait for a server to finish what nobody waits for any more."""
IDLE_STEP_S = 0.1
IDLE_SHARE = 0.3
"""Share of a core below which a server counts as idle."""


class Processes:
    """The processes of one server: all descendants of this process."""

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], core: int, folder: Path
    ) -> None:
        self.log = folder / "output.txt"
        with self.log.open("wb") as output:
            self._root = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *command],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        """Whether the process that was started is gone."""
        return self._root.poll() is not None

    def cpu_s(self) -> float:
        """CPU time of all processes until now, with that of children they have waited for."""
        ticks = 0
        for pid in descendants():
            with contextlib.suppress(OSError):
                ticks += sum(map(int, _stat(pid)[11:15]))
        return ticks / TICKS_PER_S

    def pss_mb(self) -> list[float]:
        """Proportional set size of each process, the largest first, in 10**6 bytes."""
        sizes = []
        for pid in descendants():
            with contextlib.suppress(OSError):
                found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
                if found is not None:
                    sizes.append(int(found[1]) * 1024 / 1e6)
        return sorted(sizes, reverse=True)

    def wait_until_idle(self) -> None:
        """Let the server finish what it still works on; at most `IDLE_S`."""
        deadline = time.monotonic() + IDLE_S
        used, calm = self.cpu_s(), 0
        while calm < 2 and time.monotonic() < deadline:
            time.sleep(IDLE_STEP_S)
            now = self.cpu_s()
            calm = calm + 1 if now - used <= IDLE_SHARE * IDLE_STEP_S else 0
            used = now

    def stop(self) -> None:
        """End every process, each by its own id, the first one politely."""
        with contextlib.suppress(ProcessLookupError):
            self._root.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._root.wait(STOP_S)
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_S / 3
            for pid in descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while descendants() and time.monotonic() < deadline:
                self._root.poll()
                _reap()
                time.sleep(0.02)

    def last_words(self) -> str:
        """The end of what the server wrote."""
        return self.log.read_text(errors="replace")[-2000:]


def descendants() -> list[int]:
    """All processes below this one that still live, in no order."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):  # noqa: PTH208 (hundreds of times per run)
        if entry.isdigit():
            with contextlib.suppress(OSError):
                children[int(_stat(int(entry))[1])].append(int(entry))
    found, open_ = [], [os.getpid()]
    while open_:
        below = children[open_.pop()]
        found += below
        open_ += below
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: 0 state, 1 parent, 11 to 14 CPU times."""
    # The name before them stands in parentheses and may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _reap() -> None:
    """Take leave of adopted processes that have ended."""
    for pid in _own_children():
        with contextlib.suppress(OSError):
            if _stat(pid)[0] == "Z":
                os.waitpid(pid, os.WNOHANG)


def _own_children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text().split())
