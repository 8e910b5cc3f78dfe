"""What every network shares; importing it sets TensorFlow's environment."""

from official import environment

environment.configure()
