"""`python -m jaxcnn` is the program `jaxcnn`."""

from jaxcnn.cli import command_line

if __name__ == "__main__":
    command_line()
