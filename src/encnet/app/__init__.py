"""`encnet app`: a web page for people and HTTP routes for programs, on top of a checkpoint."""
