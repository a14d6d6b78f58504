"""What a refused request is answered with: status codes and bodies, never a value or a trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fairlead.errors import FairleadError

MAX_PROBLEMS = 100
INTERNAL = "internal error; the log tells more under request {}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request, in the shape of pydantic's errors.

    Attributes:
        type: stable code, such as `missing` or `less_than_equal`.
        loc: where: `body`, then keys and row numbers, then the column.
        msg: the rule that was broken; holds no value of the request.
        ctx: the rule's bounds or categories, from the contract.
    """

    type: str
    loc: tuple[str | int, ...]
    msg: str
    ctx: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the answer's `detail` holds it."""
        document: dict[str, Any] = {"type": self.type, "loc": list(self.loc), "msg": self.msg}
        if self.ctx:
            document["ctx"] = self.ctx
        return document


@dataclass(eq=False)
class RequestRefusedError(FairleadError):
    """The request cannot be answered as it is; its sender can mend it."""

    code: ClassVar[str] = "request_refused"
    status: int
    detail: str | tuple[Problem, ...]

    def __str__(self) -> str:
        return self.detail if isinstance(self.detail, str) else f"{len(self.detail)} problems"


def not_json(reason: str) -> RequestRefusedError:
    """The body is no JSON document: 400."""
    problem = Problem("json_invalid", ("body",), "JSON decode error", {"error": reason})
    return RequestRefusedError(400, (problem,))


def body_too_large(limit_bytes: int) -> RequestRefusedError:
    """The body is longer than the service reads: 413."""
    return RequestRefusedError(
        413, f"the body is larger than {limit_bytes} bytes; send the rows in several requests"
    )


def unsupported_media_type() -> RequestRefusedError:
    """The body is declared to be something other than JSON in UTF-8: 415."""
    return RequestRefusedError(415, "expected Content-Type: application/json, in UTF-8")


def unprocessable(*problems: Problem) -> RequestRefusedError:
    """The body is JSON but breaks the contract: 422."""
    return RequestRefusedError(422, problems)


def no_interval() -> RequestRefusedError:
    """Intervals or sets are asked of a model that has none: 422."""
    msg = "This model has no intervals or sets: it was trained without `evaluation.coverage`"
    return unprocessable(Problem("no_interval", ("query", "interval"), msg))


def overloaded() -> RequestRefusedError:
    """More requests wait than the service takes on: 503."""
    return RequestRefusedError(503, "too many requests are waiting; try again in a second")


def too_late() -> RequestRefusedError:
    """The request was not answered within the time it has: 504."""
    return RequestRefusedError(504, "the request was not answered in time")
