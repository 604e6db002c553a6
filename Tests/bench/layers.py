"""Layers for the benches: an image of 100 MB in five of them."""

import gzip
import hashlib
import io
import random
import tarfile

LAYERS = 5
FILES = 600


def archive(number, folder):
    """600 files of text and one of 11 MB that cannot be compressed, as a gzip'ed tar file; its path and its diffID."""
    chance = random.Random(number)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        def add(name, content=None):
            info = tarfile.TarInfo(name)
            info.type, info.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
            info.size = len(content or b"")
            tar.addfile(info, io.BytesIO(content or b""))
        add(f"layer{number}")
        for file in range(FILES):
            if file % 50 == 0:
                add(f"layer{number}/{file // 50}")
            words = b" ".join(b"%x" % chance.getrandbits(24) for _ in range(chance.randrange(200, 4200)))
            add(f"layer{number}/{file // 50}/{file}", words)
        add(f"layer{number}/large", chance.randbytes(11 << 20))
    path = f"{folder}/layer{number}.tar"
    with open(path, "wb") as file:
        file.write(data.getvalue())
    with open(path + ".gz", "wb") as file:
        file.write(gzip.compress(data.getvalue(), 6))
    return path, "sha256:" + hashlib.sha256(data.getvalue()).hexdigest()
