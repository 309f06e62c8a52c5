"""Every line of a record says which worker wrote it."""
import logging
import sys
import threading


class PerLine(logging.Formatter):
    def format(self, record):
        text = super().format(record)
        prefix = f"[{threading.current_thread().name}] "
        return "\n".join(prefix + line for line in text.split("\n"))


def setup():
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PerLine("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
