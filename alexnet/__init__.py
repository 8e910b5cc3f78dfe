"""AlexNet in three forms."""
