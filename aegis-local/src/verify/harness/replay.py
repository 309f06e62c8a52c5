"""Starts the service, sends it the requests that failed and writes down what happened."""
import http.client
import json
import os
import signal
import subprocess
import sys
import time

BODY = 64 * 1024
LOG = 256 * 1024


def ask(host, port, method, target, patience):
    connection = http.client.HTTPConnection(host, port, timeout=patience)
    try:
        connection.request(method, target, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(BODY)
    finally:
        connection.close()


def healthy(case, service):
    deadline = time.monotonic() + case["start_ms"] / 1000
    while time.monotonic() < deadline and service.poll() is None:
        try:
            if 200 <= ask(case["host"], case["port"], "GET", case["health"], 2)[0] < 300:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    return False


class Logs:
    """What the service has written since the last look."""

    def __init__(self, paths):
        self.at = {path: 0 for path in paths}

    def news(self):
        text = []
        for path, start in self.at.items():
            try:
                with open(path, "rb") as file:
                    file.seek(start)
                    content = file.read(LOG)
                    self.at[path] = start + len(content)
            except OSError:
                continue
            text.append(content.decode("utf-8", "replace"))
        return "\n".join(text)


def settled(logs, failed):
    """The news of one request; a failed one's trace may come a moment after its answer."""
    text = logs.news()
    deadline = time.monotonic() + (0.5 if failed else 0.03)
    while time.monotonic() < deadline:
        time.sleep(0.01)
        more = logs.news()
        text += more
        if failed and not more and "Traceback (most recent call last)" in text:
            break
    return text


def main():
    with open("/aegis/case.json", encoding="utf-8") as file:
        case = json.load(file)
    with open("/out/service.log", "wb") as output:
        service = subprocess.Popen(
            ["/bin/sh", "-c", case["start"]],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env=dict(os.environ, **case["env"]),
        )
    report = {"healthy": False, "answers": [], "start": ""}
    try:
        logs = Logs(["/out/service.log"] + case["logs"])
        report["healthy"] = healthy(case, service)
        report["start"] = logs.news()
        for request in case["requests"] if report["healthy"] else []:
            answer = {"status": None, "body": "", "error": ""}
            try:
                status, body = ask(case["host"], case["port"], request["method"],
                                   request["target"], case["request_ms"] / 1000)
                answer["status"] = status
                answer["body"] = body.decode("utf-8", "replace")
            except (OSError, http.client.HTTPException) as error:
                answer["error"] = "%s: %s" % (type(error).__name__, error)
            failed = answer["status"] is None or answer["status"] >= 500
            answer["log"] = settled(logs, failed)
            report["answers"].append(answer)
    finally:
        try:
            os.killpg(service.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    with open("/out/replay.json", "w", encoding="utf-8") as file:
        json.dump(report, file)
    sys.exit(0)


main()
