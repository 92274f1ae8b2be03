"""Says which machine measures, and in what state. Travels to a board: Python 3.6, standard library only."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

# What decides the speed of float and int8 kernels, strongest first; names as in /proc/cpuinfo.
INSTRUCTIONS = (
    "amx_int8",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "avx512f",
    "avx2",
    "i8mm",
    "asimddp",
    "neon",
)
SMI = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
SMI_STATE = ("nvidia-smi", "--query-gpu=clocks.sm,temperature.gpu,clocks_throttle_reasons.active") + SMI[2:]
# Bits of nvidia-smi's reasons that slow a GPU down: power cap, hardware, heat (software, hardware), power brake.
SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
FELL = 0.95  # a clock below this share of what it was has fallen
OTHERS = 0.25  # cores: more than this used by others spoils times
STOLEN = 0.02  # of a core: more than this kept by a virtual machine's host spoils times
PATIENCE = 10  # seconds: a driver in trouble lets nvidia-smi hang


def ask(command: Sequence[str]) -> str:
    """Return what a command prints, or nothing if it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            list(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


def describe(threads: int, root: Path = Path("/"), run: Callable[[Sequence[str]], str] = ask) -> Dict[str, Any]:
    """Return what is known of this machine as JSON-ready values; what cannot be known is None or empty.

    `threads` is how many cores the measured calls may use. Memory is in GB (10^9 bytes). No host name.
    """
    cpu = _cpuinfo(root)
    return {
        "cpu": _model(cpu),
        "arch": platform.machine(),
        "instructions": _instructions(cpu),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gb": _memory(root),
        "board": _read(root / "proc/device-tree/model") or None,
        "gpus": [line.strip() for line in run(SMI).splitlines() if line.strip()],
        "l4t": _read(root / "etc/nv_tegra_release").partition("\n")[0] or None,
        "python": platform.python_version(),
    }


def instructions(root: Path = Path("/")) -> List[str]:
    """Return the instruction sets that matter here, the strongest first."""
    return _instructions(_cpuinfo(root))


def label(description: Dict[str, Any]) -> str:
    """Return the device in words: its board, or else its CPU, and its GPUs."""
    chip = description.get("board") or description.get("cpu") or description.get("arch") or "unknown"
    return " + ".join([chip] + sorted(set(description.get("gpus") or [])))


def strongest(description: Dict[str, Any]) -> Optional[str]:
    """Return the instruction set that int8 and float kernels are likeliest to use."""
    found = description.get("instructions") or []
    return next((name for name in INSTRUCTIONS if name in found), None)


def name(description: Dict[str, Any]) -> str:
    """Return a slug of CPU or board, GPUs, cores used and instruction set: never a host name."""
    chip = re.sub(r"\((R|TM)\)|\bCPU\b|@ *[\d.]+ *GHz", " ", label(description), flags=re.IGNORECASE)
    parts = [chip, "{}t".format(description["threads"]), strongest(description) or ""]
    return "-".join(re.findall(r"[a-z0-9]+", " ".join(parts).lower()))


def load() -> Optional[float]:
    """Return how many processes wanted a core over the last minute, or None where nobody counts."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def clocks(root: Path = Path("/")) -> Dict[str, Any]:
    """Return MHz of each core, the governor of the first and temperatures (zone: °C), as far as known."""
    cpus = root / "sys/devices/system/cpu"
    scaled = [_number(path) for path in sorted(cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))]
    mhz = [khz / 1e3 for khz in scaled if khz is not None]
    return {
        "mhz": mhz or _mhz(root),
        "governor": _read(cpus / "cpu0/cpufreq/scaling_governor") or None,
        "temperatures": _temperatures(root),
    }


def peak_memory(root: Path = Path("/")) -> Optional[float]:
    """Return the most MB (10^6 bytes) that this process ever held, by Linux's VmHWM; None where nobody counts.

    Not getrusage's ru_maxrss: a child inherits there what its parent held when it was started.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", _read(root / "proc/self/status"))
    return int(found.group(1)) * 1024 / 1e6 if found else None


def state(root: Path = Path("/"), run: Callable[[Sequence[str]], str] = ask) -> Dict[str, Any]:
    """Return what can spoil times, as it is now: clocks, load, and counters whose growth `trouble` reads.

    `busy`, `stolen` and `own`: seconds that all cores worked, that a virtual machine's host kept, and that this
    process and its ended children worked; `throttled`: how often cores were; `gpus`: MHz, °C, reasons of each.
    """
    now = dict(clocks(root), load=load(), time=time.monotonic(), own=sum(os.times()[:4]))
    now["busy"], now["stolen"] = _worked(root)
    counts = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    now["throttled"] = sum(_number(path) or 0 for path in counts)
    now["gpus"] = [line.strip() for line in run(SMI_STATE).splitlines() if line.strip()]
    return now


def trouble(before: Dict[str, Any], after: Dict[str, Any], cores: int) -> List[str]:
    """Return a sentence for everything between two states that makes times measured there doubtful."""
    told, passed = [], after["time"] - before["time"]
    was, now = max(before["mhz"] or [0.0]), max(after["mhz"] or [0.0])
    if now < FELL * was:
        told.append("the clock fell from {:.0f} to {:.0f} MHz".format(was, now))
    if after["throttled"] > before["throttled"]:
        told.append("cores were throttled {:.0f} times".format(after["throttled"] - before["throttled"]))
    if (before["load"] or 0) > 0.75 * cores:
        told.append("the load was {:.1f} on {} cores before the start".format(before["load"], cores))
    if before["busy"] is not None and after["busy"] is not None and passed > 0:
        others = (after["busy"] - before["busy"] - after["own"] + before["own"]) / passed
        stolen = (after["stolen"] - before["stolen"]) / passed
        if others > OTHERS:
            told.append("others used {:.1f} of {} cores meanwhile".format(others, cores))
        if stolen > STOLEN:
            told.append("the host of this virtual machine kept {:.2f} cores to itself".format(stolen))
    return told + ["GPU {} is slowed down: {}".format(n, g) for n, g in enumerate(after["gpus"]) if _slowed(g)]


def _worked(root: Path) -> Tuple[Optional[float], Optional[float]]:
    """Return seconds that all cores worked, and that the host kept, since the start; None where nobody counts."""
    line = _read(root / "proc/stat").partition("\n")[0].split()
    if len(line) < 9 or line[0] != "cpu":
        return None, None
    user, nice, system, _, _, irq, softirq, steal = (float(field) / os.sysconf("SC_CLK_TCK") for field in line[1:9])
    return user + nice + system + irq + softirq, steal


def _slowed(gpu: str) -> bool:
    """Return whether the last of nvidia-smi's fields, bits in hexadecimal, names a reason of SLOWED."""
    try:
        return bool(int(gpu.split(",")[-1], 16) & SLOWED)
    except ValueError:  # [N/A]
        return False


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0 \t\n")
    except OSError:
        return ""


def _number(path: Path) -> Optional[float]:
    try:
        return float(_read(path))
    except ValueError:
        return None


def _cpuinfo(root: Path) -> Dict[str, str]:
    """Return the fields of the first core."""
    fields = {}  # type: Dict[str, str]
    for line in _read(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    return fields


def _model(cpu: Dict[str, str]) -> Optional[str]:
    """Return the CPU's name; 64-bit ARM gives numbers only, which are left as they are."""
    if cpu.get("model name"):
        return cpu["model name"]
    if cpu.get("cpu part"):
        return "ARM {} part {}".format(cpu.get("cpu implementer", "?"), cpu["cpu part"])
    return platform.processor() or None


def _instructions(cpu: Dict[str, str]) -> List[str]:
    flags = set((cpu.get("flags") or cpu.get("features") or "").split())
    if "asimd" in flags:  # 64-bit ARM's word for neon
        flags.add("neon")
    return [name for name in INSTRUCTIONS if name in flags]


def _memory(root: Path) -> Optional[float]:
    found = re.search(r"MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"))
    return round(int(found.group(1)) * 1024 / 1e9, 1) if found else None


def _mhz(root: Path) -> List[float]:
    return [float(mhz) for mhz in re.findall(r"cpu MHz\s*:\s*([\d.]+)", _read(root / "proc/cpuinfo"))]


def _temperatures(root: Path) -> Dict[str, float]:
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    read = {_read(zone / "type") or zone.name: _number(zone / "temp") for zone in zones}
    return {zone: value / 1e3 for zone, value in read.items() if value is not None}
