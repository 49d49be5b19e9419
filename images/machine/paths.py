"""Where things are: the checkout, its build folder, the cache of image parts."""
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
RUN = BUILD / "run"
CACHE = pathlib.Path("/cache")
HYPERVISOR = BUILD / "hypervisor" / "atoll"
IMAGE = BUILD / "atoll.img"
