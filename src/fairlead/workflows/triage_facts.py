"""Gathers what the system knows about an alert: traffic, mix, refused rows, changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fairlead.bundle.manifest import REFERENCE
from fairlead.errors import FairleadError
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.consequences import Consequence
from fairlead.monitoring.mix import remaining
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.records import Window
from fairlead.monitoring.state import Looked
from fairlead.monitoring.triage import Explained, Facts, Part
from fairlead.serving.snapshots import Snapshots, merge
from fairlead.workflows.prediction_log import LogDatabase, ask
from fairlead.workflows.store import STATE, bundles_of
from fairlead.workflows.traffic import ledger_of

if TYPE_CHECKING:
    import polars as pl

ROWS = 5000
"""Of a window, for the question whether the mix explains the drift."""
PARTS = 8
"""Values of a column that are shown, the most frequent ones."""
Rows = dict[tuple[str, str], int]
"""Version and route -> rows."""
Told = TypeVar("Told")


@dataclass(frozen=True)
class Mix:
    """Shares of the parts of the traffic, and which drift they explain."""

    parts: tuple[Part, ...] = ()
    explained: tuple[Explained, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Where the facts are.

    Attributes:
        root: the project's folder.
        log: folder of the prediction log.
        database: that reads it; None where DuckDB is not installed.
        slices: columns that are scored in slices.
    """

    root: Path
    log: Path
    database: LogDatabase | None = None
    slices: tuple[str, ...] = ()

    def facts(
        self, alert: Alert, seen: Observation, follows: Consequence, looks: Sequence[Looked]
    ) -> Facts:
        """All that can be found out; what cannot is said in the facts themselves."""
        unknown = [f"{each.step}: {each.what}" for each in seen.faults]

        def asked(what: str, question: Callable[[], Told], nothing: Told) -> Told:
            try:
                return question()
            except (FairleadError, OSError, ImportError) as error:
                unknown.append(f"{what}: {error}")
                return nothing

        name, window = alert.model, alert.window
        before = Window(window.start - (window.end - window.start), window.start)
        none: Rows = {}
        now_parts = asked("traffic", lambda: self._answered(name, window), none)
        old_parts = asked("traffic before", lambda: self._answered(name, before), none)
        mix = asked("mix", lambda: self._mix(seen, window), Mix())
        return Facts(
            alert,
            seen,
            follows,
            looks=looks,
            rows=sum(now_parts.values()) if now_parts else None,
            rows_before=sum(old_parts.values()) if old_parts else None,
            parts=(*_shares(now_parts, old_parts), *mix.parts),
            explained=mix.explained,
            refused=asked("refused rows", lambda: self._refused(name), None),
            changes=asked("ledger", lambda: tuple(self._changes(name, before, window)), ()),
            unknown=tuple(dict.fromkeys(unknown)),
        )

    def _answered(self, model: str, window: Window) -> Rows:
        """What answered how many rows, the shadow's copies left out."""
        if self.database is None:
            return {}
        sql = (
            "SELECT version, route, count(*) FROM predictions "  # noqa: S608 (times are ours)
            f"WHERE {_within(window)} AND route <> 'shadow' GROUP BY ALL ORDER BY ALL"
        )
        found = ask(self.log, sql, self.database, model)
        return {(version, route): rows for version, route, rows in found.rows}

    def _mix(self, seen: Observation, window: Window) -> Mix:
        """Shares of the slices' parts, and what they explain."""
        sample = bundles_of(self.root) / seen.watched.digest / REFERENCE
        if self.database is None or seen.drift is None or not sample.is_file():
            return Mix()
        drifted = [each for each in seen.drift.columns if each.is_drifted and not each.is_broken]
        import polars as pl

        reference = pl.read_parquet(sample)
        wanted = dict.fromkeys((*self.slices, *(each.column for each in drifted)))
        names = [each for each in wanted if each in reference.columns]
        splits = [each for each in self.slices if each in names]
        if not splits:
            return Mix()
        current = self._rows(seen.watched.model, window, names)
        if current.is_empty():
            return Mix()
        parts = [part for split in splits for part in _of_column(split, reference, current)]
        explained = [
            Explained(each.column, split, each.effect * left, each.threshold)
            for each in drifted
            for split in splits
            if split != each.column and each.column in names
            if (left := _left(each.column, split, reference, current)) == left
        ]
        return Mix(tuple(parts), tuple(explained))

    def _rows(self, model: str, window: Window, names: Sequence[str]) -> pl.DataFrame:
        """At most `ROWS` rows of the window, chosen by their id."""
        import polars as pl

        if self.database is None:
            return pl.DataFrame()
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
        sql = (
            f"SELECT {columns} FROM predictions WHERE {_within(window)} "  # noqa: S608
            f"AND route <> 'shadow' ORDER BY hash(prediction_id) LIMIT {ROWS}"
        )
        found = ask(self.log, sql, self.database, model)
        return pl.DataFrame(list(found.rows), schema=list(names), orient="row")

    def _refused(self, model: str) -> tuple[int, int] | None:
        """Rows that the services of this folder refused, and all that were sent."""
        folders = sorted((self.root / STATE / "serving").glob("*/stats"))
        if not folders:
            return None
        merged = merge([each for path in folders for each in Snapshots(path, "monitor").read_all()])
        own = [each for each in merged.requests if each.model == model]
        refused = sum(each.refused for each in own)
        return refused, refused + sum(each.scored for each in own)

    def _changes(self, model: str, before: Window, window: Window) -> Iterator[str]:
        for entry in ledger_of(self.root).entries(model):
            if before.start.isoformat() <= entry.at < window.end.isoformat():
                why = f": {entry.reason}" if entry.reason else ""
                yield f"{entry.at[:16]} {entry.kind} by {entry.actor}{why}"


