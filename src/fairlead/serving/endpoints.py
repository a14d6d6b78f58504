"""The paths that answer predictions, for all models and versions that are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fairlead.serving.operations import PREDICT, PREDICT_BATCH, Operation
from fairlead.serving.parameters import ASKS_FOR_INTERVAL
from fairlead.serving.protocols import kserve_v1, mlflow, mlflow_schema, open_inference
from fairlead.serving.recorder import Recorder
from fairlead.serving.service import Deployment, Endpoint, Model, Way

INVOCATIONS = Operation(
    "invocations",
    mlflow.invocations,
    mlflow.refuse,
    mlflow_schema.invocations_operation,
    "MLflow's and SageMaker's scoring protocol: JSON in four shapes, CSV, Parquet.",
)
INFER = Operation(
    "infer",
    open_inference.infer,
    open_inference.refuse,
    open_inference.infer_operation,
    "Open Inference Protocol v2: JSON or binary tensors.",
)
V1 = Operation(
    "v1_predict",
    kserve_v1.predict_v1,
    kserve_v1.refuse,
    kserve_v1.v1_operation,
    "KServe's protocol v1.",
)
SHORT = {"/predict": PREDICT, "/predict_batch": PREDICT_BATCH, "/invocations": INVOCATIONS}
NAMED = {
    "/models/{name}/predict": PREDICT,
    "/models/{name}/predict_batch": PREDICT_BATCH,
    "/models/{name}/invocations": INVOCATIONS,
    "/models/{name}/invoke": INVOCATIONS,
    "/v2/models/{name}/infer": INFER,
    "/v1/models/{name}:predict": V1,
}
OF_VERSION = "/v2/models/{name}/versions/{version}/infer"


def endpoints(
    models: Mapping[str, Model], default: str | None, recorder: Recorder
) -> dict[str, Endpoint]:
    """Path -> what answers there; a request finds its endpoint with one look-up."""
    found: dict[str, Endpoint] = {}
    for name, model in models.items():
        for template, operation in NAMED.items():
            path = template.format(name=name)
            found[path] = _endpoint(path, template, operation, model, recorder)
        for label, deployment in model.deployments.items():
            path = OF_VERSION.format(name=name, version=label)
            way = _way(model.alias_of(deployment) or label, deployment, INFER, recorder)
            found[path] = Endpoint(path, OF_VERSION, INFER, model, {way.route: way}, way)
    if default is not None:
        for path, operation in SHORT.items():
            found[path] = _endpoint(path, path, operation, models[default], recorder)
    return found


def short_ways(paths: Mapping[str, Endpoint]) -> dict[bytes, Endpoint]:
    """The same by what stands in a request line, for what stands there usually."""
    short = {path.encode(): endpoint for path, endpoint in paths.items() if path.isascii()}
    return short | {
        path + b"?" + ASKS_FOR_INTERVAL: endpoint.with_interval
        for path, endpoint in short.items()
        if endpoint.with_interval is not None
    }


def _endpoint(
    path: str, template: str, operation: Operation, model: Model, recorder: Recorder
) -> Endpoint:
    ways = {
        route: _way(route, deployment, operation, recorder)
        for route, deployment in model.routes.items()
    }
    only = ways.get(model.splitter.only or "")
    found = Endpoint(path, template, operation, model, ways, only)
    if operation.with_interval is None:
        return found
    return replace(found, with_interval=replace(found, operation=operation.with_interval))


def _way(route: str, deployment: Deployment, operation: Operation, recorder: Recorder) -> Way:
    series = recorder.series(deployment.model, deployment.label, route, operation.name)
    return Way(route, deployment, series, (b"x-model-version", deployment.label.encode()))
