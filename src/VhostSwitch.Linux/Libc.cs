using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// The calls into the C library, by their own names and with the closest types. Everything here is internal: other
/// projects see the typed wrappers of this folder. Calls that poll threads make carry no <c>SetLastError</c>, which would
/// cost ten times the call.
/// </summary>
internal static unsafe partial class Libc
{
    internal const int O_RDWR = 2;
    internal const int O_NONBLOCK = 0x800;
    internal const int O_RDONLY = 0;
    internal const int O_CLOEXEC = 0x80000;
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;
    internal const int PROT_EXEC = 4;
    internal const int MAP_SHARED = 1;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_ANONYMOUS = 0x20;
    internal const int MAP_NORESERVE = 0x4000;
    internal const int MAP_HUGETLB = 0x40000;
    internal const int MAP_HUGE_SHIFT = 26;
    internal const int MADV_HUGEPAGE = 14;
    internal const int MADV_DONTDUMP = 16;
    internal const uint HUGETLBFS_MAGIC = 0x958458f6;
    internal const uint MFD_CLOEXEC = 1;
    internal const uint MFD_ALLOW_SEALING = 2;
    internal const uint MFD_HUGETLB = 4;
    internal const int F_GETFL = 3;
    internal const int F_SETFL = 4;
    internal const int F_ADD_SEALS = 1033;
    internal const int F_GET_SEALS = 1034;
    internal const int F_SEAL_SEAL = 1;
    internal const int F_SEAL_SHRINK = 2;
    internal const int F_SEAL_GROW = 4;
    internal const int AF_UNIX = 1;
    internal const int SOCK_STREAM = 1;
    internal const int SOCK_NONBLOCK = 0x800;
    internal const int SOCK_CLOEXEC = 0x80000;
    internal const int SOL_SOCKET = 1;
    internal const int SO_TYPE = 3;
    internal const int SO_PEERCRED = 17;
    internal const int SO_DOMAIN = 39;
    internal const int SHUT_RDWR = 2;
    internal const int SCM_RIGHTS = 1;
    internal const int MSG_CTRUNC = 0x8;
    internal const int MSG_TRUNC = 0x20;
    internal const int MSG_DONTWAIT = 0x40;
    internal const int MSG_NOSIGNAL = 0x4000;
    internal const int MSG_CMSG_CLOEXEC = 0x40000000;
    internal const int EFD_CLOEXEC = 0x80000;
    internal const int EFD_NONBLOCK = 0x800;
    internal const int SIGBUS = 7;
    internal const int SIG_DFL = 0;
    internal const int SIG_IGN = 1;
    internal const int SA_SIGINFO = 4;
    internal const int SA_ONSTACK = 0x8000000;
    internal const int SA_RESTART = 0x10000000;
    internal const int SA_NODEFER = 0x40000000;
    internal const int CLOCK_THREAD_CPUTIME_ID = 3;
    internal const int EPOLL_CLOEXEC = 0x80000;
    internal const int EPOLL_CTL_ADD = 1;
    internal const int EPOLL_CTL_DEL = 2;
    internal const int EPOLL_CTL_MOD = 3;

