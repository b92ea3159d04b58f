#!/usr/bin/env bash
# Runs Python on this repository in an environment that it first sets up: `./run.sh` alone says how.
# Standard output belongs to what it runs; its own lines go to standard error.
set -euo pipefail

usage() {
  cat >&2 <<'TEXT'
usage: ./run.sh [--requirements FILE] FILE.py [ARGUMENT...]     ./run.sh tools/opt.py --model deit_tiny
       ./run.sh [--requirements FILE] -m MODULE [ARGUMENT...]   ./run.sh -m pytest
Finds CPython 3.10, installs what requirements.txt pins into .venv (again only when it changes), runs it.
tools/serve.py has an environment of its own, .venv-serving, of requirements-serving.txt.
  DEIT_LITE_VENV   the environment's folder instead of .venv (with -serving behind it for the server's)
  PYTHON310        the CPython 3.10 to make it with
TEXT
}

say() { echo "run.sh: $*" >&2; }
die() { say "$*"; exit 2; }

# Prints the interpreter itself (not a shim, not a virtual environment's) if $1 runs, is CPython 3.10
# and can make environments.
interpreter() {
  "$1" -I -c '
import ctypes, ensurepip, ssl, sys, venv
if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 10):
    sys.exit(1)
print(sys._base_executable)' 2>/dev/null </dev/null
}

# Prints what may be a CPython 3.10, the likeliest first. A pyenv shim is on PATH even where it cannot run.
candidates() {
  local path roots=("${PYENV_ROOT:-${HOME:-}/.pyenv}")
  while read -r path; do
    echo "$path"
    if [[ $path == */shims/* ]]; then roots+=("${path%/shims/*}"); fi
  done < <(type -aP python3.10)
  for path in "${roots[@]/%//versions/}"; do
    compgen -G "${path}3.10.*/bin/python" || true
  done
  if type -P uv >/dev/null; then uv python find --no-python-downloads --system 3.10 2>/dev/null || true; fi
  type -aP python3 || true
  type -aP python || true
}

find_python() {
  if [[ -n ${PYTHON310:-} ]]; then
    python=$(interpreter "$PYTHON310") ||
      die "PYTHON310=$PYTHON310 is no CPython 3.10 with ssl, ctypes, venv and ensurepip; correct or unset it"
    return
  fi
  local path tried=""
  while read -r path; do
    if python=$(interpreter "$path"); then return; fi
    tried+=" $path"
  done < <(candidates)
  say "no CPython 3.10 with ssl, ctypes, venv and ensurepip found; not fit:${tried:- (no Python at all)}"
  die "get it with 'uv python install 3.10' or 'pyenv install 3.10', or set PYTHON310=/path/to/python3.10"
}

# Prints the Debian packages of the shared libraries that opencv-python and paddlepaddle expect to be there.
missing_packages() {
  "$python" -I -c '
import ctypes
for library, package in (
    ("libGL.so.1", "libgl1"), ("libgthread-2.0.so.0", "libglib2.0-0"), ("libgomp.so.1", "libgomp1")
):
    try:
        ctypes.CDLL(library)
    except OSError:
        print(package)'
}

apt_install() {
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

system_libraries() {
  local missing
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then return; fi
  if ((EUID != 0)) || ! type -P apt-get >/dev/null; then
    die "libraries are missing; first run: sudo apt-get update && sudo apt-get install -y ${missing[*]}"
  fi
  say "installing ${missing[*]} with apt-get"
  local output
  if ! output=$(apt_install "${missing[@]}" 2>&1 </dev/null); then
    echo "$output" >&2
    die "apt-get could not install ${missing[*]}; see its message above"
  fi
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || die "still missing after apt-get: ${missing[*]}"
}

installed() { [[ -x $venv/bin/python && ! -s $venv.lock && -r $stamp && $(<"$stamp") == "$wanted" ]]; }

# Runs a command that Ctrl-C ends without a word: Python would show a traceback. Bash has what it starts in the
# background ignore Ctrl-C, so that `install`'s trap is what ends it.
child=""
in_background() {
  "$@" </dev/null &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=""
  return "$status"
}

# The lock file holds a word while an installation is under way. One found there was interrupted, and its
# environment is made anew; any other folder that is no environment is left alone.
install() {
  trap '[[ -z $child ]] || { kill "$child"; wait "$child"; } 2>/dev/null; exit 130' INT
  flock -n 9 || { say "waiting for another set-up of $venv"; flock 9; }
  if installed; then return; fi
  find_python
  system_libraries
  if [[ -s $venv.lock || ! -e $venv || -z $(ls -A "$venv") ]]; then
    say "making $venv with $python"
    echo installing >&9
    in_background "$python" -I -m venv --clear "$venv" >&2 || die "could not make $venv; see the message above"
  elif [[ ! -e $venv/pyvenv.cfg ]] || ! interpreter "$venv/bin/python" >/dev/null; then
    die "$venv is no environment of a working CPython 3.10; remove it or set DEIT_LITE_VENV elsewhere"
  fi
  echo installing >&9
  say "installing ${requirements##*/} (the first time downloads hundreds of MB)"
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
  # Only files of the SHA-256 that is written there, and wheels: building another would run code that no hash names.
  if ! in_background "${pip[@]}" install -q --require-hashes --only-binary :all: -r "$requirements" >&2; then
    say "pip could not install ${requirements##*/}; see its message above, then run this again"
    exit 1
  fi
  echo "$wanted" >"$stamp"
  : >"$venv.lock"
  say "ready after $SECONDS s"
}

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
requirements=$root/requirements.txt
if [[ ${1:-} == --requirements && $# -ge 2 ]]; then
  requirements=$2
  shift 2
elif [[ ${1:-} == tools/serve.py || ${1:-} -ef $root/tools/serve.py ]]; then
  requirements=$root/requirements-serving.txt
fi
if (($# == 0)) || [[ $1 == -h || $1 == --help ]]; then
  usage
  exit $(($# == 0 ? 2 : 0))
fi
[[ -r $requirements ]] || die "no requirements file $requirements"
platform=$(uname -sm)
[[ $platform == "Linux x86_64" ]] || die "this is $platform; paddlelite has wheels for Linux x86_64 only"

venv=${DEIT_LITE_VENV:-$root/.venv}
venv=${venv%/}
# What it pins does not fit beside requirements.txt.
[[ ${requirements##*/} != requirements-serving.txt ]] || venv+=-serving
[[ $venv == /* ]] || venv=$PWD/$venv
stamp=$venv/.installed-${requirements##*/}
wanted=$(sha256sum <"$requirements")
if ! installed; then
  trap 'say "interrupted; the next run sets $venv up anew"; exit 130' INT
  mkdir -p "$(dirname -- "$venv")"
  (install) 9>>"$venv.lock"
fi
# A file of the repository can be named from any folder.
[[ -e $1 || ! -e $root/$1 ]] || set -- "$root/$1" "${@:2}"
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec "$venv/bin/python" "$@"
