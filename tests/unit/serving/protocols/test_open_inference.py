from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import Problem, RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.open_inference import infer, inputs_of, refuse
from fairlead.serving.protocols.tensors import to_bytes

ROW = [5.1, 3.5, 1.4, 0.2]
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
Tensor = dict[str, Any]


def whole(data: list[Any], shape: tuple[int, ...] = (1, 4), datatype: str = "FP64") -> Tensor:
    return {"name": "input-0", "shape": list(shape), "datatype": datatype, "data": data}


def column(name: str, data: list[Any], datatype: str = "FP64") -> Tensor:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def by_column(row: list[float]) -> list[Tensor]:
    return [column(name, [value]) for name, value in zip(COLUMNS, row, strict=True)]


def in_bytes(tensor: Tensor, values: Any) -> tuple[Tensor, bytes]:
    raw = to_bytes(np.asarray(values), tensor["datatype"])
    described = {key: value for key, value in tensor.items() if key != "data"}
    return {**described, "parameters": {"binary_data_size": len(raw)}}, raw


def ask(bundle: Bundle, *inputs: Tensor, raw: bytes = b"", **more: Any) -> Answer:
    content = json.dumps({"inputs": inputs, **more}).encode()
    headers = {b"inference-header-content-length": b"%d" % len(content)} if raw else {}
    return infer(Predictor(bundle, 1000, "3"), Request(content + raw, headers, "r-1"))


def outputs(answer: Answer) -> dict[str, Any]:
    return {each["name"]: each["data"] for each in json.loads(answer.body)["outputs"]}


def refused(bundle: Bundle, *inputs: Tensor, **more: Any) -> str:
    with pytest.raises(RequestRefusedError) as caught:
        ask(bundle, *inputs, **more)
    assert caught.value.status == 400
    return str(json.loads(refuse(400, caught.value.detail))["error"])


def refused_body(bundle: Bundle, body: bytes, **headers: str) -> str:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    with pytest.raises(RequestRefusedError) as caught:
        infer(Predictor(bundle, 1000), Request(body, named, "r-1"))
    assert caught.value.status == 400
    return str(json.loads(refuse(400, caught.value.detail))["error"])


def golden(bundle: Bundle) -> tuple[list[Tensor], int]:
    """The golden rows as tensors in JSON, and how many they are."""
    records = bundle.golden()["records"]
    tensors = [
        column(each["name"], [record[each["name"]] for record in records], each["datatype"])
        for each in inputs_of(bundle.contract)
    ]
    return tensors, len(records)


def test_golden_rows_are_scored_with_the_bits_of_the_bundle(flowers: Bundle) -> None:
    tensors, _ = golden(flowers)
    found = outputs(ask(flowers, *tensors))
    expected = flowers.golden()
    assert found["predict"] == expected["prediction"]
    assert found["predict_proba"] == np.ravel(expected["probabilities"]).tolist()


def test_every_type_and_null_are_read_as_in_a_record(houses: Bundle) -> None:
    tensors, _ = golden(houses)
    assert outputs(ask(houses, *tensors)) == {"predict": houses.golden()["prediction"]}


def test_every_row_has_its_place_a_single_one_too(flowers: Bundle) -> None:
    tensors, rows = golden(flowers)
    asked = {"parameters": {"binary_data_output": True}}
    answers = [ask(flowers, whole(ROW)), ask(flowers, *tensors), ask(flowers, *tensors, **asked)]
    assert [answer.numbers for answer in answers] == [range(1), range(rows), range(rows)]


def test_an_answer_names_model_version_and_id(flowers: Bundle) -> None:
    answer = json.loads(ask(flowers, whole(ROW), id="42").body)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("flowers", "3", "42")


def test_without_an_id_the_answer_has_that_of_the_request(flowers: Bundle) -> None:
    assert json.loads(ask(flowers, whole(ROW), id=None).body)["id"] == "r-1"


def test_outputs_tell_shape_and_datatype(flowers: Bundle) -> None:
    answer = json.loads(ask(flowers, whole([ROW, ROW], (2, 4))).body)
    described = [(each["name"], each["shape"], each["datatype"]) for each in answer["outputs"]]
    assert described == [("predict", [2], "BYTES"), ("predict_proba", [2, 3], "FP64")]


