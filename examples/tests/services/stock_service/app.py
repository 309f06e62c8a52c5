"""WSGI app over a small database."""
import json
import sys
import urllib.request
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

import store


class Unavailable(Exception):
    pass


def forecast():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9/forecast", timeout=1) as answer:
            return json.load(answer)
    except OSError as error:
        raise Unavailable("no forecast") from error


def dispatch(path, query):
    if path == "/health":
        return {"ok": True}
    if path == "/name":
        return {"name": store.name_of(query.get("id", "1"))}
    if path == "/extra":
        return {"extra": store.extra_of(query.get("id", "1"))}
    if path == "/top":
        return {"top": store.top_price(query.get("group", "tools"))}
    if path == "/old":
        return {"old": store.archived(query.get("id", "1"))}
    if path == "/forecast":
        return forecast()
    return None


class Middleware:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


def application(environ, start_response):
    query = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
    body = dispatch(environ["PATH_INFO"], query)
    status = "404 Not Found" if body is None else "200 OK"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


if __name__ == "__main__":
    store.setup()
    make_server("127.0.0.1", int(sys.argv[1]), Middleware(application)).serve_forever()
