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

# Redis knows a user for each role, whose rights are in base/redis/users.acl; `admin`, for you, may everything.
users=
for user in upload separate fetch callbacks worker autoscaler admin probe; do
    password=$(random 24)
    users="$users $user=$password"
    [ $user = probe ] || secret "redis-$user" "REDIS_URL=redis://$user:$password@redis:6379/0"
done
# shellcheck disable=SC2086 # one argument each
secret redis-users $users

# The storage's root, which is MinIO's own and that of the Job that makes the users; their rights are in base/storage.
secret storage "S3_ACCESS_KEY=$(random 10)" "S3_SECRET_KEY=$(random 24)"
for role in upload separate fetch worker setup; do
    secret "storage-$role" "S3_ACCESS_KEY=msaas-$role" "S3_SECRET_KEY=$(random 24)"
done
secret webhook "WEBHOOK_TOKEN=$(random 24)"
# Sessions of browsers and share links are signed with it, by all functions that clients call.
secret signing "MSAAS_SIGNING_SECRET=$(random 32)"
