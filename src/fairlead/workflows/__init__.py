"""The verbs, one per file: each drives the stages from a project to a result."""
