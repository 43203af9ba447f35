namespace VhostSwitch.Virtio.Packed;

/// <summary>
/// Finds where a packed ring goes on when the back-end before died with it: nothing in shared memory says so plainly, and the
/// position a front-end remembers is from the last orderly stop. But a ring whose device uses buffers in order has one shape
/// only: from where the device stands, chains that are available; behind them, up to where it stands again, chains used in
/// the round before, of which all descriptors but the first still look as they were made available.
/// </summary>
public static unsafe class PackedResynchronisation
{
    // Places worth a look are few in any ring that a driver made; a hostile one gets no more of our time than this.
    private const int MostCandidates = 64;

    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;

    /// <summary>The position that fits the ring's contents.</summary>
    /// <param name="ring">The descriptor ring, <see cref="PackedLayout.RingLength"/> bytes of guest memory. Each entry is looked at by itself, nothing is used but its marks.</param>
    /// <param name="size">The number of entries.</param>
    /// <param name="remembered">What the front-end remembers; right whenever it fits, and when nothing does.</param>
    public static PackedPosition Find(PackedDescriptor* ring, int size, PackedPosition remembered)
    {
        if (Fits(ring, size, remembered)) return remembered;
        int tried = 0;
        ushort before = FlagsAt(ring, size - 1);
        for (int i = 0; i < size && tried < MostCandidates; i++)
        {
            ushort flags = FlagsAt(ring, i);
            bool changes = i == 0 || (flags & Marks) != (before & Marks);
            before = flags;
            if (!changes) continue;
            tried++;
            // An available entry is of the round that begins here; a used one was of the round that ended.
            bool wrap = IsUsed(flags) ? (flags & PackedDescriptor.Used) == 0 : (flags & PackedDescriptor.Available) != 0;
            var candidate = new PackedPosition((ushort)(i | (wrap ? PackedLayout.WrapBit : 0)));
            if (Fits(ring, size, candidate)) return candidate;
        }
        return remembered;
    }

    private static bool Fits(PackedDescriptor* ring, int size, PackedPosition at)
    {
        int seen = 0;
        while (seen < size && IsAvailableIn(FlagsAt(ring, at.Index), at.Wrap))
            seen += SkipChain(ring, size, ref at, size - seen);
        while (seen < size)
        {
            ushort flags = FlagsAt(ring, at.Index);
            if (!IsUsed(flags) || (flags & PackedDescriptor.Used) != 0 == at.Wrap) return false;
            at.Advance(1, size);
            seen++;
            // What is left of a chain whose first descriptor was overwritten.
            if (seen < size && IsAvailableIn(FlagsAt(ring, at.Index), !at.Wrap))
                seen += SkipChain(ring, size, ref at, size - seen);
        }
        return true;
    }

    private static int SkipChain(PackedDescriptor* ring, int size, ref PackedPosition at, int most)
    {
        for (int count = 1; ; count++)
        {
            bool more = (FlagsAt(ring, at.Index) & Descriptor.HasNext) != 0;
            at.Advance(1, size);
            if (!more || count == most) return count;
        }
    }

    private static ushort FlagsAt(PackedDescriptor* ring, int index) => RingOrder.AcquireFlags(&ring[index].Flags);

    private static bool IsUsed(ushort flags) => (flags & Marks) is 0 or Marks;

    private static bool IsAvailableIn(ushort flags, bool wrap) => (flags & Marks) == (wrap ? PackedDescriptor.Available : PackedDescriptor.Used);
}
