from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SPEC = """
name: small
task: regression
data:
  path: small.csv
  target: {name: t}
  columns:
    a: {type: number}
  split: {kind: none}
candidates:
  dummy: {family: dummy}
evaluation: {metric: rmse, cv: {kind: kfold, folds: 3}}
"""
SCRIPT = """
import sys
from prefect.client.orchestration import get_client
from fairlead.adapters import prefect_flows
from fairlead.errors import FlowError, FlowServerError

prefect_flows.run("train", {"project": sys.argv[1]})
try:
    prefect_flows.run("drift", {"project": sys.argv[1] + "/nowhere"})
except FlowError as error:
    print("FAILED", error.verb, error.passing)
with get_client(sync_client=True) as client:
    for artifact in client.read_artifacts():
        print("ARTIFACT", artifact.key, "dummy" in artifact.data)
    for run in client.read_flow_runs():
        print("RUN", run.state_name)
    logs = "".join(log.message for log in client.read_logs())
    print("LOGGED", bool(logs))
for plan in prefect_flows.deployments_of(
    "small", sys.argv[1], schedule="0 3 * * 1", on_alert=True, every_s=3600
):
    schedules = [each.schedule for each in plan.schedules or ()]
    timing = [str(getattr(each, "cron", None) or each.interval) for each in schedules]
    events = [sorted(each.expect) for each in plan.triggers]
    print("PLAN", plan.name, plan.entrypoint, timing, events)
try:
    prefect_flows.serve_flows("small", sys.argv[1], schedule=None, on_alert=True, every_s=60)
except FlowServerError as error:
    print("NO SERVER", error.code)
"""
FLOWS = "fairlead.adapters.prefect_flows"


def test_flows_run_without_a_server_with_retries_log_and_artifacts(tmp_path: Path) -> None:
    root = tmp_path / "small"
    root.mkdir()
    (root / "small.csv").write_text("a,t\n" + "\n".join(f"{n},{n}" for n in range(12)))
    (root / "fairlead.yaml").write_text(SPEC)
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root)],
        env={**environment, "PREFECT_HOME": str(tmp_path / "prefect"), "FAIRLEAD_JOBS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "ARTIFACT leaderboard True" in said
    assert "FAILED drift False" in said
    assert sorted(line for line in said if line.startswith("RUN")) == [
        "RUN Completed",
        "RUN Failed",
    ]
    assert "LOGGED True" in said
    assert [line for line in said if line.startswith("PLAN")] == [
        f"PLAN small-train {FLOWS}.train [] []",
        f"PLAN small-drift {FLOWS}.drift [] []",
        f"PLAN small-retrain {FLOWS}.retrain ['0 3 * * 1'] [['fairlead.alert']]",
        f"PLAN small-monitor {FLOWS}.monitor ['1:00:00'] []",
    ]
    assert "NO SERVER flow_server" in said
