#!/usr/bin/env python3
"""Carries out tasks of the roundtable node beside it. Python 3.8 or newer, standard library only.

    executors.claim.types of the node: [sleep]
    python3 configs/examples/claim.py sleep
    roundtable submit sleep --key any --payload '{"seconds": 2}'

ROUNDTABLE_URL and ROUNDTABLE_TOKEN say where the node is and how to write to it. SIGTERM ends the program: the task in
its hands is given back. Replace `handle`, and keep its promise: stop when `claim.stop` is set.
"""
import http.client
import json
import os
import queue
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

URL = os.environ.get("ROUNDTABLE_URL", "http://127.0.0.1:7373").rstrip("/")
TOKEN = os.environ.get("ROUNDTABLE_TOKEN")
WAIT_S = 20
# A question that is open when we are told to end may be answered for so long: what the node hands out to nobody is held
# until its lease is over.
LAST_ANSWER_S = 1


class Refused(Exception):
    """The node said no; `code` is one of its error codes."""

    def __init__(self, status, problem):
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.code = problem.get("code")
        self.passes = status >= 500 or status in (408, 429)


def post(path, body, timeout_s):
    headers = {"content-type": "application/json"}
    if TOKEN:
        headers["authorization"] = f"Bearer {TOKEN}"
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    try:
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.load(error)) from None
    except (http.client.HTTPException, ValueError) as error:
        # Half an answer, or one of something else: as good as none, so that whoever waits for it looks at the clock again.
        raise OSError(f"no answer that can be read: {error!r}") from None


class Claim:
    """One task in our hands. `stop` is set when we may not act for it any longer."""

    def __init__(self, task):
        self.task = task
        self.stop = threading.Event()
        self.progress = None
        self.ending = False
        self.lost = False
        self._own = {"attempt": task["attempt"], "token": task["token"]["value"]}
        self._may_act_until(task)
        self._renewing = threading.Thread(target=self._renew_all, daemon=True)
        self._renewing.start()

    def _may_act_until(self, answer):
        # Two clocks, and the earlier counts: one may be set back, the other does not see how long we stood still.
        self._until_wall = answer["actingUntilMs"] / 1000
        self._until = time.monotonic() + answer["actingForMs"] / 1000

    def left_s(self):
        return min(self._until_wall - time.time(), self._until - time.monotonic())

    def _renew_all(self):
        try:
            self._renew_while_held()
        finally:
            self.stop.set()  # whatever has ended it: nobody looks at the clock any more

    def _renew_while_held(self):
        wait_ms = self.task["leaseMs"] // 3
        while not self.ending and not self.stop.is_set():
            if self.left_s() <= 0:
                print(f"late {self.task['task']}: the time to act is over", file=sys.stderr, flush=True)
                return self.stop.set()
            body = {**self._own, "waitMs": wait_ms}
            if self.progress is not None:
                body["progress"] = self.progress
            try:
                answer = self._say("renew", body)
            except Refused as refused:
                if not refused.passes:
                    return self._lose(str(refused))
                time.sleep(0.2)
                continue
            except OSError:
                time.sleep(min(0.2, max(0.0, self.left_s())))
                continue
            if answer["state"] == "held":
                self._may_act_until(answer)
            elif answer["state"] == "cancelled":
                self.stop.set()
            else:
                self._lose(answer.get("reason"))

    def _lose(self, why):
        # What we say ourselves ends the claim, too: a renewal that still waits then hears of it.
        if not self.ending:
            print(f"lost {self.task['task']}: {why}", file=sys.stderr, flush=True)
            self.lost = True
            self.stop.set()

    def _say(self, what, body, least_s=0.05):
        # A request that outlives the time to act would keep us from noticing that it is over.
        return post(f"/v1/claims/{what}/{self.task['claim']}", body, max(least_s, self.left_s()))

    def end(self, what, **said):
        """Tells the node how it ended: `complete`, `fail` or `release`. Returns whether it was heard.

        Said again until it is heard or the time is over, and once after that: one that is given back need not be
        waited for."""
        self.ending = True
        while not self.lost:
            late = self.left_s() <= 0
            try:
                self._say(what, {**self._own, **said}, least_s=2)
                return True
            except Refused as refused:
                if what == "complete" and refused.code in ("BAD_REQUEST", "BODY_TOO_LARGE"):
                    self.end("fail", message=f"the node refused the result: {refused}"[:4000], retryable=False)
                    return False
                if not refused.passes:
                    print(f"{self.task['task']}: {refused}", file=sys.stderr, flush=True)
                    return False
            except OSError as error:
                print(f"{self.task['task']}: {error}", file=sys.stderr, flush=True)
            if late:
                return False
            time.sleep(0.2)
        return False


def handle(task, claim):
    """The work. Whatever it changes outside should carry the fencing token, or be safe to repeat."""
    seconds = task["payload"].get("seconds", 0)
    steps = max(1, round(seconds / 0.05))
    for step in range(steps):
        if claim.stop.wait(seconds / steps):
            raise InterruptedError
        claim.progress = {"fraction": (step + 1) / steps}
    return {"slept": seconds, "attempt": task["attempt"], "token": task["token"]["value"]}


def carry_out(task, ending, over):
    claim = Claim(task)
    ending.append(claim)
    try:
        if over.is_set():
            raise InterruptedError
        result = handle(task, claim)
        json.dumps(result, allow_nan=False)  # what is no JSON is a failure, like any other that `handle` raises
    except InterruptedError:
        claim.end("release")
    except Exception as error:  # whatever the work throws is the end of the attempt, not of this program
        claim.end("fail", message=f"{type(error).__name__}: {error}"[:4000])
    else:
        if claim.end("complete", result=result):
            print(f"done {task['task']}", flush=True)
    ending.remove(claim)


def ask(query, answers):
    """Waits for tasks beside the main thread, which has the signals."""
    try:
        answers.put(post("/v1/claims", query, WAIT_S + 10)["claims"])
    except Exception as error:  # the main thread waits for whatever it is
        answers.put(error)


def main(types):
    ending, over, answers = [], threading.Event(), queue.SimpleQueue()

    def end(*_):
        over.set()
        for claim in list(ending):
            claim.stop.set()
        answers.put(None)  # wakes who waits for an answer

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    query = {"types": types, "client": f"claim.py {os.getpid()}", "waitMs": WAIT_S * 1000}
    while not over.is_set():
        threading.Thread(target=ask, args=(query, answers), daemon=True).start()
        answer = answers.get()
        if answer is None:
            try:
                answer = answers.get(timeout=LAST_ANSWER_S)
            except queue.Empty:
                return
        if isinstance(answer, list):
            for task in answer:
                carry_out(task, ending, over)
        elif isinstance(answer, OSError) or isinstance(answer, Refused) and answer.passes:
            print(f"{URL}: {answer}", file=sys.stderr, flush=True)
            over.wait(1)
        elif isinstance(answer, Refused):
            sys.exit(str(answer))
        elif answer is not None:
            raise answer


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: claim.py TYPE...")
    main(sys.argv[1:])
