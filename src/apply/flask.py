"""Flask and what is made like it (Quart): what a statement told an application or a blueprint.

A route is in a state machine of werkzeug's `Map` that has no way to take one out, and a blueprint has it as a
closure that ran when it was registered. So the map gets another machine without the rules that a
statement had made, and what comes to a blueprint is told to the applications that have it, as registering
it again would have done. Nothing is changed in the old machine: who puts the attributes of the map
back has it as it was.

Runs in a namespace of its own.
"""
import ast
import copy
import functools
import gc
import sys
import types

ROUTES = {"route", "get", "post", "put", "delete", "patch", "websocket"}
# What a blueprint has of its own under None, and an application that has it under its name.
HOOKS = (
    "before_request_funcs", "after_request_funcs", "teardown_request_funcs", "url_default_functions",
    "url_value_preprocessors", "template_context_processors", "error_handler_spec",
)
# What registering a blueprint was given, once it was seen in this check: the route that shows it may go.
GIVEN = {}
MARKS = ("_got_first_request", "_got_registered_once")


def setups(objects):
    """Those of the objects that are applications or blueprints."""
    modules = map(sys.modules.get, ("flask.sansio.scaffold", "flask.scaffold"))
    kind = next((module.Scaffold for module in modules if module), None)
    return list({id(o): o for o in objects if kind in type(o).__mro__}.values())


def _chain(function):
    """A function and those that it wraps."""
    out = []
    while function is not None and all(function is not known for known in out):
        out.append(function)
        wraps = type(function) in (types.FunctionType, functools._lru_cache_wrapper)
        function = vars(function).get("__wrapped__") if wraps else None
    return out


def _closure(function):
    """What a function closes over, by name."""
    if type(function) is not types.FunctionType:
        return {}
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    return {name: cell for name, cell in cells if _content(cell) is not None}


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _cells(deferred, depth=0):
    """Cells with functions in them that a deferred function leads to."""
    for cell in _closure(deferred).values() if depth < 3 else ():
        value = cell.cell_contents
        if callable(value) and not isinstance(value, type):
            yield cell
            yield from _cells(value, depth + 1)


def _route(deferred):
    """The rule, endpoint, function and options of a deferred `add_url_rule`."""
    told = {name: cell.cell_contents for name, cell in _closure(deferred).items()}
    if type(told.get("rule")) is not str or not getattr(deferred, "__module__", "").startswith(("flask.", "quart.")):
        return None
    return told["rule"], told.get("endpoint"), told.get("view_func"), told.get("options") or {}


def _under(state):
    """The rules of a state of the machine and of those behind it."""
    yield from state.rules
    for after in (*state.static.values(), *(after for _, after in state.dynamic)):
        yield from _under(after)


def _without(state, gone):
    out = copy.copy(state)
    out.rules = [rule for rule in state.rules if not gone(rule)]
    static = [(part, after, _without(after, gone)) for part, after in state.static.items()]
    dynamic = [(part, after, _without(after, gone)) for part, after in state.dynamic]
    out.static = {part: left for part, after, left in static if _any(left) or not _any(after)}
    out.dynamic = [(part, left) for part, after, left in dynamic if _any(left) or not _any(after)]
    return out


def _any(state):
    return state.rules or state.static or state.dynamic


def _before(items, fresh, later):
    """The items that are fresh before the first later one."""
    came = [item for item in items if fresh(item)]
    rest = [item for item in items if not fresh(item)]
    at = next((n for n, item in enumerate(rest) if later(item)), len(rest))
    return rest[:at] + came + rest[at:]


def _arrange(state, fresh, later):
    def all_under(test):
        return lambda entry: all(test(rule) for rule in _under(entry[1]))

    state.rules[:] = _before(state.rules, fresh, later)
    state.dynamic[:] = _before(state.dynamic, all_under(fresh), all_under(later))
    for after in (*state.static.values(), *(after for _, after in state.dynamic)):
        _arrange(after, fresh, later)


