using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using Entry = VhostSwitch.Vhost.Inflight.PackedInflightLayout.Entry;

namespace VhostSwitch.Vhost.Inflight;

/// <summary>A buffer that an earlier back-end has taken and not given back.</summary>
/// <param name="Head">Its first entry.</param>
/// <param name="Last">Its last entry.</param>
/// <param name="Id">The id to give back.</param>
/// <param name="Descriptors">Its descriptors.</param>
public readonly record struct LeftBuffer(ushort Head, ushort Last, ushort Id, Descriptor[] Descriptors);

/// <summary>
/// What a packed ring's part of an inflight area says after its back-end died: what was being noted is finished or undone, and
/// what was taken and not given back is listed (vhost-user, "Inflight I/O tracking"). Everything is copied once and checked.
/// </summary>
public sealed unsafe class PackedInflightRecovery
{
    private PackedInflightRecovery(PackedPosition used, ushort freeHead, ushort[] next, LeftBuffer[] left, ulong nextCounter)
    {
        Used = used;
        FreeHead = freeHead;
        Next = next;
        Left = left;
        NextCounter = nextCounter;
    }

    /// <summary>Where the next used descriptor goes.</summary>
    public PackedPosition Used { get; }

    /// <summary>The first free entry.</summary>
    public ushort FreeHead { get; }

    /// <summary>The entry after each.</summary>
    public ushort[] Next { get; }

    /// <summary>The buffers to take again, in their order.</summary>
    public LeftBuffer[] Left { get; }

    /// <summary>The number of the next buffer.</summary>
    public ulong NextCounter { get; }

    /// <summary>Reads and repairs a part; one that nobody has used yet is initialised.</summary>
    /// <param name="part">The ring's part of the area.</param>
    /// <param name="ring">The descriptor ring, guest memory.</param>
    /// <param name="size">The ring's number of entries.</param>
    /// <param name="remembered">Where a ring without notes goes on.</param>
    /// <exception cref="VhostException">The memory contradicts itself or the ring.</exception>
    public static PackedInflightRecovery Read(byte* part, PackedDescriptor* ring, int size, PackedPosition remembered)
    {
        var header = (PackedInflightLayout*)part;
        var entries = (Entry*)(part + sizeof(PackedInflightLayout));
        if (header->Version == 0) return Initialise(header, entries, size, remembered);
        var copy = *header;
        if (copy.Version != SplitInflightLayout.CurrentVersion || copy.DescriptorCount != size)
            throw new VhostException($"the inflight memory is of version {copy.Version} for {copy.DescriptorCount} entries, the ring has {size}");
        if (copy.UsedIndex >= size || copy.OldUsedIndex >= size || copy.FreeHead > size || copy.OldFreeHead > size)
            throw new VhostException($"the inflight memory names an entry beyond a ring of {size}");
        bool oldWrap = copy.OldUsedWrap != 0;
        if (copy.OldUsedIndex != copy.UsedIndex || oldWrap != (copy.UsedWrap != 0))
        {
            // Did the driver get to see it? Then the descriptor at the old place no longer looks as the driver made it available.
            ushort flags = RingOrder.AcquireFlags(&ring[copy.OldUsedIndex].Flags);
            bool stillAvailable = (flags & PackedDescriptor.Available) != 0 == oldWrap && (flags & PackedDescriptor.Used) != 0 != oldWrap;
            // Its last notes were being made: where the old place is new already and its wrap counter is not, the ring says nothing, since
            // the rest of a chain from the round before looks available there.
            bool beingNoted = copy.OldFreeHead == copy.FreeHead;
            if (!stillAvailable || beingNoted)
            {
                copy.OldUsedIndex = copy.UsedIndex;
                copy.OldUsedWrap = copy.UsedWrap;
                copy.OldFreeHead = copy.FreeHead;
            }
        }
        header->UsedIndex = header->OldUsedIndex = copy.OldUsedIndex;
        header->UsedWrap = header->OldUsedWrap = copy.OldUsedWrap;
        header->FreeHead = header->OldFreeHead = copy.OldFreeHead;

        var entriesCopy = new Span<Entry>(entries, size).ToArray();
        var taken = new bool[size];
        var left = new List<(ulong Counter, LeftBuffer Buffer)>();
        // The free ones first: a buffer that was given back may still be marked.
        var free = WalkFree(entriesCopy, copy.OldFreeHead, taken);
        foreach (ushort i in free)
            entriesCopy[i].Inflight = entries[i].Inflight = 0;
        for (int i = 0; i < size; i++)
        {
            if (entriesCopy[i].Inflight != 0) left.Add((entriesCopy[i].Counter, Buffer(entriesCopy, (ushort)i, taken)));
        }
        int lost = Array.IndexOf(taken, false);
        if (lost >= 0) throw new VhostException($"the inflight memory's entry {lost} is neither free nor a buffer's");
        left.Sort((a, b) => a.Counter.CompareTo(b.Counter));
        ulong counter = left.Count > 0 ? left[^1].Counter + 1 : 0;
        var used = new PackedPosition((ushort)(copy.OldUsedIndex | (copy.OldUsedWrap != 0 ? PackedLayout.WrapBit : 0)));
        HideUsed(ring, size, used, left.Sum(l => l.Buffer.Descriptors.Length));
        return new PackedInflightRecovery(used, copy.OldFreeHead, [.. entriesCopy.Select(e => e.Next)], [.. left.Select(l => l.Buffer)], counter);
    }

