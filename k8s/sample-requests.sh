#!/bin/sh
# Sample requests, from an upload to the stems:
#
#   k8s/sample-requests.sh [ADDRESS [SONG [FOLDER]]]
#
# Unless told: http://localhost:8080, the demo song, and ./stems, where the stems are left. Needs curl. A
# service that demands a key wants it in MSAAS_API_KEY.
set -eu

address=${1:-http://localhost:8080}
song=${2:-$(dirname "$0")/../models/starter/demo/song.mp3}
folder=${3:-stems}

request() {
    if [ -n "${MSAAS_API_KEY:-}" ]; then
        curl -sS -H "Authorization: Bearer $MSAAS_API_KEY" "$@"
    else
        curl -sS "$@"
    fi
}
say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
field() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }

say "1. Upload: POST /upload (202, with the job's address)"
answer=$(request --fail-with-body -F "file=@$song" "$address/upload?format=flac")
printf '%s\n' "$answer"
job=$(printf '%s' "$answer" | tr ',{' '[\n*]' | field job)
[ -n "$job" ] || { echo "The answer names no job." >&2; exit 1; }

say "2. Ask: GET /fetch/$job"
state=
while [ "$state" != "done" ]; do
    status=$(request --fail-with-body "$address/fetch/$job" | tr ',{' '[\n*]')
    now=$(printf '%s\n' "$status" | field state)
    [ "$now" = "$state" ] || printf '%s\n' "$now"
    state=$now
    case $state in
    failed | dead | cancelled)
        printf '%s\n' "$status" | grep '"error"' >&2
        exit 1
        ;;
    done) ;;
    *) sleep 1 ;;
    esac
done

say "3. What happened, as events: GET /fetch/$job/events"
request -N --fail-with-body --max-time 60 "$address/fetch/$job/events" | head -n 4

say "4. One stem: GET /fetch/$job/vocals"
mkdir -p "$folder"
request --fail-with-body -o "$folder/vocals.flac" "$address/fetch/$job/vocals"
ls -l "$folder/vocals.flac"

say "5. The first 16 bytes of it: Range"
request --fail-with-body -r 0-15 -o /dev/null -w '%{http_code} %{size_download} bytes\n' "$address/fetch/$job/vocals"

say "6. All stems: GET /fetch/$job/stems.zip"
request --fail-with-body -o "$folder/stems.zip" "$address/fetch/$job/stems.zip"
ls -l "$folder/stems.zip"

say "7. An error, as application/problem+json: an option that does not exist"
request -F "file=@$song" "$address/upload?format=wax"
echo

say "8. A presigned address to upload to: POST /upload?presign=1"
request --fail-with-body -X POST "$address/upload?presign=1&filename=song.mp3"
echo

say "9. Recent jobs: GET /fetch"
request --fail-with-body "$address/fetch" | head -c 400
echo

say "10. Remove the job and its stems: DELETE /fetch/$job"
request --fail-with-body -X DELETE -o /dev/null -w '%{http_code}\n' "$address/fetch/$job"
