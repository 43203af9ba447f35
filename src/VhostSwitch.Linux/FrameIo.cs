using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>A run of bytes for a call that gathers: the C library's <c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct IoPiece
{
    /// <summary>The first byte.</summary>
    public byte* Data;

    /// <summary>How many bytes.</summary>
    public nuint Length;
}

/// <summary>
/// One of several messages for <see cref="FrameIo.SendMany"/>: of the C library's <c>struct mmsghdr</c> what is used. The rest must be zero.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public unsafe struct IoMessage
{
    /// <summary>The pieces of the message in order.</summary>
    [FieldOffset(16)] public IoPiece* Pieces;

    /// <summary>How many pieces.</summary>
    [FieldOffset(24)] public nuint PieceCount;
}

/// <summary>Reading and writing frames at descriptors that do not wait. For poll threads: nothing is allocated, nothing thrown.</summary>
public static unsafe class FrameIo
{
    private const short POLLIN = 1;
    private const short POLLERR = 8;

    /// <summary>Makes each call once, in vain: the runtime resolves a call when it is first made, and allocates for that.</summary>
    public static void Prepare()
    {
        const int None = -1;
        IoPiece piece = default;
        IoMessage message = default;
        _ = Read(None, null, 0);
        _ = Write(None, &piece, 0);
        _ = SendMany(None, &message, 0);
        _ = IsReadable(None);
    }

    /// <summary>Reads one frame.</summary>
    /// <param name="fd">A descriptor that gives a frame with each read.</param>
    /// <param name="into">Room for <paramref name="length"/> bytes.</param>
    /// <param name="length">The most to read.</param>
    /// <returns>How many bytes were read, or a negative error number.</returns>
    public static int Read(int fd, byte* into, uint length)
    {
        nint read = Libc.read(fd, into, length);
        return read >= 0 ? (int)read : -Marshal.GetLastSystemError();
    }

    /// <summary>Writes one frame.</summary>
    /// <param name="fd">A descriptor that takes a frame with each write.</param>
    /// <param name="pieces">What the frame consists of.</param>
    /// <param name="count">How many pieces.</param>
    /// <returns>How many bytes were written, or a negative error number.</returns>
    public static int Write(int fd, IoPiece* pieces, int count)
    {
        nint written = Libc.writev(fd, pieces, count);
        return written >= 0 ? (int)written : -Marshal.GetLastSystemError();
    }

    /// <summary>Sends several frames in order and ends with the first that is not taken.</summary>
    /// <param name="fd">A bound socket.</param>
    /// <param name="messages">The frames.</param>
    /// <param name="count">How many frames.</param>
    /// <returns>How many were sent; where none was, the negative error number of the first.</returns>
    public static int SendMany(int fd, IoMessage* messages, int count)
    {
        int sent = Libc.sendmmsg(fd, messages, (uint)count, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
        return sent >= 0 ? sent : -Marshal.GetLastSystemError();
    }

    /// <summary>True where a read would give a frame.</summary>
    /// <param name="fd">A descriptor.</param>
    public static bool IsReadable(int fd)
    {
        Libc.pollfd ask = new() { fd = fd, events = POLLIN };
        return Libc.poll(&ask, 1, 0) == 1 && (ask.revents & (POLLIN | POLLERR)) == POLLIN;
    }
}
