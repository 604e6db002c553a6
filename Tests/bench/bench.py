"""Measures Settle, the kernel's floor and the peers, interleaved in one run, and prints ratios of medians.

    bench.py SETTLE FOLDER ROUNDS

Times are wall clock in milliseconds, commands included the 1-2 ms that starting a process costs here. They are facts
about this machine in this minute; only the ratios mean anything elsewhere.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time

SETTLE, FOLDER, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
SIZES = (1, 10, 50)
BURST = 20
# No new round begins after this many seconds.
BUDGET = 110
BEGUN = time.monotonic()

ENVIRONMENT = {
    **os.environ,
    "SETTLE_RUNTIME_DIR": f"{FOLDER}/run",
    "SETTLE_STATE_DIR": f"{FOLDER}/state",
    "SETTLE_CGROUP": "settle-bench",
    "NO_COLOR": "1",
}

times = {}


def note(row, milliseconds):
    times.setdefault(row, []).append(milliseconds)


def median(row):
    return statistics.median(times[row]) if row in times else None


def timed(row, *words, accept=(0,), environment=ENVIRONMENT):
    begun = time.monotonic()
    result = subprocess.run(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        timeout=60)
    elapsed = (time.monotonic() - begun) * 1000
    if result.returncode not in accept:
        raise SystemExit(f"{' '.join(words)}: status {result.returncode}\n{result.stderr}")
    if row:
        note(row, elapsed)
    return elapsed


# Stacks


def stack(name, count, root, network="networks: [default]"):
    """A Compose file: COUNT services that sleep, on one network, every tenth depending on the first of its ten."""
    lines = [f"name: {name}", "services:"]
    for number in range(count):
        lines += [f"  s{number:02}:", f"    {root}", "    command: [sleep, '100000']", "    init: true",
                  "    mem_limit: 64m", "    pids_limit: 20", f"    {network}"]
        if number % 10 == 9:
            lines.append(f"    depends_on: [s{number - 9:02}]")
    return "\n".join(lines + ["networks:", "  default: {}", ""])


def write(name, text):
    path = f"{FOLDER}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


def settle(row, path, *words, accept=(0,)):
    return timed(row, SETTLE, "-f", path, *words, accept=accept)


def measure_stack(count):
    path = write(f"{count}.yaml", stack(f"bench{count}", count, "rootfs: host"))
    settle(f"up {count}", path, "up", "-d")
    for command in (("up", "-d"), ("ps",), ("diff", "--exit-code"), ("config", "-q")):
        row = {"up": "no-op up"}.get(command[0], command[0])
        settle(f"{row} {count}", path, *command)
    if count == max(SIZES):
        note("memory", private_memory(f"bench{count}") / count)
    settle(f"down {count}", path, "down", "-t", "0")


def private_memory(project):
    """Private_* of all of Settle's own processes of a project, in MB: smaps_rollup, proc(5)."""
    pids = set()
    for hierarchy in ("unified", "", "memory", "pids"):
        file = f"/sys/fs/cgroup/{hierarchy}/settle-bench/{project}/.supervisor/cgroup.procs"
        if os.path.exists(file):
            pids |= set(open(file).read().split())
    total = 0
    for pid in pids:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Private_"):
                total += int(line.split()[1])
    return total / 1024


# Large files


def large_stack(numbers):
    """Services as people write them: a few variables, a port, a volume, each depending on the one before it."""
    lines = ["services:"]
    for number in numbers:
        lines += [f"  s{number}:", "    image: registry.example/team/app:1.2", "    environment:",
                  *(f"      - KEY_{key}=value-{number}" for key in range(5)), "    ports:",
                  f'      - "{20000 + number}:80"', "    volumes:", f"      - ./data/{number}:/data:ro"]
        if number != numbers[0]:
            lines += ["    depends_on:", f"      - s{number - 1}"]
    return "\n".join(lines) + "\n"


def write_large_files():
    """One file of a thousand services, and one that includes a hundred of ten; for each, all the files it is made of."""
    whole = write("thousand.yaml", large_stack(range(1000)))
    parts = [write(f"part{part}.yaml", large_stack(range(part * 10, part * 10 + 10))) for part in range(100)]
    including = write("include.yaml", "include:\n" + "".join(f"  - {os.path.basename(part)}\n" for part in parts))
    return {"thousand": (whole, [whole]), "include": (including, [including, *parts])}


