using System.Runtime.CompilerServices;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Inflight;

/// <summary>
/// A split ring that notes in memory which outlives this process what it has taken, and first takes again what an earlier
/// back-end left unfinished.
/// </summary>
/// <remarks>
/// A burst is taken, used and published on one thread without a pause between, so both halves of a note are written where the
/// burst is published. The memory is shared: after the start it is written and never read.
/// </remarks>
public unsafe struct InflightSplitRing : IDeviceRing
{
    private readonly SplitInflightLayout* _part;
    private readonly SplitInflightLayout.Entry* _entries;
    private readonly ushort[] _left;
    private readonly ushort[] _heads;

    private SplitDeviceRing _ring;
    private int _leftDone;
    private ushort _lastBatchHead;
    private ulong _counter;

    /// <summary>Takes over a ring and repairs what was being noted when the last back-end died.</summary>
    /// <param name="ring">The ring, which goes on from its used index.</param>
    /// <param name="part">The ring's part of the area.</param>
    /// <param name="left">How many buffers are taken again.</param>
    /// <exception cref="VhostException">The memory contradicts itself or the ring.</exception>
    public InflightSplitRing(SplitDeviceRing ring, byte* part, out int left)
    {
        _ring = ring;
        _part = (SplitInflightLayout*)part;
        _entries = (SplitInflightLayout.Entry*)(part + sizeof(SplitInflightLayout));
        _heads = new ushort[ring.Size];
        _left = Recover(out _counter);
        left = _left.Length;
        // What was taken lies behind the used index, in the order it was taken.
        _ring.Skip(left);
    }

    /// <inheritdoc/>
    public static bool TablesAreSequential => SplitDeviceRing.TablesAreSequential;

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
        // The old ones are a burst of their own.
        if (i < Left) return _ring.PeekHead(_left[_leftDone + i], out first);
        Unsafe.SkipInit(out first);
        return -1;
    }

    /// <inheritdoc/>
    public int PeekBurst(int first, PeekedBuffer* into, int most) => Left == 0 ? _ring.PeekBurst(first, into, most) : 0;

    /// <inheritdoc/>
    public readonly void UseBurst(int first, PeekedBuffer* buffers, int count)
    {
        for (int i = 0; i < count; i++)
            _heads[first + i] = (ushort)buffers[i].Id;
        _ring.UseBurst(first, buffers, count);
    }

    /// <inheritdoc/>
    public bool Follow(ref Descriptor descriptor) => _ring.Follow(ref descriptor);

    /// <inheritdoc/>
    public readonly void Use(int i, int id, uint written)
    {
        _heads[i] = (ushort)id;
        _ring.Use(i, id, written);
    }

    /// <inheritdoc/>
    public void Publish<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog
    {
        bool old = Left > 0;
        // Old ones are noted already, and keep their place: renewed, they would come after others if this back-end died as well.
        for (int i = 0; i < count && !old; i++)
        {
            ref var entry = ref _entries[_heads[i]];
            entry.Counter = _counter++;
            log.Stored();
            Volatile.Write(ref entry.Inflight, 1);
            log.Stored();
        }
        for (int i = 0; i < count; i++)
        {
            _entries[_heads[i]].Next = _lastBatchHead;
            log.Stored();
            Volatile.Write(ref _part->LastBatchHead, _lastBatchHead = _heads[i]);
            log.Stored();
        }
        if (old) _ring.PublishWithoutTaking(count, ref log);
        else _ring.Publish(count, ref log);
        for (int i = 0; i < count; i++)
        {
            Volatile.Write(ref _entries[_heads[i]].Inflight, 0);
            log.Stored();
        }
        Volatile.Write(ref _part->UsedIndex, _ring.UsedIndex);
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

    private readonly ushort[] Recover(out ulong nextCounter)
    {
        nextCounter = 0;
        int size = _ring.Size;
        if (_part->Version == 0)
        {
            new Span<byte>(_part, SplitInflightLayout.LengthFor(size)).Clear();
            _part->DescriptorCount = (ushort)size;
            _part->UsedIndex = _ring.UsedIndex;
            Volatile.Write(ref _part->Version, SplitInflightLayout.CurrentVersion);
            return [];
        }
        if (_part->Version != SplitInflightLayout.CurrentVersion || _part->DescriptorCount != size)
            throw new VhostException($"the inflight memory is of version {_part->Version} for {_part->DescriptorCount} entries, the ring has {size}");
        // The used index was moved on, but not all of the batch was noted as finished.
        int unfinished = (ushort)(_ring.UsedIndex - _part->UsedIndex);
        if (unfinished > size) throw new VhostException($"the inflight memory is {unfinished} entries behind a ring of {size}");
        int head = _part->LastBatchHead;
        for (int i = 0; i < unfinished; i++)
        {
            if (head >= size) throw new VhostException($"the inflight memory names entry {head} of a ring of {size}");
            _entries[head].Inflight = 0;
            head = _entries[head].Next;
        }
        _part->UsedIndex = _ring.UsedIndex;
        var left = new List<(ulong Counter, ushort Head)>();
        for (int i = 0; i < size; i++)
        {
            var entry = _entries[i];
            if (entry.Inflight != 0) left.Add((entry.Counter, (ushort)i));
        }
        left.Sort();
        if (left.Count > 0) nextCounter = left[^1].Counter + 1;
        return [.. left.Select(l => l.Head)];
    }
}
