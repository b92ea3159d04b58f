"""What a test phone shows of itself, as Android does: properties, processors, temperatures, battery."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

# The little, middle and big cores of a Pixel 7's Tensor G2: how many, CPU part, kHz.
PIXEL = ((4, 0xD05, 1_804_800), (2, 0xD41, 2_348_000), (2, 0xD44, 2_850_000))
FEATURES = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)

_GETPROP = r"""#!/system/bin/sh
# getprop [NAME [DEFAULT]], from /system/build.prop
[ $# -eq 0 ] && { sed -n 's/^\([^#=]*\)=\(.*\)$/[\1]: [\2]/p' /system/build.prop; exit 0; }
while IFS= read -r l; do case $l in "$1="*) echo "${l#*=}"; exit 0;; esac; done < /system/build.prop
echo "$2"
"""
# A stand-in: the screen is what /system/stand_in/wakefulness says, the battery what /sys says, and nothing charges.
_DUMPSYS = r"""#!/system/bin/sh
[ "$1" = power ] && { echo "Power Manager State:"; echo "  mWakefulness=$(cat /system/stand_in/wakefulness)"; exit 0; }
[ "$1" = battery ] || { echo "Can't find service: $1"; exit 0; }
c=/sys/class/power_supply/battery
cat <<EOF
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  Max charging voltage: 5000000
  Charge counter: 3100000
  status: $(case $(cat $c/status) in Charging) echo 2;; Discharging) echo 3;; *) echo 1;; esac)
  health: 2
  present: true
  level: $(cat $c/capacity)
  scale: 100
  voltage: $(( $(cat $c/voltage_now) / 1000 ))
  temperature: $(cat $c/temp)
  technology: Li-ion
EOF
"""

# Stand-ins, not Android's: they take the options that the bench gives, run what they are given, and answer in the form
# of the real ones with numbers of their own. simpleperf counts 1,000 cycles and 2,000 instructions for a process and a
# million and two for each run.
SIMPLEPERF = r"""#!/system/bin/sh
# simpleperf stat [--csv] -e EVENT,… -o FILE COMMAND …
[ "$1" = stat ] || exit 1
shift; out=; events=
while :; do
  case $1 in
    --csv) shift;;
    -e) events=$2; shift 2;;
    -o) out=$2; shift 2;;
    *) break;;
  esac
