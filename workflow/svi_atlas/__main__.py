from svi_atlas.cli import main

raise SystemExit(main())
