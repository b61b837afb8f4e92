"""Waiting for something that another process is about to do."""

import time

PATIENCE = 10.0
"""Seconds until a wait counts as failed."""


def until(condition, what, patience=PATIENCE):
    """Returns the first true value of `condition()`; fails with `what` was waited for."""
    deadline = time.monotonic() + patience
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:g} s for {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
