"""The HTML report: one self-contained page a run, and an index of runs."""
