"""Settle and podman, each with a store and control groups of its own, for the benches that compare them."""

import ctypes
import glob
import os
import subprocess
import time


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


def adopt():
    """Whoever is left behind below this process becomes its child."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def remove_groups(name):
    """Once those have ended that podman leaves to others to wait for."""
    end = time.monotonic() + 20
    groups = glob.glob(f"/sys/fs/cgroup/{name}") + glob.glob(f"/sys/fs/cgroup/*/{name}")
    while groups and time.monotonic() < end:
        try:
            while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
                pass
        except ChildProcessError:
            pass
        subprocess.run(["find", *groups, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], stderr=subprocess.DEVNULL)
        groups = [group for group in groups if os.path.exists(group)]
        time.sleep(0.02)


class Stack:
    """A stack of Settle's."""

    name = "Settle"

    def __init__(self, settle, folder, group, services):
        self.settle, self.folder, self.group = settle, folder, group
        self.environment = dict(
            os.environ, SETTLE_STATE_DIR=f"{folder}/state", SETTLE_RUNTIME_DIR=f"/run/{group}", SETTLE_CGROUP=group)
        with open(f"{folder}/compose.yaml", "w") as file:
            file.write(f"name: {group}\nservices:\n{services}")

    def do(self, *words):
        try:
            return run(self.settle, *words, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"settle {' '.join(words)}: {error.stderr}") from error

    def end(self):
        self.do("down", "-v", "-t", "0")
        remove_groups(self.group)


class Pod:
    """What podman keeps in one folder."""

    name = "podman"

    def __init__(self, folder, group):
        self.group = f"{group}-podman"
        with open(f"{folder}/containers.conf", "w") as file:
            # Its own limits are more than some machines allow.
            file.write("[containers]\ndefault_ulimits = []\n")
        # crun takes no machine with both kinds of control groups; in a mount namespace of its own it sees only the first.
        hide = "mount -t tmpfs none /sys/fs/cgroup/unified && " if os.path.isdir("/sys/fs/cgroup/unified") else ""
        self.mounts = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", hide + f"touch {folder}/ready && exec sleep 1000"], stdout=subprocess.DEVNULL)
        while not os.path.exists(f"{folder}/ready"):
            time.sleep(0.01)
        # containers-storage would leave its folder mounted on itself.
        self.words = ["nsenter", "-t", str(self.mounts.pid), "-m", "podman", "--root", f"{folder}/root", "--runroot",
                      f"{folder}/run", "--tmpdir", f"{folder}/tmp", "--storage-driver", "overlay", "--storage-opt",
                      "overlay.skip_mount_home=true", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        self.environment = dict(os.environ, CONTAINERS_CONF=f"{folder}/containers.conf")
        self.start = ["run", "-d", "-q", "--network", "none", "--cgroup-parent", f"/{self.group}"]

    def do(self, *words):
        return run(*self.words, *words, env=self.environment)

    def end(self):
        self.do("rm", "-f", "-a", "-t", "0")
        self.mounts.kill()
        self.mounts.wait()
        remove_groups(self.group)
