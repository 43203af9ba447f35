using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio.Packed;

/// <summary>
/// The driver side of a packed ring (VIRTIO 1.2, 2.8). Driver and device write the same entries, so nothing is ever read back
/// that the driver wrote: what it posted is remembered in private memory by buffer id, and of the shared memory only used
/// entries are read, flags first, id and length after them, each once. One thread at a time uses a ring. Nothing is allocated
/// after construction.
/// </summary>
/// <remarks>
/// Ids are given out first in, first out. With a device that must return chains in order they therefore count the chains modulo
/// the ring's size, and how many chains one used entry stands for is the distance of two ids.
/// </remarks>
public unsafe struct PackedDriverRing : IDriverRing
{
    // The two bits that tell whose an entry is. From one round to the next both change.
    private const ushort Owner = PackedDescriptor.Available | PackedDescriptor.Used;

    // In the second half of an entry, after the length.
    private const int IdShift = 8 * (PackedLayout.IdOffset - 8);
    private const int FlagsShift = 8 * (PackedLayout.FlagsOffset - 8);

    // Set up once; read by the owner.
    private readonly ulong* _ring;
    private readonly uint* _driverEvent;
    private readonly uint* _deviceEvent;
    private readonly int _size;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;

    // Private memory, written and read by the owner only.
    private readonly ulong[] _memory;
    private readonly OutstandingChain* _outstanding;
    private readonly ushort* _free;

    // Written by the owner: places in the list of free ids, and the next entry of each kind with the owner bits of its round.
    private int _freeHead;
    private int _freeTail;
    private int _freeDescriptors;
    private int _nextAvailable;
    private ushort _availableBits;
    private int _nextUsed;
    private ushort _usedBits;

    // The first entry after those the device was shown, and the flags it gets last.
    private int _firstPrepared;
    private ushort _firstFlags;
    private ushort _shownBits;
    private int _prepared;

    // Descriptors shown since the last decision to kick, no more than the ring has.
    private int _shownSinceKick;
    private bool _firstKick;

    // What the used entry that was read last stands for, with a device that works in order: how many chains are still to be
    // taken, what was written into the last of them, and the id of the next.
    private int _batch;
    private uint _batchWritten;
    private int _oldest;

    /// <summary>Makes an empty ring and clears its memory. The device must not know of it yet.</summary>
    /// <param name="ring">The ring, <see cref="PackedLayout.RingLength"/> bytes aligned to <see cref="PackedLayout.RingAlignment"/>.</param>
    /// <param name="driverEvent">
    /// The driver's event suppression area, <see cref="PackedLayout.EventLength"/> bytes aligned to
    /// <see cref="PackedLayout.EventAlignment"/>.
    /// </param>
    /// <param name="deviceEvent">The device's, of the same length and alignment; best on another cache line.</param>
    /// <param name="size">The number of entries, valid by <see cref="PackedLayout.IsValidSize"/>.</param>
    /// <param name="eventIndex">True where <see cref="Features.EventIdx"/> is negotiated.</param>
    /// <param name="inOrder">True where <see cref="Features.InOrder"/> is negotiated.</param>
    /// <exception cref="ArgumentException">The size or an alignment is wrong.</exception>
    public PackedDriverRing(byte* ring, byte* driverEvent, byte* deviceEvent, int size, bool eventIndex, bool inOrder = false)
    {
        if (size < 0 || !PackedLayout.IsValidSize((uint)size))
            throw new ArgumentException($"a packed ring has 1 to {PackedLayout.MaxSize} entries, not {size}", nameof(size));
        if ((nuint)ring % PackedLayout.RingAlignment != 0 || ((nuint)driverEvent | (nuint)deviceEvent) % PackedLayout.EventAlignment != 0)
            throw new ArgumentException("a part of the ring is not aligned as the specification demands");
        new Span<byte>(ring, (int)PackedLayout.RingLength(size)).Clear();
        new Span<byte>(driverEvent, PackedLayout.EventLength).Clear();
        new Span<byte>(deviceEvent, PackedLayout.EventLength).Clear();
        _ring = (ulong*)ring;
        _driverEvent = (uint*)driverEvent;
        _deviceEvent = (uint*)deviceEvent;
        _size = size;
        _eventIndex = eventIndex;
        _inOrder = inOrder;

        // Per id: the chain (8) and the free list (2).
        _memory = GC.AllocateArray<ulong>(((size * (sizeof(OutstandingChain) + sizeof(ushort))) + 7) / 8, pinned: true);
        byte* at = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _outstanding = (OutstandingChain*)at;
        _free = (ushort*)(at + (size * sizeof(OutstandingChain)));
        for (int i = 0; i < size; i++)
            _free[i] = (ushort)i;
        _freeDescriptors = size;

        // Both wrap counters start at 1 (2.8.1).
        _availableBits = _shownBits = PackedDescriptor.Available;
        _usedBits = Owner;
        _firstKick = true;
    }

