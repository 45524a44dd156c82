"""The commands: `use`, `look` and `forwarded` are what is typed, with its options; a file or folder each does it.

What is imported here starts with every command and imports nothing heavy outside of a function: `use`, `look`,
`forwarded`, `group`, `picture` and the `options` of the folders.
"""
