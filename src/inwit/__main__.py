"""`python -m inwit` is the command line."""

import sys

from inwit.commands.cli import main

sys.exit(main())
