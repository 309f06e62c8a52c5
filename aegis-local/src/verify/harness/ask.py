"""Asked outside the isolation, once: where this interpreter keeps what it needs."""
import importlib.metadata as metadata
import json
import os
import platform
import sys
import sysconfig

distributions = sorted(
    {"%s==%s" % (d.metadata["Name"], d.version) for d in metadata.distributions()}
)
print(json.dumps({
    "executable": sys.executable,
    "real": os.path.realpath(sys.executable),
    "version": platform.python_version(),
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "prefixes": sorted({sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}),
    "paths": sysconfig.get_paths(),
    "distributions": distributions,
}))
