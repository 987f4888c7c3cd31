"""What reports are made of: pictures, figures, HTML pages and their templates."""
