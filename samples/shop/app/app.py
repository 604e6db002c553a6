"""POST /orders with an item, GET /orders for all of them."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis
from store import cache, database


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            with database() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return self.answer({"health": "good"})
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, item FROM orders ORDER BY id")
            self.answer([{"id": number, "item": item} for number, item in cursor.fetchall()])

    def do_POST(self):
        item = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO orders (item) VALUES (%s) RETURNING id", (item,))
            number = cursor.fetchone()[0]
        # The order stands; how many there were lately is worth no failure.
        try:
            lately = cache().incr("orders")
        except redis.RedisError:
            lately = None
        self.answer({"id": number, "item": item, "lately": lately})

    def answer(self, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Shop).serve_forever()
