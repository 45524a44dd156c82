"""A command's options in all their forms: `call` as values and as a typed line, `config` a file, `completion`."""
