"""What is promised, measured and proven: benchmarks beside pgbench, and proofs that take longer than a test."""
