# Run by phone.py as root of a fresh user namespace; its process becomes the one that holds the phone's others.
set -e
# Only then is the namespace's uid_map written.
read -r _go
exec unshare --mount --net --uts --ipc --pid --fork --kill-child --propagation private /bin/sh "${0%/*}/init.sh"
