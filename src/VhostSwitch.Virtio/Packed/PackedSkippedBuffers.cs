namespace VhostSwitch.Virtio.Packed;

/// <summary>
/// Gives back, unused, what lies available right behind entries that the front-end has used itself. QEMU does not know the position
/// of a ring whose back-end died: it takes entry 0 for it, and from there on it drops what the driver sends while there is no back-end
/// (virtqueue_packed_drop_all in QEMU 7.2). The driver takes its buffers in order, and waits for ever for those in between.
/// </summary>
/// <remarks>
/// The rest of a chain whose first descriptor was overwritten may look the same. Nobody minds: the driver has had that chain,
/// and writes its entries anew before it looks at them again.
/// </remarks>
public static unsafe class PackedSkippedBuffers
{
    // Places worth a look are few in any ring that a driver made; a hostile one gets no more of our time than this.
    private const int MostCandidates = 64;

    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;

    /// <summary>Gives them back.</summary>
    /// <param name="ring">The descriptor ring. Nothing of what a driver can write there is trusted.</param>
    /// <param name="size">The number of entries.</param>
    /// <param name="remembered">The front-end's position, where the ring goes on.</param>
    /// <returns>How many buffers were given back; 0 where the ring does not look like that.</returns>
    public static int GiveBack(PackedDescriptor* ring, int size, PackedPosition remembered)
    {
        int tried = 0;
        for (int i = 0; i < size && tried < MostCandidates; i++)
        {
            ushort flags = FlagsAt(ring, i);
            if (IsUsed(flags) || (flags & Marks) == (FlagsAt(ring, i == 0 ? size - 1 : i - 1) & Marks)) continue;
            tried++;
            bool wrap = (flags & PackedDescriptor.Available) != 0;
            var start = new PackedPosition((ushort)(i | (wrap ? PackedLayout.WrapBit : 0)));
            if (SkippedFrom(ring, size, start, remembered) is var entries && entries > 0) return Write(ring, size, start, entries);
        }
        return 0;
    }

    // How many entries are available from here on, if behind them come entries that the front-end used, up to its own position.
    private static int SkippedFrom(PackedDescriptor* ring, int size, PackedPosition at, PackedPosition remembered)
    {
        int seen = 0;
        while (seen < size && IsAvailableIn(FlagsAt(ring, at.Index), at.Wrap))
            seen += SkipChain(ring, size, ref at, size - seen);
        int skipped = seen;
        if (at == remembered) return 0;
        while (seen < size && at != remembered)
        {
            ushort flags = FlagsAt(ring, at.Index);
            if (!IsUsed(flags) || (flags & PackedDescriptor.Used) != 0 != at.Wrap) return 0;
            at.Advance(1, size);
            seen++;
            // What is left of a chain whose first descriptor was overwritten.
            if (seen < size && at != remembered && IsAvailableIn(FlagsAt(ring, at.Index), at.Wrap))
                seen += SkipChain(ring, size, ref at, size - seen);
        }
        return at == remembered && Fits(ring, size, at, seen) ? skipped : 0;
    }

    private static int Write(PackedDescriptor* ring, int size, PackedPosition at, int entries)
    {
        int chains = 0;
        while (entries > 0)
        {
            var first = at;
            int length = SkipChain(ring, size, ref at, entries);
            entries -= length;
            // The id of a chain is that of its last entry (VIRTIO 1.2, 2.8.6).
            var last = first;
            last.Advance(length - 1, size);
            ulong entry = ((ulong)ring[last.Index].Id << 32) | ((ulong)(first.Wrap ? Marks : 0) << 48);
            RingOrder.PublishUsed((ulong*)&ring[first.Index].Length, entry);
            chains++;
        }
        return chains;
    }

    private static bool Fits(PackedDescriptor* ring, int size, PackedPosition at, int seen = 0)
    {
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
