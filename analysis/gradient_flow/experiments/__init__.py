"""One experiment per file; each has `run(quick) -> Outcome`."""