    /// <inheritdoc/>
    public readonly int Size => _size;

    /// <inheritdoc/>
    public readonly int Free => _freeDescriptors;

    /// <inheritdoc/>
    public int Pending { get; private set; }

    /// <inheritdoc/>
    public DriverRingFault Fault { get; private set; }

    /// <inheritdoc/>
    public ulong FaultDetail { get; private set; }

    /// <inheritdoc/>
    public readonly bool KickUndecided => _shownSinceKick != 0;

    /// <inheritdoc/>
    public int PostBurst(ReadOnlySpan<BufferToPost> buffers, bool writable)
    {
        if (Fault != DriverRingFault.None) return 0;
        int count = Math.Min(buffers.Length, _freeDescriptors);
        if (count == 0) return 0;
        int size = _size, freeHead = _freeHead, nextAvailable = _nextAvailable;
        ulong* ring = _ring;
        ushort* free = _free;
        OutstandingChain* outstanding = _outstanding;
        ulong flags = (ulong)(_availableBits | (writable ? Descriptor.Write : 0)) << FlagsShift;
        ulong withheld = Withhold((ushort)(flags >> FlagsShift));
        for (int i = 0; i < count; i++)
        {
            ref readonly var buffer = ref buffers[i];
            uint id = free[freeHead];
            if (++freeHead == size) freeHead = 0;
            outstanding[id] = new OutstandingChain(writable ? buffer.Length : 0, 1, buffer.Token);
            ulong* entry = ring + (2 * nextAvailable);
            entry[0] = buffer.Address;
            entry[1] = buffer.Length | ((ulong)id << IdShift) | (flags ^ withheld);
            withheld = 0;
            if (++nextAvailable != size) continue;
            nextAvailable = 0;
            flags ^= (ulong)Owner << FlagsShift;
        }
        _freeHead = freeHead;
        _nextAvailable = nextAvailable;
        _availableBits = (ushort)((flags >> FlagsShift) & Owner);
        _freeDescriptors -= count;
        _prepared += count;
        return count;
    }

    /// <inheritdoc/>
    public int Post(ulong address, uint length, bool writable, ushort token = 0)
    {
        int id = _free[_freeHead];
        var buffer = new BufferToPost { Address = address, Length = length, Token = token };
        return PostBurst(new ReadOnlySpan<BufferToPost>(in buffer), writable) == 1 ? id : -1;
    }

