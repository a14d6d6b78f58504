"""What a candidate was made of, and how it is made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fairlead.evaluation.training_report.records import CandidateResults


def provenance_rows(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts, as the manifest of a bundle has them."""
    known = manifest["provenance"]
    commit = known.get("git_commit") or "not in a repository"
    changed = ", with changes that are not committed" if known.get("git_dirty") else ""
    rows = [
        ("trained", str(known.get("created_at", ""))),
        ("commit", f"{commit}{changed}"),
        ("data fingerprint", str(known.get("data_fingerprint", ""))),
        ("project file digest", str(known.get("spec_digest", ""))),
        ("environment digest", str(known.get("environment_digest", ""))),
        ("graph SHA-256", str(known.get("graph_sha256", ""))),
        ("seed", str(known.get("seed", ""))),
        ("rows", f"{known.get('training_rows')} in training, {known.get('holdout_rows')} held out"),
        ("software", ", ".join(_software(known))),
    ]
    return [(name, text) for name, text in rows if text]


def _software(known: Mapping[str, Any]) -> Iterator[str]:
    for name in ("fairlead", "python"):
        if known.get(name):
            yield f"{name} {known[name]}"
    for name, version in (known.get("libraries") or {}).items():
        yield f"{name} {version}"


def recipe(name: str, chosen: CandidateResults) -> str:
    """How the candidate is made again, as a sentence."""
    if chosen.version is None:
        return (
            f"`fairlead train --candidate {chosen.name}` on this commit, data and environment "
            "gives the same graph."
        )
    return (
        f"`fairlead reproduce {chosen.version}` makes version {chosen.version} of {name} again "
        "from what is named here, and compares graph and figures."
    )
