"""The shop's database and cache. Connections are made anew for each request: either may have been restarted."""
import os

import psycopg2
import redis


def database():
    with open("/run/secrets/db_password") as file:
        password = file.read().strip()
    return psycopg2.connect(host=os.environ["DATABASE"], user="postgres", password=password, connect_timeout=5)


def cache():
    return redis.Redis(host=os.environ["CACHE"], socket_timeout=2)