class _App:
    """An application while a statement runs."""

    def __init__(self, app):
        self.app, self.map = app, vars(app).get("url_map")
        space = vars(self.map) if self.map is not None else {}
        machine = getattr(space.get("_matcher"), "_root", None)
        self.known = machine is not None and type(space.get("_rules_by_endpoint")) is dict
        self.rules = list(self.all()) if self.known else []
        self.views = {rule.endpoint: app.view_functions.get(rule.endpoint) for rule in self.rules}
        self.taken = set()

    def all(self):
        return (rule for rules in self.map._rules_by_endpoint.values() for rule in rules)

    def at(self, endpoint):
        return self.map._rules_by_endpoint.get(endpoint, ()) if self.known else ()

    def take(self, rules):
        self.taken |= {id(rule) for rule in rules}

    def cut(self):
        """Leaves those that were there and that nobody took out."""
        if not self.known:
            return
        keep = {id(rule) for rule in self.rules} - self.taken
        gone = lambda rule: id(rule) not in keep
        space = vars(self.map)
        matcher = copy.copy(space["_matcher"])
        matcher._root = _without(matcher._root, gone)
        left = {e: [r for r in rules if not gone(r)] for e, rules in space["_rules_by_endpoint"].items()}
        ended = {e for e, rules in left.items() if not rules}
        space["_rules_by_endpoint"] = {e: rules for e, rules in left.items() if rules}
        space["_matcher"], space["_remap"] = matcher, True
        for endpoint in ended:
            if any(rule.endpoint == endpoint for rule in self.rules):
                self.app.view_functions.pop(endpoint, None)

    def place(self, later, module):
        """Rules that came stand before those of later definitions, or after those of earlier ones."""
        if not self.known:
            return
        had = {id(rule) for rule in self.rules}
        fresh = {id(rule) for rule in self.all()} - had
        if not fresh:
            return

        def of_module(rule):
            return any(getattr(f, "__globals__", None) is module for f in _chain(self.views[rule.endpoint]))

        behind = {id(r) for r in self.rules if any(id(f) in later for f in _chain(self.views[r.endpoint]))}
        if not behind:
            marks = [n for n, r in enumerate(self.rules) if id(r) in self.taken or of_module(r)]
            behind = {id(rule) for rule in self.rules[marks[-1] + 1 :]} if marks else set()
        is_fresh, is_behind = (lambda rule: id(rule) in fresh), (lambda rule: id(rule) in behind)
        by = self.map._rules_by_endpoint
        keys = _before(by, lambda e: all(map(is_fresh, by[e])), lambda e: all(map(is_behind, by[e])))
        vars(self.map)["_rules_by_endpoint"] = {key: by[key] for key in keys}
        _arrange(self.map._matcher._root, is_fresh, is_behind)


def _let_go(app, functions):
    """Takes functions, by their addresses, out of all that an application calls."""
    env = vars(app).get("jinja_env")
    tables = [vars(app).get(hook) for hook in HOOKS]
    _let_go_in(tables + [getattr(env, n) for n in ("filters", "tests", "globals") if env is not None], functions)


def _let_go_in(tables, values):
    while tables:
        table = tables.pop()
        if isinstance(table, list):
            table[:] = [value for value in table if id(value) not in values]
        elif isinstance(table, dict):
            for key in [key for key, value in table.items() if id(value) in values]:
                del table[key]
            tables += table.values()


