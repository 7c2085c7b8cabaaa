"""Random edit scripts: what a person does to the files of a program between two saves."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, field

from idioms import IdiomEdits
from program import Cat, Module, Stmt

#: How often an edit is made.
OPS = {"constant": 16, "body": 16, "rename": 4, "remove": 7, "add": 10, "move": 6, "signature": 6,
       "decorate": 4, "base": 4, "add_import": 5, "drop_import": 3, "member_add": 7, "member_edit": 8,
       "member_remove": 5, "member_move": 2, "member_kind": 2, "lead": 5, "indent": 2, "doc": 3, "replace": 6,
       "kind": 2, "module_add": 1, "public": 1, "class_decorate": 1, "enum_value": 3}


@dataclass
class Version:
    """The files after one step; `broken` names the module that cannot be imported, `by` how."""

    files: dict
    modules: list
    broken: str = ""
    save: str = "rename"
    ops: list = field(default_factory=list)


class Editor(IdiomEdits):
    """Applies edits to a program; each method returns whether it could."""

    def __init__(self, rng, program, maker):
        self.rng, self.p, self.maker = rng, program, maker
        self.ops = {**OPS, "share": 16} if "shares" in program.features else OPS
        if "idioms" in program.features:
            self.ops = {**self.ops, "idiom_number": 24, "idiom_line": 16, "idiom_block": 12, "idiom_name": 8}
        maker.rng = rng

    def find(self, *kinds):
        """A random statement of one of some kinds, with its module and place."""
        found = [(m, i, s) for m in self.p.modules for i, s in enumerate(m.stmts)
                 if s.kind in kinds and s.kind != "std"]
        return self.rng.choice(found) if found else None

    def edit(self):
        """One edit that leaves the program valid; its name, or None."""
        before, files = pickle.dumps(self.p), self.p.files()
        for _ in range(12):
            name = self.rng.choices(list(self.ops), list(self.ops.values()))[0]
            if getattr(self, name)() and self.p.files() != files and self.p.valid():
                return name
            self.p.__dict__.update(pickle.loads(before).__dict__)
        return None

    # -- edits of statements --------------------------------------------------------------------

    def constant(self):
        found = self.find("const", "container", "derived", "enum", "closure", "deco", "guarded", "loop", "called",
                          "lambda", "mutate", "named", "conditional", "twice", "partial")
        if not found:
            return False
        numbers = list(re.finditer(r"(?<![\w.])\d+\b", found[2].text))
        if not numbers:
            return False
        at = self.rng.choice(numbers)
        new = str(self.rng.randrange(1, 1000)) if at.group() not in "01" else at.group()
        found[2].text = found[2].text[:at.start()] + new + found[2].text[at.end():]
        return True

    def body(self):
        found = self.find("def")
        if not found:
            return False
        m, i, s = found
        late = any(c.cat == "late" for c in s.cats.values())
        env = self.without(self.p.env(m) if late else self.p.env(m, i), s)
        if any(c.cat == "gen" for c in s.cats.values()):
            s.parts["body"] = ["yield 1", f"yield {self.maker.int(env)}"]
        else:
            s.parts["body"] = self.maker.body(env, s.parts["params"])
        return True

    def without(self, env, s):
        return {n: c for n, c in env.items() if n not in s.cats and c.cat != "late"}

    def rename(self):
        found = self.find("const", "derived", "container", "def", "class", "deco", "closure", "named", "loop")
        if not found or not found[2].cats:
            return False
        old = self.rng.choice(found[2].binds())
        self.p.rename(old, self.p.new(old[0]))
        return True

    def remove(self):
        """Removes an unused statement."""
        found = [(m, s) for m in self.p.modules for s in m.stmts if s.kind not in ("std", "import", "state")
                 and not any(self.p.used(n, s) for n in s.cats)]
        if not found:
            return False
        m, s = self.rng.choice(found)
        m.stmts.remove(s)
        return True

    def add(self):
        m = self.rng.choice([m for m in self.p.modules if m.name != "__init__"])
        i = self.rng.randrange(len(m.stmts) + 1)
        count = len(m.stmts)
        made = self.maker.stmt(m, self.p.env(m, i))
        m.stmts.insert(i + len(m.stmts) - count, made)
        return True

    def move(self):
        m = self.rng.choice(self.p.modules)
        places = [i for i, s in enumerate(m.stmts) if s.kind != "std"]
        if len(places) < 2:
            return False
        s = m.stmts.pop(self.rng.choice(places))
        m.stmts.insert(self.rng.choice(places), s)
        return True

    def signature(self):
        found = self.find("def")
        if not found or not any(c.cat == "fn" for c in found[2].cats.values()):
            return False
        m, i, s = found
        name = s.parts["name"]
        if self.p.used(name, s):
            # callers may pass one argument
            s.parts["params"] = [f"a={self.maker.int(self.p.env(m, i), 1)}", *s.parts["params"][1:]]
        else:
            s.parts["params"] = self.maker.params(self.p.env(m, i))
            s.parts["body"] = self.maker.body(self.p.env(m, i), s.parts["params"])
            s.cats[name] = Cat("fn", params=[p for p in s.parts["params"] if "*" not in p])
        return True

    def decorate(self):
        found = self.find("def")
        if not found or not any(c.cat == "fn" for c in found[2].cats.values()):
            return False
        m, i, s = found
        had = s.parts["decorators"]
        if had and self.rng.random() < 0.5:
            s.parts["decorators"] = had[1:]
        else:
            new = self.maker.decorators(m, self.p.env(m, i))
            s.parts["decorators"] = (had + new)[-2:]
        return True

    def replace(self):
        """A statement with the same name and another value."""
        found = self.find("const", "derived")
        if not found or not found[2].cats:
            return False
        m, i, s = found
        name = s.binds()[0]
        s.text = f"{name} = {self.maker.int({n: c for n, c in self.p.env(m, i).items() if n != name})}"
        return True

    def share(self):
        """Another name goes over to another object."""
        found = self.find("shares")
        if not found:
            return False
        m, i, s = found
        name = s.binds()[0]
        text = self.maker.shared_text(m, self.without(self.p.env(m, i), s), name)
        if not text:
            return False
        s.text = text
        return True

    def kind(self):
        """A constant becomes a function, or the other way round."""
        found = self.find("const", "def")
        if not found or len(found[2].cats) != 1 or self.p.used(found[2].binds()[0], found[2]):
            return False
        m, i, s = found
        name = s.binds()[0]
        if s.kind == "def":
            m.stmts[i] = Stmt("const", {name: Cat("int")}, f"{name} = {self.rng.randrange(1000)}")
        else:
            made = self.maker.func(m, self.p.env(m, i))
            made.parts.update(name=name, decorators=[])
            made.cats = {name: Cat("fn")}
            m.stmts[m.stmts.index(s)] = made
        return True

    def lead(self):
        """Comments and blank lines above a statement."""
        m = self.rng.choice(self.p.modules)
        if not m.stmts:
            return False
        s = self.rng.choice(m.stmts)
        s.parts["lead"] = self.rng.choice([[], [""], ["# a remark"], ["", "# two", "# lines"], ["", ""]])
        return True

    def indent(self):
        m = self.rng.choice(self.p.modules)
        m.indent = self.rng.choice(["    ", "  ", "\t"])
        return True

    def doc(self):
        found = self.find("def", "class")
        if not found or self.rng.random() < 0.2:
            m = self.rng.choice(self.p.modules)
            m.doc = self.rng.choice(["", "Another.", f"Module {self.rng.randrange(9)}."])
            return True
        found[2].parts["doc"] = self.rng.choice([None, f"Words {self.rng.randrange(100)}."])
        return True

    # -- classes -------------------------------------------------------------------------------

    def a_class(self, enums=False):
        found = self.find("class")
        if not found or bool(found[2].parts.get("enum")) != enums:
            return None
        return found

    def member_add(self):
        found = self.a_class()
        if not found:
            return False
        m, i, s = found
        members = s.parts["members"]
        made = self.maker.member(self.p.env(m, i), s.parts)
        members.insert(self.rng.randrange(len(members) + 1) if made["kind"] in ("method", "static", "attr") else len(members), made)
        self.maker.recat(s, {})
        return True

    def member_edit(self):
        found = self.a_class(self.rng.random() < 0.2)
        if not found:
            return False
        m, i, s = found
        member = self.rng.choice(s.parts["members"]) if s.parts["members"] else None
        if member is None:
            return False
        if member["kind"] in ("method", "property", "static", "class", "init") and self.rng.random() < 0.7:
            lines = member["text"].split("\n")
            lines[-1] += f" + {self.maker.int(self.p.env(m, i), 1)}" if "return" in lines[-1] else ""
            member["text"] = "\n".join(lines)
            return True
        numbers = list(re.finditer(r"(?<![\w.])\d+\b", member["text"]))
        if not numbers:
            return False
        at = self.rng.choice(numbers)
        member["text"] = member["text"][:at.start()] + str(self.rng.randrange(1, 1000)) + member["text"][at.end():]
        return True

    def member_remove(self):
        found = self.a_class()
        if not found or not found[2].parts["members"]:
            return False
        m, i, s = found
        member = self.rng.choice(s.parts["members"])
        s.parts["members"].remove(member)
        if member["name"] and self.p.used(member["name"]):
            return False
        self.maker.recat(s, {})
        return True

    def member_move(self):
        found = self.a_class()
        if not found or len(found[2].parts["members"]) < 2:
            return False
        members = found[2].parts["members"]
        member = members.pop(self.rng.randrange(len(members)))
        members.insert(self.rng.randrange(len(members) + 1), member)
        return self.in_order(members)

    def in_order(self, members):
        """A class body reads only what stands above it."""
        for k, member in enumerate(members):
            if member["kind"] == "attr" and any(
                    re.search(rf"\b{later['name']}\b", member["text"]) for later in members[k + 1:] if later["name"]):
                return False
        return True

    def member_kind(self):
        """Method <-> property <-> static method <-> attribute of the same name, when nobody reads it."""
        found = self.a_class()
        if not found:
            return False
        m, i, s = found
        members = [x for x in s.parts["members"] if x["kind"] in ("method", "property", "static", "class", "attr")]
        if not members:
            return False
        member = self.rng.choice(members)
        name, value = member["name"], self.maker.int(self.p.env(m, i), 1)
        others = [x for x in s.parts["members"] if x is not member]
        if any(re.search(rf"\b{name}\b", x["text"]) for x in others) or self.p.used(name, s):
            return False
        member["kind"], member["text"] = self.rng.choice([
            ("method", f"def {name}(self):\n    return {value}"),
            ("property", f"@property\ndef {name}(self):\n    return {value}"),
            ("static", f"@staticmethod\ndef {name}():\n    return {value}"),
            ("class", f"@classmethod\ndef {name}(cls):\n    return {value}"),
            ("attr", f"{name} = {value}")])
        self.maker.recat(s, {})
        return True

    def base(self):
        found = self.a_class()
        if not found or found[2].parts["data"]:
            return False
        m, i, s = found
        env = {n: c for n, c in self.p.env(m, i).items() if c.cat == "cls" and c.simple}
        has_super = any("super()" in x["text"] for x in s.parts["members"])
        if has_super and any(".g" in line for x in s.parts["members"] for line in x["text"].split("super()")[1:]):
            return False
        choice = self.rng.choice([*env, None])
        s.parts["bases"] = [choice] if choice else []
        return True

    def class_decorate(self):
        found = self.a_class()
        if not found or found[2].parts["data"]:
            return False
        m, i, s = found
        name = self.maker.pick(self.p.env(m, i), "cdeco")
        s.parts["decorators"] = [f"@{name}"] if name and not s.parts["decorators"] else []
        return True

    def enum_value(self):
        found = self.a_class(True)
        if not found:
            return False
        m, i, s = found
        members, values = s.parts["members"], [x for x in s.parts["members"] if x["kind"] == "value"]
        form = self.rng.randrange(3)
        if form == 0 or not values:
            v = self.p.new("V")
            members.insert(len(values), {"kind": "value", "name": v, "text": f"{v} = {self.rng.randrange(1000)}"})
        elif form == 1:
            victim = self.rng.choice(values)
            if len(values) < 2 or self.p.used(victim["name"], s):
                return False
            members.remove(victim)
        else:
            victim = self.rng.choice(values)
            victim["text"] = f"{victim['name']} = {self.rng.randrange(1000)}"
        s.cats[s.parts["name"]] = Cat("enum", [x["name"] for x in members if x["kind"] == "value"])
        return True

    # -- modules and imports ----------------------------------------------------------------------

    def add_import(self):
        m = self.rng.choice(self.p.modules[1:] or self.p.modules)
        made = self.maker.imports(m)
        if not made:
            return False
        firsts = [i for i, s in enumerate(m.stmts) if s.kind not in ("std", "import")]
        at = firsts[0] if firsts else len(m.stmts)
        m.stmts.insert(at, made)
        # and something that uses it
        env = {}
        self.p.bind(env, made)
        if m.name != "__init__" and env:
            name = self.p.new("T")
            m.stmts.insert(at + 1, Stmt("derived", {name: Cat("int")}, f"{name} = {self.maker.int(env)} + 0"))
        return True

    def drop_import(self):
        found = self.find("import")
        if not found:
            return False
        found[0].stmts.remove(found[2])
        return True

    def module_add(self):
        m = self.rng.choice(self.p.modules)
        new = Module(self.p.new("m"), [])
        self.p.modules.insert(self.p.index(m.name), new)
        for _ in range(self.rng.randrange(1, 4)):
            new.stmts.append(self.maker.stmt(new, self.p.env(new)))
        names = [n for n, c in self.p.env(new).items() if c.cat in ("int", "fn", "cls", "list")]
        if names:
            name = self.rng.choice(names)
            m.stmts.insert(0, Stmt("import", {}, parts={"form": "from", "target": new.name, "name": name,
                                                       "alias": None, "style": "absolute"}))
        return True

    def public(self):
        m = self.rng.choice(self.p.modules)
        names = [n for n, c in self.p.env(m).items() if c.cat != "mod"]
        if not names:
            return False
        m.all_names = sorted(self.rng.sample(names, self.rng.randrange(1, len(names) + 1))) if self.rng.random() < 0.7 else None
        return True


BREAKS = ["def broken(:\n    pass", "no_such_name_at_all", "raise RuntimeError('broken')", "1 / 0", "x = (1,\n",
          "import no_such_module_at_all", "raise SystemExit(3)", "class Broken(no_such_base):\n    pass", "from {first} import no_such_name"]


def script(rng, program, maker):
    """[Version]: the files at the start, then after each step."""
    editor = Editor(rng, program, maker)
    versions = [Version(program.files(), program.import_order())]
    past = [program.copy()]
    for _ in range(rng.choices([1, 2, 3, 4, 5], [40, 25, 15, 12, 8])[0]):
        save = rng.choice(["rename", "write"])
        if len(past) > 1 and rng.random() < 0.08:
            program.__dict__.update(rng.choice(past).copy().__dict__)
            program.counter += 100
            ops = ["revert"]
        else:
            ops = [editor.edit() for _ in range(rng.choices([1, 2, 3, 5], [60, 20, 12, 8])[0])]
        ops = [op for op in ops if op]
        files = program.files()
        if files == versions[-1].files:
            continue
        if rng.random() < 0.12:
            versions.append(broken(rng, program, versions[-1], save))
        versions.append(Version(files, program.import_order(), save=save, ops=ops))
        past.append(program.copy())
    return versions


def broken(rng, program, last, save):
    """What the files were before the edit was mended: one module does not import."""
    changed = [m for m in program.modules
               if last.files.get(path_of(program, m)) not in (None, program.files()[path_of(program, m)])]
    m = rng.choice(changed or [m for m in program.modules if path_of(program, m) in last.files])
    chunks = program.chunks(m)
    text = rng.choice(BREAKS).format(first=program.full(program.modules[0].name))
    chunks.insert(rng.randrange(1 if m.doc else 0, len(chunks) + 1), text)
    files = dict(last.files)
    files[path_of(program, m)] = program.render(m, chunks)
    return Version(files, list(last.modules), broken=program.full(m.name), save=save, ops=["break"])


def path_of(program, module):
    path = module.name + ".py"
    return f"{program.package}/{path}" if program.package else path
