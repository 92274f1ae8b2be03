"""The report's pages: what they say, the waterfall, HTML and Markdown; from JSON alone."""
