using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost;

/// <summary>What a guest's IOMMU lets the device do with a page, as in messages.</summary>
[Flags]
public enum IotlbAccess : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read it.</summary>
    Read = 1,

    /// <summary>Write it.</summary>
    Write = 2,
}

/// <summary>
/// What this device knows of its guest's IOMMU (vhost-user, "IOMMU support"): a bounded cache of translations. Poll threads read
/// an unchanging table; one that finds nothing leaves a note and goes on, and the control thread asks the front-end.
/// </summary>
public sealed unsafe class Iotlb : IDisposable
{
    /// <summary>The most translations kept; the oldest makes room. As many as DPDK keeps.</summary>
    public const int MaxEntries = 2048;

    /// <summary>Addresses are asked for by the page, in bytes.</summary>
    internal const ulong PageSize = 4096;

    private readonly List<IotlbMiss> _misses = [];
    private Entry[] _entries = [];
    private ulong _updates;

    /// <summary>Every unanswered note raises its count.</summary>
    public FileDescriptor Notes { get; } = EventFd.Create();

    /// <summary>The translations by ascending address. Replaced whole.</summary>
    internal Entry[] Entries => Volatile.Read(ref _entries);

    /// <summary>How many translations there are.</summary>
    public int Count => _entries.Length;

    /// <summary>A place for one queue's notes.</summary>
    internal IotlbMiss NewMiss()
    {
        var miss = new IotlbMiss(Notes.Number);
        _misses.Add(miss);
        return miss;
    }

    /// <summary>Takes over a translation. It replaces those it overlaps.</summary>
    /// <param name="address">The first address as the device names it.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="host">The same byte in this process.</param>
    /// <param name="access">What the device may do.</param>
    public void Update(ulong address, ulong length, byte* host, IotlbAccess access)
    {
        var kept = Without(address, length);
        if (kept.Count >= MaxEntries) kept.Remove(kept.MinBy(e => e.Age));
        int place = kept.FindIndex(e => e.Start > address);
        kept.Insert(place < 0 ? kept.Count : place, new Entry(address, length, (nuint)host, access, _updates++));
        Volatile.Write(ref _entries, [.. kept]);
        foreach (var miss in _misses)
            miss.Answered(address, length);
    }

    /// <summary>Forgets translations. Poll threads may still use them until they have begun their next pass.</summary>
    /// <param name="address">The first address.</param>
    /// <param name="length">The length in bytes.</param>
    public void Invalidate(ulong address, ulong length) => Volatile.Write(ref _entries, [.. Without(address, length)]);

    /// <summary>Forgets everything: the memory behind the translations is another.</summary>
    public void Clear() => Volatile.Write(ref _entries, []);

    /// <summary>Translates a range that must be one piece here, as the parts of a ring must.</summary>
    /// <param name="address">Where it starts.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="missing">The first address that is not known; meaningful where nothing is returned and the pieces do not adjoin otherwise.</param>
    /// <returns>The address here; null when part of it is not known or the pieces do not adjoin.</returns>
    public byte* Translate(ulong address, ulong length, out ulong? missing)
    {
        missing = null;
        // The end of the address space does not adjoin its start.
        if (length > 0 && ulong.MaxValue - address < length - 1) return null;
        byte* first = null;
        for (ulong done = 0; done < length;)
        {
            if (!TryFind(_entries, address + done, out var entry) || entry.Access != (IotlbAccess.Read | IotlbAccess.Write))
            {
                missing = address + done;
                return null;
            }
            byte* here = (byte*)entry.Host + (address + done - entry.Start);
            if (done == 0) first = here;
            else if (here != first + done) return null;
            done += entry.Length - (address + done - entry.Start);
        }
        return first;
    }

    /// <summary>Asks for what queues have noted and nobody has asked for yet.</summary>
    /// <param name="ask">Asks the front-end; false when it cannot be asked now.</param>
    public void AskForMisses(Func<ulong, IotlbAccess, bool> ask)
    {
        EventFd.Drain(Notes.Number);
        foreach (var miss in _misses)
            miss.Ask(ask, Has);
    }

    /// <summary>
    /// The front-end is done with a question, whether it could translate the address or not: what is missed from now on, even at the same
    /// address, is another buffer and another question.
    /// </summary>
    /// <param name="address">The address that was asked for.</param>
    /// <param name="access">What was to be done.</param>
    public void Conclude(ulong address, IotlbAccess access)
    {
        foreach (var miss in _misses)
            miss.Conclude(address, access);
    }

    /// <summary>An address that was asked for in vain so far; null where there is none.</summary>
    public ulong? Overdue => _misses.Select(m => m.Overdue).FirstOrDefault(a => a is not null);

    /// <inheritdoc/>
    public void Dispose() => Notes.Dispose();

    private bool Has(ulong address, IotlbAccess access) => TryFind(_entries, address, out var entry) && (entry.Access & access) == access;

    internal static ulong PageOf(ulong address) => address & ~(PageSize - 1);

    internal static bool TryFind(Entry[] entries, ulong address, out Entry found)
    {
        int low = 0, high = entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            ref readonly var entry = ref entries[middle];
            if (address < entry.Start) high = middle - 1;
            else if (address - entry.Start >= entry.Length) low = middle + 1;
            else
            {
                found = entry;
                return true;
            }
        }
        found = default;
        return false;
    }

    private List<Entry> Without(ulong address, ulong length)
    {
        // Lengths reach to the end of the address space; sums would wrap around.
        ulong last = length == 0 ? address : ulong.MaxValue - address < length - 1 ? ulong.MaxValue : address + length - 1;
        return [.. _entries.Where(e => e.Start > last || e.Start + (e.Length - 1) < address)];
    }

    /// <summary>One translation.</summary>
    /// <param name="Start">The first address as the device names it.</param>
    /// <param name="Length">The length in bytes.</param>
    /// <param name="Host">The same byte in this process.</param>
    /// <param name="Access">What the device may do.</param>
    /// <param name="Age">How many came before it.</param>
    internal readonly record struct Entry(ulong Start, ulong Length, nuint Host, IotlbAccess Access, ulong Age);
}
