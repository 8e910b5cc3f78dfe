"""The sides that are measured: this project and its peers."""
