"""The service answers, on every row of the reference data, with the bits of the bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from fairlead.serving.exchange import Request
from fairlead.serving.predictor import Predictor
from fairlead.workflows.load import load
from fairlead.workflows.train import train


@pytest.mark.parametrize(
    ("name", "candidate", "rows"),
    [
        ("iris", "decision_tree", 150),
        ("housing", "decision_tree", 20_640),
        ("obesity", "logistic", 2_111),
    ],
)
def test_every_row_is_answered_with_the_bits_of_the_bundle(
    reference_project: Callable[[str], Path], name: str, candidate: str, rows: int
) -> None:
    project = load(reference_project(name))
    bundle = train(project, only=[candidate], jobs=1, trials=0).bundle()
    table = pl.read_csv(project.root / project.spec.data.path, infer_schema_length=None)
    records = table.select(*bundle.contract.columns).to_dicts()
    predictor = Predictor(bundle, max_rows=rows)

    def ask(work: Callable[[Request], Any], document: Any) -> Any:
        request = Request(msgspec.json.encode(document), {}, "r1")
        return msgspec.json.decode(work(request).body)

    answer = ask(predictor.predict, {"records": records})
    lists = [list(record.values()) for record in records]
    batch = ask(predictor.predict_batch, records)

    assert len(records) == rows
    assert answer["predictions"] == bundle.predict(table).tolist()
    assert ask(predictor.predict, {"features": lists}) == answer
    assert [row["prediction"] for row in batch["results"]] == answer["predictions"]
    if bundle.contract.classes:
        probabilities = [list(row.values()) for row in answer["probabilities"]]
        assert probabilities == bundle.predict_proba(table).tolist()
        assert [row["probabilities"] for row in batch["results"]] == answer["probabilities"]
