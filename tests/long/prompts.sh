#!/usr/bin/env bash
# The tests of prompts on every backend, those of servers and replies included. About ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAKEBED_LONG=1 .venv/bin/python -m pytest tests/prompts
