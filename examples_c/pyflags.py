"""What a C host needs to compile and link against the Python that runs this.

    python3.12 pyflags.py --cflags | --ldflags | --version | --shared

Like pythonX.Y-config, which is not always beside its Python, plus the rpath that a Python
outside the system's folders (pyenv, conda) needs. --shared prints the path of libpython, or
nothing and exit status 1 where this Python has no shared library.
"""

import os
import sys
import sysconfig


def library():
    """(folder, file) of the shared libpython, or None."""
    name = sysconfig.get_config_var("LDLIBRARY") or ""
    if ".so" not in name and ".dylib" not in name:
        name = sysconfig.get_config_var("INSTSONAME") or ""
    if ".so" not in name and ".dylib" not in name:
        # Debian's python3 is static and says so; its libpython is a package of its own.
        name = "libpython%s%s.so" % (sysconfig.get_config_var("VERSION"), sys.abiflags)
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for base in ("LIBDIR", "LIBPL"):
        folder = sysconfig.get_config_var(base) or ""
        for place in (folder, os.path.join(folder, multiarch)):
            if os.path.exists(os.path.join(place, name)):
                return place, name
    return None


def main(what):
    version = sysconfig.get_config_var("VERSION") + sys.abiflags
    found = library()
    if what == "--version":
        print("%d.%d.%d" % sys.version_info[:3])
    elif what == "--shared":
        if not found:
            return 1
        print(os.path.join(*found))
    elif what == "--cflags":
        folders = dict.fromkeys(sysconfig.get_path(k) for k in ("include", "platinclude"))
        if not any(os.path.exists(os.path.join(f, "Python.h")) for f in folders):
            sys.exit("%s: no Python.h (install its -dev package)" % sys.executable)
        print(" ".join("-I" + f for f in folders))
    elif what == "--ldflags":
        if not found:
            sys.exit("%s: this Python has no shared library" % sys.executable)
        folder = found[0]
        libs = "%s %s" % (
            sysconfig.get_config_var("LIBS") or "",
            sysconfig.get_config_var("SYSLIBS") or "",
        )
        print("-L%s -Wl,-rpath,%s -lpython%s %s" % (folder, folder, version, libs.strip()))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
