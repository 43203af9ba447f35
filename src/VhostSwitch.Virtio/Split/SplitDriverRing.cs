using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio.Split;

/// <summary>How a device broke the rules of a ring. A ring with a fault stays broken until it is set up anew.</summary>
public enum DriverRingFault
{
    /// <summary>No fault.</summary>
    None,

    /// <summary>The used index is ahead of what was made available (VIRTIO 1.2, 2.7.8).</summary>
    UsedIndexTooFarAhead,

    /// <summary>A used entry names a descriptor that is not below the ring's size (2.7.8).</summary>
    UsedIdOutOfRange,

    /// <summary>A used entry names a descriptor that heads no outstanding chain: never posted, or returned already (2.7.8).</summary>
    UsedIdNotOutstanding,

    /// <summary>A used entry tells more written bytes than the chain has for writing (2.7.8.2).</summary>
    UsedLengthTooLong,

    /// <summary>A received frame is shorter than the header that every frame has (5.1.6.4).</summary>
    ShorterThanHeader,

    /// <summary>A received frame spans no buffer, or more buffers than were used with it (5.1.6.4).</summary>
    BadBufferCount,
}

/// <summary>How a fault of a device is told to people.</summary>
public static class DriverRingFaults
{
    /// <summary>One sentence, without the ring's name.</summary>
    /// <param name="fault">The fault.</param>
    /// <param name="detail">The offending number.</param>
    /// <param name="size">The ring's size in entries.</param>
    public static string Describe(DriverRingFault fault, ulong detail, int size) => fault switch
    {
        DriverRingFault.None => "no fault",
        DriverRingFault.UsedIndexTooFarAhead => $"used index {detail} ahead in a ring of {size}, more than was made available",
        DriverRingFault.UsedIdOutOfRange => $"used id {detail} in a ring of {size}",
        DriverRingFault.UsedIdNotOutstanding => $"used id {detail}, which is not outstanding",
        DriverRingFault.UsedLengthTooLong => $"a used length of {detail} bytes, more than was posted",
        DriverRingFault.ShorterThanHeader => $"a received frame of {detail} bytes, shorter than the network header",
        DriverRingFault.BadBufferCount => $"a received frame that claims to span {detail} buffers",
        _ => fault.ToString(),
    };
}

/// <summary>One buffer of a chain: an address as the device knows it, and a length in bytes.</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Writable">True where the device writes it. Readable buffers come before writable ones (VIRTIO 1.2, 2.7.4.2).</param>
public readonly record struct RingBuffer(ulong Address, uint Length, bool Writable);

/// <summary>One buffer to be posted as a chain of its own.</summary>
public struct BufferToPost
{
    /// <summary>The guest-physical address.</summary>
    public ulong Address;

    /// <summary>The length in bytes.</summary>
    public uint Length;

    /// <summary>The caller's number for it, told when it comes back.</summary>
    public ushort Token;
}

/// <summary>One chain that has come back.</summary>
public struct TakenChain
{
    /// <summary>How many bytes the device says it wrote; never more than was posted for writing.</summary>
    public uint Written;

    /// <summary>The caller's number for the chain.</summary>
    public ushort Token;
}

/// <summary>
/// The driver side of a split ring (VIRTIO 1.2, 2.7). The device can write all of the shared memory at any moment: what the
/// driver posted is remembered in private memory, and of the shared memory only the used ring is read, each field once. One
/// thread at a time uses a ring. Nothing is allocated after construction.
/// </summary>
/// <remarks>
/// <para>
/// A burst goes: <see cref="PostBurst"/>, <see cref="Post"/> or <see cref="PostChain"/>, one <see cref="Publish"/>, a fence,
/// then the question <see cref="WantsKick"/>; the other way <see cref="TakeBurst"/>, or <see cref="Used"/> and as many
/// <see cref="Take"/>.
/// </para>
/// <para>
/// Descriptors are given out first in, first out. A device that returns buffers in order, and a caller that posts them in
/// the same order again, then meet the same entries with the same contents every round; what has not changed is not written,
/// so the lines of descriptor table and available ring stay in the device's cache.
/// </para>
/// </remarks>
public unsafe struct SplitDriverRing
{
    // Set up once; read by the owner.
    private readonly ulong* _descriptors;
    private readonly ushort* _available;
    private readonly byte* _used;
    private readonly ushort* _usedEvent;
    private readonly ushort* _availEvent;
    private readonly ushort _mask;
    private readonly bool _eventIndex;

