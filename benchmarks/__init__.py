"""Speed beside what people would use instead, by hand; see README.md."""

from official import environment

# TensorFlow reads these variables when it is imported. Importing this package
# sets them first, so every side has oneDNN, the peers too.
environment.configure()
