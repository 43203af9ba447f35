using System.Runtime.CompilerServices;

namespace VhostSwitch.Virtio;

/// <summary>One range of a guest's memory and where it is mapped here.</summary>
/// <param name="Start">The first guest-physical address.</param>
/// <param name="Size">The length in bytes.</param>
/// <param name="FrontEndStart">The same byte's address in the front-end process, in which it names rings.</param>
/// <param name="Host">The same byte's address in this process.</param>
public readonly unsafe record struct MemoryRegion(GuestAddress Start, ulong Size, ulong FrontEndStart, nuint Host);

/// <summary>
/// The memory that a guest shares, as an unchanging table. A new table replaces it whole; who reads through an old one has
/// let go of it before it is unmapped. Every translation takes a length and never hands out a byte beyond a region's end
/// (CVE-2018-1059).
/// </summary>
public sealed unsafe class GuestMemory
{
    /// <summary>A guest without memory.</summary>
    public static readonly GuestMemory Empty = new([]);

    private readonly MemoryRegion[] _byGuest;
    private readonly MemoryRegion[] _byFrontEnd;

    /// <summary>Makes the table.</summary>
    /// <param name="regions">The regions in any order.</param>
    /// <exception cref="ArgumentException">A region is empty, wraps around the address space, or overlaps another one in guest or front-end addresses.</exception>
    public GuestMemory(IReadOnlyCollection<MemoryRegion> regions)
    {
        foreach (var region in regions)
        {
            if (region.Size == 0)
                throw new ArgumentException($"the memory region at {region.Start} is empty");
            if (ulong.MaxValue - region.Start.Value < region.Size - 1 || ulong.MaxValue - region.FrontEndStart < region.Size - 1)
                throw new ArgumentException($"the memory region at {region.Start} of {region.Size} bytes wraps around the address space");
        }
        _byGuest = [.. regions.OrderBy(r => r.Start.Value)];
        _byFrontEnd = [.. regions.OrderBy(r => r.FrontEndStart)];
        for (int i = 1; i < _byGuest.Length; i++)
        {
            if (_byGuest[i].Start.Value - _byGuest[i - 1].Start.Value < _byGuest[i - 1].Size)
                throw new ArgumentException($"the memory regions at {_byGuest[i - 1].Start} and {_byGuest[i].Start} overlap");
            if (_byFrontEnd[i].FrontEndStart - _byFrontEnd[i - 1].FrontEndStart < _byFrontEnd[i - 1].Size)
                throw new ArgumentException($"the memory regions at front-end addresses 0x{_byFrontEnd[i - 1].FrontEndStart:x} and 0x{_byFrontEnd[i].FrontEndStart:x} overlap");
        }
    }

    /// <summary>The regions by ascending guest address.</summary>
    public ReadOnlySpan<MemoryRegion> Regions => _byGuest;

    /// <summary>Translates as much of a range as lies in one region.</summary>
    /// <param name="address">Where the range starts.</param>
    /// <param name="length">How many bytes are wanted.</param>
    /// <param name="contiguous">How many of them follow each other at the returned address; at most <paramref name="length"/>.</param>
    /// <returns>The address in this process; null, with 0 bytes, when the guest has no memory there.</returns>
    public byte* Translate(GuestAddress address, ulong length, out ulong contiguous)
    {
        int at = FindByGuest(address.Value);
        if (at < 0)
        {
            contiguous = 0;
            return null;
        }
        ref readonly var region = ref _byGuest[at];
        ulong offset = address.Value - region.Start.Value;
        contiguous = Math.Min(length, region.Size - offset);
        return (byte*)region.Host + offset;
    }

    /// <summary>Translates a range of front-end addresses that must lie whole in one region, as the parts of a ring must.</summary>
    /// <param name="address">Where the range starts, as the front-end process sees it.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <returns>The address in this process; null when the range is not wholly inside one region.</returns>
    public byte* TranslateFrontEnd(ulong address, ulong length)
    {
        foreach (ref readonly var region in _byFrontEnd.AsSpan())
        {
            ulong offset = address - region.FrontEndStart;
            if (address >= region.FrontEndStart && offset < region.Size)
                return length <= region.Size - offset ? (byte*)region.Host + offset : null;
        }
        return null;
    }

