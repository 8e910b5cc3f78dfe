"""Speed against what people would use instead, run by hand; see README.md."""
