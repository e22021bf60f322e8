import sys

from svi_atlas.jobs import forkserver as warm

code = warm.forward(sys.argv[1:])
if code is None:
    from svi_atlas.cli import main

    code = main()
raise SystemExit(code)
