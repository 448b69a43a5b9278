#!/usr/bin/env bash
# The suite on other processors, as far as one can stand in for them: by hand, from the root, with pytest's arguments.
# Sums are taken in another order and rounded elsewhere in each setting; no test may ask for the last bits of one.
set -euo pipefail

python=${PYTHON:-.venv/bin/python}
failed=()

run() {
    local name=$1
    shift
    echo "== $name"
    "$@" || failed+=("$name")
}

run "as is" "$python" -m pytest -m "not large" "$@"
run "compatible" env MKL_CBWR=COMPATIBLE ATEN_CPU_CAPABILITY=default "$python" -m pytest -m "not large" "$@"
run "avx2" env MKL_CBWR=AVX2 ATEN_CPU_CAPABILITY=avx2 "$python" -m pytest -m "not large" "$@"
run "one thread" env OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 "$python" -m pytest -m "not large" "$@"

if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "passed in every setting"
