using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.Linux;

/// <summary>What a non-blocking read or write of a <see cref="UnixSocket"/> came to.</summary>
public enum SocketOutcome
{
    /// <summary>Bytes were moved.</summary>
    Done,

    /// <summary>Nothing can be moved now.</summary>
    WouldBlock,

    /// <summary>The other side is gone.</summary>
    Closed,

    /// <summary>Descriptors came in that this process had no room for: what was received is not complete.</summary>
    Truncated,
}

/// <summary>Who is on the other side of a connection, as the kernel says (<c>SO_PEERCRED</c>).</summary>
/// <param name="ProcessId">The process id when it connected.</param>
/// <param name="UserId">The effective user id.</param>
/// <param name="GroupId">The effective group id.</param>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);

/// <summary>
/// A Unix stream socket that carries file descriptors beside bytes (<c>SCM_RIGHTS</c>), which the class library's socket
/// does not. Every descriptor that arrives is owned from its first moment.
/// </summary>
public sealed unsafe class UnixSocket : IDisposable
{
    /// <summary>The longest path a socket can have, in bytes: <c>sun_path</c> less its closing zero.</summary>
    public const int MaxPathBytes = 107;

    /// <summary>The most descriptors taken with one read: more than any vhost-user message carries, so that a surplus is seen and refused.</summary>
    public const int MaxDescriptors = 32;

    private readonly FileDescriptor _fd;

    private UnixSocket(FileDescriptor fd) => _fd = fd;

    private UnixSocket(int fd)
        : this(new FileDescriptor(fd))
    {
    }

    /// <summary>The descriptor's number, to wait for.</summary>
    public int Number => _fd.Number;

