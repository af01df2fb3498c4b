"""Layers as explicit matrices, and what can be read from them.

matrices      any linear (or affine) layer as a matrix: Toeplitz matrices, pooling given its winners, batch norm
support       which outputs depend on which inputs, and how densely
padding       how many kernel entries each input position meets
sizes         the size rule with its derivation; receptive fields
translation   equivariance and invariance of a network over shifts
pictures      matrices and heat maps as pictures
"""

from analysis.linear_maps.matrices import batch_norm_matrix, conv_matrix, matrix, max_pool_matrix, same_conv_matrix
from analysis.linear_maps.padding import MODES, contributions, gradient_weight, pad
from analysis.linear_maps.sizes import DERIVATION, Field, output_size, receptive_fields, same_padding
from analysis.linear_maps.support import density, support
from analysis.linear_maps.translation import equivariance_errors, invariance_errors, invariances, shift

__all__ = [
    "DERIVATION",
    "MODES",
    "Field",
    "batch_norm_matrix",
    "contributions",
    "conv_matrix",
    "density",
    "equivariance_errors",
    "gradient_weight",
    "invariance_errors",
    "invariances",
    "matrix",
    "max_pool_matrix",
    "output_size",
    "pad",
    "receptive_fields",
    "same_conv_matrix",
    "same_padding",
    "shift",
    "support",
]
