import asyncio
import json
import logging
import sys
from urllib.parse import parse_qs, urlsplit

from chat import rooms
from chat.jsonlog import JsonFormatter

log = logging.getLogger("chat")


async def respond(path, query):
    room = query.get("room", "lobby")
    if path == "/health":
        return {"ok": True}
    if path == "/load":
        async with asyncio.timeout(1):
            return {"load": await rooms.load(room)}
    if path == "/topic":
        return {"topic": await asyncio.to_thread(rooms.topic, room)}
    if path == "/host":
        async with asyncio.TaskGroup() as group:
            task = group.create_task(rooms.host(room))
        return {"host": task.result()}
    if path == "/nick":
        return {"nick": rooms.nick({"profile": {"nick": "zed"}} if room == "lobby" else {})}
    if path == "/parse":
        return {"parsed": rooms.parse(query.get("text", "{}"))}
    return {}


async def serve(reader, writer):
    line = (await reader.readline()).decode()
    while (await reader.readline()).strip():
        pass
    target = line.split(" ")[1] if " " in line else "/"
    url = urlsplit(target)
    query = {k: v[0] for k, v in parse_qs(url.query).items()}
    try:
        status, body = "200 OK", await respond(url.path, query)
    except Exception:
        log.exception("request failed: %s", url.path)
        status, body = "500 Internal Server Error", {"error": "internal"}
    data = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    await writer.drain()
    writer.close()


async def main():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    log.info("serving")
    async with server:
        await server.serve_forever()


asyncio.run(main())
