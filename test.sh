#!/usr/bin/env bash
# Checks and tests in an environment that run.sh sets up. With arguments only pytest, with these.
# Fails when anything fails, after all has run.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

python() { bash run.sh --requirements requirements-dev.txt "$@"; }

python -c pass
status=0
if (($# == 0)); then
  python -m ruff check . || status=1
  python -m ruff format --check . || status=1
  python -m mypy || status=1
  ((status == 0)) || echo "test.sh: ruff or mypy found something (above); the tests run all the same" >&2
fi
python -m pytest -q "$@" || status=$?
exit "$status"
