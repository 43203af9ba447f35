using VhostSwitch.Linux;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The memory that a port shares with its back-end: one or more sealed memory files with rings and buffers. Made once, handed
/// over whole, unmapped when the port is disposed.
/// </summary>
internal sealed unsafe class DriverMemory : IDisposable
{
    // The address space between two regions at chosen guest addresses, so that no buffer seems to continue in the next region.
    private const ulong Gap = 1UL << 30;

    private readonly FileDescriptor[] _files;
    private readonly MemoryMapping[] _mappings;
    private readonly ulong[] _guestStarts;
    private readonly nuint[] _taken;

    /// <summary>Makes the files and maps them.</summary>
    /// <param name="lengths">The length of each region in bytes; rounded up to whole pages.</param>
    /// <param name="guestPhysicalStart">The first guest-physical address, or null for this process's own addresses.</param>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    internal DriverMemory(ReadOnlySpan<nuint> lengths, ulong? guestPhysicalStart)
    {
        _files = new FileDescriptor[lengths.Length];
        _mappings = new MemoryMapping[lengths.Length];
        _guestStarts = new ulong[lengths.Length];
        _taken = new nuint[lengths.Length];
        nuint page = (nuint)Environment.SystemPageSize;
        ulong next = guestPhysicalStart ?? 0;
        try
        {
            for (int i = 0; i < lengths.Length; i++)
            {
                nuint length = (lengths[i] + page - 1) / page * page;
                _files[i] = SharedMemory.Create("virtio-user", length);
                _mappings[i] = MemoryMapping.OfFile(_files[i], length);
                _guestStarts[i] = guestPhysicalStart is null ? (ulong)_mappings[i].Address : next;
                next += length + Gap;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Takes over one region at this process's own addresses.</summary>
    /// <param name="file">Its memory file, mapped from the start.</param>
    /// <param name="mapping">The mapping.</param>
    internal DriverMemory(FileDescriptor file, MemoryMapping mapping)
    {
        _files = [file];
        _mappings = [mapping];
        _guestStarts = [(ulong)mapping.Address];
        _taken = [0];
    }

    /// <summary>The number of regions.</summary>
    internal int Regions => _mappings.Length;

    /// <summary>One region as the memory table of the protocol names it.</summary>
    internal MemoryRegionPayload Describe(int region) => new()
    {
        GuestAddress = _guestStarts[region],
        Size = _mappings[region].Length,
        UserAddress = (ulong)_mappings[region].Address,
        MmapOffset = 0,
    };

    /// <summary>The descriptor of one region.</summary>
    internal int FileOf(int region) => _files[region].Number;

    /// <summary>Gives out a part of a region; parts are never given back.</summary>
    /// <param name="region">The region.</param>
    /// <param name="length">The part's length in bytes.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="offset">How far the part begins behind a multiple of the alignment.</param>
    internal byte* Take(int region, nuint length, nuint alignment, nuint offset = 0)
    {
        nuint start = ((_taken[region] + alignment - 1) & ~(alignment - 1)) + offset;
        if (start + length > _mappings[region].Length)
            throw new InvalidOperationException($"region {region} is too small for {length} bytes more");
        _taken[region] = start + length;
        return _mappings[region].Address + start;
    }

    /// <summary>The guest-physical address of a byte of a region.</summary>
    internal ulong GuestAddress(int region, byte* at) => _guestStarts[region] + (ulong)(at - _mappings[region].Address);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var mapping in _mappings) mapping?.Dispose();
        foreach (var file in _files) file?.Dispose();
    }
}
