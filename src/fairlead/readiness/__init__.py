"""The ML Test Score: 28 tests of a project, each judged by evidence that is really there."""
