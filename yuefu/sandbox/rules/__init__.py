"""Pure rules of the sandbox: clocks, behaviours, the matrix."""
