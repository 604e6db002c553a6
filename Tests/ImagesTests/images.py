# What the tests' Python programs have beside archives.py: writers of images.
import random

def noise(size, seed):
    return random.Random(seed).randbytes(size)

def layer(name, entries, packed=True):
    """A layer's blob, its media type's ending and its diffID."""
    plain = read(tar(name, entries))
    return (gzip.compress(plain, 1, mtime=0), '+gzip', digest(plain)) if packed else (plain, '', digest(plain))

def keep(folder, data):
    name = digest(data)
    os.makedirs(folder + '/blobs/sha256', exist_ok=True)
    write(folder + '/blobs/' + name.replace(':', '/'), data)
    return name

def described(folder, data, media):
    return {'mediaType': media, 'digest': keep(folder, data), 'size': len(data)}

def image(folder, layers, arch='amd64', config={}):
    """Its manifest's descriptor."""
    oci = 'application/vnd.oci.image.'
    text = {'architecture': arch, 'os': 'linux', 'created': '2020-01-01T00:00:00Z', 'config': config,
            'rootfs': {'type': 'layers', 'diff_ids': [diff for _, _, diff in layers]}}
    manifest = {'schemaVersion': 2, 'mediaType': oci + 'manifest.v1+json',
                'config': described(folder, json.dumps(text).encode(), oci + 'config.v1+json'),
                'layers': [described(folder, blob, oci + 'layer.v1.tar' + kind) for blob, kind, _ in layers]}
    made = described(folder, json.dumps(manifest).encode(), oci + 'manifest.v1+json')
    return dict(made, platform={'os': 'linux', 'architecture': arch})

def layout(folder, images):
    """A folder with images by name; a list is one for several platforms."""
    entries = []
    for name, made in images.items():
        if isinstance(made, list):
            media = 'application/vnd.oci.image.index.v1+json'
            made = described(folder, json.dumps({'schemaVersion': 2, 'mediaType': media, 'manifests': made}).encode(), media)
        entries.append(dict(made, annotations={'org.opencontainers.image.ref.name': name}))
    write(folder + '/oci-layout', b'{"imageLayoutVersion": "1.0.0"}')
    write(folder + '/index.json', json.dumps({'schemaVersion': 2, 'manifests': entries}).encode())

