#!/usr/bin/env bash
# Has the Android Gradle plugin read the app's build: run.sh WORK [CASE.json...]; WORK/report.json is what came of it.
# run.sh WORK --verification write | verify REPOSITORY MODULE...: see verification.groovy.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
demo=$here/../..
work=$1
shift
script=$here/check.groovy
if [[ ${1:-} == --verification ]]; then script=$here/verification.groovy; shift; fi

rm -rf "$work"/{project,report.json}
mkdir -p "$work"/{home,project/app,project/cpp,project/gradle} "$work"/sdk/{platforms,build-tools,ndk}
work=$(cd -- "$work" && pwd)
wanted=$(sha256sum <"$here/pom.xml")
if [[ ! -r $work/classpath || ! -r $work/resolved || $(<"$work/resolved") != "$wanted" ]]; then
  mvn -q -B -ntp -o -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
    "-Dmdep.outputFile=$work/classpath" >&2
  [[ $(<"$work/classpath") =~ [^:]*/gradle-api-[0-9][0-9.]*\.jar ]]
  rm -rf "$work/modules"
  # Of two jars of this name the other is the plugin's.
  for jar in $(tr : '\n' <"$work/classpath" | grep '/dev/gradleplugins/.*/gradle-api-[0-9.]*\.jar$'); do
    java "$here/ModuleJars.java" "$jar" "$work/modules"
  done
  echo "$wanted" >"$work/resolved"
fi
# An SDK as far as the plugin looks at it while it reads; of the NDK that is what it says of itself.
cp -rT "$here/ndk" "$work/sdk/ndk/$(sed -n 's/^Pkg.Revision = //p' "$here/ndk/source.properties")"
echo 'android.builder.sdkDownload=false' >"$work/home/gradle.properties"
# Gradle writes beside the scripts that it reads.
cp "$demo"/{settings,build}.gradle "$demo/gradle.properties" "$work/project/"
cp "$demo/gradle/verification-metadata.xml" "$work/project/gradle/"
cp "$demo"/app/*.gradle "$demo/app/proguard-rules.pro" "$work/project/app/"
mkdir -p "$work/project/app/src"
cp -r "$demo/app/src/main" "$work/project/app/src/"
cp "$demo/cpp/CMakeLists.txt" "$work/project/cpp/"
groovy=(timeout 600 java -XX:TieredStopAtLevel=1 --add-opens java.base/java.lang=ALL-UNNAMED
  --add-opens java.base/java.util=ALL-UNNAMED -cp "$(<"$work/classpath"):$(printf '%s:' "$work"/modules/*.jar)" groovy.ui.GroovyMain)
export ANDROID_HOME=$work/sdk
if [[ $script == */check.groovy ]]; then
  exec "${groovy[@]}" "$script" "$work/project" "$work/home" "$work/report.json" "$@"
fi
(cd "$work/project" && "${groovy[@]}" "$script" "$work/project" "$work/home" "$@")
if [[ $1 == write ]]; then cp "$work/project/gradle/verification-metadata.xml" "$demo/gradle/"; fi
