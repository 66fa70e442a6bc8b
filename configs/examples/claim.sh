#!/bin/sh
# Carries out tasks of the roundtable node beside it with a command: payload on its standard input, and what it prints is
# the result. Needs curl, node (to read JSON), and setsid and date as Linux has them.
#
#   executors.claim.types of the node: [upper]
#   configs/examples/claim.sh upper tr a-z A-Z
#   roundtable submit upper --key any --payload '"hello"'
#
# ROUNDTABLE_URL and ROUNDTABLE_TOKEN say where the node is and how to write to it. The command finds the task in
# TASK_ID, TASK_KEY, TASK_ATTEMPT and TASK_TOKEN; it is killed when the task is cancelled or the time to act is over.
set -u
url=${ROUNDTABLE_URL:-http://127.0.0.1:7373}
[ $# -ge 2 ] || { echo 'usage: claim.sh TYPE COMMAND [ARG...]' >&2; exit 64; }
type=$1
shift
files=$(mktemp -d)
child= claim= own=

now_ms() { date +%s%3N; }

# 1500 -> 1.500
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

# post PATH MS, the body on standard input: prints the answer. Fails when the node refuses, or does not answer in time.
post() {
  curl -sS -f --max-time "$(seconds "$2")" -X POST -H 'content-type: application/json' \
    ${ROUNDTABLE_TOKEN:+-H "authorization: Bearer $ROUNDTABLE_TOKEN"} --data-binary @- "$url$1"
}

# field JSON PATH: text as it is, anything else as JSON; nothing where there is nothing.
field() {
  printf '%s' "$1" | node -e '
    const value = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
    const found = process.argv[1].split(".").reduce((part, name) => part?.[name], value)
    process.stdout.write(typeof found === "string" ? found : JSON.stringify(found) ?? "")' "$2"
}

# quote FILE: its text as JSON.
quote() { node -e 'process.stdout.write(JSON.stringify(require("node:fs").readFileSync(0, "utf8")))' <"$1"; }

kill_child() {
  [ -z "$child" ] || kill -KILL -- "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null
}

say() { printf '{%s%s}' "$own" "${2:-}" | post "/v1/claims/$1/$claim" 5000 >/dev/null; }

finish() {
  kill_child
  [ -z "$claim" ] || say release
  rm -rf "$files"
  exit 0
}
trap finish TERM INT

# Until the command ends: renews the claim, and kills the command when it may not act any longer. Says why in `state`.
renew() {
  until=$1
  state=held
  while kill -0 "$child" 2>/dev/null; do
    left=$((until - $(now_ms)))
    if [ "$left" -le 0 ]; then
      state=lost
      kill_child
      return
    fi
    # The answer waits for news, but not for long: the command may be over sooner.
    answer=$(printf '{%s,"waitMs":200}' "$own" | post "/v1/claims/renew/$claim" "$left") || { sleep 0.1; continue; }
    state=$(field "$answer" state)
    if [ "$state" != held ]; then
      kill_child
      return
    fi
    until=$(field "$answer" actingUntilMs)
  done
}

carry_out() {
  TASK_ID=$(field "$1" task) TASK_KEY=$(field "$1" key)
  TASK_ATTEMPT=$(field "$1" attempt) TASK_TOKEN=$(field "$1" token.value)
  export TASK_ID TASK_KEY TASK_ATTEMPT TASK_TOKEN
  own="\"attempt\":$TASK_ATTEMPT,\"token\":\"$TASK_TOKEN\""
  until=$(field "$1" actingUntilMs)
  field "$1" payload >"$files/in"
  shift
  setsid "$@" <"$files/in" >"$files/out" &
  child=$!
  renew "$until"
  wait "$child"
  status=$?
  child=
  case $state in
    cancelled) say release && echo "cancelled $TASK_ID" ;;
    lost) echo "lost $TASK_ID" >&2 ;;
    *)
      if [ "$status" -eq 0 ]; then
        say complete ",\"result\":$(quote "$files/out")" && echo "done $TASK_ID"
      else
        say fail ",\"message\":\"the command ended with $status\""
      fi
      ;;
  esac
  claim=
}

while :; do
  answer=$(printf '{"types":["%s"],"client":"claim.sh %s","waitMs":20000}' "$type" $$ | post /v1/claims 30000) ||
    { sleep 1; continue; }
  claim=$(field "$answer" claims.0.claim)
  [ -z "$claim" ] || carry_out "$(field "$answer" claims.0)" "$@"
done
