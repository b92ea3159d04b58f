#!/usr/bin/env bash
# Unpacks the classes of $1/aar/*.aar into $1/classes; nothing when that was done already.
set -euo pipefail
cd "$1"
wanted=$(cd aar && printf '%s\n' *.aar)
[[ ! -r unpacked || $(<unpacked) != "$wanted" ]] || exit 0
rm -rf classes unpacked
mkdir classes
for library in aar/*.aar; do
  unzip -q -o "$library" classes.jar -d aar
  unzip -q -o aar/classes.jar -x 'META-INF/*.SF' -d classes
done
rm -f aar/classes.jar
echo "$wanted" >unpacked
