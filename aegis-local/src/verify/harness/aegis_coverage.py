"""Measures which lines of a few files a suite runs, whatever runs the suite."""
import ast
import contextlib
import json
import os


def statements(source):
    """Each line of a statement to the statement's first line."""
    first = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            body = getattr(node, "body", None)
            inner = isinstance(body, list) and body and body[0].lineno > node.lineno
            last = body[0].lineno - 1 if inner else node.end_lineno
            start = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
            for line in range(node.lineno, last + 1):
                first[line] = max(first.get(line, 0), node.lineno)
            for line in range(start, node.lineno):
                first.setdefault(line, line)
    return first


def lines_of(analysis, path):
    with open(path, encoding="utf-8") as file:
        first = statements(file.read())
    _, executable, _, missing, _ = analysis
    ran = set(executable) - set(missing)
    lines = {"executed": [], "missing": []}
    for line, start in sorted(first.items()):
        anchor = line if line in executable else start
        if anchor in ran:
            lines["executed"].append(line)
        elif anchor in executable:
            lines["missing"].append(line)
    return lines


@contextlib.contextmanager
def measured(files, report):
    """Writes the coverage of `files`, names with commas between them, to `report`; none without names."""
    names = [f for f in files.split(",") if f]
    if not names:
        yield
        return
    import coverage

    paths = [os.path.abspath(f) for f in names]
    cov = coverage.Coverage(data_file=None, config_file=False, include=paths)
    cov.set_option("report:exclude_lines", [])
    cov.set_option("run:disable_warnings", ["no-data-collected", "module-not-imported"])
    cov.start()
    try:
        yield
    finally:
        cov.stop()
    cov.get_data()
    lines = {}
    for name, path in zip(names, paths):
        try:
            lines[name] = lines_of(cov.analysis2(path), path)
        except (coverage.CoverageException, OSError, SyntaxError):
            pass
    with open(report, "w", encoding="utf-8") as file:
        json.dump(lines, file)
