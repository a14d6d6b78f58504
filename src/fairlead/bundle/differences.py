"""Says in what two graphs differ, in lines that a person can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

FIRST = "nodes_splits"
"""What is told first of trees: their thresholds."""
SHOWN = 60
"""Longer values are cut to so many characters."""


def graph_differences(then: bytes, now: bytes) -> tuple[str, ...]:
    """Compare two graphs part by part.

    Args:
        then: a serialised model.
        now: another one.

    Returns:
        A line for each part that differs, in the order of the graph; none if the bytes are equal.
    """
    if then == now:
        return ()
    a, b = onnx.load_model_from_string(then), onnx.load_model_from_string(now)
    lines = (*_heads(a, b), *_nodes(a.graph, b.graph), *_initializers(a.graph, b.graph))
    return lines or ("both hold the same parts, written otherwise",)


def _heads(a: onnx.ModelProto, b: onnx.ModelProto) -> Iterator[str]:
    heads = [
        {
            "IR version": model.ir_version,
            "operator sets": {
                each.domain or "ai.onnx": each.version for each in model.opset_import
            },
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "inputs and outputs": [_shape(each) for each in _ends(model.graph)],
        }
        for model in (a, b)
    ]
    for name, value in heads[0].items():
        if value != heads[1][name]:
            yield f"{name}: {_cut(value)} → {_cut(heads[1][name])}"


def _ends(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    return [*graph.input, *graph.output]


def _shape(info: onnx.ValueInfoProto) -> str:
    kind = info.type.tensor_type
    sizes = [each.dim_param or str(each.dim_value) for each in kind.shape.dim]
    return f"{info.name}:{kind.elem_type}[{', '.join(sizes)}]"


def _nodes(a: onnx.GraphProto, b: onnx.GraphProto) -> Iterator[str]:
    if len(a.node) != len(b.node):
        yield f"number of nodes: {len(a.node)} → {len(b.node)}"
    for index, (one, other) in enumerate(zip(a.node, b.node, strict=False)):
        if one.op_type != other.op_type:
            # What follows is shifted, and would differ in everything.
            yield f"node {index}: {one.op_type} → {other.op_type}"
            return
        if one.SerializeToString() != other.SerializeToString():
            yield f"node {index}, {one.op_type}: {_node(one, other)}"


def _node(a: onnx.NodeProto, b: onnx.NodeProto) -> str:
    ends = [(list(node.input), list(node.output)) for node in (a, b)]
    if ends[0] != ends[1]:
        return f"reads and writes {_cut(ends[0])} → {_cut(ends[1])}"
    values = [{each.name: _value(each) for each in node.attribute} for node in (a, b)]
    names = [name for name in dict.fromkeys([*values[0], *values[1]]) if _differs(name, *values)]
    if not names:
        return "written otherwise"
    names.sort(key=lambda name: name != FIRST)
    first, *others = names
    told = f"{first}: {_change(values[0].get(first), values[1].get(first))}"
    return f"{told}; and {', '.join(others)}" if others else told


def _differs(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return name not in a or name not in b or not _same(a[name], b[name])


def _value(attribute: onnx.AttributeProto) -> Any:
    """An attribute as an array where it is one, else as it is."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return np.array(value) if attribute.ints or attribute.floats else value


def _initializers(a: onnx.GraphProto, b: onnx.GraphProto) -> Iterator[str]:
    one, other = (
        {each.name: numpy_helper.to_array(each) for each in graph.initializer} for graph in (a, b)
    )
    for name in dict.fromkeys([*one, *other]):
        if _differs(name, one, other):
            yield f"constant {name}: {_change(one.get(name), other.get(name))}"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and bool(a == b)


def _change(a: Any, b: Any) -> str:
    if a is None or b is None:
        return f"{'absent' if a is None else 'there'} → {'absent' if b is None else 'there'}"
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _array_change(a, b)
    return f"{_cut(a)} → {_cut(b)}"


def _array_change(a: NDArray[Any], b: NDArray[Any]) -> str:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{a.dtype}{[*a.shape]} → {b.dtype}{[*b.shape]}"
    # By their bits: 0 and -0 are equal, and not the same bytes.
    bits = [np.ascontiguousarray(x).reshape(-1, 1).view(np.uint8) for x in (a, b)]
    places = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
    first = int(places[0])
    change = f"{a.flat[first]!s} → {b.flat[first]!s}"
    if a.size == 1:
        return change
    return f"{len(places):,} of {a.size:,} values{_distance(a, b)}, the first at {first}: {change}"


def _distance(a: NDArray[Any], b: NDArray[Any]) -> str:
    """How far numbers are apart, as a share of the largest; nothing where that is not defined."""
    if a.dtype.kind != "f" or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return ""
    largest = max(np.abs(a).max(), np.abs(b).max())
    return f", by up to {np.abs(a - b).max() / largest:.1e} of the largest" if largest else ""


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