@pytest.mark.parametrize(
    "inputs",
    [
        [whole(ROW)],
        [whole([ROW])],
        [whole(ROW, datatype="fp64")],
        [{**whole(ROW), "name": "sepal_length"}],
        by_column(ROW),
        by_column(ROW)[::-1],
        [{**each, "shape": [1, 1], "data": [each["data"]]} for each in by_column(ROW)],
        [{**each, "parameters": {"content_type": "np", "n": None}} for each in by_column(ROW)],
    ],
)
def test_one_tensor_and_one_input_for_each_column_are_the_same(
    flowers: Bundle, inputs: list[Tensor]
) -> None:
    assert ask(flowers, *inputs).X.tolist() == [ROW]


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "INT8", "UINT64"])
@pytest.mark.parametrize("rows", [1, 3])
def test_numbers_in_bytes_are_read_from_any_type(flowers: Bundle, datatype: str, rows: int) -> None:
    X = np.full((rows, 4), 2.0)
    tensor, raw = in_bytes(whole([], (rows, 4), datatype), X)
    assert ask(flowers, tensor, raw=raw).X.tolist() == X.tolist()


def test_a_float_of_32_bits_is_widened_exactly(flowers: Bundle) -> None:
    values = np.array([ROW], np.float32)
    tensor, raw = in_bytes(whole([], datatype="FP32"), values)
    assert ask(flowers, tensor, raw=raw).X.tolist() == values.astype(np.float64).tolist()


def test_columns_in_bytes_and_in_json_may_be_mixed(houses: Bundle) -> None:
    tensors, rows = golden(houses)
    kept, raws = [], []
    for tensor in tensors:
        if tensor["name"] in ("age", "distance", "ocean", "garden"):
            tensor, raw = in_bytes(tensor, np.array(tensor["data"], object))
            raws.append(raw)
        kept.append(tensor)
    answer = ask(houses, *kept, raw=b"".join(raws))
    assert len(answer.X) == rows
    assert outputs(answer)["predict"] == houses.golden()["prediction"]


@pytest.mark.parametrize("copies", [1, 30])
def test_nan_in_bytes_is_missing_where_a_column_is_nullable(houses: Bundle, copies: int) -> None:
    tensors, _ = golden(houses)
    some = [{**each, "shape": [copies], "data": each["data"][:1] * copies} for each in tensors]
    rooms, raw = in_bytes({**some[1], "datatype": "FP64"}, np.full(copies, np.nan))
    assert np.isnan(ask(houses, some[0], rooms, *some[2:], raw=raw).X[:, 1]).all()


@pytest.mark.parametrize("rows", [1, 30])
def test_nan_in_bytes_is_refused_elsewhere(flowers: Bundle, rows: int) -> None:
    X = np.ones((rows, 4))
    X[-1, 2] = np.nan
    tensor, raw = in_bytes(whole([], (rows, 4)), X)
    error = refused(flowers, tensor, raw=raw)
    assert error == f"row {rows - 1}, petal_length: Input should be a valid number"


def test_a_nullable_column_may_be_left_out(houses: Bundle) -> None:
    tensors, rows = golden(houses)
    answer = ask(houses, *(each for each in tensors if each["name"] != "sold"))
    assert np.isnan(answer.X[:, 7]).sum() == rows


