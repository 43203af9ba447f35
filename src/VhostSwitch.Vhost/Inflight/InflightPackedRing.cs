using System.Runtime.CompilerServices;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using Entry = VhostSwitch.Vhost.Inflight.PackedInflightLayout.Entry;

namespace VhostSwitch.Vhost.Inflight;

/// <summary>
/// A packed ring that notes in memory which outlives this process what it has taken, and first takes again what an earlier
/// back-end left unfinished. The descriptors themselves are noted: in the ring, used ones may have taken their place.
/// </summary>
/// <remarks>As for <see cref="InflightSplitRing"/>, both halves of a note are written where a burst is published; links between entries are kept in private memory and only written to the area.</remarks>
public unsafe struct InflightPackedRing : IDeviceRing
{
    private readonly PackedInflightLayout* _part;
    private readonly Entry* _entries;
    private readonly LeftBuffer[] _left;
    private readonly ushort[] _next;
    private readonly Noted[] _noted;

    private PackedDeviceRing _ring;
    private int _leftDone;
    private int _leftPeeked;
    private int _leftFollowed;
    private ushort _freeHead;
    private ulong _counter;

    /// <summary>Takes over a ring.</summary>
    /// <param name="ring">The ring; it goes on from where <paramref name="recovery"/> says.</param>
    /// <param name="part">The ring's part of the area.</param>
    /// <param name="recovery">What was found in it.</param>
    public InflightPackedRing(PackedDeviceRing ring, byte* part, PackedInflightRecovery recovery)
    {
        _ring = ring;
        _part = (PackedInflightLayout*)part;
        _entries = (Entry*)(part + sizeof(PackedInflightLayout));
        _left = recovery.Left;
        _next = recovery.Next;
        _freeHead = recovery.FreeHead;
        _counter = recovery.NextCounter;
        _noted = new Noted[ring.Size];
        _ring.Skip(_left.Sum(l => l.Descriptors.Length));
    }

    /// <inheritdoc/>
    public static bool TablesAreSequential => PackedDeviceRing.TablesAreSequential;

    /// <inheritdoc/>
    public readonly int Size => _ring.Size;

    /// <inheritdoc/>
    public RingFault Fault => _ring.Fault;

    /// <inheritdoc/>
    public ulong FaultDetail => _ring.FaultDetail;

    /// <inheritdoc/>
    public readonly uint Base => _ring.Base;

    /// <inheritdoc/>
    public readonly bool CallUndecided => _ring.CallUndecided;

    private readonly int Left => _left.Length - _leftDone;

    /// <inheritdoc/>
    public int Available(int max) => Left == 0 || Fault != RingFault.None ? _ring.Available(max) : Math.Min(max, Left);

    /// <inheritdoc/>
    public int Peek(int i, out Descriptor first)
    {
        if (Left == 0) return _ring.Peek(i, out first);
        if (i >= Left)
        {
            Unsafe.SkipInit(out first);
            return -1;
        }
        _leftPeeked = _leftDone + i;
        _leftFollowed = 0;
        ref readonly var buffer = ref _left[_leftPeeked];
        first = buffer.Descriptors[0];
        _ring.Adopt(i, buffer.Id, buffer.Descriptors.Length);
        return i;
    }

    /// <inheritdoc/>
    public int PeekBurst(int first, PeekedBuffer* into, int most) => Left == 0 ? _ring.PeekBurst(first, into, most) : 0;

    /// <inheritdoc/>
    public void UseBurst(int first, PeekedBuffer* buffers, int count) => _ring.UseBurst(first, buffers, count);

    /// <inheritdoc/>
    public bool Follow(ref Descriptor descriptor)
    {
        if (Left == 0) return _ring.Follow(ref descriptor);
        var descriptors = _left[_leftPeeked].Descriptors;
        if (++_leftFollowed < descriptors.Length)
        {
            descriptor = descriptors[_leftFollowed];
            return true;
        }
        Break(RingFault.ChainTooLong, (ulong)descriptors.Length);
        return false;
    }

    /// <inheritdoc/>
    public void Use(int i, int id, uint written) => _ring.Use(i, id, written);

