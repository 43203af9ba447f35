using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio.Split;

/// <summary>
/// The driver side of a split ring (VIRTIO 1.2, 2.7). The device can write all of the shared memory at any moment: what the
/// driver posted is remembered in private memory, and of the shared memory only the used ring is read, each field once. One
/// thread at a time uses a ring. Nothing is allocated after construction.
/// </summary>
/// <remarks>
/// <para>
/// Descriptors are given out first in, first out. A device that returns buffers in order, and a caller that posts them in
/// the same order again, then meet the same entries with the same contents every round; what has not changed is not written,
/// so the lines of descriptor table and available ring stay in the device's cache.
/// </para>
/// <para>
/// With a device that must return chains in order, descriptors are therefore given out in the order of the table from its
/// start, round after round, as the driver must (2.7.5.2.1).
/// </para>
/// </remarks>
public unsafe struct SplitDriverRing : IDriverRing
{
    // Set up once; read by the owner.
    private readonly ulong* _descriptors;
    private readonly ushort* _available;
    private readonly byte* _used;
    private readonly ushort* _usedEvent;
    private readonly ushort* _availEvent;
    private readonly ushort _mask;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;

    // Private memory, written and read by the owner only.
    private readonly ulong[] _memory;
    private readonly ulong* _posted;
    private readonly OutstandingChain* _outstanding;
    private readonly ushort* _free;
    private readonly ushort* _entries;

    // Written by the owner. All counts are free-running modulo 65536.
    private ushort _freeHead;
    private ushort _freeTail;
    private ushort _nextAvailable;
    private ushort _published;
    private ushort _nextUsed;
    private ushort _usedSeen;
    private ushort _kickedAt;
    private bool _kickUndecided;
    private bool _firstKick;

    // What the used entry that was read last stands for: how many chains are still to be taken, what was written into the last
    // of them, and the head of the next; with a device that works in order, between two entries the oldest outstanding chain.
    private int _batch;
    private uint _batchWritten;
    private uint _head;

    /// <summary>Makes an empty ring and clears its memory. The device must not know of it yet.</summary>
    /// <param name="descriptors">
    /// The descriptor table, <see cref="SplitLayout.DescriptorTableLength"/> bytes aligned to
    /// <see cref="SplitLayout.DescriptorAlignment"/>.
    /// </param>
    /// <param name="available">
    /// The available ring, <see cref="SplitLayout.AvailableLength"/> bytes aligned to <see cref="SplitLayout.AvailableAlignment"/>.
    /// </param>
    /// <param name="used">
    /// The used ring, <see cref="SplitLayout.UsedLength"/> bytes aligned to <see cref="SplitLayout.UsedAlignment"/>; best 4 bytes
    /// before a cache line, so that no entry straddles two.
    /// </param>
    /// <param name="size">The number of entries, valid by <see cref="SplitLayout.IsValidSize"/>.</param>
    /// <param name="eventIndex">True where <see cref="Features.EventIdx"/> is negotiated.</param>
    /// <param name="inOrder">True where <see cref="Features.InOrder"/> is negotiated.</param>
    /// <exception cref="ArgumentException">The size or an alignment is wrong.</exception>
    public SplitDriverRing(byte* descriptors, byte* available, byte* used, int size, bool eventIndex, bool inOrder = false)
    {
        if (size < 0 || !SplitLayout.IsValidSize((uint)size))
            throw new ArgumentException($"a split ring has a power of two of entries, at most {SplitLayout.MaxSize}, not {size}", nameof(size));
        if ((nuint)descriptors % SplitLayout.DescriptorAlignment != 0 || (nuint)available % SplitLayout.AvailableAlignment != 0
            || (nuint)used % SplitLayout.UsedAlignment != 0)
            throw new ArgumentException("a part of the ring is not aligned as the specification demands");
        new Span<byte>(descriptors, (int)SplitLayout.DescriptorTableLength(size)).Clear();
        new Span<byte>(available, (int)SplitLayout.AvailableLength(size)).Clear();
        new Span<byte>(used, (int)SplitLayout.UsedLength(size)).Clear();
        _descriptors = (ulong*)descriptors;
        _available = (ushort*)available;
        _used = used;
        _usedEvent = (ushort*)(available + SplitLayout.UsedEventOffset(size));
        _availEvent = (ushort*)(used + SplitLayout.AvailEventOffset(size));
        _mask = (ushort)(size - 1);
        _eventIndex = eventIndex;
        _inOrder = inOrder;

        // Per entry: the descriptor as posted (16), the chain (8), the free list (2) and the available ring as written (2).
        int bytes = size * (SplitLayout.DescriptorSize + sizeof(OutstandingChain) + sizeof(ushort) + sizeof(ushort));
        _memory = GC.AllocateArray<ulong>((bytes + 7) / 8, pinned: true);
        byte* at = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _posted = (ulong*)at;
        _outstanding = (OutstandingChain*)(at += size * SplitLayout.DescriptorSize);
        _free = (ushort*)(at += size * sizeof(OutstandingChain));
        _entries = (ushort*)(at + (size * sizeof(ushort)));
        for (int i = 0; i < size; i++)
            _free[i] = (ushort)i;
        _freeTail = (ushort)size;
        _firstKick = true;
    }

