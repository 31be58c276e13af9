"""Which system calls generated code may make, as a filter for the kernel. Linux on x86-64 and AArch64.

Invariant: no socket is ever opened but pairs that are connected to each other for good, so nothing is reached by
network, loopback or a socket file, also not one that lies in a folder that may be read. Beside that, what would go
around the rest of a sandbox: other processes' memory, limits and schedules, System V's shared memory and queues, new
namespaces and mounts, keys, io_uring, memory outside every account, and all calls that are newer than this table.
Loads, stores and files are not its subject.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Mapping

_Calls = Mapping[str, tuple[int | None, int | None]]

_LAST_KNOWN = 462  # mseal, Linux 6.10; beyond it both architectures count alike

# name: number on x86-64, on AArch64; None where there is no such call
_REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "settimeofday": (164, 170),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "shmget": (29, 194),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
# Said not to exist, so that programs take the older way: clone3 hides its flags from a filter.
_ABSENT = {
    "clone3": (435, 435),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
}
# Modes, owners, times and attributes, which Landlock leaves to everyone who owns the file.
_METADATA = {
    "chmod": (90, None),
    "chown": (92, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "futimesat": (261, None),
    "lchown": (94, None),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "setxattr": (188, 5),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
}
_CLONE = (56, 220)
_IOCTL = (16, 29)
_PRLIMIT64 = (302, 261)
_SCHED_SETAFFINITY = (203, 122)
_SOCKETPAIR = (53, 199)
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET; NEWTIME cannot be had by this call
_SOCKET_KINDS, _SOCK_STREAM = 0xF, 1
# Typing into a terminal, and a file's flags, which no sandbox of paths looks at.
_IOCTLS_REFUSED = (0x5412, 0x541C, 0x40086602, 0x401C5820)  # TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the tables, AUDIT_ARCH_*

_LOAD, _AND, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data, low words
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


def is_supported() -> bool:
    """Tell whether this architecture's calls are known."""
    return os.uname().machine in _ARCHITECTURES


def program(*, keeps_metadata: bool) -> bytes:
    """Build the filter for this machine: instructions of struct sock_filter.

    keeps_metadata: what changes modes, owners, times and attributes answers that it is done, and does nothing; programs
    that copy files would take a refusal for a failure.
    """
    column, architecture = _ARCHITECTURES[os.uname().machine]
    code = [
        _op(_LOAD, _ARCHITECTURE),
        _op(_EQUAL, architecture, 1, 0),
        _refuse(errno.ENOSYS),  # 32-bit calls on a 64-bit machine
        _op(_LOAD, _NUMBER),
        _op(_GREATER, _LAST_KNOWN, 0, 1),  # the x32 calls as well: their bit 30 is set
        _refuse(errno.ENOSYS),
    ]
    groups: list[tuple[_Calls, int]] = [(_REFUSED, errno.EPERM), (_ABSENT, errno.ENOSYS)]
    if keeps_metadata:
        groups.append((_METADATA, 0))
    for table, number in groups:
        for columns in table.values():
            if (call := columns[column]) is not None:
                code += [_op(_EQUAL, call, 0, 1), _refuse(number)]
    code += _where(_CLONE[column], _FIRST_ARGUMENT, [_op(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM)])
    # Of a pair of datagram sockets, each can still send to any other that has a name.
    stream = [_op(_AND, _SOCKET_KINDS), _op(_EQUAL, _SOCK_STREAM, 1, 0), _refuse(errno.EPERM)]
    code += _where(_SOCKETPAIR[column], _SECOND_ARGUMENT, stream)
    for call in (_PRLIMIT64[column], _SCHED_SETAFFINITY[column]):  # of oneself, which is 0; not of another process
        code += _where(call, _FIRST_ARGUMENT, [_op(_EQUAL, 0, 1, 0), _refuse(errno.EPERM)])
    refused = [op for request in _IOCTLS_REFUSED for op in (_op(_EQUAL, request, 0, 1), _refuse(errno.EPERM))]
    code += _where(_IOCTL[column], _SECOND_ARGUMENT, refused)
    return b"".join([*code, _op(_RETURN, _ALLOW)])


def install(filter_program: bytes) -> None:
    """Put this process and all that come of it under `filter_program`, for good. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(filter_program, len(filter_program))
    head = struct.pack("HxxxxxxQ", len(filter_program) // 8, ctypes.addressof(instructions))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, head, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")


def _op(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_so, if_not, value)


def _refuse(number: int) -> bytes:
    return _op(_RETURN, _ERRNO | number)


def _where(call: int, argument: int, checks: list[bytes]) -> list[bytes]:
    """Put `checks` of one of its arguments, which fall through where all is well, around the system call `call`."""
    return [_op(_EQUAL, call, 0, len(checks) + 2), _op(_LOAD, argument), *checks, _op(_RETURN, _ALLOW)]