class _Registered:
    """A blueprint in an application, under one of its names."""

    def __init__(self, blueprint, app, name):
        self.blueprint, self.app, self.name = blueprint, app, name
        prefix, _, own = name.rpartition(".")
        self.options = {"name": own, "name_prefix": prefix}
        *_, known = GIVEN.get((id(blueprint), id(app.app), name), (None, None, {}))
        self.options.update(known)
        # What registering it was given, which nobody kept, can be seen on a rule that came of it.
        for route in filter(None, map(_route, blueprint.deferred_functions)):
            for rule in app.at(self.endpoint(route)):
                start = self.start(route, rule)
                if start is not None:
                    self.options.update(start)
                    # With the two, so that no address is used twice.
                    GIVEN[id(blueprint), id(app.app), name] = blueprint, app.app, start
                    break
            if "url_prefix" in self.options:
                break
        names = [name for name, other in app.app.blueprints.items() if other is blueprint]
        self.first = names[0] == name
        self.hooks = {hook: self.copied(hook) for hook in HOOKS if self.own(hook) == self.theirs(hook)}

    def endpoint(self, route):
        _, endpoint, view, _ = route
        return f"{self.name}.{endpoint or getattr(view, '__name__', '')}"

    def start(self, route, live):
        rule, _, _, options = route
        end = rule.lstrip("/")
        if not rule:
            prefix = live.rule
        elif live.rule == rule:
            prefix = None
        elif live.rule.endswith("/" + end):
            prefix = live.rule[: len(live.rule) - len(end) - 1]
        else:
            return None
        found = {"url_prefix": prefix}
        if "subdomain" not in options:
            found["subdomain"] = live.subdomain
        given = options.get("defaults") or {}
        found["url_defaults"] = {key: value for key, value in (live.defaults or {}).items() if key not in given}
        return found

    def rules(self, route):
        """The rules that a deferred `add_url_rule` had made."""
        def prefix(start):
            return (start.get("url_prefix") or "").rstrip("/")

        starts = [(rule, self.start(route, rule)) for rule in self.app.at(self.endpoint(route))]
        return [rule for rule, start in starts if start is not None and prefix(start) == prefix(self.options)]

    def state(self):
        return self.blueprint.make_setup_state(self.app.app, dict(self.options), self.first)

    def own(self, hook):
        return (vars(self.blueprint).get(hook) or {}).get(None)

    def theirs(self, hook):
        return (vars(self.app.app).get(hook) or {}).get(self.name)

    def copied(self, hook):
        own = self.own(hook)
        return copy.deepcopy(own, {id(f): f for f in _leaves(own)}) if own else own

    def follow(self):
        """The application's copies of the blueprint's own functions."""
        for hook, had in self.hooks.items():
            own = self.copied(hook)
            if own == had:
                continue
            theirs = getattr(self.app.app, hook)
            if own:
                theirs[self.name] = own
            else:
                theirs.pop(self.name, None)


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for part in value.items() for item in part for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


