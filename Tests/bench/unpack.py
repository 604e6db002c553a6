"""Unpacks an image of 100 MB in five layers with Settle, umoci and tar, in turns, and prints medians.

    unpack.py SETTLE FOLDER ROUNDS

Before each the disk is brought to rest, since it, and not any of these programs, decides most of the time otherwise. And
nothing is removed until the end: for a minute ext4 looks at each inode that has been freed before it gives out another
(`recently_deleted`), so that whoever comes after a removal pays for it, a millisecond for each file.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

from layers import FILES, LAYERS, archive

SETTLE, FOLDER, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
# No new round begins after this many seconds.
BUDGET = 60
BEGUN = time.monotonic()


def unpack_settle(layers, store):
    """Every layer in a process of its own, all at once, as `settle pull` does; they say when a layer is there."""
    talks = []
    for path, diff in layers:
        ours, its = socket.socketpair()
        blob = os.open(path + ".gz", os.O_RDONLY)

        def enter(blob=blob, its=its):
            os.dup2(blob, 50)
            os.dup2(its.fileno(), 51)
            os.dup2(50, 3)
            os.dup2(51, 4)

        request = {"store": store, "source": {"path": path + ".gz", "diffID": diff}}
        process = subprocess.Popen(
            ["settle", "unpack-layer", json.dumps(request)], executable=SETTLE, preexec_fn=enter, close_fds=False,
            stdin=subprocess.DEVNULL)
        its.close()
        os.close(blob)
        talks.append((ours, process))
    for ours, _ in talks:
        # Not its end: the process lives on until everything is on the disk.
        last = next((line for line in ours.makefile() if '"read":' not in line), "")
        if '"layer":' not in last:
            raise SystemExit(f"settle: {last}")
    return [process for _, process in talks]


def tar_one_by_one(layers, folder):
    for path, _ in layers:
        subprocess.run(["tar", "-xzf", path + ".gz", "-C", folder], check=True)


def tar_at_once(layers, folder):
    processes = [subprocess.Popen(["tar", "-xzf", path + ".gz", "-C", folder]) for path, _ in layers]
    if any(process.wait() for process in processes):
        raise SystemExit("tar failed")


def measure(times, name, work):
    subprocess.run(["sync", "-f", FOLDER], check=True)
    time.sleep(1)
    folder = f"{FOLDER}/out{len(times.get(name, []))}-{name}"
    os.makedirs(folder)
    begun = time.monotonic()
    rest = work(folder)
    times.setdefault(name, []).append((time.monotonic() - begun) * 1000)
    # Settle's go on, until everything is on the disk, after whoever waits for the layers has them.
    for process in rest or []:
        process.wait()


def main():
    layers = [archive(number, FOLDER) for number in range(LAYERS)]
    size = sum(os.path.getsize(path) for path, _ in layers) / 1e6
    has_umoci = shutil.which("umoci") is not None
    if has_umoci:
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["umoci", "init", "--layout", f"{FOLDER}/oci"], **quiet)
        subprocess.run(["umoci", "new", "--image", f"{FOLDER}/oci:it"], **quiet)
        for path, _ in layers:
            subprocess.run(["umoci", "raw", "add-layer", "--image", f"{FOLDER}/oci:it", path], **quiet)
    times = {}
    works = [
        ("settle", lambda folder: unpack_settle(layers, folder + "/store")),
        ("tar -xz, one by one", lambda folder: tar_one_by_one(layers, folder)),
        ("tar -xz, all at once", lambda folder: tar_at_once(layers, folder)),
    ]
    if has_umoci:
        works.append(("umoci unpack", lambda folder: subprocess.run(
            ["umoci", "unpack", "--image", f"{FOLDER}/oci:it", folder + "/bundle"], **quiet) and None))
    for turn in range(ROUNDS):
        if turn and time.monotonic() - BEGUN > BUDGET:
            break
        # Nobody is always the one who comes after the slowest.
        for number in range(len(works)):
            measure(times, *works[(turn + number) % len(works)])
    settle = statistics.median(times["settle"])
    print(f"\nUnpacking {LAYERS} layers, {size:.0f} MB and {LAYERS * (FILES + 1)} files; medians of {len(times['settle'])} in turns.\n")
    print("| | milliseconds | / Settle |\n|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f}) "
              f"| {statistics.median(values) / settle:.2f}x |")


main()