    // Private memory, written and read by the owner only.
    private readonly ulong[] _memory;
    private readonly ulong* _posted;
    private readonly Outstanding* _outstanding;
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

    /// <summary>Makes an empty ring and clears its memory. The device must not know of it yet.</summary>
    /// <param name="descriptors">The descriptor table, <see cref="SplitLayout.DescriptorTableLength"/> bytes aligned to <see cref="SplitLayout.DescriptorAlignment"/>.</param>
    /// <param name="available">The available ring, <see cref="SplitLayout.AvailableLength"/> bytes aligned to <see cref="SplitLayout.AvailableAlignment"/>.</param>
    /// <param name="used">The used ring, <see cref="SplitLayout.UsedLength"/> bytes aligned to <see cref="SplitLayout.UsedAlignment"/>; best 4 bytes before a cache line, so that no entry straddles two.</param>
    /// <param name="size">The number of entries, valid by <see cref="SplitLayout.IsValidSize"/>.</param>
    /// <param name="eventIndex">True where <see cref="Features.EventIdx"/> is negotiated.</param>
    /// <exception cref="ArgumentException">The size or an alignment is wrong.</exception>
    public SplitDriverRing(byte* descriptors, byte* available, byte* used, int size, bool eventIndex)
    {
        if (size < 0 || !SplitLayout.IsValidSize((uint)size))
            throw new ArgumentException($"a split ring has a power of two of entries, at most {SplitLayout.MaxSize}, not {size}", nameof(size));
        if ((nuint)descriptors % SplitLayout.DescriptorAlignment != 0 || (nuint)available % SplitLayout.AvailableAlignment != 0 || (nuint)used % SplitLayout.UsedAlignment != 0)
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

        // Per entry: the descriptor as posted (16), the chain (8), the free list (2) and the available ring as written (2).
        int bytes = size * (SplitLayout.DescriptorSize + sizeof(Outstanding) + sizeof(ushort) + sizeof(ushort));
        _memory = GC.AllocateArray<ulong>((bytes + 7) / 8, pinned: true);
        byte* at = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _posted = (ulong*)at;
        _outstanding = (Outstanding*)(at += size * SplitLayout.DescriptorSize);
        _free = (ushort*)(at += size * sizeof(Outstanding));
        _entries = (ushort*)(at + (size * sizeof(ushort)));
        for (int i = 0; i < size; i++)
            _free[i] = (ushort)i;
        _freeTail = (ushort)size;
        _firstKick = true;
    }

    /// <summary>The number of entries.</summary>
    public readonly int Size => _mask + 1;

    /// <summary>How many descriptors are free.</summary>
    public readonly int Free => (ushort)(_freeTail - _freeHead);

    /// <summary>How many published chains have not been taken back.</summary>
    public readonly int Pending => (ushort)(_published - _nextUsed);

    /// <summary>How the device broke the rules.</summary>
    public DriverRingFault Fault { get; private set; }

    /// <summary>The number that belongs to <see cref="Fault"/>.</summary>
    public ulong FaultDetail { get; private set; }

    /// <summary>True when <see cref="Publish"/> moved the index since the last <see cref="KickDecided"/>.</summary>
    public readonly bool KickUndecided => _kickUndecided;

    /// <summary>The available index as the device sees it: the number of chains ever published, modulo 65536.</summary>
    public readonly ushort PublishedIndex => _published;

