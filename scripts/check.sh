#!/usr/bin/env bash
# Every check of the project: format, lint, types, import direction, reference pages, tests.
#   scripts/check.sh [--no-tests]
set -euo pipefail
cd "$(dirname "$0")/.."
ruff format --check .
ruff check .
mypy
lint-imports
python scripts/reference_docs.py --check
[ "${1:-}" = "--no-tests" ] || pytest
