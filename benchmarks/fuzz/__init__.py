"""Readers of files from strangers, fuzzed: inputs that reach new lines of code are kept, and changed further."""
