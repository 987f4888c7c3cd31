"""What the context encoding saw in an image, and what it changed: arrays, pictures, and a page of them."""
