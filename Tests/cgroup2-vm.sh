#!/bin/bash
# cgroup2-vm.sh - run one command on a real, pure cgroup-v2 Linux kernel.
#
# Boots a throw-away QEMU machine (KVM where a stock guest kernel can use it,
# else TCG) with Debian's cloud kernel.  Its root is this host's root file
# system, read-only through virtiofs, under an overlay in the guest's memory:
# every program, library and build of the host is there at the same path, and
# nothing the command writes reaches the host (but see -w).  All cgroup
# controllers are on the v2 hierarchy at /sys/fs/cgroup.  The command's output
# is streamed, its exit status returned.
#
#   cgroup2-vm.sh [options] [--] command [argument...]
#   cgroup2-vm.sh --prepare          only build the cache (kernel, initramfs)
#   cgroup2-vm.sh --check            0 if the machine can be booted, else 77
#
#   -m MiB      guest memory (1536)           -c N     processors (2)
#   -t SEC      whole-run time limit (120)    -C DIR   working directory (this)
#   -e K=V      environment (repeatable)      -n       a NIC with user-mode net
#   -w DIR      share DIR writable with the host, same path (repeatable)
#   -u USER     run as USER, in a cgroup delegated to it (default: root)
#   -k K=V      more kernel command line      -v       kernel log to stderr
#   -E CMD      shell line run as root first (modules, sysctls, mounts...)
#
# Exit: the command's status (128+N for signal N); 124 time limit; 125 the
# machine did not come up or died; 77 something it needs is missing.
# In the guest: CG2VM=1, $CG2VM_SCRATCH is an empty ext4 on a block device of
# its own (/dev/vda; good as overlay upper and for io.max), /run is a tmpfs.
# Kernel modules load on demand.  CG2VM_CACHE: the cache's folder;
# CG2VM_ACCEL: kvm or tcg; CG2VM_KDIR: an unpacked linux-image package.
# shellcheck disable=SC1007,SC2012,SC2015,SC2016,SC2034,SC2054,SC2086,SC2206,SC2317
set -u
die() { local rc=$1; shift; echo "cgroup2-vm: $*" >&2; exit "$rc"; }
CACHE=${CG2VM_CACHE:-${TMPDIR:-/tmp}/cgroup2-vm-cache}
MEM=1536 CPUS=2 LIMIT=120 CWD=$PWD ENVS=() NET= RW=() USR= KARGS= VERBOSE= MODE=run EARLY=
while [ $# -gt 0 ]; do
  case $1 in
    -m) MEM=$2; shift 2;;   -c) CPUS=$2; shift 2;;  -t) LIMIT=$2; shift 2;;
    -C) CWD=$2; shift 2;;   -e) ENVS+=("$2"); shift 2;;  -n) NET=1; shift;;
    -w) RW+=("$(realpath "$2")") || exit 125; shift 2;;
    -u) USR=$2; shift 2;;   -k) KARGS="$KARGS $2"; shift 2;;  -v) VERBOSE=1; shift;;
    -E) EARLY="$EARLY
$2"; shift 2;;
    --prepare) MODE=prepare; shift;;  --check) MODE=check; shift;;
    -h|--help) sed -n '2,29s/^# \{0,1\}//p' "$0"; exit 0;;
    --) shift; break;;  -*) die 125 "unknown option $1";;  *) break;;
  esac
done

VFSD=
for p in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd "$(command -v virtiofsd)"; do
  [ -n "$p" ] && [ -x "$p" ] && { VFSD=$p; break; }
done
QEMU=$(command -v qemu-system-x86_64)
BB=; for p in /bin/busybox /usr/bin/busybox; do   # a static one
  [ -x "$p" ] && ! ldd "$p" >/dev/null 2>&1 && { BB=$p; break; }; done
[ "$(id -u)" = 0 ] || die 77 "must run as root"
[ -n "$QEMU" ] || die 77 "no qemu-system-x86_64 (apt-get install --no-install-recommends qemu-system-x86)"
[ -n "$VFSD" ] || die 77 "no virtiofsd (part of qemu-system-common, or package virtiofsd)"
[ -n "$BB" ] || die 77 "no static busybox (package busybox-static)"

