"""An adapter for each engine that can carry out the expression: read, keep, write, and the few rows of a sum. Each is imported when it is asked for."""
