"""Has the prediction log compacted while a service runs, by processes that do not stay."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fairlead.serving.table import Trouble

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "fairlead", "log", "compact", "--json")
FIRST_S = 60.0
"""After the start: the workers load meanwhile, and services that run shorter leave little."""
EVERY_S = 3600.0
NICENESS = 10


class Compaction:
    """Runs `fairlead log compact` every hour; nothing of the database stays in this process.

    Args:
        folder: of the log.
        command: compacts the folder that `--folder` names once, and tells JSON.
        first_s: pause before the first time.
        every_s: pause between two times, and the longest that one may take.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = COMMAND,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._folder = folder
        self._command = [*command, "--folder", str(folder)]
        self._pauses_s = first_s, every_s
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._troubles: tuple[Trouble, ...] = ()

    def start(self) -> None:
        """Begin, in a thread."""
        threading.Thread(target=self._run, name="compaction", daemon=True).start()

    def stop(self) -> None:
        """End what is under way: a compaction may be killed at any time."""
        self._ending.set()
        process = self._process
        if process is not None:
            process.kill()

    def troubles(self) -> tuple[Trouble, ...]:
        """What became of the last time, if it failed."""
        return self._troubles

    def _run(self) -> None:
        pause_s, every_s = self._pauses_s
        while not self._ending.wait(pause_s):
            pause_s = every_s
            try:
                told = self._compact(every_s)
            except subprocess.CalledProcessError as error:
                self._fail(f"ended with {error.returncode}")
            except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
                self._fail(f"does not work here ({type(error).__name__})")
            else:
                self._troubles = ()
                log.info("predictions_compacted", extra=told)

    def _compact(self, longest_s: float) -> dict[str, int]:
        """Compact once; returns what the command tells."""
        # Its errors may quote what it read, and a row has no place in the service's log.
        with subprocess.Popen(  # noqa: S603
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        ) as process:
            self._process = process
            try:
                with suppress(OSError):  # it has ended already, or is nicer than that
                    os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
                if self._ending.is_set():
                    process.kill()
                told, _ = process.communicate(timeout=longest_s)
            finally:
                self._process = None
                process.kill()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, self._command)
        return msgspec.json.decode(told, type=dict[str, int])

    def _fail(self, how: str) -> None:
        if self._ending.is_set():
            return
        what = f"`fairlead log compact --folder {self._folder}` {how}; run it to see why"
        log.error("compaction_failed", extra={"what": what})
        if not self._troubles:
            self._troubles = (Trouble("compaction_failed", what, since=time.time()),)