    [StructLayout(LayoutKind.Sequential)]
    internal struct iovec
    {
        public void* iov_base;
        public nuint iov_len;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct msghdr
    {
        public void* msg_name;
        public uint msg_namelen;
        public iovec* msg_iov;
        public nuint msg_iovlen;
        public void* msg_control;
        public nuint msg_controllen;
        public int msg_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct cmsghdr
    {
        public nuint cmsg_len;
        public int cmsg_level;
        public int cmsg_type;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ucred
    {
        public int pid;
        public uint uid;
        public uint gid;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct sockaddr_un
    {
        public ushort sun_family;
        public fixed byte sun_path[108];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct pollfd
    {
        public int fd;
        public short events;
        public short revents;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct timespec
    {
        public long tv_sec;
        public long tv_nsec;
    }

    /// <summary>The first fields of the structure, which are all that is read, and room for the rest.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 120)]
    internal struct statfs
    {
        public nint f_type;
        public nint f_bsize;
    }

    /// <summary>The structure of the C library, not the kernel's; the same on x86-64 and arm64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct sigaction_t
    {
        public nint sa_handler;
        public fixed ulong sa_mask[16];
        public int sa_flags;
        public nint sa_restorer;
    }

    /// <summary>Packed on x86-64 only; <see cref="Epoll"/> reads and writes it by offsets that fit the architecture.</summary>
    internal static readonly int EpollEventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    [LibraryImport("libc", SetLastError = true)] internal static partial void* mmap(void* addr, nuint length, int prot, int flags, int fd, nint offset);
    [LibraryImport("libc", SetLastError = true)] internal static partial int munmap(void* addr, nuint length);
    [LibraryImport("libc", SetLastError = true)] internal static partial int mprotect(void* addr, nuint length, int prot);
    [LibraryImport("libc", SetLastError = true)] internal static partial int madvise(void* addr, nuint length, int advice);
    [LibraryImport("libc", SetLastError = true)] internal static partial int memfd_create(byte* name, uint flags);
    [LibraryImport("libc")] internal static partial int posix_fallocate(int fd, nint offset, nint length);
    [LibraryImport("libc", SetLastError = true)] internal static partial int ftruncate(int fd, nint length);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fsync(int fd);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fchown(int fd, uint owner, uint group);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fcntl(int fd, int cmd, nint arg);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint lseek(int fd, nint offset, int whence);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint syscall(nint number, nint a, nint b, nint c);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e);
    [LibraryImport("libc", SetLastError = true)] internal static partial int ioctl(int fd, nuint request, void* argument);
    [LibraryImport("libc")] internal static partial int clock_gettime(int clockid, timespec* tp);
    [LibraryImport("libc")] internal static partial int close(int fd);
    [LibraryImport("libc", SetLastError = true)] internal static partial int eventfd(uint initval, int flags);
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] internal static partial int open(string path, int flags);
    [LibraryImport("libc")] internal static partial nint read(int fd, void* buf, nuint count);
    [LibraryImport("libc")] internal static partial nint write(int fd, void* buf, nuint count);
    [LibraryImport("libc", SetLastError = true)] internal static partial int epoll_create1(int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int epoll_ctl(int epfd, int op, int fd, void* ev);
    [LibraryImport("libc", SetLastError = true)] internal static partial int epoll_wait(int epfd, void* events, int maxevents, int timeout);
    [LibraryImport("libc", SetLastError = true)] internal static partial int socket(int domain, int type, int protocol);
    [LibraryImport("libc", SetLastError = true)] internal static partial int bind(int fd, void* addr, uint len);
    [LibraryImport("libc", SetLastError = true)] internal static partial int listen(int fd, int backlog);
    [LibraryImport("libc", SetLastError = true)] internal static partial int accept4(int fd, void* addr, void* len, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int connect(int fd, void* addr, uint len);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint sendmsg(int fd, msghdr* msg, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial nint recvmsg(int fd, msghdr* msg, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int getsockopt(int fd, int level, int optname, void* optval, uint* optlen);
    [LibraryImport("libc")] internal static partial int shutdown(int fd, int how);
    [LibraryImport("libc", SetLastError = true)] internal static partial int socketpair(int domain, int type, int protocol, int* fds);
    [LibraryImport("libc", SetLastError = true)] internal static partial int sched_setaffinity(int pid, nuint cpusetsize, void* mask);
    [LibraryImport("libc", SetLastError = true)] internal static partial int sched_getaffinity(int pid, nuint cpusetsize, void* mask);
    [LibraryImport("libc", SetLastError = true)] internal static partial int fstatfs(int fd, statfs* buf);
    [LibraryImport("libc", SetLastError = true)] internal static partial int statx(int dirfd, byte* pathname, int flags, uint mask, byte* buf);
    [LibraryImport("libc")] internal static partial int poll(pollfd* fds, nuint nfds, int timeout);
    [LibraryImport("libc")] internal static partial nint signal(int signum, nint handler);
    [LibraryImport("libc", SetLastError = true)] internal static partial int sigaction(int signum, void* act, void* oldact);
    [LibraryImport("libc")] internal static partial uint umask(uint mask);
    [LibraryImport("libc")] internal static partial uint geteuid();
}
