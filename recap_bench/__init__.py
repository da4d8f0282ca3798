"""recap_bench: the loop of RECAP (arXiv 2511.14759) in simulation."""
