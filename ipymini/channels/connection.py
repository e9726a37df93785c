"The connection file; sockets bound as it says, encrypted if it has keys; telling our ports to whoever started us. Source: JEP 106, JEP 66."
import json, os, socket, stat
from hmac import compare_digest

from .light_zmq import zmq
from ..system.files import make_anew, remove
from ..wire import delim, encode

ports = [f"{channel}_port" for channel in ("shell", "iopub", "stdin", "control", "hb")]
defaults = dict(transport="tcp", ip="127.0.0.1", key="", signature_scheme="hmac-sha256", **dict.fromkeys(ports, 0))

class BadConnection(Exception): "A connection file, or an address in it, that cannot be used; says which and why."

class Connection:
    "The connection file at `path`, with its settings; one that is missing is made. Raises: BadConnection."
    def __init__(self, path):
        self.path = os.path.abspath(path)  # a cell may change the folder
        self.is_ours = not os.path.exists(path)
        self.settings = new_settings() if self.is_ours else read_connection(path)
        self.asked = dict(self.settings)   # as they were before sockets were bound
        self.files = []                    # to be removed at the end

    def announce(self, context, wire):
        """Tell the ports that were bound: whoever asks for them at an address (JEP 66), else in the file, if it does not say them.

        Raises: BadConnection."""
        if "registration_port" in self.settings: register(context, wire, self.settings)
        elif self.is_ours or self.settings != self.asked: write_connection(self.path, self.settings)
        self.files = [*self.socket_files(), *([self.path] if self.is_ours else [])]

    @property
    def is_encrypted(self): return bool(self.settings.get("curve_secretkey"))

    def socket_files(self):
        "The paths of the sockets, which ipc has."
        if self.settings["transport"] != "ipc": return []
        return [os.path.abspath(f"{self.settings['ip']}-{self.settings[port]}") for port in ports]

# -- the file

def new_settings():
    "Settings for a kernel that nobody has a connection file for: free ports of this machine, a key of its own."
    return {**defaults, "key": os.urandom(16).hex()}

def read_connection(path):
    "The settings in the connection file at `path`, with defaults for what it leaves out. Raises: BadConnection."
    try:
        with open(path, encoding="utf8") as file: settings = json.load(file)
    except OSError as e: raise BadConnection(f"cannot read connection file {path}: {e.strerror}") from None
    except (ValueError, RecursionError) as e: raise BadConnection(f"connection file {path} is not valid JSON: {e}") from None
    if not isinstance(settings, dict): raise BadConnection(f"connection file {path} does not hold a JSON object")
    settings = {**defaults, **settings}
    for name,value in settings.items():
        needed = what_is_needed(name, value)
        if needed: raise BadConnection(f"connection file {path}: {name} is {value!r}, not {needed}")
    return settings

def what_is_needed(name, value):
    "What the setting `name` needs to be, if `value` is not."
    if name in ports: return None if type(value) is int and 0 <= value <= 65535 else "a port number"
    if name == "transport": return None if value in ("tcp", "ipc") else "tcp or ipc"
    if name in ("ip", "key", "signature_scheme"): return None if isinstance(value, str) else "a string"
    return None

def write_connection(path, settings):
    "Write `settings` to `path`, for the owner's eyes only. Raises: BadConnection."
    folder,name = os.path.split(path)
    new = os.path.join(folder, f".{name}.{os.urandom(8).hex()}")  # which nobody can have prepared
    try:
        with open(make_anew(new), "w", encoding="utf8") as file: json.dump(settings, file, indent=1)
        os.replace(new, path)
    except OSError as e:
        remove(new)
        raise BadConnection(f"cannot write connection file {path}: {e.strerror}") from None

# -- the sockets

def bind(sock, settings, port):
    "Bind `sock` to `settings[port]`, or to a free port that is then written there. Raises: BadConnection."
    if settings.get("curve_secretkey") or settings.get("curve_publickey"): encrypt(sock, settings)
    if settings["transport"] == "ipc": bind_ipc(sock, settings, port)
    else: bind_tcp(sock, settings, port)
    if settings["key"] or is_local(sock): return
    raise BadConnection(f"{settings['ip']} with an empty key lets anybody who reaches this machine run code: set a key, or ip to 127.0.0.1")