    /// <inheritdoc/>
    public readonly int Size => _mask + 1;

    /// <inheritdoc/>
    public readonly int Free => (ushort)(_freeTail - _freeHead);

    /// <inheritdoc/>
    public readonly int Pending => (ushort)(_published - _nextUsed);

    /// <inheritdoc/>
    public DriverRingFault Fault { get; private set; }

    /// <inheritdoc/>
    public ulong FaultDetail { get; private set; }

    /// <inheritdoc/>
    public readonly bool KickUndecided => _kickUndecided;

    /// <summary>The available index as the device sees it: the number of chains ever published, modulo 65536.</summary>
    public readonly ushort PublishedIndex => _published;

    /// <inheritdoc/>
    public int PostBurst(ReadOnlySpan<BufferToPost> buffers, bool writable)
    {
        if (Fault != DriverRingFault.None) return 0;
        int count = Math.Min(buffers.Length, Free);
        ushort freeHead = _freeHead, nextAvailable = _nextAvailable;
        ushort* free = _free, entries = _entries;
        ulong* posted = _posted;
        OutstandingChain* outstanding = _outstanding;
        uint mask = _mask, writableMask = writable ? uint.MaxValue : 0;
        ulong flags = (ulong)(writable ? Descriptor.Write : 0) << 32;
        // No call in the loop that is not the last resort: the compiler would keep nothing in registers.
        for (int i = 0; i < count; i++)
        {
            ref readonly var buffer = ref buffers[i];
            uint id = free[freeHead++ & mask];
            ulong address = buffer.Address, lengthFlagsNext = buffer.Length | flags;
            ulong* descriptor = posted + (2 * id);
            if (descriptor[0] != address || descriptor[1] != lengthFlagsNext)
            {
                descriptor[0] = address;
                descriptor[1] = lengthFlagsNext;
                _descriptors[2 * id] = address;
                _descriptors[(2 * id) + 1] = lengthFlagsNext;
            }
            outstanding[id] = new OutstandingChain(buffer.Length & writableMask, 1, buffer.Token);
            uint slot = nextAvailable++ & mask;
            if (entries[slot] == id) continue;
            entries[slot] = (ushort)id;
            _available[(SplitLayout.EntriesOffset / sizeof(ushort)) + slot] = (ushort)id;
        }
        _freeHead = freeHead;
        _nextAvailable = nextAvailable;
        return count;
    }

    /// <inheritdoc/>
    public int Post(ulong address, uint length, bool writable, ushort token = 0)
    {
        if (_freeHead == _freeTail || Fault != DriverRingFault.None) return -1;
        int id = _free[_freeHead++ & _mask];
        Describe(id, address, length | ((ulong)(writable ? Descriptor.Write : 0) << 32));
        _outstanding[id] = new OutstandingChain(writable ? length : 0, 1, token);
        Offer(id);
        return id;
    }

