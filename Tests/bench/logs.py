"""How fast a container may print: 100 MB in lines of 80 bytes, of which both keep the last 30, with Settle and with podman, in
turns; prints medians.

    logs.py SETTLE FOLDER ROUNDS

The clock runs inside the container, from the first line until the last one is in the pipe: whoever reads slowly makes it wait.
For comparison, the same lines into a file.
"""

import json
import os
import shutil
import statistics
import sys
import time

from peers import Pod, Stack, adopt, run

SETTLE, FOLDER, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
LINES = 1_250_000
# No new round begins after this many seconds.
BUDGET = 60
BEGUN = time.monotonic()
GROUP = f"settle-bench-{os.getpid()}"
LINE = "0123456789" * 7 + "012345678"
SCRIPT = f"""now() {{ cut -d ' ' -f 1 /proc/uptime; }}
begin=$(now)
yes {LINE} | head -n {LINES - 1}
echo the last line
echo $begin $(now) > /times.new
mv /times.new /times
exec sleep 1000
"""


def root(folder):
    os.makedirs(f"{folder}/bin")
    for name in ("proc", "dev", "sys", "etc", "run", "tmp"):
        os.makedirs(f"{folder}/{name}")
    shutil.copy("/bin/busybox", f"{folder}/bin/busybox")
    for name in ("sh", "cut", "yes", "head", "mv", "sleep"):
        os.symlink("busybox", f"{folder}/bin/{name}")
    with open(f"{folder}/print", "w") as file:
        file.write(SCRIPT)


def seconds(path):
    """What the container wrote there, once it has."""
    end = time.monotonic() + 60
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise SystemExit(f"{path} does not come")
        time.sleep(0.02)
    with open(path) as file:
        begun, ended = map(float, file.read().split())
    return ended - begun


class Settle(Stack):
    def __init__(self, folder):
        super().__init__(SETTLE, folder, GROUP, (
            f"  loud:\n    rootfs: {folder}/tree\n    command: [sh, /print]\n    network_mode: none\n"
            "    stop_grace_period: 0s\n"))

    def measure(self):
        self.do("up", "-d")
        pid = json.loads(self.do("ps", "--format", "json"))["Pid"]
        return seconds(f"/proc/{pid}/root/times")

    def last(self):
        return self.do("logs", "--no-log-prefix", "-n", "1", "loud")


class Podman(Pod):
    def __init__(self, folder):
        super().__init__(folder, GROUP)
        self.tree = f"{folder}/tree"
        self.start += ["--name", "loud", "--log-driver", "k8s-file", "--log-opt", "max-size=10mb", "--rootfs", self.tree,
                       "sh", "/print"]

    def measure(self):
        self.do(*self.start)
        return seconds(f"{self.tree}/times")

    def last(self):
        return self.do("logs", "--tail", "1", "loud")


def into_a_file(folder):
    os.makedirs(folder)
    begun = time.monotonic()
    run("sh", "-c", f"busybox yes {LINE} | busybox head -n {LINES} > {folder}/lines")
    return time.monotonic() - begun


def measure(tool, turn):
    folder = f"{FOLDER}/logs-{tool.name}-{turn}"
    root(f"{folder}/tree")
    one = tool(folder)
    try:
        took = one.measure()
        if one.last() != "the last line":
            raise SystemExit(f"{tool.name} lost the last line: {one.last()}")
        return took
    finally:
        one.end()


def main():
    adopt()
    tools = [Settle] + ([Podman] if shutil.which("podman") else [])
    times = {}
    for turn in range(ROUNDS):
        if turn and time.monotonic() - BEGUN > BUDGET:
            break
        for number in range(len(tools)):
            tool = tools[(turn + number) % len(tools)]
            times.setdefault(tool.name, []).append(measure(tool, turn))
        times.setdefault("into a file", []).append(into_a_file(f"{FOLDER}/logs-plain-{turn}"))
    medians = {name: statistics.median(row) for name, row in times.items()}
    own = medians["Settle"]
    print(f"\nA container prints 100 MB in lines of 80 bytes, of which the last ones are kept; medians of "
          f"{len(times['Settle'])} in turns.\n")
    print("| | thousand lines per second | / Settle |\n|---|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {LINES / value / 1000:.0f} | {own / value:.2f}x |")


main()
