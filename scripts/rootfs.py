#!/usr/bin/env python3
"""Writes the file system of a container to the standard output, as a tar archive.

It holds the given files, the shared libraries of those that are programs, and next to
nothing else: no shell, no package manager. The same files make the same archive.

Usage: rootfs.py [--python VENV_PYTHON PACKAGE[,PACKAGE...]] SOURCE[=PLACE]...

A SOURCE goes to PLACE, or else to where it lies on this machine. --python adds the
interpreter that a virtual environment is made from, its standard library, and packages
of the environment, all where they lie on this machine.
"""

import argparse
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

# What no program here asks for: most of Python, and the libraries of a desktop that
# tkinter needs.
NOT_NEEDED = {"ensurepip", "idlelib", "site-packages", "dist-packages", "test", "tests", "tkinter", "turtledemo"}
NOT_NEEDED_FILES = ("*.a", "_tkinter*.so")

# The users that exist, and that names are looked up in files and by DNS.
ETC = {
    "etc/passwd": "root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}

# Older C libraries load these when a name is looked up; nothing links to them.
LOADED_LATER = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"]


def libraries(program):
    """The shared libraries of a program, the loader among them; none of a static one."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if "not found" in listed.stdout:
        sys.exit(f"error: {program} misses libraries here:\n{listed.stdout}")
    return re.findall(r"(?:=> |^\s*)(/\S+)", listed.stdout, re.MULTILINE)


def with_libraries(files):
    """The files, by place, and the libraries that they need."""
    needed = {}
    for source in files.values():
        for library in libraries(source) if is_elf(source) else []:
            needed[library.lstrip("/")] = library
            if os.path.basename(library) == "libc.so.6":
                beside = (os.path.join(os.path.dirname(library), name) for name in LOADED_LATER)
                needed.update((path.lstrip("/"), path) for path in beside if os.path.exists(path))
    return {**needed, **files}


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def python_files(venv_python, packages):
    """The interpreter behind a virtual environment, its library, and some packages."""
    ask = """import json, sys, sysconfig
print(json.dumps([sys._base_executable, sysconfig.get_path("stdlib"), sysconfig.get_path("platlib")]))"""
    answer = subprocess.run([venv_python, "-c", ask], capture_output=True, text=True, check=True)
    executable, library, installed = json.loads(answer.stdout)
    sources = [pathlib.Path(executable), *walk(pathlib.Path(library))]
    for package in packages:
        sources += walk(pathlib.Path(installed, package))
    # The interpreter finds its library by its own path, so all stay where they are.
    return {str(source).lstrip("/"): str(source) for source in sources}


def walk(folder):
    if folder.is_file():
        return [folder]
    found = []
    for parent, folders, files in os.walk(folder):
        # `config-…` is for linking programs with the interpreter.
        folders[:] = [name for name in folders if name not in NOT_NEEDED and not name.startswith("config-")]
        found += [pathlib.Path(parent, name) for name in files]
    return [path for path in found if path.exists() and not any(map(path.match, NOT_NEEDED_FILES))]


def write(files, output):
    """Writes the archive: everything root's, sorted, links followed."""
    with tarfile.open(fileobj=output, mode="w|", dereference=True, format=tarfile.GNU_FORMAT) as archive:
        for place in ["tmp", "var/tmp"]:
            folder = tarfile.TarInfo(place)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
        for place, text in ETC.items():
            entry = tarfile.TarInfo(place)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        for place, source in sorted(files.items()):
            entry = archive.gettarinfo(source, place)
            # Two names of one file may be in different archives.
            entry.type, entry.size = tarfile.REGTYPE, os.path.getsize(source)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = int(entry.mtime)
            with open(source, "rb") as content:
                archive.addfile(entry, content)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs=2, metavar=("VENV_PYTHON", "PACKAGES"))
    parser.add_argument("files", nargs="*", metavar="SOURCE[=PLACE]")
    arguments = parser.parse_args()
    files = {}
    for file in arguments.files:
        source, _, place = file.partition("=")
        files[(place or source).lstrip("/")] = source
    if arguments.python:
        venv_python, packages = arguments.python
        files.update(python_files(venv_python, packages.split(",")))
    write(with_libraries(files), sys.stdout.buffer)


main()
