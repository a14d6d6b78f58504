"""The whole life of a model in one go: fetch, train, serve, ask. Run by `make demo`."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.request
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parent
FAIRLEAD = Path(sysconfig.get_path("scripts")) / "fairlead"
RECORD = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
READY_S = 60.0
"""How long the service may take to listen."""
ANSWER_S = 10.0
STOP_S = 20.0


def main() -> int:
    """Run the demo; returns the exit code."""
    started = time.monotonic()
    project = PROJECT.relative_to(Path.cwd()) if PROJECT.is_relative_to(Path.cwd()) else PROJECT
    for arguments in (["data", "fetch", str(project)], ["train", str(project)]):
        print(f"\n$ fairlead {' '.join(arguments)}", flush=True)
        code = subprocess.run([FAIRLEAD, *arguments], check=False).returncode
        if code:
            return _failed(f"fairlead {' '.join(arguments)} ended with status {code}")
    print(f"\n$ fairlead serve {project} --port 0", flush=True)
    with subprocess.Popen(
        [FAIRLEAD, "serve", str(project), "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            url = _wait_until_ready(service)
            if url is None:
                return _failed(f"the service ended, or took more than {READY_S:.0f} s to listen")
            answer = _ask(f"{url}/predict")
        except OSError as error:
            return _failed(f"the service did not answer: {error}")
        finally:
            _stop(service)
    print(_farewell(url, answer, project, time.monotonic() - started))
    return 0


def _wait_until_ready(service: subprocess.Popen[str]) -> str | None:
    """The address on which the service listens; None where it ends or takes too long."""
    if service.stdout is None:
        return None
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(service.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + READY_S
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            return None
        if line is None:
            return None
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and event.get("event") == "ready":
            return str(event["url"])
        print(line, end="", file=sys.stderr)
    return None


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Hand over what the service says, to its end, so that it never waits for a reader."""
    for line in stream:
        lines.put(line)
    lines.put(None)


def _ask(url: str) -> str:
    request = urllib.request.Request(  # noqa: S310 (the demo's own service)
        url, json.dumps(RECORD).encode(), {"Content-Type": "application/json"}
    )
    # The service is on this machine: no proxy is asked for the way.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=ANSWER_S) as response:
        return str(response.read().decode())


def _stop(service: subprocess.Popen[str]) -> None:
    service.terminate()
    try:
        service.wait(STOP_S)
    except subprocess.TimeoutExpired:
        service.kill()


def _failed(reason: str) -> int:
    print(f"the demo failed: {reason}", file=sys.stderr)
    return 1


def _farewell(url: str, answer: str, project: Path, seconds: float) -> str:
    commands = {
        ". .venv/bin/activate": "puts `fairlead` on the path",
        f"fairlead serve {project}": "serves the champion; open /docs in a browser",
        f"fairlead serve {project} --model decision_tree": "serves another candidate",
        f"fairlead models list --project {project}": "lists what is registered",
        "fairlead data fetch projects/housing": "begins with the next project",
    }
    width = max(map(len, commands))
    listed = "\n".join(f"  {command:{width}}  {what}" for command, what in commands.items())
    return f"""
$ curl {url}/predict --json '{json.dumps(RECORD)}'
{answer}

That took {seconds:.0f} s, and the service was stopped again. To go on:

{listed}
"""


if __name__ == "__main__":
    sys.exit(main())
