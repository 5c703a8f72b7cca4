"""acdoctor: the environment doctor for AI-accelerator Python stacks."""

__version__ = "0.1.0"
