namespace VhostSwitch.Virtio.Packed;

/// <summary>
/// Finds where a packed ring goes on when the back-end before died with it: nothing in shared memory says so plainly, and the
/// position a front-end remembers is from the last orderly stop.
/// </summary>
/// <remarks>
/// Whoever used an entry, its AVAIL bit tells in which round the driver filled it: the one place where that changes is where the
/// driver stands. Back from there lie the chains that are available, up to an entry that was used; that one belongs to the chains
/// used last. But of what is used by one entry, only this entry looks used. Where the last used chain had several descriptors, or
/// one entry told of several chains in order, the rest of it still looks available, and only its id may tell:
/// <list type="bullet">
/// <item>A used entry whose id is not that of the end of the chain behind it was alone: the position is certain.</item>
/// <item>In order, where ids are not taken again at once, an id that is found again marks the end of what was used: certain.</item>
/// <item>Otherwise two histories leave the same memory. The earlier position is taken: a frame may be repeated, none is lost and
/// the ring does not stall, since each chain gets an entry of its own.</item>
/// <item>Where the driver has overwritten the last used entry already, nothing is left of it; the ring is taken to be full. In
/// order this may stall the ring, which then has to be set up anew.</item>
/// </list>
/// </remarks>
public static unsafe class PackedResynchronisation
{
    // A driver that is filling a chain just now has shown its end before its start: it is done when looked at again.
    private const int MostLooks = 100;

    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;

    /// <summary>The position that fits the ring's contents.</summary>
    /// <param name="ring">The descriptor ring, <see cref="PackedLayout.RingLength"/> bytes of guest memory; only marks and ids are used.</param>
    /// <param name="size">The number of entries.</param>
    /// <param name="remembered">What the front-end remembers; right whenever it is possible and not the start, and where no driver left such a ring.</param>
    /// <param name="inOrder">True where one used entry may tell of several chains.</param>
    public static PackedPosition Find(PackedDescriptor* ring, int size, PackedPosition remembered, bool inOrder)
    {
        var entries = new (ushort Id, ushort Flags)[size];
        for (int look = 0; look < MostLooks; look++)
        {
            for (int i = 0; i < size; i++)
                entries[i] = (ring[i].Id, RingOrder.AcquireFlags(&ring[i].Flags));
            if (TryFindDriver(entries, out var driver)) return Locate(entries, driver, remembered, inOrder);
            Thread.Yield();
        }
        return remembered;
    }

    private static PackedPosition Locate((ushort Id, ushort Flags)[] entries, PackedPosition driver, PackedPosition remembered, bool inOrder)
    {
        int size = entries.Length, unused = 0;
        while (unused < size && !IsUsed(entries[Back(driver, unused + 1, size).Index].Flags))
            unused++;
        var first = Back(driver, unused, size);
        if (first == remembered) return remembered;
        int? lastId = unused < size ? entries[Back(driver, unused + 1, size).Index].Id : null;
        PackedPosition? found = null;
        var at = first;
        for (int seen = 0; seen < unused;)
        {
            bool more = true;
            ushort id = 0;
            for (; more && seen < unused; seen++)
            {
                (id, ushort flags) = entries[at.Index];
                more = (flags & Descriptor.HasNext) != 0;
                at.Advance(1, size);
            }
            bool possible = lastId is null || lastId == id;
            // QEMU says the start of every ring whose back-end died: that tells nothing where an earlier position is possible as well.
            if (possible && at == remembered && remembered != PackedPosition.Start) return remembered;
            if (!inOrder) break;
            if (possible && lastId is not null) found ??= at;
        }
        return found ?? first;
    }

    // Where entries filled in this round end and those of the round before begin: one change of the bit at most.
    private static bool TryFindDriver((ushort Id, ushort Flags)[] entries, out PackedPosition driver)
    {
        bool first = (entries[0].Flags & PackedDescriptor.Available) != 0;
        driver = new PackedPosition(first ? (ushort)0 : PackedLayout.WrapBit);
        int changes = 0;
        for (int i = 1; i < entries.Length; i++)
        {
            if ((entries[i].Flags & PackedDescriptor.Available) == (entries[i - 1].Flags & PackedDescriptor.Available)) continue;
            driver = new PackedPosition((ushort)(i | (first ? PackedLayout.WrapBit : 0)));
            changes++;
        }
        return changes <= 1;
    }

    private static PackedPosition Back(PackedPosition from, int entries, int size)
    {
        int index = from.Index - entries;
        bool wrap = index < 0 ? !from.Wrap : from.Wrap;
        return new PackedPosition((ushort)((index < 0 ? index + size : index) | (wrap ? PackedLayout.WrapBit : 0)));
    }

    private static bool IsUsed(ushort flags) => (flags & Marks) is 0 or Marks;
}
