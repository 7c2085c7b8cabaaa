"""What descriptors do with the class that they are told of (`__set_name__`)."""

import dis
import types

# Who only asks for these says nothing to the class.
QUIET = {"__name__", "__qualname__", "__module__", "__mro__", "__dict__", "__doc__"}


def steps(code):
    """The instructions, with those that load variables one by one."""
    for step in dis.get_instructions(code):
        if step.opname.startswith(("LOAD_FAST", "STORE_FAST_LOAD_FAST")):
            names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            for name in names[step.opname.startswith("STORE") :]:
                yield "load", name
        else:
            yield step.opname, step.argval


def tells(kind):
    """Whether descriptors of this class do more with their owner than to remember it."""
    for base in kind.__mro__:
        told = vars(base).get("__set_name__")
        if isinstance(told, types.FunctionType):
            code = told.__code__
            return code.co_argcount < 3 or uses(code, *code.co_varnames[:2])
    return False


def uses(code, own, owner):
    if owner in code.co_cellvars:
        return True
    found = list(steps(code))
    for at, step in enumerate(found[:-2]):
        after, then = found[at + 1 : at + 3]
        if step != ("load", owner) or after[0] in ("LOAD_ATTR", "LOAD_METHOD") and after[1] in QUIET:
            continue
        if after != ("load", own) or then[0] != "STORE_ATTR":
            return True
    return False
