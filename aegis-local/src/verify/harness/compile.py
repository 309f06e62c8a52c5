"""Compiles each named file without running it; prints what is wrong with the first that fails."""
import sys

for name in sys.argv[1:]:
    with open(name, "rb") as file:
        source = file.read()
    try:
        compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        print("%s: %s" % (name, error))
        sys.exit(1)
