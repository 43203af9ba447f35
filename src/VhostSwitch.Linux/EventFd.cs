using System.Globalization;

namespace VhostSwitch.Linux;

/// <summary>Notifications through an eventfd: what virtio calls a kick (driver to device) and vhost a call (device to driver).</summary>
public static unsafe class EventFd
{
    /// <summary>Makes a non-blocking eventfd with the count 0.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static FileDescriptor Create()
    {
        int fd = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("eventfd");
    }

    /// <summary>Adds one to the count and wakes who waits for it. Allocates nothing and may be called by poll threads.</summary>
    /// <param name="fd">The number of an eventfd.</param>
    /// <returns>True when the count was raised; false when the count is at its limit (the waiter has been told already) or the descriptor is no eventfd.</returns>
    public static bool Signal(int fd)
    {
        ulong one = 1;
        return Libc.write(fd, &one, sizeof(ulong)) == sizeof(ulong);
    }

    /// <summary>
    /// Signals an eventfd that a peer handed over. Both sides share it, so the peer may have made it one that waits and filled its count: this
    /// never waits for it. Allocates nothing and may be called by poll threads.
    /// </summary>
    /// <param name="fd">The number of an eventfd.</param>
    /// <returns>True when the count was raised, or is at its limit, so that the waiter has been told already.</returns>
    /// <remarks>
    /// Where <see cref="PeerSignalsNeverWait"/> is false, the peer is asked first whether it takes one more; one that fills the count between the
    /// question and the write makes this call wait until it reads.
    /// </remarks>
    public static bool SignalPeer(int fd)
    {
        if (PeerSignal.IsSupported && PeerSignal.Send(fd)) return true;
        const short POLLOUT = 4;
        Libc.pollfd ask = new() { fd = fd, events = POLLOUT };
        return Libc.poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT) != 0 && Signal(fd);
    }

    /// <summary>True where <see cref="SignalPeer"/> cannot be made to wait: the kernel has asynchronous I/O and allows it to this process.</summary>
    public static bool PeerSignalsNeverWait => PeerSignal.IsSupported;

    /// <summary>Takes the count and sets it to 0.</summary>
    /// <param name="fd">The number of a non-blocking eventfd.</param>
    /// <returns>The count; 0 when nothing was signalled.</returns>
    public static ulong Drain(int fd)
    {
        ulong count = 0;
        return Libc.read(fd, &count, sizeof(ulong)) == sizeof(ulong) ? count : 0;
    }

    /// <summary>True when the descriptor is an eventfd: what else a peer may hand over cannot be waited for, or blocks.</summary>
    /// <param name="fd">An open descriptor's number.</param>
    public static bool IsEventFd(int fd) => new FileInfo($"/proc/self/fd/{fd}").LinkTarget?.StartsWith("anon_inode:[eventfd", StringComparison.Ordinal) == true;

    /// <summary>The count of an eventfd, without taking it. Slow: it asks the kernel's text about the descriptor.</summary>
    /// <param name="fd">The number of an eventfd.</param>
    /// <returns>The count; 0 where the kernel does not tell.</returns>
    public static ulong Peek(int fd)
    {
        const string Field = "eventfd-count:";
        foreach (string line in File.ReadLines($"/proc/self/fdinfo/{fd}"))
        {
            if (line.StartsWith(Field, StringComparison.Ordinal) && ulong.TryParse(line.AsSpan(Field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong count))
                return count;
        }
        return 0;
    }
}
