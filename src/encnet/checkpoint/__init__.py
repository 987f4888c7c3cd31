"""Models on disk: file format, loading, Hugging Face hub, model card."""
