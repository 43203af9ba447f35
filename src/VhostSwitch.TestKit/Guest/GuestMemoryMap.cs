using VhostSwitch.Vhost;
using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// The memory of a guest: regions side by side or with gaps between them, each in a file and a mapping of its own, so that
/// what adjoins for the guest never adjoins for the back-end. Bytes are written and read at guest addresses.
/// </summary>
public sealed unsafe class GuestMemoryMap : IDisposable
{
    /// <summary>What is added to a guest address to make the front-end's: the two are never equal, so that nobody mixes them up unnoticed.</summary>
    public const ulong FrontEndOffset = 0x5500_0000_0000;

    private readonly string _name;
    private readonly List<GuestMemoryFile> _files = [];
    private readonly Dictionary<GuestMemoryFile, ulong> _allocated = [];

    /// <summary>Makes a guest without memory.</summary>
    /// <param name="name">A name for <c>/proc/self/maps</c>.</param>
    public GuestMemoryMap(string name = "test-guest") => _name = name;

    /// <summary>The regions in the order they were added.</summary>
    public IReadOnlyList<GuestMemoryFile> Files => _files;

    /// <summary>The regions as a front-end describes them.</summary>
    public RegionDescription[] Descriptions => [.. _files.Select(f => f.Description)];

    /// <summary>The regions' descriptors, in the same order.</summary>
    public int[] Descriptors => [.. _files.Select(f => f.File.Number)];

    /// <summary>The table a back-end in this process would have.</summary>
    public GuestMemory Table => new([.. _files.Select(f => f.Region)]);

    /// <summary>True while nobody has written outside the regions.</summary>
    public bool GuardsAreIntact => _files.All(f => f.GuardsAreIntact);

    /// <summary>Adds a region.</summary>
    /// <param name="guestAddress">The first guest-physical address.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="isSealed">False for a file that can be made shorter while it is mapped.</param>
    public GuestMemoryFile Add(ulong guestAddress, ulong length, bool isSealed = true)
    {
        var file = new GuestMemoryFile($"{_name}-{_files.Count}", guestAddress, length, unchecked(guestAddress + FrontEndOffset), isSealed);
        _files.Add(file);
        _allocated.Add(file, 0);
        return file;
    }

    /// <summary>Sets bytes aside, whole in one region.</summary>
    /// <param name="length">How many.</param>
    /// <param name="alignment">What their guest address is a multiple of; a power of two.</param>
    /// <returns>Their guest address.</returns>
    /// <exception cref="InvalidOperationException">No region has so much room left.</exception>
    public ulong Allocate(ulong length, ulong alignment = 64)
    {
        foreach (var file in _files)
        {
            ulong start = (file.GuestAddress + _allocated[file] + alignment - 1) & ~(alignment - 1);
            if (start - file.GuestAddress + length > file.Length) continue;
            _allocated[file] = start - file.GuestAddress + length;
            return start;
        }
        throw new InvalidOperationException($"no region of the guest has {length} bytes left");
    }

    /// <summary>The front-end's address of a guest address.</summary>
    /// <param name="guestAddress">A guest-physical address, mapped or not.</param>
    public static ulong FrontEndAddress(ulong guestAddress) => unchecked(guestAddress + FrontEndOffset);

    /// <summary>The byte at a guest address in this process. What follows it is contiguous up to the region's end.</summary>
    /// <param name="guestAddress">An address of a region.</param>
    /// <exception cref="ArgumentOutOfRangeException">The guest has no memory there.</exception>
    public byte* At(ulong guestAddress)
    {
        var file = _files.Find(f => f.Contains(guestAddress))
            ?? throw new ArgumentOutOfRangeException(nameof(guestAddress), $"the guest has no memory at 0x{guestAddress:x}");
        return file.Host + (guestAddress - file.GuestAddress);
    }

    /// <summary>Writes bytes, across regions that adjoin.</summary>
    /// <param name="guestAddress">Where the first one goes.</param>
    /// <param name="bytes">The bytes.</param>
    public void Write(ulong guestAddress, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
            *At(guestAddress + (ulong)i) = bytes[i];
    }

    /// <summary>Reads bytes, across regions that adjoin.</summary>
    /// <param name="guestAddress">Where the first one is.</param>
    /// <param name="length">How many.</param>
    public byte[] Read(ulong guestAddress, int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
            bytes[i] = *At(guestAddress + (ulong)i);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _files.ForEach(f => f.Dispose());
        _files.Clear();
    }
}
