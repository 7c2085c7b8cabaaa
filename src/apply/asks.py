"""Whether a method asks what its object is, as its code says."""
import dis

# What of its object tells its class.
TELLING = {"__class__", "__mro__", "__bases__", "__dict__", "__subclasses__", "mro"}
# What does nothing with an object but to ask for an attribute of it, or to set one.
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD")
PASSED = ("EXTENDED_ARG", "CACHE", "NOP", "RESUME")


def asks_for_class(code, name=None):
    if code.co_argcount == 0 and name is None:
        return code.co_flags & 4 != 0
    name = code.co_varnames[0] if name is None else name
    if not TELLING.isdisjoint(code.co_names):
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in PASSED]
    for step, after in zip(steps, [*steps[1:], None]):
        loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if name not in loaded or not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "STORE_FAST")):
            continue
        # `STORE_FAST_LOAD_FAST` and the like: the last is on top.
        below = loaded[:-1] if step.opname.startswith("LOAD") else ()
        stores = step.opname == "STORE_FAST" or step.opname.startswith("STORE_FAST") and loaded[0] == name
        asked = after is not None and after.opname in ATTRIBUTES
        if stores or name in below or loaded[-1] == name and not asked:
            return True
    # What functions inside do with it.
    inner = [constant for constant in code.co_consts if isinstance(constant, type(code))]
    return any(asks_for_class(part, name) for part in inner if name in part.co_freevars)
