"""Version of the adapter: that of dbt-redshift which it extends, then its own."""

version = "1.11.0"