    // Of a burst that was undone, used entries behind the first may be there already. The driver has not looked at them, but would as
    // soon as those before them are used, one after the other this time: then it would have buffers back that are still at work.
    private static void HideUsed(PackedDescriptor* ring, int size, PackedPosition at, int entries)
    {
        const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;
        for (; entries > 0; entries--)
        {
            ushort flags = RingOrder.AcquireFlags(&ring[at.Index].Flags);
            ushort available = at.Wrap ? PackedDescriptor.Available : PackedDescriptor.Used;
            if ((flags & Marks) == (at.Wrap ? Marks : 0)) RingOrder.PublishFlags(&ring[at.Index].Flags, (ushort)((flags & ~Marks) | available));
            at.Advance(1, size);
        }
    }

    private static PackedInflightRecovery Initialise(PackedInflightLayout* header, Entry* entries, int size, PackedPosition position)
    {
        new Span<byte>(header, PackedInflightLayout.LengthFor(size)).Clear();
        header->DescriptorCount = (ushort)size;
        header->UsedIndex = header->OldUsedIndex = (ushort)position.Index;
        header->UsedWrap = header->OldUsedWrap = position.Wrap ? (byte)1 : (byte)0;
        var next = new ushort[size];
        for (int i = 0; i < size; i++)
            entries[i].Next = next[i] = (ushort)(i + 1);
        Volatile.Write(ref header->Version, SplitInflightLayout.CurrentVersion);
        return new PackedInflightRecovery(position, 0, next, [], 0);
    }

    // The last free entry leads beyond the ring: to entry n.
    private static List<ushort> WalkFree(Entry[] entries, ushort head, bool[] taken)
    {
        var free = new List<ushort>();
        for (int at = head; at < entries.Length; at = entries[at].Next)
        {
            if (taken[at]) throw new VhostException("the inflight memory's list of free entries is a loop");
            taken[at] = true;
            free.Add((ushort)at);
        }
        return free;
    }

    private static LeftBuffer Buffer(Entry[] entries, ushort head, bool[] taken)
    {
        int count = entries[head].Count;
        if (count == 0 || count > entries.Length) throw new VhostException($"the inflight memory has a buffer of {count} descriptors");
        var descriptors = new Descriptor[count];
        int at = head, last = head;
        for (int i = 0; i < count; i++)
        {
            if (at >= entries.Length || taken[at]) throw new VhostException($"the inflight memory's buffer at entry {head} runs into others");
            taken[at] = true;
            ref readonly var entry = ref entries[at];
            ushort chained = i < count - 1 ? Descriptor.HasNext : (ushort)0;
            ushort flags = (ushort)((entry.Flags & (Descriptor.Write | Descriptor.Indirect)) | chained);
            descriptors[i] = new Descriptor { Address = entry.Address, Length = entry.Length, Flags = flags };
            last = at;
            at = entry.Next;
        }
        return new LeftBuffer(head, (ushort)last, entries[last].Id, descriptors);
    }
}
