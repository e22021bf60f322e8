"""`python -m svi_atlas`: hands the command to the fork server of the run, or runs it here."""

import sys

from svi_atlas.jobs import forkserver

code = forkserver.forward(sys.argv[1:])
if code is None:
    from svi_atlas.cli import main

    code = main()
raise SystemExit(code)
