import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from inventory import store

logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s [%(threadName)s] %(levelname)s %(message)s")
log = logging.getLogger("inventory")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        query = parse_qs(url.query)
        try:
            if url.path == "/health":
                body = {"ok": True}
            elif url.path == "/level":
                body = {"level": store.level(query["item"][0])}
            elif url.path == "/average":
                body = {"average": store.average([float(v) for v in query.get("v", [])])}
            elif url.path == "/word":
                body = {"word": store.first_word(query.get("t", [None])[0])}
            else:
                return self.answer(404, {})
            log.info("served %s", url.path)
        except Exception:
            log.exception("request failed")
            return self.answer(500, {"error": "internal"})
        self.answer(200, body)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
