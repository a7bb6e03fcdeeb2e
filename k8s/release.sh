#!/bin/sh
# Pushes the images that `make images` built to a registry, and writes down for the GKE overlay what was pushed:
#
#   make push REGISTRY=europe-west1-docker.pkg.dev/my-project/msaas/     # runs this
#
# A tag can be moved to another image, a digest cannot: the list at the end of overlays/gke/kustomization.yaml names every image
# by its digest, those of others, too. Commit that file; a rollback is the one before.
set -eu
registry=$1 version=$2
shift 2
file=$(dirname "$0")/overlays/gke/kustomization.yaml
base=$(dirname "$0")/base

digest() { # image with tag, as the registry knows it
    docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | sed -n "s|^${1%:*}@||p" | head -n 1
}
entry() { # name in the manifests, name in the registry, tag
    found=$(digest "$2:$3")
    case $found in
        sha256:*) ;;
        *)
            echo "the registry told no digest of $2:$3; was it pushed?" >&2
            exit 1
            ;;
    esac
    printf '  # %s\n  - name: %s\n    newName: %s\n    digest: %s\n' "$3" "$1" "$2" "$found"
}

for image in "$@"; do docker push "$registry$image:$version"; done
others=$(sed -n 's/^ *image: \(.*\/.*\/.*:.*\)$/\1/p' "$base"/*.yaml | sort -u)
for image in $others; do docker pull "$image"; done
new=$file.new
{
    sed '/^images:/q' "$file"
    for image in "$@"; do entry "msaas/$image" "$registry$image" "$version"; done
    for image in $others; do entry "${image%:*}" "${image%:*}" "${image##*:}"; done
} >"$new"
mv "$new" "$file"
echo "$file names them by their digests; commit it"
