#!/bin/bash
# Tests/demo.sh - brings the sample stacks up, shows them working, takes them down. Fails with a word about what was not
# as expected. SETTLE: the binary (.build/release/settle).
set -u
cd "$(dirname "$0")/.." || exit 1
binary=$(realpath "${SETTLE:-.build/release/settle}") || exit 1
[ -x "$binary" ] || { echo "$binary is missing: run make build" >&2; exit 1; }
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "demo: settle needs root, and there is no sudo" >&2; exit 1; }
    exec sudo "SETTLE=$binary" "$PWD/Tests/demo.sh"
fi

work=$(mktemp -d /tmp/settle-demo.XXXXXX) || exit 1
ups=()
cleanup() {
    local name
    for name in "${ups[@]}"; do timeout 60 "$binary" -p "$name" down -v -t 1 >/dev/null 2>&1; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }
say() { printf '\n\e[1m%s\e[0m\n' "$*"; }

# settle WORD... - the command, without a word about it.
settle() { timeout 60 "$binary" "$@"; }
# show WORD... - prints the command as a user would type it, and runs it.
show() {
    local word
    printf '\e[2m$\e[0m settle'
    for word; do case $word in *[!A-Za-z0-9_./=:-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done
    echo
    settle "$@" || fail "settle $* ended with status $?"
}
# until_true SECONDS WHAT COMMAND... - waits for the command to succeed.
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited in vain: $what"
        sleep 0.1
    done
}
# same WHAT EXPECTED FOUND
same() {
    [ "$2" = "$3" ] || fail "$1 should be '$2', but is '$3'"
    echo "  $1: ${3:-nothing}"
}

# field SERVICE EXPRESSION - of the service's line of `ps --format json`, as Python sees it.
field() {
    settle ps -a --format json "$1" | python3 -c 'import json, sys; c = json.loads(sys.stdin.readline()); print(eval(sys.argv[1]))' "$2"
}
pid() { field "$1" 'c["Pid"]'; }
page() { curl -sS -m 5 "http://127.0.0.1:$1/"; }
answers() { [ "$(page "$1")" = "$2" ]; }
prints() { settle logs -n 5 "$1" | grep -q "$2"; }
has_ended() { [ "$(field "$1" 'c["State"]')" = exited ]; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# kernel_limit SERVICE - its memory limit as the kernel has it, by v1 or v2.
kernel_limit() {
    local group
    group=$(field "$1" 'c["Cgroup"]')
    cat "/sys/fs/cgroup/memory/$group/memory.limit_in_bytes" "/sys/fs/cgroup/$group/memory.max" 2>/dev/null
}

# sample NAME TITLE - a copy of it under a name of the demo's own, so that neither the repository nor a stack of yours
# changes.
sample() {
    say "== $1: $2"
    cp -r "samples/$1" "$work/$1" && cd "$work/$1" || exit 1
    sed -i "s/^name: .*/name: demo-$1/" compose.yaml
    ups+=("demo-$1")
}
gone() {
    show down -v --verify
    same "what is left of it" "" "$(find "${SETTLE_RUNTIME_DIR:-/run/settle}" "${SETTLE_STATE_DIR:-/var/lib/settle}" /sys/fs/cgroup /run/netns -maxdepth 4 ! -path '*/locks/*' -name "*demo-$1*" 2>/dev/null)"
    cd - >/dev/null || exit 1
}

sample hello "a web server and a client, without an image"
HELLO_PORT=$(free_port)
export HELLO_PORT
show config --services
show up -d
show ps
until_true 10 "the server answers on port $HELLO_PORT" answers "$HELLO_PORT" "$(cat site/index.html)"
same "curl http://127.0.0.1:$HELLO_PORT/" "$(cat site/index.html)" "$(page "$HELLO_PORT")"
until_true 10 "the client reaches the server by its name" prints client Hello
show logs -n 1 client
show diff --exit-code
web=$(pid web)
show up -d
same "after a second up, web's pid" "$web" "$(pid web)"
say "-- a limit is changed in the file"
sed -i 's/mem_limit: 64m/mem_limit: 96m/' compose.yaml
show diff
show up -d
same "web's pid" "$web" "$(pid web)"
same "the kernel's limit" $((96 << 20)) "$(kernel_limit web)"
say "-- a container is killed behind Settle's back"
client=$(pid client)
kill -9 "$client"
until_true 10 "diff shows the drift" bash -c "! '$binary' diff --exit-code"
show diff
show up -d
[ "$(pid client)" != "$client" ] || fail "the client was not started again"
same "web's pid" "$web" "$(pid web)"
show diff --exit-code
gone hello

sample sidecar "services that share a network namespace"
SIDECAR_PORT=$(free_port)
export SIDECAR_PORT
show up -d
until_true 10 "the door lets a visitor in" answers "$SIDECAR_PORT" "$(cat site/index.html)"
same "curl http://127.0.0.1:$SIDECAR_PORT/" "$(cat site/index.html)" "$(page "$SIDECAR_PORT")"
same "door's network namespace is app's" "$(field app 'c["Namespaces"]["net"]')" "$(field door 'c["Namespaces"]["net"]')"
door=$(pid door) app=$(pid app)
show restart -t 2 app
same "door's pid after the restart of app" "$door" "$(pid door)"
[ "$(pid app)" != "$app" ] || fail "app was not restarted"
until_true 10 "the door still lets a visitor in" answers "$SIDECAR_PORT" "$(cat site/index.html)"
gone sidecar

sample limits "a budget, and a change without a restart"
show up -d worker
until_true 10 "the worker works" prints worker step
worker=$(pid worker)
sed -i 's/mem_limit: 64m/mem_limit: 96m/; s/cpus: 0.5/cpus: 1/' compose.yaml
show diff
show up -d worker
same "worker's pid" "$worker" "$(pid worker)"
same "the kernel's limit" $((96 << 20)) "$(kernel_limit worker)"
show up -d greedy
until_true 10 "the kernel stops the greedy one at its limit" has_ended greedy
show ps -a
same "greedy's exit status" 137 "$(field greedy 'c["ExitCode"]')"
same "worker's pid" "$worker" "$(pid worker)"
gone limits

sample dev "a development shell with the source mounted"
show up -d
echo 'in and out and in' >src/words
show exec -T dev sh -c './count.sh <words | head -1'
show exec -T dev sh -c 'pwd; touch /usr/bin/mine /src/made && ls /usr/bin/mine'
[ -e src/made ] || fail "what was written to /src is not in the folder"
[ ! -e /usr/bin/mine ] || fail "what was written to /usr reached this machine"
echo "  /src/made is here, /usr/bin/mine is not"
gone dev

say "All of it works, and nothing is left of it."
