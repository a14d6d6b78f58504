"""The machine: which core does what, and what to say of it beside the numbers."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
SINGLE = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
THREADS = {**{f"{name}_NUM_THREADS": "1" for name in SINGLE}, "POLARS_MAX_THREADS": "1"}
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""No server calls home."""


class UnfitMachineError(Exception):
    """Something that the benchmark needs is missing here."""


def prepare() -> tuple[int, int]:
    """Keep this process off the server's core, and adopt the orphans of its children.

    Returns:
        The server's core and the load generator's.

    Raises:
        UnfitMachineError: there is one core only, or a tool is missing.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UnfitMachineError("two cores are needed: one for the server, one for the load")
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise UnfitMachineError(f"{tool} is missing: apt-get install {package}")
    os.sched_setaffinity(0, {cores[1]})
    # A server's daemon whose parent has ended becomes a child of this process, not of init:
    # all descendants are then the server's, whatever it starts.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise UnfitMachineError("cannot adopt orphans (prctl)")
    return cores[0], cores[1]


def environment(variables: dict[str, str]) -> dict[str, str]:
    """What a server's process sees: nothing of Python's, Fairlead's or a proxy's, and one thread.

    Args:
        variables: the server's own, which win.
    """
    dropped = ("PYTHON", "FAIRLEAD_", "VIRTUAL_ENV", "UVICORN_", "MLFLOW_", "RAY_", "BENTOML_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }
    return kept | THREADS | QUIET | variables


def facts() -> dict[str, Any]:
    """Processor, memory, kernel and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
