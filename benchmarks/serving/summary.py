"""Medians and ratios of what was measured, and whether they keep what is promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.serving.claims import Claim
from benchmarks.serving.load import Load
from benchmarks.serving.measure import CONNECTIONS, Key, Results
from benchmarks.serving.questions import MANY
from benchmarks.serving.servers import SERVERS

Figure = Callable[[Load], float]

CROWD = max(CONNECTIONS)
OURS = "fairlead"


@dataclass(frozen=True)
class Line:
    """What one server did with one model, as medians over the rounds.

    Attributes:
        server: its key.
        model: the project.
        cpu_us: CPU per request of one row from the most connections.
        requests_per_s: the same, throughput.
        p99_ms: the same, latency.
        alone_p50_ms: latency of one row from one connection.
        rows_per_s: throughput of large requests, at its best number of connections; None if the
            server takes none.
        row_cpu_us: CPU per row there.
        cold_s: from the command to the first right answer.
        worker_mb: PSS of its largest process after the loads.
        all_mb: PSS of all of its processes after the loads.
    """

    server: str
    model: str
    cpu_us: float
    requests_per_s: float
    p99_ms: float
    alone_p50_ms: float
    rows_per_s: float | None
    row_cpu_us: float | None
    cold_s: float
    worker_mb: float
    all_mb: float


def lines(results: Results) -> list[Line]:
    """All servers that answered, model by model."""
    return [_line(results, key) for key in sorted(results.loads, key=_place)]


def claims(results: Results) -> list[Claim]:
    """What Fairlead must show, with each model that it was measured with."""
    found: list[Claim] = []
    for server, model in sorted(results.loads, key=_place):
        if server == OURS:
            found += _claims(results, model)
    return found


def same_row_claims(pairs: Mapping[str, Sequence[tuple[Load, Load]]]) -> list[Claim]:
    """What Fairlead must show where one row is asked again and again."""
    found = []
    for model, of_model in pairs.items():
        ratio = median(ours.cpu_us / raw.cpu_us for ours, raw in of_model)
        p99 = median(ours.p99_ms for ours, _ in of_model)
        where = f"{model}, the same row throughout"
        against = SERVERS["floor-raw"].title
        found += [
            Claim(f"{where}: CPU per request", ratio, 2.5, against=against),
            Claim(f"{where}: p99 at {CROWD} connections, ms", p99, 10),
        ]
    return found


def _claims(results: Results, model: str) -> Iterator[Claim]:
    ours = _line(results, (OURS, model))
    peers = [
        server for server, of in results.loads if of == model and SERVERS[server].role == "peer"
    ]
    one = (1, CROWD)
    for figure, what, better in (
        (_cpu, "CPU per request", min),
        (_throughput, "requests per second", max),
    ):
        less = figure is _cpu
        wanted = {"mlflow": 80.0, "floor-raw": 2.5 if less else 1 / 2.5, "floor-fastapi": 1.0}
        if peers:
            best = better(peers, key=lambda peer: _median(results, (peer, model), one, figure))
            wanted = {best: 15.0} | wanted if best != "mlflow" else wanted
        for server, bound in wanted.items():
            if (server, model) not in results.loads:
                continue
            ratio = _ratio(results, model, server, one, figure)
            bound = 1 / bound if less and SERVERS[server].role == "peer" else bound
            yield Claim(f"{model}: {what}", ratio, bound, less, SERVERS[server].title)
    yield Claim(f"{model}: p99 at {CROWD} connections, ms", ours.p99_ms, 10)
    yield Claim(f"{model}: p50 at one connection, ms", ours.alone_p50_ms, 0.35)
    if ours.rows_per_s is not None and peers:
        rows = {peer: _line(results, (peer, model)).rows_per_s or 0.0 for peer in peers}
        best = max(rows, key=lambda peer: rows[peer])
        what = f"{model}: rows per second, {MANY:,} a request"
        ratio = ours.rows_per_s / rows[best]
        yield Claim(what, ratio, 2, at_most=False, against=SERVERS[best].title)
    yield Claim(f"{model}: cold start, s", ours.cold_s, 1.5)
    yield Claim(f"{model}: worker's memory, MB", ours.worker_mb, 110)
    pairs = results.log_pairs.get(model)
    if pairs:
        cost = 1 - median(log.requests_per_s / bare.requests_per_s for log, bare in pairs)
        yield Claim(f"{model}: share of throughput that the prediction log costs", cost, 0.15)


def _place(key: Key) -> tuple[str, int]:
    return key[1], list(SERVERS).index(key[0])


def _line(results: Results, key: Key) -> Line:
    one, alone = (1, CROWD), (1, min(CONNECTIONS))
    many = [(MANY, each) for each in CONNECTIONS if _loads(results, key, (MANY, each))]
    rows = cost = None
    if many:
        best = max(many, key=lambda way: _median(results, key, way, _throughput))
        rows = _median(results, key, best, lambda load: load.rows_per_s)
        cost = _median(results, key, best, _cpu) / MANY
    starts = results.starts[key]
    return Line(
        *key,
        _median(results, key, one, _cpu),
        _median(results, key, one, _throughput),
        _median(results, key, one, lambda load: load.p99_ms),
        _median(results, key, alone, lambda load: load.p50_ms),
        rows,
        cost,
        median(start.cold_s for start in starts),
        median(start.loaded_mb[0] for start in starts),
        median(sum(start.loaded_mb) for start in starts),
    )


def _ratio(
    results: Results, model: str, server: str, way: tuple[int, int], figure: Figure
) -> float:
    """Fairlead's figure to another server's, round by round."""
    ours, theirs = (_loads(results, (name, model), way) for name in (OURS, server))
    # A server that failed in a later round has fewer.
    return median(figure(a) / figure(b) for a, b in zip(ours, theirs, strict=False))


def _median(results: Results, key: Key, way: tuple[int, int], figure: Figure) -> float:
    return median(map(figure, _loads(results, key, way)))


def _loads(results: Results, key: Key, way: tuple[int, int]) -> Sequence[Load]:
    rounds = results.loads[key]
    return [load for loads in rounds for load in loads if (load.rows, load.connections) == way]


def _cpu(load: Load) -> float:
    return load.cpu_us


def _throughput(load: Load) -> float:
    return load.requests_per_s
