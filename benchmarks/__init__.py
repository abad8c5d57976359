"""The measurements of `make bench`; docs/performance.md explains them."""