class Setup:
    """What a statement does to applications and blueprints, from before it runs until after."""

    def __init__(self, owners, made, name, text, later, module, before, had, leaves):
        """`had`: the dicts with the blueprints of applications, and what was in them before this edit."""
        self.module, self.name = module, name
        # Of one that is gone, registries let go while this is open.
        self.leaves = leaves
        self.made = [f for one in made if one is not None for f in _chain(one)]
        self.mine = {id(f) for f in self.made}
        self.later = {id(f) for one in later for f in _chain(one)}
        self.blueprints = [owner for owner in owners if "deferred_functions" in vars(owner)]
        self.apps = [_App(owner) for owner in owners if "url_map" in vars(owner)]
        self.direct = list(self.apps)
        self.registered = []
        for app in self.having() if self.blueprints else ():
            names = [(n, b) for n, b in app.app.blueprints.items() if any(b is one for one in self.blueprints)]
            if names and all(app is not known for known in self.apps):
                self.apps.append(app)
            self.registered += [_Registered(b, app, n) for n, b in names]
        self.had = {id(app.app.blueprints): dict(app.app.blueprints) for app in self.direct}
        self.had.update((id(now), blueprints) for now, blueprints in had)
        self.said = _said(text, before) if text else None
        self.deferred = [(b, list(b.deferred_functions)) for b in self.blueprints]
        self.taken, self.opened, self.new = [], [], None
        # What is changed, for the undo log.
        self.spaces = []
        for owner in (*self.blueprints, *(app.app for app in self.apps)):
            self.spaces += [vars(owner), owner.view_functions]
            tables = [vars(owner).get(name) for name in (*HOOKS, "deferred_functions")]
            while tables:
                table = tables.pop()
                if isinstance(table, (dict, list)):
                    self.spaces.append(table)
                    tables += table.values() if isinstance(table, dict) else ()
        self.spaces += [vars(app.map) for app in self.apps if app.known]
        for app in self.apps:
            self.spaces += [app.app.blueprints, *([app.app.cli.commands] if hasattr(app.app, "cli") else ())]
            env = vars(app.app).get("jinja_env")
            self.spaces += [getattr(env, n) for n in ("filters", "tests", "globals") if env is not None]

    def having(self):
        known = {id(app.app): app for app in self.apps}
        module = sys.modules.get("flask.sansio.app") or sys.modules.get("flask.app")
        kind = getattr(module, "App", None) or module.Flask
        for one in gc.get_objects():
            if issubclass(type(one), kind) and "blueprints" in vars(one):
                yield known.get(id(one)) or _App(one)

    def begin(self):
        """Takes out what the old version had told them, and opens them."""
        for app in self.direct:
            for rule in app.rules:
                if self.told(rule.rule, rule.endpoint, app.views[rule.endpoint], rule.endpoint):
                    app.take([rule])
        for blueprint, had in self.deferred:
            for deferred in had:
                route = _route(deferred)
                if route is None:
                    mine = any(id(cell.cell_contents) in self.mine for cell in _cells(deferred))
                else:
                    rule, endpoint, view, _ = route
                    mine = self.told(rule, endpoint or getattr(view, "__name__", None), view, endpoint)
                if mine:
                    self.taken.append(deferred)
                    self.withdraw(blueprint, route)
        self.unregister()
        self.cut()
        for owner in (*self.blueprints, *(app.app for app in self.apps)):
            space = vars(owner)
            for mark in MARKS:
                if space.get(mark) is True:
                    space[mark] = False
                    self.opened.append((space, mark))

    def told(self, rule, endpoint, view, explicit):
        """Whether it is a route that the statement had made."""
        if self.mine:
            mine = any(id(f) in self.mine for f in _chain(view))
            return mine and (self.said is None or rule in self.said)
        if type(self.said) is not tuple:
            return False
        path, named, function = self.said
        if path != rule or named is not None and named != endpoint:
            return False
        # Its entry may be out already.
        return view is None or function is None or any(f is function for f in _chain(view))

    def withdraw(self, blueprint, route):
        for registered in self.registered:
            if registered.blueprint is not blueprint:
                continue
            if route is not None:
                registered.app.take(registered.rules(route))
                continue
            # `before_app_request` and the like.
            _let_go(registered.app.app, self.mine)

    def unregister(self):
        """What applications have of blueprints that the statement had registered: those are out already."""
        for app in self.direct:
            now = app.app.blueprints
            had = self.had[id(now)]
            gone = {name: blueprint for name, blueprint in had.items() if name not in now}
            inside = tuple(name + "." for name in gone)
            for name in [name for name in now if name.startswith(inside)]:
                gone[name] = now.pop(name)
            app.take([rule for rule in app.rules if rule.endpoint.startswith(inside)])
            for hook in HOOKS:
                for name in gone:
                    (vars(app.app).get(hook) or {}).pop(name, None)
            left = {id(blueprint) for blueprint in now.values()}
            for blueprint in [b for b in gone.values() if id(b) not in left]:
                plain = [d for d in blueprint.deferred_functions if _route(d) is None]
                _let_go(app.app, {id(cell.cell_contents) for d in plain for cell in _cells(d)})
                cli = getattr(blueprint, "cli", None)
                if cli is not None:
                    _let_go_in([app.app.cli.commands], {id(cli), *map(id, cli.commands.values())})
        self.registered = [r for r in self.registered if r.app.app.blueprints.get(r.name) is r.blueprint]

    def cut(self):
        """Also when it runs once more, of what it had done before it failed."""
        for app in self.apps:
            app.cut()
        for blueprint, had in self.deferred:
            blueprint.deferred_functions[:] = [d for d in had if all(d is not one for one in self.taken)]

    def close(self):
        for space, mark in self.opened:
            space[mark] = True

    def end(self):
        """After it ran: what came stands where it would after a restart, and applications hear of what came
        to their blueprints."""
        self.new = self.module.get(self.name)
        try:
            if self.leaves:
                self.unregister()
                self.cut()
            for blueprint, had in self.deferred:
                self.tell(blueprint, had)
            for app in self.apps:
                app.place(self.later, self.module)
        finally:
            self.close()

    def tell(self, blueprint, had):
        known = {id(deferred) for deferred in had}
        fresh = lambda deferred: id(deferred) not in known
        later = lambda deferred: any(id(cell.cell_contents) in self.later for cell in _cells(deferred))
        now = list(blueprint.deferred_functions)
        came = [deferred for deferred in now if fresh(deferred)]
        if not any(map(later, now)):
            # Where the one stood that it is instead of.
            taken = [n for n, deferred in enumerate(had) if any(deferred is one for one in self.taken)]
            behind = {id(deferred) for deferred in had[max(taken, default=len(had)) :]}
            later = lambda deferred: id(deferred) in behind
        blueprint.deferred_functions[:] = _before(now, fresh, later)
        for registered in self.registered if came else ():
            if registered.blueprint is blueprint:
                state = registered.state()
                for deferred in came:
                    deferred(state)

    def finish(self):
        """After what it made was brought together with what was."""
        now = self.module.get(self.name)
        if self.new is not None and now is not self.new:
            lives = {id(new): kept for new, kept in zip(_chain(self.new), _chain(now))}
            for blueprint, had in self.deferred:
                known = {id(deferred) for deferred in had}
                for deferred in blueprint.deferred_functions:
                    for cell in _cells(deferred) if id(deferred) not in known else ():
                        cell.cell_contents = lives.get(id(cell.cell_contents), cell.cell_contents)
            for table in self.spaces if self.registered else ():
                for key, value in list(table.items() if isinstance(table, dict) else enumerate(table)):
                    if id(value) in lives:
                        table[key] = lives[id(value)]
        for registered in self.registered:
            registered.follow()


