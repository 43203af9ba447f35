using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>Waits for many descriptors at once (<c>epoll(7)</c>). One thread waits; any thread may add and remove.</summary>
public sealed unsafe class Epoll : IDisposable
{
    private const uint EPOLLIN = 1;
    private const uint EPOLLOUT = 4;
    private const uint EPOLLET = 1u << 31;
    private const int MaxEvents = 64;

    private readonly FileDescriptor _fd;
    private readonly byte[] _events = new byte[MaxEvents * Libc.EpollEventSize];

    /// <summary>Makes an empty set.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public Epoll()
    {
        int fd = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        _fd = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("epoll_create1");
    }

    /// <summary>Watches a descriptor until it is removed.</summary>
    /// <param name="fd">The descriptor's number.</param>
    /// <param name="token">What <see cref="Wait"/> reports for it.</param>
    /// <exception cref="LinuxException">The descriptor cannot be watched or is watched already.</exception>
    public void Add(int fd, ulong token) => Control(Libc.EPOLL_CTL_ADD, fd, EPOLLIN, token);

    /// <summary>
    /// Watches a descriptor and reports it once for each time it becomes readable, so that nobody has to read it: what a peer
    /// handed over may block whoever reads it, whatever was set on it here.
    /// </summary>
    /// <param name="fd">The descriptor's number.</param>
    /// <param name="token">What <see cref="Wait"/> reports for it.</param>
    /// <exception cref="LinuxException">The descriptor cannot be watched or is watched already.</exception>
    public void AddEdge(int fd, ulong token) => Control(Libc.EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, token);

    /// <summary>Changes whether a watched descriptor is also reported when it can be written to.</summary>
    /// <param name="fd">The descriptor's number.</param>
    /// <param name="token">What <see cref="Wait"/> reports for it.</param>
    /// <param name="writable">True to be told when it can be written to.</param>
    /// <exception cref="LinuxException">The descriptor is not watched.</exception>
    public void Modify(int fd, ulong token, bool writable) => Control(Libc.EPOLL_CTL_MOD, fd, EPOLLIN | (writable ? EPOLLOUT : 0), token);

    /// <summary>Stops watching a descriptor. Call it before the descriptor is closed.</summary>
    /// <param name="fd">The descriptor's number.</param>
    /// <exception cref="LinuxException">The descriptor is not watched.</exception>
    public void Remove(int fd) => Control(Libc.EPOLL_CTL_DEL, fd, 0, 0);

    /// <summary>Waits until a watched descriptor is readable, closed or in error.</summary>
    /// <param name="tokens">Receives the tokens of what is ready; at most 64 a call.</param>
    /// <param name="timeoutMs">How long to wait at most, in milliseconds; 0 looks once.</param>
    /// <returns>How many tokens were written; 0 after the timeout or a signal.</returns>
    /// <exception cref="LinuxException">The wait itself failed.</exception>
    public int Wait(Span<ulong> tokens, int timeoutMs)
    {
        fixed (byte* events = _events)
        {
            int n = Libc.epoll_wait(_fd.Number, events, Math.Min(MaxEvents, tokens.Length), timeoutMs);
            if (n < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                return errno == Errno.EINTR ? 0 : throw new LinuxException("epoll_wait", errno);
            }
            for (int i = 0; i < n; i++)
                tokens[i] = BinaryPrimitives.ReadUInt64LittleEndian(_events.AsSpan(i * Libc.EpollEventSize + Libc.EpollEventSize - sizeof(ulong)));
            return n;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();

    private void Control(int op, int fd, uint interest, ulong token)
    {
        byte* ev = stackalloc byte[16];
        *(uint*)ev = interest;
        *(ulong*)(ev + Libc.EpollEventSize - sizeof(ulong)) = token;
        if (Libc.epoll_ctl(_fd.Number, op, fd, ev) < 0)
            throw LinuxException.Last($"epoll_ctl for descriptor {fd}");
    }
}
