"""Brings the database to the form that the application wants. May be run again."""
from store import database

with database() as connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, item text NOT NULL)")
print("the database is ready")