def _within(window: Window) -> str:
    start, end = (f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}'" for at in (window.start, window.end))
    return f"time >= {start} AND time < {end}"


def _shares(now: Rows, before: Rows) -> Iterator[Part]:
    rows, rows_before = sum(now.values()), sum(before.values())
    for place, of in enumerate(("version", "route")):
        for value in sorted({key[place] for key in (*now, *before)}):
            here, there = (
                sum(count for key, count in side.items() if key[place] == value)
                for side in (now, before)
            )
            if rows:
                yield Part(of, value, here / rows, there / rows_before if rows_before else None)


def _of_column(name: str, reference: pl.DataFrame, current: pl.DataFrame) -> Iterator[Part]:
    sides: list[dict[Any, float]] = []
    for side in (current, reference):
        parts = _parts(side, name, reference)
        sides.append({value: float((parts == value).mean()) for value in set(parts.tolist())})
    now, before = sides
    for value in sorted({*now, *before}, key=lambda each: -now.get(each, 0.0))[:PARTS]:
        yield Part(name, value, now.get(value, 0.0), before.get(value, 0.0))


def _parts(frame: pl.DataFrame, name: str, reference: pl.DataFrame) -> Any:
    """The part to which each row belongs: its category, or the quarter of the reference."""
    import numpy as np

    if not _is_text(reference, name) and reference[name].n_unique() > PARTS:
        values = _numbers(frame, name)
        cuts = np.nanquantile(_numbers(reference, name), (0.25, 0.5, 0.75))
        bounds = [f"{each:.4g}" for each in cuts]
        names = [f"up to {bounds[0]}", *(f"above {each}" for each in bounds), "(missing)"]
        places = np.where(np.isnan(values), 4, np.searchsorted(cuts, values))
        return np.array(names)[places]
    return _texts(frame, name)


def _texts(frame: pl.DataFrame, name: str) -> Any:
    import numpy as np
    import polars as pl

    text = frame[name].cast(pl.String).fill_null("(missing)")
    return np.array(text.to_list(), dtype=str)


def _left(column: str, split: str, reference: pl.DataFrame, current: pl.DataFrame) -> float:
    """See `fairlead.monitoring.mix.remaining`."""
    values = _texts if _is_text(reference, column) else _numbers
    sides = (reference, current)
    before, now = (values(side, column) for side in sides)
    return remaining(before, now, *(_parts(side, split, reference) for side in sides))


def _is_text(frame: pl.DataFrame, name: str) -> bool:
    return not frame[name].dtype.is_numeric()


def _numbers(frame: pl.DataFrame, name: str) -> Any:
    import polars as pl

    return frame[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
