using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The driver side of a transmit queue (VIRTIO 1.2, 5.1.6.2). The caller borrows buffers, fills them and sends them without a
/// copy; they come back when the device has used them. One thread at a time.
/// </summary>
internal abstract class TransmitQueue
{
    /// <summary>Frames given to the device. Written by the owner, read by anyone.</summary>
    internal ulong Frames { get; private protected set; }

    /// <summary>Kicks sent.</summary>
    internal ulong Kicks { get; private protected set; }

    /// <summary>How many buffers can be borrowed without looking for used ones.</summary>
    internal abstract int Free { get; }

    /// <summary>How the device broke the rules, in words; null while it has not.</summary>
    internal abstract string? Fault { get; }

    /// <summary>True once it has broken them.</summary>
    internal abstract bool IsBroken { get; }

    /// <summary>True while it is not decided whether to tell the device of what was published.</summary>
    internal abstract bool KickUndecided { get; }

    /// <summary>Lends free buffers to the caller.</summary>
    internal abstract int Borrow(Span<FramePart> parts);

    /// <summary>Sends whole frames from borrowed buffers, all published at once. Tells the device if it is known to want that.</summary>
    internal abstract int Send(ReadOnlySpan<FramePart> parts);

    /// <summary>Behind a fence: tells the device what was published, if it wants to know.</summary>
    internal abstract void DecideKick();

    /// <summary>Where the ring goes on with a device that takes it over.</summary>
    /// <param name="position">The position, as SET_VRING_BASE takes it.</param>
    /// <returns>False where the ring must be made anew.</returns>
    internal abstract bool TryContinue(out uint position);

    /// <summary>Takes borrowed buffers back that were not sent.</summary>
    internal abstract void Return(ReadOnlySpan<FramePart> parts);

    /// <summary>Asks the device for a call, or not to call.</summary>
    internal abstract void WantCalls(bool wanted);

    /// <summary>Looks whether a buffer has come back or the ring is at fault.</summary>
    internal abstract bool HasUsed();

    /// <summary>The same as <see cref="Send"/>, and the decision to tell the device is taken at once.</summary>
    internal int Transmit(ReadOnlySpan<FramePart> parts)
    {
        int sent = Send(parts);
        if (!KickUndecided) return sent;
        RingOrder.FenceBeforeNotifyCheck();
        DecideKick();
        return sent;
    }
}

