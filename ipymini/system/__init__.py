"What only the operating system knows."
