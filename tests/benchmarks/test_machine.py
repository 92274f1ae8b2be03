import json
import socket
import subprocess
import sys
import time

import pytest

from benchmarks import machine

X86 = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8480C CPU @ 2.00GHz
cpu MHz\t\t: 2000.5
flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_int8 avx_vnni

processor\t: 1
model name\t: another
cpu MHz\t\t: 1900.0
"""
ARM = """processor\t: 0
Features\t: fp asimd aes asimddp i8mm
CPU implementer\t: 0x41
CPU part\t: 0xd07
"""


def silent(command):
    return ""


@pytest.fixture
def tree(tmp_path):
    def plant(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return plant


def test_an_x86_machine_is_named_after_cpu_cores_used_and_instructions(tree):
    root = tree({"proc/cpuinfo": X86, "proc/meminfo": "MemTotal:       24696372 kB\n"})
    found = machine.describe(4, root, silent)
    assert found["instructions"] == ["amx_int8", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512f", "avx2"]
    assert found["memory_gb"] == 25.3
    assert found["threads"] == 4
    assert machine.name(found) == "intel-xeon-platinum-8480c-4t-amx-int8"


def test_a_board_is_named_after_its_device_tree(tree):
    planted = {
        "proc/cpuinfo": ARM,
        "proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
        "etc/nv_tegra_release": "# R32 (release), REVISION: 7.1\nmore\n",
    }
    found = machine.describe(4, tree(planted), silent)
    assert found["board"] == "NVIDIA Jetson Nano Developer Kit"
    assert found["l4t"] == "# R32 (release), REVISION: 7.1"
    assert found["cpu"] == "ARM 0x41 part 0xd07"
    assert found["instructions"] == ["i8mm", "asimddp", "neon"]
    assert machine.name(found) == "nvidia-jetson-nano-developer-kit-4t-i8mm"


def test_gpus_are_part_of_the_machine(tree):
    found = machine.describe(2, tree({"proc/cpuinfo": X86}), lambda command: "NVIDIA H200\nNVIDIA H200\n\n")
    assert found["gpus"] == ["NVIDIA H200", "NVIDIA H200"]
    assert machine.label(found).endswith("+ NVIDIA H200")
    assert "8480c-nvidia-h200-2t" in machine.name(found)


def test_a_machine_that_tells_nothing_is_still_described(tmp_path):
    found = machine.describe(1, tmp_path, silent)
    assert [found[key] for key in ("board", "l4t", "memory_gb")] == [None] * 3
    assert found["instructions"] == []
    assert "-1t" in machine.name(found)
    assert machine.clocks(tmp_path) == {"mhz": [], "governor": None, "temperatures": {}}


def test_this_machine_is_described_in_json_without_its_host_name():
    found = machine.describe(1)
    assert json.loads(json.dumps(found)) == found
    assert found["cores"] >= 1
    assert socket.gethostname() not in json.dumps([found, machine.name(found)])


@pytest.mark.parametrize("command", [["no-such-command-here"], ["false"]])
def test_a_missing_or_failing_command_says_nothing(command):
    assert machine.ask(command) == ""


def test_a_hanging_command_says_nothing(monkeypatch):
    monkeypatch.setattr(machine, "PATIENCE", 0.05)
    assert machine.ask(["sleep", "5"]) == ""


def test_a_working_command_is_heard():
    assert machine.ask(["echo", "NVIDIA"]) == "NVIDIA\n"


def test_clocks_prefer_what_the_kernel_set_and_leave_out_unreadable_zones(tree):
    planted = {
        "proc/cpuinfo": X86,
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1479000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
        "sys/class/thermal/thermal_zone0/type": "GPU-therm\n",
        "sys/class/thermal/thermal_zone0/temp": "41500\n",
        "sys/class/thermal/thermal_zone1/type": "broken\n",
        "sys/class/thermal/thermal_zone1/temp": "\n",
    }
    expected = {"mhz": [1479.0], "governor": "schedutil", "temperatures": {"GPU-therm": 41.5}}
    assert machine.clocks(tree(planted)) == expected


def test_clocks_fall_back_to_cpuinfo(tree):
    assert machine.clocks(tree({"proc/cpuinfo": X86}))["mhz"] == [2000.5, 1900.0]


def test_the_load_is_a_number_or_unknown(monkeypatch):
    assert machine.load() >= 0
    monkeypatch.delattr(machine.os, "getloadavg")
    assert machine.load() is None


def test_the_peak_memory_is_this_process_s_own(tree):
    assert machine.peak_memory(tree({"proc/self/status": "Name:\tx\nVmHWM:\t    2000 kB\n"})) == 2.048
    assert machine.peak_memory() > 1


def test_no_peak_memory_where_nobody_counts(tmp_path):
    assert machine.peak_memory(tmp_path) is None


CALM = {
    "time": 100.0, "mhz": [3000.0, 3700.0], "load": 0.2, "throttled": 3, "gpus": [],
    "busy": 50.0, "own": 10.0, "stolen": 1.0,
}  # fmt: skip
LATER = {**CALM, "time": 110.0, "busy": 60.0, "own": 19.9}


def test_a_quiet_machine_gives_no_trouble():
    assert machine.trouble(CALM, LATER, 2) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({}, {"mhz": [2900.0, 2000.0]}, "the clock fell from 3700 to 2900 MHz"),
        ({}, {"throttled": 15}, "cores were throttled 12 times"),
        ({"load": 2.9}, {}, "the load was 2.9 on 2 cores before the start"),
        ({}, {"busy": 65.0}, "others used 0.5 of 2 cores meanwhile"),
        ({}, {"stolen": 1.5}, "the host of this virtual machine kept 0.05 cores to itself"),
        ({}, {"gpus": ["1980, 40, 0x0000000000000001", "900, 88, 0x0000000000000020"]}, "GPU 1 is slowed down: 900"),
    ],
)
def test_what_spoils_times_is_told(before, after, sentence):
    (told,) = machine.trouble({**CALM, **before}, {**LATER, **after}, 2)
    assert sentence in told


def test_nothing_is_told_of_what_cannot_be_known():
    unknown = {"mhz": [], "load": None, "throttled": 0, "busy": None, "stolen": None, "gpus": ["[N/A], [N/A], [N/A]"]}
    assert machine.trouble({**CALM, **unknown}, {**LATER, **unknown}, 2) == []


def test_the_state_is_read_from_the_kernel(tree):
    ticks = machine.os.sysconf("SC_CLK_TCK")
    planted = {
        "proc/stat": f"cpu  {ticks} {ticks} {ticks} 99 98 {ticks} {ticks} {7 * ticks} 0 0\n",
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "4\n",
        "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "5\n",
    }
    found = machine.state(tree(planted), lambda command: "1980, 40, 0x1\n\n")
    assert (found["busy"], found["stolen"], found["throttled"], found["gpus"]) == (5.0, 7.0, 9.0, ["1980, 40, 0x1"])


def test_this_machine_s_state_is_json_and_a_busy_neighbour_is_noticed():
    before = machine.state()
    work = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        after = machine.state()
    finally:
        work.kill()
        work.wait()
    assert json.loads(json.dumps(before)) == before
    assert after["busy"] - before["busy"] - (after["own"] - before["own"]) > 0.05
