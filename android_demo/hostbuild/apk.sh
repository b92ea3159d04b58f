#!/usr/bin/env bash
# Packs the classes that `build.sh test` compiled, resources and a bundle into a signed APK, as Gradle does for a release,
# and verifies it: apk.sh WORK SOURCES BUNDLE [LIBRARIES]. LIBRARIES holds <abi>/*.so. Nobody can use this APK on a phone:
# there is no NDK here, so its libraries are linked with glibc, and Paddle Lite's are not in it.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$1 sources=$2 bundle=$3 libraries=${4:-}
out=$work/apk.part sdk=$work/app/sdk apk=$work/apk/deit-packaging-check-not-for-phones.apk

die() { echo "apk.sh: $*" >&2; exit 2; }

[[ -d $work/app/classes && -r $sdk/r8.jar ]] || die "$work/app has no compiled classes; first run build.sh test -DskipTests"
java_home=${JAVA_HOME:-$(dirname -- "$(dirname -- "$(readlink -f "$(type -P javac)")")")}
rm -rf "$out"
mkdir -p "$out/dex"
bash "$here/resources.sh" "$sources/main" "$out/merged" "$sdk/android.jar" model.nb "$bundle"

mapfile -t classes < <(find "$work/app/classes" -name '*.class')
# The framework's jar has no java.*; the JDK fills that in.
r8=(
  --release --min-api 24 --output "$out/dex" --pg-map-output "$out/names.txt"
  --pg-conf "$out/merged/keep.pro" --pg-conf "$here/../app/proguard-rules.pro"
  --lib "$java_home" --lib "$sdk/android.jar" --classpath "$work/paddle-stubs/classes" "${classes[@]}"
)
if ! java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$sdk/r8.jar" com.android.tools.r8.R8 "${r8[@]}" >"$out/r8.log" 2>&1; then
  cat "$out/r8.log" >&2
  die "r8 could not make dex; see above"
fi

cp "$out/merged/resources.apk" "$out/unaligned.apk"
(cd "$out/dex" && zip -q "$out/unaligned.apk" classes*.dex)
if [[ $libraries ]]; then
  mkdir "$out/lib"
  cp -r "$libraries"/. "$out/lib/"
  (cd "$out" && zip -q -r "$out/unaligned.apk" lib)
fi
zipalign 4 "$out/unaligned.apk" "$out/aligned.apk"
# A key of its own each time: nobody should take this APK for one that can be updated.
keytool -genkeypair -keystore "$out/key.p12" -storepass packaging -alias packaging -keyalg RSA -keysize 2048 -validity 1 \
  -dname 'CN=packaging check' 2>"$out/keytool.log" || { cat "$out/keytool.log" >&2; die "keytool made no key"; }
# Every Android from minSdk on knows the second scheme.
apksigner sign --ks "$out/key.p12" --ks-pass pass:packaging --min-sdk-version 24 --v1-signing-enabled false \
  --out "$out/signed.apk" "$out/aligned.apk"
apksigner verify --verbose --min-sdk-version 24 "$out/signed.apk" >"$out/verify.txt"
zipalign -c 4 "$out/signed.apk"
aapt2 dump badging "$out/signed.apk" >"$out/badging.txt"
rm -f "$out"/{unaligned,aligned}.apk "$out/key.p12" "$out"/signed.apk.idsig
mv "$out/signed.apk" "$out/${apk##*/}"
# What an earlier run made stays until now.
rm -rf "$work/apk"
mv "$out" "$work/apk"

echo "$apk"
unzip -lv "$apk" | awk '
  function add(part) { packed[part] += $3; raw[part] += $1 }
  $8 ~ /\.dex$/ { add("code (dex)"); next }
  $8 ~ /^assets\/.*\.nb$/ { add("network"); next }
  $8 ~ /^assets\// { add("labels, manifest of the bundle"); next }
  $8 ~ /^lib\// { split($8, path, "/"); add("libraries " path[2]); next }
  $8 ~ /^(res\/|resources.arsc|AndroidManifest.xml)/ { add("resources") }
  END { for (part in packed) printf "%-32s %10d bytes %10d unpacked\n", part, packed[part], raw[part] }' | sort
printf '%-32s %10d bytes\n' 'the APK' "$(stat -c %s "$apk")"
