from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.graph.builder import Graph, serialize
from fairlead.graph.expressions import GraphOps, compile_expression
from fairlead.graph.runtime import Session
from fairlead.project.arithmetic import exp
from fairlead.project.expressions import Expression, Scope, evaluate, parse
from fairlead.project.primitives import NumpyOps

NAMES = ("a", "b", "flag", "colour")
SCOPE = Scope(
    {"a": "number", "b": "number", "flag": "boolean", "colour": "category"},
    {"colour": ("red", "green")},
)
AWKWARD = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, math.nan, math.inf, -math.inf),
    *(5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e300, -1e300, 1e-300),
    *(709.782712893384, 709.7827128933841, -745.13, -745.14, math.pi, 2.0**52 + 1, 1647099.0),
)

literals = st.one_of(
    st.sampled_from(["0", "1", "2", "0.5", "1e-300", "1e300", "3.141592653589793"]),
    st.sampled_from(["1.0000000000000002", "0.9999999999999999", "1e-50", "5e-324"]),
    st.floats(min_value=0, max_value=1e6).map(repr),
)


def numbers(depth: int) -> st.SearchStrategy[str]:
    leaves = st.one_of(st.sampled_from(["a", "b"]), literals)
    if depth == 0:
        return leaves
    part, test = numbers(depth - 1), conditions(depth - 1)
    functions = st.sampled_from(["log", "log1p", "exp", "sqrt", "abs", "sin", "cos", "-", "+"])
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    powers = st.sampled_from([*range(-16, 17), 0.5])
    return st.one_of(
        leaves,
        st.tuples(functions, part).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(part, operators, part).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(part, powers).map(lambda p: f"({p[0]}) ** {p[1]}"),
        st.tuples(st.sampled_from(["min", "max"]), part, part, part).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]}, {p[3]})"
        ),
        st.tuples(test, part, part).map(lambda p: f"where({p[0]}, {p[1]}, {p[2]})"),
        st.tuples(part, test, part).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.tuples(part, part, part, part).map(lambda p: f"haversine_km({', '.join(p)})"),
    )


def conditions(depth: int) -> st.SearchStrategy[str]:
    leaves = st.sampled_from(
        [
            *("flag", "not flag", "colour == 'red'", "'green' != colour", "is_missing(flag)"),
            *("colour in ('red', 'green')", "colour not in ['green']", "is_missing(colour)"),
            *("is_missing(a)", "a in (0, -1, 0.5)", "1 < 2"),
        ]
    )
    if depth == 0:
        return leaves
    part, test = numbers(depth - 1), conditions(depth - 1)
    comparisons = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    return st.one_of(
        leaves,
        st.tuples(part, comparisons, part).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(part, comparisons, part, comparisons, part).map(lambda p: f"({' '.join(p)})"),
        st.tuples(test, st.sampled_from(["and", "or"]), test).map(lambda p: f"({' '.join(p)})"),
        test.map(lambda p: f"(not {p})"),
        st.tuples(test, test, test).map(lambda p: f"where({', '.join(p)})"),
    )


values = st.one_of(st.sampled_from(AWKWARD), st.floats(), st.floats(min_value=-1e3, max_value=1e3))
rows = st.tuples(
    values, values, st.sampled_from([0.0, 1.0, math.nan]), st.sampled_from([-1.0, 0, 1, math.nan])
)


def session(expression: Expression) -> Session:
    graph = Graph(len(NAMES))
    columns = {name: graph.column(graph.X, index) for index, name in enumerate(NAMES)}
    result = compile_expression(graph, expression, columns)
    kind = TensorProto.BOOL if expression.kind == "boolean" else TensorProto.DOUBLE
    return Session(serialize(graph.model({"y": (result, kind, 1)})))


def compiled(expression: Expression, X: NDArray[np.float64]) -> NDArray[np.float64]:
    return session(expression).run(X)["y"][:, 0].astype(np.float64)


