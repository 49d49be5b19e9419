"""./run before it starts anything: wrong input costs no time."""
import subprocess

import paths


def run(*arguments):
    return subprocess.run([paths.TOP / "run", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def test_missing_script_is_told_before_anything_is_built():
    done = run("--headless", "--exec", "/nowhere/script.sh")
    assert done.returncode == 1
    assert done.stderr.startswith("run: there is no script '/nowhere/script.sh' that can be read")
    assert len(done.stderr.splitlines()) == 1


def test_help_needs_no_build_root():
    assert "--exec FILE" in run("--help").stdout
