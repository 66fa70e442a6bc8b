#!/bin/sh
# Carries out tasks of the roundtable node beside it with a command: payload on its standard input, and what it prints is
# the result. Needs curl, node (to read JSON), and setsid, date and /proc as Linux has them.
#
#   executors.claim.types of the node: [upper]
#   configs/examples/claim.sh upper tr a-z A-Z
#   roundtable submit upper --key any --payload '"hello"'
#
# ROUNDTABLE_URL and ROUNDTABLE_TOKEN say where the node is and how to write to it. The command finds the task in
# TASK_ID, TASK_KEY, TASK_ATTEMPT and TASK_TOKEN; it is killed when the task is cancelled or the time to act is over. Nobody
# is left to do that after kill -9 of this script: what the command changes outside should carry TASK_TOKEN.
set -u
url=${ROUNDTABLE_URL:-http://127.0.0.1:7373}
[ $# -ge 2 ] || { echo 'usage: claim.sh TYPE COMMAND [ARG...]' >&2; exit 64; }
type=$1
shift
files=$(mktemp -d)
child='' poll='' claim='' own=''

now_ms() { date +%s%3N; }

# On a clock that nobody sets, whole hundredths of a second: 12.07 -> 12070
up_ms() { IFS=' .' read -r s cs _ </proc/uptime && echo $((s * 1000 + (1$cs - 100) * 10)); }

# acts_until WALL_MS SPAN_MS, or no time at all. Two clocks, and the earlier counts: one may be set back, the other does not
# see how long we stood still between an answer and its reading.
acts_until() { until=${1:-0} end=$(($(up_ms) + ${2:-0})); }

left_ms() {
  wall=$((until - $(now_ms))) up=$((end - $(up_ms)))
  echo $((wall < up ? wall : up))
}

# 1500 -> 1.500
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

# post PATH MS, the body on standard input: prints the answer. Fails when the node refuses, or does not answer in time.
# Always the end of a pipe, and so a process of its own, which becomes curl: whoever kills it has ended the request.
post() {
  exec curl -sS --fail-with-body --max-time "$(seconds "$2")" -X POST -H 'content-type: application/json' \
    ${ROUNDTABLE_TOKEN:+-H "authorization: Bearer $ROUNDTABLE_TOKEN"} --data-binary @- "$url$1"
}

# The first claim of an answer on standard input: payload and key into files, all that has no spaces on one line.
read_claim() {
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs")
    const [claim] = JSON.parse(readFileSync(0, "utf8")).claims
    if (claim === undefined) process.exit(0)
    const { payload, key, task, attempt, token, actingUntilMs, actingForMs } = claim
    writeFileSync(`${process.argv[1]}/in`, typeof payload === "string" ? payload : JSON.stringify(payload))
    writeFileSync(`${process.argv[1]}/key`, key)
    console.log(claim.claim, attempt, token.value, actingUntilMs, Math.floor(actingForMs), task)' "$files"
}

# A text on standard input as JSON.
quote() { node -e 'process.stdout.write(JSON.stringify(require("node:fs").readFileSync(0, "utf8")))'; }

kill_child() {
  [ -z "$child" ] || kill -s KILL -- "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null
}

# say WHAT [FIELDS]: how it ended. Shows why when the node does not want to hear it.
say() {
  heard=$(printf '{%s%s}' "$own" "${2:-}" | post "/v1/claims/$1/$claim" 5000) || { echo "$1 $TASK_ID: $heard" >&2; return 1; }
}

# The claim of the last answer, if there is one; its answer is used up.
take() {
  IFS=' ' read -r claim TASK_ATTEMPT TASK_TOKEN until span TASK_ID <<END
$(read_claim <"$files/answer")
END
  [ -z "$claim" ] || acts_until "$until" "$span"
  own="\"attempt\":$TASK_ATTEMPT,\"token\":\"$TASK_TOKEN\""
  : >"$files/answer"
}

# A claim may be on its way, or be here and not begun: the node would wait for it until its lease ends.
finish() {
  trap '' TERM INT
  if [ -n "$poll" ]; then
    { sleep 1; kill "$poll"; } >/dev/null 2>&1 &
    wait "$poll"
    kill $! 2>/dev/null
  fi
  kill_child
  case $(cat "$files/answer" 2>/dev/null) in *'"claims":['*) take ;; esac
  [ -z "$claim" ] || say release
  rm -rf "$files"
  exit "${1:-0}"
}
trap finish TERM INT

# Until the command ends: renews the claim, and kills the command when it may not act any longer. Says why in `state`.
renew() {
  state=held
  while kill -0 "$child" 2>/dev/null; do
    left=$(left_ms)
    if [ "$left" -le 0 ]; then
      state=late
      kill_child
      return
    fi
    # The answer waits for news, but not for long: the command may be over sooner.
    answer=$(printf '{%s,"waitMs":500}' "$own" | post "/v1/claims/renew/$claim" "$left") || { sleep 0.1; continue; }
    state=$(printf '%s' "$answer" | sed -n 's/.*"state":"\([a-z]*\)".*/\1/p')
    if [ "$state" != held ]; then
      kill_child
      return
    fi
    acts_until $(printf '%s' "$answer" | sed -n 's/.*"actingUntilMs":\([0-9]*\).*"actingForMs":\([0-9]*\).*/\1 \2/p')
  done
}

carry_out() {
  TASK_KEY=$(cat "$files/key")
  export TASK_ID TASK_KEY TASK_ATTEMPT TASK_TOKEN
  setsid "$@" <"$files/in" >"$files/out" &
  child=$!
  renew
  wait "$child"
  status=$?
  child=''
  case $state in
    cancelled) say release && echo "cancelled $TASK_ID" ;;
    lost) echo "lost $TASK_ID" >&2 ;;
    # The node knows best whether it is over; what is given back need not be waited for.
    late) echo "late $TASK_ID: the time to act is over" >&2; say release ;;
    *)
      if [ "$status" -eq 0 ]; then
        say complete ",\"result\":$(quote <"$files/out")" && echo "done $TASK_ID"
      else
        say fail ",\"message\":\"the command ended with $status\""
      fi
      ;;
  esac
  claim=''
}

while :; do
  # In the background, so that a signal need not wait for the answer.
  printf '{"types":["%s"],"client":"claim.sh %s","waitMs":20000}' "$type" $$ | post /v1/claims 30000 >"$files/answer" &
  poll=$!
  wait "$poll" || {
    poll=''
    cat "$files/answer" >&2
    echo >&2
    # What asking again cannot mend: no such type, no such token.
    case $(cat "$files/answer") in *'"status":400,'* | *'"status":401,'* | *'"status":403,'*) finish 1 ;; esac
    sleep 1
    continue
  }
  poll=''
  take
  [ -z "$claim" ] || carry_out "$@"
done