def evaluated(expression: Expression, X: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = {name: X[:, index] for index, name in enumerate(NAMES)}
    return evaluate(expression, columns).astype(np.float64)


def bits(values: NDArray[np.float64]) -> list[int]:
    return np.where(np.isnan(values), np.nan, values).view(np.uint64).tolist()


@settings(max_examples=250, deadline=None)
@given(
    text=st.one_of(numbers(3), conditions(3)),
    drawn=st.lists(rows, min_size=1, max_size=13),
)
def test_numpy_and_the_graph_give_the_same_bits(
    text: str, drawn: list[tuple[float, float, float, float]]
) -> None:
    expression, X = parse(text, SCOPE), np.array(drawn)
    scorer = session(expression)
    together = scorer.run(X)["y"][:, 0].astype(np.float64)
    alone = [scorer.run(X[i : i + 1])["y"][0, 0] for i in range(len(X))]
    assert bits(together) == bits(evaluated(expression, X))
    assert bits(np.array(alone, np.float64)) == bits(together)


@pytest.mark.parametrize(
    "text",
    [
        *("exp(a)", "log(a)", "log1p(a)", "sqrt(a)", "sin(a)", "cos(a)", "abs(a)", "a // b"),
        *("a % b", "min(a, b)", "max(a, b)", "a ** -3"),
        *("where(a < b, a, b)", "where(not a < b, a, b)", "haversine_km(a, b, 52.5, 13.4)"),
    ],
)
def test_every_function_gives_the_same_bits_for_many_values(text: str) -> None:
    generator = np.random.default_rng(1)
    wide = np.exp(generator.uniform(-745, 709, (2000, 4))) * generator.choice([-1, 1], (2000, 4))
    awkward = np.array([[a, b, 0, 0] for a in AWKWARD for b in AWKWARD])
    X = np.concatenate([wide, generator.uniform(-750, 750, (2001, 4)), awkward])
    expression = parse(text, SCOPE)
    assert bits(compiled(expression, X)) == bits(evaluated(expression, X))


@pytest.mark.parametrize(
    "text",
    [
        *("1 / a * b", "1.00000001 / a * b", "1 / (0 + a)", "1 / (a + 0)", "1 / (a - -0.0)"),
        *("-(a + 1e-300)", "-(1e-50 + a)", "-(a - 1e-300)", "-(a * 1.0000000000000002)"),
        *("-(0.9999999999999999 * a)", "-(a / 1.00000001)", "1 / (a * 1)", "1 / (a - 0)"),
    ],
)
def test_the_optimizer_of_onnxruntime_has_nothing_to_simplify(text: str) -> None:
    X = np.full((100, 4), -0.0)
    X[1:50, :2] = np.random.default_rng(2).normal(size=(49, 2))
    X[50:, 0] = 5e-324
    expression = parse(text, SCOPE)
    assert bits(compiled(expression, X)) == bits(evaluated(expression, X))


@pytest.mark.parametrize(("text", "value"), [("1 + 2 * 3", 7.0), ("exp(0)", 1.0), ("1 < 2", True)])
def test_a_constant_is_repeated_for_every_row(text: str, value: float) -> None:
    assert session(parse(text, SCOPE)).run(np.zeros((3, 4)))["y"].tolist() == [[value]] * 3


def test_exp_works_on_a_matrix_and_takes_few_nodes() -> None:
    scores = np.random.default_rng(3).uniform(-800, 800, (50, 3))
    graph = Graph(3)
    result = exp(GraphOps(graph), graph.X)
    model = graph.model({"y": (result, TensorProto.DOUBLE, 3)})
    matrix = Session(serialize(model)).run(scores)["y"]
    assert matrix.tolist() == exp(NumpyOps(), scores).tolist()
    assert len(model.graph.node) - 1 <= 25


def test_an_expression_gives_the_same_graph_every_time() -> None:
    models = []
    for _ in range(2):
        graph = Graph(1)
        result = compile_expression(graph, parse("log(a) ** 2 / exp(a)", SCOPE), {"a": graph.X})
        models.append(serialize(graph.model({"y": (result, TensorProto.DOUBLE, 1)})))
    assert models[0] == models[1]
