"""Trials of a bundle behind the code that answers requests, without a socket."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import records
from fairlead.bundle.manifest import GRAPH
from fairlead.bundle.reading import Bundle
from fairlead.graph.runtime import Session
from fairlead.readiness.cases import Record, broken, edges
from fairlead.readiness.evidence import Probed
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.rows import RowReader

SKEW_ROWS = 1_000
MAX_ROWS = 1_000_000
MAX_FEATURE_US = 100.0
MAX_REQUEST_US = 10_000.0
CALLS = 200
SHOWN = 3
SHOWN_VALUES = 8


def predictor_of(bundle: Bundle) -> Predictor:
    """What a service would answer with."""
    return Predictor(bundle, max_rows=MAX_ROWS, label="score")


def refusals(predictor: Predictor) -> Probed:
    """Send a row for each rule of the contract, which it breaks; each must be refused."""
    good: Record = predictor.bundle.golden()["records"][0]
    sent, accepted = 0, []
    for name, column in predictor.bundle.contract.columns.items():
        for rule, record in broken(name, column, good):
            sent += 1
            if _is_accepted(predictor, record):
                accepted.append(f"{name} {rule}")
    if _is_accepted(predictor, {**good, "(not a column)": 1}):
        accepted.append("a column too many")
    if accepted:
        return Probed(passed=False, text=f"the service took {_some(accepted)}")
    return Probed(passed=True, text=f"{sent + 1} rows that each break a rule: all refused")


def _is_accepted(predictor: Predictor, record: Record) -> bool:
    try:
        _ask(predictor, record)
    except RequestRefusedError:
        return False
    return True


def _ask(predictor: Predictor, record: Record) -> Answer:
    return predictor.predict(Request(msgspec.json.encode(record), {}, "score"))


def skew(predictor: Predictor, X: NDArray[np.float64], seed: int) -> Probed:
    """Send rows of the data as a caller would; inputs and scores must be those of training.

    Args:
        predictor: of the bundle.
        X: shape (n, d), the data as training reads it.
        seed: chooses the rows.
    """
    bundle = predictor.bundle
    if len(X) > SKEW_ROWS:
        X = X[np.random.default_rng(seed).choice(len(X), SKEW_ROWS, replace=False)]
    document = records(bundle.contract, X)
    answer = predictor.predict_batch(Request(msgspec.json.encode(document), {}, "score"))
    if answer.refused or answer.scores is None:
        return Probed(passed=False, text=f"{answer.refused} of {len(X):,} training rows refused")
    expected = bundle.score(X)
    same = [np.array_equal(answer.X, X, equal_nan=True)]
    same.append(np.array_equal(answer.scores.prediction, expected.prediction))
    if expected.probabilities is not None and answer.scores.probabilities is not None:
        same.append(np.array_equal(answer.scores.probabilities, expected.probabilities))
    if not all(same):
        return Probed(passed=False, text=f"{len(X):,} training rows are served differently")
    text = f"{len(X):,} rows of the data through the service: inputs and scores to the last bit"
    return Probed(passed=True, text=text)


def extremes(predictor: Predictor) -> Probed:
    """Send the edges of what the contract admits; every score must be finite."""
    golden: Sequence[Record] = predictor.bundle.golden()["records"]
    values = {
        name: list(edges(column)) for name, column in predictor.bundle.contract.columns.items()
    }
    document = [
        {**row, name: value}
        for row in golden[:SHOWN]
        for name, own in values.items()
        for value in own
    ]
    document += [
        {**golden[0], **{name: own[end] for name, own in values.items() if own}} for end in (0, -1)
    ]
    answer = predictor.predict_batch(Request(msgspec.json.encode(document), {}, "score"))
    scored = len(document) - answer.refused
    if answer.scores is None or not scored:
        return Probed(passed=False, text="none of the rows at the edges was accepted")
    shares = answer.scores.probabilities
    numbers = answer.scores.prediction if shares is None else shares
    bad = int((~np.isfinite(np.asarray(numbers, float))).reshape(scored, -1).any(axis=1).sum())
    if bad:
        text = f"{bad} of {scored} rows at the edges of the contract have no finite score"
        return Probed(passed=False, text=text)
    text = f"{scored} rows with missing, unknown, extreme and boundary values: all scores finite"
    return Probed(passed=True, text=text)


def feature_cost(predictor: Predictor) -> Probed:
    """Time what each column adds to a request, which is reading and checking it."""
    contract, golden = predictor.bundle.contract, predictor.bundle.golden()["records"]
    costs = {}
    for name, column in contract.columns.items():
        reader = RowReader(replace(contract, columns={name: column}))
        rows = [{name: row[name]} for row in golden]
        costs[name] = _microseconds(lambda index: reader.record(rows[index % len(rows)], ()))  # noqa: B023
    request = _microseconds(lambda index: _ask(predictor, golden[index % len(golden)]))
    dearest = max(costs, key=lambda name: costs[name])
    text = f"{dearest} is the dearest: {costs[dearest]:.1f} of {request:.0f} µs of a request"
    passed = costs[dearest] <= MAX_FEATURE_US and request <= MAX_REQUEST_US
    limits = "" if passed else f", allowed {MAX_FEATURE_US:g} of {MAX_REQUEST_US:,.0f}"
    return Probed(passed, text + limits)


def _microseconds(call: Callable[[int], object]) -> float:
    times = []
    for index in range(CALLS):
        started = time.perf_counter_ns()
        call(index)
        times.append(time.perf_counter_ns() - started)
    return median(times) / 1e3


def one_row(bundle: Bundle) -> tuple[Probed, Mapping[str, Any]]:
    """Follow one row through every operation of the graph.

    Returns:
        Whether the last values are those of the answer, and the steps as JSON values.
    """
    import onnx

    row = bundle.golden()["records"][0]
    X = bundle.encode([row])
    model = onnx.load(str(bundle.path / GRAPH))
    shown = {output.name for output in model.graph.output}
    inner = [name for node in model.graph.node for name in node.output if name not in shown]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner)
    values = Session(model.SerializeToString()).run(X)
    steps = [
        {
            "operation": node.op_type,
            "inputs": list(node.input),
            "outputs": {name: _plain(values[name]) for name in node.output},
        }
        for node in model.graph.node
    ]
    expected = Session(bundle.path / GRAPH).run(X)
    same = all(np.array_equal(values[name], expected[name]) for name in expected)
    told = f"{len(steps)} operations of one row"
    if not same:
        return Probed(passed=False, text=f"{told} do not lead to its answer"), {}
    document = {"digest": bundle.digest, "record": row, "steps": steps}
    return Probed(passed=True, text=f"{told}, to the bits of its answer"), document


def _plain(values: NDArray[Any]) -> dict[str, Any]:
    """An array as JSON, cut where it is long; texts stand for what JSON has no number for."""
    first = [
        each if not isinstance(each, float) or math.isfinite(each) else str(each)
        for each in values.ravel()[:SHOWN_VALUES].tolist()
    ]
    return {"shape": list(values.shape), "type": str(values.dtype), "first_values": first}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
