"""./check: runs the steps named on the command line, or all, and adds up what passed."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "images" / "machine"))
import build  # noqa: E402

LOGS = TOP / "build" / "check"
FOLDERS = ["hypervisor", "common", "vchan", "xenstore", "toolstack", "policy", "gui-daemon", "guest-agent",
           "servicevm", "images", "tests"]


class Tally:
    """What passed and what failed; each failure is told at once, with where to read more."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def add(self, name, good, hint=""):
        if good:
            self.passed += 1
            return
        self.failed.append(name)
        print(f"  FAILED {name}{': ' + hint if hint else ''}", flush=True)


def sources(*endings):
    return sorted(p for folder in FOLDERS for ending in endings for p in (TOP / folder).rglob("*" + ending))


def run_logged(name, command, **kwargs):
    """Runs a command with its output in build/check/NAME.log; returns status and output."""
    done = subprocess.run([str(c) for c in command], cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **kwargs)
    (LOGS / f"{name}.log").write_text(done.stdout)
    return done.returncode, done.stdout


def check_format(tally, _args):
    for path in sources(".c", ".h"):
        name = path.relative_to(TOP)
        status, output = run_logged("format", ["clang-format-19", "--dry-run", "-Werror", name])
        tally.add(f"format {name}", status == 0, "run: images/enter.sh clang-format-19 -i " + str(name))


def include_flags():
    """The include folders of each top folder, as meson compiles it: a header is held to the same."""
    flags = {}
    for command in json.loads((TOP / "build" / "compile_commands.json").read_text()):
        source = pathlib.Path(command["directory"], command["file"]).resolve()
        try:
            top = source.relative_to(TOP).parts[0]
        except ValueError:
            continue
        words = command["command"].split()
        keep = flags.setdefault(top, [])
        for i, word in enumerate(words):
            if word == "-isystem":
                keep.extend([f for f in (word, words[i + 1]) if f not in keep or f == "-isystem"])
            elif re.match(r"-[ID].", word) and word not in keep and "NDEBUG" not in word:
                keep.append(word)
    return flags


def check_headers(tally, _args):
    flags = include_flags()
    for path in sources(".h"):
        name = path.relative_to(TOP)
        if "#include_next" in path.read_text():
            continue  # it stands before another header of the same name and means nothing without that
        extra = flags.get(name.parts[0], [])
        around = [folder for folder in path.parents if folder != TOP and folder.is_relative_to(TOP)]
        around += [TOP / name.parts[0] / "include", TOP / "common", TOP]
        status, output = run_logged("headers", [
            "gcc", "-std=gnu23", "-fsyntax-only", "-Wall", "-Werror", *[f"-I{folder}" for folder in around],
            *[f.replace("-I", "-I" + str(TOP / "build") + "/", 1) if re.match(r"-I[^/]", f) else f for f in extra],
            "-include", path, "-x", "c", "/dev/null"])
        tally.add(f"header {name} alone", status == 0, next((x for x in output.splitlines() if "error" in x), ""))


def is_shell(path):
    if path.suffix == ".sh":
        return True
    if path.suffix or not path.is_file():
        return False
    with open(path, "rb") as file:
        return re.match(rb"#!/bin/(ba|busybox )?sh", file.readline()) is not None


def check_scripts(tally, _args):
    shells = [TOP / "run", TOP / "check", TOP / ".ci" / "run"]
    shells += [p for f in FOLDERS for p in sorted((TOP / f).rglob("*")) if is_shell(p)]
    for path in shells:
        name = path.relative_to(TOP)
        status, output = run_logged("scripts", ["shellcheck", "-x", "--severity=warning", name])
        tally.add(f"shell {name}", status == 0, next((x for x in output.splitlines() if "SC" in x), ""))
    for path in sources(".py"):
        name = path.relative_to(TOP)
        try:
            compile(path.read_text(), str(name), "exec")
            tally.add(f"python {name}", True)
        except SyntaxError as error:
            tally.add(f"python {name}", False, str(error))


def meson_tests(tally, suites, label):
    """Runs the meson tests of some suites ('!x' leaves x out), one result for each."""
    log = TOP / "build" / "meson-logs" / f"testlog-{label}.json"
    log.unlink(missing_ok=True)
    choice = [a for s in suites for a in (["--no-suite", s[1:]] if s[0] == "!" else ["--suite", s])]
    status, output = run_logged(label, ["meson", "test", "-C", "build", "--print-errorlogs",
                                        "--num-processes", "2", "--logbase", f"testlog-{label}", *choice])
    if "No suitable tests defined" in output or "No tests defined" in output:
        return
    results = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for result in results:
        tally.add(result["name"], result["result"] in ("OK", "EXPECTEDFAIL"),
                  f"{result['result']}; see build/check/{label}.log")
        for line in (result.get("stdout") or "").splitlines():
            if line.startswith("figure: "):
                print("  " + line, flush=True)
    if status and not any(r["result"] not in ("OK", "EXPECTEDFAIL") for r in results):
        tally.add(f"{label} tests", False, f"meson test failed; see build/check/{label}.log")


def check_unit(tally, _args):
    meson_tests(tally, ["!guest", "!long"], "unit")


def check_hypervisor(tally, args):
    meson_tests(tally, ["guest"], "hypervisor")
    if args.long:
        meson_tests(tally, ["long"], "long")


def run_system(args, report):
    report.unlink(missing_ok=True)
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short", f"--junit-xml={report}",
               "tests/system"] + (["--long"] if args.long else [])
    with open(LOGS / "system.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            log.write(line)
            if re.search(r"(PASSED|FAILED|ERROR)\s+\[", line):
                print("  " + line.strip(), flush=True)
        process.wait()


def check_system(tally, args):
    report = LOGS / "system.xml"
    run_system(args, report)
    if not report.exists():
        tally.add("system tests", False, "pytest did not finish; see build/check/system.log")
        return
    results = xml.etree.ElementTree.parse(report)
    for figure in results.iter("property"):
        print(f"  {figure.get('name')}: {figure.get('value')}", flush=True)
    for case in results.iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        tally.add(f"{case.get('name')}", not bad, "see build/check/system.log")


STEPS = {"format": check_format, "headers": check_headers, "scripts": check_scripts, "unit": check_unit,
         "hypervisor": check_hypervisor, "system": check_system}


def main():
    parser = argparse.ArgumentParser(prog="./check", add_help=False)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("steps", nargs="*", metavar="STEP")
    args = parser.parse_args()
    if args.list:
        print("\n".join(STEPS))
        return 0
    unknown = [s for s in args.steps if s not in STEPS]
    if unknown:
        print(f"check: there is no step '{unknown[0]}'; the steps are: {', '.join(STEPS)}", file=sys.stderr)
        return 2

    chosen = args.steps or list(STEPS)
    tally = Tally()
    try:
        if "system" in chosen:
            build.everything()
        else:
            with build.locked():
                build.programs()
        tally.add("build", True)
    except build.BuildError as error:
        tally.add("build", False, str(error))
    LOGS.mkdir(parents=True, exist_ok=True)
    for name in chosen if not tally.failed else []:
        began, before, failed = time.monotonic(), tally.passed, len(tally.failed)
        print(f"check: {name} ...", flush=True)
        STEPS[name](tally, args)
        print(f"check: {name}: {tally.passed - before} passed, {len(tally.failed) - failed} failed, "
              f"{time.monotonic() - began:.0f} s", flush=True)
    build.hand_over()
    for name in tally.failed:
        print(f"FAILED {name}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed", flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    os.umask(0o022)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("check: interrupted", file=sys.stderr)
        sys.exit(130)
