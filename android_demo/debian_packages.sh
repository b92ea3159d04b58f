# shellcheck shell=bash
# Sourced by scripts that unpack Debian packages beside the system, into build/<name>/<architecture>. Needs Debian's
# apt-get and no root; nothing is installed.

die() { echo "${0##*/}: $*" >&2; exit 2; }

# apt-get with lists, cache and package status of its own, in the folder $1, for architecture $2.
apt_get() {
  apt-get -q -o APT::Architecture="$2" -o APT::Architectures::="$2" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Dir::State="$1" -o Dir::State::status="$1/status" -o Dir::Cache="$1" "${@:3}"
}

# The end where $2 did not come; the folder $1 has the log of what apt-get said.
not_downloaded() {
  cat "$1/log" >&2
  die "apt-get could not download $2; see its messages above"
}

# download WORK ARCHITECTURE PACKAGE…: these, without what they depend on, into WORK/debs.
download() {
  local work=$1 architecture=$2
  mkdir "$work/debs"
  # One of several sources may be down; what counts is whether the packages come.
  apt_get "$work" "$architecture" update >"$work/log" 2>&1 || true
  (cd "$work/debs" && apt_get "$work" "$architecture" download "${@:3}") >>"$work/log" 2>&1 ||
    not_downloaded "$work" "${*:3} for $architecture"
}

# unpack_each NAME FILE ARCHITECTURE…: makes build/NAME/ARCHITECTURE with the script's own `unpack ARCHITECTURE WORK`,
# which fills WORK/tree; does nothing where that has FILE already. The folder appears whole or not at all.
unpack_each() {
  local name=$1 file=$2 root architecture
  root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)/build/$name
  type -P apt-get dpkg-deb >/dev/null || die "this needs Debian's apt-get and dpkg-deb"
  mkdir -p "$root"
  for architecture in "${@:3}"; do
    [[ $architecture =~ ^[a-z0-9]+$ ]] || die "'$architecture' is no Debian architecture"
    [[ ! -e $root/$architecture/$file ]] || continue
    # Not local: the trap outlives this function.
    work=$(mktemp -d "$root/.$architecture.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work"/{lists/partial,archives/partial,tree}
    : >"$work/status"
    (unpack "$architecture" "$work")
    rm -rf "${root:?}/$architecture"
    mv "$work/tree" "$root/$architecture"
    rm -rf "$work"
  done
}
