"""What a network makes of a picture.

images.py        a file as 8-bit pixels, whatever it holds
preprocessing.py pixels as a network wants them
models.py        a network with its parameters: of a trained run, of a weights file, or random
explanation.py   which parts of the picture speak for an answer
pictures.py      what the answer and its reasons look like
command.py       `jaxcnn predict`
"""
