"""Waiting for something to become true, with an end."""
import time


class TooLate(AssertionError):
    pass


def until(condition, seconds_max, what):
    """Return the first true value of condition(); at the deadline fail, naming `what`."""
    end = time.monotonic() + seconds_max
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TooLate(f"after {seconds_max} s there is still not: {what}")
        time.sleep(0.01)
