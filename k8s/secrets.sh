#!/bin/sh
# Prints the service's Secrets with new random values:
#
#   k8s/secrets.sh | kubectl create -f -
#
# `create` never overwrites: Redis and MinIO keep what they were first given. Keep a copy where you keep secrets, or encrypt
# the output (SOPS, Sealed Secrets) and commit that.
set -eu

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

secret() { # name, then key=value…
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: msaas\n' "$1"
    printf '  labels:\n    app.kubernetes.io/name: %s\n    app.kubernetes.io/part-of: msaas\nstringData:\n' "$1"
    shift
    for entry in "$@"; do printf '  %s: "%s"\n' "${entry%%=*}" "${entry#*=}"; done
}

password=$(random 24)
secret redis "password=$password" "url=redis://:$password@redis:6379/0"
secret storage "S3_ACCESS_KEY=$(random 10)" "S3_SECRET_KEY=$(random 24)"
secret webhook "WEBHOOK_TOKEN=$(random 24)"
