using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost;

/// <summary>A memory region as a front-end describes it; the file comes beside it.</summary>
/// <param name="GuestAddress">The first guest-physical address.</param>
/// <param name="Size">The length in bytes.</param>
/// <param name="FrontEndAddress">Where the front-end has it mapped.</param>
/// <param name="FileOffset">Where it starts in the file, in bytes.</param>
public readonly record struct RegionDescription(ulong GuestAddress, ulong Size, ulong FrontEndAddress, ulong FileOffset);

/// <summary>
/// The memory a front-end has shared, mapped: an unchanging table that owns its mappings together with the tables it was
/// made from. A mapping is given back when the last table that has it is disposed.
/// </summary>
public sealed unsafe class MemoryTable : IDisposable
{
    /// <summary>The most regions of a whole table (vhost-user, SET_MEM_TABLE).</summary>
    public const int MaxTableRegions = 8;

    /// <summary>The most regions given one by one: what QEMU and libvhost-user use.</summary>
    public const int MaxSlots = 509;

    /// <summary>No memory.</summary>
    public static readonly MemoryTable Empty = new([]);

    private readonly MappedRegion[] _regions;

    private MemoryTable(MappedRegion[] regions)
    {
        GuestMemory guest;
        try
        {
            guest = new GuestMemory([.. regions.Select(r => r.Region)]);
        }
        catch (ArgumentException e)
        {
            throw new VhostException(e.Message);
        }
        _regions = regions;
        foreach (var region in regions)
            region.Users++;
        Guest = guest;
    }

    /// <summary>The translation table.</summary>
    public GuestMemory Guest { get; }

    /// <summary>How many regions there are.</summary>
    public int Count => _regions.Length;

    /// <summary>The bytes of all regions.</summary>
    public ulong Length => _regions.Aggregate(0UL, (sum, r) => sum + r.Region.Size);

    /// <summary>True once a part of the memory is not the guest's any more: its file was truncated while it was mapped. It reads as zeros.</summary>
    public bool Faulted => Array.Exists(_regions, r => r.Faulted);

    /// <summary>True where no front-end can truncate any of the memory (<c>F_SEAL_SHRINK</c>); false without memory.</summary>
    public bool IsSealed => _regions.Length > 0 && Array.TrueForAll(_regions, r => r.IsSealed);

    /// <summary>Where a region is mapped here.</summary>
    /// <param name="region">The region, in the order of the description.</param>
    public ulong HostAddressOf(int region) => _regions[region].Region.Host;

    /// <summary>Has missing pages of all regions filled by the front-end.</summary>
    /// <param name="faults">Where faults are told.</param>
    /// <exception cref="VhostException">The memory cannot be filled so.</exception>
    public void Register(UserFault faults)
    {
        try
        {
            foreach (var region in _regions)
                region.Register(faults);
        }
        catch (LinuxException e)
        {
            throw new VhostException($"the guest's memory cannot arrive by postcopy: {e.Message}");
        }
    }

    /// <summary>Maps a whole table.</summary>
    /// <param name="descriptions">The regions.</param>
    /// <param name="files">Their files in the same order; they stay the caller's.</param>
    /// <exception cref="VhostException">A region is impossible, overlaps another one, or its file is too short or cannot be mapped.</exception>
    public static MemoryTable Map(ReadOnlySpan<RegionDescription> descriptions, IReadOnlyList<FileDescriptor> files)
    {
        var mapped = new List<MappedRegion>();
        try
        {
            for (int i = 0; i < descriptions.Length; i++)
                mapped.Add(MappedRegion.Map(descriptions[i], files[i]));
            return new MemoryTable([.. mapped]);
        }
        catch
        {
            mapped.ForEach(r => r.Unmap());
            throw;
        }
    }

    /// <summary>
    /// The same table with one more region. QEMU before 8.0 adds each region once for each queue pair, and removes it as often: a
    /// region that is there already stays as it is, mapped from the file that came first.
    /// </summary>
    /// <param name="description">The region.</param>
    /// <param name="file">Its file; it stays the caller's.</param>
    /// <exception cref="VhostException">There is no slot left, or the region is impossible, overlaps another one, or cannot be mapped.</exception>
    public MemoryTable With(RegionDescription description, FileDescriptor file)
    {
        if (Array.Exists(_regions, r => r.Description == description)) return new MemoryTable(_regions);
        if (_regions.Length >= MaxSlots) throw new VhostException($"ADD_MEM_REG beyond the {MaxSlots} memory slots");
        var added = MappedRegion.Map(description, file);
        try
        {
            return new MemoryTable([.. _regions, added]);
        }
        catch
        {
            added.Unmap();
            throw;
        }
    }

    /// <summary>The same table without a region; all of the same where it has no such region, for the reason of <see cref="With"/>.</summary>
    /// <param name="description">The region by its addresses and size.</param>
    public MemoryTable Without(RegionDescription description)
    {
        int at = Array.FindIndex(_regions, r => r.Description with { FileOffset = description.FileOffset } == description);
        return at < 0 ? new MemoryTable(_regions) : new MemoryTable([.. _regions[..at], .. _regions[(at + 1)..]]);
    }

    /// <summary>Unmaps the regions that no other table has. No poll thread may use them any more.</summary>
    public void Dispose()
    {
        foreach (var region in _regions)
        {
            if (--region.Users == 0) region.Unmap();
        }
    }

    private sealed class MappedRegion
    {
        private readonly MemoryMapping _mapping;

        private MappedRegion(RegionDescription description, MemoryRegion region, MemoryMapping mapping, bool isSealed)
        {
            Description = description;
            Region = region;
            _mapping = mapping;
            IsSealed = isSealed;
        }

        public RegionDescription Description { get; }

        public MemoryRegion Region { get; }

        public int Users { get; set; }

        public bool IsSealed { get; }

        public bool Faulted => _mapping.Faulted;

        public static MappedRegion Map(RegionDescription description, FileDescriptor file)
        {
            ulong length = unchecked(description.FileOffset + description.Size);
            if (description.Size == 0 || length < description.Size || length > long.MaxValue)
                throw new VhostException($"a memory region of {description.Size} bytes at file offset {description.FileOffset}: impossible");
            // Beyond the file's end every access is a fault. Mapping does not check that.
            long fileSize = file.FileSize();
            if (fileSize >= 0 && (ulong)fileSize < length)
                throw new VhostException($"a memory region ends at byte {length} of its file, which has {fileSize}: it cannot be used");
            try
            {
                var mapping = MemoryMapping.OfPeerFile(file, (nuint)length);
                var region = new MemoryRegion(new GuestAddress(description.GuestAddress), description.Size, description.FrontEndAddress,
                    (nuint)mapping.Address + (nuint)description.FileOffset);
                return new MappedRegion(description, region, mapping, file.IsSealedAgainstShrinking());
            }
            catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
            {
                throw new VhostException($"the memory region at 0x{description.GuestAddress:x} cannot be used: {e.Message}");
            }
            catch (LinuxException e)
            {
                throw new VhostException($"the memory region at 0x{description.GuestAddress:x} cannot be mapped ({e.Message}); is the guest's memory shared (share=on)?");
            }
        }

        public void Register(UserFault faults) => faults.Register(_mapping);

        public void Unmap() => _mapping.Dispose();
    }
}
