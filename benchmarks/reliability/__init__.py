"""What encnet does with damaged and hostile input: seeded cases of each kind, run one by one, and counted."""
