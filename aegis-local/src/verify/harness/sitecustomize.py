"""Loaded by each interpreter of a replayed service: the service's own first, then the watch."""
import importlib.util
import json
import sys

HERE = "/aegis"
sys.path[:] = [p for p in sys.path if p != HERE]
own = importlib.util.find_spec("sitecustomize")
if own is not None and own.origin and not own.origin.startswith(HERE):
    module = importlib.util.module_from_spec(own)
    own.loader.exec_module(module)
with open(HERE + "/case.json", encoding="utf-8") as file:
    case = json.load(file)
if case["files"]:
    sys.path.insert(0, HERE)
    import lines

    sys.path.remove(HERE)
    lines.Watch(case["files"], case["function"], "/out/lines.tsv").start()
