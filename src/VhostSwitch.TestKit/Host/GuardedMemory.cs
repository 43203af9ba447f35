using VhostSwitch.Linux;

namespace VhostSwitch.TestKit.Host;

/// <summary>Memory whose end nobody passes unnoticed: behind it lies a page without memory, and an access there ends the process.</summary>
public sealed unsafe class GuardedMemory : IDisposable
{
    private readonly FileDescriptor _file;
    private readonly MemoryMapping _mapping;
    private readonly int _length;

    /// <summary>Maps the memory.</summary>
    /// <param name="length">The most bytes that are to be put there.</param>
    public GuardedMemory(int length)
    {
        int page = Environment.SystemPageSize;
        _length = (length + page - 1) / page * page;
        // The file ends a page before its mapping.
        _file = SharedMemory.Create("guarded", (nuint)_length);
        _mapping = MemoryMapping.OfFile(_file, (nuint)(_length + page));
    }

    /// <summary>The place from which so many bytes reach to the end.</summary>
    /// <param name="length">How many bytes.</param>
    public byte* LastBytes(int length) => _mapping.Address + _length - length;

    /// <summary>Puts bytes at the end.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <returns>Where they begin.</returns>
    public byte* Put(ReadOnlySpan<byte> bytes)
    {
        byte* at = LastBytes(bytes.Length);
        bytes.CopyTo(new Span<byte>(at, bytes.Length));
        return at;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        _file.Dispose();
    }
}
