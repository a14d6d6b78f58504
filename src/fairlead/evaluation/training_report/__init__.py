"""The report on a training: what was found, what follows from it, as a page and as Markdown."""
