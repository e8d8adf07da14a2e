"""The commands in `script/`. They start on the standard library alone, so that `--help` works before anything is installed;
`environment.enter()` brings the rest.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("Python %d.%d is too old; set PYTHON to a Python 3.11 or newer." % sys.version_info[:2])
