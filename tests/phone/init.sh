# The phone's init (pid 1 of its namespaces): lays its file system, starts adbd as Android's user `shell`, and reaps
# orphans. Its death ends the phone. It gets PHONE, ROOT, DATA_SIZE, BANNER, PHONE_NAME, PHONE_ENV and QEMU.
set -e
M=$PHONE/mnt
if [ -n "$QEMU" ]; then
  # Linux 6.7 and newer have one binfmt_misc for each user namespace: the host's is untouched.
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  printf '%s' ":qemu-aarch64:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$QEMU:F" >/proc/sys/fs/binfmt_misc/register
fi
hostname "$PHONE_NAME"
mkdir -p "$M"
mount -t tmpfs -o mode=755,size=1m tmpfs "$M"
for d in usr proc sys dev data system vendor etc tmp sdcard; do mkdir "$M/$d"; done
for d in bin sbin lib lib64; do ln -s "usr/$d" "$M/$d"; done
mount --bind "$ROOT/usr" "$M/usr"
mount -o remount,bind,ro "$M/usr"
cp "$ROOT/etc/passwd" "$ROOT/etc/group" "$M/etc/"
mount -t proc proc "$M/proc"
for f in "$PHONE"/proc/*; do mount --bind "$f" "$M/proc/${f##*/}"; done
for d in sys system vendor; do
  mount --bind "$PHONE/$d" "$M/$d"
  mount -o remount,bind,ro "$M/$d"
done
mount -t tmpfs -o mode=755,size=64k tmpfs "$M/dev"
for n in null zero full random urandom tty; do
  : >"$M/dev/$n"
  mount --bind "/dev/$n" "$M/dev/$n"
done
mkdir "$M/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$M/dev/pts"
ln -s pts/ptmx "$M/dev/ptmx"
mount -t tmpfs -o "mode=771,size=$DATA_SIZE" tmpfs "$M/data"
mount -t tmpfs -o "mode=770,size=$DATA_SIZE" tmpfs "$M/sdcard"
mkdir -p -m 771 "$M/data/local" "$M/data/local/tmp"
mkdir -m 700 "$M/data/system"
mkdir -p "$M/data/misc/perfetto-traces"
chown 2000:2000 "$M/data/misc/perfetto-traces"
chown 2000:2000 "$M/data/local/tmp" "$M/sdcard"
mount -o remount,ro "$M"
ip link set lo up 2>/dev/null || ifconfig lo up
# shellcheck disable=SC2086
env -i PATH=/system/bin:/usr/bin:/usr/sbin ANDROID_ROOT=/system ANDROID_DATA=/data ADBD_PORT=5555 \
  $PHONE_ENV chroot --userspec=2000:2000 "$M" /usr/sbin/adbd --device_banner "$BANNER" &
ADBD=$!
# phone.py's pipe: when phone.py is gone, so is the phone.
exec 3<&0
(
  while read -r _ <&3; do :; done
  kill -9 $ADBD
) &
while kill -0 $ADBD 2>/dev/null; do wait $ADBD || :; done