@given(rows=st.lists(st.lists(st.floats(-1, 11, width=32), min_size=4, max_size=4), min_size=2))
def test_bytes_and_json_are_refused_for_the_same_reasons(
    flowers: Bundle, rows: list[list[float]]
) -> None:
    tensor, raw = in_bytes(whole([], (len(rows), 4)), rows)
    told = []
    for inputs, more in (([whole(rows, (len(rows), 4))], {}), ([tensor], {"raw": raw})):
        try:
            told.append(ask(flowers, *inputs, **more).X.tolist())
        except RequestRefusedError as error:
            told.append(error.detail)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ([whole([5.1, 3.5, 1.4, "0.2"])], "row 0, petal_width: Input should fit FP64"),
        ([whole([5, 3, 1, 0.2], datatype="INT64")], "row 0, petal_width: Input should fit INT64"),
        ([whole([5, 3, 1, 300], datatype="INT8")], "row 0, petal_width: Input should fit INT8"),
        ([whole([5.1, 3.5, 1.4, 99])], "row 0, petal_width: Input should be less than or equal"),
        ([whole([5.1, 3.5, 1.4, None])], "row 0, petal_width: Input should be a valid number"),
        ([whole(ROW[:3])], "inputs, input-0: data should have 4 elements, as shape says"),
        ([whole(ROW, (1, -4))], "Expected `int` >= 0 - at `$.inputs[0].shape[...]`"),
        ([whole(ROW, (1, 3))], "inputs, input-0: Shape should be [rows, 4]: sepal_length, "),
        ([whole(ROW, (4,))], "inputs, input-0: Shape should be [rows, 4]: sepal_length, "),
        ([whole(ROW, ())], "inputs, input-0: Shape should be [rows, 4]: sepal_length, "),
        ([whole(ROW, datatype="FP65")], "inputs, input-0: Datatype should be, for number: FP64, "),
        ([whole(["1"] * 4, datatype="BYTES")], "inputs, input-0: Datatype should be, for number: "),
        (by_column(ROW)[1:], "inputs, sepal_length: Field required"),
        ([*by_column(ROW), column("x", [1])], "inputs, x: Extra inputs are not permitted"),
        ([*by_column(ROW), *by_column(ROW)[:1]], "inputs: Each input should have its own name"),
        (
            [*by_column(ROW)[:3], column("petal_width", [1, 2])],
            "inputs, petal_width: Shape should be [rows] or [rows, 1], with as many rows in each",
        ),
        ([whole([0.0] * 4004, (1001, 4))], "inputs: Request should have at most 1000 rows"),
        ([], "inputs, sepal_length: Field required"),
    ],
)  # fmt: skip
def test_what_breaks_protocol_or_contract_is_named(
    flowers: Bundle, inputs: list[Tensor], error: str
) -> None:
    assert refused(flowers, *inputs).startswith(error.replace("[...]", "[1]"))


@pytest.mark.parametrize(
    ("name", "datatype", "value", "error"),
    [
        ("age", "FP64", 30.5, "Input should be a valid integer, got a number with a fra"),
        ("rooms", "INT64", 2**53 + 1, "Input should be a whole number from -2^53 to 2^53"),
        ("rooms", "BYTES", "3", "Datatype should be, for integer: "),
        ("garden", "INT64", 1, "Datatype should be, for boolean: BOOL"),
        ("garden", "BOOL", 1, "Input should fit BOOL"),
        ("sold", "BYTES", "soon", "Input should be a valid datetime"),
        ("sold", "INT64", 1, "Datatype should be, for datetime: BYTES"),
        ("ocean", "BYTES", "SEA", "Input should be '<1H OCEAN', 'INLAND' or 'NEAR BAY'"),
        ("ocean", "FP64", 1.0, "Datatype should be, for category: BYTES, BOOL, "),
        ("income", "BYTES", None, "Datatype should be, for number: "),
    ],
)  # fmt: skip
def test_a_value_that_its_column_cannot_take_is_refused(
    houses: Bundle, name: str, datatype: str, value: object, error: str
) -> None:
    tensors = [{**each, "shape": [1], "data": each["data"][:1]} for each in golden(houses)[0]]
    bad = [column(name, [value], datatype) if each["name"] == name else each for each in tensors]
    assert f"{name}: {error}" in refused(houses, *bad)


def test_a_whole_number_of_a_float_type_is_an_integer(houses: Bundle) -> None:
    tensors = [{**each, "shape": [1], "data": each["data"][:1]} for each in golden(houses)[0]]
    tensors[0] = column("age", [30.0], "FP32")
    assert ask(houses, *tensors).X[0, 0] == 30


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"inputs": "\xff"}', b'{"inputs": ' + b"[" * 100_000]
)
def test_what_is_no_request_is_refused(flowers: Bundle, body: bytes) -> None:
    assert refused_body(flowers, body)


def test_nan_in_json_is_named(flowers: Bundle) -> None:
    body = json.dumps({"inputs": [whole([float("nan")] * 4)]}).encode()
    assert "NaN or Infinity" in refused_body(flowers, body)


