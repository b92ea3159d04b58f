"""Puts a bundle into the demo app's own folder on a phone, from where the app offers it beside the one it came with.

Sent to where benches keep theirs, copied on the phone, compared there, and renamed: the app sees whole bundles only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone import push
from lite.phone.device import Device
from lite.phone.link import PhoneError
from lite.shown import shown

PACKAGE = "com.example.deit"
# What the app reads of a bundle (android_demo/app, ModelBundle.java).
FILES = ("manifest.json", "labels.txt", "model.nb")
_SECONDS = 60.0
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_NO_SPACE = "No space left"
# Arguments: where the files were sent to, the app's folder of files, the bundle's name, the files. What is the same
# there already stays; prints what it did.
_COPY = """
sent=$1 app=$2 name=$3; shift 3
same=1
for file; do cmp -s "$sent/$file" "$app/bundles/$name/$file" || same=; done
if [ "$same" ]; then echo kept; exit; fi
# Not among the bundles, where the app would show it.
new=$app/.installing/$name
rm -rf "$app/.installing" && mkdir -p "$new" "$app/bundles" || exit 1
for file; do
  cp "$sent/$file" "$new/" || { rm -rf "$app/.installing"; exit 1; }
  # Where space ends its cp may end well all the same.
  cmp -s "$sent/$file" "$new/$file" || { rm -rf "$app/.installing"; echo "No space left for $file" >&2; exit 1; }
done
if [ -e "$app/bundles/$name" ]; then mv "$app/bundles/$name" "$app/.installing/old" || exit 1; fi
if mv "$new" "$app/bundles/$name"; then
  rm -rf "$app/.installing"
  echo copied
else
  [ ! -e "$app/.installing/old" ] || mv "$app/.installing/old" "$app/bundles/$name"
  exit 1
fi
"""


@dataclass(frozen=True)
class Installed:
    """Where a bundle lies now, whether it was other than what lay there, and the files that had to be sent."""

    folder: str
    changed: bool
    sent: Sequence[str]


def folder_of(package: str, bundle: str = "") -> str:
    """The folder on a phone in which the app looks for bundles, or that of one. Raises InputError for no package."""
    if not _PACKAGE.fullmatch(package):
        raise InputError(f"{shown(package)} is no package of an app", remedy=f"give one such as {PACKAGE}")
    return f"{_files_of(package)}/bundles" + (f"/{bundle}" if bundle else "")


def check_app(device: Device, package: str = PACKAGE) -> None:
    """Raises PhoneError if the app is not installed, InputError for what is no package."""
    folder_of(package)
    done = device.run(["pm", "path", package], _SECONDS)
    if done.stdout.startswith("package:"):
        return
    # It prints nothing for a package that is not there.
    why = f"the app {package} is not installed on it"
    if said := (done.stderr or done.stdout).strip():
        why = f"it does not say whether the app {package} is installed ({said.splitlines()[-1]})"
    remedy = "install it (android_demo/README.md), or name yours with --package if you have renamed it"
    raise PhoneError(device.serial, why, remedy)


def install(device: Device, bundle: Bundle, package: str = PACKAGE) -> Installed:
    """Brings what the app reads of `bundle` into its folder; an earlier one of that name stays until it is whole.

    Raises InputError as push and for what is no package, PhoneError as push and when the app is not installed or the
    phone cannot write there.
    """
    check_app(device, package)
    name = bundle.name
    pushed = push.push(device, {f"{name}/{file}": bundle.path / file for file in FILES})
    words = [f"{push.FOLDER}/{name}", _files_of(package), name, *FILES]
    done = device.run(f"set -- {shlex.join(words)}\n{_COPY}", _SECONDS)
    if done.code:
        raise _failed(device, folder_of(package, name), done.stderr)
    return Installed(folder_of(package, name), done.stdout.strip() == "copied", pushed.sent)


def _files_of(package: str) -> str:
    # What getExternalFilesDir gives the app: adb's user may write there, too.
    return f"/sdcard/Android/data/{package}/files"


def _failed(device: Device, folder: str, said: str) -> PhoneError:
    lines = said.strip().splitlines()
    reason = lines[-1] if lines else "it gives no reason"
    remedy = "start the app once, so that the phone makes its folder, and run this again"
    if _NO_SPACE in reason:
        remedy = "free some space on it; --clean removes what benches left there"
    return PhoneError(device.serial, f"{folder} cannot be written: {reason}", remedy)
