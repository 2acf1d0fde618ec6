"""What is measured, one module each: `run(sizes, rounds=…)` opens what it needs and returns a `Part`."""
