"""How long it takes from an empty store to containers: an image of 100 MB from a registry on this machine, and ten services
that share it, with Settle and with podman, in turns; prints medians.

    cold.py SETTLE FOLDER ROUNDS

Each round has a store of its own, on the same file system, and nothing is removed until the end (see unpack.py).
"""

import glob
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

from layers import LAYERS, archive
from peers import Pod, Stack, adopt, run

SETTLE, FOLDER, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
SERVICES = 10
# No new round begins after this many seconds.
BUDGET = 80
BEGUN = time.monotonic()
GROUP = f"settle-bench-{os.getpid()}"


class Registry:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        with open(f"{FOLDER}/registry.yml", "w") as file:
            file.write(f"version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: error}}\n"
                       f"storage: {{filesystem: {{rootdirectory: {FOLDER}/registry}}}}\nhttp: {{addr: '{self.address}'}}\n")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", f"{FOLDER}/registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, OTEL_TRACES_EXPORTER="none"))
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.address.split(":")[1]))) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit("docker-registry does not come up")


def push(registry):
    """The layers of the unpacking bench, and one with busybox."""
    folder = f"{FOLDER}/layout"
    os.makedirs(f"{folder}/blobs/sha256")

    def keep(data, kind):
        name = hashlib.sha256(data).hexdigest()
        with open(f"{folder}/blobs/sha256/{name}", "wb") as file:
            file.write(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + name, "size": len(data)}

    os.makedirs(f"{FOLDER}/root/bin")
    shutil.copy("/bin/busybox", f"{FOLDER}/root/bin/busybox")
    run("tar", "-C", f"{FOLDER}/root", "-czf", f"{FOLDER}/programs.tar.gz", "bin")
    plain = subprocess.run(["gzip", "-dc", f"{FOLDER}/programs.tar.gz"], check=True, stdout=subprocess.PIPE).stdout
    layers = [(f"{FOLDER}/programs.tar.gz", "sha256:" + hashlib.sha256(plain).hexdigest())]
    layers += [(path + ".gz", diff) for path, diff in (archive(number, FOLDER) for number in range(LAYERS))]
    architecture = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
    config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/busybox", "sleep", "1000"]},
              "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": keep(json.dumps(config).encode(), "config.v1+json"),
                "layers": [keep(open(path, "rb").read(), "layer.v1.tar+gzip") for path, _ in layers]}
    entry = keep(json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": "it"}
    with open(f"{folder}/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    with open(f"{folder}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, file)
    name = f"{registry.address}/it:1"
    run("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}:it", f"docker://{name}")
    return name


class Settle(Stack):
    def __init__(self, image, folder):
        super().__init__(SETTLE, folder, GROUP, "".join(
            f"  s{number}: {{image: \"{image}\", network_mode: none, stop_grace_period: 0s}}\n" for number in range(SERVICES)))

    def pull(self):
        self.do("pull", "-q")

    def first(self):
        self.do("up", "-d", "s0")

    def others(self):
        self.do("up", "-d")

    def check(self):
        """Ten containers stand on one copy of each layer."""
        trees = glob.glob(f"{self.folder}/state/images/layers/*/tree")
        if len(trees) != LAYERS + 1:
            raise SystemExit(f"{len(trees)} unpacked layers, not {LAYERS + 1}")
        rows = [json.loads(line) for line in self.do("ps", "--format", "json").splitlines()]
        places = set()
        for row in rows:
            with open(f"/proc/{row['Pid']}/mountinfo") as file:
                root = next(line for line in file if line.split()[4] == "/")
            places.add(re.sub(".*?(lowerdir.*),upperdir=.*", r"\1", root.strip()))
        if len(rows) != SERVICES or len(places) != 1:
            raise SystemExit(f"{len(rows)} containers on {len(places)} roots")


class Podman(Pod):
    def __init__(self, image, folder):
        super().__init__(folder, GROUP)
        self.image = image
        self.start += ["--pull", "never", image]

    def pull(self):
        self.do("pull", "-q", "--tls-verify=false", self.image)

    def first(self):
        self.do(*self.start)

    def others(self):
        for _ in range(SERVICES - 1):
            self.do(*self.start)

    def check(self):
        if len(self.do("ps", "-q").splitlines()) != SERVICES:
            raise SystemExit("podman: not all containers run")


def measure(times, tool, image, turn):
    folder = f"{FOLDER}/{tool.name}-{turn}"
    os.makedirs(folder)
    subprocess.run(["sync", "-f", FOLDER], check=True)
    time.sleep(1)
    one = tool(image, folder)
    row = []
    begun = time.monotonic()
    try:
        for step in (one.pull, one.first, one.others):
            step()
            row.append((time.monotonic() - begun) * 1000)
        one.check()
    finally:
        one.end()
    times.setdefault(tool.name, []).append(row)


def main():
    adopt()
    tools = [Settle] + ([Podman] if shutil.which("podman") else [])
    registry = Registry()
    times = {}
    try:
        image = push(registry)
        for turn in range(ROUNDS):
            if turn and time.monotonic() - BEGUN > BUDGET:
                break
            for number in range(len(tools)):
                measure(times, tools[(turn + number) % len(tools)], image, turn)
    finally:
        registry.process.kill()
        registry.process.wait()
    count = len(times["Settle"])
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in times.items()}
    print(f"\nFrom an empty store: an image of 100 MB from a registry on this machine; milliseconds from the beginning, medians "
          f"of {count} in turns. Each layer is unpacked once.\n")
    print("| | image is here | first container | ten containers | / Settle |\n|---|---|---|---|---|")
    for name, values in medians.items():
        ratios = " ".join(f"{value / own:.2f}x" for value, own in zip(values, medians["Settle"]))
        print(f"| {name} | {values[0]:.0f} | {values[1]:.0f} | {values[2]:.0f} | {ratios} |")


main()
