#!/bin/sh
# Starts Redis with the users of users.acl. Their passwords are the files of the folder $PASSWORDS, one a user; only their
# hashes come into the file that Redis reads, $ACL_FILE. The user that Redis knows without one is switched off.
set -eu
folder=$(dirname "$0")
umask 077
# shellcheck disable=SC2162 # a line that ends in a backslash goes on in the next one
while read word name rules; do
    [ "$word" = user ] || continue
    hash=$(printf %s "$(cat "$PASSWORDS/$name")" | sha256sum)
    echo "user $name on #${hash%% *} resetchannels $rules"
done <"$folder/users.acl" >"$ACL_FILE"
echo "user default off resetpass resetkeys resetchannels -@all" >>"$ACL_FILE"
exec redis-server "$folder/redis.conf" --aclfile "$ACL_FILE" "$@"
