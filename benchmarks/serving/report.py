"""Writes what was measured: JSON for machines, Markdown to read, a picture to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.serving.claims import Claim, table_of
from benchmarks.serving.measure import CONNECTIONS, Plan, Results
from benchmarks.serving.overload import Overload
from benchmarks.serving.picture import draw
from benchmarks.serving.questions import MANY
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.summary import CROWD, Line, claims, lines

NAME = "serving"

HEADER = """# Serving: Fairlead and its peers, side by side

Written by `make bench`; do not edit. One run, one machine, one worker each: the server on one
core, the load generator (wrk) on the other. Every server answered all of its questions right
before anything was timed. Figures are medians over the rounds; ratios are taken round by round.
CPU per request is over all processes of a server, and what noise disturbs least. Fairlead has
its prediction log, its metrics, its request log and request ids on; the peers' access logs are
off. Rows a second of requests of {many:,} rows are those of the best number of connections.

![CPU per request and rows per second]({picture})
"""


def write(
    folder: Path,
    results: Results,
    overloads: Sequence[Overload],
    others: Sequence[Claim],
    plan: Plan,
    machine: Mapping[str, Any],
) -> list[Claim]:
    """Write `serving.json`, `serving.md` and `serving.png`; returns what was promised."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, promised = lines(results), claims(results)
    promised += [claim for overload in overloads for claim in overload.claims()]
    promised += others
    (folder / f"{NAME}.png").write_bytes(draw(summary))
    (folder / f"{NAME}.md").write_text(
        _markdown(results, summary, promised, overloads, plan, machine)
    )
    document = {
        "machine": dict(machine),
        "plan": asdict(plan),
        "claims": [{**asdict(claim), "met": claim.met} for claim in promised],
        "summary": [asdict(line) for line in summary],
        "overload": [asdict(overload) for overload in overloads],
        "loads": {
            " ".join(key): [[asdict(load) for load in loads] for loads in rounds]
            for key, rounds in results.loads.items()
        },
        "starts": {
            " ".join(key): [asdict(start) for start in starts]
            for key, starts in results.starts.items()
        },
        "log_pairs": {
            model: [[asdict(load) for load in pair] for pair in pairs]
            for model, pairs in results.log_pairs.items()
        },
        "failed": {" ".join(key): what for key, what in results.failed.items()},
    }
    (folder / f"{NAME}.json").write_text(json.dumps(document, indent=1) + "\n")
    return promised


def _markdown(
    results: Results,
    summary: Sequence[Line],
    promised: Sequence[Claim],
    overloads: Sequence[Overload],
    plan: Plan,
    machine: Mapping[str, Any],
) -> str:
    parts = [HEADER.format(many=MANY, picture=f"{NAME}.png")]
    parts += ["## What is promised\n", *table_of(promised)]
    for model in dict.fromkeys(line.model for line in summary):
        parts += [f"\n## {model}\n", *_table([each for each in summary if each.model == model])]
    if overloads:
        parts += [
            "\n## More than it can do\n",
            *(text for each in overloads for text in each.told()),
        ]
    for key, what in results.failed.items():
        parts.append(f"\n{' '.join(key)} failed: {what.splitlines()[0]}")
    versions = ", ".join(f"{name} {each}" for name, each in machine["versions"].items())
    parts.append(
        f"\n## How\n\n{results.rounds} rounds, {plan.seconds:g} s a load, connections "
        f"{', '.join(map(str, CONNECTIONS))}. {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}. "
        f"{versions}. All figures: [{NAME}.json]({NAME}.json). "
        "How each peer is run: `benchmarks/serving/peers`.\n"
    )
    return "\n".join(parts)


def _table(summary: Sequence[Line]) -> list[str]:
    head = (
        f"| server | CPU, µs | requests/s | p99, ms | p50 alone, ms | rows/s ({MANY:,}) "
        "| CPU a row, µs | cold start, s | largest process, MB | all, MB |"
    )
    rows = [head, "| --- |" + " ---: |" * 9]
    for line in summary:
        many = (
            "| – | –"
            if line.rows_per_s is None
            else (f"| {line.rows_per_s:,.0f} | {line.row_cpu_us:,.1f}")
        )
        rows.append(
            f"| {SERVERS[line.server].title} | {line.cpu_us:,.0f} | {line.requests_per_s:,.0f} "
            f"| {line.p99_ms:,.1f} | {line.alone_p50_ms:,.2f} {many} | {line.cold_s:.2f} "
            f"| {line.worker_mb:,.0f} | {line.all_mb:,.0f} |"
        )
    rows.append(f"\nCPU, requests/s and p99: one row a request, {CROWD} connections.")
    return rows
