"""Runs pytest as it was asked for, with the coverage of a few files.

Arguments: `module` or `script` (whether the current folder is on the path, as `python -m` has it),
the report to write, the files to measure with commas between them, then pytest's own arguments.
"""
import os
import sys

import aegis_coverage


def main():
    form, report, files, *arguments = sys.argv[1:]
    sys.path[0] = os.getcwd() if form == "module" else os.path.dirname(sys.executable)
    sys.argv = ["pytest"] + arguments
    import pytest

    with aegis_coverage.measured(files, report):
        code = pytest.main(arguments)
    sys.exit(int(code))


main()
