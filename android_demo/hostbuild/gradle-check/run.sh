#!/usr/bin/env bash
# Has the Android Gradle plugin read the app's build: run.sh WORK [CASE.json...]; WORK/report.json is what came of it.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
demo=$here/../..
work=$1
shift

rm -rf "$work"/{project,report.json}
mkdir -p "$work"/{home,project/app,project/cpp} "$work"/sdk/{platforms,build-tools,ndk}
work=$(cd -- "$work" && pwd)
wanted=$(sha256sum <"$here/pom.xml")
if [[ ! -r $work/classpath || ! -r $work/resolved || $(<"$work/resolved") != "$wanted" ]]; then
  mvn -q -B -ntp -o -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
    "-Dmdep.outputFile=$work/classpath"
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
cp "$demo"/app/*.gradle "$demo/app/proguard-rules.pro" "$work/project/app/"
mkdir -p "$work/project/app/src"
cp -r "$demo/app/src/main" "$work/project/app/src/"
cp "$demo/cpp/CMakeLists.txt" "$work/project/cpp/"
ANDROID_HOME=$work/sdk timeout 300 java -XX:TieredStopAtLevel=1 --add-opens java.base/java.lang=ALL-UNNAMED --add-opens java.base/java.util=ALL-UNNAMED \
  -cp "$(<"$work/classpath"):$(printf '%s:' "$work"/modules/*.jar)" groovy.ui.GroovyMain "$here/check.groovy" \
  "$work/project" "$work/home" "$work/report.json" "$@"