    /// <summary>Binds a path and listens on it, non-blocking. The file appears with mode 0600.</summary>
    /// <param name="path">Where the socket file is made; nothing may be there.</param>
    /// <param name="backlog">How many connections may wait to be accepted.</param>
    /// <exception cref="ArgumentException">The path is longer than <see cref="MaxPathBytes"/>.</exception>
    /// <exception cref="LinuxException">The directory is missing, the path is taken, or permission is refused.</exception>
    public static UnixSocket Listen(string path, int backlog)
    {
        var socket = new UnixSocket(NewSocket(Libc.SOCK_NONBLOCK));
        try
        {
            var address = Address(path, out uint length);
            uint old = Libc.umask(0x7f);
            int result = Libc.bind(socket.Number, &address, length);
            int errno = Marshal.GetLastPInvokeError();
            _ = Libc.umask(old);
            if (result < 0) throw new LinuxException($"bind {path}", errno);
            if (Libc.listen(socket.Number, backlog) < 0) throw LinuxException.Last($"listen {path}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects to a listening socket, waiting only as long as its backlog is full.</summary>
    /// <param name="path">The socket's path.</param>
    /// <param name="nonBlocking">True to make later reads and writes return where they would wait.</param>
    /// <param name="wait">False to fail with <see cref="Errno.EAGAIN"/> where the backlog is full.</param>
    /// <exception cref="ArgumentException">The path is longer than <see cref="MaxPathBytes"/>.</exception>
    /// <exception cref="LinuxException">Nobody listens, nothing is there, or permission is refused.</exception>
    public static UnixSocket Connect(string path, bool nonBlocking, bool wait = true)
    {
        var socket = new UnixSocket(NewSocket(wait ? 0 : Libc.SOCK_NONBLOCK));
        try
        {
            var address = Address(path, out uint length);
            if (Libc.connect(socket.Number, &address, length) < 0) throw LinuxException.Last($"connect {path}");
            if (nonBlocking) socket._fd.SetNonBlocking();
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>True when a path names a socket, served or not.</summary>
    /// <param name="path">The path.</param>
    /// <param name="followLink">True to ask for what a link leads to; otherwise a link is none.</param>
    public static bool IsSocketFile(string path, bool followLink = false)
    {
        const int AtFdCwd = -100, AtSymlinkNoFollow = 0x100, StatxSize = 256, ModeOffset = 28;
        const uint StatxType = 1;
        const ushort TypeMask = 0xf000, Socket = 0xc000;
        byte* buffer = stackalloc byte[StatxSize];
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return Libc.statx(AtFdCwd, name, followLink ? 0 : AtSymlinkNoFollow, StatxType, buffer) == 0 && (*(ushort*)(buffer + ModeOffset) & TypeMask) == Socket;
    }

    /// <summary>Makes two connected sockets, both blocking.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static (UnixSocket First, UnixSocket Second) Pair()
    {
        int* fds = stackalloc int[2];
        return Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, fds) == 0
            ? (new UnixSocket(fds[0]), new UnixSocket(fds[1]))
            : throw LinuxException.Last("socketpair");
    }

    /// <summary>Makes a socket of a descriptor that a peer handed over.</summary>
    /// <param name="descriptor">The descriptor; belongs to the socket that is returned, and stays the caller's otherwise.</param>
    /// <returns>The socket; null when the descriptor is no Unix stream socket.</returns>
    public static UnixSocket? TryTake(FileDescriptor descriptor) =>
        Option(descriptor, Libc.SO_DOMAIN) == Libc.AF_UNIX && Option(descriptor, Libc.SO_TYPE) == Libc.SOCK_STREAM ? new UnixSocket(descriptor) : null;

    /// <summary>Takes one waiting connection.</summary>
    /// <returns>The connection, non-blocking; null when none waits or the one that waited is gone.</returns>
    /// <exception cref="LinuxException">No descriptor is left, or the socket is broken.</exception>
    public UnixSocket? Accept()
    {
        int fd = Libc.accept4(Number, null, null, Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK);
        if (fd >= 0) return new UnixSocket(fd);
        const int ECONNABORTED = 103;
        int errno = Marshal.GetLastPInvokeError();
        return errno is Errno.EAGAIN or Errno.EINTR or ECONNABORTED ? null : throw new LinuxException("accept", errno);
    }

    /// <summary>Ends the connection in both directions: whoever waits here or there is told that it is closed. Any thread may call it.</summary>
    public void Shutdown() => _ = Libc.shutdown(Number, Libc.SHUT_RDWR);

    /// <summary>Who is on the other side.</summary>
    /// <exception cref="LinuxException">The socket is not connected.</exception>
    public PeerCredentials Peer()
    {
        Libc.ucred credentials;
        uint length = (uint)sizeof(Libc.ucred);
        return Libc.getsockopt(Number, Libc.SOL_SOCKET, Libc.SO_PEERCRED, &credentials, &length) == 0
            ? new PeerCredentials(credentials.pid, credentials.uid, credentials.gid)
            : throw LinuxException.Last("getsockopt(SO_PEERCRED)");
    }

    /// <summary>Reads what is there, with the descriptors that came with it.</summary>
    /// <param name="buffer">Receives the bytes; not more than this is taken from the stream.</param>
    /// <param name="descriptors">Received descriptors are added here and belong to the caller, whatever the outcome.</param>
    /// <param name="count">The number of bytes read.</param>
    /// <param name="wait">True to wait for the first byte on a blocking socket.</param>
    /// <exception cref="LinuxException">The socket failed in another way than by being closed.</exception>
    public SocketOutcome Receive(Span<byte> buffer, List<FileDescriptor> descriptors, out int count, bool wait = false)
    {
        count = 0;
        int controlLength = ControlSpace(MaxDescriptors);
        byte* control = stackalloc byte[controlLength];
        fixed (byte* data = buffer)
        {
            Libc.iovec part = new() { iov_base = data, iov_len = (nuint)buffer.Length };
            Libc.msghdr message = new() { msg_iov = &part, msg_iovlen = 1, msg_control = control, msg_controllen = (nuint)controlLength };
            nint n;
            int errno;
            do
            {
                n = Libc.recvmsg(Number, &message, Libc.MSG_CMSG_CLOEXEC | (wait ? 0 : Libc.MSG_DONTWAIT));
                errno = Marshal.GetLastPInvokeError();
            }
            while (n < 0 && errno == Errno.EINTR);
            if (n < 0)
            {
                return errno switch
                {
                    Errno.EAGAIN => SocketOutcome.WouldBlock,
                    Errno.ECONNRESET => SocketOutcome.Closed,
                    _ => throw new LinuxException("recvmsg", errno),
                };
            }
            TakeDescriptors(&message, descriptors);
            if ((message.msg_flags & (Libc.MSG_CTRUNC | Libc.MSG_TRUNC)) != 0) return SocketOutcome.Truncated;
            count = (int)n;
            return n == 0 ? SocketOutcome.Closed : SocketOutcome.Done;
        }
    }

    /// <summary>Writes all bytes, with descriptors beside the first of them.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="descriptors">Descriptors to hand over; they stay open here.</param>
    /// <param name="wait">True to wait, on a blocking socket, until all is written.</param>
    /// <returns><see cref="SocketOutcome.WouldBlock"/> when the other side does not read: a part may have been written, the stream is of no more use.</returns>
    /// <exception cref="LinuxException">The socket failed in another way than by being closed.</exception>
    public SocketOutcome Send(ReadOnlySpan<byte> data, ReadOnlySpan<int> descriptors, bool wait = false)
    {
        int controlLength = descriptors.Length == 0 ? 0 : ControlSpace(descriptors.Length);
        byte* control = stackalloc byte[Math.Max(controlLength, 1)];
        fixed (byte* bytes = data)
        {
            nuint sent = 0;
            while (sent < (nuint)data.Length)
            {
                Libc.iovec part = new() { iov_base = bytes + sent, iov_len = (nuint)data.Length - sent };
                Libc.msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };
                if (sent == 0 && controlLength != 0)
                {
                    PutDescriptors(control, descriptors);
                    message.msg_control = control;
                    message.msg_controllen = (nuint)controlLength;
                }
                nint n = Libc.sendmsg(Number, &message, Libc.MSG_NOSIGNAL | (wait ? 0 : Libc.MSG_DONTWAIT));
                int errno = Marshal.GetLastPInvokeError();
                if (n >= 0)
                {
                    sent += (nuint)n;
                    continue;
                }
                switch (errno)
                {
                    case Errno.EINTR: continue;
                    case Errno.EAGAIN: return SocketOutcome.WouldBlock;
                    case Errno.EPIPE or Errno.ECONNRESET: return SocketOutcome.Closed;
                    default: throw new LinuxException("sendmsg", errno);
                }
            }
        }
        return SocketOutcome.Done;
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();

    private static int Option(FileDescriptor descriptor, int option)
    {
        int value = 0;
        uint length = sizeof(int);
        return Libc.getsockopt(descriptor.Number, Libc.SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
    }

    private static int NewSocket(int flags)
    {
        int fd = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | flags, 0);
        return fd >= 0 ? fd : throw LinuxException.Last("socket");
    }

    private static Libc.sockaddr_un Address(string path, out uint length)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        if (bytes.Length is 0 or > MaxPathBytes)
            throw new ArgumentException($"the socket path {path} has {bytes.Length} bytes; a socket path has 1 to {MaxPathBytes}", nameof(path));
        Libc.sockaddr_un address = new() { sun_family = Libc.AF_UNIX };
        bytes.CopyTo(new Span<byte>(address.sun_path, MaxPathBytes));
        length = (uint)(sizeof(ushort) + bytes.Length + 1);
        return address;
    }

    // CMSG_SPACE and CMSG_LEN of the C library: headers and data are aligned to the word size.
    private static int ControlSpace(int descriptors) => Align(sizeof(Libc.cmsghdr)) + Align(descriptors * sizeof(int));

    private static int Align(int length) => (length + sizeof(nuint) - 1) & ~(sizeof(nuint) - 1);

    private static void PutDescriptors(byte* control, ReadOnlySpan<int> descriptors)
    {
        new Span<byte>(control, ControlSpace(descriptors.Length)).Clear();
        var header = (Libc.cmsghdr*)control;
        header->cmsg_len = (nuint)(Align(sizeof(Libc.cmsghdr)) + (descriptors.Length * sizeof(int)));
        header->cmsg_level = Libc.SOL_SOCKET;
        header->cmsg_type = Libc.SCM_RIGHTS;
        descriptors.CopyTo(new Span<int>(control + Align(sizeof(Libc.cmsghdr)), descriptors.Length));
    }

    private static void TakeDescriptors(Libc.msghdr* message, List<FileDescriptor> into)
    {
        byte* at = (byte*)message->msg_control;
        byte* end = at + message->msg_controllen;
        while (at + sizeof(Libc.cmsghdr) <= end)
        {
            var header = (Libc.cmsghdr*)at;
            if (header->cmsg_len < (nuint)sizeof(Libc.cmsghdr)) return;
            if (header->cmsg_level == Libc.SOL_SOCKET && header->cmsg_type == Libc.SCM_RIGHTS)
            {
                int* fds = (int*)(at + Align(sizeof(Libc.cmsghdr)));
                int count = (int)((header->cmsg_len - (nuint)Align(sizeof(Libc.cmsghdr))) / sizeof(int));
                for (int i = 0; i < count; i++)
                    into.Add(new FileDescriptor(fds[i]));
            }
            at += Align((int)header->cmsg_len);
        }
    }
}
