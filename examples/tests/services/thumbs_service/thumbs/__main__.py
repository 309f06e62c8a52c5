import itertools
import json
import logging
import queue
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from thumbs import log as logs
from thumbs import work
from thumbs.model import Job, Owner

log = logging.getLogger("thumbs")
JOBS = queue.Queue()


def worker():
    while True:
        job = JOBS.get()
        try:
            log.info("job %d", job.number)
            work.run(job)
            log.info("done %d", job.number)
        except Exception:
            log.exception("job %d failed", job.number)
        finally:
            JOBS.task_done()


def produce():
    for n in itertools.count():
        owner = Owner("ada") if n % 8 == 3 else None
        JOBS.put(Job(n, "cat" if n % 3 else "cat.png", owner))
        time.sleep(0.08)


def heartbeat():
    while True:
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1).close()
        except OSError:
            log.exception("heartbeat failed")
        time.sleep(2)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        data = json.dumps(work.RESULTS if self.path == "/results" else {"ok": True}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        log.info(form, *args)


logs.setup()
for i in range(4):
    threading.Thread(target=worker, name=f"worker-{i}", daemon=True).start()
threading.Thread(target=produce, name="producer", daemon=True).start()
threading.Thread(target=heartbeat, name="heartbeat", daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
