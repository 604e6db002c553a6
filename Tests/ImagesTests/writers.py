# The same three layers, written by three tools; what others show of an image.
def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

ENV, COMMAND = {'WHO': 'image', 'PATH': '/bin', 'SPACES': 'a b'}, ['sh', '/show']
SHOW = b"""#!/bin/sh
env | sort; pwd; id; cat /opt/z /etc/b/in
find / -xdev -path /proc -prune -o -path /dev -prune -o -path /sys -prune -o -exec stat -c '%A %u:%g %F %N' {} + | sort
stat -c %h /bin/ping
"""

def make(path, data=b'', mode=0o644, uid=0, gid=0):
    if data is None: os.mkdir(path)
    else: write(path, data)
    os.chown(path, uid, gid)
    os.chmod(path, mode)

def first(root):
    """What the lowest layer has."""
    at = lambda name: os.path.join(root, name)
    for name, mode in (('bin', 0o755), ('etc', 0o755), ('tmp', 0o1777), ('opt', 0o755), ('opt/x', 0o700), ('usr', 0o755),
                       ('usr/lib', 0o750), ('srv', 0o755), ('srv/work', 0o2775), ('was-folder', 0o755)):
        make(at(name), None, mode, gid=5 if mode & 0o2000 else 0)
    for name in ('bin/busybox', 'bin/ping'): make(at(name), read('/bin/busybox'), 0o755 if 'box' in name else 0o4755)
    os.setxattr(at('bin/ping'), 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0))
    for name in ('sh', 'env', 'sort', 'pwd', 'id', 'cat', 'find', 'stat'): os.symlink('busybox', at('bin/' + name))
    os.link(at('bin/ping'), at('usr/lib/p'))
    os.symlink('usr/lib', at('lib'))
    os.mkfifo(at('pipe'))
    os.mkfifo(at('kept-pipe'))
    os.mknod(at('null'), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    make(at('etc/passwd'), b'www:x:33:44::/srv:/bin/sh\n')
    make(at('etc/group'), b'web:x:44:\nlog:x:55:www\n')
    for name in ('etc/a', 'etc/b', 'opt/x/y', 'was-folder/in', 'usr/lib/e\u0301' + 'long' * 40):
        make(at(name), name.encode(), 0o640, 3, 4)
    make(at('show'), SHOW, 0o755)

def second(root):
    at = lambda name: os.path.join(root, name)
    os.unlink(at('etc/a'))
    os.unlink(at('pipe'))
    os.chmod(at('etc'), 0o711)
    run('rm', '-r', at('opt'))
    make(at('opt'), None, 0o751)
    make(at('opt/z'), b'seen\n')
    make(at('usr/lib/more'), b'more', 0o2755, 7, 6)

def third(root):
    at = lambda name: os.path.join(root, name)
    for name in ('etc/b', 'null'): os.unlink(at(name))
    run('rm', '-r', at('was-folder'))
    make(at('etc/b'), None, 0o755)
    make(at('etc/b/in'), b'file became folder\n')
    make(at('null'), b'device became file')
    make(at('was-folder'), b'folder became file')

STEPS = (first, second, third)

def by_buildah():
    base = ['buildah', '--root', os.getcwd() + '/storage', '--runroot', os.getcwd() + '/storage-run', '--storage-driver', 'overlay',
            '--storage-opt', 'overlay.skip_mount_home=true']
    image = 'scratch'
    for index, step in enumerate(STEPS):
        container = run(*base, 'from', '--pull-never', image)
        step(run(*base, 'mount', container))
        image = 'localhost/it:%d' % index
        words = [word for name, value in ENV.items() for word in ('--env', name + '=' + value)]
        run(*base, 'config', *words, '--cmd', json.dumps(COMMAND), '--user', 'www', '--workingdir', '/srv/work', container)
        run(*base, 'umount', container)
        run(*base, 'commit', '-q', '--rm', container, image)
    place = 'containers-storage:[overlay@%s/storage+%s/storage-run:overlay.skip_mount_home=true]' % (os.getcwd(), os.getcwd())
    run('skopeo', '--insecure-policy', 'copy', '-q', place + image, 'oci:by-buildah:it')

def by_umoci():
    run('umoci', 'init', '--layout', 'by-umoci')
    run('umoci', 'new', '--image', 'by-umoci:it')
    run('umoci', 'unpack', '--image', 'by-umoci:it', 'umoci-bundle')
    for step in STEPS:
        step('umoci-bundle/rootfs')
        run('umoci', 'repack', '--refresh-bundle', '--image', 'by-umoci:it', 'umoci-bundle')
    words = [word for name, value in ENV.items() for word in ('--config.env', name + '=' + value)]
    words += [word for value in COMMAND for word in ('--config.cmd', value)]
    run('umoci', 'config', '--image', 'by-umoci:it', *words, '--config.user', 'www', '--config.workingdir', '/srv/work')

def by_docker():
    """The layout of `docker save`, up to Docker 24."""
    os.mkdir('docker-root')
    first('docker-root')
    run('tar', '--format=posix', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', 'docker-root', '-cf', 'layer-0', '.')
    tar('layer-1', [
        entry('etc/', DIR, mode=0o711), entry('etc/.wh.a'), entry('.wh.pipe'), entry('opt/', DIR, mode=0o751),
        entry('opt/.wh..wh..opq'), entry('opt/z', data=b'seen\n'), entry('usr/', DIR), entry('usr/lib/', DIR, mode=0o750),
        entry('usr/lib/more', data=b'more', mode=0o2755, uid=7, gid=6)])
    tar('layer-2', [
        entry('etc/', DIR, mode=0o711), entry('etc/b/', DIR), entry('etc/b/in', data=b'file became folder\n'),
        entry('null', data=b'device became file'), entry('was-folder', data=b'folder became file')])
    layers = ['layer-%d' % index for index in range(3)]
    ids = [digest(read(name))[7:] for name in layers]
    config = json.dumps({
        'architecture': os.uname().machine.replace('x86_64', 'amd64').replace('aarch64', 'arm64'), 'os': 'linux',
        'config': {'Env': ['%s=%s' % pair for pair in ENV.items()], 'Cmd': COMMAND, 'User': 'www', 'WorkingDir': '/srv/work'},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + id for id in ids]}}).encode()
    name = digest(config)[7:]
    files = [entry(name + '.json', data=config)]
    for id, layer in zip(ids, layers):
        files += [entry(id + '/', DIR), entry(id + '/VERSION', data=b'1.0'), entry(id + '/json', data=json.dumps({'id': id}).encode()),
                  entry(id + '/layer.tar', data=read(layer))]
    manifest = [{'Config': name + '.json', 'RepoTags': ['it:1'], 'Layers': [id + '/layer.tar' for id in ids]}]
    files += [entry('manifest.json', data=json.dumps(manifest).encode()),
              entry('repositories', data=json.dumps({'it': {'1': ids[-1]}}).encode())]
    tar('by-docker.tar', files)

WRITERS = {'oci:by-buildah:it': by_buildah, 'oci:by-umoci:it': by_umoci, 'docker-archive:by-docker.tar': by_docker}

def peers(source, name):
    """Writes what umoci unpacks of an image, and what podman mounts of it, to files of such names."""
    run('skopeo', '--insecure-policy', 'copy', '-q', source, 'oci:%s-copy:it' % name)
    run('umoci', 'unpack', '--image', name + '-copy:it', name + '-bundle')
    # Without the option containers-storage leaves its folder mounted.
    podman = ['podman', '--root', os.getcwd() + '/podman', '--runroot', os.getcwd() + '/podman-run',
              '--tmpdir', os.getcwd() + '/podman-tmp', '--storage-driver', 'overlay', '--storage-opt', 'overlay.skip_mount_home=true']
    image = run(*podman, 'pull', '-q', source)
    try:
        with open(name + '-umoci', 'w') as out: list_tree(name + '-bundle/rootfs', out)
        with open(name + '-podman', 'w') as out: list_tree(run(*podman, 'image', 'mount', image), out)
    finally:
        run(*podman, 'image', 'unmount', image)
