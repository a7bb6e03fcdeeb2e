#!/bin/sh
# Makes a user in MinIO for each role, with the policy that lies beside this file, and nothing more. Needs MinIO's client `mc`,
# MC_HOST_minio with the root's key, and the users' secret keys as KEY_upload, KEY_worker and so on. May run any number of times:
# policies and keys become what is said here.
set -eu
folder=$(dirname "$0")
until mc admin info minio >/dev/null 2>&1; do
    echo "waiting for MinIO"
    sleep 2
done
for role in upload separate fetch worker setup; do
    user=msaas-$role
    key=$(printenv "KEY_$role")
    mc admin policy create minio "$user" "$folder/$role.json"
    # Not as arguments, which others see.
    printf '%s\n%s\n' "$user" "$key" | mc admin user add minio
    case "$(mc admin user info minio "$user")" in
        *"PolicyName: $user"*) ;;
        *) mc admin policy attach minio "$user" --user "$user" ;;
    esac
done
