using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The driver side of a receive queue (VIRTIO 1.2, 5.1.6.3 and 5.1.6.4). Frames are lent to the caller where the device put
/// them, and posted again when released. One thread at a time.
/// </summary>
internal abstract class ReceiveQueue
{
    /// <summary>Frames handed to the caller. Written by the owner, read by anyone.</summary>
    internal ulong Frames { get; private protected set; }

    /// <summary>Kicks sent.</summary>
    internal ulong Kicks { get; private protected set; }

    /// <summary>Frames thrown away because they had more parts than the caller takes at a time.</summary>
    internal ulong Oversized { get; private protected set; }

    /// <summary>How the device broke the rules, in words; null while it has not.</summary>
    internal abstract string? Fault { get; }

    /// <summary>True once it has broken them.</summary>
    internal abstract bool IsBroken { get; }

    /// <summary>True while it is not decided whether to tell the device of what was published.</summary>
    internal abstract bool KickUndecided { get; }

    /// <summary>Lends the caller what has come in: whole frames only.</summary>
    /// <param name="parts">Receives them.</param>
    /// <param name="most">The most frames.</param>
    internal abstract int Receive(Span<FramePart> parts, int most = int.MaxValue);

    /// <summary>Takes lent parts back and posts their buffers again, all published at once. Tells the device if it is known to want that.</summary>
    internal abstract void Return(ReadOnlySpan<FramePart> parts);

    /// <summary>Behind a fence: tells the device what was published, if it wants to know.</summary>
    internal abstract void DecideKick();

    /// <summary>Where the ring goes on with a device that takes it over.</summary>
    /// <param name="position">The position, as SET_VRING_BASE takes it.</param>
    /// <returns>False where the ring must be made anew.</returns>
    internal abstract bool TryContinue(out uint position);

    /// <summary>Asks the device for a call, or not to call.</summary>
    internal abstract void WantCalls(bool wanted);

    /// <summary>Looks whether a frame has come in or the ring is at fault.</summary>
    internal abstract bool HasUsed();

    /// <summary>The same as <see cref="Return"/>, and the decision to tell the device is taken at once.</summary>
    internal void Release(ReadOnlySpan<FramePart> parts)
    {
        Return(parts);
        Kick();
    }

    /// <summary>Tells the device what was published, if it wants to know.</summary>
    internal void Kick()
    {
        if (!KickUndecided) return;
        RingOrder.FenceBeforeNotifyCheck();
        DecideKick();
    }
}

