"""The signals that end a shell."""

import os
import signal

ENDING_SIGNALS = (signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else []))
"""Signals that end a shell, after it has restored the terminal."""
