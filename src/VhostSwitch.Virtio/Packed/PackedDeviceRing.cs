using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Virtio.Packed;

/// <summary>
/// The device side of a packed ring (VIRTIO 1.2, 2.8). All of it lies in memory that the driver can write at any moment: each
/// field is read once, checked, and the copy is used. The ring's addresses were checked with their lengths when it was set up.
/// </summary>
/// <remarks>
/// Used entries are written when a burst is published and not before, the first one last: until then the ring is as the driver
/// left it, so that whoever takes over from a switch that died finds no half-told burst but for the few stores of
/// <see cref="Publish{TLog}"/> itself.
/// </remarks>
public unsafe struct PackedDeviceRing : IDeviceRing
{
    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;

    // Set up once; read by the poll thread.
    private readonly PackedDescriptor* _ring;
    private readonly uint* _driverEvent;
    private readonly uint* _deviceEvent;
    private readonly int _size;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;

    // What was peeked since the last Publish, by number. Private memory.
    private readonly Chain[] _memory;
    private readonly Chain* _chains;

    // Written by the poll thread.
    private PackedPosition _nextAvailable;
    private PackedPosition _nextUsed;
    private PackedPosition _calledAt;
    private PackedPosition _peekAt;
    private int _peeked;
    private uint _anyWritten;
    private bool _chainOpen;
    private bool _callUndecided;
    private bool _firstCall;