def _said(text, before):
    """The rules that decorators in a text name; of a call of `add_url_rule` its rule, endpoint and
    function. None: it cannot be told."""
    try:
        node = ast.parse(text).body[0]
    except (SyntaxError, IndexError):
        return None
    calls = getattr(node, "decorator_list", None)
    if calls is None:
        call = getattr(node, "value", None)
        if not isinstance(call, ast.Call) or getattr(call.func, "attr", None) != "add_url_rule":
            return None
        given = dict(zip(("rule", "endpoint", "view_func"), call.args))
        given.update((keyword.arg, keyword.value) for keyword in call.keywords)
        rule, endpoint, view = (given.get(name) for name in ("rule", "endpoint", "view_func"))
        if not isinstance(rule, ast.Constant) or not isinstance(endpoint, (ast.Constant, type(None))):
            return None
        function = before.get(view.id) if isinstance(view, ast.Name) else None
        return rule.value, endpoint.value if endpoint else None, function
    rules = set()
    for call in calls:
        if isinstance(call, ast.Call) and getattr(call.func, "attr", None) in ROUTES:
            named = [keyword.value for keyword in call.keywords if keyword.arg == "rule"]
            rule = next(iter([*call.args, *named]), None)
            if not isinstance(rule, ast.Constant):
                return None
            rules.add(rule.value)
    return rules
