"""One module a stage of the workflow: read, one library call, write."""