done
case $events in *cache-references*) echo "simpleperf: Event type 'cache-references' is not supported" >&2; exit 1;; esac
n=0; last=; for word; do [ "$last" = --repeats ] && n=$word; last=$word; done
"$@"; code=$?
{
  echo "Performance counter statistics,"
  case $events in *cpu-cycles*) echo "$((1000 + n * 1000000)),cpu-cycles,2.511040,GHz,(100%),";; esac
  case $events in *instructions*) echo "$((2000 + n * 2000000)),instructions,0.5,cycles per instruction,(87%),";; esac
  echo "Total test time,1.462129,seconds,"
} >"$out"
exit $code
"""
PERFETTO = r"""#!/system/bin/sh
# perfetto --txt -c - -o FILE: keeps the configuration as the trace when it is told to end.
[ "$1 $2 $3 $4" = "--txt -c - -o" ] || { echo "usage" >&2; exit 1; }
config=$(cat)
trap 'echo "$config" >"$5"; exit 0' TERM
: >"$5" || exit 1
while :; do sleep 0.1; done
"""


# A stand-in: keeps what it was told in /sdcard, and fails in the words of AOSP's PowerManagerShellCommand.
_CMD = r"""#!/system/bin/sh
[ "$1" = power ] || { echo "cmd: Can't find service: $1" >&2; exit 20; }
[ "$2" = set-fixed-performance-mode-enabled ] || { echo "Unknown command: $2" >&2; exit 255; }
[ -e /system/stand_in/no_fixed_performance ] && {
  echo "Failed to set FIXED_PERFORMANCE mode" >&2
  echo "This is likely because Power HAL AIDL is not implemented on this device" >&2
  exit 255
}
echo "$3" >>/sdcard/fixed_performance
"""


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Writes a file and its folders; in place, so that a running phone sees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def lay(
    folder: Path, props: dict[str, str], clusters: Sequence[tuple[int, int, int]] | None, features: str
) -> None:
    """Fills `folder` with the phone's proc, sys, system and vendor.

    `clusters` are (cores, CPU part, kHz) of an ARM phone; with None the phone shows the host's processors.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("proc", "sys", "system/bin", "vendor/lib64", "vendor/lib"):
        (folder / name).mkdir(parents=True)
    write(folder / "system/build.prop", "".join(f"{name}={value}\n" for name, value in props.items()))
    write(folder / "system/bin/getprop", _GETPROP, 0o755)
    write(folder / "system/bin/dumpsys", _DUMPSYS, 0o755)
    write(folder / "system/bin/cmd", _CMD, 0o755)
    write(folder / "system/stand_in/wakefulness", "Asleep\n")
    (folder / "system/bin/sh").symlink_to("/usr/bin/mksh")
    if clusters is None:
        text = Path("/proc/cpuinfo").read_text()
        kilohertz = [2_000_000] * text.count("processor\t")
    else:
        cores = [(part, khz) for count, part, khz in clusters for _ in range(count)]
        kilohertz = [khz for _, khz in cores]
        text = "".join(_arm_core(number, part, features) for number, (part, _) in enumerate(cores))
        text += f"Hardware\t: {props['ro.hardware']}\n"
    write(folder / "proc/cpuinfo", text)
    _lay_frequencies(folder / "sys/devices/system/cpu", kilohertz)
    if clusters is not None:
        _lay_clusters(folder / "sys/devices/system/cpu", clusters)
    write(
        folder / "proc/meminfo",
        "MemTotal:        7819372 kB\nMemFree:          401236 kB\nMemAvailable:    3905116 kB\n"
        "SwapTotal:       3145724 kB\nSwapFree:        1900000 kB\n",
    )
    for number, (kind, millidegrees) in enumerate((("BIG", 41000), ("LITTLE", 39500), ("battery", 31200))):
        write(folder / f"sys/class/thermal/thermal_zone{number}/type", f"{kind}\n")
        write(folder / f"sys/class/thermal/thermal_zone{number}/temp", f"{millidegrees}\n")
    battery = {
        "capacity": 83, "temp": 312, "voltage_now": 4123000, "current_now": 410000, "status": "Charging",
    }  # fmt: skip
    for name, value in battery.items():
        write(folder / f"sys/class/power_supply/battery/{name}", f"{value}\n")


def _lay_frequencies(folder: Path, kilohertz: Sequence[int]) -> None:
    for number, khz in enumerate(kilohertz):
        values = {"cpuinfo_max_freq": khz, "scaling_max_freq": khz, "cpuinfo_min_freq": 300_000}
        for name, value in {**values, "scaling_cur_freq": khz, "scaling_governor": "schedutil"}.items():
            write(folder / f"cpu{number}/cpufreq/{name}", f"{value}\n")
    for name in ("present", "possible", "online"):
        write(folder / name, f"0-{len(kilohertz) - 1}\n" if len(kilohertz) > 1 else "0\n")


def _lay_clusters(folder: Path, clusters: Sequence[tuple[int, int, int]]) -> None:
    """As Linux has it: a policy for each cluster, which its CPUs share; MIDR and capacity of each CPU."""
    fastest = max(khz for _, _, khz in clusters)
    first = 0
    for count, part, khz in clusters:
        policy = folder / "cpufreq" / f"policy{first}"
        policy.parent.mkdir(exist_ok=True)
        cpus = range(first, first + count)
        (folder / f"cpu{first}/cpufreq").rename(policy)
        write(policy / "related_cpus", " ".join(map(str, cpus)) + "\n")
        for cpu in cpus:
            shutil.rmtree(folder / f"cpu{cpu}/cpufreq", ignore_errors=True)
            (folder / f"cpu{cpu}/cpufreq").symlink_to(f"../cpufreq/{policy.name}")
            write(folder / f"cpu{cpu}/cpu_capacity", f"{1024 * khz // fastest}\n")
            write(folder / f"cpu{cpu}/regs/identification/midr_el1", f"{0x41_1_F_000_0 | part << 4:#018x}\n")
        first += count


def _arm_core(number: int, part: int, features: str) -> str:
    return (
        f"processor\t: {number}\nBogoMIPS\t: 49.15\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: {part:#05x}\nCPU revision\t: 0\n\n"
    )
