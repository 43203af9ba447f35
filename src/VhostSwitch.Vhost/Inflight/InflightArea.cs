using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.Inflight;

/// <summary>
/// Memory that outlives a back-end (vhost-user, "Inflight I/O tracking"): the back-end notes in it which buffers it has taken,
/// the front-end keeps its descriptor, and the next back-end goes on from there. One part for each ring.
/// </summary>
public sealed unsafe class InflightArea : IDisposable
{
    private const int Alignment = 64;

    private readonly MemoryMapping _mapping;
    private readonly FileDescriptor? _file;
    private readonly byte* _start;
    private readonly ulong _stride;

    private InflightArea(MemoryMapping mapping, FileDescriptor? file, InflightShape shape)
    {
        _mapping = mapping;
        _file = file;
        _start = mapping.Address + shape.Offset;
        _stride = LengthOfPart(shape.QueueSize, shape.Packed);
        Shape = shape;
    }

    /// <summary>How the area is laid out.</summary>
    public InflightShape Shape { get; }

    /// <summary>The area's file, where this back-end made it.</summary>
    public FileDescriptor? File => _file;

    /// <summary>True once its file was truncated while it was in use.</summary>
    public bool Faulted => _mapping.Faulted;

    /// <summary>GET_INFLIGHT_FD: makes an area, zeroed, which says that nothing was noted yet.</summary>
    /// <param name="queues">The number of rings.</param>
    /// <param name="queueSize">The most entries of each.</param>
    /// <param name="packed">True for packed rings.</param>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    public static InflightArea Create(int queues, int queueSize, bool packed)
    {
        ulong length = (ulong)queues * LengthOfPart(queueSize, packed);
        var file = SharedMemory.Create("vhost-inflight", (nuint)length);
        try
        {
            return new InflightArea(MemoryMapping.OfFile(file, (nuint)length), file, new InflightShape(length, 0, queues, queueSize, packed));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>SET_INFLIGHT_FD: maps an area that an earlier back-end has left. Nothing in it is trusted.</summary>
    /// <param name="file">Its file; stays the caller's.</param>
    /// <param name="shape">How the front-end says it is laid out; the numbers of rings and entries are checked already.</param>
    /// <exception cref="VhostException">The area is too small for what it is to hold, or cannot be mapped.</exception>
    public static InflightArea Map(FileDescriptor file, InflightShape shape)
    {
        ulong needed = (ulong)shape.Queues * LengthOfPart(shape.QueueSize, shape.Packed);
        ulong end = unchecked(shape.Offset + shape.Length);
        if (shape.Length < needed || end < shape.Length || end > long.MaxValue)
            throw new VhostException($"SET_INFLIGHT_FD with {shape.Length} bytes at file offset {shape.Offset}: {shape.Queues} rings of {shape.QueueSize} entries need {needed}");
        if (shape.Offset % sizeof(ulong) != 0) throw new VhostException($"SET_INFLIGHT_FD at file offset {shape.Offset}, which is no multiple of {sizeof(ulong)}");
        long fileSize = file.FileSize();
        if (fileSize < 0 || (ulong)fileSize < end) throw new VhostException($"SET_INFLIGHT_FD up to byte {end} of a file that has {fileSize}");
        try
        {
            return new InflightArea(MemoryMapping.OfPeerFile(file, (nuint)end), null, shape);
        }
        catch (LinuxException e)
        {
            throw new VhostException($"the inflight memory cannot be mapped: {e.Message}");
        }
    }

    /// <summary>The part of a ring; null where the area has none for it.</summary>
    /// <param name="ring">The ring's number.</param>
    /// <param name="size">Its number of entries.</param>
    /// <param name="packed">True for a packed ring.</param>
    public byte* PartOf(int ring, int size, bool packed) =>
        ring < Shape.Queues && size <= Shape.QueueSize && packed == Shape.Packed ? _start + ((ulong)ring * _stride) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        _file?.Dispose();
    }

    private static ulong LengthOfPart(int queueSize, bool packed)
    {
        int length = packed ? PackedInflightLayout.LengthFor(queueSize) : SplitInflightLayout.LengthFor(queueSize);
        return (ulong)((length + Alignment - 1) / Alignment * Alignment);
    }
}

/// <summary>How an inflight area is laid out, as the messages say it.</summary>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Offset">Where it starts in its file.</param>
/// <param name="Queues">The number of rings.</param>
/// <param name="QueueSize">The most entries of each.</param>
/// <param name="Packed">True for packed rings: not in the messages, but by what was negotiated.</param>
public readonly record struct InflightShape(ulong Length, ulong Offset, int Queues, int QueueSize, bool Packed);
