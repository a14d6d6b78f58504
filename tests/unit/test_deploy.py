"""Rules and dashboard name metrics and labels that service and monitor really expose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.monitoring.watching import START, quality, seen

from fairlead.monitoring.alerts import KINDS, SEVERITIES
from fairlead.monitoring.exposition import expose
from fairlead.monitoring.state import MonitorState
from fairlead.serving.counted import Counted, Info, Requests, Snapshot, Worker
from fairlead.serving.metrics import expose as expose_service
from fairlead.serving.recorder import BUCKETS

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "fairlead.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "fairlead.json"
PAGE = ROOT / "docs" / "reference" / "metrics-of-the-service.md"
METRIC = re.compile(r"(?<![\w:])(fairlead_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(=~|!=|=)\s*\"([^\"]*)\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
BY_SCRAPE = {"instance", "job", "le"}

Rule = dict[str, Any]


def exposed() -> dict[str, dict[str, set[str]]]:
    """Every sample of service and monitor -> its labels -> their values."""
    requests = [
        Requests("iris", "3", "champion", "predict", {"2xx": 5, "5xx": 1}, [1] * BUCKETS, 0.1, 4, 1)
    ]
    info = Info("iris", "3", "ab" * 32, "lda")
    worker = Worker("1", 7, 1.0, 2.0, True, "g", (info,), 0.1, 10, 3)  # noqa: FBT003
    shadow = Counted("shadow_rows", ("iris", "3", "4", "compared"), 1)
    service = expose_service(Snapshot((worker,), 1.0, requests, [shadow]))
    look = replace(seen(1, prediction=True, labels=quality(101.0, 102.0)))
    monitor = expose(MonitorState(model="iris", ticked_at=START), look)
    found: dict[str, dict[str, set[str]]] = {}
    for text in (service, monitor):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                labels = found.setdefault(sample.name, {})
                for name, value in sample.labels.items():
                    labels.setdefault(name, set()).add(value)
    return found


def rules() -> list[Rule]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))


@pytest.mark.parametrize("expression", sorted({*expressions()}))
def test_what_is_asked_for_is_there(expression: str) -> None:
    known = exposed()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    own = [part for part in re.findall(r"[\w:]*:[\w:]+", expression) if part in recorded]
    asked = METRIC.findall(expression)
    assert asked or own
    labels: set[str] = set(BY_SCRAPE)
    for metric, selectors in asked:
        assert metric in known
        labels |= known[metric].keys()
        for name, operator, value in LABEL.findall(selectors):
            assert name in known[metric]
            if operator == "=":
                assert value in known[metric][name]
    for group in GROUPED.findall(expression):
        assert {name.strip() for name in group.split(",")} <= labels


def test_summaries_name_labels_that_the_alert_has() -> None:
    for rule in rules():
        if "alert" not in rule or "by (" not in rule["expr"]:
            continue
        grouped = {
            name.strip() for group in GROUPED.findall(rule["expr"]) for name in group.split(",")
        }
        assert {*re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])} <= grouped


def test_every_alert_has_a_severity_and_says_what_it_is() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts)
    for rule in alerts:
        by_label = "severity" in rule["expr"]
        assert by_label or rule["labels"]["severity"] in SEVERITIES
        assert rule["annotations"]["summary"]


def test_every_metric_is_documented() -> None:
    named = set(re.findall(r"`(fairlead_\w+)`", PAGE.read_text(encoding="utf-8")))
    samples = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed()}
    assert samples - named == set()


def test_every_kind_of_alert_is_told_even_when_there_is_none() -> None:
    firing = exposed()["fairlead_alerts_firing"]
    assert firing["kind"] == {*KINDS}
    assert firing["severity"] == {*SEVERITIES}


def test_panels_have_a_place_of_their_own() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    for panel in found:
        assert panel["type"] == "row" or panel["targets"]
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
