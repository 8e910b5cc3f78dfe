"""A demonstration server: TensorFlow Serving's REST requests, and a page."""
