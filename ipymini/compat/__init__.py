"What libraries look for under ipykernel's names, and every change that we make in others' modules."