def is_local(sock):
    "True if `sock` is bound where only this machine's processes reach it."
    return sock.last_endpoint.startswith((b"ipc:", b"tcp://127.", b"tcp://[::1]"))

def bind_tcp(sock, settings, port):
    "Bind to a port of an address of this machine."
    ip = settings["ip"] or "127.0.0.1"  # `*` is every address
    if ":" in ip:
        ip = f"[{ip}]"
        sock.ipv6 = 1
    bind_url(sock, port, f"tcp://{ip}:{settings[port] or '*'}")
    settings[port] = int(sock.last_endpoint.rsplit(b":", 1)[1].rstrip(b"\0"))

def bind_ipc(sock, settings, port):
    "Bind to a unix socket, for this user alone, whose path ends in the number of the port."
    number = settings[port] or free_number(settings["ip"])
    path = f"{settings['ip']}-{number}"
    url = f"ipc://{path}"
    refuse_open_folder(os.path.dirname(path) or ".", f"cannot bind {port} to {url}")
    if os.path.lexists(path): refuse_if_used(path, f"cannot bind {port} to {url}")
    before = os.umask(0o077)
    try: bind_url(sock, port, url)
    finally: os.umask(before)
    settings[port] = number

def free_number(prefix):
    "The first number whose path is not there."
    for number in range(1, 65536):
        if not os.path.exists(f"{prefix}-{number}"): return number
    raise BadConnection(f"cannot bind to ipc://{prefix}: there is no free number behind it")

def bind_url(sock, port, url):
    try: sock.bind(url)
    except (zmq.ZMQError, UnicodeError) as e: raise BadConnection(f"cannot bind {port} to {url}: {reason(e)}") from None

def refuse_open_folder(folder, failure):
    "Raise a BadConnection that begins with `failure` where another user can put a socket of his in the place of ours."
    try: info = os.stat(folder)
    except OSError: return  # zmq says what is wrong with it
    is_of_another = hasattr(os, "getuid") and info.st_uid not in (0, os.getuid())
    is_open = info.st_mode & stat.S_IWOTH and not info.st_mode & stat.S_ISVTX
    if not (is_of_another or is_open): return
    raise BadConnection(f"{failure}: other users may replace files in {os.path.abspath(folder)}, name a folder of yours")

def refuse_if_used(path, failure):
    "Raise a BadConnection that begins with `failure`, unless `path` is a socket that nobody listens on: zmq would replace anything."
    if not stat.S_ISSOCK(os.lstat(path).st_mode): raise BadConnection(f"{failure}: what has this name is no socket, remove it")
    with socket.socket(socket.AF_UNIX) as other:
        if other.connect_ex(path) == 0: raise BadConnection(f"{failure}: Address already in use")

def encrypt(sock, settings):
    "Make `sock` a CURVE server with the key pair in `settings`. Raises: BadConnection."
    for name in ("curve_publickey", "curve_secretkey"):
        key = settings.get(name)
        try: setattr(sock, name, key.encode())
        except (AttributeError, UnicodeEncodeError, zmq.ZMQError):
            raise BadConnection(f"{name} in the connection file is not a key of 40 Z85 characters") from None
    sock.curve_server = 1

def reason(error): return getattr(error, "strerror", error)

# -- telling our ports

def register(context, wire, settings):
    "Tell whoever started us, at the address in `settings`, the ports that we bound. Raises: BadConnection. Source: JEP 66."
    url = f"tcp://{settings.get('registration_ip')}:{settings['registration_port']}"
    bound = {port: settings[port] for port in ports}
    content = encode(dict(bound, kernel_id=settings.get("kernel_id")))
    with context.socket(zmq.DEALER) as sock:
        sock.linger = 0
        try: sock.connect(url)
        except (zmq.ZMQError, UnicodeError) as e: raise BadConnection(f"cannot register at {url}: {reason(e)}") from None
        sock.send_multipart([delim, wire.sign([content]), content])
        if not sock.poll(5000): raise BadConnection(f"cannot register at {url}: no acknowledgement within 5 s")
        *_,signature,answer = [b"", *sock.recv_multipart()]
        if not compare_digest(signature, wire.sign([answer])):
            raise BadConnection(f"cannot register at {url}: the acknowledgement has a bad signature")
        # who only sends it back needs no key for that
        if answer == content: raise BadConnection(f"cannot register at {url}: the acknowledgement is the registration itself")
