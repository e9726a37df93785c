"The connection file, and telling our ports to whoever started us. Source: JEP 106, JEP 66."
import json, os, zmq

from ..wire import BadConnection, delim, encode

class Connection:
    "The connection file at `path`, with its settings; one that is missing is made. Raises: BadConnection"
    def __init__(self, path):
        self.path = os.path.abspath(path)  # a cell may change the folder
        self.is_ours = not os.path.exists(path)
        self.settings = new_settings() if self.is_ours else read_connection(path)
        self.asked = dict(self.settings)   # as they were before sockets were bound
        self.files = []                    # to be removed at the end

    def announce(self, context, wire):
        "Tell the ports that were bound: whoever asks for them at an address (JEP 66), else in the file, if it does not say them. Raises: BadConnection"
        if "registration_port" in self.settings: register(context, wire, self.settings)
        elif self.is_ours or self.settings != self.asked: write_connection(self.path, self.settings)
        self.files = [*self.socket_files(), *([self.path] if self.is_ours else [])]

    def socket_files(self):
        "The paths of the sockets, which ipc has."
        if self.settings["transport"] != "ipc": return []
        return [os.path.abspath(f"{self.settings['ip']}-{self.settings[port]}") for port in ports]

def new_settings():
    "Settings for a kernel that nobody has a connection file for: free ports of this machine, a key of its own."
    return dict(transport="tcp", ip="127.0.0.1", key=os.urandom(16).hex(), signature_scheme="hmac-sha256", **dict.fromkeys(ports, 0))

def register(ctx, wire, cfg):
    "Tell whoever started us, at the address in `cfg`, the ports we bound. Raises: BadConnection. Source: JEP 66"
    url = f"tcp://{cfg.get('registration_ip')}:{cfg['registration_port']}"
    content = encode(dict({p: cfg[p] for p in ports}, kernel_id=cfg.get("kernel_id")))
    with ctx.socket(zmq.DEALER) as sock:
        sock.linger = 0
        try: sock.connect(url)
        except (zmq.ZMQError, UnicodeError) as e: raise BadConnection(f"cannot register at {url}: {getattr(e, 'strerror', e)}") from None
        sock.send_multipart([delim, wire.sign([content]), content])
        if not sock.poll(5000): raise BadConnection(f"cannot register at {url}: no acknowledgement within 5 s")
        frames = sock.recv_multipart()
        if frames[-2:-1] != [wire.sign(frames[-1:])]: raise BadConnection(f"cannot register at {url}: the acknowledgement has a bad signature")

def listens(path):
    "True if a process listens on the unix socket at `path`"
    from socket import AF_UNIX, socket
    with socket(AF_UNIX) as s: return s.connect_ex(path) == 0

ports = [f"{c}_port" for c in ("shell", "iopub", "stdin", "control", "hb")]

def read_connection(path):
    "The connection file at `path`, with defaults for what it leaves out. Raises: BadConnection"
    try:
        with open(path, encoding="utf8") as f: cfg = json.load(f)
    except OSError as e: raise BadConnection(f"cannot read connection file {path}: {e.strerror}") from None
    except (ValueError, RecursionError) as e: raise BadConnection(f"connection file {path} is not valid JSON: {e}") from None
    if not isinstance(cfg, dict): raise BadConnection(f"connection file {path} does not hold a JSON object")
    cfg = {**dict(transport="tcp", ip="127.0.0.1", key="", signature_scheme="hmac-sha256"), **dict.fromkeys(ports, 0), **cfg}
    for k,v in cfg.items():
        if k in ports: good,what = type(v) is int and 0 <= v <= 65535, "a port number"
        elif k == "transport": good,what = v in ("tcp", "ipc"), "tcp or ipc"
        else: good,what = k not in ("ip", "key", "signature_scheme") or isinstance(v, str), "a string"
        if not good: raise BadConnection(f"connection file {path}: {k} is {v!r}, not {what}")
    return cfg

def write_connection(path, cfg):
    "Write `cfg` to `path`, for the owner's eyes only. Raises: BadConnection"
    tmp = f"{path}.{os.getpid()}"
    try:
        with open(os.open(tmp, os.O_WRONLY|os.O_CREAT|os.O_TRUNC, 0o600), "w", encoding="utf8") as f: json.dump(cfg, f, indent=1)
        os.replace(tmp, path)
    except OSError as e: raise BadConnection(f"cannot write connection file {path}: {e.strerror}") from None
