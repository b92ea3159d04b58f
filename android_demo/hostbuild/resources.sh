#!/usr/bin/env bash
# What the Android Gradle plugin does with manifest, resources and assets before javac, by aapt2:
# resources.sh MAIN OUT ANDROID_JAR MODEL BUNDLE... makes OUT/{AndroidManifest.xml,resources.apk,assets,java/**/R.java} of
# the source set MAIN. In the assets lies of each bundle what the app reads, with the file MODEL as its network.
set -euo pipefail
main=$1 out=$2 android=$3 model=$4
shift 4
namespace=com.example.deit

die() { echo "resources.sh: $*" >&2; exit 2; }

type -P aapt2 >/dev/null || die "aapt2 is missing: install Debian's package aapt"
rm -rf "$out"
mkdir -p "$out"/{assets,java}
for bundle in "$@"; do
  folder=$out/assets/bundles/$(basename -- "$bundle")
  mkdir -p "$folder"
  for file in manifest.json labels.txt "$model"; do
    [[ -r $bundle/$file ]] || die "$bundle holds no $file; ./run.sh tools/opt.py --model deit_tiny --weights digits makes one"
    cp -- "$bundle/$file" "$folder/"
  done
  # To try the bundle with.
  [[ ! -r $bundle/golden.png ]] || cp -- "$bundle/golden.png" "$folder/"
done
# Gradle takes package and SDK versions from app/build.gradle, aapt2 from the manifest and its options. Debian's aapt2 is
# older than the element for vendors' libraries, which came with Android 12, and refuses it.
sed -e "s/<manifest /<manifest package=\"$namespace\" /" -e "s/\${applicationId}/$namespace/" -e 's/<application/& android:extractNativeLibs="true"/' \
  -e '/<uses-native-library/,/\/>/d' \
  "$main/AndroidManifest.xml" >"$out/manifest.xml"
grep -q "package=\"$namespace\"" "$out/manifest.xml" || die "AndroidManifest.xml has no line that begins '<manifest '"
aapt2 compile --dir "$main/res" -o "$out/compiled.zip"
# Debian's aapt2 passes over a table of the framework's that it does not know, and says so.
aapt2 link -o "$out/resources.apk" -I "$android" --manifest "$out/manifest.xml" --java "$out/java" -A "$out/assets" \
  --min-sdk-version 24 --target-sdk-version 36 --version-code 1 --version-name 0.1.0 -0 .nb --auto-add-overlay \
  --proguard "$out/keep.pro" "$out/compiled.zip" 2> >(grep -v "Unknown chunk type '200'" >&2)
sed 's#<application#<uses-sdk android:minSdkVersion="24" android:targetSdkVersion="36" />\n    <application#' \
  "$out/manifest.xml" >"$out/AndroidManifest.xml"
