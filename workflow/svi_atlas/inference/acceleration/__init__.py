"""Everything that reaches into JAX's internals to make fits faster; the results stay the same."""