def measure_large_files(files):
    for row, (path, all_files) in files.items():
        settle(f"config {row}", path, "config", "-q")
        timed(f"events {row}", f"{FOLDER}/events", *all_files)
        # The first docker-compose knows no include, and has nothing to do with an engine here.
        if row == "thousand" and shutil.which("docker-compose") and len(times.get("peer thousand", [])) < 2:
            timed("peer thousand", "docker-compose", "-f", path, "config", "-q", environment=os.environ)


# One container


def measure_burst(row, network):
    """Inside the supervisor: twenty more containers for a stack that is there, and their removal."""
    one = write("one.yaml", stack("burst", 1, "rootfs: host", network))
    many = write("many.yaml", stack("burst", 1 + BURST, "rootfs: host", network))
    settle(None, one, "up", "-d")
    idle = settle(None, one, "up", "-d")
    note(f"start {row}", (settle(None, many, "up", "-d") - idle) / BURST)
    note(f"remove {row}", (settle(None, one, "up", "-d", "--remove-orphans", "-t", "0") - idle) / BURST)
    settle(None, one, "down", "-t", "0")


def measure_floor():
    for count in (1, BURST, max(SIZES)):
        result = subprocess.run(
            [f"{FOLDER}/floor", f"{FOLDER}/containers", "settle-bench-floor", str(count)], check=True,
            capture_output=True, text=True, timeout=60)
        start, remove = (int(word) / 1000 for word in result.stdout.split())
        note(f"floor start {count}", start)
        note(f"floor remove {count}", remove)


# crun


def crun_bundle():
    """A bundle with the limits that the stacks have, a writable root of its own, and /bin/true."""
    if not shutil.which("crun") or not shutil.which("busybox"):
        return None
    bundle = f"{FOLDER}/bundle"
    os.makedirs(f"{bundle}/rootfs/bin")
    for name in ("busybox", "true"):
        shutil.copy(shutil.which("busybox"), f"{bundle}/rootfs/bin/{name}")
    subprocess.run(["crun", "spec"], cwd=bundle, check=True)
    with open(f"{bundle}/config.json") as file:
        config = json.load(file)
    config["process"]["terminal"] = False
    config["process"]["args"] = ["/bin/true"]
    config["linux"]["cgroupsPath"] = "/settle-bench-crun"
    config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}}
    with open(f"{bundle}/config.json", "w") as file:
        json.dump(config, file)
    return bundle


def measure_crun(bundle):
    # crun takes no machine with both kinds of control groups; in a mount namespace of its own it sees only the first.
    hide = "mount -t tmpfs none /sys/fs/cgroup/unified && " if os.path.isdir("/sys/fs/cgroup/unified") else ""
    loop = ("import subprocess, time\nfor number in range(10):\n begun = time.monotonic()\n "
            "subprocess.run(['crun', '--root', '" + FOLDER + "/crun', 'run', '-b', '" + bundle +
            "', f'bench{number}'], check=True, stdin=subprocess.DEVNULL)\n print((time.monotonic() - begun) * 1000)")
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", hide + 'exec python3 -c "$0"', loop], capture_output=True, text=True, timeout=60)
    if result.returncode:
        raise SystemExit(f"crun: {result.stderr}")
    for line in result.stdout.split():
        note("crun run", float(line))


# Compose peers


def peers():
    """Commands of installed peers that can run a stack now, with the commands that make their image."""
    found = {}
    import_image = {"podman-compose": "podman", "docker-compose": "docker"}
    for name, engine in import_image.items():
        if not shutil.which(name) or not shutil.which(engine):
            continue
        root = f"{FOLDER}/image"
        os.makedirs(f"{root}/bin", exist_ok=True)
        shutil.copy(shutil.which("busybox"), f"{root}/bin/sleep")
        image = subprocess.run(
            f"tar -C {root} -c . | {engine} import - settle-bench:1", shell=True, capture_output=True, text=True)
        if image.returncode == 0:
            found[name] = engine
    return found


def measure_peer(name, count):
    path = write(f"peer{count}.yaml", stack(f"bench{count}", count, "image: settle-bench:1"))
    rows = (("up", "up", "-d"), ("no-op up", "up", "-d"), ("ps", "ps"), ("config", "config"), ("down", "down", "-t", "0"))
    for row, *words in rows:
        timed(f"{name} {row} {count}", name, "-f", path, *words, environment=os.environ)


# The table


def number(value):
    return "-" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def ratio(value, other):
    return "-" if value is None or not other else f"{value / other:.2f}x"


