"""The times of a test's world, as visitors and servers write them."""

from datetime import datetime, timezone

START = 1_750_000_000


def iso(at: float) -> str:
    """A time of the transcript."""
    moment = datetime.fromtimestamp(START + at, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logged(row: dict) -> str:
    """A request's line in the access log."""
    stamp = datetime.fromtimestamp(START + row["at"], timezone.utc).strftime("%d/%b/%Y:%H:%M:%S %z")
    request = f'{row["method"]} {row["path"]} HTTP/1.0'
    return f'127.0.0.1 - - [{stamp}] "{request}" {row["status"]} 10 "-" "visitor"'
