#!/bin/bash
# Tests/shop.sh - the sample shop: ordered through its web server, found in its database, whatever dies meanwhile.
# SETTLE: the binary (.build/release/settle).
set -u
cd "$(dirname "$0")/.." || exit 1
binary=$(realpath "${SETTLE:-.build/release/settle}") || exit 1
work=$(mktemp -d /var/tmp/settle-shop.XXXXXX) || exit 1
export SETTLE_STATE_DIR=$work/state SETTLE_RUNTIME_DIR=/run/settle-test/shop SETTLE_CGROUP=settle-test/shop
SHOP_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export SHOP_PORT

settle() { timeout 300 "$binary" "$@"; }
cleanup() {
    settle -p shop down -v -t 1 >/dev/null 2>&1
    rm -rf "$work"
    rmdir /run/settle-test/shop /run/settle-test 2>/dev/null
    rmdir /sys/fs/cgroup/*/settle-test/shop /sys/fs/cgroup/*/settle-test 2>/dev/null
    true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
fail() {
    printf '\nshop: %s\n' "$*" >&2
    settle ps -a >&2
    settle logs -n 5 >&2
    exit 1
}
order() { curl -sSf -m 10 -d "$1" "http://127.0.0.1:$SHOP_PORT/orders"; }
orders() { curl -sSf -m 10 "http://127.0.0.1:$SHOP_PORT/orders"; }
# has ITEM... - asks until all of them are there, for two minutes.
has() {
    local end=$((SECONDS + 120)) text item
    while [ $SECONDS -lt $end ]; do
        text=$(orders 2>/dev/null)
        for item; do case $text in *"\"$item\""*) ;; *) text= ;; esac; done
        [ -n "$text" ] && return 0
        sleep 0.2
    done
    fail "the orders $* are not there: $(orders 2>&1)"
}
# place ITEM - orders it, for two minutes until the shop takes it.
place() {
    local end=$((SECONDS + 120))
    until order "$1" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "nobody takes the order $1: $(order "$1" 2>&1)"
        sleep 0.2
    done
}
pid() { settle ps --format json "$1" | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["Pid"])'; }

# Its own copy: what is made there stays out of the project's folder.
cp -r samples/shop "$work/shop" || exit 1
cd "$work/shop" || exit 1
./root || fail "no root file system"

settle up -d --wait || fail "it does not come up"
settle diff --exit-code || fail "it came up otherwise than described"
order coffee || fail "the first order is refused"
echo
has coffee
settle ps

for service in web app db cache; do
    kill -9 "$(pid "$service")" || fail "$service has no process"
    place "after-$service"
done
has coffee after-web after-app after-db after-cache
echo "each of its containers was killed: no order is lost"

settle restart db || fail "the database does not restart"
place restarted
settle down || fail "it does not go down"
settle up -d || fail "it does not come up again"
has coffee after-db restarted
echo "restarted, down and up: no order is lost"

# A reboot: every process gone, and what was in memory.
for _ in 1 2 3 4 5; do
    # The keeper first or last, somebody may start another one: until nobody is left.
    find /sys/fs/cgroup/*/settle-test/shop -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -9 2>/dev/null
    sleep 0.2
done
while umount -l "$SETTLE_RUNTIME_DIR/shop" 2>/dev/null; do :; done
rm -rf "$SETTLE_RUNTIME_DIR/shop"
settle up -d || fail "it does not come up after a reboot"
has coffee after-db restarted
place rebooted
settle diff --exit-code || fail "after a reboot it is otherwise than described"
echo "everything killed, the runtime folder gone: no order is lost"

settle down -v --verify || fail "something is left"