    /// <summary>
    /// Prepares buffers, each as a chain of its own. The device sees them after <see cref="Publish"/>. The same as so many
    /// <see cref="Post"/>, at half the cost: the ring's state stays in registers.
    /// </summary>
    /// <param name="buffers">The buffers.</param>
    /// <param name="writable">True where the device writes them.</param>
    /// <returns>How many were prepared: fewer than given when no descriptor is free, 0 when the ring is broken.</returns>
    public int PostBurst(ReadOnlySpan<BufferToPost> buffers, bool writable)
    {
        if (Fault != DriverRingFault.None) return 0;
        int count = Math.Min(buffers.Length, Free);
        ushort freeHead = _freeHead, nextAvailable = _nextAvailable;
        ushort* free = _free, entries = _entries;
        ulong* posted = _posted;
        Outstanding* outstanding = _outstanding;
        uint mask = _mask;
        ulong flags = (ulong)(writable ? Descriptor.Write : 0) << 32;
        for (int i = 0; i < count; i++)
        {
            ref readonly var buffer = ref buffers[i];
            uint id = free[freeHead++ & mask];
            ulong address = buffer.Address, lengthFlagsNext = buffer.Length | flags;
            ulong* descriptor = posted + (2 * id);
            if (descriptor[0] != address || descriptor[1] != lengthFlagsNext) Describe((int)id, address, lengthFlagsNext);
            outstanding[id] = new Outstanding(writable ? buffer.Length : 0, 1, buffer.Token);
            uint slot = nextAvailable++ & mask;
            if (entries[slot] != id) WriteEntry(slot, (ushort)id);
        }
        _freeHead = freeHead;
        _nextAvailable = nextAvailable;
        return count;
    }

    /// <summary>Prepares one buffer as a chain of its own. The device sees it after <see cref="Publish"/>.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="writable">True where the device writes it.</param>
    /// <param name="token">The caller's number for it.</param>
    /// <returns>The chain's id, which <see cref="Take"/> tells when it comes back; -1 when no descriptor is free or the ring is broken.</returns>
    public int Post(ulong address, uint length, bool writable, ushort token = 0)
    {
        if (_freeHead == _freeTail || Fault != DriverRingFault.None) return -1;
        int id = _free[_freeHead++ & _mask];
        Describe(id, address, length | ((ulong)(writable ? Descriptor.Write : 0) << 32));
        _outstanding[id] = new Outstanding(writable ? length : 0, 1, token);
        Offer(id);
        return id;
    }

