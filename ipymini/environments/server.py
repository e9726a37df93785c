"""The extension of jupyter_server that starts kernels by a provisioner of ours; `etc/jupyter` of this package switches it on.

So kernels of ours can wait as spares, and all kernels can be reached by unix sockets."""

def _jupyter_server_extension_points(): return [{"module": "ipymini.environments.server"}]

def _load_jupyter_server_extension(app):
    "Make ours the provisioner of kernels whose spec names none, unless the user has chosen another."
    from jupyter_client.provisioning import KernelProvisionerFactory
    factory = KernelProvisionerFactory.instance(parent=app)
    if factory.default_provisioner_name == "local-provisioner": factory.default_provisioner_name = "ipymini-spare"
