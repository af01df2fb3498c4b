"""How fast: this project, plain JAX under `jax.grad`, and PyTorch, side by side in one run."""
