#!/usr/bin/env bash
# Runs the fuzzers one after the other, each for FUZZ_SECONDS (60): run.sh PROGRAM [TARGET…]. What an earlier run found
# worth keeping is in .build-fuzz/corpus; the inputs in Tests/Fuzz/Corpus are only read. A finding stops it and stays in
# .build-fuzz/findings.
set -euo pipefail
program=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=${FUZZ_WORK:-$here/../../.build-fuzz}
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for folder in "$here"/Corpus/*/; do targets+=("$(basename "$folder")"); done
fi
for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target" "$work/findings"
    echo "== $target, ${FUZZ_SECONDS:-60} s"
    case $target in
    mp3 | sound-file | media) length=8192 ;;
    *) length=4096 ;;
    esac
    # libFuzzer itself has to see a crash to keep its input, so Swift's own report of it is off.
    FUZZ_TARGET=$target SWIFT_BACKTRACE=enable=no nice -n "${FUZZ_NICE:-19}" "$program" \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=$length -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$work/findings/$target-" "$work/corpus/$target" "$here/Corpus/$target" 2>&1 |
        grep -Ev '^#.*(NEW|REDUCE|RELOAD|pulse)' | tail -n 25
done
