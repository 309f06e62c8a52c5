"""Runs pytest as it was asked for, with the coverage of a few files.

Arguments: `module` or `script` (whether the current folder is on the path, as `python -m` has it),
the report to write, the files to measure with commas between them, then pytest's own arguments.
"""
import ast
import json
import os
import sys


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


def measured(data, analysis, path):
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


def main():
    form, report, files = sys.argv[1], sys.argv[2], [f for f in sys.argv[3].split(",") if f]
    arguments = sys.argv[4:]
    sys.path[0] = os.getcwd() if form == "module" else os.path.dirname(sys.executable)
    sys.argv = ["pytest"] + arguments
    if not files:
        import pytest

        sys.exit(int(pytest.main(arguments)))
    import coverage

    paths = [os.path.abspath(f) for f in files]
    cov = coverage.Coverage(data_file=None, config_file=False, include=paths)
    cov.set_option("report:exclude_lines", [])
    cov.set_option("run:disable_warnings", ["no-data-collected", "module-not-imported"])
    import pytest

    cov.start()
    try:
        code = pytest.main(arguments)
    finally:
        cov.stop()
    lines = {}
    for name, path in zip(files, paths):
        try:
            lines[name] = measured(cov.get_data(), cov.analysis2(path), path)
        except (coverage.CoverageException, OSError, SyntaxError):
            pass
    with open(report, "w", encoding="utf-8") as file:
        json.dump(lines, file)
    sys.exit(int(code))


main()
