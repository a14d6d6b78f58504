"""Checks a project's data against its contract and its own rules."""

from __future__ import annotations

from fairlead.data.checks import run_checks
from fairlead.data.enforcement import read_dataset
from fairlead.data.report import DataReport
from fairlead.project.loading import Project
