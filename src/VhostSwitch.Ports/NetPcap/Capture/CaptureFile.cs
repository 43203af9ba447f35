using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>A capture file, read whole into memory of the switch: frames are lent from where they lie in it.</summary>
internal sealed unsafe class CaptureFile : IDisposable
{
    // A read of a file larger than memory is split by the kernel as well; this keeps lengths within what a span can say.
    private const int MostAtOnce = 1 << 30;

    private readonly MemoryMapping _memory;

    private CaptureFile(string path, MemoryMapping memory, CaptureContents contents)
    {
        Path = path;
        _memory = memory;
        Records = contents.Records;
        EndsEarlyAt = contents.EndsEarlyAt;
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>Its frames, in order.</summary>
    public CaptureRecord[] Records { get; }

    /// <summary>The offset of a last record that the file does not hold whole; null where it ends with a whole one.</summary>
    public ulong? EndsEarlyAt { get; }

    /// <summary>The file's first byte. Bytes of no meaning lie behind its last, as many as <see cref="Ethernet.SnapshotLength"/>.</summary>
    public byte* Data => _memory.Address;

    /// <summary>Reads a file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="memory">Where to take the memory from.</param>
    /// <exception cref="PortException">It cannot be read, or not as a capture of Ethernet frames.</exception>
    public static CaptureFile Load(string path, FrameMemory memory)
    {
        MemoryMapping? mapping = null;
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            long length = RandomAccess.GetLength(file);
            mapping = memory.Take((nuint)length + Ethernet.SnapshotLength);
            long read = 0;
            while (read < length)
            {
                int n = RandomAccess.Read(file, new Span<byte>(mapping.Address + read, (int)Math.Min(length - read, MostAtOnce)), read);
                // It became shorter meanwhile.
                if (n == 0) break;
                read += n;
            }
            return new CaptureFile(path, mapping, CaptureReader.Read(new CaptureBytes(path, mapping.Address, (ulong)read)));
        }
        catch (Exception e)
        {
            mapping?.Dispose();
            if (e is not (IOException or UnauthorizedAccessException or LinuxException or NotSupportedException)) throw;
            throw new PortException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
