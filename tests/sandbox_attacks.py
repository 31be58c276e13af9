"""What generated code might try: short programs, each of which ends without an error when it got through.

What they aim at stands in their environment: OUTSIDE, a folder that is not shared, with `secret.txt` and the Unix
sockets `stream` and `datagrams`; WORKSPACE, with `module.py`, the same sockets, and the symlink `way_out` to OUTSIDE;
PORT, of listeners on loopback by TCP and UDP; ABSTRACT, the name of an abstract Unix socket; PID, a process, and
ADDRESS, of eight bytes in it; SHARED, a segment of shared memory. They start in the scratch folder. Some, in a
sandbox, seem to get through and change nothing: what counts is what they did.
"""

from collections.abc import Mapping

_HEAD = """
import ctypes, os, resource, socket
env = os.environ
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""

READING = {
    "read a file outside": "assert open(env['OUTSIDE'] + '/secret.txt').read()",
    "list a folder outside": "assert os.listdir(env['OUTSIDE'])",
    "a symlink of the workspace": "assert open(env['WORKSPACE'] + '/way_out/secret.txt').read()",
    "a symlink of its own": "os.symlink(env['OUTSIDE'], 'out'); assert open('out/secret.txt').read()",
    "up from the scratch": "assert open(os.path.relpath(env['OUTSIDE'] + '/secret.txt')).read()",
    "a hard link": "os.link(env['OUTSIDE'] + '/secret.txt', 'linked'); assert open('linked').read()",
    "the root of another process": "assert open(f\"/proc/{env['PID']}/root{env['OUTSIDE']}/secret.txt\").read()",
    "its own root": "assert open(f\"/proc/self/root{env['OUTSIDE']}/secret.txt\").read()",
    "the folder of another process": "assert os.listdir(f\"/proc/{env['PID']}/cwd/\")",
}
WRITING = {
    "write a new file": "open(env['WORKSPACE'] + '/new.py', 'w').write('x')",
    "change a file": "open(env['WORKSPACE'] + '/module.py', 'a').write('x')",
    "truncate a file": "os.truncate(env['WORKSPACE'] + '/module.py', 0)",
    "remove a file": "os.unlink(env['WORKSPACE'] + '/module.py')",
    "rename a file": "os.rename(env['WORKSPACE'] + '/module.py', env['WORKSPACE'] + '/other.py')",
    "move a file away": "os.rename(env['WORKSPACE'] + '/module.py', 'module.py')",
    "make a folder": "os.mkdir(env['WORKSPACE'] + '/folder')",
    "make a symlink": "os.symlink('module.py', env['WORKSPACE'] + '/link.py')",
    "change by a hard link": "os.link(env['WORKSPACE'] + '/module.py', 'linked'); open('linked', 'a').write('x')",
    "change the mode": "os.chmod(env['WORKSPACE'] + '/module.py', 0o777)",
    "change the mode of an open file": "os.fchmod(os.open(env['WORKSPACE'] + '/module.py', os.O_RDONLY), 0o777)",
    "change the time": "os.utime(env['WORKSPACE'] + '/module.py', (1, 1))",
    "write a file outside": "open(env['OUTSIDE'] + '/new.txt', 'w').write('x')",
    "write through a symlink": "os.symlink(env['OUTSIDE'], 'out'); open('out/new.txt', 'w').write('x')",
    "write by another process": "open(f\"/proc/{env['PID']}/root{env['OUTSIDE']}/new.txt\", 'w').write('x')",
}
REACHING = {
    "TCP on loopback": "socket.create_connection(('127.0.0.1', int(env['PORT']))).sendall(b'x')",
    "UDP on loopback": "socket.socket(2, 2).sendto(b'x', ('127.0.0.1', int(env['PORT'])))",
    "listening on loopback": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
    "a raw packet": "socket.socket(17, 3)",
    "netlink": "socket.socket(16, 3)",
    "a socket of outside": "s = socket.socket(1); s.connect(env['OUTSIDE'] + '/stream'); s.sendall(b'x')",
    "a socket in the workspace": "s = socket.socket(1); s.connect(env['WORKSPACE'] + '/stream'); s.sendall(b'x')",
    "an abstract socket": "s = socket.socket(1); s.connect('\\0' + env['ABSTRACT']); s.sendall(b'x')",
    "a socket of a pair": "a, b = socket.socketpair(1, 2); a.sendto(b'x', env['OUTSIDE'] + '/datagrams')",
    "a socket of a pair in the workspace": (
        "a, b = socket.socketpair(1, 2); a.sendto(b'x', env['WORKSPACE'] + '/datagrams')"
    ),
}
MEDDLING = {
    "trace a process": "checked(libc.ptrace(16, int(env['PID']), 0, 0))",
    "seize a process": "checked(libc.ptrace(0x4206, int(env['PID']), 0, 0))",
    "read its memory": "open(f\"/proc/{env['PID']}/mem\", 'rb')",
    "read its environment": "assert open(f\"/proc/{env['PID']}/environ\").read()",
    "read its command line": "assert open(f\"/proc/{env['PID']}/cmdline\").read()",
    "read its status": "assert open(f\"/proc/{env['PID']}/status\").read()",
    "send it a signal": "os.kill(int(env['PID']), 0)",
    "limit it": "resource.prlimit(int(env['PID']), resource.RLIMIT_CORE, (0, 0))",
    "slow it down": "os.setpriority(os.PRIO_PROCESS, int(env['PID']), 19)",
    "pin it": "os.sched_setaffinity(int(env['PID']), os.sched_getaffinity(0))",
    "attach to shared memory": (
        "libc.shmat.restype = ctypes.c_void_p\nassert libc.shmat(int(env['SHARED']), None, 0) != 2**64 - 1"
    ),
    "copy its memory": (
        "b = ctypes.create_string_buffer(8); io = (ctypes.c_size_t * 2)(ctypes.addressof(b), 8)\n"
        "checked(libc.process_vm_readv(int(env['PID']), io, 1, (ctypes.c_size_t * 2)(int(env['ADDRESS']), 8), 1, 0))"
    ),
}
NAMESPACES = {
    "a user namespace": "checked(libc.unshare(0x10000000))",
    "a user namespace by clone": (
        "checked(libc.syscall(56 if os.uname().machine == 'x86_64' else 220, 0x10000011, 0, 0, 0, 0))"
    ),
    "io_uring": "checked(libc.syscall(425, 1, ctypes.create_string_buffer(128)))",
    "memory without a name": "os.memfd_create('x')",
}


def program(attacks: Mapping[str, str]) -> str:
    """Return a program that makes `attacks`, writes a line with the name of each that got through, then "done"."""
    return f"""{_HEAD}
for name, attack in {dict(attacks)!r}.items():
    try:
        exec(attack)
    except (OSError, AssertionError):
        continue
    print(name)
print("done")
"""
