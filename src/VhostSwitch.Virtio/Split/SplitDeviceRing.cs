using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Virtio.Split;

/// <summary>
/// The device side of a split ring (VIRTIO 1.2, 2.7). All of it lies in memory that the driver can write at any moment: each
/// field is read once, checked, and the copy is used. The ring's addresses were checked with their lengths when it was set up.
/// </summary>
public unsafe struct SplitDeviceRing : IDeviceRing
{
    // Set up once; read by the poll thread.
    private readonly Descriptor* _descriptors;
    private readonly ushort* _available;
    private readonly byte* _used;
    private readonly ushort* _usedEvent;
    private readonly ushort* _availEvent;
    private readonly ushort _mask;
    private readonly bool _eventIndex;

    // Written by the poll thread.
    private ushort _availableSeen;
    private ushort _nextAvailable;
    private ushort _nextUsed;
    private ushort _calledAt;
    private bool _callUndecided;
    private bool _firstCall;

    /// <summary>Takes over a ring.</summary>
    /// <param name="descriptors">The descriptor table, <see cref="SplitLayout.DescriptorTableLength"/> bytes of guest memory.</param>
    /// <param name="available">The available ring, <see cref="SplitLayout.AvailableLength"/> bytes of guest memory.</param>
    /// <param name="used">The used ring, <see cref="SplitLayout.UsedLength"/> bytes of guest memory.</param>
    /// <param name="size">The number of entries, valid by <see cref="SplitLayout.IsValidSize"/>.</param>
    /// <param name="nextAvailable">The next entry to take, as SET_VRING_BASE says.</param>
    /// <param name="eventIndex">True where <see cref="Features.EventIdx"/> is negotiated.</param>
    public SplitDeviceRing(byte* descriptors, byte* available, byte* used, int size, ushort nextAvailable, bool eventIndex)
    {
        _descriptors = (Descriptor*)descriptors;
        _available = (ushort*)available;
        _used = used;
        _usedEvent = (ushort*)(available + SplitLayout.UsedEventOffset(size));
        _availEvent = (ushort*)(used + SplitLayout.AvailEventOffset(size));
        _mask = (ushort)(size - 1);
        _eventIndex = eventIndex;
        // A back-end that died left chains it had taken but not returned. Without inflight memory the used index is what both
        // sides agree on, so the ring goes on from there, whatever base the front-end remembers.
        _nextUsed = RingOrder.AcquireIndex((ushort*)(used + SplitLayout.IndexOffset));
        _nextAvailable = _nextUsed;
        Resynchronised = nextAvailable != _nextUsed;
        _availableSeen = _nextAvailable;
        _calledAt = _nextUsed;
        _firstCall = true;
        Fault = RingFault.None;
        FaultDetail = 0;
    }

    /// <summary>True when the base and the used index disagreed at the start, so that frames may have been lost or repeated.</summary>
    public bool Resynchronised { get; }

    /// <inheritdoc/>
    public static bool TablesAreSequential => false;

    /// <inheritdoc/>
    public readonly int Size => _mask + 1;

    /// <inheritdoc/>
    public RingFault Fault { get; private set; }

    /// <inheritdoc/>
    public ulong FaultDetail { get; private set; }

    /// <inheritdoc/>
    public readonly uint Base => _nextAvailable;

    /// <summary>The used index: the number of chains ever given back, modulo 65536.</summary>
    public readonly ushort UsedIndex => _nextUsed;

    /// <inheritdoc/>
    public readonly bool CallUndecided => _callUndecided;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Available(int max)
    {
        int ready = (ushort)(_availableSeen - _nextAvailable);
        return ready >= max && Fault == RingFault.None ? max : AvailableNow(max);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Peek(int i, out Descriptor first)
    {
        ushort head = _available[(SplitLayout.EntriesOffset / sizeof(ushort)) + ((_nextAvailable + i) & _mask)];
        if (head > _mask)
        {
            Break(RingFault.DescriptorOutOfRange, head);
            Unsafe.SkipInit(out first);
            return -1;
        }
        first = ReadOnce(_descriptors + head);
        return head;
    }

    /// <inheritdoc/>
    public int PeekBurst(int first, PeekedBuffer* into, int most)
    {
        // Locals: a store through a pointer might change a field, for all that the compiler knows.
        var descriptors = _descriptors;
        var heads = _available + (SplitLayout.EntriesOffset / sizeof(ushort));
        uint mask = _mask, next = _nextAvailable + (uint)first;
        for (int i = 0; i < most; i++)
        {
            uint head = heads[(next + (uint)i) & mask];
            // The chains before it come first: it is a fault when it is peeked.
            if (head > mask) return i;
            var buffer = into + i;
            buffer->Descriptor = ReadOnce(descriptors + head);
            buffer->Id = head;
            if ((buffer->Descriptor.Flags & Descriptor.HasNext) != 0) return i;
        }
        return most;
    }

    /// <inheritdoc/>
    public readonly void UseBurst(int first, PeekedBuffer* buffers, int count)
    {
        ulong* used = (ulong*)(_used + SplitLayout.EntriesOffset);
        uint mask = _mask, next = _nextUsed + (uint)first;
        for (int i = 0; i < count; i++)
            used[(next + (uint)i) & mask] = UsedElementOf(buffers[i].Id, buffers[i].Written);
    }

    /// <summary>Copies a chain's first descriptor that is known from elsewhere than the available ring, once.</summary>
    /// <param name="head">Its index.</param>
    /// <param name="first">The copy.</param>
    /// <returns>The index; -1 when it is out of range, told by <see cref="Fault"/>.</returns>
    public int PeekHead(ushort head, out Descriptor first)
    {
        if (head > _mask || Fault != RingFault.None)
        {
            Break(RingFault.DescriptorOutOfRange, head);
            Unsafe.SkipInit(out first);
            return -1;
        }
        first = ReadOnce(_descriptors + head);
        return head;
    }

    /// <summary>Skips available chains that were taken before our time.</summary>
    /// <param name="count">How many.</param>
    public void Skip(int count) => _availableSeen = _nextAvailable += (ushort)count;

    /// <summary>Publishes chains that were not taken from the available ring now, but skipped.</summary>
    /// <typeparam name="TLog">The log's kind.</typeparam>
    /// <param name="count">How many were prepared.</param>
    /// <param name="log">Hears of what is written to the ring.</param>
    public void PublishWithoutTaking<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        ushort next = _nextAvailable;
        Publish(count, ref log);
        _availableSeen = _nextAvailable = next;
    }