# --- the cache: kernel, modules with their index, initramfs, scratch disk ---
kdir=${CG2VM_KDIR:-$CACHE/kernel}
prepare() {
  mkdir -p "$CACHE" || return 1
  exec 9>"$CACHE/.lock"; flock 9
  if ! ls "$kdir"/boot/vmlinuz-* >/dev/null 2>&1; then
    local d; d=$(mktemp -d "$CACHE/dl.XXXXXX")
    ( cd "$d" || exit 1
      pkg=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -1)
      [ -n "$pkg" ] && apt-get -q -o APT::Sandbox::User=root download "$pkg" >&2 &&
        dpkg -x ./*.deb "$d/x" ) || { rm -rf "$d"; echo "cgroup2-vm: cannot download a kernel package" >&2; return 1; }
    rm -rf "$kdir"; mv "$d/x" "$kdir"; rm -rf "$d"
  fi
  ver=$(ls "$kdir"/boot/vmlinuz-* | head -1); ver=${ver##*/vmlinuz-}
  local mods="$kdir/lib/modules/$ver"; [ -d "$mods" ] || mods="$kdir/usr/lib/modules/$ver"
  # busybox reads uncompressed modules only
  find "$mods" -name '*.ko.xz' -exec xz -d {} +; find "$mods" -name '*.ko.zst' -exec zstd -q -d --rm {} +
  [ -s "$mods/modules.dep" ] && [ -s "$mods/modules.alias" ] && ! grep -q '\.ko\.[xz]' "$mods/modules.dep" || "$BB" depmod -b "${mods%/lib/modules/*}" "$ver" || return 1
  local stamp="$CACHE/initrd-$ver.gz"
  if [ ! -s "$stamp" ] || [ "$0" -nt "$stamp" ]; then
    local t; t=$(mktemp -d "$CACHE/ird.XXXXXX"); mkdir -p "$t"/{bin,dev,proc,sys,lower,rw,new,m}
    cp "$BB" "$t/bin/busybox"
    # the modules the root needs, in load order, by modules.dep
    local m line done=" " f
    for m in virtio_pci virtio_mmio virtio_blk virtio_console virtiofs overlay; do
      line=$(grep -E "/$m\.ko[^:]*:" "$mods/modules.dep" | head -1); [ -n "$line" ] || continue
      for f in $(echo "${line#*:}" | tr ' ' '\n' | tac) "${line%%:*}"; do
        case $done in *" $f "*) continue;; esac
        done="$done$f "; cp "$mods/$f" "$t/m/"; echo "${f##*/}" >> "$t/m/order"
      done
    done
    guest_init > "$t/init"; chmod 755 "$t/init"
    ( cd "$t" && find . | "$BB" cpio -o -H newc 2>/dev/null | gzip -1 ) > "$stamp.$$" && mv "$stamp.$$" "$stamp"
    rm -rf "$t"
  fi
  # an unpacked vmlinux starts quicker (no decompression under TCG)
  if [ ! -e "$CACHE/vmlinux-$ver" ]; then
    unpack_vmlinux "$kdir/boot/vmlinuz-$ver" "$CACHE/vmlinux-$ver" || cp "$kdir/boot/vmlinuz-$ver" "$CACHE/vmlinux-$ver"
  fi
  if [ ! -s "$CACHE/scratch.img" ]; then
    truncate -s 4G "$CACHE/scratch.$$" &&
    PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -J size=8 -L scratch "$CACHE/scratch.$$" &&
      mv "$CACHE/scratch.$$" "$CACHE/scratch.img" || rm -f "$CACHE/scratch.$$"
  fi
  MODS=$mods; INITRD=$stamp; KERNEL=$CACHE/vmlinux-$ver
  flock -u 9; exec 9>&-
}
unpack_vmlinux() { # bzImage -> ELF, by the offsets of the boot protocol's header
  local ss off len tmp="$2.$$"
  ss=$(od -An -tu1 -j497 -N1 "$1" | tr -d ' '); off=$(od -An -tu4 -j584 -N4 "$1" | tr -d ' '); len=$(od -An -tu4 -j588 -N4 "$1" | tr -d ' ')
  [ "$len" -gt 0 ] 2>/dev/null || return 1
  local c
  for c in "lz4 -dcq -" "zstd -dcq -" "xz -dcq" "gzip -dcq"; do
    command -v "${c%% *}" >/dev/null || continue
    tail -c +$(( (ss + 1) * 512 + off + 1 )) "$1" | head -c "$len" | $c > "$tmp" 2>/dev/null
    [ "$(head -c 4 "$tmp" 2>/dev/null | od -An -tx1 | tr -d ' \n')" = 7f454c46 ] && { mv "$tmp" "$2"; return 0; }
  done
  rm -f "$tmp"; return 1
}
guest_init() { cat <<'INIT'
#!/bin/busybox sh
# first stage: mount the root, then hand over
B=/bin/busybox; PATH=/bin; $B --install -s /bin 2>/dev/null
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
while read -r m; do insmod /m/$m 2>/dev/null; done < /m/order
i=0; until mount -t virtiofs -o ro hostroot /lower 2>/dev/null; do i=$((i+1)); [ $i -gt 200 ] && { echo "cg2vm: no root" > /dev/console; reboot -f; }; usleep 20000; done
mount -t tmpfs -o size=80%,mode=755 tmpfs /rw; mkdir /rw/u /rw/w
mount -t overlay -o lowerdir=/lower,upperdir=/rw/u,workdir=/rw/w overlay /new
mkdir -p /new/dev /new/proc /new/sys /new/run /new/mnt/scratch
mount --move /dev /new/dev; mount --move /proc /new/proc; mount --move /sys /new/sys
mount -t tmpfs -o mode=755 tmpfs /new/run
mkdir -p /new/run/cg2vm; cp /bin/busybox /new/run/cg2vm/busybox
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs -o mode=1777 tmpfs /new/dev/shm
[ -e /new/dev/fd ] || { ln -s /proc/self/fd /new/dev/fd; ln -s fd/0 /new/dev/stdin; ln -s fd/1 /new/dev/stdout; ln -s fd/2 /new/dev/stderr; }
cp /job/* /new/run/cg2vm/
exec switch_root /new /run/cg2vm/busybox sh /run/cg2vm/stage2
INIT
}
stage2() { cat <<'S2'
# second stage, PID 1 on the final root
D=/run/cg2vm; B=$D/busybox; PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for p in /sys/class/virtio-ports/*; do read -r n < $p/name; ln -s /dev/${p##*/} $D/port.$n; done
. $D/conf
# modules are loaded on demand, from a root of their own (no mount under /usr)
R=$D/modroot; $B mkdir -p $R/lib/modules/$KVER $R/proc; $B cp $B $R/; $B mount --bind "$MODS" $R/lib/modules/$KVER; $B mount -t proc proc $R/proc
printf '#!%s sh\nexec %s chroot %s /busybox modprobe "$@"\n' $B $B $R > $D/modprobe; $B chmod 755 $D/modprobe
echo $D/modprobe > /proc/sys/kernel/modprobe
modprobe() { $D/modprobe "$@"; }
$B mount -t cgroup2 -o nsdelegate,memory_recursiveprot none /sys/fs/cgroup
for c in $($B cat /sys/fs/cgroup/cgroup.controllers); do echo +$c > /sys/fs/cgroup/cgroup.subtree_control; done
$B mkdir /sys/fs/cgroup/init.scope /sys/fs/cgroup/job.scope; echo 1 > /sys/fs/cgroup/init.scope/cgroup.procs
$B mount -t bpf none /sys/fs/bpf 2>/dev/null; $B mount -t tracefs none /sys/kernel/tracing 2>/dev/null
$B mount -t ext4 -o noatime /dev/vda /mnt/scratch 2>/dev/null && $B chmod 1777 /mnt/scratch
$B hostname cg2vm; $B ip link set lo up
[ -n "$NET" ] && { modprobe virtio_net; $B ip addr add 10.0.2.15/24 dev eth0; $B ip link set eth0 up; $B ip route add default via 10.0.2.2; echo nameserver 10.0.2.3 > /etc/resolv.conf; }
i=0; for d in $RWTAGS; do eval "p=\$RW_$i"; $B mkdir -p "$p"; $B mount -t virtiofs $d "$p" || echo "cg2vm: cannot share $p" > /dev/console; i=$((i+1)); done
[ -s $D/early ] && ( . $D/early ) > $D/early.out 2>&1
exec 3> $D/port.out 4> $D/port.err 5> $D/port.rc
echo up >&5
[ -s $D/early.out ] && $B cat $D/early.out >&4
$B mkfifo $D/o $D/e
$B cat $D/o >&3 & co=$!
$B cat $D/e >&4 & ce=$!
exec 3>&- 4>&-
CG=/sys/fs/cgroup/job.scope
if [ -n "$USR" ]; then   # what a desktop or server distribution gives its users
  modprobe -a tun fuse 2>/dev/null; $B chmod 666 /dev/net/tun /dev/fuse 2>/dev/null
  u=$($B id -u "$USR"); g=$($B id -g "$USR"); $B chown $u:$g $CG $CG/cgroup.procs $CG/cgroup.subtree_control $CG/cgroup.threads
  $B mkdir -p -m 700 /run/user/$u; $B chown $u:$g /run/user/$u
