"""Training: configuration, data, one compiled epoch, and what a run leaves on disk.

    config.py      everything a run depends on, one frozen dataclass
    settings.py    the same, read back from a run's folder
    idx.py         MNIST's file format            cifar.py     CIFAR-10's
    data.py        digits, a folder of IDX files, sets fetched by name; the split and the stratified subset
    rows.py        images that stay in their files until they are asked for
    step.py        one batch, one epoch (a `lax.scan` on the device), prediction
    gradients.py   handwritten against automatic gradients, parameter by parameter
    metrics.py     what is measured of a network's logits
    loop.py        one epoch after the other
    run.py         the run directory              gallery.py   its pictures, drawn by pictures.py
    checkpoint.py  what a run goes on from        files.py     files that are written whole or not at all
    runs.py        `jaxcnn runs`: what is in run directories, one beside the other
    progress.py    what the terminal shows         dashboard.py   the same with curves
    events.py      what TensorBoard shows
    experiment.py  all of it together             command.py   `jaxcnn train`

Importing this package imports none of them: the command line reads `config.py` before JAX is loaded.
"""
