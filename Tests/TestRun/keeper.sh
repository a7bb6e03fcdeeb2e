#!/bin/sh
# keeper.sh keep FOLDER   waits for the end of its input, then ends and removes everything that belongs to the test run FOLDER
# keeper.sh left FOLDER   fails if anything of the runs whose folders lie in FOLDER is left, and clears it away
set -u

# Whoever carries the run's name in the environment, works in its folder or holds a file in it. (redis-server writes its title
# over its environment, but works in a folder of the run.)
processes() {
    {
        grep -lsz "^MSAAS_TEST_RUN=$1" /proc/[0-9]*/environ
        find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -lname "$1*" 2>/dev/null
    } | cut -d / -f 3 | sort -u
}

clear_away() {
    rounds=0
    while found=$(processes "$1") && [ -n "$found" ] && [ $rounds -lt 100 ]; do
        # shellcheck disable=SC2086 # one word a process
        kill -9 $found 2>/dev/null
        rounds=$((rounds + 1))
        sleep 0.1
    done
    # Small disks that a test has mounted.
    grep -so " $1/[^ ]*" /proc/mounts | while read -r disk; do umount -l "$disk"; done
    chmod -R u+rwX "$1" 2>/dev/null
    rm -rf "$1"
}

# What lies in the folder of a run; SwiftPM's locks and folders are no test's.
files_in() { find "$1" -mindepth 1 -maxdepth 1 ! -name 'TemporaryDirectory.*' ! -name '*.lock'; }

case $1 in
keep)
    trap '' HUP INT TERM
    # Runs that lost their keeper, too: a power failure, a container that was killed.
    find "${2%/*}" -maxdepth 1 -name 'msaas-test-*' -mmin +720 2>/dev/null | while read -r old; do clear_away "$old"; done
    cat >/dev/null
    clear_away "$2"
    ;;
left)
    # Keepers may be at work still.
    patience=100
    while { [ -n "$(files_in "$2")" ] || [ -n "$(processes "$2")" ]; } && [ $patience -gt 0 ]; do
        patience=$((patience - 1))
        sleep 0.1
    done
    files=$(files_in "$2")
    found=$(processes "$2")
    for id in $found; do echo "left by the tests: process $id: $(tr '\0' ' ' <"/proc/$id/cmdline")"; done
    [ -z "$files" ] || echo "left by the tests in $2: $files"
    clear_away "$2"
    [ -z "$files$found" ]
    ;;
esac