@pytest.mark.parametrize("more", [{"id": 42}, {"parameters": {"a": {"b": 1}}}, {"outputs": ["x"]}])
def test_other_fields_are_of_their_types(flowers: Bundle, more: dict[str, Any]) -> None:
    assert refused(flowers, whole(ROW), **more).startswith("Expected ")


def test_no_rows_get_an_empty_answer(flowers: Bundle) -> None:
    assert outputs(ask(flowers, whole([], (0, 4)))) == {"predict": [], "predict_proba": []}


def test_only_the_outputs_asked_for_are_sent(flowers: Bundle) -> None:
    answer = ask(flowers, whole(ROW), outputs=[{"name": "predict_proba"}])
    assert list(outputs(answer)) == ["predict_proba"]


@pytest.mark.parametrize("names", [["nope"], ["predict", "predict"], ["predict_proba"]])
def test_an_output_that_is_not_there_or_twice_is_refused(houses: Bundle, names: list[str]) -> None:
    tensors, _ = golden(houses)
    error = refused(houses, *tensors, outputs=[{"name": name} for name in names])
    assert "Output should be one of predict, each once" in error


def test_problems_beyond_a_hundred_are_counted() -> None:
    problems = tuple(Problem("missing", (row, "age"), "Field required") for row in range(103))
    error = json.loads(refuse(400, problems))["error"]
    assert error.endswith("row 99, age: Field required; and 3 more")


def read_outputs(answer: Answer) -> dict[str, bytes]:
    """The bytes of each output in bytes."""
    length = int(dict(answer.headers)[b"inference-header-content-length"])
    found, at = {}, length
    for output in json.loads(answer.body[:length])["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size", 0)
        found[output["name"]] = answer.body[at : at + size]
        at += size
    assert at == len(answer.body)
    return found


def test_outputs_may_be_in_bytes(flowers: Bundle) -> None:
    answer = ask(flowers, whole(ROW), parameters={"binary_data_output": True})
    scores = flowers.score(np.array([ROW]))
    assert scores.probabilities is not None
    assert answer.content_type == b"application/octet-stream"
    assert read_outputs(answer) == {
        "predict": to_bytes(scores.prediction, "BYTES"),
        "predict_proba": scores.probabilities.tobytes(),
    }


def test_one_output_may_be_in_bytes_and_the_other_in_json(flowers: Bundle) -> None:
    asked = [{"name": "predict"}, {"name": "predict_proba", "parameters": {"binary_data": True}}]
    assert list(map(len, read_outputs(ask(flowers, whole(ROW), outputs=asked)).values())) == [0, 24]


def test_a_body_of_one_tensor_alone_is_answered_in_bytes(flowers: Bundle) -> None:
    X = np.array([ROW, ROW])
    headers = {b"inference-header-content-length": b"0"}
    answer = infer(Predictor(flowers, 1000), Request(X.tobytes(), headers, "r-1"))
    assert answer.X.tolist() == X.tolist()
    assert len(read_outputs(answer)["predict_proba"]) == 2 * 3 * 8


def test_a_body_of_one_tensor_alone_needs_columns_of_numbers(houses: Bundle) -> None:
    error = refused_body(houses, bytes(64), inference_header_content_length="0")
    assert "needs columns of numbers alone" in error


@pytest.mark.parametrize("length", ["x", "-1", "", "999", "9" * 5000])
def test_the_length_of_the_json_part_is_checked(flowers: Bundle, length: str) -> None:
    error = refused_body(flowers, b"{}", inference_header_content_length=length)
    assert error.startswith("Inference-Header-Content-Length should be")


def test_bytes_without_a_length_are_refused(flowers: Bundle) -> None:
    error = refused_body(flowers, b"{}", content_type="application/octet-stream")
    assert "needs the header Inference-Header-Content-Length" in error


@pytest.mark.parametrize(("cut", "added"), [(1, b""), (32, b""), (0, b"x")])
def test_the_bytes_after_the_json_part_are_as_many_as_told(
    flowers: Bundle, cut: int, added: bytes
) -> None:
    tensor, raw = in_bytes(whole([]), [ROW])
    content = json.dumps({"inputs": [tensor]}).encode()
    body = (content + raw)[: len(content) + len(raw) - cut] + added
    error = refused_body(flowers, body, inference_header_content_length=str(len(content)))
    assert "the bytes after the JSON part" in error
