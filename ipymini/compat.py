"""What libraries look for under ipykernel's names: stub modules, attributes of the kernel. Each entry names who needs it."""


def install(kernel): pass
