# SPDX-License-Identifier: Apache-2.0
"""Runs contenders in turn and keeps what each run took: time, processor time, peak memory."""
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
import typing


@dataclasses.dataclass
class Contender:
    name: str
    argv: list
    # Called before each run, outside the clock.
    prepare: typing.Callable[[], None] = lambda: None
    # Called with what the run printed; raises what is wrong with it.
    check: typing.Callable[[str], None] = lambda text: None
    statuses: tuple = (0,)
    # (NAME, FIRST, LAST): beside the whole, the time from the line of its output that begins with FIRST to the one with LAST.
    part: tuple = ()


@dataclasses.dataclass
class Target:
    """At most `limit` of contender `of`, both in `measure`; without `of`, at most `limit` itself, times `scale`."""
    who: str
    measure: str        # wall_s, rss_kb
    of: str = ""
    limit: float = 0
    scale: float = 1
    what: str = ""


class Wrong(Exception):
    """A contender that did not do what it was asked: its time says nothing."""


def run_once(contender, tool, work):
    """TOOL is measure.c's program."""
    contender.prepare()
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TZ": "UTC"}
    taken = os.path.join(work, "taken")
    lines = []
    with subprocess.Popen([tool, taken, *contender.argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, text=True, errors="replace") as process:
        for line in process.stdout:
            lines.append((time.monotonic(), line))
    text = "".join(line for _, line in lines)
    if process.returncode not in contender.statuses:
        raise Wrong(f"{contender.name}: exit {process.returncode}\n{' '.join(contender.argv)}\n{text}")
    contender.check(text)
    with open(taken, encoding="ascii") as file:
        sample = json.load(file)
    if contender.part:
        first, last = (next(when for when, line in lines if line.startswith(start)) for start in contender.part[1:])
        sample["part"] = {"wall_s": last - first}
    return sample


def summary(samples):
    values = {}
    for key in samples[0]:
        column = [sample[key] for sample in samples]
        values[key] = {"min": min(column), "median": statistics.median(column), "max": max(column)}
    return values


def judge(target, contenders):
    mine = contenders[target.who][target.measure]["median"]
    value = mine * target.scale
    if target.of:
        other = contenders[target.of][target.measure]["median"]
        value = mine / other
    what = target.what or f"{target.who} / {target.of}"
    return {"what": what, "measure": target.measure, "value": value, "target": target.limit or None,
            "ok": value <= target.limit if target.limit else None}


def bench(name, contenders, targets, runs, tool, work):
    """One round that is not counted (it fills caches, the page cache among them), then RUNS rounds, A B C A B C."""
    samples = {contender.name: [] for contender in contenders}
    for i in range(runs + 1):
        for contender in contenders:
            sample = run_once(contender, tool, work)
            part = sample.pop("part", None)
            if i > 0:
                samples[contender.name].append(sample)
            if i > 0 and part:
                samples.setdefault(contender.part[0], []).append(part)
        print(f"bench: {name}: {i} of {runs}", file=sys.stderr)
    result = {key: summary(column) for key, column in samples.items()}
    return {"name": name, "runs": runs, "contenders": result, "samples": samples,
            "ratios": [judge(target, result) for target in targets]}


def table(benchmark):
    """What a benchmark found, as lines of text."""
    yield f"{benchmark['name']} ({benchmark['runs']} runs)"
    yield f"  {'':<26}{'min':>9}{'median':>9}{'max':>9}{'user':>9}{'sys':>8}{'peak':>9}"
    for name, values in benchmark["contenders"].items():
        wall = values["wall_s"]
        line = f"  {name:<26}{wall['min']:8.3f}s{wall['median']:8.3f}s{wall['max']:8.3f}s"
        if "user_s" in values:
            line += f"{values['user_s']['median']:8.3f}s{values['sys_s']['median']:7.3f}s{values['rss_kb']['median'] / 1024:6.1f} MiB"
        yield line
    for ratio in benchmark["ratios"]:
        yield f"  {verdict(ratio)}"


def verdict(ratio):
    kind = {"wall_s": "time", "rss_kb": "peak memory"}[ratio["measure"]]
    text = f"{ratio['what']}, {kind}: {ratio['value']:.3g}"
    if ratio["target"] is None:
        return text
    return f"{text} (at most {ratio['target']:g}: {'ok' if ratio['ok'] else 'MISSED'})"