    /// <summary>Prepares a chain. The device sees it after <see cref="Publish"/>.</summary>
    /// <param name="buffers">One to <see cref="Size"/> buffers, readable ones before writable ones.</param>
    /// <param name="token">The caller's number for the chain.</param>
    /// <returns>The chain's id; -1 when not enough descriptors are free or the ring is broken.</returns>
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
        _outstanding[head] = new Outstanding(writable, (ushort)buffers.Length, token);
        Offer(head);
        return head;
    }

    /// <summary>Makes all prepared chains available with one write of the index.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish()
    {
        if (_published == _nextAvailable) return;
        _published = _nextAvailable;
        RingOrder.PublishIndex(_available + (SplitLayout.IndexOffset / sizeof(ushort)), _published);
        _kickUndecided = true;
    }

    /// <summary>
    /// True when the device wants a kick for what was published since the last decision; always for the first. A "no" counts
    /// only when <see cref="RingOrder.FenceBeforeNotifyCheck"/> was called after <see cref="Publish"/> (2.7.13.4.1).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool WantsKick()
    {
        if (_firstKick) return true;
        return _eventIndex
            ? Notification.Passed(RingOrder.ReadHint(_availEvent), _published, _kickedAt)
            : (RingOrder.ReadHint((ushort*)_used) & SplitLayout.NoNotify) == 0;
    }

    /// <summary>Remembers that the device was kicked, or did not want to be when asked behind a fence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void KickDecided()
    {
        _kickedAt = _published;
        _kickUndecided = false;
        _firstKick = false;
    }

    /// <summary>Takes back the chains that have come back and frees their descriptors.</summary>
    /// <param name="into">Receives them in the device's order.</param>
    /// <returns>How many; after fewer than there is room for, <see cref="Fault"/> may tell of an entry that breaks the rules.</returns>
    public int TakeBurst(Span<TakenChain> into)
    {
        int count = Used(into.Length);
        ushort nextUsed = _nextUsed, freeTail = _freeTail;
        ushort* free = _free;
        Outstanding* outstanding = _outstanding;
        byte* elements = _used + SplitLayout.EntriesOffset;
        uint mask = _mask;
        int taken = 0;
        while (taken < count)
        {
            // One load: the copy cannot be changed by the device afterwards, and no field is read a second time.
            ulong element = Unsafe.ReadUnaligned<ulong>(elements + (sizeof(ulong) * (nuint)(nextUsed & mask)));
            uint id = (uint)element, written = (uint)(element >> 32);
            if (id > mask) break;
            Outstanding chain = outstanding[id];
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

    /// <summary>How many chains have come back, at most <paramref name="max"/>; -1 when the device broke the rules, told by <see cref="Fault"/>.</summary>
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

    /// <summary>Asks the device for a call with the next chain that comes back. A fence and a look at <see cref="HasUsed"/> must follow.</summary>
    public readonly void EnableCalls()
    {
        if (_eventIndex) RingOrder.WriteHint(_usedEvent, _nextUsed);
        else RingOrder.WriteHint(_available, 0);
    }

    /// <summary>Asks the device not to call.</summary>
    public readonly void DisableCalls()
    {
        // With event indexes the flag must stay 0 (2.7.7.1): an event index that is not moved on asks for one call in 65536.
        if (!_eventIndex) RingOrder.WriteHint(_available, SplitLayout.NoInterrupt);
    }

    /// <summary>Looks, without any other effect, whether a chain has come back or the ring is at fault.</summary>
    public readonly bool HasUsed() =>
        Fault != DriverRingFault.None || RingOrder.AcquireIndex((ushort*)(_used + SplitLayout.IndexOffset)) != _nextUsed;

    /// <summary>Marks the ring as broken; the first fault stays.</summary>
    /// <param name="fault">How the rules were broken.</param>
    /// <param name="detail">The offending number.</param>
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TakeOne(out TakenChain taken)
    {
        taken = default;
        // One load, as in TakeBurst.
        ulong element = Unsafe.ReadUnaligned<ulong>(_used + SplitLayout.EntriesOffset + (sizeof(ulong) * (nuint)(_nextUsed & _mask)));
        uint id = (uint)element, written = (uint)(element >> 32);
        if (id > _mask)
        {
            Break(DriverRingFault.UsedIdOutOfRange, id);
            return -1;
        }
        Outstanding chain = _outstanding[id];
        if (chain.Descriptors == 0)
        {
            Break(DriverRingFault.UsedIdNotOutstanding, id);
            return -1;
        }
        if (written > chain.Writable)
        {
            Break(DriverRingFault.UsedLengthTooLong, written);
            return -1;
        }
        _outstanding[id] = default;
        int descriptor = (int)id;
        for (int i = 0; i < chain.Descriptors; i++)
        {
            _free[_freeTail++ & _mask] = (ushort)descriptor;
            descriptor = (ushort)(_posted[(2 * descriptor) + 1] >> 48);
        }
        _nextUsed++;
        taken.Written = written;
        taken.Token = chain.Token;
        return (int)id;
    }

    // What the driver remembers of the chain that a descriptor heads; 0 descriptors where it heads none. 8 bytes: one load.
    private readonly struct Outstanding(uint writable, ushort descriptors, ushort token)
    {
        public readonly uint Writable = writable;
        public readonly ushort Descriptors = descriptors;
        public readonly ushort Token = token;
    }
}
