"The extension of jupyter_server that lets kernels of ours wait as spares; `etc/jupyter` of this package switches it on."

import os

def _jupyter_server_extension_points(): return [{"module": "ipymini.environments.server"}]

def _load_jupyter_server_extension(app):
    "Make ours the provisioner of kernels whose spec names none, unless the user has chosen another."
    if not is_wanted(os.environ): return
    from jupyter_client.provisioning import KernelProvisionerFactory
    factory = KernelProvisionerFactory.instance(parent=app)
    if factory.default_provisioner_name == "local-provisioner": factory.default_provisioner_name = "ipymini-spare"

def is_wanted(env):
    "True unless IPYMINI_SPARE is 0, or the server is a hub's, where memory is many people's, and it is not 1."
    return env.get("IPYMINI_SPARE", "0" if "JUPYTERHUB_USER" in env else "1") != "0"
