"""`python -m lakebed` is `lakebed`."""

import sys

from lakebed.cli import main

sys.exit(main())