fi
$B sh -c 'echo 0 > '$CG'/cgroup.procs; exec '$B' setsid /bin/bash '$D/cmd < /dev/null > $D/o 2> $D/e 5>&- &
c=$!; wait $c; rc=$?
# the output's readers end with the last writer; a left-over background process must not hold us
( $B usleep 1500000; $B kill $co $ce 2>/dev/null ) & k=$!
wait $co; wait $ce; $B kill $k 2>/dev/null
echo rc=$rc >&5
[ -n "$RWTAGS" ] && $B sync
exec $B reboot -f
S2
}
prepare || die 77 "the cache in $CACHE could not be built"
ACCEL=${CG2VM_ACCEL:-}
if [ -z "$ACCEL" ]; then  # kvm_pvm runs only kernels built for it
  if [ -w /dev/kvm ] && [ ! -d /sys/module/kvm_pvm ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then ACCEL=kvm; else ACCEL=tcg; fi
fi
[ "$MODE" = prepare ] && { echo "kernel $ver, accelerator $ACCEL, cache $CACHE" >&2; exit 0; }
[ "$MODE" = check ] && exit 0
[ $# -gt 0 ] || die 125 "no command"

# --- one run ---
W=$(mktemp -d "${TMPDIR:-/tmp}/cg2vm.XXXXXX") || exit 125
PIDS=()
cleanup() { local p; for p in ${PIDS[@]+"${PIDS[@]}"}; do kill "$p" 2>/dev/null; done
  rm -f "$W"/job/* "$W"/* 2>/dev/null; rmdir "$W"/root/* "$W"/root "$W"/job "$W" 2>/dev/null; }  # never rm -r: the root is bound below
trap cleanup EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP
mkdir "$W/job" "$W/root"
{
  sq() { printf "'%s'" "${1//\'/\'\\\'\'}"; }
  echo "KVER=$ver MODS=$(sq "$MODS") NET=$NET USR=$(sq "$USR")"
  tags=; i=0; for d in ${RW[@]+"${RW[@]}"}; do tags="$tags rw$i"; echo "RW_$i=$(sq "$d")"; i=$((i+1)); done
  echo "RWTAGS=$(sq "$tags")"
} > "$W/job/conf"
printf '%s\n' "$EARLY" > "$W/job/early"; [ -n "$EARLY" ] || : > "$W/job/early"
{ echo "export PATH=$(sq "$PATH") HOME=$(sq "${HOME:-/root}") LANG=$(sq "${LANG:-C.UTF-8}") CG2VM=1 CG2VM_SCRATCH=/mnt/scratch"
  for e in ${ENVS[@]+"${ENVS[@]}"}; do echo "export ${e%%=*}=$(sq "${e#*=}")"; done
  [ -n "$USR" ] && { h=$(getent passwd "$USR" | cut -d: -f6); echo "export HOME=$(sq "${h:-/}") USER=$(sq "$USR") XDG_RUNTIME_DIR=/run/user/$(id -u "$USR")"; }
  echo "cd $(sq "$CWD") || exit 125"
  printf 'exec'; [ -n "$USR" ] && printf ' setpriv --reuid=%s --regid=%s --init-groups --inh-caps=-all' "$(sq "$USR")" "$(id -g "$USR")"
  for a in "$@"; do printf ' %s' "$(sq "$a")"; done; echo
} > "$W/job/cmd"
stage2 > "$W/job/stage2"

share() { # socket, folder, [ro]: a file server that sees that folder's file system only
  local opts="-o cache=auto -o xattr -o sandbox=chroot"; [ "${3:-}" = ro ] && opts="-o cache=always -o xattr -o sandbox=chroot"
  local dst="$W/root/${1##*/}"; mkdir -p "$dst"
  unshare --mount --propagation private sh -c '
    mount --bind "$1" "$2" && { [ -z "$3" ] || mount -o remount,bind,ro "$2"; } || exit 1
    shift 3; exec "$@"' sh "$2" "$dst" "${3:-}" \
    "$VFSD" --socket-path="$1" -o source="$dst" $opts --rlimit-nofile=0 --thread-pool-size=0 >"$W/log.${1##*/}" 2>&1 &
  PIDS+=($!)
}
adddev() { DEV+=(-chardev "socket,id=$2,path=$1" -device "vhost-user-fs-pci,chardev=$2,tag=$3,queue-size=512"); }
( cd "$W" && find job | "$BB" cpio -o -H newc 2>/dev/null | gzip -1 | cat "$INITRD" - > "$W/initrd" )
LOGL=3; [ -n "$VERBOSE" ] && LOGL=7
CPU=max,la57=off; [ "$ACCEL" = kvm ] && CPU=host
MACH=${CG2VM_MACHINE:-q35}
NIC=(); [ -n "$NET" ] && NIC=(-netdev user,id=n0 -device virtio-net-pci,netdev=n0,romfile=)
DRV=(); [ -s "$CACHE/scratch.img" ] && DRV=(-drive "file=$CACHE/scratch.img,format=raw,if=none,id=d0,snapshot=on,discard=unmap" -device virtio-blk-pci,drive=d0)
BOOT=${CG2VM_BOOT:-25}   # seconds a start may take
for try in 1 2 3; do
  DEV=(); rm -f "$W"/s.* "$W/rc" "$W/out" "$W/err"
  share "$W/s.root" / ro; adddev "$W/s.root" croot hostroot
  i=0; for d in ${RW[@]+"${RW[@]}"}; do share "$W/s.rw$i" "$d"; adddev "$W/s.rw$i" "crw$i" "rw$i"; i=$((i+1)); done
  for s in $(seq 0 200); do
    ok=1; for p in "$W/s.root" $(i=0; for d in ${RW[@]+"${RW[@]}"}; do echo "$W/s.rw$i"; i=$((i+1)); done); do [ -S "$p" ] || ok=; done
    [ -n "$ok" ] && break; sleep 0.02
  done
  [ -n "$ok" ] || { cat "$W"/log.* >&2; die 125 "virtiofsd did not start"; }
  mkfifo "$W/out" "$W/err"
  cat "$W/out" & co=$!
  cat "$W/err" >&2 & ce=$!
  TMPDIR=$W timeout -k 3 "$LIMIT" "$QEMU" -M "$MACH,memory-backend=mem" -accel "$ACCEL$([ "$ACCEL" = tcg ] && echo ,thread=multi,tb-size=256)" -cpu "$CPU" -smp "$CPUS" -m "$MEM" \
  -object "memory-backend-memfd,id=mem,size=${MEM}M,share=on" -nodefaults -no-user-config -display none -no-reboot \
  -kernel "$KERNEL" -initrd "$W/initrd" \
  -append "console=ttyS0 quiet loglevel=$LOGL panic=-1 nokaslr mitigations=off cgroup_no_v1=all swapaccount=1 random.trust_cpu=on clearcpuid=141 no_timer_check rcupdate.rcu_expedited=1 reboot=t$KARGS" \
  -chardev "file,id=con,path=$W/console" -serial chardev:con \
  -device virtio-serial-pci,max_ports=8 \
  -chardev "file,id=out,path=$W/out" -device virtserialport,chardev=out,name=out \
  -chardev "file,id=err,path=$W/err" -device virtserialport,chardev=err,name=err \
  -chardev "file,id=rc,path=$W/rc" -device virtserialport,chardev=rc,name=rc \
  ${DRV[@]+"${DRV[@]}"} ${NIC[@]+"${NIC[@]}"} "${DEV[@]}" </dev/null >"$W/qemu.log" 2>&1 &
  qp=$!; PIDS+=($qp)
  # a machine that has not come up in time is started afresh (nothing ran in it yet)
  ( i=0; while [ $i -lt $((BOOT * 10)) ]; do [ -s "$W/rc" ] && exit 0; sleep 0.1; i=$((i+1)); done; : > "$W/stuck"; kill $qp 2>/dev/null ) & wd=$!
  wait $qp; qrc=$?; kill $wd 2>/dev/null; wait $wd 2>/dev/null
  # the readers end with qemu; had it never opened their pipes, end them
  [ -s "$W/rc" ] || kill $co $ce 2>/dev/null
  wait $co $ce 2>/dev/null
  [ -n "$VERBOSE" ] && cat "$W/console" >&2
  r=$(sed -n 's/^rc=//p' "$W/rc" 2>/dev/null | tr -cd 0-9); [ -n "$r" ] && exit "$r"
  [ -e "$W/stuck" ] && { rm -f "$W/stuck"; [ "$try" -lt 3 ] && continue; break; }
  { [ $qrc = 124 ] || [ $qrc = 137 ]; } && die 124 "time limit of $LIMIT s"
  break
done
{ tail -n 30 "$W/console" 2>/dev/null; cat "$W/qemu.log" "$W"/log.*; } >&2
die 125 "the machine ended without a result (qemu status $qrc)"