    /// <inheritdoc/>
    public bool Follow(ref Descriptor descriptor)
    {
        if (descriptor.Next > _mask)
        {
            Break(RingFault.DescriptorOutOfRange, descriptor.Next);
            return false;
        }
        descriptor = ReadOnce(_descriptors + descriptor.Next);
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Use(int i, int id, uint written)
    {
        ((ulong*)(_used + SplitLayout.EntriesOffset))[(_nextUsed + i) & _mask] = UsedElementOf((uint)id, written);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        int first = _nextUsed & _mask, beforeWrap = Math.Min(count, _mask + 1 - first);
        _nextAvailable += (ushort)count;
        _nextUsed += (ushort)count;
        RingOrder.PublishIndex((ushort*)(_used + SplitLayout.IndexOffset), _nextUsed);
        log.Stored();
        _callUndecided = true;
        log.Written(_used + SplitLayout.EntriesOffset + (first * sizeof(UsedElement)), (ulong)(beforeWrap * sizeof(UsedElement)));
        log.Written(_used + SplitLayout.EntriesOffset, (ulong)((count - beforeWrap) * sizeof(UsedElement)));
        log.Written(_used + SplitLayout.IndexOffset, sizeof(ushort));
    }

    /// <inheritdoc/>
    public readonly bool WantsCall()
    {
        if (_firstCall) return true;
        return _eventIndex
            ? Notification.Passed(RingOrder.ReadHint(_usedEvent), _nextUsed, _calledAt)
            : (RingOrder.ReadHint(_available) & SplitLayout.NoInterrupt) == 0;
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
        where TLog : struct, IWriteLog => SetHint(ref log, _eventIndex ? _availEvent : (ushort*)_used, _eventIndex ? _nextAvailable : (ushort)0);

    /// <inheritdoc/>
    public readonly void DisableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog
    {
        // With event indexes the flag must stay 0 (2.7.10): an event index that is not moved on asks for nothing.
        if (!_eventIndex) SetHint(ref log, (ushort*)_used, SplitLayout.NoNotify);
    }

    /// <inheritdoc/>
    public readonly bool HasAvailable() => Fault == RingFault.None && RingOrder.AcquireIndex(_available + 1) != _nextAvailable;

    /// <inheritdoc/>
    public readonly ushort* Arrivals(out ushort value)
    {
        value = _nextAvailable;
        return HasAvailable() ? null : _available + 1;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Break(RingFault fault, ulong detail)
    {
        if (Fault != RingFault.None) return;
        FaultDetail = detail;
        Fault = fault;
    }

    // One 16-byte load: the copy cannot be changed by the driver afterwards, and no field is read a second time.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Descriptor ReadOnce(Descriptor* descriptor)
    {
        return Unsafe.BitCast<Vector128<byte>, Descriptor>(Vector128.Load((byte*)descriptor));
    }

    // Id and length in one store: two would be two on the way to the other core's cache as well.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong UsedElementOf(uint id, uint written) => ((ulong)written << 32) | id;

    private static void SetHint<TLog>(ref TLog log, ushort* hint, ushort value)
        where TLog : struct, IWriteLog
    {
        RingOrder.WriteHint(hint, value);
        log.Written((byte*)hint, sizeof(ushort));
    }

    private int AvailableNow(int max)
    {
        if (Fault != RingFault.None) return -1;
        _availableSeen = RingOrder.AcquireIndex(_available + 1);
        int ready = (ushort)(_availableSeen - _nextAvailable);
        if (ready <= _mask + 1) return Math.Min(ready, max);
        _availableSeen = _nextAvailable;
        Break(RingFault.IndexTooFarAhead, (ulong)ready);
        return -1;
    }
}
