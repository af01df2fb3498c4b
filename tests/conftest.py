"""Every test sees float64 and two devices; dtypes are therefore always given explicitly."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