    /// <inheritdoc/>
    public int PostChain(ReadOnlySpan<RingBuffer> buffers, ushort token = 0)
    {
        if (buffers.Length == 0 || buffers.Length > Free || Fault != DriverRingFault.None) return -1;
        int head = _free[_freeHead & _mask];
        uint writable = 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            ref readonly var buffer = ref buffers[i];
            int id = _free[_freeHead++ & _mask];
            bool last = i == buffers.Length - 1;
            ulong flags = (ulong)((buffer.Writable ? Descriptor.Write : 0) | (last ? 0 : Descriptor.HasNext));
            ulong next = last ? 0UL : _free[_freeHead & _mask];
            Describe(id, buffer.Address, buffer.Length | (flags << 32) | (next << 48));
            if (buffer.Writable) writable += buffer.Length;
        }
        _outstanding[head] = new OutstandingChain(writable, (ushort)buffers.Length, token);
        Offer(head);
        return head;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish()
    {
        if (_published == _nextAvailable) return;
        _published = _nextAvailable;
        RingOrder.PublishIndex(_available + (SplitLayout.IndexOffset / sizeof(ushort)), _published);
        _kickUndecided = true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool WantsKick()
    {
        if (_firstKick) return true;
        return _eventIndex
            ? Notification.Passed(RingOrder.ReadHint(_availEvent), _published, _kickedAt)
            : (RingOrder.ReadHint((ushort*)_used) & SplitLayout.NoNotify) == 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void KickDecided()
    {
        _kickedAt = _published;
        _kickUndecided = false;
        _firstKick = false;
    }

    /// <inheritdoc/>
    public int TakeBurst(Span<TakenChain> into)
    {
        int count = Used(into.Length);
        if (_inOrder) return TakeInOrder(into, count);
        // A chain that the device has not been shown is not its to return; only the careful way tells which.
        int easy = _published != _nextAvailable ? 0 : count;
        ushort nextUsed = _nextUsed, freeTail = _freeTail;
        ushort* free = _free;
        OutstandingChain* outstanding = _outstanding;
        byte* elements = _used + SplitLayout.EntriesOffset;
        uint mask = _mask;
        int taken = 0;
        while (taken < easy)
        {
            // One load: the copy cannot be changed by the device afterwards, and no field is read a second time.
            ulong element = Unsafe.ReadUnaligned<ulong>(elements + (sizeof(ulong) * (nuint)(nextUsed & mask)));
            uint id = (uint)element, written = (uint)(element >> 32);
            if (id > mask) break;
            OutstandingChain chain = outstanding[id];
            if (chain.Descriptors != 1 || written > chain.Writable) break;
            outstanding[id] = default;
            free[freeTail++ & mask] = (ushort)id;
            nextUsed++;
            ref var slot = ref into[taken++];
            slot.Written = written;
            slot.Token = chain.Token;
        }
        _nextUsed = nextUsed;
        _freeTail = freeTail;
        // Chains of several descriptors, and what breaks the rules.
        while (taken < count)
        {
            if (TakeOne(out var chain) < 0) break;
            into[taken++] = chain;
        }
        return taken;
    }

    /// <summary>
    /// How many chains have come back, at most <paramref name="max"/>; -1 when the device broke the rules, told by
    /// <see cref="Fault"/>.
    /// </summary>
    /// <param name="max">The most chains wanted.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Used(int max)
    {
        int ready = (ushort)(_usedSeen - _nextUsed);
        return ready >= max ? max : UsedNow(max);
    }

    /// <summary>Takes back the next chain and frees its descriptors. Call it only as often as <see cref="Used"/> said.</summary>
    /// <param name="written">How many bytes the device says it wrote; never more than was posted for writing.</param>
    /// <returns>The chain's id; -1 when the entry breaks the rules, told by <see cref="Fault"/>.</returns>
    public int Take(out uint written)
    {
        int id = TakeOne(out var chain);
        written = chain.Written;
        return id;
    }

    /// <inheritdoc/>
    public readonly void EnableCalls()
    {
        if (_eventIndex) RingOrder.WriteHint(_usedEvent, _nextUsed);
        else RingOrder.WriteHint(_available, 0);
    }

    /// <inheritdoc/>
    public readonly void DisableCalls()
    {
        // With event indexes the flag must stay 0 (2.7.7.1): an event index that is not moved on asks for one call in 65536.
        if (!_eventIndex) RingOrder.WriteHint(_available, SplitLayout.NoInterrupt);
    }

    /// <inheritdoc/>
    public readonly bool HasUsed() =>
        Fault != DriverRingFault.None || RingOrder.AcquireIndex((ushort*)(_used + SplitLayout.IndexOffset)) != _nextUsed;

    /// <inheritdoc/>
    public bool TryContinue(out uint position)
    {
        position = 0;
        if (UsedNow(0) < 0) return false;
        position = _usedSeen;
        _firstKick = _kickUndecided = true;
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Break(DriverRingFault fault, ulong detail)
    {
        if (Fault != DriverRingFault.None) return;
        FaultDetail = detail;
        Fault = fault;
        // Nothing more is taken from what was seen already.
        _usedSeen = _nextUsed;
    }

    // Length, flags and next are the second half of a descriptor, in this order from the lowest bit.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void Describe(int id, ulong address, ulong lengthFlagsNext)
    {
        ulong* posted = _posted + (2 * id);
        if (posted[0] == address && posted[1] == lengthFlagsNext) return;
        posted[0] = address;
        posted[1] = lengthFlagsNext;
        _descriptors[2 * id] = address;
        _descriptors[(2 * id) + 1] = lengthFlagsNext;
    }

    private void Offer(int head)
    {
        uint slot = (uint)(_nextAvailable++ & _mask);
        if (_entries[slot] != (ushort)head) WriteEntry(slot, (ushort)head);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void WriteEntry(uint slot, ushort head)
    {
        _entries[slot] = head;
        _available[(SplitLayout.EntriesOffset / sizeof(ushort)) + slot] = head;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int UsedNow(int max)
    {
        if (Fault != DriverRingFault.None) return -1;
        _usedSeen = RingOrder.AcquireIndex((ushort*)(_used + SplitLayout.IndexOffset));
        int ready = (ushort)(_usedSeen - _nextUsed);
        if (ready <= Pending) return Math.Min(ready, max);
        Break(DriverRingFault.UsedIndexTooFarAhead, (ulong)ready);
        return -1;
    }

    private int TakeInOrder(Span<TakenChain> into, int count)
    {
        int taken = 0;
        while (taken < count && (_batch != 0 || ReadEntry()))
        {
            uint head = _head, mask = _mask;
            ushort freeTail = _freeTail;
            ushort* free = _free;
            OutstandingChain* outstanding = _outstanding;
            int until = Math.Min(count, taken + _batch);
            _batch -= until - taken;
            _nextUsed += (ushort)(until - taken);
            while (taken < until)
            {
                OutstandingChain chain = outstanding[head];
                outstanding[head] = default;
                ref var slot = ref into[taken++];
                slot.Written = chain.Writable;
                slot.Token = chain.Token;
                // The descriptors of a chain follow each other.
                for (int i = chain.Descriptors; i > 0; i--, head = (head + 1) & mask)
                    free[freeTail++ & mask] = (ushort)head;
            }
            if (_batch == 0) into[until - 1].Written = _batchWritten;
            _head = head;
            _freeTail = freeTail;
        }
        return taken;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TakeOne(out TakenChain taken)
    {
        taken = default;
        if (_batch == 0 && !ReadEntry()) return -1;
        uint head = _head;
        OutstandingChain chain = _outstanding[head];
        _outstanding[head] = default;
        taken.Token = chain.Token;
        taken.Written = --_batch == 0 ? _batchWritten : chain.Writable;
        uint descriptor = head;
        for (int i = 0; i < chain.Descriptors; i++)
        {
            _free[_freeTail++ & _mask] = (ushort)descriptor;
            descriptor = (uint)(_posted[(2 * descriptor) + 1] >> 48);
        }
        _head = (head + chain.Descriptors) & _mask;
        _nextUsed++;
        return (int)head;
    }

    // The next used entry and the chains it stands for: itself, or in order all up to it.
    private bool ReadEntry()
    {
        // One load, as in TakeBurst.
        ulong element = Unsafe.ReadUnaligned<ulong>(_used + SplitLayout.EntriesOffset + (sizeof(ulong) * (nuint)(_nextUsed & _mask)));
        uint id = (uint)element, written = (uint)(element >> 32);
        if (id > _mask) return Refuse(DriverRingFault.UsedIdOutOfRange, id);
        if (_outstanding[id].Descriptors == 0 || IsUnpublished(id)) return Refuse(DriverRingFault.UsedIdNotOutstanding, id);
        if (written > _outstanding[id].Writable) return Refuse(DriverRingFault.UsedLengthTooLong, written);
        _batch = 1;
        _batchWritten = written;
        if (!_inOrder)
        {
            _head = id;
            return true;
        }
        int covered = (ushort)(_usedSeen - _nextUsed);
        for (uint head = _head; head != id; head = (head + _outstanding[head].Descriptors) & _mask)
        {
            if (_batch == covered)
            {
                _batch = 0;
                return Refuse(DriverRingFault.UsedOutOfOrder, id);
            }
            _batch++;
        }
        return true;
    }

    // Prepared, but not shown to the device.
    private readonly bool IsUnpublished(uint id)
    {
        for (ushort i = _published; i != _nextAvailable; i++)
        {
            if (_entries[i & _mask] == id) return true;
        }
        return false;
    }

    private bool Refuse(DriverRingFault fault, uint detail)
    {
        Break(fault, detail);
        return false;
    }
}