    /// <summary>Copies out of guest memory, across regions that adjoin in guest addresses.</summary>
    /// <param name="address">Where to start.</param>
    /// <param name="into">Receives the bytes.</param>
    /// <returns>False when a byte of the range is not the guest's memory; the contents of <paramref name="into"/> are then undefined.</returns>
    public bool Read(GuestAddress address, Span<byte> into)
    {
        // The end of the address space does not adjoin its start.
        if (into.Length > 0 && ulong.MaxValue - address.Value < (ulong)into.Length - 1) return false;
        while (into.Length > 0)
        {
            byte* from = Translate(address, (ulong)into.Length, out ulong contiguous);
            if (from == null) return false;
            new ReadOnlySpan<byte>(from, (int)contiguous).CopyTo(into);
            into = into[(int)contiguous..];
            address = address.Plus(contiguous);
        }
        return true;
    }

    /// <summary>Finds the region that holds an address, so that a caller can keep it and ask again only when it misses.</summary>
    /// <param name="address">The address.</param>
    /// <param name="region">The region, where there is one.</param>
    /// <returns>False when the guest has no memory there.</returns>
    public bool TryFind(GuestAddress address, out MemoryRegion region)
    {
        int at = FindByGuest(address.Value);
        region = at < 0 ? default : _byGuest[at];
        return at >= 0;
    }

    /// <summary>The guest's address of a byte that is mapped here.</summary>
    /// <param name="at">The byte in this process.</param>
    /// <param name="address">Its guest-physical address.</param>
    /// <returns>False when it is no memory of the guest.</returns>
    public bool TryFindGuestAddress(byte* at, out ulong address)
    {
        foreach (ref readonly var region in _byGuest.AsSpan())
        {
            ulong offset = (ulong)at - region.Host;
            if (offset >= region.Size) continue;
            address = region.Start.Value + offset;
            return true;
        }
        address = 0;
        return false;
    }

    private int FindByGuest(ulong address)
    {
        int low = 0, high = _byGuest.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            ref readonly var region = ref _byGuest[middle];
            if (address < region.Start.Value) high = middle - 1;
            else if (address - region.Start.Value >= region.Size) low = middle + 1;
            else return middle;
        }
        return -1;
    }
}

/// <summary>
/// The region a queue hit last, so that translating costs a subtraction and two comparisons: guests keep their buffers in one
/// region nearly always. Belongs to the poll thread that runs the queue.
/// </summary>
public unsafe struct RegionCache : IAddressSpace
{
    private readonly GuestMemory _memory;
    private ulong _start;
    private ulong _size;
    private byte* _host;

    /// <summary>Starts over with another memory table.</summary>
    /// <param name="memory">The table to look in.</param>
    public RegionCache(GuestMemory memory)
    {
        _memory = memory;
        _start = 0;
        _size = 0;
        _host = null;
    }

    /// <inheritdoc/>
    public static bool Asks => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Translate(ulong address, uint length, bool write)
    {
        ulong offset = address - _start;
        return offset < _size && length <= _size - offset ? _host + offset : Search(address, length);
    }

    /// <inheritdoc/>
    public readonly byte* TranslateSome(ulong address, ulong length, bool write, out ulong contiguous) =>
        _memory.Translate(new GuestAddress(address), length, out contiguous);

    /// <inheritdoc/>
    public readonly bool TakeMiss() => false;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte* Search(ulong address, uint length)
    {
        if (!_memory.TryFind(new GuestAddress(address), out var region)) return null;
        _start = region.Start.Value;
        _size = region.Size;
        _host = (byte*)region.Host;
        ulong offset = address - _start;
        return length <= _size - offset ? _host + offset : null;
    }
}