/// <summary>A transmit queue on a ring of one kind, compiled for it.</summary>
/// <typeparam name="TRing">The ring.</typeparam>
internal sealed unsafe class TransmitQueue<TRing> : TransmitQueue
    where TRing : struct, IDriverRing
{
    private const int Burst = 32;
    private const ushort None = ushort.MaxValue;

    // In a chain's token: more buffers than the one it names. A queue has at most 32768 of them.
    private const ushort Several = 0x8000;

    // Set up once.
    private readonly BufferPool _pool;
    private readonly int _headerLength;
    private readonly int _capacity;
    private readonly int _kick;
    private readonly ushort[] _memory;

    // Private memory, written by the owner: the buffer after each buffer of a frame, and the free ones.
    private readonly ushort* _nextOf;
    private readonly ushort* _free;
    private readonly int _freeMask;

    // Written by the owner.
#pragma warning disable IDE0044 // Its methods change it; were it readonly, each call would change a copy.
    private TRing _ring;
#pragma warning restore IDE0044
    private uint _freeHead;
    private uint _freeTail;

    internal TransmitQueue(TRing ring, BufferPool pool, Features features, int kick)
    {
        _ring = ring;
        _pool = pool;
        _headerLength = NetHeader.LengthFor(features);
        _capacity = pool.BufferSize - _headerLength;
        _kick = kick;
        int places = (int)BitOperations.RoundUpToPowerOf2((uint)pool.Count);
        _memory = GC.AllocateArray<ushort>(pool.Count + places, pinned: true);
        _nextOf = (ushort*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        _free = _nextOf + pool.Count;
        _freeMask = places - 1;
        for (int i = 0; i < pool.Count; i++)
        {
            // An all-zero header asks for nothing: no checksum, no segmentation, no count of buffers (5.1.6.2.1).
            new Span<byte>(pool.Start(i), _headerLength).Clear();
            _free[i] = (ushort)i;
        }
        _freeTail = (uint)pool.Count;
        _ring.DisableCalls();
    }

    /// <inheritdoc/>
    internal override int Free => (int)(_freeTail - _freeHead);

    /// <inheritdoc/>
    internal override bool IsBroken => _ring.Fault != DriverRingFault.None;

    /// <inheritdoc/>
    internal override string? Fault =>
        _ring.Fault == DriverRingFault.None ? null : DriverRingFaults.Describe(_ring.Fault, _ring.FaultDetail, _ring.Size);

    /// <inheritdoc/>
    internal override int Borrow(Span<FramePart> parts)
    {
        // Looking only when it is needed takes used entries back many at a time: whole cache lines, written to the end.
        if (Free < parts.Length) Reclaim();
        int count = Math.Min(Free, parts.Length);
        for (int i = 0; i < count; i++)
        {
            int buffer = _free[_freeHead++ & (uint)_freeMask];
            ref var part = ref parts[i];
            part.Data = _pool.Start(buffer) + _headerLength;
            part.Length = _capacity;
            part.Buffer = (ushort)buffer;
            part.More = false;
        }
        return count;
    }

    /// <inheritdoc/>
    internal override bool KickUndecided => _ring.KickUndecided;

    /// <inheritdoc/>
    internal override void DecideKick()
    {
        if (_ring.WantsKick()) SendKick();
        else _ring.KickDecided();
    }

    /// <inheritdoc/>
    internal override bool TryContinue(out uint position) => _ring.TryContinue(out position);

    /// <inheritdoc/>
    [SkipLocalsInit]
    internal override int Send(ReadOnlySpan<FramePart> parts)
    {
        Span<BufferToPost> buffers = stackalloc BufferToPost[Burst];
        int sent = 0, frames = 0;
        while (sent < parts.Length)
        {
            int count = 0;
            while (count < Burst && sent + count < parts.Length)
            {
                ref readonly var part = ref parts[sent + count];
                if ((uint)part.Length > (uint)_capacity) ThrowTooLong(part.Length);
                if (part.More) break;
                ref var buffer = ref buffers[count++];
                buffer.Address = _pool.GuestAddress(part.Buffer);
                buffer.Length = (uint)(_headerLength + part.Length);
                buffer.Token = part.Buffer;
            }
            int posted;
            if (count != 0)
            {
                posted = _ring.PostBurst(buffers[..count], writable: false);
                frames += posted;
                sent += posted;
                if (posted < count) break;
                continue;
            }
            posted = PostChain(parts[sent..]);
            if (posted == 0) break;
            frames++;
            sent += posted;
        }
        _ring.Publish();
        Frames += (ulong)frames;
        if (_ring.KickUndecided && _ring.WantsKick()) SendKick();
        return sent;
    }

    /// <inheritdoc/>
    internal override void Return(ReadOnlySpan<FramePart> parts)
    {
        for (int i = 0; i < parts.Length; i++)
            _free[_freeTail++ & (uint)_freeMask] = parts[i].Buffer;
    }

    /// <inheritdoc/>
    internal override void WantCalls(bool wanted)
    {
        if (wanted) _ring.EnableCalls();
        else _ring.DisableCalls();
    }

    /// <inheritdoc/>
    internal override bool HasUsed() => _ring.HasUsed();

    // Takes back all that the device has used.
    [SkipLocalsInit]
    private void Reclaim()
    {
        Span<TakenChain> taken = stackalloc TakenChain[Burst];
        int count;
        do
        {
            count = _ring.TakeBurst(taken);
            uint tail = _freeTail, mask = (uint)_freeMask;
            for (int i = 0; i < count; i++)
            {
                ushort buffer = taken[i].Token;
                if ((buffer & Several) == 0)
                {
                    _free[tail++ & mask] = buffer;
                    continue;
                }
                for (buffer &= Several - 1; buffer != None; buffer = _nextOf[buffer])
                    _free[tail++ & mask] = buffer;
            }
            _freeTail = tail;
        }
        while (count == Burst);
    }

    private void SendKick()
    {
        Kicks++;
        // The device has the eventfd as well, and may have made it one that waits.
        EventFd.SignalPeer(_kick);
        _ring.KickDecided();
    }

    // The header stands before the first part only; the others are sent from the start of their data, where the caller put it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int PostChain(ReadOnlySpan<FramePart> parts)
    {
        int count = 1;
        while (parts[count - 1].More)
        {
            if (count == parts.Length || count == _pool.Count)
            {
                throw new ArgumentException(
                    "the last part of a frame has More set, or the frame has more parts than the port has buffers", nameof(parts));
            }
            count++;
        }
        if (count > _ring.Free) return 0;
        Span<RingBuffer> chain = stackalloc RingBuffer[Math.Min(count, 64)];
        if (count > 64) chain = new RingBuffer[count];
        for (int i = 0; i < count; i++)
        {
            ref readonly var part = ref parts[i];
            if ((uint)part.Length > (uint)_capacity) ThrowTooLong(part.Length);
            ulong address = _pool.GuestAddress(part.Buffer);
            chain[i] = i == 0
                ? new RingBuffer(address, (uint)(_headerLength + part.Length), false)
                : new RingBuffer(address + (ulong)_headerLength, (uint)part.Length, false);
            _nextOf[part.Buffer] = part.More ? parts[i + 1].Buffer : None;
        }
        return _ring.PostChain(chain, (ushort)(parts[0].Buffer | Several)) < 0 ? 0 : count;
    }

    private void ThrowTooLong(int length) => throw new ArgumentException($"a part of {length} bytes in a buffer that holds {_capacity}");
}