/// <summary>A receive queue on a ring of one kind, compiled for it.</summary>
/// <typeparam name="TRing">The ring.</typeparam>
internal sealed unsafe class ReceiveQueue<TRing> : ReceiveQueue
    where TRing : struct, IDriverRing
{
    private const int Burst = 32;

    // Set up once.
    private readonly BufferPool _pool;
    private readonly int _headerLength;
    private readonly bool _mergeable;
    private readonly int _kick;
    private readonly TakenChain[] _memory;
    private readonly TakenChain* _taken;

    // Written by the owner. Of the chains that were taken, those from _next to _count have not been lent yet.
#pragma warning disable IDE0044 // Its methods change it; were it readonly, each call would change a copy.
    private TRing _ring;
#pragma warning restore IDE0044
    private int _next;
    private int _count;

    internal ReceiveQueue(TRing ring, BufferPool pool, Features features, int kick)
    {
        _ring = ring;
        _pool = pool;
        _headerLength = NetHeader.LengthFor(features);
        _mergeable = (features & Features.MrgRxbuf) != 0;
        _kick = kick;
        _memory = GC.AllocateArray<TakenChain>(ring.Size + Burst, pinned: true);
        _taken = (TakenChain*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _ring.DisableCalls();
        for (int i = 0; i < pool.Count; i++)
            Post(i);
        _ring.Publish();
    }

    /// <inheritdoc/>
    internal override bool IsBroken => _ring.Fault != DriverRingFault.None;

    /// <inheritdoc/>
    internal override string? Fault =>
        _ring.Fault == DriverRingFault.None ? null : DriverRingFaults.Describe(_ring.Fault, _ring.FaultDetail, _ring.Size);

    /// <inheritdoc/>
    internal override bool KickUndecided => _ring.KickUndecided;

    /// <inheritdoc/>
    internal override int Receive(Span<FramePart> parts, int most = int.MaxValue)
    {
        int filled = 0, frames = 0;
        while (filled < parts.Length && frames < most)
        {
            if (_next == _count && !TakeMore()) break;
            ref var part = ref parts[filled];
            var first = _taken[_next];
            if (first.Written < (uint)_headerLength)
            {
                _ring.Break(DriverRingFault.ShorterThanHeader, first.Written);
                break;
            }
            byte* start = _pool.Start(first.Token);
            part.Data = start + _headerLength;
            part.Length = (int)first.Written - _headerLength;
            part.Buffer = first.Token;
            part.More = false;
            // Read once: the device can still write it.
            ushort buffers = _mergeable ? ((NetHeader*)start)->NumBuffers : (ushort)1;
            if (buffers == 1)
            {
                _next++;
                filled++;
                frames++;
                continue;
            }
            int before = filled;
            if (!LendSeveral(parts, ref filled, buffers)) break;
            if (filled != before) frames++;
        }
        Frames += (uint)frames;
        return filled;
    }

    /// <inheritdoc/>
    internal override void Return(ReadOnlySpan<FramePart> parts)
    {
        while (parts.Length > Burst)
        {
            Post(parts[..Burst]);
            parts = parts[Burst..];
        }
        Post(parts);
        _ring.Publish();
        if (_ring.KickUndecided && _ring.WantsKick()) SendKick();
    }

    /// <inheritdoc/>
    internal override void DecideKick()
    {
        if (_ring.WantsKick()) SendKick();
        else _ring.KickDecided();
    }

    /// <inheritdoc/>
    internal override bool TryContinue(out uint position) => _ring.TryContinue(out position);

    /// <inheritdoc/>
    internal override void WantCalls(bool wanted)
    {
        if (wanted) _ring.EnableCalls();
        else _ring.DisableCalls();
    }

    /// <inheritdoc/>
    internal override bool HasUsed() => _next != _count || _ring.HasUsed();

    [SkipLocalsInit]
    private void Post(ReadOnlySpan<FramePart> parts)
    {
        Span<BufferToPost> buffers = stackalloc BufferToPost[Burst];
        for (int i = 0; i < parts.Length; i++)
        {
            ref var buffer = ref buffers[i];
            ushort number = parts[i].Buffer;
            buffer.Address = _pool.GuestAddress(number);
            buffer.Length = (uint)_pool.BufferSize;
            buffer.Token = number;
        }
        _ring.PostBurst(buffers[..parts.Length], writable: true);
    }

    private void Post(int buffer) => _ring.Post(_pool.GuestAddress(buffer), (uint)_pool.BufferSize, writable: true, (ushort)buffer);

    private void SendKick()
    {
        Kicks++;
        // The device has the eventfd as well, and may have made it one that waits.
        EventFd.SignalPeer(_kick);
        _ring.KickDecided();
    }

    private bool TakeMore()
    {
        _next = 0;
        _count = _ring.TakeBurst(new Span<TakenChain>(_taken, Burst));
        return _count != 0;
    }

    // A frame in several buffers: all of them are used by the time the first is seen (5.1.6.4). One that finds the span too
    // full waits for the next span, and one that no span of this length holds is thrown away. False: no further look now.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LendSeveral(Span<FramePart> parts, ref int filled, int count)
    {
        if (_count - _next < count)
        {
            int have = _count - _next;
            for (int i = 0; i < have; i++) _taken[i] = _taken[_next + i];
            _next = 0;
            _count = have;
            if (count <= _ring.Size) _count += _ring.TakeBurst(new Span<TakenChain>(_taken + have, count - have));
        }
        if (count == 0 || _count - _next < count)
        {
            _ring.Break(DriverRingFault.BadBufferCount, (ulong)count);
            return false;
        }
        if (count > parts.Length)
        {
            Oversized++;
            for (int i = 0; i < count; i++) Post(_taken[_next++].Token);
            _ring.Publish();
            Kick();
            return true;
        }
        if (count > parts.Length - filled) return false;
        parts[filled].More = true;
        for (int i = 1; i < count; i++)
        {
            var chain = _taken[_next + i];
            parts[filled + i] = new FramePart
            {
                Data = _pool.Start(chain.Token),
                Length = (int)chain.Written,
                Buffer = chain.Token,
                More = i < count - 1,
            };
        }
        _next += count;
        filled += count;
        return true;
    }
}
