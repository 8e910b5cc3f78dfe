"""Encoded images to pixels, in TensorFlow's graph.

- images: any image to uint8 [H, W, channels].
- resizing: an image to the shape and the paper of a data set's images.
- bmp, gif: formats that TensorFlow decodes wrongly or at too high a cost.
- headers: the first bytes of a file, as tensors.
"""
