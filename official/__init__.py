"""The code of every network; importing it sets TensorFlow's environment."""

from official import environment

environment.configure()
