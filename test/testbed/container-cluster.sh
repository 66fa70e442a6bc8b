#!/bin/sh
# Three containers of an image, each in a network namespace of its own, must form a cluster: members seen from inside, the
# image's own HEALTHCHECK command run in one, one stopped as an orchestrator stops it (SIGTERM) and seen as having left.
#   container-cluster.sh IMAGE      (root; podman and runc; the image comes from dockerfile-check.sh FOLDER -t IMAGE --no-run)
# Made for sandboxes: runc, host cgroups, lowered limits, no healthcheck timer. Removes what it started.
set -eu
image=${1:?image}
here=$(cd "$(dirname "$0")" && pwd)
store=${TESTBED_STORE:-${TMPDIR:-/tmp}/testbed-images}
P() { podman --root "$store/root" --runroot "$store/run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none --runtime runc "$@"; }
names="rt-tb1 rt-tb2 rt-tb3"
cleanup() { for n in $names; do P rm -f -v -t 0 "$n" >/dev/null 2>&1 || true; done; "$here/netns-down.sh" >/dev/null 2>&1 || true; }
trap cleanup EXIT
fail() { echo "FAILED: $*" >&2; for n in $names; do echo "-- $n" >&2; P logs "$n" 2>&1 | tail -15 >&2 || true; done; exit 1; }
# member states as one container sees them, sorted: "alive alive alive"
seen() { P exec "$1" roundtable members --json 2>/dev/null | grep -oE '"opinion": ?"[a-z]+"' | grep -oE '[a-z]+"$' | tr -d '"' | sort | tr '\n' ' '; }
await() { # container expected seconds
  t=0; while [ "$(seen "$1")" != "$2 " ]; do t=$((t + 1)); [ "$t" -le "$((5 * $3))" ] || fail "$1 sees $(seen "$1")instead of $2"; sleep 0.2; done; }

cleanup
"$here/netns-up.sh" 3 >/dev/null
for i in 1 2 3; do
  P run -d --name "rt-tb$i" --network "ns:/run/netns/tb$i" --no-healthcheck --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 \
    -e NODE_ID="node$i" -e ROUNDTABLE_SEEDS=10.77.0.1,10.77.0.2 "$image" >/dev/null
done
for n in $names; do await "$n" "alive alive alive" 20; done
echo "ok: three containers, each sees three members alive"
first=$(P exec rt-tb2 readlink /proc/1/exe)
[ "$(basename "$first")" = node ] || fail "process 1 is $first, not the daemon"
echo "ok: process 1 is the daemon ($first), uid $(P exec rt-tb2 stat -c %u /proc/1)"
check=$(P image inspect --format '{{range .HealthCheck.Test}}{{.}} {{end}}' "$image")
# shellcheck disable=SC2086
P exec rt-tb1 ${check#CMD } >/dev/null || fail "HEALTHCHECK ($check) in a running container"
echo "ok: HEALTHCHECK (${check% })"
P stop -t 20 rt-tb3 >/dev/null
await rt-tb1 "alive alive left" 5
code=$(P inspect --format '{{.State.ExitCode}}' rt-tb3)
[ "$code" = 0 ] || fail "the stopped container ended with $code"
echo "ok: a stopped container is seen as having left, and ended with 0"
