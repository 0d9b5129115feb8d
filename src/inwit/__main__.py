"""`python -m inwit` is the command line."""

import sys

from inwit.cli import main

sys.exit(main())