    /// <inheritdoc/>
    public void Publish<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        bool old = Left > 0;
        if (!old && !_ring.CloseChain(count)) return;
        for (int i = 0; i < count; i++)
            _noted[i] = old ? new Noted(_left[_leftDone + i]) : Take(i, ref log);
        var used = _ring.NextUsed;
        for (int i = 0; i < count; i++)
            Finish(_noted[i], ref used, ref log);
        if (old) _ring.PublishWithoutTaking(count, ref log);
        else _ring.Publish(count, ref log);
        for (int i = 0; i < count; i++)
        {
            Volatile.Write(ref _entries[_noted[i].Head].Inflight, 0);
            log.Stored();
        }
        Volatile.Write(ref _part->OldFreeHead, _freeHead);
        log.Stored();
        Volatile.Write(ref _part->OldUsedIndex, (ushort)used.Index);
        log.Stored();
        Volatile.Write(ref _part->OldUsedWrap, used.Wrap ? (byte)1 : (byte)0);
        log.Stored();
        if (old) _leftDone += count;
    }

    /// <inheritdoc/>
    public readonly bool WantsCall() => _ring.WantsCall();

    /// <inheritdoc/>
    public void CallDecided() => _ring.CallDecided();

    /// <inheritdoc/>
    public readonly void EnableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog => _ring.EnableKicks(ref log);

    /// <inheritdoc/>
    public readonly void DisableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog => _ring.DisableKicks(ref log);

    /// <inheritdoc/>
    public readonly bool HasAvailable() => Left > 0 || _ring.HasAvailable();

    /// <inheritdoc/>
    public readonly unsafe ushort* Arrivals(out ushort value)
    {
        ushort* arrivals = _ring.Arrivals(out value);
        return Left > 0 ? null : arrivals;
    }

    /// <inheritdoc/>
    public void Break(RingFault fault, ulong detail) => _ring.Break(fault, detail);

    // Notes a buffer as taken: a copy of each of its descriptors, in entries from the front of the free list.
    private Noted Take<TLog>(int i, ref TLog log)
        where TLog : struct, IWriteLog
    {
        ushort head = _freeHead, last = head;
        int count = _ring.EntriesOf(i);
        for (int k = 0; k < count; k++)
        {
            last = _freeHead;
            var descriptor = _ring.EntryOf(i, k);
            ref var entry = ref _entries[last];
            entry.Id = descriptor.Id;
            entry.Flags = descriptor.Flags;
            entry.Length = descriptor.Length;
            entry.Address = descriptor.Address;
            log.Stored();
            _entries[head].Count = (ushort)(k + 1);
            log.Stored();
            _freeHead = _next[last];
        }
        ref var first = ref _entries[head];
        first.Last = last;
        first.Counter = _counter++;
        log.Stored();
        Volatile.Write(ref first.Inflight, 1);
        log.Stored();
        Volatile.Write(ref _part->FreeHead, _freeHead);
        log.Stored();
        Volatile.Write(ref _part->OldFreeHead, _freeHead);
        log.Stored();
        return new Noted(head, last, count);
    }

    // Puts a buffer's entries back to the front of the free list and moves on; it all counts once the ring says the same.
    private void Finish<TLog>(Noted buffer, ref PackedPosition used, ref TLog log)
        where TLog : struct, IWriteLog
    {
        _next[buffer.Last] = _freeHead;
        _entries[buffer.Last].Next = _freeHead;
        log.Stored();
        Volatile.Write(ref _part->FreeHead, _freeHead = buffer.Head);
        log.Stored();
        used.Advance(buffer.Count, Size);
        Volatile.Write(ref _part->UsedIndex, (ushort)used.Index);
        log.Stored();
        Volatile.Write(ref _part->UsedWrap, used.Wrap ? (byte)1 : (byte)0);
        log.Stored();
    }

    private readonly record struct Noted(ushort Head, ushort Last, int Count)
    {
        public Noted(LeftBuffer buffer)
            : this(buffer.Head, buffer.Last, buffer.Descriptors.Length)
        {
        }
    }
}
