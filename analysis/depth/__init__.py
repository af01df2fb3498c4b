"""What depth costs and what shortcuts do.

blocks.py     residual and bottleneck blocks at equal width: parameters, products, what one output sees
untrained.py  AlexNet before training: a thousand classes, a thousandth each
training.py   residual networks of depth 8 to 56, with and without batch norm, with and without shortcuts
pictures.py   what they look like
command.py    `jaxcnn depth`
"""
