"""GoogLeNet, with and without batch norm."""
