"""Groups of items (brands, categories, stores), and the families of products that came without one."""