    /// <summary>Takes over a ring.</summary>
    /// <param name="ring">The descriptor ring, <see cref="PackedLayout.RingLength"/> bytes of guest memory.</param>
    /// <param name="driverEvent">The area in which the driver says when to call, <see cref="PackedLayout.EventLength"/> bytes of guest memory.</param>
    /// <param name="deviceEvent">The area in which the device says when to kick, <see cref="PackedLayout.EventLength"/> bytes of guest memory.</param>
    /// <param name="size">The number of entries, valid by <see cref="PackedLayout.IsValidSize"/>.</param>
    /// <param name="position">The next entry to take, which is the next to use as well; see <see cref="PackedResynchronisation.Find"/>.</param>
    /// <param name="eventIndex">True where <see cref="Features.EventIdx"/> is negotiated.</param>
    /// <param name="inOrder">True where <see cref="Features.InOrder"/> is negotiated.</param>
    public PackedDeviceRing(byte* ring, byte* driverEvent, byte* deviceEvent, int size, PackedPosition position, bool eventIndex, bool inOrder)
    {
        _ring = (PackedDescriptor*)ring;
        _driverEvent = (uint*)driverEvent;
        _deviceEvent = (uint*)deviceEvent;
        _size = size;
        _eventIndex = eventIndex;
        _inOrder = inOrder;
        _memory = GC.AllocateArray<Chain>(size, pinned: true);
        _chains = (Chain*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _nextAvailable = _nextUsed = _calledAt = _peekAt = position;
        _firstCall = true;
    }

    /// <inheritdoc/>
    public static bool TablesAreSequential => true;

    /// <inheritdoc/>
    public readonly int Size => _size;

    /// <inheritdoc/>
    public RingFault Fault { get; private set; }

    /// <inheritdoc/>
    public ulong FaultDetail { get; private set; }

    /// <inheritdoc/>
    public readonly uint Base => _nextAvailable.Value | ((uint)_nextUsed.Value << 16);

    /// <inheritdoc/>
    public readonly bool CallUndecided => _callUndecided;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Available(int max)
    {
        if (Fault != RingFault.None) return -1;
        return IsAvailable(RingOrder.AcquireFlags(&_ring[_nextAvailable.Index].Flags), _nextAvailable.Wrap) ? max : 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Peek(int i, out Descriptor first)
    {
        if ((i != _peeked || _chainOpen) && !Seek(i)) goto none;
        ushort flags = RingOrder.AcquireFlags(&_ring[_peekAt.Index].Flags);
        int before = i == 0 ? 0 : _chains[i - 1].End;
        // Once round there is nothing more, whatever the driver makes of the flags meanwhile.
        if (!IsAvailable(flags, _peekAt.Wrap) || before >= _size) goto none;
        ushort id = Copy(flags, out first);
        _chains[i] = new Chain { Id = id, At = _peekAt, Before = (ushort)before, Count = 1 };
        _peeked = i + 1;
        _chainOpen = (flags & Descriptor.HasNext) != 0;
        _peekAt.Advance(1, _size);
        return i;
    none:
        Unsafe.SkipInit(out first);
        return -1;
    }

    /// <inheritdoc/>
    public int PeekBurst(int first, PeekedBuffer* into, int most)
    {
        if ((first != _peeked || _chainOpen) && !Seek(first)) return 0;
        int before = first == 0 ? 0 : _chains[first - 1].End;
        most = Math.Min(most, _size - before);
        // Locals: a store through a pointer might change a field, for all that the compiler knows.
        var ring = _ring;
        var chains = _chains + first;
        int index = _peekAt.Index, size = _size, i = 0;
        bool wrap = _peekAt.Wrap;
        uint wanted = wrap ? PackedDescriptor.Available : PackedDescriptor.Used;
        for (; i < most; i++)
        {
            var entry = ring + index;
            uint flags = RingOrder.AcquireFlags(&entry->Flags);
            if ((flags & (Marks | Descriptor.HasNext)) != wanted) break;
            // In two registers, and not by way of the stack as a struct would go: address; length, id, flags.
            var copy = Vector128.Load((ulong*)entry);
            ulong second = copy.GetElement(1);
            var buffer = into + i;
            buffer->Descriptor.Address = copy.ToScalar();
            *(ulong*)&buffer->Descriptor.Length = (uint)second | ((ulong)(flags & ~(uint)Marks) << 32);
            chains[i].Begin(PackedPosition.At(index, wrap), (ushort)(second >> 32), (uint)(before + i));
            if (++index < size) continue;
            index = 0;
            wrap = !wrap;
            wanted ^= Marks;
        }
        _peekAt = PackedPosition.At(index, wrap);
        _peeked = first + i;
        return i;
    }

    /// <inheritdoc/>
    public void UseBurst(int first, PeekedBuffer* buffers, int count)
    {
        var chains = _chains + first;
        uint any = 0;
        for (int i = 0; i < count; i++)
            any |= chains[i].Written = buffers[i].Written;
        _anyWritten |= any;
    }

    /// <inheritdoc/>
    public bool Follow(ref Descriptor descriptor)
    {
        var chain = _chains + _peeked - 1;
        if (chain->End >= _size)
        {
            Break(RingFault.ChainTooLong, (ulong)_size);
            return false;
        }
        // The driver made the first descriptor available after all others of its chain, so these need no look at their marks.
        ushort flags = RingOrder.AcquireFlags(&_ring[_peekAt.Index].Flags);
        chain->Id = Copy(flags, out descriptor);
        chain->Count++;
        _chainOpen = (flags & Descriptor.HasNext) != 0;
        _peekAt.Advance(1, _size);
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Use(int i, int id, uint written) => _anyWritten |= _chains[i].Written = written;

    /// <inheritdoc/>
    public void Publish<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        if (!CloseChain(count)) return;
        var last = _chains + count - 1;
        // In order, one entry tells of all: the last one's id where the first one's would be.
        if (_inOrder && _anyWritten == 0) Write(0, *last, ref log);
        else if (last->End == count) WriteSingles(count, ref log);
        else
        {
            // Backwards, the first one last: the driver looks no further than the first entry that is not used yet.
            for (int i = count - 1; i >= 0; i--)
                Write(_chains[i].Before, _chains[i], ref log);
        }
        var before = _nextUsed;
        int entries = last->End;
        _nextUsed.Advance(entries, _size);
        _nextAvailable.Advance(entries, _size);
        _peekAt = _nextAvailable;
        _peeked = 0;
        _anyWritten = 0;
        _chainOpen = false;
        _callUndecided = true;
        int beforeWrap = Math.Min(entries, _size - before.Index);
        log.Written((byte*)(_ring + before.Index), (ulong)(beforeWrap * PackedLayout.DescriptorSize));
        log.Written((byte*)_ring, (ulong)((entries - beforeWrap) * PackedLayout.DescriptorSize));
    }

    /// <summary>Where the next used descriptor goes.</summary>
    public readonly PackedPosition NextUsed => _nextUsed;

    /// <summary>Walks to the end of the last chain that is to be published, where nobody has.</summary>
    /// <param name="count">How many chains are to be published.</param>
    /// <returns>False when the driver broke the rules, told by <see cref="Fault"/>.</returns>
    public bool CloseChain(int count) => count != _peeked || !_chainOpen || Seek(count);

    /// <summary>How many entries of the ring a chain has that was peeked to its end.</summary>
    /// <param name="i">The chain.</param>
    public readonly int EntriesOf(int i) => _chains[i].Count;

    /// <summary>Copies one entry of such a chain.</summary>
    /// <param name="i">The chain.</param>
    /// <param name="k">Which of its entries.</param>
    public readonly PackedDescriptor EntryOf(int i, int k)
    {
        var at = _chains[i].At;
        at.Advance(k, _size);
        return ReadOnce(_ring + at.Index);
    }

    /// <summary>Skips available chains that were taken before our time.</summary>
    /// <param name="entries">How many entries they have.</param>
    public void Skip(int entries)
    {
        _nextAvailable.Advance(entries, _size);
        _peekAt = _nextAvailable;
    }

    /// <summary>Takes a chain that is known from elsewhere than the ring in place of one that is peeked.</summary>
    /// <param name="i">Its number in the burst.</param>
    /// <param name="id">The id to give back.</param>
    /// <param name="entries">How many entries of the ring it had.</param>
    public readonly void Adopt(int i, ushort id, int entries) =>
        _chains[i] = new Chain { Id = id, Before = (ushort)(i == 0 ? 0 : _chains[i - 1].End), Count = (ushort)entries };

    /// <summary>Publishes chains that were adopted.</summary>
    /// <typeparam name="TLog">The log's kind.</typeparam>
    /// <param name="count">How many were prepared.</param>
    /// <param name="log">Hears of what is written to the ring.</param>
    public void PublishWithoutTaking<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        var next = _nextAvailable;
        Publish(count, ref log);
        _peekAt = _nextAvailable = next;
    }

    /// <inheritdoc/>
    public readonly bool WantsCall()
    {
        if (_firstCall) return true;
        // Place and flags in one load: a flag that belongs to another place would ask for the wrong thing.
        uint wish = RingOrder.ReadHint(_driverEvent);
        ushort flags = (ushort)(wish >> 16);
        if (!_eventIndex || flags != EventSuppression.AtEntry) return flags != EventSuppression.Disable;
        return PackedPosition.Passed(new PackedPosition((ushort)wish), _nextUsed, _calledAt, _size);
    }

    /// <inheritdoc/>
    public void CallDecided()
    {
        _calledAt = _nextUsed;
        _callUndecided = false;
        _firstCall = false;
    }

    /// <inheritdoc/>
    public readonly void EnableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog =>
        SetWish(ref log, _eventIndex ? _nextAvailable.Value | ((uint)EventSuppression.AtEntry << 16) : (uint)EventSuppression.Enable << 16);

    /// <inheritdoc/>
    public readonly void DisableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog => SetWish(ref log, (uint)EventSuppression.Disable << 16);

    /// <inheritdoc/>
    public readonly bool HasAvailable() =>
        Fault == RingFault.None && IsAvailable(RingOrder.AcquireFlags(&_ring[_nextAvailable.Index].Flags), _nextAvailable.Wrap);

    /// <inheritdoc/>
    public readonly ushort* Arrivals(out ushort value)
    {
        ushort* flags = &_ring[_nextAvailable.Index].Flags;
        value = RingOrder.AcquireFlags(flags);
        return IsAvailable(value, _nextAvailable.Wrap) ? null : flags;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Break(RingFault fault, ulong detail)
    {
        if (Fault != RingFault.None) return;
        FaultDetail = detail;
        Fault = fault;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsAvailable(ushort flags, bool wrap) => (flags & Marks) == (wrap ? PackedDescriptor.Available : PackedDescriptor.Used);

    // One 16-byte load, behind that of the flags. These are not taken from it: they were read before and are not read again.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PackedDescriptor ReadOnce(PackedDescriptor* entry) =>
        Unsafe.BitCast<Vector128<byte>, PackedDescriptor>(Vector128.Load((byte*)entry));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ushort Copy(ushort flags, out Descriptor descriptor)
    {
        var copy = ReadOnce(_ring + _peekAt.Index);
        descriptor = new Descriptor { Address = copy.Address, Length = copy.Length, Flags = (ushort)(flags & ~Marks) };
        return copy.Id;
    }

    // Goes back to a chain that was peeked before, or over the rest of one that nobody followed to its end.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Seek(int i)
    {
        if (i < _peeked)
        {
            _peekAt = _chains[i].At;
            _peeked = i;
            _chainOpen = false;
            return true;
        }
        Descriptor skipped = default;
        while (_chainOpen)
        {
            if (!Follow(ref skipped)) return false;
        }
        return Fault == RingFault.None;
    }

    // The same for chains of one entry each, which lie side by side.
    private readonly void WriteSingles<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        int first = _nextUsed.Index, beforeWrap = Math.Min(count, _size - first);
        WriteRun(_ring, _chains + beforeWrap, count - beforeWrap, !_nextUsed.Wrap, ref log);
        WriteRun(_ring + first, _chains, beforeWrap, _nextUsed.Wrap, ref log);
    }

    private static void WriteRun<TLog>(PackedDescriptor* entries, Chain* chains, int count, bool wrap, ref TLog log)
        where TLog : struct, IWriteLog
    {
        for (int i = count - 1; i >= 0; i--)
        {
            RingOrder.PublishUsed((ulong*)&entries[i].Length, UsedEntryOf(chains[i], wrap));
            log.Stored();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong UsedEntryOf(in Chain chain, bool wrap)
    {
        uint flags = (wrap ? Marks : 0u) | (chain.Written != 0 ? Descriptor.Write : 0u);
        return chain.Written | ((ulong)chain.Id << 32) | ((ulong)flags << 48);
    }

    // Length, id and flags in one store: the flags are what the driver waits for, and what it then reads came with them.
    private readonly void Write<TLog>(int offset, in Chain chain, ref TLog log)
        where TLog : struct, IWriteLog
    {
        var at = _nextUsed;
        at.Advance(offset, _size);
        RingOrder.PublishUsed((ulong*)&_ring[at.Index].Length, UsedEntryOf(chain, at.Wrap));
        log.Stored();
    }

    private readonly void SetWish<TLog>(ref TLog log, uint wish)
        where TLog : struct, IWriteLog
    {
        RingOrder.WriteHint(_deviceEvent, wish);
        log.Written((byte*)_deviceEvent, PackedLayout.EventLength);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Chain
    {
        public PackedPosition At;
        public ushort Id;
        public ushort Before;
        public ushort Count;
        public uint Written;

        // A chain of one entry, by one store; what is written into it is told when it is used.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Begin(PackedPosition at, ushort id, uint before) =>
            Unsafe.As<PackedPosition, ulong>(ref At) = at.Value | ((ulong)id << 16) | ((ulong)before << 32) | (1UL << 48);

        public readonly int End => Before + Count;
    }
}
