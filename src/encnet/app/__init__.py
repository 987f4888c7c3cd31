"""`encnet app`: a checkpoint as a page for people and an HTTP route for programs."""