def line(*cells):
    print("| " + " | ".join(cells) + " |")


def report(installed):
    rounds = {row: len(values) for row, values in times.items()}
    floor_start, floor_remove = median(f"floor start {BURST}"), median(f"floor remove {BURST}")
    start, remove = median("start inside"), median("remove inside")
    whole = median("up 1") + median("down 1")
    crun = median("crun run")
    print(f"Medians in milliseconds, {os.cpu_count()} processors, Linux {os.uname().release}, measured in turns.\n")
    line("one container", "Settle", "floor", "Settle / floor", "`crun run`", "Settle / crun")
    line(*["---"] * 6)
    line(f"start to exec, inside the supervisor ({BURST} side by side)", number(start), number(floor_start),
         ratio(start, floor_start), "-", "-")
    line("removal, inside the supervisor", number(remove), number(floor_remove), ratio(remove, floor_remove), "-", "-")
    line("whole life, inside the supervisor", number(start + remove), number(floor_start + floor_remove),
         ratio(start + remove, floor_start + floor_remove), number(crun), ratio(start + remove, crun))
    alone = median("floor start 1") + median("floor remove 1")
    bare = median("start without network") + median("remove without network")
    line("the same without a network, as `crun run` is", number(bare), "-", "-", number(crun), ratio(bare, crun))
    line("whole life, `up -d` and `down` of a stack of one", number(whole), number(alone), ratio(whole, alone),
         number(crun), ratio(whole, crun))
    print()
    bare = median("version")
    line("stack", "Settle", "measure", "Settle / measure", *[f"{name} / Settle" for name in installed])
    line(*["---"] * (4 + len(installed)))
    for row in ("up", "no-op up", "ps", "diff", "config", "down"):
        for count in SIZES:
            value = median(f"{row} {count}")
            per = {"up": median(f"floor start {max(SIZES)}"), "down": median(f"floor remove {max(SIZES)}")}.get(row)
            if count == 1 and per:
                per = median(f"floor {'start' if row == 'up' else 'remove'} 1")
            measure = per * count if per else bare
            name = f"floor x {count}: {number(measure)}" if per else f"`settle version`: {number(measure)}"
            others = [ratio(median(f"{peer} {row} {count}"), value) for peer in installed]
            line(f"{row}, {count}", number(value), name, ratio(value, measure), *others)
    print()
    line("`config -q` of a large file", "Settle", "libyaml's events alone", "Settle / libyaml", "docker-compose / Settle")
    line(*["---"] * 5)
    for row, name in (("thousand", "1000 services in one file"), ("include", "100 files of 10, by `include`")):
        value, floor = median(f"config {row}"), median(f"events {row}")
        line(name, number(value), number(floor), ratio(value, floor), ratio(median(f"peer {row}"), value))
    print()
    count = max(SIZES)
    print(f"Memory: {median('memory'):.3f} MB private per container, all of Settle's processes at {count} services.")
    if crun is None:
        print("crun: not installed.")
    for peer in ("podman-compose", "docker-compose"):
        if peer not in installed:
            print(f"{peer}: not installed, or its engine does not run.")
    print(f"Rounds: {min(rounds[f'up {size}'] for size in SIZES)} to {rounds['version']}.")


def main():
    if os.geteuid() != 0:
        raise SystemExit("make bench needs root")
    installed = peers()
    bundle = crun_bundle()
    large_files = write_large_files()
    try:
        for turn in range(ROUNDS):
            if turn and time.monotonic() - BEGUN > BUDGET:
                break
            timed("version", SETTLE, "version")
            measure_large_files(large_files)
            measure_floor()
            measure_burst("inside", "networks: [default]")
            # As crun's: a network namespace with nothing but its loopback.
            measure_burst("without network", "network_mode: none")
            if bundle:
                measure_crun(bundle)
            for count in SIZES:
                measure_stack(count)
            for name in installed:
                # A peer's stacks take seconds each: once, and the large one not at all where that is slow.
                if turn == 0:
                    for count in SIZES[:2]:
                        measure_peer(name, count)
    finally:
        for name in ("burst", *(f"bench{count}" for count in SIZES)):
            subprocess.run([SETTLE, "-p", name, "down", "-v", "-t", "0"], env=ENVIRONMENT, capture_output=True)
        for name, engine in installed.items():
            subprocess.run([engine, "rmi", "-f", "settle-bench:1"], capture_output=True)
    report(installed)


main()
