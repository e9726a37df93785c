"""What live objects hold, as completion shows it: attributes, types, signatures; no code of the user's runs for it.

Looking an attribute up can run a property, or `__getattr__`, so values are read from the dictionaries of the object and its
classes. A user's `__repr__` is not called either. Standard library alone. Read `attributes`, then `Held`, `kind`, `signature`."""
import inspect, re
from functools import cached_property, partial
from types import BuiltinFunctionType, ClassMethodDescriptorType, GetSetDescriptorType, MemberDescriptorType
from types import MethodDescriptorType, MethodType, ModuleType, WrapperDescriptorType

annotations = getattr(inspect, "Format", None)  # from Python 3.14 on: read as they are written, none is run
signature_of = partial(inspect.signature, annotation_format=annotations.STRING) if annotations else inspect.signature
in_c = BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType, WrapperDescriptorType
slots = GetSetDescriptorType, MemberDescriptorType
plain_types = bool, int, float, complex, str, bytes, type(None), type(...)
unknown = "<unknown>"  # as IPython calls a type that it does not know

class Live:
    "A completion in the form of jedi's, in whose place IPython takes it; `typed` is what is there of `name`."
    def __init__(self, name, typed, type, value=None, is_method=False):
        self.name = name
        self.name_with_symbols = name
        self.complete = name[len(typed):]
        self.type = type
        self.value = value
        self.is_method = is_method  # True if the first parameter is the object whose attribute `name` is
        self.signature = None

    def get_signatures(self):
        "What has a `to_string`, in a list that is empty if there is no signature; IPython asks this of functions, twice."
        if self.signature is None: self.signature = signature(self.value, self.is_method)
        return [self] if self.signature else []

    def to_string(self): return self.signature

def attributes(owner, names, typed):
    "The completions for those of `names`, attributes of `owner`, that begin with `typed`."
    held = Held(owner)
    return [Live(name, typed, *held.describe(name)) for name in names if name.startswith(typed)]

class Held:
    "What a live object and its classes hold, by name."
    def __init__(self, owner):
        self.is_class = is_exactly(owner, type)
        self.of_classes = class_dicts(type(owner))
        if self.is_class: self.own = class_dicts(owner)
        else: self.own = instance_dict(owner)

    def describe(self, name):
        "The type of the attribute `name`, what is held of it, and whether the object is its first argument."
        if name in self.own:
            value = self.own[name]
            return kind(value, self.is_class),value,False
        if name not in self.of_classes: return unknown,None,False
        value = self.of_classes[name]
        type = kind(value, in_class=True)
        return type,value,type == "function" and not is_exactly(value, staticmethod)

def runs_once(owner, name):
    "True if `name` is a cached property of `owner` that has not been asked for."
    classes = class_dicts(type(owner))
    return is_exactly(classes.get(name), cached_property) and name not in instance_dict(owner)

def mro(cls): return type.__dict__["__mro__"].__get__(cls)  # a metaclass may have its own

def class_dict(cls): return type.__dict__["__dict__"].__get__(cls)

def class_dicts(cls):
    "What `cls` and its bases hold."
    found = {}
    for base in reversed(mro(cls)): found.update(class_dict(base))
    return found

def instance_dict(owner):
    "The `__dict__` of `owner`, unless that is a property of its class."
    descriptor = class_dicts(type(owner)).get("__dict__")
    if not is_exactly(descriptor, *slots): return {}
    found = descriptor.__get__(owner)
    return found if is_exactly(found, dict) else {}

def is_exactly(value, *types):
    "`isinstance`, which does not ask the value for its `__class__`."
    return issubclass(type(value), types)

# -- types

def kind(value, in_class=False):
    "What jedi calls the type of `value`; of a descriptor, if it was found in a class."
    if is_exactly(value, ModuleType): return "module"
    if is_exactly(value, type): return "class"
    if is_exactly(value, *in_c, MethodType, classmethod): return "function"
    is_descriptor = has(value, "__get__")
    if is_descriptor and has(value, "__call__"): return "function"
    return "property" if is_descriptor and in_class else "instance"

def has(value, name):
    "True if the class of `value` has the method `name`."
    return any(name in class_dict(cls) for cls in mro(type(value)))

# -- signatures

def read_signature(function):
    "The `inspect.Signature` of `function`, or None."
    try: return signature_of(function)
    except Exception: return None  # `__signature__` and annotations of the user's

def signature(function, is_method):
    "The parameters of `function`, and what it returns, as text; empty if it tells nobody."
    if is_exactly(function, classmethod, staticmethod): function = function.__func__
    if is_exactly(function, *in_c): return signature_in_c(function, is_method)
    found = read_signature(function)
    if not found: return ""
    parameters = list(found.parameters.values())
    if is_method: parameters = parameters[1:]
    shown = ", ".join(shown_parameters(parameters))
    returned = shown_annotation(found.return_annotation)
    return f"({shown}) -> {returned}" if returned else f"({shown})"

def signature_in_c(function, is_method):
    "The signature that a function written in C has as text; `inspect` takes ten times as long to parse it."
    text = function.__text_signature__ or ""
    is_given = is_method or is_exactly(function, BuiltinFunctionType)
    if is_given: return re.sub(r"\$\w+(, /)?(, )?", "", text, count=1)
    return text.replace("$", "")

def shown_parameters(parameters):
    "The parameters as they are written, `/` and `*` between them."
    before = None
    for one in parameters:
        if before is one.POSITIONAL_ONLY and one.kind is not before: yield "/"
        if one.kind is one.KEYWORD_ONLY and before not in (one.KEYWORD_ONLY, one.VAR_POSITIONAL): yield "*"
        yield shown_parameter(one)
        before = one.kind
    if before is inspect.Parameter.POSITIONAL_ONLY: yield "/"

def shown_parameter(one):
    "A parameter as it is written; a default that has a `__repr__` of its own as three dots."
    text = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "") + one.name
    annotation = shown_annotation(one.annotation)
    if annotation: text += f": {annotation}"
    if one.default is one.empty: return text
    default = repr(one.default) if type(one.default) in plain_types else "..."
    return f"{text} = {default}" if annotation else f"{text}={default}"

def shown_annotation(annotation):
    "An annotation as it is written; empty if there is none, or if it is of a class of the user's."
    if annotation is inspect.Signature.empty: return ""
    if type(annotation) is str: return annotation
    is_typing = type(annotation) is type or type(annotation).__module__ in ("typing", "types")
    return inspect.formatannotation(annotation) if is_typing else ""
