#!/usr/bin/env bash
# Downloads into Maven's local repository what the host build and gradle-check need, so that they run without a network;
# nothing when that was done for these poms and is still there: fetch.sh WORK.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
work=$1
wanted=$(cat pom.xml ./*/pom.xml | sha256sum)

# The last step's list of jars, which begins with where the repository is.
still_there() { tr : '\n' <"$work/classpath" | while read -r jar; do [[ -e $jar ]] || return 1; done; }
if [[ -r $work/fetched && $(<"$work/fetched") == "$wanted" ]] && still_there; then exit; fi
mkdir -p "$work"
maven() {
  if ! mvn -B -ntp "-Dwork=$work" "$@" >"$work/fetch.log" 2>&1; then
    grep -m 5 '^\[ERROR\]' "$work/fetch.log" >&2 || tail -n 20 "$work/fetch.log" >&2
    echo "fetch.sh: Maven could not download all; see above, then run this again. Artifacts of androidx and com.android" \
      "are in Google's Maven repository: where Maven does not look there, add it to ~/.m2/settings.xml" >&2
    exit 1
  fi
}
# Every plugin of the build begins, and compiles and runs nothing.
maven test -Dmaven.main.skip=true -Dmaven.test.skip=true -Dexec.skip=true
maven -f gradle-check/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
  "-Dmdep.outputFile=$work/classpath"
echo "$wanted" >"$work/fetched"