    /// <inheritdoc/>
    public int PostChain(ReadOnlySpan<RingBuffer> buffers, ushort token = 0)
    {
        if (buffers.Length == 0 || buffers.Length > _freeDescriptors || Fault != DriverRingFault.None) return -1;
        int id = _free[_freeHead];
        if (++_freeHead == _size) _freeHead = 0;
        uint writable = 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            ref readonly var buffer = ref buffers[i];
            ushort flags = (ushort)(_availableBits | (buffer.Writable ? Descriptor.Write : 0) | (i < buffers.Length - 1 ? Descriptor.HasNext : 0));
            ulong withheld = i == 0 ? Withhold(flags) : 0;
            ulong* entry = _ring + (2 * _nextAvailable);
            entry[0] = buffer.Address;
            // Only the last one's id counts (2.8.6); a device may look at any of them.
            entry[1] = buffer.Length | ((ulong)id << IdShift) | (((ulong)flags << FlagsShift) ^ withheld);
            if (buffer.Writable) writable += buffer.Length;
            if (++_nextAvailable != _size) continue;
            _nextAvailable = 0;
            _availableBits ^= Owner;
        }
        _outstanding[id] = new OutstandingChain(writable, (ushort)buffers.Length, token);
        _freeDescriptors -= buffers.Length;
        _prepared++;
        return id;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish()
    {
        if (_prepared == 0) return;
        int descriptors = _nextAvailable - _firstPrepared;
        if (descriptors <= 0) descriptors += _size;
        RingOrder.PublishFlags(FlagsOf(_firstPrepared), _firstFlags);
        _firstPrepared = _nextAvailable;
        _shownBits = _availableBits;
        Pending += _prepared;
        _prepared = 0;
        _shownSinceKick = Math.Min(_shownSinceKick + descriptors, _size);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool WantsKick()
    {
        if (_firstKick) return true;
        // Place and flags in one load: they were written together.
        uint wish = RingOrder.ReadHint(_deviceEvent);
        ushort flags = (ushort)(wish >> 16);
        // A flag that cannot be, or cannot be without event indexes, says yes.
        return _eventIndex && flags == EventSuppression.AtEntry ? HasPassed(new PackedPosition((ushort)wish)) : flags != EventSuppression.Disable;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void KickDecided()
    {
        _shownSinceKick = 0;
        _firstKick = false;
    }

    /// <inheritdoc/>
    public int TakeBurst(Span<TakenChain> into)
    {
        if (Fault != DriverRingFault.None) return 0;
        if (_inOrder) return TakeInOrder(into);
        int size = _size, nextUsed = _nextUsed, freeTail = _freeTail, freeDescriptors = _freeDescriptors;
        ushort usedBits = _usedBits;
        bool prepared = _prepared != 0;
        ushort* free = _free;
        OutstandingChain* outstanding = _outstanding;
        int taken = 0;
        while (taken < into.Length)
        {
            ulong* entry = _ring + (2 * nextUsed);
            ushort flags = RingOrder.AcquireFlags((ushort*)entry + (PackedLayout.FlagsOffset / sizeof(ushort)));
            if ((flags & Owner) != usedBits) break;
            // One load: the copy cannot be changed by the device afterwards, and no field is read a second time.
            ulong copy = Unsafe.ReadUnaligned<ulong>(entry + 1);
            uint written = Written(copy, flags);
            int id = (ushort)(copy >> IdShift);
            if (id >= size)
            {
                Break(DriverRingFault.UsedIdOutOfRange, (ulong)id);
                break;
            }
            OutstandingChain chain = outstanding[id];
            if (chain.Descriptors == 0 || (prepared && IsPrepared(id)))
            {
                Break(DriverRingFault.UsedIdNotOutstanding, (ulong)id);
                break;
            }
            if (written > chain.Writable)
            {
                Break(DriverRingFault.UsedLengthTooLong, written);
                break;
            }
            outstanding[id] = default;
            free[freeTail] = (ushort)id;
            if (++freeTail == size) freeTail = 0;
            ref var slot = ref into[taken++];
            slot.Written = written;
            slot.Token = chain.Token;
            freeDescriptors += chain.Descriptors;
            nextUsed += chain.Descriptors;
            if (nextUsed < size) continue;
            nextUsed -= size;
            usedBits ^= Owner;
        }
        _nextUsed = nextUsed;
        _usedBits = usedBits;
        _freeTail = freeTail;
        _freeDescriptors = freeDescriptors;
        Pending -= taken;
        return taken;
    }

    /// <inheritdoc/>
    public readonly void EnableCalls()
    {
        uint next = (uint)(_nextUsed | (_usedBits == 0 ? 0 : PackedLayout.WrapBit));
        RingOrder.WriteHint(_driverEvent, _eventIndex ? next | ((uint)EventSuppression.AtEntry << 16) : (uint)EventSuppression.Enable << 16);
    }

    /// <inheritdoc/>
    public readonly void DisableCalls() => RingOrder.WriteHint(_driverEvent, (uint)EventSuppression.Disable << 16);

    /// <inheritdoc/>
    public readonly bool HasUsed() =>
        Fault != DriverRingFault.None || _batch != 0 || (RingOrder.AcquireFlags(FlagsOf(_nextUsed)) & Owner) == _usedBits;

    /// <inheritdoc/>
    public readonly bool TryContinue(out uint position)
    {
        position = 0;
        return false;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Break(DriverRingFault fault, ulong detail)
    {
        if (Fault != DriverRingFault.None) return;
        FaultDetail = detail;
        Fault = fault;
    }

    // Without the flag the length means nothing (2.8.4): DPDK leaves what the driver wrote in the entries of frames it has read.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Written(ulong copy, ushort flags) => (flags & Descriptor.Write) != 0 ? (uint)copy : 0;

    private readonly ushort* FlagsOf(int entry) => (ushort*)(_ring + (2 * entry)) + (PackedLayout.FlagsOffset / sizeof(ushort));

    // The first entry of a batch becomes available last, and all behind it with it (2.8.21.2.1): until Publish one of its owner
    // bits says the opposite. Returns what to turn over in it.
    private ulong Withhold(ushort flags)
    {
        if (_prepared != 0) return 0;
        _firstFlags = flags;
        return (ulong)PackedDescriptor.Available << FlagsShift;
    }

    // True when the entry that the device wants to hear of is among those shown since the last decision (2.8.10): counted back
    // from the first that is not shown, so that many publications, even of more than a round, may be decided on at once.
    private readonly bool HasPassed(PackedPosition wanted)
    {
        bool sameRound = wanted.Wrap == ((_shownBits & PackedDescriptor.Available) != 0);
        int behind = _firstPrepared - wanted.Index + (sameRound ? 0 : _size);
        return behind >= 1 && behind <= _shownSinceKick;
    }

    private int TakeInOrder(Span<TakenChain> into)
    {
        int taken = 0;
        while (taken < into.Length && (_batch != 0 || ReadEntry()))
        {
            int id = _oldest, freeTail = _freeTail, size = _size, descriptors = 0;
            ushort* free = _free;
            OutstandingChain* outstanding = _outstanding;
            int until = Math.Min(into.Length, taken + _batch);
            _batch -= until - taken;
            Pending -= until - taken;
            while (taken < until)
            {
                OutstandingChain chain = outstanding[id];
                outstanding[id] = default;
                ref var slot = ref into[taken++];
                slot.Written = chain.Writable;
                slot.Token = chain.Token;
                descriptors += chain.Descriptors;
                free[freeTail] = (ushort)id;
                if (++freeTail == size) freeTail = 0;
                if (++id == size) id = 0;
            }
            if (_batch == 0) into[until - 1].Written = _batchWritten;
            _oldest = id;
            _freeTail = freeTail;
            _freeDescriptors += descriptors;
            _nextUsed += descriptors;
            if (_nextUsed < size) continue;
            _nextUsed -= size;
            _usedBits ^= Owner;
        }
        return taken;
    }

    // The next used entry and the chains it stands for: all up to the one it names (2.8.8).
    private bool ReadEntry()
    {
        ushort flags = RingOrder.AcquireFlags(FlagsOf(_nextUsed));
        if ((flags & Owner) != _usedBits) return false;
        // One load, as in TakeBurst.
        ulong copy = Unsafe.ReadUnaligned<ulong>(_ring + (2 * _nextUsed) + 1);
        uint written = Written(copy, flags);
        int id = (ushort)(copy >> IdShift);
        if (id >= _size) return Refuse(DriverRingFault.UsedIdOutOfRange, (uint)id);
        int chains = id - _oldest + 1;
        if (chains <= 0) chains += _size;
        if (chains > Pending) return Refuse(DriverRingFault.UsedIdNotOutstanding, (uint)id);
        if (written > _outstanding[id].Writable) return Refuse(DriverRingFault.UsedLengthTooLong, written);
        _batch = chains;
        _batchWritten = written;
        return true;
    }

    // Prepared, but not shown to the device: its id was among the last to be given out.
    private readonly bool IsPrepared(int id)
    {
        for (int i = 1; i <= _prepared; i++)
        {
            int place = _freeHead - i;
            if (_free[place < 0 ? place + _size : place] == id) return true;
        }
        return false;
    }

    private bool Refuse(DriverRingFault fault, uint detail)
    {
        Break(fault, detail);
        return false;
    }
}
